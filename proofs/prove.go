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
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpfcheck/bpfcheck/isa"
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
	Conditional // proved from something that is not proved here, as Why says

	// NumVerdicts is one more than the last verdict.
	NumVerdicts
)

// String is the verdict's name in the ledger.
func (v Verdict) String() string {
	return [...]string{"unknown", "proved", "refuted", "conditional"}[v]
}

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

	uses []string // contracts
}

// Prover reads the sources once.
type Prover struct {
	prog *ssaterm.Program

	mu        sync.Mutex
	contracts map[string]bool // whether they are proved, once that was tried
}

// Paths of the packages whose source the theorems are about.
const (
	module       = "github.com/bpfcheck/bpfcheck"
	theoremPath  = module + "/proofs/theorem"
	intervalPath = module + "/domains/interval"
)

// NewProver loads the source of the domains from the module that src.Dir is in.
func NewProver(ctx context.Context, src ssaterm.Source) (*Prover, error) {
	p, err := ssaterm.Load(ctx, src, module+"/isa", module+"/domains", module+"/domains/tnum",
		module+"/domains/interval", theoremPath)
	if err != nil {
		return nil, err
	}
	return &Prover{prog: p, contracts: map[string]bool{}}, nil
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
	case t.nonlinear():
		err = p.ask(ctx, t, variant{lemmas: true}, o, r)
		if r.Verdict == Proved {
			r.Verdict, r.Why = Conditional, "on laws of products and quotients that are not proved here"
		}
		return "", err
	case t.Domain == "tnum":
		how = "direct"
		if t.Law == "widen" {
			how = "direct, thresholds by contract"
		}
		return how, p.ask(ctx, t, variant{}, o, r)
	}
	if err := p.ask(ctx, t, variant{contracts: true}, o, r); err != nil || r.Verdict != Proved {
		return "", err
	}
	how = "direct"
	if t.Law == "widen" {
		how = "direct, thresholds by contract"
	}
	if len(r.uses) > 0 {
		how = "contracts of " + strings.Join(r.uses, ", ")
	}
	for _, name := range r.uses {
		ok, err := p.relies(ctx, name, o)
		if err != nil {
			return "", err
		}
		if !ok {
			r.Verdict, r.Why = Conditional, "on the contract of "+name+", which is not proved"
		}
	}
	return how, nil
}

// relies reports whether the contract of a function is proved, and proves it the
// first time.
func (p *Prover) relies(ctx context.Context, name string, o Options) (bool, error) {
	p.mu.Lock()
	known, ok := p.contracts[name]
	p.mu.Unlock()
	if ok {
		return known, nil
	}
	r, err := p.Prove(ctx, Theorem{Domain: "interval", Law: lemmaLaw, Op: name, Width: isa.W64}, o)
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.contracts[name] = r.Verdict == Proved
	return r.Verdict == Proved, nil
}

// nonlinear reports whether the theorem multiplies or divides words.
func (t Theorem) nonlinear() bool {
	return t.Law == "alu" && (t.Op == "mul" || t.Op == "div" || t.Op == "sdiv" || t.Op == "mod" || t.Op == "smod")
}

// ask tries the goals of a theorem, and makes it Proved if all are.
func (p *Prover) ask(ctx context.Context, t Theorem, v variant, o Options, r *Result) error {
	q, err := p.translate(t, v)
	if err != nil {
		return err
	}
	r.Verdict, r.Terms = Proved, max(r.Terms, q.store.Len())
	r.uses = q.uses
	for _, g := range q.goals() {
		if t.Domain == "tnum" {
			// It has next to nothing to compare.
		} else if ok, err := q.byOrder(ctx, g, o, r); ok || err != nil {
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
			if (q.lemmas != nil || len(q.facts) > 0) && !r.Example.Confirmed { // of the lemmas, perhaps
				r.Verdict, r.Why, r.Example = Unknown, g.name+": the lemmas are too weak", nil
			}
		default:
			r.Verdict, r.Why = Unknown, fmt.Sprintf("%s: %v", g.name, why)
		}
		return nil
	}
	return nil
}

// byOrder reports whether a goal can be refuted by what is known of order, alone or
// beside the bits.
func (q *question) byOrder(ctx context.Context, g goal, o Options, r *Result) (bool, error) {
	defer func() { q.order = bitsOnly }()
	o.Timeout = o.timeout() / 4
	for _, q.order = range []int{orderOnly, orderAndBits} {
		answer, _, _, err := q.refute(ctx, g, o, r)
		if answer == smt.Unsat || err != nil {
			return true, err
		}
	}
	return false, nil
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
	all := append(slices.Clone(q.facts), g.all...)
	if q.lemmas != nil {
		all = append(q.lemmas.all(), all...)
	}
	if q.order != bitsOnly {
		var known []term.Term
		all, known = byOrder(q.store, all, q.order == orderAndBits)
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
