package interval

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// signExtend returns the low field bits of words with the given low halves,
// sign-extended to w.Op bits.
func signExtend(w isa.Width, field uint8, low Set) Interval {
	s := lowBits(field, low)
	sub := extend(field, w.Word/2, s)
	if !w.Full() {
		return zeroExtend(sub)
	}
	return canonical(w, extend(field, w.Word, s), sub)
}

// extend sign-extends a set from n bits to m, n <= m.
func extend(n, m uint8, s Set) Set {
	if !s.Neg.isEmpty() {
		high := ones(m) &^ ones(n)
		s.Neg = Span{s.Neg.Lo | high, s.Neg.Hi | high}
	}
	return s
}

// swap is the byte swaps: the leading bytes that all words share stay known
// wherever they go.
func swap(op isa.ALUOp, w isa.Width, a Interval) Interval {
	s := a.word()
	if w.Field(op) < w.Word {
		s = a.low()
	}
	value, mask := prefix(s)
	value, mask = isa.Eval(op, w, value, 0), isa.Eval(op, w, mask, 0)
	return canonical(w, rangeSet(w.Word, value, value|mask), fullSet(w.Word/2))
}

// prefix returns the known bits of a set that is not empty.
func prefix(s Set) (value, mask uint64) {
	switch {
	case s.Neg.isEmpty():
		return domains.RangeBits(s.Pos.Lo, s.Pos.Hi)
	case s.Pos.isEmpty():
		return domains.RangeBits(s.Neg.Lo, s.Neg.Hi)
	}
	v, m := domains.RangeBits(s.Pos.Lo, s.Pos.Hi)
	v2, m2 := domains.RangeBits(s.Neg.Lo, s.Neg.Hi)
	m |= m2 | (v ^ v2)
	return v &^ m, m
}

// smear sets every bit below the highest one of x.
func smear(x uint64) uint64 { return 1<<bits.Len64(x) - 1 }

// Warren's four loops look for the highest bit at which one of the bounds can be
// moved, with all bits below it set free, at a profit. A bound can be moved at a
// bit iff that is not above the highest bit in which the two bounds of its span
// differ, so the bit is found without a loop.

// minOr is the least x | y: raise one lower bound to have a bit that the other
// brings anyway, and zeros below.
func minOr(x, y Span) uint64 {
	raiseX := ^x.Lo & y.Lo & smear(x.Lo^x.Hi)
	raiseY := x.Lo & ^y.Lo & smear(y.Lo^y.Hi)
	if raiseX|raiseY == 0 {
		return x.Lo | y.Lo
	}
	bit := uint64(1) << (bits.Len64(raiseX|raiseY) - 1)
	if raiseX&bit != 0 {
		return (x.Lo|bit)&-bit | y.Lo
	}
	return x.Lo | (y.Lo|bit)&-bit
}

// maxOr is the greatest x | y: give up a bit that both upper bounds have for ones
// below.
func maxOr(x, y Span) uint64 {
	drop := x.Hi & y.Hi & (smear(x.Lo^x.Hi) | smear(y.Lo^y.Hi))
	return x.Hi | y.Hi | smear(drop)
}

// minAnd and maxAnd are the others by De Morgan.
func minAnd(x, y Span) uint64 {
	return ^maxOr(Span{^x.Hi, ^x.Lo}, Span{^y.Hi, ^y.Lo})
}

func maxAnd(x, y Span) uint64 {
	return ^minOr(Span{^x.Hi, ^x.Lo}, Span{^y.Hi, ^y.Lo})
}

// xorBounds returns bounds of x ^ y: the known leading bits, the distance of x and
// y from below, their or from above.
func xorBounds(x, y Span) (uint64, uint64) {
	vx, mx := domains.RangeBits(x.Lo, x.Hi)
	vy, my := domains.RangeBits(y.Lo, y.Hi)
	m := mx | my
	lo := (vx ^ vy) &^ m
	hi := lo | m
	if x.Lo > y.Hi {
		lo = max(lo, x.Lo-y.Hi)
	}
	if y.Lo > x.Hi {
		lo = max(lo, y.Lo-x.Hi)
	}
	return lo, min(hi, maxOr(x, y))
}
