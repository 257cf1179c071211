package lrat_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/smt/lrat"
	"github.com/bpfcheck/bpfcheck/smt/sat"
)

// pigeons is a proof that holes+1 pigeons do not fit, under an assumption: the
// last clause is switched on by the last variable, and the goal is its complement.
func pigeons(t testing.TB, holes int) *lrat.Proof {
	s := sat.New(true)
	for range (holes+1)*holes + 1 {
		s.NewVar()
	}
	p := &lrat.Proof{}
	add := func(c ...sat.Lit) {
		p.Formula = append(p.Formula, s.AddClause(c...), uint32(len(c)))
		for _, l := range c {
			p.Formula = append(p.Formula, uint32(l))
		}
	}
	at := func(p, h int) sat.Lit { return sat.Lit(2 * (1 + p*holes + h)) }
	on := sat.Lit(2 * ((holes+1)*holes + 1))
	for i := range holes + 1 {
		var c []sat.Lit
		for h := range holes {
			c = append(c, at(i, h))
		}
		if i == holes {
			c = append(c, on.Not())
		}
		add(c...)
	}
	for h := range holes {
		for i := range holes + 1 {
			for j := range i {
				add(at(i, h).Not(), at(j, h).Not())
			}
		}
	}
	if st := s.Solve(context.Background(), sat.Budget{}, on); st != sat.Unsat {
		t.Fatal(st)
	}
	p.Steps, p.Conclusion = s.Proof()
	p.Goal = []uint32{uint32(on.Not())}
	return p
}

func TestProofPassesAndTrims(t *testing.T) {
	p := pigeons(t, 7)
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	q, err := p.Trim()
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Check(); err != nil {
		t.Fatal(err)
	}
	if len(q.Steps) >= len(p.Steps) {
		t.Errorf("trimmed from %d to %d bytes", len(p.Steps), len(q.Steps))
	}
	t.Logf("%d bytes, trimmed %d", len(p.Steps), len(q.Steps))
}

// Change a number of a step, or drop a step: what the checker still accepts must
// be true. All models of a small formula say what is.
func TestTamperedProofs(t *testing.T) {
	p := pigeons(t, 3)
	r := rand.New(rand.NewPCG(1, 2))
	rejected := 0
	rounds := 20000
	if testing.Short() {
		rounds = 2000
	}
	for range rounds {
		q := *p
		q.Steps = slices.Clone(p.Steps)
		for range 1 + r.IntN(2) {
			switch at := r.IntN(len(q.Steps)); r.IntN(3) {
			case 0:
				q.Steps[at] ^= 1 << r.IntN(8)
			case 1:
				q.Steps = slices.Delete(q.Steps, at, at+1)
			default:
				q.Steps = slices.Insert(q.Steps, at, byte(r.IntN(40)))
			}
		}
		if r.IntN(10) == 0 {
			q.Goal = []uint32{p.Goal[0] ^ 1}
		}
		if !checkSound(t, &q) {
			rejected++
		}
	}
	if rejected < rounds*8/10 {
		t.Errorf("only %d of %d tampered proofs were rejected", rejected, rounds)
	}
}

