//go:build z3

package z3_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/internal/gen"
	"github.com/bpfcheck/bpfcheck/smt/term"
	"github.com/bpfcheck/bpfcheck/smt/z3"
)

var ctx = context.Background()

func newZ3(t testing.TB, s *term.Store, o smt.Options) smt.Solver {
	z, err := z3.New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// run asks a new solver about the conjunction of path.
func run(solver smt.Solver, path []term.Term) (smt.Result, time.Duration) {
	start := time.Now()
	for _, c := range path {
		solver.Assert(c)
	}
	return solver.CheckSat(ctx), time.Since(start)
}

// Path conditions of 10 to 40 instructions have the same verdict here and there.
func TestPathConditionsAgree(t *testing.T) {
	const n = 600
	r := rand.New(rand.NewPCG(17, 18))
	count := map[smt.Result]int{}
	var ours, theirs []time.Duration
	for i := range n {
		s := term.NewStore()
		path := gen.PathCondition(r, s, 10+r.IntN(31))
		a, ta := run(smt.New(s, smt.Options{Timeout: 20 * time.Second}), path)
		b, tb := run(newZ3(t, s, smt.Options{Timeout: 20 * time.Second}), path)
		if a != b || a == smt.Unknown {
			t.Fatalf("path %d: %v, Z3 says %v", i, a, b)
		}
		count[a]++
		ours, theirs = append(ours, ta), append(theirs, tb)
	}
	t.Logf("%d paths, %v: %s; Z3: %s", n, count, spread(ours), spread(theirs))
	if count[smt.Sat] < n/20 || count[smt.Unsat] < n/20 {
		t.Errorf("lopsided: %v", count)
	}
}

func spread(d []time.Duration) string {
	slices.Sort(d)
	return fmt.Sprintf("median %v, 90%% %v, most %v", d[len(d)/2], d[len(d)*9/10], d[len(d)-1])
}

// Small formulas over all operators, several questions each.
func TestFormulasAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	for range 60 {
		s := term.NewStore()
		_, bools := gen.Formula(r, s, 30)
		ours, theirs := smt.New(s, smt.Options{}), newZ3(t, s, smt.Options{})
		for range 3 {
			var assumed []term.Term
			for range 1 + r.IntN(4) {
				assumed = append(assumed, bools[r.IntN(len(bools))])
			}
			if a, b := ours.CheckSat(ctx, assumed...), theirs.CheckSat(ctx, assumed...); a != b || a == smt.Unknown {
				t.Fatalf("%v, Z3 says %v (%v)", a, b, theirs.Reason())
			}
		}
	}
}

func TestTnumAdd(t *testing.T) {
	s := term.NewStore()
	got, d := run(newZ3(t, s, smt.Options{}), []term.Term{gen.TnumAdd(s, 64)})
	if got != smt.Unsat {
		t.Fatal(got)
	}
	t.Logf("%v", d)
}

func TestInterrupt(t *testing.T) {
	s := term.NewStore()
	x, y := s.Var("x", 64), s.Var("y", 64)
	one := s.Word(64, 1)
	product := s.Eq(s.Mul(s.ZExt(64, x), s.ZExt(64, y)), s.Const(128, term.Value{Hi: 0x8f3a93bd871f3310, Lo: 0xac4d93bd871f3315}))
	z := newZ3(t, s, smt.Options{Timeout: 100 * time.Millisecond})
	got, d := run(z, []term.Term{product, s.Ult(one, x), s.Ult(one, y)})
	if got != smt.Unknown || !errors.Is(z.Reason(), context.DeadlineExceeded) || d > 5*time.Second {
		t.Errorf("%v after %v: %v", got, d, z.Reason())
	}
	if got := z.CheckSat(ctx, x); got != smt.Unknown {
		t.Errorf("a word assumed: %v", got)
	}
}

func BenchmarkPathCondition40(b *testing.B) {
	r := rand.New(rand.NewPCG(15, 16))
	for b.Loop() {
		s := term.NewStore()
		if got, _ := run(newZ3(b, s, smt.Options{}), gen.PathCondition(r, s, 40)); got == smt.Unknown {
			b.Fatal(got)
		}
	}
}
