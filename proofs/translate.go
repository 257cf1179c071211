package proofs

import (
	"errors"
	"fmt"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"

	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// lemmaLaw is the law of the rows about contracts.
const lemmaLaw = "lemma"

// question is a theorem as terms.
type question struct {
	store   *term.Store
	inputs  []ssaterm.Value // of the native function
	outcome ssaterm.Tuple
	panics  []ssaterm.Obligation
	lemmas  *lemmas     // nil: none are used
	uses    []string    // contracts
	facts   []term.Term // instances of contracts
	order   int         // how comparisons are told to the solver
}

// The fields of theorem.Outcome.
const (
	given = iota
	member
	formed
	sound
)

func (q *question) field(i int) term.Term { return q.outcome[i].(ssaterm.Scalar).T }

// How comparisons are told: see order.
const (
	bitsOnly = iota
	orderOnly
	orderAndBits
)

// variant is how to ask a theorem.
type variant struct {
	lemmas    bool // products and quotients are known by lemmas only
	contracts bool // functions with contracts are known by these only
}

// translate reads the theorem's function.
func (p *Prover) translate(t Theorem, v variant) (*question, error) {
	if t.Law == lemmaLaw {
		return p.lemma(t.Op)
	}
	f, err := p.prog.Func(theoremPath, t.function)
	if err != nil {
		return nil, err
	}
	q := &question{store: term.NewStore()}
	x := ssaterm.NewExecutor(q.store, p.prog)
	summarise(x)
	c := &contracts{st: q.store}
	if v.contracts {
		if err := c.install(p, x, []string{"canonical", "lowHalf"}); err != nil {
			return nil, err
		}
	}
	if q.inputs, err = t.arguments(x, f); err != nil {
		return nil, err
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
	q.facts, q.uses = c.about(q.words()), c.names()
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

// words are the words that a theorem is about: its inputs, and its concrete result.
func (q *question) words() []term.Term {
	var list []term.Term
	for _, v := range append(slices.Clone(q.inputs), q.outcome[sound+3]) {
		if s, ok := v.(ssaterm.Scalar); ok && q.store.Width(s.T) == 64 && !slices.Contains(list, s.T) {
			list = append(list, s.T)
		}
	}
	return list
}
