package all

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
)

// TnumInterval is the reduced product that every default contains, as one Scalar.
type TnumInterval = domains.Pair[tnum.Tnum, interval.Interval, tnum.Domain, interval.Domain, bitsAndBounds]

func newTnumInterval(w isa.Width, n int) domains.Numeric {
	return domains.NewLift[domains.Both[tnum.Tnum, interval.Interval]](TnumInterval{}, w, n)
}

// bitsAndBounds reduces without the detour over Words.
type bitsAndBounds struct{}

// Reduce gives the tnum the leading bits of the bounds, moves the bounds inwards to
// members of the tnum, and gives the tnum the bits that this showed.
func (bitsAndBounds) Reduce(w isa.Width, t tnum.Tnum, e interval.Interval) (tnum.Tnum, interval.Interval) {
	if t.IsEmpty() || e.IsEmpty() {
		return tnum.Domain{}.Bottom(), interval.Domain{}.Bottom()
	}
	if x, ok := e.IsConst(); ok && t.IsConst() && t.Value == x {
		return t, e
	}
	t = withBounds(w, t, e)
	if t.IsEmpty() {
		return t, interval.Domain{}.Bottom()
	}
	tight := interval.WithBits(w, e, t.Value, t.Mask)
	if tight == e {
		return t, e
	}
	if tight.IsEmpty() {
		return tnum.Domain{}.Bottom(), tight
	}
	return withBounds(w, t, tight), tight
}

// Known asks the tnum: it is constant if the interval is.
func (bitsAndBounds) Known(t tnum.Tnum, _ interval.Interval) (uint64, bool) {
	return t.Value, t.IsConst()
}

func withBounds(w isa.Width, t tnum.Tnum, e interval.Interval) tnum.Tnum {
	value, mask := interval.Bits(w, e)
	return tnum.Meet(t, tnum.Tnum{Value: value, Mask: mask})
}