// checkSound fails if the checker accepts a goal that some model of the formula
// breaks, and reports whether it accepts.
func checkSound(t testing.TB, p *lrat.Proof) bool {
	if p.Check() != nil {
		return false
	}
	for m := range uint32(1) << 13 {
		holds := func(l uint32) bool { return m>>(l/2-1)&1 != l&1 }
		model := true
		err := lrat.EachClause(p.Formula, func(_ uint32, c []uint32) error {
			model = model && slices.ContainsFunc(c, holds)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if model && !slices.ContainsFunc(p.Goal, holds) {
			t.Fatalf("accepted, but wrong under model %b\n%x", m, p.Steps)
		}
	}
	return true
}

// Each way in which a step can be wrong has its message.
func TestRejections(t *testing.T) {
	a, b := uint32(2), uint32(4)
	formula := []uint32{
		1, 2, a, b,
		2, 2, a, b ^ 1,
		3, 2, a ^ 1, b,
		4, 2, a ^ 1, b ^ 1,
	}
	step := func(id byte, rest ...byte) []byte { return append([]byte{'a', 2 * id}, rest...) }
	good := slices.Concat(step(5, 2, 0, 2, 4, 0), step(6, 0, 10, 6, 8, 0)) // a, by 1 2; empty, by 5 3 4
	for _, c := range []struct {
		name, want string
		steps      []byte
	}{
		{"good", "", good},
		{"dropped", "does not exist", good[7:]},
		{"hint missing", "without a conflict", slices.Concat(step(5, 2, 0, 2, 0), good[7:])},
		{"hint of no clause", "does not exist", slices.Concat(step(5, 2, 0, 2, 18, 0), good[7:])},
		{"negative hint", "malformed", slices.Concat(step(5, 2, 0, 2, 5, 0), good[7:])},
		{"not unit", "not unit", step(6, 0, 2, 4, 6, 8, 0)},
		{"satisfied", "holds already", step(5, 2, 0, 2, 2, 4, 0)},
		{"after the conflict", "before the last hint", step(5, 2, 0, 2, 4, 6, 0)},
		{"number in use", "in use", step(1, 2, 0, 2, 4, 0)},
		{"number 0", "out of range", step(0, 2, 0, 2, 4, 0)},
		{"far number", "out of range", []byte{'a', 0xfe, 0xff, 0xff, 0x7f, 2, 0, 2, 4, 0}},
		{"new variable", "no variable of the formula", step(5, 8, 0, 2, 4, 0)},
		{"deleted", "does not exist", slices.Concat([]byte{'d', 2, 0}, good)},
		{"deleted twice", "does not exist", []byte{'d', 2, 2, 0}},
		{"cut", "malformed", good[:4]},
		{"long number", "malformed", []byte{'a', 0xff, 0xff, 0xff, 0xff, 0xff, 1}},
		{"other step", "neither", []byte{'x'}},
		{"no conclusion", "conclusion", good[:7]},
	} {
		p := &lrat.Proof{Formula: formula, Steps: c.steps, Conclusion: 6}
		err := p.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", c.name, err, c.want)
		}
	}
	p := &lrat.Proof{Formula: formula, Steps: good, Conclusion: 5, Goal: []uint32{b}}
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "not asked about") {
		t.Error(err)
	}
	p = &lrat.Proof{Formula: []uint32{1, 9, 2}}
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "malformed clause") {
		t.Error(err)
	}
}

// The text is what other checkers read: numbers in the order of the clauses, and
// the goal as units.
func TestText(t *testing.T) {
	s := sat.New(true)
	a, b := sat.Lit(2*s.NewVar()), sat.Lit(2*s.NewVar())
	p := &lrat.Proof{}
	for _, c := range [][]sat.Lit{{a.Not(), b}, {a.Not(), b.Not()}} {
		p.Formula = append(p.Formula, s.AddClause(c...), 2, uint32(c[0]), uint32(c[1]))
	}
	if st := s.Solve(context.Background(), sat.Budget{}, a); st != sat.Unsat {
		t.Fatal(st)
	}
	p.Steps, p.Conclusion = s.Proof()
	p.Goal = []uint32{uint32(a.Not())}
	var cnf, proof strings.Builder
	if err := p.WriteDIMACS(&cnf); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteLRAT(&proof); err != nil {
		t.Fatal(err)
	}
	if got, want := cnf.String(), "p cnf 2 3\n-1 2 0\n-1 -2 0\n1 0\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := proof.String(), "4 -1 0 1 2 0\n5 -1 0 4 0\n6 0 3 5 0\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Deletions free memory, and numbers of deleted clauses may come back.
func TestDeletionKeepsMemorySmall(t *testing.T) {
	var c lrat.Checker
	if err := c.Input(1, []uint32{2, 4}); err != nil {
		t.Fatal(err)
	}
	if err := c.Input(2, []uint32{2, 5}); err != nil {
		t.Fatal(err)
	}
	step := []byte{'a', 6, 2, 0, 2, 4, 0, 'd', 6, 0}
	for range 200_000 {
		if err := c.Replay(step); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { _ = c.Replay(step) }); n > 1 {
		t.Errorf("%v allocations a step", n)
	}
}

func FuzzCheck(f *testing.F) {
	p := pigeons(f, 3)
	f.Add(p.Steps, p.Conclusion)
	f.Add([]byte{'d', 2, 0}, uint32(1))
	f.Fuzz(func(t *testing.T, steps []byte, conclusion uint32) {
		q := *p
		q.Steps, q.Conclusion = steps, conclusion
		checkSound(t, &q)
		if trimmed, err := q.Trim(); err == nil && q.Check() == nil {
			if err := trimmed.Check(); err != nil {
				t.Fatalf("passes, but not when trimmed: %v", err)
			}
		}
	})
}
