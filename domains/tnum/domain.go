package tnum

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Domain makes a domains.Scalar of the package's functions.
type Domain struct{}

var _ domains.Scalar[Tnum] = Domain{}

// Name returns "tnum".
func (Domain) Name() string { return "tnum" }

// Top has all bits of the word unknown.
func (Domain) Top(w isa.Width) Tnum { return Tnum{Mask: w.WordMask()} }

// Bottom is the empty set.
func (Domain) Bottom() Tnum { return empty }

// IsBottom is exact.
func (Domain) IsBottom(e Tnum) bool { return e.IsEmpty() }

// Const has no bit unknown.
func (Domain) Const(w isa.Width, x uint64) Tnum { return Tnum{Value: x & w.WordMask()} }

// Contains is the definition of γ.
func (Domain) Contains(_ isa.Width, e Tnum, x uint64) bool {
	return !e.IsEmpty() && x&^e.Mask == e.Value
}

// Leq is exact.
func (Domain) Leq(a, b Tnum) bool { return Leq(a, b) }

// Join is the least upper bound.
func (Domain) Join(a, b Tnum) Tnum { return Join(a, b) }

// Meet is exact.
func (Domain) Meet(_ isa.Width, a, b Tnum) Tnum { return Meet(a, b) }

// Widen joins and gives up every bit from the lowest one lost up to the top of the
// next threshold. It ends since each step that changes a loses a bit; that it goes
// up to the threshold keeps a counter from losing them one by one.
func (Domain) Widen(w isa.Width, a, b Tnum, t *domains.Thresholds) Tnum {
	r := Join(a, b)
	if a.IsEmpty() || r == a {
		return r
	}
	lost := r.Mask &^ a.Mask
	limit := t.Above(r.Max(), w.WordMask())
	r.Mask |= smear(limit) &^ (lost&-lost - 1)
	return Tnum{r.Value &^ r.Mask, r.Mask}
}

// ALU owes Eval(op, w, x, y) ∈ γ. It is best for every operation but
// multiplication, division and remainder.
func (Domain) ALU(op isa.ALUOp, w isa.Width, a, b Tnum) Tnum {
	if a.IsEmpty() || b.IsEmpty() {
		return empty
	}
	if a.Mask|b.Mask == 0 {
		return Tnum{Value: isa.Eval(op, w, a.Value, b.Value)}
	}
	switch op {
	case isa.Add:
		return Add(w, a, b)
	case isa.Sub:
		return Sub(w, a, b)
	case isa.Mul:
		return Mul(w, a, b)
	case isa.Div:
		return Div(w, a, b)
	case isa.SDiv:
		return SDiv(w, a, b)
	case isa.Mod:
		return Mod(w, a, b)
	case isa.SMod:
		return SMod(w, a, b)
	case isa.Or:
		return Or(w, a, b)
	case isa.And:
		return And(w, a, b)
	case isa.Xor:
		return Xor(w, a, b)
	case isa.Lsh, isa.Rsh, isa.Arsh:
		return Shift(op, w, a, b)
	}
	return unary(op, w, a, b)
}

func unary(op isa.ALUOp, w isa.Width, a, b Tnum) Tnum {
	switch op {
	case isa.Neg:
		return Neg(w, a)
	case isa.Mov:
		return b.and(w.Mask())
	case isa.MovSX8, isa.MovSX16, isa.MovSX32:
		return SignExtend(w, w.Field(op), b)
	case isa.Trunc16, isa.Trunc32, isa.Trunc64, isa.Bswap16, isa.Bswap32, isa.Bswap64:
		// These only move bits, unknown ones as any others.
		return Tnum{isa.Eval(op, w, a.Value, 0), isa.Eval(op, w, a.Mask, 0)}
	}
	panic("tnum: ALU of no operation")
}

// Assume is best for both operands.
func (Domain) Assume(c isa.Cond, w isa.Width, a, b Tnum) (Tnum, Tnum) { return Assume(c, w, a, b) }

// Word shows the bits, and the bounds that follow from them.
func (Domain) Word(w isa.Width, e Tnum) domains.Word {
	if e.IsEmpty() {
		return domains.Word{Empty: true}
	}
	d := domains.Word{Value: e.Value, Mask: e.Mask, UMin: e.Min(), UMax: e.Max()}
	d.SMin, d.SMax = SignedBounds(w.Whole(), e)
	low := e.and(w.SubMask())
	d.U32Min, d.U32Max = uint32(low.Min()), uint32(low.Max())
	s, t := SignedBounds(w.Sub(), low)
	d.S32Min, d.S32Max = int32(s), int32(t)
	return d
}

// SignedBounds returns the least and the greatest member, taken as signed numbers
// of w.Op bits. t has no bits above those.
func SignedBounds(w isa.Width, t Tnum) (int64, int64) {
	s := w.Sign() & t.Mask // an unknown sign bit is 1 in the least, 0 in the greatest
	return w.Signed(t.Value | s), w.Signed(t.Max() &^ s)
}

// FromWord keeps the bits, and the leading bits that the bounds have in common.
func (Domain) FromWord(w isa.Width, d domains.Word) Tnum {
	if d.Empty {
		return empty
	}
	r := Meet(Tnum{d.Value, d.Mask}, Range(d.UMin, d.UMax))
	r = Meet(r, signedRange(w.Whole(), d.SMin, d.SMax))
	low := Meet(Range(uint64(d.U32Min), uint64(d.U32Max)), signedRange(w.Sub(), int64(d.S32Min), int64(d.S32Max)))
	if low.IsEmpty() {
		return empty
	}
	return Meet(r, within(w.Sub(), Tnum{Mask: w.WordMask()}, low))
}

// signedRange is the best tnum of the numbers of w.Op bits between two signed bounds.
func signedRange(w isa.Width, lo, hi int64) Tnum {
	if lo < 0 && hi >= 0 { // -1 and 0 are both in it, and share no bit
		return Tnum{Mask: w.Mask()}
	}
	return Range(uint64(lo)&w.Mask(), uint64(hi)&w.Mask())
}

// String shows a tnum in binary, "x" for the unknown bits, without leading zeros.
func (t Tnum) String() string {
	if t.IsEmpty() {
		return "empty"
	}
	n := max(bits.Len64(t.Max()), 1)
	s := make([]byte, 0, 2+64)
	s = append(s, "0b"...)
	for i := n - 1; i >= 0; i-- {
		switch {
		case t.Mask>>i&1 != 0:
			s = append(s, 'x')
		default:
			s = append(s, '0'+byte(t.Value>>i&1))
		}
	}
	return string(s)
}
