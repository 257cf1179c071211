package proofs

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/bpfcheck/bpfcheck/smt/term"
)

// order helps a solver that sees only bits with formulas about order, such as
// x <= max(a, b): comparisons are moved inside of if-then-else, until they compare
// words that are not chosen any more. Then each a < b becomes a Bool of its own, of
// which only that < is a total order is known (and what it is for constants).
//
// Every model of the formulas is one of the result, so that a refutation of the
// result is one of the formulas; a model of it says nothing.
type order struct {
	st      *term.Store
	to      map[term.Term]term.Term
	moved   map[comparison]term.Term
	operand map[term.Term]bool // of unsigned comparisons
	width   map[int][]term.Term
	budget  int
}

// comparison is also an operator of one argument, b, that is that of the term a.
type comparison struct {
	op   term.Op
	a, b term.Term
}

// orderBudget bounds the comparisons that come from moving them inside.
const orderBudget = 50_000

// maxOperands bounds the words of one width whose order is spelled out, a cubic
// number of clauses.
const maxOperands = 48

// byOrder rewrites formulas, and returns what is known of the new Bools.
func byOrder(st *term.Store, formulas []term.Term) (rewritten, lemmas []term.Term) {
	o := &order{
		st: st, to: map[term.Term]term.Term{}, moved: map[comparison]term.Term{},
		operand: map[term.Term]bool{}, width: map[int][]term.Term{}, budget: orderBudget,
	}
	for _, t := range reachable(st, formulas) {
		o.to[t] = o.rewrite(t)
	}
	for _, f := range formulas {
		rewritten = append(rewritten, o.to[f])
	}
	return rewritten, o.lemmas()
}

// reachable are the terms of formulas, arguments first.
func reachable(st *term.Store, formulas []term.Term) []term.Term {
	seen := map[term.Term]bool{}
	work := slices.Clone(formulas)
	var list []term.Term
	for len(work) > 0 {
		t := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[t] {
			continue
		}
		seen[t] = true
		list = append(list, t)
		args, n := st.Args(t)
		work = append(work, args[:n]...)
	}
	slices.Sort(list)
	return list
}

// rewrite is t over rewritten arguments.
func (o *order) rewrite(t term.Term) term.Term {
	args, n := o.st.Args(t)
	if n == 0 {
		return t
	}
	for i := range n {
		args[i] = o.to[args[i]]
	}
	switch op := o.st.Op(t); op {
	case term.Ult, term.Slt, term.Eq:
		if !o.st.IsBool(args[0]) {
			return o.inside(op, args[0], args[1])
		}
	case term.Extract, term.ZExt, term.SExt:
		return o.apply(t, args[0])
	}
	return o.same(t, args[:n])
}

// same is the operator of t over other arguments.
func (o *order) same(t term.Term, args []term.Term) term.Term {
	i, j := 0, 0
	switch op := o.st.Op(t); op {
	case term.Extract:
		i, j = o.st.Bounds(t)
	case term.ZExt, term.SExt:
		i = o.st.Width(t) - o.st.Width(args[0])
	}
	r, err := o.st.Make(o.st.Op(t), args, i, j)
	if err != nil {
		panic("proofs: a term that cannot be made again: " + err.Error())
	}
	return r
}

// apply is the operator of t, of one argument, moved inside of if-then-else.
func (o *order) apply(t, a term.Term) term.Term {
	if o.st.Op(a) != term.Ite || o.budget <= 0 {
		return o.same(t, []term.Term{a})
	}
	key := comparison{o.st.Op(t), t, a}
	if r, ok := o.moved[key]; ok {
		return r
	}
	o.budget--
	args, _ := o.st.Args(a)
	r := o.st.Ite(args[0], o.apply(t, args[1]), o.apply(t, args[2]))
	o.moved[key] = r
	return r
}

