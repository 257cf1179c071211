package smt_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/internal/gen"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

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
		for _, c := range gen.PathCondition(r, s, 40) {
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
		for _, c := range gen.PathCondition(r, s, 40) {
			solver.Assert(c)
		}
		if solver.CheckSat(ctx) == smt.Unknown {
			b.Fatal(solver.Reason())
		}
	}
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
	benchUnsat(b, func(s *term.Store) term.Term { return gen.TnumAdd(s, 64) })
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
