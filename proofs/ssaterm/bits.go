package ssaterm

import (
	"golang.org/x/tools/go/ssa"

	"github.com/bpfcheck/bpfcheck/smt/term"
)

// intrinsic is a function of math/bits on 64-bit words. ok is false for others.
func (x *Executor) intrinsic(f *ssa.Function, args []Value) (v Value, ok bool, err error) {
	if f.Pkg == nil || f.Pkg.Pkg.Path() != "math/bits" {
		return nil, false, nil
	}
	var a [3]term.Term
	for i, arg := range args {
		s, isScalar := arg.(Scalar)
		if !isScalar || i >= len(a) {
			return nil, true, x.refuse(f.Pos(), "%s of no words", f)
		}
		a[i] = s.T
	}
	st := x.store
	one := func(t term.Term) (Value, bool, error) { return Scalar{t}, true, nil }
	switch f.Name() {
	case "Len64", "Len":
		return one(length(st, a[0]))
	case "LeadingZeros64":
		return one(st.Sub(st.Word(64, 64), length(st, a[0])))
	case "TrailingZeros64":
		// The bits below the lowest 1.
		below := st.And(st.Not(a[0]), st.Sub(a[0], st.Word(64, 1)))
		return one(count(st, below))
	case "OnesCount64":
		return one(count(st, a[0]))
	case "ReverseBytes64":
		return one(reverseBytes(st, a[0]))
	case "Add64":
		wide := st.Add(st.Add(st.ZExt(1, a[0]), st.ZExt(1, a[1])), st.ZExt(1, a[2]))
		return Tuple{Scalar{st.Extract(63, 0, wide)}, Scalar{st.ZExt(63, st.Extract(64, 64, wide))}}, true, nil
	case "Sub64":
		wide := st.Sub(st.Sub(st.ZExt(1, a[0]), st.ZExt(1, a[1])), st.ZExt(1, a[2]))
		return Tuple{Scalar{st.Extract(63, 0, wide)}, Scalar{st.ZExt(63, st.Extract(64, 64, wide))}}, true, nil
	case "Mul64":
		hi, lo := x.multiply(a[0], a[1])
		return Tuple{Scalar{hi}, Scalar{lo}}, true, nil
	}
	return nil, true, x.refuse(f.Pos(), "%s", f)
}

// multiply returns both halves of a product of 64-bit words.
func (x *Executor) multiply(a, b term.Term) (hi, lo term.Term) {
	st := x.store
	if x.Arithmetic != nil {
		if hi, lo := x.Arithmetic.Product(a, b); lo != 0 {
			return hi, lo
		}
	}
	wide := st.Mul(st.ZExt(64, a), st.ZExt(64, b))
	return st.Extract(127, 64, wide), st.Mul(a, b)
}

// length is the number of bits of x without leading zeros: halving finds each bit
// of it, from the highest.
func length(st *term.Store, x term.Term) term.Term {
	zero := st.Word(64, 0)
	n := zero
	for k := uint64(32); k > 0; k /= 2 {
		high := st.LShr(x, st.Word(64, k))
		c := st.Ne(high, zero)
		n = st.Or(n, st.Ite(c, st.Word(64, k), zero))
		x = st.Ite(c, high, x)
	}
	return st.Add(n, x) // x is 0 or 1 now
}

// count is the number of ones, summed in a tree.
func count(st *term.Store, x term.Term) term.Term {
	for _, m := range []struct{ mask, shift uint64 }{
		{0x5555555555555555, 1}, {0x3333333333333333, 2}, {0x0f0f0f0f0f0f0f0f, 4},
		{0x00ff00ff00ff00ff, 8}, {0x0000ffff0000ffff, 16}, {0x00000000ffffffff, 32},
	} {
		mask := st.Word(64, m.mask)
		x = st.Add(st.And(x, mask), st.And(st.LShr(x, st.Word(64, m.shift)), mask))
	}
	return x
}

func reverseBytes(st *term.Store, x term.Term) term.Term {
	r := st.Extract(7, 0, x)
	for i := 8; i < 64; i += 8 {
		r = st.Concat(r, st.Extract(i+7, i, x))
	}
	return r
}
