package proofs

import (
	"errors"
	"fmt"
	"go/types"

	"golang.org/x/tools/go/ssa"

	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// amountBits is how many low bits of a word are a shift's amount, at most.
const amountBits = 6

// question is a theorem as terms.
type question struct {
	store   *term.Store
	inputs  []ssaterm.Value // of the native function
	outcome ssaterm.Tuple
	panics  []ssaterm.Obligation
	lemmas  *lemmas // nil: none are used
	order   bool    // comparisons are known by their order only
}

// The fields of theorem.Outcome.
const (
	given = iota
	member
	formed
	sound
)

func (q *question) field(i int) term.Term { return q.outcome[i].(ssaterm.Scalar).T }

// variant is how to ask a theorem.
type variant struct {
	lemmas bool // products and quotients are known by lemmas only
	amount int  // of a shift, if cases is set
	cases  bool
}

// translate reads the theorem's function.
func (p *Prover) translate(t Theorem, v variant) (*question, error) {
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
	if v.cases { // the low bits of y, which are the amount
		q.inputs[len(q.inputs)-1] = ssaterm.Scalar{T: q.store.Concat(q.store.Var("yHigh", 64-amountBits), q.store.Word(amountBits, uint64(v.amount)))}
	}
	if v.lemmas {
		q.lemmas = newLemmas(q.store)
		x.Arithmetic = q.lemmas
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
	if v.lemmas && t.Law == "alu" && t.Op == "mul" {
		st, n := q.store, len(q.inputs)
		mask := st.Word(64, t.Width.Mask())
		a, b := q.inputs[n-2].(ssaterm.Scalar).T, q.inputs[n-1].(ssaterm.Scalar).T
		q.lemmas.signs(st.And(a, mask), st.And(b, mask), t.Width)
	}
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
