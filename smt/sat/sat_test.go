package sat_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crillab/gophersat/explain"

	"github.com/bpfcheck/bpfcheck/smt/lrat"
	"github.com/bpfcheck/bpfcheck/smt/sat"
)

type cnf [][]sat.Lit

// lit makes a literal of DIMACS.
func lit(i int) sat.Lit {
	if i < 0 {
		return sat.Lit(-2*i + 1)
	}
	return sat.Lit(2 * i)
}

// bed is a solver whose every answer is checked.
type bed struct {
	t       testing.TB
	s       *sat.Solver
	chk     lrat.Checker
	clauses cnf
	seen    int // bytes of proof that the checker has read
}

func newBed(t testing.TB, vars int) *bed {
	b := &bed{t: t, s: sat.New(true)}
	for range vars {
		b.s.NewVar()
	}
	return b
}

func (b *bed) add(c ...sat.Lit) {
	b.clauses = append(b.clauses, c)
	id := b.s.AddClause(c...)
	if err := b.chk.Input(id, words(c)); err != nil {
		b.t.Fatal(err)
	}
}

func words(c []sat.Lit) []uint32 {
	w := make([]uint32, len(c))
	for i, l := range c {
		w[i] = uint32(l)
	}
	return w
}

func (b *bed) solve(assume ...sat.Lit) sat.Status {
	b.t.Helper()
	st := b.s.Solve(context.Background(), sat.Budget{}, assume...)
	switch st {
	case sat.Sat:
		for _, c := range append(slices.Clone(b.clauses), units(assume)...) {
			if !slices.ContainsFunc(c, b.s.Value) {
				b.t.Fatalf("the model does not satisfy %v", c)
			}
		}
	case sat.Unsat:
		core := b.s.Core()
		goal := make([]uint32, len(core))
		for i, l := range core {
			if !slices.Contains(assume, l) {
				b.t.Fatalf("core %v of assumptions %v", core, assume)
			}
			goal[i] = uint32(l.Not())
		}
		steps, id := b.s.Proof()
		if err := b.chk.Replay(steps[b.seen:]); err != nil {
			b.t.Fatal(err)
		}
		b.seen = len(steps)
		if err := b.chk.Proves(id, goal); err != nil {
			b.t.Fatal(err)
		}
	}
	return st
}

func units(ls []sat.Lit) (c cnf) {
	for _, l := range ls {
		c = append(c, []sat.Lit{l})
	}
	return c
}

// brute decides by trying all assignments.
func brute(vars int, clauses cnf) sat.Status {
	for m := range 1 << vars {
		ok := true
		for _, c := range clauses {
			ok = ok && slices.ContainsFunc(c, func(l sat.Lit) bool { return m>>(l.Var()-1)&1 == int(l&1)^1 })
		}
		if ok {
			return sat.Sat
		}
	}
	return sat.Unsat
}

func randomClause(r *rand.Rand, vars, n int) []sat.Lit {
	c := make([]sat.Lit, n)
	for i := range c {
		c[i] = sat.Lit(2 + r.IntN(2*vars))
	}
	return c
}

// Clauses are added and assumptions asked about in turn; each answer is that of
// brute force, each model satisfies, each proof passes.
func TestAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	count := map[sat.Status]int{}
	rounds := 3000
	if testing.Short() {
		rounds = 800
	}
	for range rounds {
		vars := 1 + r.IntN(9)
		b := newBed(t, vars)
		for range 6 {
			for range r.IntN(2 * vars) {
				b.add(randomClause(r, vars, 1+r.IntN(3)+r.IntN(2))...)
			}
			assume := randomClause(r, vars, r.IntN(5))
			got := b.solve(assume...)
			if want := brute(vars, append(slices.Clone(b.clauses), units(assume)...)); got != want {
				t.Fatalf("%v under %v: %v, want %v", b.clauses, assume, got, want)
			}
			count[got]++
		}
	}
	if min(count[sat.Sat], count[sat.Unsat]) < rounds/3 {
		t.Errorf("lopsided: %v", count)
	}
}

// Formulas hard enough for restarts, forgetting and collecting; gophersat checks
// that each lemma follows by unit propagation, without our hints.
func TestAgainstGophersat(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	count := map[sat.Status]int{}
	for range 40 {
		vars := 40 + r.IntN(30)
		b := newBed(t, vars)
		for range int(4.3 * float64(vars)) {
			b.add(randomClause(r, vars, 3)...)
		}
		st := b.solve()
		count[st]++
		if st == sat.Unsat {
			b.gophersat()
		}
	}
	if count[sat.Sat] < 5 || count[sat.Unsat] < 5 {
		t.Errorf("lopsided: %v", count)
	}
}

