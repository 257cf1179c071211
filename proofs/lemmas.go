package proofs

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// lemmas stands for products and quotients of unknown words, which bit-blasting
// cannot decide: each is a variable, of which only instances of these laws of
// natural numbers are known. P(a, b) is the product in 128 bits, q the quotient.
//
//	order     a <= c and b <= d imply P(a, b) <= P(c, d)
//	units     P(0, b) = 0, P(1, b) = b
//	powers    P(a, 2^k) mod 2^64 = a << k, and a / 2^k = a >> k
//	low       P(a, b) has the low zeros of b
//	quotient  b != 0 implies P(q, b) <= a, a - P(q, b) < b, q <= a
//	monotone  a <= c and b >= d > 0 imply a/b <= c/d
//	signs     P(-a, b) = -P(a, b) modulo 2^n, for -a modulo 2^n
//	halves    P(a, b) mod 2^32 depends on a and b mod 2^32
//
// A variable may be anything that the laws allow, so a proof holds for the real
// numbers; a model may be none, and counts only if running it confirms it.
type lemmas struct {
	st        *term.Store
	products  []product
	quotients []quotient
	byArgs    map[[2]term.Term]int
	quotOf    map[[2]term.Term]int
	extra     []term.Term
}

type product struct{ a, b, p term.Term } // p has 128 bits

type quotient struct{ a, b, q term.Term }

func newLemmas(st *term.Store) *lemmas {
	return &lemmas{st: st, byArgs: map[[2]term.Term]int{}, quotOf: map[[2]term.Term]int{}}
}

// wide returns the variable that is the product of two words.
func (l *lemmas) wide(a, b term.Term) term.Term {
	if b < a {
		a, b = b, a
	}
	key := [2]term.Term{a, b}
	n, ok := l.byArgs[key]
	if !ok {
		n = len(l.products)
		l.byArgs[key] = n
		l.products = append(l.products, product{a, b, l.st.Var(fmt.Sprintf("product%d", n), 128)})
	}
	return l.products[n].p
}

// Product implements ssaterm.Arithmetic.
func (l *lemmas) Product(a, b term.Term) (hi, lo term.Term) {
	p := l.wide(a, b)
	return l.st.Extract(127, 64, p), l.st.Extract(63, 0, p)
}

// Divide implements ssaterm.Arithmetic. Signed division is that of magnitudes.
func (l *lemmas) Divide(signed bool, a, b term.Term) (q, r term.Term) {
	st := l.st
	zero := st.Word(64, 0)
	negA, negB := term.False, term.False
	if signed {
		negA, negB = st.Slt(a, zero), st.Slt(b, zero)
		a, b = st.Ite(negA, st.Neg(a), a), st.Ite(negB, st.Neg(b), b)
	}
	key := [2]term.Term{a, b}
	n, ok := l.quotOf[key]
	if !ok {
		n = len(l.quotients)
		l.quotOf[key] = n
		l.quotients = append(l.quotients, quotient{a, b, st.Var(fmt.Sprintf("quotient%d", n), 64)})
	}
	q = l.quotients[n].q
	r = st.Sub(a, st.Extract(63, 0, l.wide(q, b)))
	return st.Ite(st.Xor(negA, negB), st.Neg(q), q), st.Ite(negA, st.Neg(r), r)
}

// signs adds the laws signs and halves for the words that a theorem multiplies.
func (l *lemmas) signs(a, b term.Term, w isa.Width) {
	st := l.st
	l.negations(a, b, w.Op)
	if !w.Full() {
		return
	}
	sub := st.Word(64, w.SubMask())
	h := int(w.Word / 2)
	lowA, lowB := st.And(a, sub), st.And(b, sub)
	l.extra = append(l.extra, st.Eq(st.Extract(h-1, 0, l.wide(a, b)), st.Extract(h-1, 0, l.wide(lowA, lowB))))
	l.negations(lowA, lowB, w.Word/2)
}

