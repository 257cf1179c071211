// Package tnum is the domain of known bits ("tristate numbers").
//
// The idea: each bit of a word is 0, 1 or unknown. A Tnum holds the known ones in
// Value and the unknown bits in Mask; γ(t) = {x : x &^ t.Mask == t.Value}. All
// operations are a handful of machine instructions on the two words.
//
// Addition, subtraction and one of the two multiplications follow Vishwanathan,
// Shachnai, Narayana and Nagarakatte, "Sound, Precise, and Fast Abstract
// Interpretation with Tristate Numbers" (CGO 2022); the other multiplication joins
// at each unknown bit of the multiplier, as published for Linux in 2025. Neither
// is better than the other, nor is either order of their arguments: Mul meets
// all four.
//
// The functions are written for translation to SMT: values in, values out,
// loops with constant bounds. Those that take a Width work on its low Op bits and
// zero-extend, like isa.Eval.
//
// The trap: bits of Value and Mask above the word must stay 0, and a bit may be
// in only one of the two. A bit in both is how the empty set is written.
package tnum

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Tnum is a set of words given by known bits. The zero value is the constant 0.
type Tnum struct {
	// Value has the bits known to be 1, Mask the unknown ones.
	Value, Mask uint64
}

// empty is the only empty Tnum that the functions of this package return.
var empty = Tnum{^uint64(0), ^uint64(0)}

// IsEmpty reports whether γ(t) is empty.
func (t Tnum) IsEmpty() bool { return t.Value&t.Mask != 0 }

// IsConst reports whether γ(t) has exactly one member, which is then t.Value.
func (t Tnum) IsConst() bool { return t.Mask == 0 }

// Min is the least member, unsigned.
func (t Tnum) Min() uint64 { return t.Value }

// Max is the greatest member, unsigned.
func (t Tnum) Max() uint64 { return t.Value | t.Mask }

// and returns {x & m : x ∈ t} for a constant m.
func (t Tnum) and(m uint64) Tnum { return Tnum{t.Value & m, t.Mask & m} }

// Join returns the least tnum that contains both.
func Join(a, b Tnum) Tnum {
	if a.IsEmpty() {
		return b
	}
	if b.IsEmpty() {
		return a
	}
	mask := a.Mask | b.Mask | (a.Value ^ b.Value)
	return Tnum{a.Value &^ mask, mask}
}

// Meet returns γ(a) ∩ γ(b), exactly.
func Meet(a, b Tnum) Tnum {
	if a.IsEmpty() || b.IsEmpty() || (a.Value^b.Value)&^a.Mask&^b.Mask != 0 {
		return empty
	}
	return Tnum{a.Value | b.Value, a.Mask & b.Mask}
}

// Leq reports γ(a) ⊆ γ(b), exactly.
func Leq(a, b Tnum) bool {
	if a.IsEmpty() {
		return true
	}
	return !b.IsEmpty() && a.Mask&^b.Mask == 0 && (a.Value^b.Value)&^b.Mask == 0
}

// AtMost returns the best tnum of {x ∈ t : x <= limit}.
//
// An unknown bit u can be 1 only if Value + u <= limit; once one can, everything
// below it is free.
func AtMost(t Tnum, limit uint64) Tnum {
	if t.IsEmpty() || t.Value > limit {
		return empty
	}
	t.Mask &= smear(limit - t.Value)
	return t
}

// AtLeast returns the best tnum of {x ∈ t : x >= limit}.
func AtLeast(t Tnum, limit uint64) Tnum {
	if t.IsEmpty() || t.Max() < limit {
		return empty
	}
	must := t.Mask &^ smear(t.Max()-limit)
	return Tnum{t.Value | must, t.Mask &^ must}
}

// Range returns the best tnum of the numbers from lo to hi, lo <= hi.
func Range(lo, hi uint64) Tnum {
	value, mask := domains.RangeBits(lo, hi)
	return Tnum{value, mask}
}

// within puts the low bits of a word back that an operation on its low Op bits narrowed.
func within(w isa.Width, whole, low Tnum) Tnum {
	if low.IsEmpty() {
		return empty
	}
	m := w.Mask()
	return Tnum{whole.Value&^m | low.Value, whole.Mask&^m | low.Mask}
}
