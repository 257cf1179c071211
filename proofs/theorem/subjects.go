package theorem

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
)

type tnumSubject struct{ tnum.Domain }

// formed: no bit is known and unknown, none is above the word, and there is one
// empty tnum.
func (tnumSubject) formed(w isa.Width, e tnum.Tnum) bool {
	if e.IsEmpty() {
		return e.Value == ^uint64(0) && e.Mask == ^uint64(0)
	}
	return e.Value|e.Mask <= w.WordMask()
}

type intervalSubject struct{ interval.Domain }

// formed is weaker than canonical, so that it holds after widening, too: each range
// is empty in the one way or inside its half, and the word's are both empty if and
// only if the subregister's are.
func (intervalSubject) formed(w isa.Width, e interval.Interval) bool {
	word, sub := w.WordMask(), w.SubMask()
	pos := span(e.PosMin, e.PosMax, 0, word>>1, ^uint64(0))
	neg := span(e.NegMin, e.NegMax, word>>1+1, word, ^uint64(0))
	lowPos := span(uint64(e.LowPosMin), uint64(e.LowPosMax), 0, sub>>1, uint64(^uint32(0)))
	lowNeg := span(uint64(e.LowNegMin), uint64(e.LowNegMax), sub>>1+1, sub, uint64(^uint32(0)))
	noWord := e.PosMin > e.PosMax && e.NegMin > e.NegMax
	noLow := e.LowPosMin > e.LowPosMax && e.LowNegMin > e.LowNegMax
	return pos && neg && lowPos && lowNeg && noWord == noLow
}

// span reports whether a range is empty, {none, 0}, or from least to most.
func span(lo, hi, least, most, none uint64) bool {
	return lo == none && hi == 0 || least <= lo && lo <= hi && hi <= most
}

// The theorems of a domain, each a function that can be called and be read.

// TnumConst and the other functions Tnum… state the theorems of domains/tnum.
func TnumConst(w isa.Width, x uint64) Outcome[tnum.Tnum] { return constOf(tnumSubject{}, w, x) }
func TnumALU(op isa.ALUOp, w isa.Width, a, b tnum.Tnum, x, y uint64) Outcome[tnum.Tnum] {
	return alu(tnumSubject{}, op, w, a, b, x, y)
}
func TnumAssume(c isa.Cond, w isa.Width, a, b tnum.Tnum, x, y uint64) Outcome[tnum.Tnum] {
	return assume(tnumSubject{}, c, w, a, b, x, y)
}
func TnumJoin(w isa.Width, a, b tnum.Tnum, x uint64) Outcome[tnum.Tnum] {
	return join(tnumSubject{}, w, a, b, x)
}
func TnumMeet(w isa.Width, a, b tnum.Tnum, x uint64) Outcome[tnum.Tnum] {
	return meet(tnumSubject{}, w, a, b, x)
}
func TnumLeq(w isa.Width, a, b tnum.Tnum, x uint64) Outcome[tnum.Tnum] {
	return leq(tnumSubject{}, w, a, b, x)
}
func TnumBottom(w isa.Width, a tnum.Tnum, x uint64) Outcome[tnum.Tnum] {
	return bottom(tnumSubject{}, w, a, x)
}
func TnumWiden(w isa.Width, a, b tnum.Tnum, t *domains.Thresholds, x uint64) Outcome[tnum.Tnum] {
	return widen(tnumSubject{}, w, a, b, t, x)
}
func TnumWord(w isa.Width, a tnum.Tnum, x uint64) Outcome[tnum.Tnum] {
	return show(tnumSubject{}, w, a, x)
}
func TnumFromWord(w isa.Width, i domains.Word, x uint64) Outcome[tnum.Tnum] {
	return read[tnum.Tnum](tnumSubject{}, w, i, x)
}

// IntervalConst and the other functions Interval… state the theorems of domains/interval.
func IntervalConst(w isa.Width, x uint64) Outcome[interval.Interval] {
	return constOf(intervalSubject{}, w, x)
}
func IntervalALU(op isa.ALUOp, w isa.Width, a, b interval.Interval, x, y uint64) Outcome[interval.Interval] {
	return alu(intervalSubject{}, op, w, a, b, x, y)
}
func IntervalAssume(c isa.Cond, w isa.Width, a, b interval.Interval, x, y uint64) Outcome[interval.Interval] {
	return assume(intervalSubject{}, c, w, a, b, x, y)
}
func IntervalJoin(w isa.Width, a, b interval.Interval, x uint64) Outcome[interval.Interval] {
	return join(intervalSubject{}, w, a, b, x)
}
func IntervalMeet(w isa.Width, a, b interval.Interval, x uint64) Outcome[interval.Interval] {
	return meet(intervalSubject{}, w, a, b, x)
}
func IntervalLeq(w isa.Width, a, b interval.Interval, x uint64) Outcome[interval.Interval] {
	return leq(intervalSubject{}, w, a, b, x)
}
func IntervalBottom(w isa.Width, a interval.Interval, x uint64) Outcome[interval.Interval] {
	return bottom(intervalSubject{}, w, a, x)
}
func IntervalWiden(w isa.Width, a, b interval.Interval, t *domains.Thresholds, x uint64) Outcome[interval.Interval] {
	return widen(intervalSubject{}, w, a, b, t, x)
}
func IntervalWord(w isa.Width, a interval.Interval, x uint64) Outcome[interval.Interval] {
	return show(intervalSubject{}, w, a, x)
}
func IntervalFromWord(w isa.Width, i domains.Word, x uint64) Outcome[interval.Interval] {
	return read[interval.Interval](intervalSubject{}, w, i, x)
}
