// Package interval is the domain of bounds: of the word and of its subregister
// (the low half), each unsigned and signed at once.
//
// The idea: a set with unsigned and with signed bounds is the same thing as two
// ranges, one of its words with a clear and one of those with a set sign bit. A
// Set holds these two Spans, for which no order has to be chosen: arithmetic maps
// a pair of spans to an arc of the circle of 2^n words, and an arc is cut into
// spans again at the two poles. The pair of Sets of an Interval, of the word and
// of the subregister, stands for their intersection.
//
// Canonical form: each of the eight bounds is attained by a member of γ. It is
// reached in one pass (see canonical), so inclusion and join are comparisons bound
// by bound, and are exact. Only Widen leaves it: bounds that were widened stay
// where they are put, since tightening them again would cost termination.
//
// Sources: the conversions between signed and unsigned order are those of LLVM's
// and Linux's range analyses; bitwise bounds are Warren, Hacker's Delight (2nd
// ed.), section 4-3, with the loops solved.
//
// The trap: an empty span is {^0, 0} so that min and max join without a branch;
// a span must be tested for emptiness before its bounds mean anything.
package interval

import "github.com/bpfcheck/bpfcheck/isa"

// Span is the words from Lo to Hi, unsigned. It is empty if Lo > Hi.
type Span struct{ Lo, Hi uint64 }

// Set is a set of n-bit words: those of Pos have the sign bit clear, those of Neg
// have it set.
type Set struct{ Pos, Neg Span }

// Interval is the words that lie in the word's two ranges and whose low half lies
// in the subregister's two ranges. The zero value is the constant 0.
type Interval struct {
	PosMin, PosMax       uint64
	NegMin, NegMax       uint64
	LowPosMin, LowPosMax uint32
	LowNegMin, LowNegMax uint32
}

var (
	noSpan = Span{Lo: ^uint64(0)}
	noSet  = Set{noSpan, noSpan}
	empty  = pack(noSet, noSet)
)

// ones returns the n lowest bits set, 1 <= n <= 64.
func ones(n uint8) uint64 { return ^uint64(0) >> (64 - n) }

// fullSet returns all words of n bits.
func fullSet(n uint8) Set {
	m := ones(n)
	return Set{Span{0, m >> 1}, Span{m>>1 + 1, m}}
}

// rangeSet returns the n-bit words from lo to hi, unsigned, none if lo > hi.
func rangeSet(n uint8, lo, hi uint64) Set {
	if lo > hi {
		return noSet
	}
	return noSet.line(ones(n)>>1, lo, hi)
}

func (s Span) isEmpty() bool { return s.Lo > s.Hi }

func (s Span) isConst() bool { return s.Lo == s.Hi }

// meet returns the intersection, noSpan if it is empty.
func (s Span) meet(t Span) Span {
	s = Span{max(s.Lo, t.Lo), min(s.Hi, t.Hi)}
	if s.Lo > s.Hi {
		return noSpan
	}
	return s
}

func (s Span) join(t Span) Span { return Span{min(s.Lo, t.Lo), max(s.Hi, t.Hi)} }

func (a Set) meet(b Set) Set { return Set{a.Pos.meet(b.Pos), a.Neg.meet(b.Neg)} }

func (a Set) join(b Set) Set { return Set{a.Pos.join(b.Pos), a.Neg.join(b.Neg)} }

func (a Set) isEmpty() bool { return a.Pos.isEmpty() && a.Neg.isEmpty() }

// min and max are the bounds in unsigned order. The set is not empty.
func (a Set) min() uint64 { return min(a.Pos.Lo, a.Neg.Lo) }

func (a Set) max() uint64 { return max(a.Pos.Hi, a.Neg.Hi) }

// constant returns the only member, if there is just one.
func (a Set) constant() (uint64, bool) {
	switch {
	case a.Neg.isEmpty():
		return a.Pos.Lo, a.Pos.isConst()
	case a.Pos.isEmpty():
		return a.Neg.Lo, a.Neg.isConst()
	}
	return 0, false
}

// line joins the words from lo to hi, unsigned, lo <= hi. top is the greatest
// word whose sign bit is clear.
func (a Set) line(top, lo, hi uint64) Set {
	if lo <= top {
		a.Pos = a.Pos.join(Span{lo, min(hi, top)})
	}
	if hi > top {
		a.Neg = a.Neg.join(Span{max(lo, top+1), hi})
	}
	return a
}

// arc joins the n-bit words met when counting up from lo to hi, through the wrap
// if lo > hi.
func (a Set) arc(n uint8, lo, hi uint64) Set {
	m := ones(n)
	if lo <= hi {
		return a.line(m>>1, lo, hi)
	}
	return a.line(m>>1, lo, m).line(m>>1, 0, hi)
}

func (e Interval) word() Set {
	return Set{Span{e.PosMin, e.PosMax}, Span{e.NegMin, e.NegMax}}
}

func (e Interval) low() Set {
	return Set{
		Span{uint64(e.LowPosMin), uint64(e.LowPosMax)},
		Span{uint64(e.LowNegMin), uint64(e.LowNegMax)},
	}
}

func pack(word, low Set) Interval {
	return Interval{
		PosMin: word.Pos.Lo, PosMax: word.Pos.Hi, NegMin: word.Neg.Lo, NegMax: word.Neg.Hi,
		LowPosMin: uint32(low.Pos.Lo), LowPosMax: uint32(low.Pos.Hi),
		LowNegMin: uint32(low.Neg.Lo), LowNegMax: uint32(low.Neg.Hi),
	}
}

