package smt_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// pathCondition makes what a path of n instructions of a BPF program gives: words
// of 64 bits computed from a few inputs, also in 32 bits, branches taken on
// comparisons with constants and with each other, and at the end a question about
// an offset. Products are of constants, as they are in programs.
func pathCondition(r *rand.Rand, s *term.Store, n int) []term.Term {
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

// What a path condition of 40 instructions costs, all told: building, clauses,
// search, and the check of model or proof.
func TestPathConditions(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 40
	}
	r := rand.New(rand.NewPCG(13, 14))
	var times []time.Duration
	count := map[smt.Result]int{}
	for range n {
		start := time.Now()
		s := term.NewStore()
		solver := smt.New(s, smt.Options{Timeout: 20 * time.Second})
		for _, c := range pathCondition(r, s, 40) {
			solver.Assert(c)
		}
		count[solver.CheckSat(ctx)]++
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	t.Logf("%v; median %v, 90%% %v, most %v", count, times[n/2], times[n*9/10], times[n-1])
	if count[smt.Unknown] > 0 || count[smt.Sat] < n/20 || count[smt.Unsat] < n/20 {
		t.Errorf("%v", count)
	}
	if limit := 10 * time.Millisecond; times[n/2] > limit { // three times the goal, for slow machines
		t.Errorf("the median is %v, more than %v", times[n/2], limit)
	}
}

func BenchmarkPathCondition40(b *testing.B) {
	r := rand.New(rand.NewPCG(15, 16))
	for b.Loop() {
		s := term.NewStore()
		solver := smt.New(s, smt.Options{})
		for _, c := range pathCondition(r, s, 40) {
			solver.Assert(c)
		}
		if solver.CheckSat(ctx) == smt.Unknown {
			b.Fatal(solver.Reason())
		}
	}
}

// tnumAdd says that x + y, for x and y in two tnums, is not in the tnum that
// Vishwanathan et al. (CGO 2022) give for the sum.
func tnumAdd(s *term.Store, w int) term.Term {
	v, m := s.Var("av", w), s.Var("am", w)
	v2, m2 := s.Var("bv", w), s.Var("bm", w)
	x, y := s.Var("x", w), s.Var("y", w)
	in := func(x, v, m term.Term) term.Term { return s.Eq(s.And(x, s.Not(m)), v) }
	sm, sv := s.Add(m, m2), s.Add(v, v2)
	sigma := s.Add(sm, sv)
	mu := s.Or(s.Or(s.Xor(sigma, sv), m), m2)
	return s.AndAll(in(x, v, m), in(y, v2, m2), s.Not(in(s.Add(x, y), s.And(sv, s.Not(mu)), mu)))
}

func benchUnsat(b *testing.B, make func(s *term.Store) term.Term) {
	for b.Loop() {
		s := term.NewStore()
		solver := smt.New(s, smt.Options{})
		solver.Assert(make(s))
		if solver.CheckSat(ctx) != smt.Unsat {
			b.Fatal(solver.Reason())
		}
		st := solver.Stats()
		b.ReportMetric(float64(st.Conflicts), "conflicts")
		b.ReportMetric(float64(st.ProofBytes), "proofbytes")
		b.ReportMetric(float64(st.ProofChecking.Microseconds()), "checking-µs")
	}
}

func BenchmarkTnumAdd64(b *testing.B) {
	benchUnsat(b, func(s *term.Store) term.Term { return tnumAdd(s, 64) })
}

// Products commute: the hard case of bit-blasting.
func BenchmarkMulCommutes7(b *testing.B) {
	benchUnsat(b, func(s *term.Store) term.Term {
		// Written so that the store's ordering of arguments does not prove it.
		x, y := s.Var("x", 7), s.Var("y", 7)
		sum := s.Word(7, 0)
		for i := range 7 {
			bit := s.SExt(6, s.Extract(i, i, x))
			sum = s.Add(sum, s.Shl(s.And(bit, y), s.Word(7, uint64(i))))
		}
		sum2 := s.Word(7, 0)
		for i := range 7 {
			bit := s.SExt(6, s.Extract(i, i, y))
			sum2 = s.Add(sum2, s.Shl(s.And(bit, x), s.Word(7, uint64(i))))
		}
		return s.Ne(sum, sum2)
	})
}

// The quotient and the remainder make up the dividend.
func BenchmarkDivision8(b *testing.B) {
	benchUnsat(b, func(s *term.Store) term.Term {
		x, y := s.Var("x", 8), s.Var("y", 8)
		back := s.Add(s.Mul(s.UDiv(x, y), y), s.URem(x, y))
		return s.Ne(back, x)
	})
}
