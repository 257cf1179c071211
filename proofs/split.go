package proofs

import "github.com/bpfcheck/bpfcheck/smt/term"

// split returns the halves of a word of 64 bits, without a trace of the whole where
// that can be: a block of 2^32 words and the place in it.
func split(st *term.Store, t term.Term) (high, low term.Term) {
	zero := st.Word(32, 0)
	args, _ := st.Args(t)
	switch st.Op(t) {
	case term.ZExt:
		if st.Width(args[0]) <= 32 {
			return zero, st.ZExt(32-st.Width(args[0]), args[0])
		}
	case term.And, term.Or, term.Xor:
		h1, l1 := split(st, args[0])
		h2, l2 := split(st, args[1])
		switch st.Op(t) {
		case term.And:
			return st.And(h1, h2), st.And(l1, l2)
		case term.Or:
			return st.Or(h1, h2), st.Or(l1, l2)
		}
		return st.Xor(h1, h2), st.Xor(l1, l2)
	case term.Not:
		h, l := split(st, args[0])
		return st.Not(h), st.Not(l)
	case term.Add:
		h1, l1 := split(st, args[0])
		h2, l2 := split(st, args[1])
		if l1 == zero || l2 == zero { // no carry
			return st.Add(h1, h2), st.Or(l1, l2)
		}
	case term.Sub:
		h1, l1 := split(st, args[0])
		h2, l2 := split(st, args[1])
		if l2 == zero || l1 == l2 { // no borrow
			return st.Sub(h1, h2), st.Sub(l1, l2)
		}
	case term.Neg:
		h, l := split(st, args[0])
		if l == zero {
			return st.Neg(h), zero
		}
	}
	return st.Extract(63, 32, t), st.Extract(31, 0, t)
}
