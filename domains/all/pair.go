package all

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
)

type (
	both = domains.Both[tnum.Tnum, interval.Interval]
	pair = domains.Pair[tnum.Tnum, interval.Interval, tnum.Domain, interval.Domain, bitsAndBounds]
)

// TnumInterval is the reduced product that every default contains, as one Scalar.
// It is a domains.Pair whose hot methods are written out, since calls through type
// parameters cannot be inlined: an addition takes two thirds of the time.
type TnumInterval struct{ pair }

// Const is constant in both.
func (TnumInterval) Const(w isa.Width, x uint64) both {
	return both{A: tnum.Domain{}.Const(w, x), B: interval.Domain{}.Const(w, x)}
}

// Join joins side by side.
func (TnumInterval) Join(a, b both) both {
	return both{A: tnum.Join(a.A, b.A), B: interval.Join(a.B, b.B)}
}

// Leq asks both.
func (TnumInterval) Leq(a, b both) bool { return tnum.Leq(a.A, b.A) && interval.Leq(a.B, b.B) }

// IsBottom reports whether either is empty.
func (TnumInterval) IsBottom(e both) bool { return e.A.IsEmpty() || e.B.IsEmpty() }

// ALU works side by side and reduces.
func (TnumInterval) ALU(op isa.ALUOp, w isa.Width, a, b both) both {
	t := tnum.Domain{}.ALU(op, w, a.A, b.A)
	if t.IsConst() { // as it is if both operands are
		return both{A: t, B: interval.Domain{}.Const(w, t.Value)}
	}
	t, e := bitsAndBounds{}.Reduce(w, t, interval.Domain{}.ALU(op, w, a.B, b.B))
	return both{A: t, B: e}
}

// Assume works side by side and reduces.
func (TnumInterval) Assume(c isa.Cond, w isa.Width, a, b both) (both, both) {
	t, u := tnum.Assume(c, w, a.A, b.A)
	e, f := interval.Domain{}.Assume(c, w, a.B, b.B)
	t, e = bitsAndBounds{}.Reduce(w, t, e)
	u, f = bitsAndBounds{}.Reduce(w, u, f)
	if t.IsEmpty() || u.IsEmpty() {
		t, u, e, f = tnum.Domain{}.Bottom(), tnum.Domain{}.Bottom(), interval.Domain{}.Bottom(), interval.Domain{}.Bottom()
	}
	return both{A: t, B: e}, both{A: u, B: f}
}

// Word shows the bits of the tnum and the bounds of the interval, reduced, as they
// need not be after a join.
func (TnumInterval) Word(w isa.Width, e both) domains.Word {
	t, i := bitsAndBounds{}.Reduce(w, e.A, e.B)
	if t.IsEmpty() {
		return domains.Word{Empty: true}
	}
	return interval.Bounds(w, i, t.Value, t.Mask)
}

func newTnumInterval(w isa.Width, n int) domains.Numeric {
	return domains.NewLift[both](TnumInterval{}, w, n)
}

// bitsAndBounds reduces without the detour over Words.
type bitsAndBounds struct{}

// Reduce gives the tnum the leading bits of the bounds, moves the bounds inwards to
// members of the tnum, and gives the tnum the bits that this showed.
func (bitsAndBounds) Reduce(w isa.Width, t tnum.Tnum, e interval.Interval) (tnum.Tnum, interval.Interval) {
	if t.IsEmpty() || e.IsEmpty() {
		return tnum.Domain{}.Bottom(), interval.Domain{}.Bottom()
	}
	if t.IsConst() {
		if x, ok := e.IsConst(); ok && t.Value == x {
			return t, e
		}
	}
	t = withBounds(w, t, e)
	if t.IsEmpty() {
		return t, interval.Domain{}.Bottom()
	}
	tight := interval.WithBits(w, e, t.Value, t.Mask)
	if tight == e {
		return t, e
	}
	if tight.IsEmpty() {
		return tnum.Domain{}.Bottom(), tight
	}
	return withBounds(w, t, tight), tight
}

// Known asks the tnum: it is constant if the interval is.
func (bitsAndBounds) Known(t tnum.Tnum, _ interval.Interval) (uint64, bool) {
	return t.Value, t.IsConst()
}

func withBounds(w isa.Width, t tnum.Tnum, e interval.Interval) tnum.Tnum {
	value, mask := interval.Bits(w, e)
	return tnum.Meet(t, tnum.Tnum{Value: value, Mask: mask})
}
