package interval

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Assume returns what is left of a and b if isa.Holds(c, w, x, y). If no pair can
// be left both results are empty. A comparison of words narrows the subregisters
// too, and one of subregisters the words.
func Assume(c isa.Cond, w isa.Width, a, b Interval) (Interval, Interval) {
	if a.IsEmpty() || b.IsEmpty() {
		return empty, empty
	}
	if c == isa.EQ && w.Full() {
		m := Meet(w, a, b)
		return m, m
	}
	x, y := assumeSets(c, w.Op, a.set(w), b.set(w))
	a, b = replace(w, a, x), replace(w, b, y)
	if a.IsEmpty() || b.IsEmpty() {
		return empty, empty
	}
	return a, b
}

// replace returns e with the set of an operation's width narrowed.
func replace(w isa.Width, e Interval, s Set) Interval {
	if s == e.set(w) {
		return e
	}
	if w.Full() {
		return canonical(w, s, e.low())
	}
	return canonical(w, e.word(), s)
}

// assumeSets is Assume on sets of n-bit words, neither empty.
func assumeSets(c isa.Cond, n uint8, x, y Set) (Set, Set) {
	switch c {
	case isa.EQ:
		m := x.meet(y)
		return m, m
	case isa.NE:
		return x.except(y), y.except(x)
	case isa.LT:
		if y.max() == 0 || x.min() == ones(n) {
			return noSet, noSet
		}
		return x.meet(rangeSet(n, 0, y.max()-1)), y.meet(rangeSet(n, x.min()+1, ones(n)))
	case isa.LE:
		return x.meet(rangeSet(n, 0, y.max())), y.meet(rangeSet(n, x.min(), ones(n)))
	case isa.SLT:
		x, y = assumeSets(isa.LT, n, flip(n, x), flip(n, y))
		return flip(n, x), flip(n, y)
	case isa.SLE:
		x, y = assumeSets(isa.LE, n, flip(n, x), flip(n, y))
		return flip(n, x), flip(n, y)
	case isa.GT, isa.GE, isa.SGT, isa.SGE:
		y, x = assumeSets(c.Swap(), n, y, x)
		return x, y
	case isa.SET:
		return commonBit(n, x, y)
	case isa.NSET:
		vx, _ := prefix(x)
		vy, _ := prefix(y)
		return x.withBits(0, ones(n)&^vy), y.withBits(0, ones(n)&^vx)
	}
	panic("interval: Assume of no condition")
}

// flip inverts the sign bit, which maps signed order to unsigned order and back.
func flip(n uint8, s Set) Set {
	sign := ones(n)>>1 + 1
	r := noSet
	if !s.Pos.isEmpty() {
		r.Neg = Span{s.Pos.Lo + sign, s.Pos.Hi + sign}
	}
	if !s.Neg.isEmpty() {
		r.Pos = Span{s.Neg.Lo - sign, s.Neg.Hi - sign}
	}
	return r
}

// except is {x : x != y} for a constant y; else nothing follows.
func (a Set) except(y Set) Set {
	k, ok := y.constant()
	if !ok {
		return a
	}
	return Set{a.Pos.except(k), a.Neg.except(k)}
}

func (s Span) except(k uint64) Span {
	switch {
	case s.isEmpty() || s.Lo == k && s.Hi == k:
		return noSpan
	case s.Lo == k:
		s.Lo++
	case s.Hi == k:
		s.Hi--
	}
	return s
}

// commonBit is x & y != 0. The two share one of the bits that either may have: if
// there is only one such bit both have it, else both are at least the lowest.
func commonBit(n uint8, x, y Set) (Set, Set) {
	vx, mx := prefix(x)
	vy, my := prefix(y)
	both := (vx | mx) & (vy | my)
	if both == 0 {
		return noSet, noSet
	}
	if both&(both-1) == 0 {
		return x.withBits(both, ones(n)&^both), y.withBits(both, ones(n)&^both)
	}
	atLeast := rangeSet(n, both&-both, ones(n))
	return x.meet(atLeast), y.meet(atLeast)
}

// withBits moves the bounds inwards to members of a tnum.
func (a Set) withBits(value, mask uint64) Set {
	return Set{a.Pos.withBits(value, mask), a.Neg.withBits(value, mask)}
}

func (s Span) withBits(value, mask uint64) Span {
	if s.isEmpty() {
		return noSpan
	}
	lo, okLo := domains.LeastMember(value, mask, s.Lo)
	hi, okHi := domains.GreatestMember(value, mask, s.Hi)
	if !okLo || !okHi || lo > hi {
		return noSpan
	}
	return Span{lo, hi}
}

// hasBits reports whether all bounds are members of a tnum.
func (a Set) hasBits(value, mask uint64) bool {
	return a.Pos.hasBits(value, mask) && a.Neg.hasBits(value, mask)
}

func (s Span) hasBits(value, mask uint64) bool {
	return s.Lo > s.Hi || (s.Lo^value|s.Hi^value)&^mask == 0
}

// WithBits returns the members of e that are in the tnum (value, mask); all others
// are dropped where they are at the ends of a range.
func WithBits(w isa.Width, e Interval, value, mask uint64) Interval {
	m := w.SubMask()
	if e.isSmall(w) {
		s := Span{e.PosMin, e.PosMax}
		if s.hasBits(value, mask) {
			return e
		}
		if s = s.withBits(value, mask); s.isEmpty() {
			return empty
		}
		return narrow(w, s)
	}
	word, low := e.word(), e.low()
	if word.hasBits(value, mask) && low.hasBits(value&m, mask&m) {
		return e
	}
	return canonical(w, word.withBits(value, mask), low.withBits(value&m, mask&m))
}

// Bits returns the best tnum of the words of e and of its subregister, met, as
// value and mask. e is not empty.
func Bits(w isa.Width, e Interval) (value, mask uint64) {
	value, mask = prefix(e.word())
	if e.isSmall(w) || mask&w.SubMask() == 0 {
		return value, mask
	}
	v, m := prefix(e.low())
	m |= w.WordMask() &^ w.SubMask()
	return value | v, mask & m
}