// negations relates the product of two words of n bits to those of their negations.
func (l *lemmas) negations(a, b term.Term, n uint8) {
	st := l.st
	mask := st.Word(64, ^uint64(0)>>(64-n))
	negA, negB := st.And(st.Neg(a), mask), st.And(st.Neg(b), mask)
	low := func(t term.Term) term.Term { return st.Extract(int(n)-1, 0, t) }
	p := low(l.wide(a, b))
	l.extra = append(l.extra,
		st.Eq(low(l.wide(negA, b)), st.Neg(p)),
		st.Eq(low(l.wide(a, negB)), st.Neg(p)),
		st.Eq(low(l.wide(negA, negB)), p))
}

// all returns the instances of the laws.
func (l *lemmas) all() []term.Term {
	list := append([]term.Term(nil), l.extra...)
	for i, p := range l.products {
		list = append(list, l.aboutProduct(p)...)
		for _, o := range l.products[:i] {
			list = append(list, l.order(p.a, p.b, o.a, o.b, p.p, o.p)...)
			list = append(list, l.order(p.b, p.a, o.a, o.b, p.p, o.p)...)
		}
	}
	for i, q := range l.quotients {
		list = append(list, l.aboutQuotient(q)...)
		for _, o := range l.quotients[:i] {
			list = append(list, l.order(q.a, o.b, o.a, q.b, q.q, o.q)...)
		}
	}
	return list
}

// order says that p <= q if a <= c and b <= d, and the other way round.
func (l *lemmas) order(a, b, c, d, p, q term.Term) []term.Term {
	st := l.st
	return []term.Term{
		st.Implies(st.And(st.Ule(a, c), st.Ule(b, d)), st.Ule(p, q)),
		st.Implies(st.And(st.Ule(c, a), st.Ule(d, b)), st.Ule(q, p)),
	}
}

func (l *lemmas) aboutProduct(p product) []term.Term {
	st := l.st
	zero, one := st.Word(64, 0), st.Word(64, 1)
	lo := st.Extract(63, 0, p.p)
	var list []term.Term
	for _, o := range [][2]term.Term{{p.a, p.b}, {p.b, p.a}} {
		a, b := o[0], o[1]
		lowest := st.And(b, st.Neg(b))
		list = append(list,
			st.Implies(st.Eq(b, zero), st.Eq(p.p, st.Const(128, term.Value{}))),
			st.Implies(st.Eq(b, one), st.Eq(p.p, st.ZExt(64, a))),
			st.Eq(st.And(lo, st.Sub(lowest, one)), st.Ite(st.Eq(b, zero), lo, zero)),
			st.Implies(l.isPower(b), st.Eq(lo, st.Shl(a, l.exponent(b)))))
	}
	return list
}

func (l *lemmas) aboutQuotient(q quotient) []term.Term {
	st := l.st
	zero := st.Word(64, 0)
	p := l.wide(q.q, q.b)
	lo := st.Extract(63, 0, p)
	real := st.Ne(q.b, zero)
	return []term.Term{
		st.Implies(real, st.Ule(q.q, q.a)),
		st.Implies(real, st.Ule(p, st.ZExt(64, q.a))),
		st.Implies(real, st.Ult(st.Sub(q.a, lo), q.b)),
		st.Implies(l.isPower(q.b), st.Eq(q.q, st.LShr(q.a, l.exponent(q.b)))),
	}
}

func (l *lemmas) isPower(b term.Term) term.Term {
	st := l.st
	zero, one := st.Word(64, 0), st.Word(64, 1)
	return st.And(st.Ne(b, zero), st.Eq(st.And(b, st.Sub(b, one)), zero))
}

// exponent is k for 2^k: bit i of it is set iff the power is one of those at whose
// place bit i is.
func (l *lemmas) exponent(b term.Term) term.Term {
	st := l.st
	k := st.Word(64, 0)
	for i, mask := range []uint64{
		0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
		0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000,
	} {
		set := st.Ne(st.And(b, st.Word(64, mask)), st.Word(64, 0))
		k = st.Or(k, st.Ite(set, st.Word(64, 1<<i), st.Word(64, 0)))
	}
	return k
}
