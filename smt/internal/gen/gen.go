// Package gen makes formulas for the tests and benchmarks of the solvers.
package gen

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bpfcheck/bpfcheck/smt/term"
)

// PathCondition makes what a path of n instructions of a BPF program gives: words
// of 64 bits computed from a few inputs, also in 32 bits, branches taken on
// comparisons with constants and with each other, and at the end a question about
// an offset. Products are of constants, as they are in programs.
func PathCondition(r *rand.Rand, s *term.Store, n int) []term.Term {
	var regs []term.Term
	for i := range 4 {
		regs = append(regs, s.Var(fmt.Sprintf("r%d", i), 64))
	}
	var path []term.Term
	for range n {
		d, x := r.IntN(len(regs)), regs[r.IntN(len(regs))]
		if r.IntN(2) == 0 {
			x = s.Word(64, r.Uint64()>>(64-1-r.IntN(20)))
		}
		if r.IntN(5) < 2 {
			path = append(path, branch(r, s, regs[d], x))
			continue
		}
		regs[d] = compute(r, s, regs[d], x)
	}
	return append(path, s.Uge(s.Add(regs[0], s.Word(64, 8)), s.Word(64, 512)))
}

// branch is a comparison that was taken or not, of words or of their halves.
func branch(r *rand.Rand, s *term.Store, a, b term.Term) term.Term {
	if r.IntN(3) == 0 {
		a, b = s.Extract(31, 0, a), s.Extract(31, 0, b)
	}
	var t term.Term
	switch r.IntN(4) {
	case 0:
		t = s.Eq(a, b)
	case 1:
		t = s.Slt(a, b)
	case 2:
		t = s.Eq(s.And(a, b), s.Const(s.Width(a), term.Value{}))
	default:
		t = s.Ult(a, b)
	}
	if r.IntN(2) == 0 || s.Op(t) == term.Eq {
		t = s.Not(t)
	}
	return t
}

// compute is one instruction.
func compute(r *rand.Rand, s *term.Store, a, b term.Term) term.Term {
	word := func(x uint64) term.Term { return s.Word(64, x) }
	switch r.IntN(10) {
	case 0, 1:
		return s.Add(a, b)
	case 2:
		return s.Sub(a, b)
	case 3:
		return s.And(a, b)
	case 4:
		return s.Or(a, b)
	case 5:
		return s.Xor(a, b)
	case 6:
		return s.Shl(a, word(uint64(r.IntN(16))))
	case 7:
		return s.LShr(a, word(uint64(r.IntN(32))))
	case 8:
		return s.Mul(a, word(uint64(2+r.IntN(60))))
	}
	return s.ZExt(32, s.Add(s.Extract(31, 0, a), s.Extract(31, 0, b)))
}

// Formula makes random terms over three variables of at most 4 bits, and returns
// Bools.
func Formula(r *rand.Rand, s *term.Store, n int) (vars, bools []term.Term) {
	w := 1 + r.IntN(4)
	pool := []term.Term{s.Var("x", w), s.Var("y", w), s.Var("z", 1+r.IntN(w))}
	vars = slices.Clone(pool)
	pool = append(pool, s.Word(w, 1), s.Word(w, r.Uint64()))
	for len(pool) < n || len(bools) < 3 {
		op := term.Not + term.Op(r.IntN(int(term.SExt-term.Not)+1))
		a := pool[r.IntN(len(pool))]
		args := []term.Term{a}
		i := r.IntN(max(s.Width(a), 1))
		j := r.IntN(i + 1)
		if s.Width(a) >= 6 {
			i = min(i, 5)
		}
		switch op {
		case term.Ite:
			if len(bools) == 0 {
				continue
			}
			args = []term.Term{bools[r.IntN(len(bools))], a, pool[r.IntN(len(pool))]}
		case term.Not, term.Neg, term.Extract, term.ZExt, term.SExt:
		default:
			args = append(args, pool[r.IntN(len(pool))])
		}
		if r.IntN(6) == 0 && len(bools) > 1 {
			args[0] = bools[r.IntN(len(bools))]
			if len(args) > 1 {
				args[1] = bools[r.IntN(len(bools))]
			}
		}
		t, err := s.Make(op, args, i, min(i, j))
		if err != nil || s.Width(t) > 8 || s.Op(t) == term.Const {
			continue
		}
		if s.IsBool(t) {
			bools = append(bools, t)
		} else {
			pool = append(pool, t)
		}
	}
	return vars, bools
}

// TnumAdd says that x + y, for x and y in two tnums, is not in the tnum that
// Vishwanathan et al. (CGO 2022) give for the sum.
func TnumAdd(s *term.Store, w int) term.Term {
	v, m := s.Var("av", w), s.Var("am", w)
	v2, m2 := s.Var("bv", w), s.Var("bm", w)
	x, y := s.Var("x", w), s.Var("y", w)
	in := func(x, v, m term.Term) term.Term { return s.Eq(s.And(x, s.Not(m)), v) }
	sm, sv := s.Add(m, m2), s.Add(v, v2)
	sigma := s.Add(sm, sv)
	mu := s.Or(s.Or(s.Xor(sigma, sv), m), m2)
	return s.AndAll(in(x, v, m), in(y, v2, m2), s.Not(in(s.Add(x, y), s.And(sv, s.Not(mu)), mu)))
}
