// Package blast translates bit-vector terms to clauses.
//
// The idea: a term becomes a network of gates, one signal a bit, and the gates
// that an assertion depends on become clauses (Tseitin, 1968). Between the two,
// the network keeps every gate once and simplifies it against the gates below, so
// that equal computations of two formulas meet, and constants vanish. Gates are
// and, exclusive or, choice and majority, rather than and alone: a full adder is
// two xor and one majority, 14 clauses with strong propagation. Conjunctions used
// once are one clause of many literals.
//
// Words are added by ripple carry, multiplied row by row, shifted in stages of
// powers of two, divided by restoring subtraction: circuits of Kroening &
// Strichman, "Decision Procedures", chapter 6.
//
// It is incremental: what is translated stays, clauses are only added.
//
// The trap: nothing here proves that the clauses mean the terms. Models are
// checked by evaluating the terms; for refutations, tests run every operator
// exhaustively at 4 bits, and random formulas against Z3.
package blast

import (
	"context"
	"errors"

	"github.com/bpfcheck/bpfcheck/smt/sat"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// ErrTooLarge says that a formula needs more gates than the blaster makes.
var ErrTooLarge = errors.New("the formula needs too many gates")

// maxGates keeps variables within the solver's, and memory within 1 GB.
const maxGates = 1 << 24

// A Sink takes the clauses. The slice is the sink's only during the call.
type Sink interface {
	NewVar() uint32
	Clause(lits []sat.Lit)
}

// Blaster translates terms of one store for one sink.
type Blaster struct {
	store *term.Store
	sink  Sink
	gates gates
	limit int // of gates

	at   []uint32 // by term: 1 + where its bits start in pool; 0: not translated
	pool []lit
	vars []uint32 // by gate: the sink's variable, 0: none yet

	todo   []uint32 // gates with a variable but no clauses yet
	stack  []term.Term
	leaves []lit
	work   []lit
	clause []sat.Lit
	out    []lit
}

// New returns a blaster that has translated nothing.
func New(s *term.Store, sink Sink) *Blaster {
	b := &Blaster{store: s, sink: sink, limit: maxGates}
	b.gates.init()
	return b
}

// Gates is the number of gates made, with or without clauses.
func (b *Blaster) Gates() int { return len(b.gates.all) }

// Assert adds clauses that say that the Bool t holds.
func (b *Blaster) Assert(ctx context.Context, t term.Term) error {
	bits, err := b.bits(ctx, t)
	if err != nil {
		return err
	}
	b.assert(bits[0])
	b.define()
	return nil
}

// Literal adds clauses that define the Bool t, and returns its literal.
func (b *Blaster) Literal(ctx context.Context, t term.Term) (sat.Lit, error) {
	bits, err := b.bits(ctx, t)
	if err != nil {
		return 0, err
	}
	l := b.ref(bits[0])
	b.define()
	return l, nil
}

// Value is the value of a variable under a model of the clauses. A bit that no
// clause depends on is 0.
func (b *Blaster) Value(v term.Term, model func(sat.Lit) bool) term.Value {
	var x term.Value
	if int(v) >= len(b.at) || b.at[v] == 0 {
		return x
	}
	for i, l := range b.word(v) {
		if sv := b.variable(l.gate()); sv != 0 && model(sat.Lit(2*sv)) {
			if i < 64 {
				x.Lo |= 1 << i
			} else {
				x.Hi |= 1 << (i - 64)
			}
		}
	}
	return x
}

// word is the bits of a translated term.
func (b *Blaster) word(t term.Term) []lit {
	from := b.at[t] - 1
	return b.pool[from : from+uint32(max(b.store.Width(t), 1))]
}

// bits translates t and what it is made of.
func (b *Blaster) bits(ctx context.Context, t term.Term) ([]lit, error) {
	if n := b.store.Len() - len(b.at); n > 0 {
		b.at = append(b.at, make([]uint32, n)...)
	}
	b.stack = append(b.stack[:0], t)
	for steps := 0; len(b.stack) > 0; steps++ {
		if len(b.gates.all) > b.limit || len(b.pool) > 4*b.limit {
			return nil, ErrTooLarge
		}
		if steps%256 == 255 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t := b.stack[len(b.stack)-1]
		if b.at[t] != 0 || b.ready(t) {
			b.stack = b.stack[:len(b.stack)-1]
		}
	}
	return b.word(t), nil
}

// ready translates t if its arguments are, else stacks those that are not.
func (b *Blaster) ready(t term.Term) bool {
	args, n := b.store.Args(t)
	missing := false
	for _, a := range args[:n] {
		if b.at[a] == 0 {
			b.stack = append(b.stack, a)
			missing = true
		}
	}
	if missing {
		return false
	}
	var w [3][]lit
	for i, a := range args[:n] {
		w[i] = b.word(a)
	}
	b.out = b.translate(b.out[:0], t, w[0], w[1], w[2])
	b.at[t] = uint32(len(b.pool)) + 1
	b.pool = append(b.pool, b.out...)
	return true
}

// translate appends the bits of t over those of its arguments.
func (b *Blaster) translate(out []lit, t term.Term, x, y, z []lit) []lit {
	g := &b.gates
	switch op := b.store.Op(t); op {
	case term.Const, term.Var:
		return b.leaf(out, t)
	case term.Not, term.And, term.Or, term.Xor:
		return g.bitwise(out, op, x, y)
	case term.Ite:
		return g.choose(out, x[0], y, z)
	case term.Eq:
		return append(out, g.equal(x, y))
	case term.Ult:
		return append(out, g.less(x, y))
	case term.Slt:
		return append(out, g.signedLess(x, y))
	case term.Neg:
		return append(out, g.negate(x)...)
	case term.Add, term.Sub:
		flip := lo
		if op == term.Sub {
			flip = hi
		}
		out, _ = g.adder(out, x, y, flip, flip)
		return out
	case term.Mul:
		return g.multiply(out, x, y)
	case term.UDiv:
		q, _ := g.divide(x, y)
		return append(out, q...)
	case term.URem:
		_, r := g.divide(x, y)
		return append(out, r...)
	case term.SDiv, term.SRem:
		return append(out, g.divideSigned(op, x, y)...)
	case term.Shl, term.LShr, term.AShr:
		return g.shift(out, op, x, y)
	case term.Concat:
		return append(append(out, y...), x...)
	case term.Extract:
		top, low := b.store.Bounds(t)
		return append(out, x[low:top+1]...)
	case term.ZExt, term.SExt:
		fill := lo
		if op == term.SExt {
			fill = x[len(x)-1]
		}
		out = append(out, x...)
		for range b.store.Width(t) - len(x) {
			out = append(out, fill)
		}
		return out
	default:
		panic("blast: no circuit for " + op.String())
	}
}

func (b *Blaster) leaf(out []lit, t term.Term) []lit {
	v, isConst := b.store.Value(t)
	for i := range max(b.store.Width(t), 1) {
		switch {
		case !isConst:
			out = append(out, b.gates.input())
		case v.Bit(i):
			out = append(out, hi)
		default:
			out = append(out, lo)
		}
	}
	return out
}

func (g *gates) bitwise(out []lit, op term.Op, x, y []lit) []lit {
	for i := range x {
		var l lit
		switch op {
		case term.And:
			l = g.and(x[i], y[i])
		case term.Or:
			l = g.or(x[i], y[i])
		case term.Xor:
			l = g.xor(x[i], y[i])
		default:
			l = x[i] ^ 1
		}
		out = append(out, l)
	}
	return out
}
