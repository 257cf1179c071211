// Package proofs proves the operators of abstract domains sound, from their Go
// source, at full width.
//
// The idea: proofs/theorem says in Go what an operator owes; proofs/ssaterm reads
// that function, and all that it calls (isa.Eval, isa.Holds, the domain), as terms;
// smt refutes that there are inputs that break it. What is proved is the source
// that ships, not a copy (compare Vishwanathan et al., "Verifying the Verifier:
// eBPF Range Analysis Verification", CAV 2023, which proves Linux's from C).
// Every refutation comes with a proof, in LRAT, that an independent checker accepts.
//
// A counterexample is run: the compiled theorem, or at least the compiled isa.Eval
// and the compiled meaning of the element, has to confirm it.
//
// The trap: a theorem that was not tried, or that ran out of budget, is Unknown, and
// Unknown is not proved. The ledger says how each was proved and what it rests on.
package proofs

import (
	"context"
	"fmt"
	"time"

	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/term"
	"github.com/bpfcheck/bpfcheck/smt/z3"
)

// Verdict is what became of a theorem. The zero value is Unknown.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota
	Proved
	Refuted
)

// String is the verdict's name in the ledger.
func (v Verdict) String() string { return [...]string{"unknown", "proved", "refuted"}[v] }

// Options of Prove.
type Options struct {
	Backend   string        // go (the default) or z3
	Timeout   time.Duration // for a goal; 0: 20 s
	Conflicts int64         // for a goal, of backend go; 0: any number
}

// Result is a row of the ledger.
type Result struct {
	Theorem   Theorem
	Verdict   Verdict
	How       string // by what it was proved
	Conflicts int64
	Terms     int
	Time      time.Duration
	Why       string          // it is unknown, or refuted: the goal and the reason
	Example   *Counterexample // if it was refuted
}

// Prover reads the sources once.
type Prover struct{ prog *ssaterm.Program }

// Paths of the packages whose source the theorems are about.
const (
	module      = "github.com/bpfcheck/bpfcheck"
	theoremPath = module + "/proofs/theorem"
)

// NewProver loads the source of the domains from the module that src.Dir is in.
func NewProver(ctx context.Context, src ssaterm.Source) (*Prover, error) {
	p, err := ssaterm.Load(ctx, src, module+"/isa", module+"/domains", module+"/domains/tnum",
		module+"/domains/interval", theoremPath)
	if err != nil {
		return nil, err
	}
	return &Prover{p}, nil
}

// goal is something to refute.
type goal struct {
	name string
	all  []term.Term
}

func (q *question) goals() []goal {
	st := q.store
	var bad []term.Term
	for _, o := range q.panics {
		bad = append(bad, o.Cond)
	}
	return []goal{
		{"it does not panic", []term.Term{q.field(given), st.OrAll(bad...)}},
		{"its results are formed", []term.Term{q.field(given), st.Not(q.field(formed))}},
		{"it is sound", []term.Term{q.field(given), q.field(member), st.Not(q.field(sound))}},
	}
}

// Prove tries to prove a theorem. An error is about the source or the options.
func (p *Prover) Prove(ctx context.Context, t Theorem, o Options) (Result, error) {
	start := time.Now()
	r := Result{Theorem: t}
	how, err := p.attempt(ctx, t, o, &r)
	r.Time = time.Since(start)
	if err != nil {
		return r, fmt.Errorf("%s: %w", t.Name(), err)
	}
	if r.Verdict == Proved {
		r.How = how
	}
	return r, nil
}

// attempt picks the way that is known to work for the law and the operation.
func (p *Prover) attempt(ctx context.Context, t Theorem, o Options, r *Result) (how string, err error) {
	switch {
	case t.shifts():
		return p.byCases(ctx, t, o, r)
	case t.nonlinear():
		return "lemmas of arithmetic", p.ask(ctx, t, variant{lemmas: true}, allGoals, o, r)
	case t.Law == "widen":
		return "direct; thresholds by contract", p.ask(ctx, t, variant{}, allGoals, o, r)
	}
	return "direct", p.ask(ctx, t, variant{}, allGoals, o, r)
}

