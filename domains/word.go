package domains

import "github.com/bpfcheck/bpfcheck/isa"

// Word is the format in which domains exchange what they know of one variable:
// known bits, and bounds of the word and of its subregister (the low half),
// unsigned and signed. It is a conjunction; a field that says nothing holds its
// widest value, so that Word can be met field by field. The zero value is the
// constant 0.
type Word struct {
	// Value and Mask are a tnum: bit i is unknown if Mask has it, else as in
	// Value. Value & Mask == 0.
	Value, Mask uint64
	// UMin..UMax and SMin..SMax bound the word. SMin and SMax are sign-extended
	// from the word's width.
	UMin, UMax uint64
	SMin, SMax int64
	// U32Min..U32Max and S32Min..S32Max bound the subregister.
	U32Min, U32Max uint32
	S32Min, S32Max int32
	// Empty is set if no word is possible; the other fields are then undefined.
	Empty bool
}

// TopWord returns the Word that every x is in.
func TopWord(w isa.Width) Word {
	sub := w.Sub()
	return Word{
		Mask: w.WordMask(), UMax: w.WordMask(),
		SMin: w.Whole().Signed(w.Whole().Sign()), SMax: int64(w.WordMask() >> 1),
		U32Max: uint32(w.SubMask()),
		S32Min: int32(sub.Signed(sub.Sign())), S32Max: int32(w.SubMask() >> 1),
	}
}

// ConstWord returns the Word that only x is in.
func ConstWord(w isa.Width, x uint64) Word {
	x &= w.WordMask()
	s, lo := w.Whole().Signed(x), x&w.SubMask()
	s32 := int32(w.Sub().Signed(lo))
	return Word{Value: x, UMin: x, UMax: x, SMin: s, SMax: s,
		U32Min: uint32(lo), U32Max: uint32(lo), S32Min: s32, S32Max: s32}
}

// Contains reports whether x is in γ(d).
func (d Word) Contains(w isa.Width, x uint64) bool {
	s, lo := w.Whole().Signed(x), uint32(x&w.SubMask())
	s32 := int32(w.Sub().Signed(uint64(lo)))
	return !d.Empty && x&^d.Mask == d.Value && d.UMin <= x && x <= d.UMax && d.SMin <= s && s <= d.SMax &&
		d.U32Min <= lo && lo <= d.U32Max && d.S32Min <= s32 && s32 <= d.S32Max
}

// Const returns the only word in γ(d), if there is one that d shows.
func (d Word) Const() (uint64, bool) {
	switch {
	case d.Empty:
		return 0, false
	case d.Mask == 0:
		return d.Value, true
	case d.UMin == d.UMax:
		return d.UMin, true
	}
	return 0, false
}

// Meet returns the conjunction of both.
func (d Word) Meet(e Word) Word {
	if d.Empty || e.Empty || (d.Value^e.Value)&^d.Mask&^e.Mask != 0 {
		return Word{Empty: true}
	}
	m := Word{
		Value: d.Value | e.Value, Mask: d.Mask & e.Mask,
		UMin: max(d.UMin, e.UMin), UMax: min(d.UMax, e.UMax),
		SMin: max(d.SMin, e.SMin), SMax: min(d.SMax, e.SMax),
		U32Min: max(d.U32Min, e.U32Min), U32Max: min(d.U32Max, e.U32Max),
		S32Min: max(d.S32Min, e.S32Min), S32Max: min(d.S32Max, e.S32Max),
	}
	m.Empty = m.UMin > m.UMax || m.SMin > m.SMax || m.U32Min > m.U32Max || m.S32Min > m.S32Max
	return m
}
