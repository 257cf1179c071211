package tnum

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// Mul contains {x * y}: the meet of both algorithms in both orders.
func Mul(w isa.Width, a, b Tnum) Tnum {
	a, b = a.and(w.Mask()), b.and(w.Mask())
	if isPower(b) {
		return shiftBy(isa.Lsh, w, a, uint64(bits.TrailingZeros64(b.Value)))
	}
	if isPower(a) {
		return shiftBy(isa.Lsh, w, b, uint64(bits.TrailingZeros64(a.Value)))
	}
	r := Meet(mulSplit(a, b), mulSplit(b, a))
	r = Meet(r, Meet(mulJoin(a, b), mulJoin(b, a)))
	return r.and(w.Mask())
}

// isPower reports whether t is one power of two.
func isPower(t Tnum) bool { return t.Mask == 0 && t.Value != 0 && t.Value&(t.Value-1) == 0 }

// mulSplit multiplies the known ones exactly and sums, apart, what the unknown
// bits may add: at a known one of a the unknown bits of b, at an unknown bit of a
// all possible ones of b. All modulo 2^64.
func mulSplit(a, b Tnum) Tnum {
	product := Tnum{Value: a.Value * b.Value}
	var unknown uint64 // a tnum of value 0
	for i := 0; i < 64; i++ {
		if a.Max() == 0 {
			break
		}
		unknown = splitStep(a, b, unknown)
		a = Tnum{a.Value >> 1, a.Mask >> 1}
		b = Tnum{b.Value << 1, b.Mask << 1}
	}
	return Add(isa.W64, product, Tnum{Mask: unknown})
}

// splitStep adds the partial products of bit 0 of a to a sum of unknown bits.
func splitStep(a, b Tnum, sum uint64) uint64 {
	var part uint64
	if a.Value&1 != 0 {
		part = b.Mask
	} else if a.Mask&1 != 0 {
		part = b.Max()
	}
	return sum | part | (sum + part)
}

// mulJoin is long multiplication: a known one of a adds b, an unknown bit of a
// joins the sums with and without. All modulo 2^64.
func mulJoin(a, b Tnum) Tnum {
	var sum Tnum
	for i := 0; i < 64; i++ {
		if a.Max() == 0 {
			break
		}
		sum = joinStep(a, b, sum)
		a = Tnum{a.Value >> 1, a.Mask >> 1}
		b = Tnum{b.Value << 1, b.Mask << 1}
	}
	return sum
}

// joinStep adds b times bit 0 of a to a sum.
func joinStep(a, b, sum Tnum) Tnum {
	more := Add(isa.W64, sum, b)
	if a.Value&1 != 0 {
		return more
	}
	if a.Mask&1 != 0 {
		return Join(sum, more)
	}
	return sum
}
