package proofs

import (
	"fmt"
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
	exact   bool // comparisons keep their meaning, besides
}

// comparison is op over a and b; or the operator of the term a, over b and c.
type comparison struct {
	op      term.Op
	a, b, c term.Term
}

// orderBudget bounds the comparisons that come from moving them inside.
const orderBudget = 50_000

// maxOperands and maxExact bound the words of one width whose order is spelled out, a cubic
// number of clauses.
const maxOperands, maxExact = 72, 20

// byOrder rewrites formulas, and returns what is known of the new Bools.
func byOrder(st *term.Store, formulas []term.Term, keepBits bool) (rewritten, lemmas []term.Term) {
	o := &order{
		st: st, to: map[term.Term]term.Term{}, moved: map[comparison]term.Term{},
		operand: map[term.Term]bool{}, width: map[int][]term.Term{}, budget: orderBudget, exact: keepBits,
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
	case term.Extract:
		if o.st.Width(t) > 1 {
			return o.apply(t, args[:n])
		}
		if o.st.Op(args[0]) == term.Ite {
			return o.apply(t, args[:n])
		}
	case term.ZExt, term.SExt, term.Add, term.Sub, term.Neg, term.And, term.LShr, term.Not:
		if o.st.Width(t) > 0 {
			return o.apply(t, args[:n])
		}
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

// apply is the operator of t over words, moved inside of if-then-else.
func (o *order) apply(t term.Term, args []term.Term) term.Term {
	key := comparison{op: o.st.Op(t), a: t, b: args[0]}
	if len(args) > 1 {
		key.c = args[1]
	}
	if r, ok := o.moved[key]; ok {
		return r
	}
	for i, a := range args {
		if o.st.Op(a) != term.Ite || o.budget <= 0 {
			continue
		}
		o.budget--
		choice, _ := o.st.Args(a)
		yes, no := slices.Clone(args), slices.Clone(args)
		yes[i], no[i] = choice[1], choice[2]
		o.moved[key] = o.st.Ite(choice[0], o.apply(t, yes), o.apply(t, no))
		return o.moved[key]
	}
	if o.st.Op(t) == term.Extract && o.st.Width(args[0]) == 64 && o.st.Width(t) == 32 {
		high, low := split(o.st, args[0])
		if _, lo := o.st.Bounds(t); lo == 0 {
			return low
		} else if lo == 32 {
			return high
		}
	}
	return o.same(t, args)
}

// inside is a comparison moved inside of if-then-else.
func (o *order) inside(op term.Op, a, b term.Term) term.Term {
	key := comparison{op: op, a: a, b: b}
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

// leaf is a comparison of two words, unsigned or for equality. Those of 64 bits are
// compared half by half, so that what is said of subregisters and of words is about
// the same halves.
func (o *order) leaf(op term.Op, a, b term.Term) term.Term {
	st := o.st
	if o.exact {
		return o.halves(op, a, b)
	}
	switch st.Width(a) {
	case 64:
	case 32, 128:
		return o.halves(op, a, b)
	default:
		return o.bits(op, a, b)
	}
	a, b = o.balance(op, a, b)
	aHigh, aLow := split(st, a)
	bHigh, bLow := split(st, b)
	same := o.halves(term.Eq, aHigh, bHigh)
	low := o.halves(op, aLow, bLow)
	if op == term.Eq {
		return st.And(same, low)
	}
	return st.Or(o.halves(op, aHigh, bHigh), st.And(same, low))
}

// bits is a comparison of words of other widths, which are known bit by bit. That
// the leading bits of a word are all 0, or all 1, is about its order.
func (o *order) bits(op term.Op, a, b term.Term) term.Term {
	st := o.st
	if op == term.Ult {
		return st.Ult(a, b)
	}
	if o.isConst(a) {
		a, b = b, a
	}
	if v, ok := st.Value(b); ok && st.Op(a) == term.Extract {
		args, _ := st.Args(a)
		of := args[0]
		w := st.Width(of)
		if hi, lo := st.Bounds(a); hi == w-1 && (w == 64 || w == 32) {
			rest := ^uint64(0) >> (64 - w) &^ (1<<lo - 1) // leading ones
			switch {
			case v.IsZero():
				return o.leaf(term.Ult, of, st.Word(w, 1<<lo))
			case v == term.V(rest>>lo):
				return st.Not(o.leaf(term.Ult, of, st.Word(w, rest)))
			}
		}
	}
	return st.Eq(a, b)
}

// balance makes a == b + c of a - b == c if that carries nothing out of the low half.
func (o *order) balance(op term.Op, a, b term.Term) (x, y term.Term) {
	st := o.st
	if o.isConst(a) {
		a, b = b, a
	}
	if c, ok := st.Value(b); ok && op == term.Eq && c.IsZero() && st.Op(a) == term.Sub {
		args, _ := st.Args(a)
		return args[0], args[1]
	}
	return a, b
}

// halves is a comparison of two words that are not taken apart.
func (o *order) halves(op term.Op, a, b term.Term) term.Term {
	o.note(a)
	o.note(b)
	if op == term.Ult {
		return o.less(a, b)
	}
	if o.exact {
		return o.st.Eq(a, b)
	}
	return o.st.And(o.st.Not(o.less(a, b)), o.st.Not(o.less(b, a)))
}

// less is the Bool that stands for a < b.
func (o *order) less(a, b term.Term) term.Term {
	if t := o.st.Ult(a, b); t == term.True || t == term.False || o.exact {
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

func (o *order) isConst(a term.Term) bool {
	_, ok := o.st.Value(a)
	return ok
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
	for _, w := range []int{32, 64, 128} {
		words := o.width[w]
		if o.exact && len(words) > maxExact {
			words = words[:maxExact]
		} else if len(words) > maxOperands {
			words = words[:maxOperands]
		}
		list = append(list, o.neighbours(w, words)...)
		for i, a := range words {
			for j, b := range words {
				if i < j {
					list = append(list, o.st.Not(o.st.And(o.less(a, b), o.less(b, a))))
					if o.exact {
						list = append(list, o.st.OrAll(o.st.Eq(a, b), o.less(a, b), o.less(b, a)))
					}
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

// neighbours says that nothing is between a and a + 1, where both are compared.
func (o *order) neighbours(w int, words []term.Term) []term.Term {
	st := o.st
	var list []term.Term
	max := st.Not(st.Const(w, term.Value{}))
	one := st.Const(w, term.V(1))
	for _, a := range words {
		next := st.Add(a, one)
		if o.isConst(a) || !o.operand[next] {
			continue
		}
		last := st.Eq(a, max)
		if !o.exact {
			last = st.Not(o.less(a, max))
			o.note(max)
		}
		list = append(list, st.Or(last, o.less(a, next)))
		for _, c := range words {
			if c != a && c != next {
				list = append(list, st.Implies(o.less(a, c), st.Not(o.less(c, next))))
				list = append(list, st.Implies(last, st.Not(o.less(c, next))))
			}
		}
	}
	return list
}
