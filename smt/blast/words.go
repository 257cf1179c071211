package blast

import "github.com/bpfcheck/bpfcheck/smt/term"

// A word is its bits, the lowest first. These functions append the result to out
// and return all of out; a Bool is a word of one bit.

// adder appends a + b + carry. It returns the carry out too.
func (g *gates) adder(out []lit, a, b []lit, flip, carry lit) ([]lit, lit) {
	for i := range a {
		y := b[i] ^ flip
		out = append(out, g.xor(g.xor(a[i], y), carry))
		carry = g.maj(a[i], y, carry)
	}
	return out, carry
}

// less is a < b: the borrow of a - b, of which only the carries are made.
func (g *gates) less(a, b []lit) lit {
	borrow := lo
	for i := range a {
		borrow = g.maj(a[i]^1, b[i], borrow)
	}
	return borrow
}

// signedLess compares with the sign bits exchanged.
func (g *gates) signedLess(a, b []lit) lit {
	n := len(a) - 1
	return g.maj(a[n], b[n]^1, g.less(a[:n], b[:n]))
}

func (g *gates) equal(a, b []lit) lit {
	r := hi
	for i := range a {
		r = g.and(r, g.xor(a[i], b[i])^1)
	}
	return r
}

func (g *gates) choose(out []lit, c lit, a, b []lit) []lit {
	for i := range a {
		out = append(out, g.mux(c, a[i], b[i]))
	}
	return out
}

// shift moves a by b in stages of powers of two; fill comes in, and is all that
// is left if b is the width or more.
func (g *gates) shift(out []lit, op term.Op, a, b []lit) []lit {
	w := len(a)
	fill := lo
	if op == term.AShr {
		fill = a[w-1]
	}
	cur, next := append([]lit(nil), a...), make([]lit, w)
	far := lo // some bit of b asks for more than the stages do
	for k := range b {
		if k > 7 || 1<<k >= w {
			far = g.or(far, b[k])
			continue
		}
		d := 1 << k
		for i := range cur {
			from := fill
			if j := i + d; op != term.Shl && j < w {
				from = cur[j]
			} else if j := i - d; op == term.Shl && j >= 0 {
				from = cur[j]
			}
			next[i] = g.mux(b[k], from, cur[i])
		}
		cur, next = next, cur
	}
	for _, l := range cur {
		out = append(out, g.mux(far, fill, l))
	}
	return out
}

// multiply adds a shifted copy of a for each bit of b, modulo 2^len(a). Of a
// constant, runs of ones are taken as differences (Booth, 1951), so there are at
// most half as many additions as bits.
func (g *gates) multiply(out []lit, a, b []lit) []lit {
	if constant(a) {
		a, b = b, a
	}
	w := len(a)
	sum := make([]lit, w)
	row, next := make([]lit, w), make([]lit, 0, w)
	run := false
	for k := range w {
		one, minus := b[k], lo
		if constant(b) {
			// The digit is b[k] + carry, in -1, 0, 1, so that no two neighbours are not 0.
			bit := (b[k] == hi) != run
			above := k+1 < w && b[k+1] == hi
			one = lo
			if bit {
				one, run = hi, above
				if above {
					minus = hi
				}
			}
		}
		if one == lo {
			continue
		}
		for i := range row[k:] {
			row[k+i] = g.and(a[i], one)
		}
		next, _ = g.adder(next[:0], sum[k:], row[k:], minus, minus)
		copy(sum[k:], next)
	}
	return append(out, sum...)
}

func constant(a []lit) bool {
	for _, l := range a {
		if l > hi {
			return false
		}
	}
	return true
}

// divide is the schoolbook's division, a bit of the quotient a step: the
// remainder takes the next bit of a, and b is subtracted if it is not greater.
// After step k the remainder has k bits at most, which keeps steps small. By zero
// it gives all ones and a, as SMT-LIB wants, with no case of its own.
func (g *gates) divide(a, b []lit) (q, r []lit) {
	w := len(a)
	high := make([]lit, w+1) // whether a bit of b from there on is set
	for k := w - 1; k > 0; k-- {
		high[k] = g.or(high[k+1], b[k])
	}
	q = make([]lit, w)
	rem := make([]lit, 0, w+1)
	diff := make([]lit, 0, w+1)
	for k := w - 1; k >= 0; k-- {
		rem = append(rem, 0)
		copy(rem[1:], rem)
		rem[0] = a[k]
		// Here rem has w-k bits, and b counts as many if its others are 0.
		n := len(rem)
		var carry lit
		diff, carry = g.adder(diff[:0], rem, b[:n], 1, hi)
		q[k] = g.and(carry, high[n]^1)
		for i := range rem {
			rem[i] = g.mux(q[k], diff[i], rem[i])
		}
	}
	return q, rem
}

func (g *gates) negate(a []lit) []lit {
	zero := make([]lit, len(a))
	out, _ := g.adder(nil, zero, a, 1, hi)
	return out
}

// divideSigned divides the magnitudes.
func (g *gates) divideSigned(op term.Op, a, b []lit) []lit {
	n := len(a) - 1
	sa, sb := a[n], b[n]
	q, r := g.divide(g.choose(nil, sa, g.negate(a), a), g.choose(nil, sb, g.negate(b), b))
	if op == term.SDiv {
		return g.choose(nil, g.xor(sa, sb), g.negate(q), q)
	}
	return g.choose(nil, sa, g.negate(r), r)
}
