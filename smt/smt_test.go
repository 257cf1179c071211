package smt_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/internal/gen"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

var ctx = context.Background()

// word4 is the meaning of the word operators at 4 bits, in Go's arithmetic and
// apart from package term.
var word4 = map[term.Op]func(a, b int) int{
	term.Not: func(a, _ int) int { return ^a },
	term.Neg: func(a, _ int) int { return -a },
	term.And: func(a, b int) int { return a & b },
	term.Or:  func(a, b int) int { return a | b },
	term.Xor: func(a, b int) int { return a ^ b },
	term.Add: func(a, b int) int { return a + b },
	term.Sub: func(a, b int) int { return a - b },
	term.Mul: func(a, b int) int { return a * b },
	term.UDiv: func(a, b int) int {
		if b == 0 {
			return 15
		}
		return a / b
	},
	term.URem: func(a, b int) int {
		if b == 0 {
			return a
		}
		return a % b
	},
	term.SDiv: func(a, b int) int {
		a, b = signed(a), signed(b)
		if b == 0 && a < 0 {
			return 1
		} else if b == 0 {
			return -1
		}
		return a / b
	},
	term.SRem: func(a, b int) int {
		if signed(b) == 0 {
			return a
		}
		return signed(a) % signed(b)
	},
	term.Shl:  func(a, b int) int { return a << b },
	term.LShr: func(a, b int) int { return a >> b },
	term.AShr: func(a, b int) int { return signed(a) >> b },
	term.Eq:   func(a, b int) int { return bool2int(a == b) },
	term.Ult:  func(a, b int) int { return bool2int(a < b) },
	term.Slt:  func(a, b int) int { return bool2int(signed(a) < signed(b)) },
	// Of fixed widths here: the middle of the word, and doubled words.
	term.Extract: func(a, _ int) int { return a >> 1 & 3 },
	term.Concat:  func(a, b int) int { return a<<4 | b },
	term.ZExt:    func(a, _ int) int { return a },
	term.SExt:    func(a, _ int) int { return signed(a) & 255 },
	term.Ite: func(a, b int) int {
		if a&1 != 0 {
			return a
		}
		return b
	},
}

func signed(a int) int { return (a ^ 8) - 8 }

func bool2int(b bool) int {
	if b {
		return 1
	}
	return 0
}

// apply4 makes the term that word4 means.
func apply4(s *term.Store, op term.Op, x, y term.Term) term.Term {
	args := []term.Term{x, y}
	i, j := 0, 0
	switch op {
	case term.Not, term.Neg:
		args = args[:1]
	case term.Extract:
		args, i, j = args[:1], 2, 1
	case term.ZExt, term.SExt:
		args, i = args[:1], 4
	case term.Ite:
		args = []term.Term{s.Eq(s.Extract(0, 0, x), s.Word(1, 1)), x, y}
	}
	t, err := s.Make(op, args, i, j)
	if err != nil {
		panic(err)
	}
	return t
}

// asWord turns a Bool into a word of one bit.
func asWord(s *term.Store, t term.Term) term.Term {
	if s.IsBool(t) {
		return s.Ite(t, s.Word(1, 1), s.Word(1, 0))
	}
	return t
}

// Every operator, for all arguments of 4 bits, through terms, gates, clauses,
// solver and checker: its value is the right one, and no other. Arguments are
// variables, or one of them a constant.
func TestOperatorsExhaustively(t *testing.T) {
	for op, meaning := range word4 {
		s := term.NewStore()
		x, y, r := s.Var("x", 4), s.Var("y", 4), term.Term(0)
		f := asWord(s, apply4(s, op, x, y))
		w := s.Width(f)
		r = s.Var("r", w)
		solver := smt.New(s, smt.Options{})
		solver.Assert(s.Eq(f, r))
		for a := range 16 {
			for b := range 16 {
				want := s.Word(w, uint64(meaning(a, b)))
				ka, kb := s.Word(4, uint64(a)), s.Word(4, uint64(b))
				isA, isB := s.Eq(x, ka), s.Eq(y, kb)
				if got := solver.CheckSat(ctx, isA, isB); got != smt.Sat || solver.Model().Get(s.VarNumber(r)) != value(s, want) {
					t.Fatalf("%s %d %d: %v %v, want %v", op, a, b, got, solver.Model(), value(s, want))
				}
				if got := solver.CheckSat(ctx, isA, isB, s.Ne(r, want)); got != smt.Unsat || solver.Proof() == nil {
					t.Fatalf("%s %d %d is not only %v: %v %v", op, a, b, value(s, want), got, solver.Model())
				}
				if f := asWord(s, apply4(s, op, ka, kb)); f != want {
					t.Fatalf("%s %d %d folds to %s", op, a, b, s.String(f))
				}
				for _, half := range []term.Term{
					s.And(s.Eq(x, ka), s.Ne(asWord(s, apply4(s, op, x, kb)), want)),
					s.And(s.Eq(y, kb), s.Ne(asWord(s, apply4(s, op, ka, y)), want)),
				} {
					if got := solver.CheckSat(ctx, half); got != smt.Unsat {
						t.Fatalf("%s %d %d with one constant: %v %v", op, a, b, got, solver.Model())
					}
				}
			}
		}
	}
}

