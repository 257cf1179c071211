package smt_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
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
	// Five times the goal, for machines that are slow or busy.
	if limit := 15 * time.Millisecond; times[n/2] > limit && !testing.Short() {
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

// Products commute, and the quotient and the remainder make up the dividend: the
// hard cases of bit-blasting, at widths that end.
func BenchmarkMulCommutes(b *testing.B) {
	for _, w := range []int{6, 7, 8} {
		b.Run(strconv.Itoa(w), func(b *testing.B) {
			benchUnsat(b, func(s *term.Store) term.Term {
				x, y := s.Var("x", w), s.Var("y", w)
				return s.Ne(product(s, x, y), product(s, y, x))
			})
		})
	}
}

// product adds rows itself: the store orders the arguments of Mul.
func product(s *term.Store, x, y term.Term) term.Term {
	w := s.Width(x)
	sum := s.Word(w, 0)
	for i := range w {
		bit := s.SExt(w-1, s.Extract(i, i, x))
		sum = s.Add(sum, s.Shl(s.And(bit, y), s.Word(w, uint64(i))))
	}
	return sum
}

func BenchmarkDivision(b *testing.B) {
	for _, w := range []int{6, 8, 10} {
		b.Run(strconv.Itoa(w), func(b *testing.B) {
			benchUnsat(b, func(s *term.Store) term.Term {
				x, y := s.Var("x", w), s.Var("y", w)
				return s.Ne(s.Add(s.Mul(s.UDiv(x, y), y), s.URem(x, y)), x)
			})
		})
	}
}

// A shift by an unknown amount keeps order: both operands and the amount unknown.
func BenchmarkShiftMonotone64(b *testing.B) {
	benchUnsat(b, func(s *term.Store) term.Term {
		x, y, n := s.Var("x", 64), s.Var("y", 64), s.Var("n", 64)
		return s.And(s.Ule(x, y), s.Ult(s.LShr(y, n), s.LShr(x, n)))
	})
}

// Sums of bounded words are bounded, if the bounds' sum does not wrap around.
func BenchmarkRangeAdd64(b *testing.B) {
	benchUnsat(b, func(s *term.Store) term.Term {
		x, y := s.Var("x", 64), s.Var("y", 64)
		lo, hi, lo2, hi2 := s.Var("lo", 64), s.Var("hi", 64), s.Var("lo2", 64), s.Var("hi2", 64)
		in := func(x, lo, hi term.Term) term.Term { return s.And(s.Ule(lo, x), s.Ule(x, hi)) }
		top := s.Add(hi, hi2)
		return s.AndAll(in(x, lo, hi), in(y, lo2, hi2), s.Uge(top, hi), s.Not(in(s.Add(x, y), s.Add(lo, lo2), top)))
	})
}
