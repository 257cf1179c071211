package interval

import "github.com/bpfcheck/bpfcheck/isa"

// Most numbers in programs are small: they are the same word, subregister, signed
// and unsigned. For operands of that kind one span says all, at either width.

// isSmall reports whether all words are non-negative as subregisters and have
// nothing above. The subregister's ranges of a canonical small interval are those
// of the word.
func (e Interval) isSmall(w isa.Width) bool {
	return e.NegMin > e.NegMax && e.PosMin <= e.PosMax && e.PosMax <= w.SubMask()>>1
}

// narrow returns the words of a span below 2^(w.Word/2), not empty.
func narrow(w isa.Width, s Span) Interval {
	if s.Hi > w.SubMask()>>1 {
		set := rangeSet(w.Word/2, s.Lo, s.Hi)
		return pack(Set{s, noSpan}, set)
	}
	return Interval{
		PosMin: s.Lo, PosMax: s.Hi, NegMin: ^uint64(0),
		LowPosMin: uint32(s.Lo), LowPosMax: uint32(s.Hi), LowNegMin: ^uint32(0),
	}
}

// large is what smallALU returns where it has no answer.
var large = Span{Hi: ^uint64(0)}

// smallALU returns the results of an operation on small operands if none of them
// wraps, nor has to be told from its sign extension; else a span whose Hi may be
// above the subregister.
func smallALU(op isa.ALUOp, w isa.Width, x, y Span) Span {
	switch op {
	case isa.Add:
		return Span{x.Lo + y.Lo, x.Hi + y.Hi}
	case isa.Sub:
		if x.Lo >= y.Hi {
			return Span{x.Lo - y.Hi, x.Hi - y.Lo}
		}
	case isa.Mul:
		return Span{x.Lo * y.Lo, x.Hi * y.Hi}
	case isa.And:
		return Span{minAnd(x, y), maxAnd(x, y)}
	case isa.Or:
		return Span{minOr(x, y), maxOr(x, y)}
	case isa.Xor:
		lo, hi := xorBounds(x, y)
		return Span{lo, hi}
	case isa.Div, isa.SDiv:
		if y.Lo > 0 {
			return Span{x.Lo / y.Hi, x.Hi / y.Lo}
		}
	case isa.Mod, isa.SMod:
		if y.Lo > 0 {
			lo, hi := remainder(x, y)
			return Span{lo, hi}
		}
	case isa.Lsh:
		if k := amounts(w.Op, y); x.Hi <= w.SubMask()>>k.Hi {
			return Span{x.Lo << k.Lo, x.Hi << k.Hi}
		}
	case isa.Rsh, isa.Arsh:
		k := amounts(w.Op, y)
		return Span{x.Lo >> k.Hi, x.Hi >> k.Lo}
	case isa.Mov:
		return y
	}
	return large
}

// smallAssume compares small operands; signed and unsigned order are the same.
func smallAssume(c isa.Cond, w isa.Width, x, y Span) (Interval, Interval) {
	switch c {
	case isa.EQ:
		x.Lo, x.Hi = max(x.Lo, y.Lo), min(x.Hi, y.Hi)
		y = x
	case isa.NE:
		s := x
		if y.isConst() {
			s = x.except(y.Lo)
		}
		if x.isConst() {
			y = y.except(x.Lo)
		}
		x = s
	case isa.LT, isa.SLT:
		if x.Lo >= y.Hi {
			return empty, empty
		}
		x.Hi, y.Lo = min(x.Hi, y.Hi-1), max(y.Lo, x.Lo+1)
	case isa.LE, isa.SLE:
		x.Hi, y.Lo = min(x.Hi, y.Hi), max(y.Lo, x.Lo)
	case isa.GT, isa.SGT:
		if y.Lo >= x.Hi {
			return empty, empty
		}
		y.Hi, x.Lo = min(y.Hi, x.Hi-1), max(x.Lo, y.Lo+1)
	case isa.GE, isa.SGE:
		y.Hi, x.Lo = min(y.Hi, x.Hi), max(x.Lo, y.Lo)
	default:
		panic("interval: Assume of no condition")
	}
	if x.isEmpty() || y.isEmpty() {
		return empty, empty
	}
	return narrow(w, x), narrow(w, y)
}