// set returns the set of an operation's width.
func (e Interval) set(w isa.Width) Set {
	if w.Full() {
		return e.word()
	}
	return e.low()
}

// IsEmpty reports whether γ(e) is empty.
func (e Interval) IsEmpty() bool { return e.PosMin > e.PosMax && e.NegMin > e.NegMax }

// IsConst returns the only member of γ(e), if there is just one.
func (e Interval) IsConst() (uint64, bool) { return e.word().constant() }

// canonical returns the words of the first set whose low half is in the second,
// with every bound attained.
//
// First each word bound moves inwards to the next word whose low half is allowed.
// Then each low bound moves to what the words leave of it. The first step's words
// stay members, so nothing is left to do after the second.
func canonical(w isa.Width, word, low Set) Interval {
	if low == fullSet(w.Word/2) {
		low = lowHalf(w, word)
	} else {
		word = Set{tighten(w, word.Pos, low), tighten(w, word.Neg, low)}
		low = lowPart(w, word.Pos, low).join(lowPart(w, word.Neg, low))
	}
	if word.isEmpty() {
		return empty
	}
	return pack(word, low)
}

// lowHalf returns the low halves of the words, exactly.
func lowHalf(w isa.Width, word Set) Set { return lowBits(w.Word/2, word) }

// lowBits returns the low n bits of the words, exactly.
func lowBits(n uint8, s Set) Set { return fold(n, fold(n, noSet, s.Pos), s.Neg) }

// fold joins the low n bits of the words of a span.
func fold(n uint8, r Set, s Span) Set {
	if s.isEmpty() {
		return r
	}
	m := ones(n)
	if s.Hi-s.Lo >= m {
		return fullSet(n)
	}
	return r.arc(n, s.Lo&m, s.Hi&m)
}

// tighten moves the bounds of a span inwards to words whose low half is in low.
func tighten(w isa.Width, s Span, low Set) Span {
	if s.isEmpty() || low.isEmpty() {
		return noSpan
	}
	lo, okLo := nextLow(w, s.Lo, low)
	hi, okHi := prevLow(w, s.Hi, low)
	if !okLo || !okHi || lo > hi {
		return noSpan
	}
	return Span{lo, hi}
}

// nextLow returns the least number that is at least x and has its low half in
// low, which is not empty; false if that takes more than 64 bits.
func nextLow(w isa.Width, x uint64, low Set) (uint64, bool) {
	m := w.SubMask()
	l := x & m
	block := x - l
	if !low.Pos.isEmpty() && l <= low.Pos.Hi {
		return block + max(l, low.Pos.Lo), true
	}
	if !low.Neg.isEmpty() && l <= low.Neg.Hi {
		return block + max(l, low.Neg.Lo), true
	}
	block += m + 1
	return block + low.min(), block != 0
}

// prevLow returns the greatest number that is at most x and has its low half in
// low, which is not empty; false if there is none.
func prevLow(w isa.Width, x uint64, low Set) (uint64, bool) {
	m := w.SubMask()
	l := x & m
	block := x - l
	if !low.Neg.isEmpty() && l >= low.Neg.Lo {
		return block + min(l, low.Neg.Hi), true
	}
	if !low.Pos.isEmpty() && l >= low.Pos.Lo {
		return block + min(l, low.Pos.Hi), true
	}
	return block - (m + 1) + low.max(), block != 0
}

// lowPart returns the bounds of the low halves, in low, of the words of a span
// whose own bounds have their low halves there.
func lowPart(w isa.Width, s Span, low Set) Set {
	if s.isEmpty() {
		return noSet
	}
	h, m := w.Word/2, w.SubMask()
	switch s.Hi>>h - s.Lo>>h {
	case 0:
		return low.meet(rangeSet(h, s.Lo&m, s.Hi&m))
	case 1:
		return low.meet(rangeSet(h, s.Lo&m, m)).join(low.meet(rangeSet(h, 0, s.Hi&m)))
	}
	return Set{low.Pos.meet(low.Pos), low.Neg.meet(low.Neg)} // all of it, empty spans as noSpan
}

// zeroExtend returns the words whose low half is in low and whose high half is 0,
// none if there is none.
func zeroExtend(low Set) Interval {
	return pack(Set{Span{low.min(), low.max()}, noSpan}, low)
}

// Join returns the least interval that contains both, as long as these are canonical.
func Join(a, b Interval) Interval {
	return Interval{
		min(a.PosMin, b.PosMin), max(a.PosMax, b.PosMax),
		min(a.NegMin, b.NegMin), max(a.NegMax, b.NegMax),
		min(a.LowPosMin, b.LowPosMin), max(a.LowPosMax, b.LowPosMax),
		min(a.LowNegMin, b.LowNegMin), max(a.LowNegMax, b.LowNegMax),
	}
}

// Leq reports γ(a) ⊆ γ(b); exactly, if a is canonical.
func Leq(a, b Interval) bool { return Join(a, b) == b }

// Meet returns γ(a) ∩ γ(b), exactly.
func Meet(w isa.Width, a, b Interval) Interval {
	return canonical(w, a.word().meet(b.word()), a.low().meet(b.low()))
}
