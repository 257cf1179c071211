package tnum

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// smear sets every bit below the highest one of x.
func smear(x uint64) uint64 { return 1<<bits.Len64(x) - 1 }

// Add is the best tnum of {x + y}.
//
// The least sum adds the known ones, the greatest also all the unknown bits. A
// bit's carry is unknown where the two disagree.
func Add(w isa.Width, a, b Tnum) Tnum {
	least := a.Value + b.Value
	greatest := least + a.Mask + b.Mask
	mask := (least ^ greatest) | a.Mask | b.Mask
	return Tnum{least &^ mask, mask}.and(w.Mask())
}

// Sub is the best tnum of {x - y}.
func Sub(w isa.Width, a, b Tnum) Tnum {
	base := a.Value - b.Value
	greatest, least := base+a.Mask, base-b.Mask
	mask := (least ^ greatest) | a.Mask | b.Mask
	return Tnum{base &^ mask, mask}.and(w.Mask())
}

// Neg is the best tnum of {-x}.
func Neg(w isa.Width, a Tnum) Tnum { return Sub(w, Tnum{}, a) }

// And is the best tnum of {x & y}.
func And(w isa.Width, a, b Tnum) Tnum {
	ones := a.Value & b.Value
	return Tnum{ones, a.Max() & b.Max() &^ ones}.and(w.Mask())
}

// Or is the best tnum of {x | y}.
func Or(w isa.Width, a, b Tnum) Tnum {
	ones := a.Value | b.Value
	return Tnum{ones, (a.Mask | b.Mask) &^ ones}.and(w.Mask())
}

// Xor is the best tnum of {x ^ y}.
func Xor(w isa.Width, a, b Tnum) Tnum {
	mask := a.Mask | b.Mask
	return Tnum{(a.Value ^ b.Value) &^ mask, mask}.and(w.Mask())
}

// Shift is the best tnum of the Lsh, Rsh or Arsh of x by y.
//
// It is a barrel shifter: bit i of the amount shifts by 2^i or not at all, and
// where that bit is unknown the two are joined. A bit of the result is known iff
// all bits that can come there are known and equal, in one stage as in all of
// them, so that nothing is lost by joining early.
func Shift(op isa.ALUOp, w isa.Width, a, b Tnum) Tnum {
	amount := uint64(w.Op - 1)
	r := a.and(w.Mask())
	for i := 0; i < 6; i++ {
		step := amount & (1 << i)
		if step&b.Max() == 0 {
			continue
		}
		s := shiftBy(op, w, r, step)
		if step&b.Mask != 0 {
			s = Join(r, s)
		}
		r = s
	}
	return r
}

// shiftBy shifts a tnum of w.Op bits by a constant less than w.Op.
func shiftBy(op isa.ALUOp, w isa.Width, a Tnum, k uint64) Tnum {
	switch op {
	case isa.Lsh:
		return Tnum{a.Value << k, a.Mask << k}.and(w.Mask())
	case isa.Rsh:
		return Tnum{a.Value >> k, a.Mask >> k}
	}
	// Arsh: an unknown sign bit fills with unknown bits.
	return Tnum{uint64(w.Signed(a.Value) >> k), uint64(w.Signed(a.Mask) >> k)}.and(w.Mask())
}

// SignExtend is the best tnum of the low field bits of x, sign-extended to w.Op bits.
func SignExtend(w isa.Width, field uint8, b Tnum) Tnum {
	f := isa.Width{Word: w.Word, Op: field}
	return Tnum{uint64(f.Signed(b.Value)), uint64(f.Signed(b.Mask))}.and(w.Mask())
}

