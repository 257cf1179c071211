package interval

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// ALU returns e with isa.Eval(op, w, x, y) ∈ γ(e) for all x ∈ γ(a), y ∈ γ(b). It
// is the general case; Domain.ALU answers for small operands first.
func ALU(op isa.ALUOp, w isa.Width, a, b Interval) Interval {
	if a.IsEmpty() || b.IsEmpty() {
		return empty
	}
	if x, ok := a.IsConst(); ok {
		if y, ok := b.IsConst(); ok {
			return constant(w, isa.Eval(op, w, x, y))
		}
	}
	switch op {
	case isa.Add, isa.Sub, isa.Mul, isa.And, isa.Or, isa.Xor:
		return ring(op, w, a, b)
	case isa.Div, isa.SDiv, isa.Mod, isa.SMod, isa.Rsh, isa.Arsh:
		if !w.Full() {
			return zeroExtend(pairs(op, w.Op, a.low(), b.low()))
		}
		return canonical(w, pairs(op, w.Op, a.word(), b.word()), fullSet(w.Word/2))
	case isa.Lsh:
		return shiftLeft(w, a, b)
	case isa.Neg:
		zero := Set{Span{}, noSpan}
		return ring(isa.Sub, w, pack(zero, zero), a)
	case isa.Mov:
		if w.Full() {
			return b
		}
		return zeroExtend(b.low())
	case isa.MovSX8, isa.MovSX16, isa.MovSX32:
		return signExtend(w, w.Field(op), b.low())
	case isa.Trunc16, isa.Trunc32:
		low := a.low()
		if f := w.Field(op); f < w.Word/2 {
			low = lowBits(f, low)
			low = rangeSet(w.Word/2, low.min(), low.max())
		}
		return zeroExtend(low)
	case isa.Trunc64:
		return a
	case isa.Bswap16, isa.Bswap32, isa.Bswap64:
		return swap(op, w, a)
	}
	panic("interval: ALU of no operation")
}

// ring does the operations whose low half depends on low halves only.
func ring(op isa.ALUOp, w isa.Width, a, b Interval) Interval {
	if !w.Full() {
		return zeroExtend(pairs(op, w.Op, a.low(), b.low()))
	}
	top := Domain{}.Top(w)
	if (a == top || b == top) && (op == isa.Add || op == isa.Sub || op == isa.Xor) {
		return top
	}
	word := pairs(op, w.Word, a.word(), b.word())
	return canonical(w, word, pairs(op, w.Word/2, a.low(), b.low()))
}

// pairs joins op over the spans of two sets of n-bit words.
func pairs(op isa.ALUOp, n uint8, a, b Set) Set {
	r := noSet
	if !a.Pos.isEmpty() {
		if !b.Pos.isEmpty() {
			r = spans(op, n, r, a.Pos, b.Pos)
		}
		if !b.Neg.isEmpty() {
			r = spans(op, n, r, a.Pos, b.Neg)
		}
	}
	if !a.Neg.isEmpty() {
		if !b.Pos.isEmpty() {
			r = spans(op, n, r, a.Neg, b.Pos)
		}
		if !b.Neg.isEmpty() {
			r = spans(op, n, r, a.Neg, b.Neg)
		}
	}
	return r
}

// spans joins op over two spans, neither empty.
func spans(op isa.ALUOp, n uint8, r Set, x, y Span) Set {
	switch op {
	case isa.Add:
		return add(n, r, x, y)
	case isa.Sub:
		m := ones(n)
		return add(n, r, x, Span{-y.Hi & m, -y.Lo & m})
	case isa.Mul:
		return mul(n, r, x, y)
	case isa.Div:
		return div(n, r, x, y)
	case isa.Mod:
		return mod(n, r, x, y)
	case isa.SDiv, isa.SMod:
		return signed(op, n, r, x, y)
	case isa.And:
		return r.line(ones(n)>>1, minAnd(x, y), maxAnd(x, y))
	case isa.Or:
		return r.line(ones(n)>>1, minOr(x, y), maxOr(x, y))
	case isa.Xor:
		lo, hi := xorBounds(x, y)
		return r.line(ones(n)>>1, lo, hi)
	case isa.Rsh:
		k := amounts(n, y)
		return r.line(ones(n)>>1, x.Lo>>k.Hi, x.Hi>>k.Lo)
	case isa.Arsh:
		return shiftSigned(n, r, x, amounts(n, y))
	}
	panic("interval: no such operation on spans")
}