// inside is a comparison moved inside of if-then-else.
func (o *order) inside(op term.Op, a, b term.Term) term.Term {
	key := comparison{op, a, b}
	if r, ok := o.moved[key]; ok {
		return r
	}
	o.budget--
	var r term.Term
	switch {
	case o.budget > 0 && o.st.Op(a) == term.Ite:
		args, _ := o.st.Args(a)
		r = o.st.Ite(args[0], o.inside(op, args[1], b), o.inside(op, args[2], b))
	case o.budget > 0 && o.st.Op(b) == term.Ite:
		args, _ := o.st.Args(b)
		r = o.st.Ite(args[0], o.inside(op, a, args[1]), o.inside(op, a, args[2]))
	case op == term.Slt:
		r = o.signed(a, b)
	default:
		r = o.leaf(op, a, b)
	}
	o.moved[key] = r
	return r
}

// leaf is a comparison of two words, unsigned or for equality, with as few bits as
// they have: so that those of subregisters are of one width however they are said.
func (o *order) leaf(op term.Op, a, b term.Term) term.Term {
	m, n := o.bits(a), o.bits(b)
	if w := max(m, n, 32); w < o.st.Width(a) {
		a, b = o.low(a, w), o.low(b, w)
	}
	o.note(a)
	o.note(b)
	if op == term.Ult {
		return o.less(a, b)
	}
	return o.st.And(o.st.Not(o.less(a, b)), o.st.Not(o.less(b, a)))
}

// less is the Bool that stands for a < b.
func (o *order) less(a, b term.Term) term.Term {
	if t := o.st.Ult(a, b); t == term.True || t == term.False {
		return t
	}
	return o.st.BoolVar(fmt.Sprintf("less#%d#%d", a, b))
}

// signed is a < b in signed order: unsigned order, but for different signs.
func (o *order) signed(a, b term.Term) term.Term {
	w := o.st.Width(a)
	sign := o.st.Const(w, value(w-1))
	negA, negB := o.st.Not(o.leaf(term.Ult, a, sign)), o.st.Not(o.leaf(term.Ult, b, sign))
	return o.st.Ite(o.st.Xor(negA, negB), negA, o.leaf(term.Ult, a, b))
}

// value is 2^n.
func value(n int) term.Value {
	if n >= 64 {
		return term.Value{Hi: 1 << (n - 64)}
	}
	return term.V(1 << n)
}

// low is the low w bits of a word that has no others, without a trace of them.
func (o *order) low(a term.Term, w int) term.Term {
	if args, n := o.st.Args(a); n > 0 {
		switch {
		case o.st.Op(a) == term.And && o.isConst(args[1]) && o.bits(args[1]) == w:
			a = args[0]
		case o.st.Op(a) == term.And && o.isConst(args[0]) && o.bits(args[0]) == w:
			a = args[1]
		}
	}
	return o.st.Extract(w-1, 0, a)
}

func (o *order) isConst(a term.Term) bool {
	_, ok := o.st.Value(a)
	return ok
}

// bits is how many low bits of a word may be other than 0.
func (o *order) bits(a term.Term) int {
	if v, ok := o.st.Value(a); ok {
		if v.Hi != 0 {
			return 64 + bits.Len64(v.Hi)
		}
		return bits.Len64(v.Lo)
	}
	args, _ := o.st.Args(a)
	switch o.st.Op(a) {
	case term.ZExt:
		return o.bits(args[0])
	case term.And:
		return min(o.bits(args[0]), o.bits(args[1]))
	case term.Concat:
		if v, ok := o.st.Value(args[0]); ok && v.IsZero() {
			return o.bits(args[1])
		}
	}
	return o.st.Width(a)
}

func (o *order) note(a term.Term) {
	if w := o.st.Width(a); w >= 8 && !o.operand[a] {
		o.operand[a] = true
		o.width[w] = append(o.width[w], a)
	}
}

// lemmas spells out the order of the operands.
func (o *order) lemmas() []term.Term {
	var list []term.Term
	for _, w := range []int{8, 16, 32, 64, 128} {
		words := o.width[w]
		if len(words) > maxOperands {
			words = words[:maxOperands]
		}
		for i, a := range words {
			for j, b := range words {
				if i < j {
					list = append(list, o.st.Not(o.st.And(o.less(a, b), o.less(b, a))))
				}
				for k, c := range words {
					if i != j && j != k && i != k {
						list = append(list, o.st.OrAll(o.less(a, b), o.less(b, c), o.st.Not(o.less(a, c))))
					}
				}
			}
		}
	}
	return list
}
