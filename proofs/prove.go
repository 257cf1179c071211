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
	"errors"
	"fmt"
	"go/types"
	"reflect"
	"time"

	"golang.org/x/tools/go/ssa"

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

// question is a theorem as terms.
type question struct {
	store   *term.Store
	inputs  []ssaterm.Value // of the native function
	outcome ssaterm.Tuple
	panics  []ssaterm.Obligation
}

// The fields of theorem.Outcome.
const (
	given = iota
	member
	formed
	sound
)

func (q *question) field(i int) term.Term { return q.outcome[i].(ssaterm.Scalar).T }

// translate reads the theorem's function.
func (p *Prover) translate(t Theorem) (*question, error) {
	f, err := p.prog.Func(theoremPath, t.function)
	if err != nil {
		return nil, err
	}
	q := &question{store: term.NewStore()}
	x := ssaterm.NewExecutor(q.store, p.prog)
	summarise(x)
	if q.inputs, err = t.arguments(x, f); err != nil {
		return nil, err
	}
	r, err := x.Call(f, q.inputs...)
	if err != nil {
		return nil, err
	}
	var ok bool
	if q.outcome, ok = r.(ssaterm.Tuple); !ok || len(q.outcome) <= sound {
		return nil, errors.New("the theorem is no Outcome")
	}
	q.panics = x.Obligations()
	return q, nil
}

// arguments makes the theorem's fixed arguments and variables for the others.
func (t Theorem) arguments(x *ssaterm.Executor, f *ssa.Function) ([]ssaterm.Value, error) {
	var list []ssaterm.Value
	for _, p := range f.Params {
		var v ssaterm.Value
		var err error
		switch named, _ := p.Type().(*types.Named); {
		case named != nil && named.Obj().Name() == "Width":
			v, err = x.Constant(t.Width)
		case named != nil && (named.Obj().Name() == "ALUOp" || named.Obj().Name() == "Cond"):
			v, err = x.Constant(t.code)
		default:
			v, err = x.Fresh(p.Name(), p.Type())
		}
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// summarise replaces the search for thresholds, a loop over a slice of any length,
// by what it promises: a number between its two arguments.
func summarise(x *ssaterm.Executor) {
	n := 0
	contract := func(above bool) ssaterm.Summary {
		return func(x *ssaterm.Executor, args []ssaterm.Value) (ssaterm.Value, error) {
			st := x.Store()
			from, limit := args[1].(ssaterm.Scalar).T, args[2].(ssaterm.Scalar).T
			n++
			r := st.Var(fmt.Sprintf("threshold%d", n), 64)
			inside := st.And(st.Ule(from, r), st.Ule(r, limit))
			if !above {
				inside = st.And(st.Ule(limit, r), st.Ule(r, from))
			}
			return ssaterm.Scalar{T: st.Ite(inside, r, limit)}, nil
		}
	}
	x.Summarise("(*"+module+"/domains.Thresholds).Above", contract(true))
	x.Summarise("(*"+module+"/domains.Thresholds).Below", contract(false))
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
	r := Result{Theorem: t, How: "direct"}
	q, err := p.translate(t)
	if err != nil {
		return r, fmt.Errorf("%s: %w", t.Name(), err)
	}
	if t.Law == "widen" {
		r.How = "direct, thresholds by contract"
	}
	r.Verdict, r.Terms = Proved, q.store.Len()
	for _, g := range q.goals() {
		answer, m, why, err := q.refute(ctx, g, o, &r)
		if err != nil {
			return r, err
		}
		switch answer {
		case smt.Sat:
			r.Verdict, r.How, r.Why = Refuted, "", g.name
			r.Example = q.example(t, m)
		case smt.Unknown:
			r.Verdict, r.How, r.Why = Unknown, "", fmt.Sprintf("%s: %v", g.name, why)
		case smt.Unsat:
			continue
		}
		break
	}
	r.Time = time.Since(start)
	return r, nil
}

// refute asks whether a goal has a model.
func (q *question) refute(ctx context.Context, g goal, o Options, r *Result) (smt.Result, term.Model, error, error) {
	so := smt.Options{Timeout: o.Timeout, Conflicts: o.Conflicts}
	if so.Timeout == 0 {
		so.Timeout = 20 * time.Second
	}
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
	for _, t := range g.all {
		s.Assert(t)
	}
	answer := s.CheckSat(ctx)
	if b, ok := s.(*smt.Builtin); ok {
		r.Conflicts += b.Stats().Conflicts
	}
	return answer, s.Model(), s.Reason(), nil
}

// Counterexample is inputs for which a theorem does not hold.
type Counterexample struct {
	Inputs  []any // of the theorem's function, native
	Outcome any   // what the terms say, native: an Outcome
	// Confirmed says what running compiled code showed.
	Confirmed bool
	Program   string
}

// example reads a model, and runs the compiled theorem on it.
func (q *question) example(t Theorem, m term.Model) *Counterexample {
	e := q.store.NewEvaluator(m)
	f := reflect.ValueOf(t.native)
	c := &Counterexample{}
	args := make([]reflect.Value, f.Type().NumIn())
	for i := range args {
		v := reflect.New(f.Type().In(i))
		if err := ssaterm.Concrete(e, q.inputs[i], v.Interface()); err != nil {
			return c
		}
		args[i] = v.Elem()
		c.Inputs = append(c.Inputs, v.Elem().Interface())
	}
	out := reflect.New(f.Type().Out(0))
	if err := ssaterm.Concrete(e, q.outcome, out.Interface()); err != nil {
		return c
	}
	c.Outcome = out.Elem().Interface()
	return c
}