// Div contains {x / y}, unsigned, with x / 0 = 0.
//
// Dividing by a power of two shifts; else the leading bits that all quotients
// share are known.
func Div(w isa.Width, a, b Tnum) Tnum {
	a, b = a.and(w.Mask()), b.and(w.Mask())
	if b.Max() == 0 {
		return Tnum{}
	}
	var r Tnum
	if k := bits.TrailingZeros64(b.Value); b.Mask == 0 && b.Value == 1<<k {
		r = Tnum{a.Value >> k, a.Mask >> k}
	} else {
		r = Range(a.Min()/b.Max(), a.Max()/leastDivisor(b))
	}
	if b.Value == 0 {
		r = Join(r, Tnum{})
	}
	return r
}

// Mod contains {x mod y}, unsigned, with x mod 0 = x.
//
// The low bits in which every divisor is 0 pass through: x - q*y has them from x.
// The leading bits follow from the bounds.
func Mod(w isa.Width, a, b Tnum) Tnum {
	a, b = a.and(w.Mask()), b.and(w.Mask())
	if b.Max() == 0 {
		return a
	}
	pass := lowZeros(b)
	low := Tnum{a.Value & pass, a.Mask&pass | w.Mask()&^pass}
	high := Range(modBounds(a.Min(), a.Max(), leastDivisor(b), b.Max()))
	r := Meet(high, low)
	if b.Value == 0 {
		r = Join(r, a)
	}
	return r
}

// lowZeros returns the low bits that are 0 in every member.
func lowZeros(b Tnum) uint64 { return (b.Max() & -b.Max()) - 1 }

// leastDivisor is the least member that is not 0. There is one.
func leastDivisor(b Tnum) uint64 {
	if b.Value != 0 {
		return b.Value
	}
	return b.Mask & -b.Mask
}

// modBounds returns bounds of x mod y for lo <= x <= hi and 0 < least <= y <= greatest.
func modBounds(lo, hi, least, greatest uint64) (uint64, uint64) {
	q := lo / greatest
	if q != hi/least {
		return 0, min(hi, greatest-1)
	}
	// All quotients are q, and x - q*y falls with y. Nothing overflows: q*greatest
	// <= lo and q*least <= hi.
	return lo - q*greatest, min(hi-q*least, greatest-1)
}

// SDiv contains the signed quotients, with x / 0 = 0, SMod the signed remainders,
// with x mod 0 = x and the sign of x. Both work by magnitudes, sign by sign.
func SDiv(w isa.Width, a, b Tnum) Tnum { return signed(isa.Div, w, a, b) }

// SMod is the remainder to SDiv.
func SMod(w isa.Width, a, b Tnum) Tnum { return signed(isa.Mod, w, a, b) }

func signed(op isa.ALUOp, w isa.Width, a, b Tnum) Tnum {
	a, b = a.and(w.Mask()), b.and(w.Mask())
	sign := w.Sign()
	if (a.Max()|b.Max())&sign == 0 { // both known to be non-negative
		return unsigned(op, w, a, b)
	}
	r := empty
	for i := 0; i < 4; i++ {
		negX, negY := i&1 != 0, i&2 != 0
		x, y := half(sign, a, negX), half(sign, b, negY)
		if x.IsEmpty() || y.IsEmpty() {
			continue
		}
		if negX {
			x = Neg(w, x)
		}
		if negY {
			y = Neg(w, y)
		}
		q := unsigned(op, w, x, y)
		if negX != (negY && op == isa.Div) {
			q = Neg(w, q)
		}
		r = Join(r, q)
	}
	return r
}

func unsigned(op isa.ALUOp, w isa.Width, a, b Tnum) Tnum {
	if op == isa.Div {
		return Div(w, a, b)
	}
	return Mod(w, a, b)
}

// half returns the members whose sign bit is as asked for.
func half(sign uint64, t Tnum, negative bool) Tnum {
	if negative {
		if t.Max()&sign == 0 {
			return empty
		}
		return Tnum{t.Value | sign, t.Mask &^ sign}
	}
	if t.Value&sign != 0 {
		return empty
	}
	return Tnum{t.Value, t.Mask &^ sign}
}