// gophersat checks the proof's lemmas as RUP. That checker assumes clauses of
// distinct variables, so doubles are dropped.
func (b *bed) gophersat() {
	b.t.Helper()
	var text, proof strings.Builder
	n := 0
	for _, c := range b.clauses {
		c = slices.Compact(slices.Sorted(slices.Values(c)))
		taut := false
		for _, l := range c {
			taut = taut || slices.Contains(c, l.Not())
		}
		if !taut {
			n++
			text.WriteString(dimacs(words(c)))
		}
	}
	p, err := explain.ParseCNF(strings.NewReader(fmt.Sprintf("p cnf %d %d\n%s", b.s.NumVars(), n, text.String())))
	if err != nil {
		b.t.Fatal(err)
	}
	steps, _ := b.s.Proof()
	err = lrat.Walk(steps, func(st lrat.Step) error {
		if !st.Delete {
			proof.WriteString(dimacs(st.Lits))
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ok, err := p.Unsat(strings.NewReader(proof.String()))
	if err != nil || !ok {
		b.t.Fatalf("gophersat: %v %v", ok, err)
	}
}

func dimacs(c []uint32) string {
	var s strings.Builder
	for _, l := range c {
		if l&1 != 0 {
			s.WriteByte('-')
		}
		fmt.Fprintf(&s, "%d ", l/2)
	}
	return s.String() + "0\n"
}

func pigeons(b *bed, holes int) {
	at := func(p, h int) sat.Lit { return lit(1 + p*holes + h) }
	for p := range holes + 1 {
		c := make([]sat.Lit, holes)
		for h := range holes {
			c[h] = at(p, h)
		}
		b.add(c...)
	}
	for h := range holes {
		for p := range holes + 1 {
			for q := range p {
				b.add(at(p, h).Not(), at(q, h).Not())
			}
		}
	}
}

func TestPigeonhole(t *testing.T) {
	most := 8
	if testing.Short() {
		most = 7
	}
	for holes := 1; holes <= most; holes++ {
		b := newBed(t, (holes+1)*holes)
		pigeons(b, holes)
		if st := b.solve(); st != sat.Unsat {
			t.Fatalf("%d holes: %v", holes, st)
		}
		if holes <= 5 {
			b.gophersat()
		}
	}
}

func TestBudget(t *testing.T) {
	b := newBed(t, 12*13)
	pigeons(b, 12)
	ctx := context.Background()
	if st := b.s.Solve(ctx, sat.Budget{Conflicts: 100}); st != sat.Unknown {
		t.Errorf("100 conflicts: %v", st)
	}
	start := time.Now()
	if st := b.s.Solve(ctx, sat.Budget{Deadline: start.Add(30 * time.Millisecond)}); st != sat.Unknown {
		t.Errorf("30 ms: %v", st)
	}
	canceled, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	if st := b.s.Solve(canceled, sat.Budget{}); st != sat.Unknown {
		t.Errorf("cancelled: %v", st)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("budgets of 60 ms took %v", d)
	}
	if st := b.solve(lit(1), lit(2).Not(), lit(-1)); st != sat.Unsat {
		t.Errorf("complementary assumptions: %v", st)
	}
}

func FuzzSolve(f *testing.F) {
	f.Add([]byte{2, 4, 0, 3, 5, 0, 1, 2, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 120 {
			return
		}
		const vars = 7
		b := newBed(t, vars)
		var c []sat.Lit
		for _, x := range data {
			switch x % 17 {
			case 0:
				b.add(c...)
				c = c[:0:0]
			case 1:
				got := b.solve(c...)
				if want := brute(vars, append(slices.Clone(b.clauses), units(c)...)); got != want {
					t.Fatalf("%v under %v: %v, want %v", b.clauses, c, got, want)
				}
				c = c[:0:0]
			default:
				if l := sat.Lit(x % 17); l < 2*vars+2 {
					c = append(c, l)
				}
			}
		}
	})
}

func BenchmarkPigeonhole8(b *testing.B) {
	for b.Loop() {
		s := newBed(b, 72)
		pigeons(s, 8)
		s.s.Solve(context.Background(), sat.Budget{})
	}
}

func BenchmarkRandom3SAT(b *testing.B) {
	for b.Loop() {
		r := rand.New(rand.NewPCG(1, 1))
		s := newBed(b, 200)
		for range 852 {
			c := randomClause(r, 200, 3)
			s.add(c...)
		}
		if s.s.Solve(context.Background(), sat.Budget{}) == sat.Unknown {
			b.Fatal("unknown")
		}
	}
}
