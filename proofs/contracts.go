package proofs

import (
	"fmt"
	"slices"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// contract is what a function of package interval promises, for words of 64 bits:
// proved of the function itself (law "lemma"), then used in its place, so that no
// question is about more than a few lines of source. A contract speaks of one word
// at a time, x; a proof uses it for the words that its theorem is about.
type contract struct {
	name string
	// given is what the arguments have to be, shape what the result then is.
	given func(c *contracts, args []ssaterm.Value) term.Term
	shape func(c *contracts, args []ssaterm.Value, r ssaterm.Value) term.Term
	// in and out: if x is related to the arguments then it is to the result.
	in  func(c *contracts, args []ssaterm.Value, x term.Term) term.Term
	out func(c *contracts, r ssaterm.Value, x term.Term) term.Term
	// uses are the contracts that a proof of this one rests on.
	uses []string
}

// contracts records where contracts were used in one question.
type contracts struct {
	st    *term.Store
	calls []contractCall
}

type contractCall struct {
	*contract
	args   []ssaterm.Value
	result ssaterm.Value
}

// The helpers below read spans (Lo, Hi), sets (Pos, Neg) and intervals.

func word64(v ssaterm.Value) term.Term { return v.(ssaterm.Scalar).T }

func (c *contracts) emptySpan(s ssaterm.Value) term.Term {
	t := s.(ssaterm.Tuple)
	return c.st.Ult(word64(t[1]), word64(t[0]))
}

// between: the span is not empty and from lo to hi.
func (c *contracts) between(s ssaterm.Value, lo, hi uint64) term.Term {
	t := s.(ssaterm.Tuple)
	return c.st.AndAll(c.st.Not(c.emptySpan(s)), c.st.Ule(c.st.Word(64, lo), word64(t[0])), c.st.Ule(word64(t[1]), c.st.Word(64, hi)))
}

// noSpan: the span is empty in the one way.
func (c *contracts) noSpan(s ssaterm.Value) term.Term {
	t := s.(ssaterm.Tuple)
	return c.st.And(c.st.Eq(word64(t[0]), c.st.Word(64, ^uint64(0))), c.st.Eq(word64(t[1]), c.st.Word(64, 0)))
}

// noLow: the span is empty in the way of a subregister in an Interval, or the other.
func (c *contracts) noLow(s ssaterm.Value) term.Term {
	t := s.(ssaterm.Tuple)
	return c.st.And(c.st.Ule(c.st.Word(64, 0xffffffff), word64(t[0])), c.st.Eq(word64(t[1]), c.st.Word(64, 0)))
}

// set: both spans of a set of n bits are on their sides of the sign, or empty;
// strict: in the one way.
func (c *contracts) set(s ssaterm.Value, n int, strict bool) term.Term {
	t, top := s.(ssaterm.Tuple), ^uint64(0)>>(64-n)
	none := c.noLow
	if strict {
		none = c.noSpan
	}
	return c.st.And(c.st.Or(none(t[0]), c.between(t[0], 0, top>>1)), c.st.Or(none(t[1]), c.between(t[1], top>>1+1, top)))
}

func (c *contracts) emptySet(s ssaterm.Value) term.Term {
	t := s.(ssaterm.Tuple)
	return c.st.And(c.emptySpan(t[0]), c.emptySpan(t[1]))
}

func (c *contracts) inSpan(s ssaterm.Value, x term.Term) term.Term {
	t := s.(ssaterm.Tuple)
	return c.st.And(c.st.Ule(word64(t[0]), x), c.st.Ule(x, word64(t[1])))
}

func (c *contracts) inSet(s ssaterm.Value, x term.Term) term.Term {
	t := s.(ssaterm.Tuple)
	return c.st.Or(c.inSpan(t[0], x), c.inSpan(t[1], x))
}

func (c *contracts) lowHalf(x term.Term) term.Term {
	return c.st.And(x, c.st.Word(64, 0xffffffff))
}

// sets are the two sets of an interval.
func (c *contracts) sets(e ssaterm.Value) (word, low ssaterm.Tuple) {
	t := e.(ssaterm.Tuple)
	wide := func(v ssaterm.Value) ssaterm.Value { return ssaterm.Scalar{T: c.st.ZExt(32, word64(v))} }
	return ssaterm.Tuple{ssaterm.Tuple{t[0], t[1]}, ssaterm.Tuple{t[2], t[3]}},
		ssaterm.Tuple{ssaterm.Tuple{wide(t[4]), wide(t[5])}, ssaterm.Tuple{wide(t[6]), wide(t[7])}}
}

// formedInterval is theorem.intervalSubject's formed.
func (c *contracts) formedInterval(e ssaterm.Value) term.Term {
	word, low := c.sets(e)
	lowNone := func(s ssaterm.Value) term.Term {
		t := s.(ssaterm.Tuple)
		return c.st.And(c.st.Eq(word64(t[0]), c.st.Word(64, 0xffffffff)), c.st.Eq(word64(t[1]), c.st.Word(64, 0)))
	}
	return c.st.AndAll(c.set(word, 64, true),
		c.st.Or(lowNone(low[0]), c.between(low[0], 0, 0x7fffffff)),
		c.st.Or(lowNone(low[1]), c.between(low[1], 0x80000000, 0xffffffff)),
		c.st.Eq(c.emptySet(word), c.emptySet(low)))
}

var intervalContracts = []*contract{
	{ // tighten(w, s, low): the part of s whose ends have their low halves in low
		name: "tighten",
		given: func(c *contracts, a []ssaterm.Value) term.Term {
			return c.set(a[2], 32, false)
		},
		shape: func(c *contracts, a []ssaterm.Value, r ssaterm.Value) term.Term {
			s, t := a[1].(ssaterm.Tuple), r.(ssaterm.Tuple)
			return c.st.Or(c.noSpan(r), c.st.AndAll(c.st.Not(c.emptySpan(r)),
				c.st.Ule(word64(s[0]), word64(t[0])), c.st.Ule(word64(t[1]), word64(s[1])),
				c.inSet(a[2], c.lowHalf(word64(t[0]))), c.inSet(a[2], c.lowHalf(word64(t[1])))))
		},
		in: func(c *contracts, a []ssaterm.Value, x term.Term) term.Term {
			return c.st.And(c.inSpan(a[1], x), c.inSet(a[2], c.lowHalf(x)))
		},
		out: func(c *contracts, r ssaterm.Value, x term.Term) term.Term { return c.inSpan(r, x) },
	},
	{ // lowPart(w, s, low): what of low the words of s have
		name: "lowPart",
		given: func(c *contracts, a []ssaterm.Value) term.Term {
			s := a[1].(ssaterm.Tuple)
			return c.st.And(c.set(a[2], 32, false), c.st.Or(c.emptySpan(s),
				c.st.And(c.inSet(a[2], c.lowHalf(word64(s[0]))), c.inSet(a[2], c.lowHalf(word64(s[1]))))))
		},
		shape: func(c *contracts, a []ssaterm.Value, r ssaterm.Value) term.Term {
			return c.st.And(c.set(r, 32, true), c.st.Eq(c.emptySpan(a[1]), c.emptySet(r)))
		},
		in: func(c *contracts, a []ssaterm.Value, x term.Term) term.Term {
			return c.st.And(c.inSpan(a[1], x), c.inSet(a[2], c.lowHalf(x)))
		},
		out: func(c *contracts, r ssaterm.Value, x term.Term) term.Term { return c.inSet(r, c.lowHalf(x)) },
	},
	{ // lowHalf(w, word): the low halves of words
		name:  "lowHalf",
		given: func(c *contracts, a []ssaterm.Value) term.Term { return c.set(a[1], 64, true) },
		shape: func(c *contracts, a []ssaterm.Value, r ssaterm.Value) term.Term {
			return c.st.And(c.set(r, 32, true), c.st.Eq(c.emptySet(a[1]), c.emptySet(r)))
		},
		in:  func(c *contracts, a []ssaterm.Value, x term.Term) term.Term { return c.inSet(a[1], x) },
		out: func(c *contracts, r ssaterm.Value, x term.Term) term.Term { return c.inSet(r, c.lowHalf(x)) },
	},
	{ // canonical(w, word, low)
		name: "canonical",
		given: func(c *contracts, a []ssaterm.Value) term.Term {
			return c.st.And(c.set(a[1], 64, true), c.set(a[2], 32, false))
		},
		shape: func(c *contracts, a []ssaterm.Value, r ssaterm.Value) term.Term { return c.formedInterval(r) },
		in: func(c *contracts, a []ssaterm.Value, x term.Term) term.Term {
			return c.st.And(c.inSet(a[1], x), c.inSet(a[2], c.lowHalf(x)))
		},
		out: func(c *contracts, r ssaterm.Value, x term.Term) term.Term {
			word, low := c.sets(r)
			return c.st.And(c.inSet(word, x), c.inSet(low, c.lowHalf(x)))
		},
		uses: []string{"tighten", "lowPart", "lowHalf"},
	},
}

// install has the named contracts used instead of the functions.
func (c *contracts) install(p *Prover, x *ssaterm.Executor, names []string) error {
	for _, k := range intervalContracts {
		used := false
		for _, n := range names {
			used = used || n == k.name
		}
		if !used {
			continue
		}
		f, err := p.prog.Func(intervalPath, k.name)
		if err != nil {
			return err
		}
		x.Summarise(f.String(), func(x *ssaterm.Executor, args []ssaterm.Value) (ssaterm.Value, error) {
			r, err := x.Fresh(fmt.Sprintf("%s#%d", k.name, len(c.calls)), f.Signature.Results().At(0).Type())
			if err == nil {
				c.calls = append(c.calls, contractCall{k, args, r})
			}
			return r, err
		})
	}
	return nil
}

// about are the instances of the contracts that were used, for some words.
func (c *contracts) about(words []term.Term) []term.Term {
	var list []term.Term
	for _, k := range c.calls {
		given := k.given(c, k.args)
		list = append(list, c.st.Implies(given, k.shape(c, k.args, k.result)))
		for _, x := range words {
			list = append(list, c.st.Implies(c.st.And(given, k.in(c, k.args, x)), k.out(c, k.result, x)))
		}
	}
	return list
}

// names are the contracts that were used.
func (c *contracts) names() []string {
	var list []string
	for _, k := range c.calls {
		if !slices.Contains(list, k.name) {
			list = append(list, k.name)
		}
	}
	slices.Sort(list)
	return list
}

// lemma is a contract as a question about its own function.
func (p *Prover) lemma(name string) (*question, error) {
	f, err := p.prog.Func(intervalPath, name)
	if err != nil {
		return nil, err
	}
	q := &question{store: term.NewStore()}
	x := ssaterm.NewExecutor(q.store, p.prog)
	c := &contracts{st: q.store}
	for _, k := range intervalContracts {
		if k.name != name {
			continue
		}
		if err := c.install(p, x, k.uses); err != nil {
			return nil, err
		}
		t := Theorem{Width: isa.W64}
		if q.inputs, err = t.arguments(x, f); err != nil {
			return nil, err
		}
		r, err := x.Call(f, q.inputs...)
		if err != nil {
			return nil, err
		}
		word := q.store.Var("x", 64)
		q.facts, q.uses = c.about([]term.Term{word}), c.names()
		scalar := func(t term.Term) ssaterm.Value { return ssaterm.Scalar{T: t} }
		q.outcome = ssaterm.Tuple{scalar(k.given(c, q.inputs)), scalar(k.in(c, q.inputs, word)),
			scalar(k.shape(c, q.inputs, r)), scalar(k.out(c, r, word))}
		q.panics = x.Obligations()
		return q, nil
	}
	return nil, fmt.Errorf("no contract of %s", name)
}
