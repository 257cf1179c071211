package term

import (
	"fmt"
	"math/bits"
)

// Value is a word of up to 128 bits; the bits above the width in use are 0. A
// Bool is the word 0 or 1. Values compare with ==.
type Value struct{ Hi, Lo uint64 }

// V returns the value whose low 64 bits are lo, and whose others are 0.
func V(lo uint64) Value { return Value{Lo: lo} }

// mask returns the word of w ones.
func mask(w int) Value {
	switch {
	case w >= 128:
		return Value{^uint64(0), ^uint64(0)}
	case w >= 64:
		return Value{1<<(uint(w)-64) - 1, ^uint64(0)}
	}
	return Value{0, 1<<uint(w) - 1}
}

func (v Value) and(o Value) Value { return Value{v.Hi & o.Hi, v.Lo & o.Lo} }
func (v Value) or(o Value) Value  { return Value{v.Hi | o.Hi, v.Lo | o.Lo} }
func (v Value) xor(o Value) Value { return Value{v.Hi ^ o.Hi, v.Lo ^ o.Lo} }
func (v Value) not() Value        { return Value{^v.Hi, ^v.Lo} }
func (v Value) neg() Value        { return Value{}.sub(v) }

func (v Value) add(o Value) Value {
	lo, c := bits.Add64(v.Lo, o.Lo, 0)
	hi, _ := bits.Add64(v.Hi, o.Hi, c)
	return Value{hi, lo}
}

func (v Value) sub(o Value) Value {
	lo, c := bits.Sub64(v.Lo, o.Lo, 0)
	hi, _ := bits.Sub64(v.Hi, o.Hi, c)
	return Value{hi, lo}
}

func (v Value) mul(o Value) Value {
	hi, lo := bits.Mul64(v.Lo, o.Lo)
	return Value{hi + v.Hi*o.Lo + v.Lo*o.Hi, lo}
}

// shl and shr shift by any number of bits; Go's shifts by 64 and more give 0,
// which is what is wanted of both halves.
func (v Value) shl(n uint) Value {
	if n >= 64 {
		return Value{v.Lo << (n - 64), 0}
	}
	return Value{v.Hi<<n | v.Lo>>(64-n), v.Lo << n}
}

func (v Value) shr(n uint) Value {
	if n >= 64 {
		return Value{0, v.Hi >> (n - 64)}
	}
	return Value{v.Hi >> n, v.Lo>>n | v.Hi<<(64-n)}
}

func (v Value) less(o Value) bool {
	return v.Hi < o.Hi || v.Hi == o.Hi && v.Lo < o.Lo
}

// Bit returns bit i, 0 the lowest.
func (v Value) Bit(i int) bool { return v.shr(uint(i)).Lo&1 != 0 }

// IsZero reports whether no bit is set; as a Bool, whether it is false.
func (v Value) IsZero() bool { return v == Value{} }

// divmod is the quotient and remainder of SMT-LIB: division by zero gives all
// ones (before truncation to the width) and the dividend.
func (v Value) divmod(o Value) (q, r Value) {
	if o.IsZero() {
		return mask(128), v
	}
	if v.Hi == 0 && o.Hi == 0 {
		return V(v.Lo / o.Lo), V(v.Lo % o.Lo)
	}
	if o.Hi == 0 {
		q.Hi = v.Hi / o.Lo
		q.Lo, r.Lo = bits.Div64(v.Hi%o.Lo, v.Lo, o.Lo)
		return q, r
	}
	// Both the divisor and the quotient are short of 64 steps: shift and subtract.
	n := bits.LeadingZeros64(o.Hi)
	r = v
	for d := o.shl(uint(n)); n >= 0; n-- {
		q = q.shl(1)
		if !r.less(d) {
			r, q = r.sub(d), q.add(V(1))
		}
		d = d.shr(1)
	}
	return q, r
}

// sext copies bit w-1 upwards; the result has 128 bits.
func (v Value) sext(w int) Value {
	if v.Bit(w - 1) {
		return v.or(mask(w).not())
	}
	return v
}

// powerOfTwo returns k if v is 2^k, else -1.
func (v Value) powerOfTwo() int {
	if bits.OnesCount64(v.Hi)+bits.OnesCount64(v.Lo) != 1 {
		return -1
	}
	if v.Hi != 0 {
		return 64 + bits.TrailingZeros64(v.Hi)
	}
	return bits.TrailingZeros64(v.Lo)
}

// String is the value in hexadecimal.
func (v Value) String() string {
	if v.Hi == 0 {
		return fmt.Sprintf("%#x", v.Lo)
	}
	return fmt.Sprintf("%#x%016x", v.Hi, v.Lo)
}

func truth(b bool) Value {
	if b {
		return V(1)
	}
	return Value{}
}
