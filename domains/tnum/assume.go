package tnum

import "github.com/bpfcheck/bpfcheck/isa"

// Assume returns what is left of a and b if isa.Holds(c, w, x, y). If no pair can be
// left both results are empty. Both are best for every condition.
func Assume(c isa.Cond, w isa.Width, a, b Tnum) (Tnum, Tnum) {
	if a.IsEmpty() || b.IsEmpty() {
		return empty, empty
	}
	x, y := assumeLow(c, w, a.and(w.Mask()), b.and(w.Mask()))
	if x.IsEmpty() || y.IsEmpty() {
		return empty, empty
	}
	return within(w, a, x), within(w, b, y)
}

// assumeLow is Assume on tnums of w.Op bits.
func assumeLow(c isa.Cond, w isa.Width, x, y Tnum) (Tnum, Tnum) {
	switch c {
	case isa.EQ:
		m := Meet(x, y)
		return m, m
	case isa.NE:
		return except(x, y), except(y, x)
	case isa.LT:
		return less(x, y)
	case isa.LE:
		return AtMost(x, y.Max()), AtLeast(y, x.Min())
	case isa.SET:
		return meets(x, y)
	case isa.NSET:
		return disjoint(x, y)
	case isa.SLT, isa.SLE:
		s := w.Sign()
		x, y = assumeLow(unsignedCond(c), w, flip(x, s), flip(y, s))
		return flip(x, s), flip(y, s)
	case isa.GT, isa.GE, isa.SGT, isa.SGE:
		y, x = assumeLow(c.Swap(), w, y, x)
		return x, y
	}
	panic("tnum: Assume of no condition")
}

func unsignedCond(c isa.Cond) isa.Cond {
	if c == isa.SLT {
		return isa.LT
	}
	return isa.LE
}

// flip inverts the sign bit, which maps signed order to unsigned order and back.
func flip(t Tnum, sign uint64) Tnum {
	if t.IsEmpty() {
		return empty
	}
	return Tnum{(t.Value ^ sign) &^ t.Mask, t.Mask}
}

// less is x < y, unsigned.
func less(x, y Tnum) (Tnum, Tnum) {
	if y.Max() == 0 || x.Min() >= y.Max() {
		return empty, empty
	}
	return AtMost(x, y.Max()-1), AtLeast(y, x.Min()+1)
}

// except is {x : x != y} for a constant y; else nothing follows.
func except(x, y Tnum) Tnum {
	if y.Mask != 0 || (x.Value^y.Value)&^x.Mask != 0 {
		return x
	}
	if x.Mask == 0 {
		return empty
	}
	if x.Mask&(x.Mask-1) != 0 {
		return x
	}
	return Tnum{Value: y.Value ^ x.Mask} // of two members the other one
}

// meets is x & y != 0: if only one bit can be in both, it is.
func meets(x, y Tnum) (Tnum, Tnum) {
	both := x.Max() & y.Max()
	if both == 0 {
		return empty, empty
	}
	if both&(both-1) != 0 {
		return x, y
	}
	return Tnum{x.Value | both, x.Mask &^ both}, Tnum{y.Value | both, y.Mask &^ both}
}

// disjoint is x & y == 0: a known one of either is 0 in the other.
func disjoint(x, y Tnum) (Tnum, Tnum) {
	if x.Value&y.Value != 0 {
		return empty, empty
	}
	return Tnum{x.Value, x.Mask &^ y.Value}, Tnum{y.Value, y.Mask &^ x.Value}
}
