package interval

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Domain makes a domains.Scalar of the package's functions.
type Domain struct{}

var _ domains.Scalar[Interval] = Domain{}

// Name returns "interval".
func (Domain) Name() string { return "interval" }

// Top has full ranges.
func (Domain) Top(w isa.Width) Interval { return pack(fullSet(w.Word), fullSet(w.Word/2)) }

// Bottom has empty ranges.
func (Domain) Bottom() Interval { return empty }

// IsBottom is exact.
func (Domain) IsBottom(e Interval) bool { return e.IsEmpty() }

// Const has one range of one word.
func (Domain) Const(w isa.Width, x uint64) Interval { return constant(w, x) }

func constant(w isa.Width, x uint64) Interval {
	x &= w.WordMask()
	if x <= w.SubMask()>>1 {
		return narrow(w, Span{x, x})
	}
	low := x & w.SubMask()
	return pack(rangeSet(w.Word, x, x), rangeSet(w.Word/2, low, low))
}

// Contains is the definition of γ.
func (Domain) Contains(w isa.Width, e Interval, x uint64) bool {
	return e.word().contains(x) && e.low().contains(x&w.SubMask())
}

func (a Set) contains(x uint64) bool {
	return a.Pos.Lo <= x && x <= a.Pos.Hi || a.Neg.Lo <= x && x <= a.Neg.Hi
}

// Leq is exact for a canonical a.
func (Domain) Leq(a, b Interval) bool { return Leq(a, b) }

// Join is the least upper bound of canonical intervals.
func (Domain) Join(a, b Interval) Interval { return Join(a, b) }

// Meet is exact.
func (Domain) Meet(w isa.Width, a, b Interval) Interval { return Meet(w, a, b) }

// Widen moves each bound that b exceeds to the next threshold, or to the end of its
// half; a range that was empty becomes that of b. The result is not made
// canonical: each of the eight bounds only grows, from a finite set, so that every
// chain ends.
func (Domain) Widen(w isa.Width, a, b Interval, t *domains.Thresholds) Interval {
	return pack(widenSet(w.Word, a.word(), b.word(), t), widenSet(w.Word/2, a.low(), b.low(), t))
}

func widenSet(n uint8, a, b Set, t *domains.Thresholds) Set {
	full := fullSet(n)
	return Set{widenSpan(a.Pos, b.Pos, full.Pos, t), widenSpan(a.Neg, b.Neg, full.Neg, t)}
}

func widenSpan(a, b, full Span, t *domains.Thresholds) Span {
	if a.isEmpty() || b.isEmpty() {
		return a.join(b)
	}
	if b.Lo < a.Lo {
		a.Lo = t.Below(b.Lo, full.Lo)
	}
	if b.Hi > a.Hi {
		a.Hi = t.Above(b.Hi, full.Hi)
	}
	return a
}

// ALU owes Eval(op, w, x, y) ∈ γ.
func (Domain) ALU(op isa.ALUOp, w isa.Width, a, b Interval) Interval {
	if a.isSmall(w) && b.isSmall(w) {
		if s := smallALU(op, w, Span{a.PosMin, a.PosMax}, Span{b.PosMin, b.PosMax}); s.Hi <= w.SubMask() {
			return narrow(w, s)
		}
	}
	return ALU(op, w, a, b)
}

// Assume narrows both operands.
func (Domain) Assume(c isa.Cond, w isa.Width, a, b Interval) (Interval, Interval) {
	if a.isSmall(w) && b.isSmall(w) && c != isa.SET && c != isa.NSET {
		return smallAssume(c, w, Span{a.PosMin, a.PosMax}, Span{b.PosMin, b.PosMax})
	}
	return Assume(c, w, a, b)
}

// Word shows the bounds, and the bits that they have in common.
func (Domain) Word(w isa.Width, e Interval) domains.Word {
	if e.IsEmpty() {
		return domains.Word{Empty: true}
	}
	value, mask := Bits(w, e)
	return Bounds(w, e, value, mask)
}

// Bounds returns the Word of the bounds of e, which is not empty, and the given bits.
func Bounds(w isa.Width, e Interval, value, mask uint64) domains.Word {
	word, low := e.word(), e.low()
	d := domains.Word{
		Value: value, Mask: mask,
		UMin: word.min(), UMax: word.max(),
		U32Min: uint32(low.min()), U32Max: uint32(low.max()),
	}
	d.SMin, d.SMax = signedBounds(w.Whole(), word)
	lo, hi := signedBounds(w.Sub(), low)
	d.S32Min, d.S32Max = int32(lo), int32(hi)
	return d
}

// signedBounds returns the bounds in signed order of a set that is not empty.
func signedBounds(w isa.Width, s Set) (int64, int64) {
	lo, hi := s.Neg.Lo, s.Pos.Hi
	if s.Neg.isEmpty() {
		lo = s.Pos.Lo
	}
	if s.Pos.isEmpty() {
		hi = s.Neg.Hi
	}
	return w.Signed(lo), w.Signed(hi)
}

// FromWord keeps the bounds, narrowed to words that have the known bits.
func (Domain) FromWord(w isa.Width, d domains.Word) Interval {
	if d.Empty {
		return empty
	}
	word := rangeSet(w.Word, d.UMin, d.UMax).meet(signedSet(w.Whole(), d.SMin, d.SMax))
	low := rangeSet(w.Word/2, uint64(d.U32Min), uint64(d.U32Max)).
		meet(signedSet(w.Sub(), int64(d.S32Min), int64(d.S32Max)))
	m := w.SubMask()
	return canonical(w, word.withBits(d.Value, d.Mask), low.withBits(d.Value&m, d.Mask&m))
}

// signedSet returns the words between two signed bounds.
func signedSet(w isa.Width, lo, hi int64) Set {
	r := noSet
	if hi >= 0 {
		r.Pos = Span{uint64(max(lo, 0)), uint64(hi)}
	}
	if lo < 0 {
		r.Neg = Span{uint64(lo) & w.Mask(), uint64(min(hi, -1)) & w.Mask()}
	}
	return r
}
