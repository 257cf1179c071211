package zone

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// offset returns the number e with x + e = (x + delta) mod 2^w over ℤ for all x in
// d's unsigned bounds: delta if none of them wraps, delta - 2^w if all do, and
// not ok otherwise. This is the only bridge from offsets to edges.
func offset(w isa.Width, d *domains.Word, delta uint64) (e int64, ok bool) {
	m := w.WordMask()
	delta &= m
	switch {
	case delta <= m-d.UMax:
		return int64(delta), delta <= limit
	case d.UMin > m-delta:
		back := m - delta + 1 // delta > 0, as it wraps
		return -int64(back), back <= limit
	}
	return 0, false
}

// shiftWord returns what is known of x + delta modulo 2^w if d is known of x.
func shiftWord(w isa.Width, d *domains.Word, delta uint64) domains.Word {
	if delta &= w.WordMask(); d.Empty || delta == 0 {
		return *d
	}
	r := domains.TopWord(w)
	// A bit is unknown if it was, or if the carry into it is not the same for the
	// least and the greatest x: carries are monotone in x's unknown bits.
	low, high := d.Value+delta, (d.Value|d.Mask)+delta
	r.Mask = (d.Mask | (low ^ high)) & w.WordMask()
	r.Value = low &^ r.Mask & w.WordMask()

	whole, sub := w.Whole(), w.Sub()
	arc(whole, d.UMin+delta, d.UMax+delta, &r)
	arc(whole, uint64(d.SMin)+delta, uint64(d.SMax)+delta, &r)
	arc(sub, uint64(d.U32Min)+delta, uint64(d.U32Max)+delta, &r)
	arc(sub, uint64(int64(d.S32Min))+delta, uint64(int64(d.S32Max))+delta, &r)
	tighten(w, &r)
	return r
}

// arc meets r's bounds of width w with the numbers passed when counting up from
// lo to hi modulo 2^w.Op, in the signednesses in which they are an interval.
func arc(w isa.Width, lo, hi uint64, r *domains.Word) {
	lo, hi = lo&w.Mask(), hi&w.Mask()
	if lo <= hi {
		meetU(w, r, lo, hi)
	}
	if w.Signed(lo) <= w.Signed(hi) {
		meetS(w, r, w.Signed(lo), w.Signed(hi))
	}
}

// unsigned and signed return d's bounds at the operation's width; meetU and
// meetS sharpen them.
func unsigned(w isa.Width, d *domains.Word) (lo, hi uint64) {
	if w.Full() {
		return d.UMin, d.UMax
	}
	return uint64(d.U32Min), uint64(d.U32Max)
}

func signed(w isa.Width, d *domains.Word) (lo, hi int64) {
	if w.Full() {
		return d.SMin, d.SMax
	}
	return int64(d.S32Min), int64(d.S32Max)
}

func meetU(w isa.Width, d *domains.Word, lo, hi uint64) {
	if w.Full() {
		d.UMin, d.UMax = max(d.UMin, lo), min(d.UMax, hi)
		d.Empty = d.Empty || d.UMin > d.UMax
		return
	}
	d.U32Min, d.U32Max = max(d.U32Min, uint32(lo)), min(d.U32Max, uint32(hi))
	d.Empty = d.Empty || d.U32Min > d.U32Max
}

func meetS(w isa.Width, d *domains.Word, lo, hi int64) {
	if w.Full() {
		d.SMin, d.SMax = max(d.SMin, lo), min(d.SMax, hi)
		d.Empty = d.Empty || d.SMin > d.SMax
		return
	}
	d.S32Min, d.S32Max = max(d.S32Min, int32(lo)), min(d.S32Max, int32(hi))
	d.Empty = d.Empty || d.S32Min > d.S32Max
}

// meetBits makes the bits outside mask those of value.
func meetBits(d *domains.Word, value, mask uint64) {
	d.Empty = d.Empty || (d.Value^value)&^d.Mask&^mask != 0
	d.Value, d.Mask = d.Value|(value&^mask&d.Mask), d.Mask&mask
}

// tighten lets d's fields sharpen each other; γ(d) stays. Two rounds bring
// nearly everything across; a third hardly ever adds something.
func tighten(w isa.Width, d *domains.Word) {
	for round := 0; round < 2 && !d.Empty; round++ {
		old := *d
		exchange(w.Whole(), d)
		halves(w, d)
		exchange(w.Sub(), d)
		halves(w, d)
		if *d == old {
			return
		}
	}
}