// shifts reports whether the theorem is about a shift by a word.
func (t Theorem) shifts() bool {
	return t.Law == "alu" && (t.Op == "lsh" || t.Op == "rsh" || t.Op == "arsh")
}

// nonlinear reports whether the theorem multiplies or divides words.
func (t Theorem) nonlinear() bool {
	return t.Law == "alu" && (t.Op == "mul" || t.Op == "div" || t.Op == "sdiv" || t.Op == "mod" || t.Op == "smod")
}

// byCases proves soundness for each amount on its own.
func (p *Prover) byCases(ctx context.Context, t Theorem, o Options, r *Result) (string, error) {
	if err := p.ask(ctx, t, variant{}, []int{0, 1}, o, r); err != nil || r.Verdict != Proved {
		return "", err
	}
	n := int(t.Width.Op)
	for k := 0; k < n && r.Verdict == Proved; k++ {
		if err := p.ask(ctx, t, variant{cases: true, amount: k}, []int{2}, o, r); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d cases of the amount", n), nil
}

var allGoals = []int{0, 1, 2}

// ask tries some of the goals of a theorem, and makes it Proved if all are.
func (p *Prover) ask(ctx context.Context, t Theorem, v variant, goals []int, o Options, r *Result) error {
	q, err := p.translate(t, v)
	if err != nil {
		return err
	}
	r.Verdict, r.Terms = Proved, max(r.Terms, q.store.Len())
	list := q.goals()
	for _, n := range goals {
		g := list[n]
		if ok, err := q.byOrder(ctx, g, o, r); ok || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		answer, m, why, err := q.refute(ctx, g, o, r)
		if err != nil {
			return err
		}
		switch {
		case answer == smt.Unsat:
			continue
		case answer == smt.Sat:
			r.Verdict, r.Why = Refuted, g.name
			r.Example = q.example(t, m)
			if q.lemmas != nil && !r.Example.Confirmed { // of the lemmas, perhaps
				r.Verdict, r.Why, r.Example = Unknown, g.name+": the lemmas are too weak", nil
			}
		default:
			r.Verdict, r.Why = Unknown, fmt.Sprintf("%s: %v", g.name, why)
		}
		return nil
	}
	return nil
}

// byOrder reports whether a goal can be refuted by what is known of order alone.
func (q *question) byOrder(ctx context.Context, g goal, o Options, r *Result) (bool, error) {
	q.order = true
	defer func() { q.order = false }()
	o.Timeout = min(o.timeout(), 5*time.Second)
	answer, _, _, err := q.refute(ctx, g, o, r)
	return answer == smt.Unsat, err
}

// timeout is what a goal may take.
func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return 20 * time.Second
	}
	return o.Timeout
}

// refute asks whether a goal has a model.
func (q *question) refute(ctx context.Context, g goal, o Options, r *Result) (smt.Result, term.Model, error, error) {
	so := smt.Options{Timeout: o.timeout(), Conflicts: o.Conflicts}
	var s smt.Solver
	switch o.Backend {
	case "", "go":
		s = smt.New(q.store, so)
	case "z3":
		so.Conflicts = 0
		var err error
		if s, err = z3.New(q.store, so); err != nil {
			return smt.Unknown, nil, nil, err
		}
	default:
		return smt.Unknown, nil, nil, fmt.Errorf("unknown backend %q; there are go and z3", o.Backend)
	}
	all := g.all
	if q.lemmas != nil {
		all = append(q.lemmas.all(), all...)
	}
	if q.order {
		var known []term.Term
		all, known = byOrder(q.store, all)
		all = append(all, known...)
	}
	for _, t := range all {
		s.Assert(t)
	}
	answer := s.CheckSat(ctx)
	if b, ok := s.(*smt.Builtin); ok {
		r.Conflicts += b.Stats().Conflicts
	}
	return answer, s.Model(), s.Reason(), nil
}
