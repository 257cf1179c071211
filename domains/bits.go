package domains

import "math/bits"

// The bridge between known bits and bounds, used by every domain that has either.
// A tnum (value, mask) is the set {x : x &^ mask == value}; all four functions are
// exact and take constant time.

// RangeBits returns the best tnum of the numbers from lo to hi: their common
// leading bits. lo <= hi.
func RangeBits(lo, hi uint64) (value, mask uint64) {
	mask = low(bits.Len64(lo ^ hi))
	return lo &^ mask, mask
}

// LeastMember returns the least member of a tnum that is at least x, and false if there is none.
func LeastMember(value, mask, x uint64) (uint64, bool) {
	wrong := (x ^ value) &^ mask
	if wrong == 0 {
		return x, true
	}
	k := bits.Len64(wrong) // x agrees with the tnum from bit k up
	if value>>(k-1)&1 != 0 {
		// Setting bit k-1 makes the number greater than x; below it all is free.
		return x&^low(k) | value&low(k), true
	}
	// Bit k-1 has to fall, so an unknown bit above it has to rise: the lowest that can.
	rise := mask &^ x &^ low(k)
	if rise == 0 {
		return 0, false
	}
	rise &= -rise
	return (x|rise)&^(rise-1) | value&(rise-1), true
}

// GreatestMember returns the greatest member of a tnum that is at most x, and
// false if there is none.
func GreatestMember(value, mask, x uint64) (uint64, bool) {
	y, ok := LeastMember(^(value | mask), mask, ^x)
	return ^y, ok
}

// low returns the n lowest bits set, 0 <= n <= 64.
func low(n int) uint64 { return 1<<n - 1 }