// add joins {x + y mod 2^n}. Spans stand for arcs here: x.Lo may exceed x.Hi, as
// that of a negated one does when it holds 0 and something else. Neither is longer
// than half the circle, so the sum is an arc too.
func add(n uint8, r Set, x, y Span) Set {
	m := ones(n)
	return r.arc(n, (x.Lo+y.Lo)&m, (x.Hi+y.Hi)&m)
}

// negate returns {-x mod 2^n} of a span on one side of the sign, or of magnitudes.
func negate(n uint8, x Span) Span {
	m := ones(n)
	return Span{-x.Hi & m, -x.Lo & m}
}

// mul joins {x * y mod 2^n}: the arc of the products of the words as they are, or
// that of their magnitudes with the sign put back, whichever is shorter.
func mul(n uint8, r Set, x, y Span) Set {
	m := ones(n)
	lo, hi, length, ok := product(m, x, y)
	negX, negY := x.Lo > m>>1, y.Lo > m>>1
	if negX || negY {
		if negX {
			x = negate(n, x)
		}
		if negY {
			y = negate(n, y)
		}
		lo2, hi2, length2, ok2 := product(m, x, y)
		if negX != negY {
			lo2, hi2 = -hi2&m, -lo2&m
		}
		if ok2 && (!ok || length2 < length) {
			lo, hi, ok = lo2, hi2, true
		}
	}
	if !ok {
		return fullSet(n)
	}
	return r.arc(n, lo, hi)
}

// product returns the bounds mod m+1 of the products of two spans, and how far
// they are apart; false if that is too far for an arc.
func product(m uint64, x, y Span) (lo, hi, length uint64, ok bool) {
	hiHigh, hiLow := bits.Mul64(x.Hi, y.Hi)
	loHigh, loLow := bits.Mul64(x.Lo, y.Lo)
	length, borrow := bits.Sub64(hiLow, loLow, 0)
	return loLow & m, hiLow & m, length, hiHigh-loHigh == borrow && length <= m
}

// div joins {x / y}, unsigned, with x / 0 = 0.
func div(n uint8, r Set, x, y Span) Set {
	if y.Lo == 0 {
		r.Pos = r.Pos.join(Span{})
		if y.Hi == 0 {
			return r
		}
		y.Lo = 1
	}
	return r.line(ones(n)>>1, x.Lo/y.Hi, x.Hi/y.Lo)
}

// mod joins {x mod y}, unsigned, with x mod 0 = x.
func mod(n uint8, r Set, x, y Span) Set {
	top := ones(n) >> 1
	if y.Lo == 0 {
		r = r.line(top, x.Lo, x.Hi)
		if y.Hi == 0 {
			return r
		}
		y.Lo = 1
	}
	lo, hi := remainder(x, y)
	return r.line(top, lo, hi)
}

// remainder returns bounds of x mod y for divisors that are not 0.
func remainder(x, y Span) (uint64, uint64) {
	q := x.Lo / y.Hi
	if q != x.Hi/y.Lo {
		return 0, min(x.Hi, y.Hi-1)
	}
	// All quotients are q, and x - q*y falls with y.
	return x.Lo - q*y.Hi, min(x.Hi-q*y.Lo, y.Hi-1)
}