func value(s *term.Store, t term.Term) term.Value {
	v, ok := s.Value(t)
	if !ok {
		panic("no constant")
	}
	return v
}

// brute tries all values of the three variables.
func brute(s *term.Store, vars, bools []term.Term) smt.Result {
	e := s.NewEvaluator(nil)
	holds := func(m term.Model) bool {
		e.Reset(m)
		return !slices.ContainsFunc(bools, func(t term.Term) bool { return e.Eval(t).IsZero() })
	}
	for x := range uint64(1) << s.Width(vars[0]) {
		for y := range uint64(1) << s.Width(vars[1]) {
			for z := range uint64(1) << s.Width(vars[2]) {
				if holds(term.Model{term.V(x), term.V(y), term.V(z)}) {
					return smt.Sat
				}
			}
		}
	}
	return smt.Unsat
}

// Random formulas, asked about in several steps, agree with brute force; cores
// are enough.
func TestAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	count := map[smt.Result]int{}
	rounds := 400
	if testing.Short() {
		rounds = 150
	}
	for range rounds {
		checkFormula(t, r, count)
	}
	if min(count[smt.Sat], count[smt.Unsat]) < rounds/5 || count[smt.Unknown] != 0 {
		t.Errorf("lopsided: %v", count)
	}
}

func checkFormula(t *testing.T, r *rand.Rand, count map[smt.Result]int) {
	s := term.NewStore()
	vars, bools := gen.Formula(r, s, 6+r.IntN(20))
	solver := smt.New(s, smt.Options{})
	var asserted []term.Term
	for range 4 {
		if r.IntN(3) == 0 {
			asserted = append(asserted, bools[r.IntN(len(bools))])
			solver.Assert(asserted[len(asserted)-1])
		}
		var assumed []term.Term
		for range r.IntN(4) {
			a := bools[r.IntN(len(bools))]
			if r.IntN(2) == 0 {
				a = s.Not(a)
			}
			assumed = append(assumed, a)
		}
		got := solver.CheckSat(ctx, assumed...)
		count[got]++
		if want := brute(s, vars, slices.Concat(asserted, assumed)); got != want {
			t.Fatalf("%v (%v), want %v", got, solver.Reason(), want)
		}
		if got == smt.Unsat {
			if brute(s, vars, slices.Concat(asserted, solver.Core())) != smt.Unsat {
				t.Fatal("the core is not enough")
			}
			if err := solver.Proof().Check(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzFormula(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		checkFormula(t, rand.New(rand.NewPCG(a, b)), map[smt.Result]int{})
	})
}

func TestUnknown(t *testing.T) {
	s := term.NewStore()
	x, y := s.Var("x", 40), s.Var("y", 40)
	// A factoring: too hard for the budgets here.
	one := s.Word(40, 1)
	hard := s.AndAll(s.Eq(s.Mul(s.ZExt(40, x), s.ZExt(40, y)), s.Const(80, term.Value{Hi: 0x1f3a, Lo: 0x93bd871f3310ac4d})), s.Ult(one, x), s.Ult(one, y))
	solver := smt.New(s, smt.Options{Conflicts: 50})
	solver.Assert(hard)
	if got := solver.CheckSat(ctx); got != smt.Unknown || !errors.Is(solver.Reason(), smt.ErrBudget) {
		t.Errorf("%v, %v", got, solver.Reason())
	}
	solver = smt.New(s, smt.Options{Timeout: 50 * time.Millisecond})
	solver.Assert(hard)
	start := time.Now()
	if got := solver.CheckSat(ctx); got != smt.Unknown || solver.Reason() == nil {
		t.Errorf("%v, %v", got, solver.Reason())
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("50 ms took %v", d)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if got := solver.CheckSat(done); got != smt.Unknown || !errors.Is(solver.Reason(), context.Canceled) {
		t.Errorf("%v, %v", got, solver.Reason())
	}
	solver = smt.New(s, smt.Options{})
	solver.Assert(x)
	if got := solver.CheckSat(ctx); got != smt.Unknown || !errors.Is(solver.Reason(), smt.ErrNotBool) {
		t.Errorf("%v, %v", got, solver.Reason())
	}
	if smt.Result(0) != smt.Unknown {
		t.Error("the zero result is not unknown")
	}
}