// exchange sharpens bits, unsigned and signed bounds of one width by each other.
func exchange(w isa.Width, d *domains.Word) {
	m := w.Mask()
	meetU(w, d, d.Value&m, (d.Value|d.Mask)&m)
	if lo, hi := signed(w, d); lo >= 0 || hi < 0 {
		meetU(w, d, uint64(lo)&m, uint64(hi)&m)
	}
	lo, hi := unsigned(w, d)
	if d.Empty {
		return
	}
	if (lo^hi)&w.Sign() == 0 {
		meetS(w, d, w.Signed(lo), w.Signed(hi))
	}
	meetBits(d, lo, low(bits.Len64(lo^hi))|^m) // the bits above the highest that differs
}

// halves sharpens the word's and the subregister's unsigned bounds by each other,
// where all words have the same upper half.
func halves(w isa.Width, d *domains.Word) {
	m := w.SubMask()
	if upper := d.UMin &^ m; !d.Empty && upper == d.UMax&^m {
		meetU(w.Sub(), d, d.UMin&m, d.UMax&m)
		meetU(w.Whole(), d, upper|uint64(d.U32Min), upper|uint64(d.U32Max))
	}
}

// low returns a mask of the n low bits.
func low(n int) uint64 { return 1<<n - 1 }

// joinWord returns the least Word that covers both, field by field.
func joinWord(a, b *domains.Word) domains.Word {
	m := a.Mask | b.Mask | (a.Value ^ b.Value)
	return domains.Word{
		Value: a.Value &^ m, Mask: m,
		UMin: min(a.UMin, b.UMin), UMax: max(a.UMax, b.UMax),
		SMin: min(a.SMin, b.SMin), SMax: max(a.SMax, b.SMax),
		U32Min: min(a.U32Min, b.U32Min), U32Max: max(a.U32Max, b.U32Max),
		S32Min: min(a.S32Min, b.S32Min), S32Max: max(a.S32Max, b.S32Max),
	}
}

// widenWord is joinWord, with bounds that move sent to the next threshold or to
// the end. Of the bits, all from the lowest that is lost to the top of the
// threshold go, so that a counter does not lose them one by one.
func widenWord(w isa.Width, a, b *domains.Word, t *domains.Thresholds) domains.Word {
	r, top := joinWord(a, b), domains.TopWord(w)
	if lost := r.Mask &^ a.Mask; lost != 0 {
		end := t.Above(r.Value|r.Mask, w.WordMask())
		r.Mask |= low(bits.Len64(end)) &^ (lost&-lost - 1)
		r.Value &^= r.Mask
	}
	if r.UMin != a.UMin {
		r.UMin = t.Below(r.UMin, top.UMin)
	}
	if r.UMax != a.UMax {
		r.UMax = t.Above(r.UMax, top.UMax)
	}
	if r.SMin != a.SMin {
		r.SMin = t.BelowSigned(r.SMin, top.SMin)
	}
	if r.SMax != a.SMax {
		r.SMax = t.AboveSigned(r.SMax, top.SMax)
	}
	if r.U32Min != a.U32Min {
		r.U32Min = uint32(t.Below(uint64(r.U32Min), uint64(top.U32Min)))
	}
	if r.U32Max != a.U32Max {
		r.U32Max = uint32(t.Above(uint64(r.U32Max), uint64(top.U32Max)))
	}
	if r.S32Min != a.S32Min {
		r.S32Min = int32(t.BelowSigned(int64(r.S32Min), int64(top.S32Min)))
	}
	if r.S32Max != a.S32Max {
		r.S32Max = int32(t.AboveSigned(int64(r.S32Max), int64(top.S32Max)))
	}
	return r
}

// leqWord reports whether each field of a is within b's.
func leqWord(a, b *domains.Word) bool {
	return a.Mask&^b.Mask == 0 && (a.Value^b.Value)&^b.Mask == 0 &&
		b.UMin <= a.UMin && a.UMax <= b.UMax && b.SMin <= a.SMin && a.SMax <= b.SMax &&
		b.U32Min <= a.U32Min && a.U32Max <= b.U32Max && b.S32Min <= a.S32Min && a.S32Max <= b.S32Max
}