// signed joins the signed quotients or remainders. It works on magnitudes; those
// of the smallest number and of its quotient by -1 are 2^(n-1), which is the
// wrapped result that is wanted.
func signed(op isa.ALUOp, n uint8, r Set, x, y Span) Set {
	m := ones(n)
	negX, negY := x.Lo > m>>1, y.Lo > m>>1
	if negX {
		x = negate(n, x)
	}
	if negY {
		y = negate(n, y)
	}
	if y.Lo == 0 { // then y is not negative
		zero := Span{}
		if op == isa.SMod {
			zero = x
		}
		r = signedLine(n, r, zero, negX)
		if y.Hi == 0 {
			return r
		}
		y.Lo = 1
	}
	if op == isa.SDiv {
		return signedLine(n, r, Span{x.Lo / y.Hi, x.Hi / y.Lo}, negX != negY)
	}
	lo, hi := remainder(x, y)
	return signedLine(n, r, Span{lo, hi}, negX)
}

// signedLine joins magnitudes, negated if so said.
func signedLine(n uint8, r Set, s Span, negative bool) Set {
	if negative {
		s = negate(n, s)
	}
	return r.arc(n, s.Lo, s.Hi)
}

// amounts returns the shift amounts that the words of a span stand for.
func amounts(n uint8, y Span) Span {
	m := uint64(n - 1)
	if y.isConst() {
		return Span{y.Lo & m, y.Lo & m}
	}
	if uint64(n)&m != 0 || y.Hi-y.Lo > m || y.Lo&m > y.Hi&m {
		return Span{0, m}
	}
	return Span{y.Lo & m, y.Hi & m}
}

// shiftSigned joins {x >> k} with the sign filled in.
func shiftSigned(n uint8, r Set, x, k Span) Set {
	m := ones(n)
	if x.Lo <= m>>1 {
		return r.line(m>>1, x.Lo>>k.Hi, x.Hi>>k.Lo)
	}
	// Negative numbers grow towards -1: ^x is their distance from it.
	return r.line(m>>1, ^((^x.Lo&m)>>k.Lo)&m, ^((^x.Hi&m)>>k.Hi)&m)
}

// shiftLeft is Lsh. The low half of a shifted word is the shifted low half, by the
// same amount, even where that is more than its width.
func shiftLeft(w isa.Width, a, b Interval) Interval {
	amount := b.set(w)
	k := noSpan
	if !amount.Pos.isEmpty() {
		k = amounts(w.Op, amount.Pos)
	}
	if !amount.Neg.isEmpty() {
		k = k.join(amounts(w.Op, amount.Neg))
	}
	low := shiftSet(w.Word/2, a.low(), k)
	if !w.Full() {
		return zeroExtend(low)
	}
	return canonical(w, shiftSet(w.Word, a.word(), k), low)
}

func shiftSet(n uint8, a Set, k Span) Set {
	r := noSet
	if !a.Pos.isEmpty() {
		r = shiftSpan(n, r, a.Pos, k)
	}
	if !a.Neg.isEmpty() {
		r = shiftSpan(n, r, a.Neg, k)
	}
	return r
}

// shiftSpan joins {x * 2^k mod 2^n}, k < 64.
func shiftSpan(n uint8, r Set, x, k Span) Set {
	m := ones(n)
	if k.Lo >= uint64(n) {
		return r.line(m>>1, 0, 0)
	}
	if k.isConst() && x.Hi-x.Lo <= m>>k.Lo {
		return r.arc(n, x.Lo<<k.Lo&m, x.Hi<<k.Lo&m)
	}
	if x.Hi <= m>>k.Hi {
		return r.line(m>>1, x.Lo<<k.Lo, x.Hi<<k.Hi)
	}
	if g := negate(n, x); x.Lo > m>>1 && g.Hi <= m>>k.Hi {
		return r.arc(n, -(g.Hi<<k.Hi)&m, -(g.Lo<<k.Lo)&m)
	}
	return r.line(m>>1, 0, m<<k.Lo&m)
}
