package zone

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// prog writes programs over r0, r1, … tersely.
type prog struct {
	*State
	t *testing.T
}

func newProg(t *testing.T) prog { return prog{New(isa.W64, 10), t} }

func k(x int64) domains.Operand { return domains.K(uint64(x)) }

const (
	r0 domains.Var = iota
	r1
	r2
	r3
	r4
)

func (p prog) do(op isa.ALUOp, v domains.Var, o domains.Operand) { p.ALU(op, isa.W64, v, o) }
func (p prog) do32(op isa.ALUOp, v domains.Var, o domains.Operand) {
	p.ALU(op, isa.W32, v, o)
}
func (p prog) when(v domains.Var, c isa.Cond, o domains.Operand)   { p.Assume(c, isa.W64, v, o) }
func (p prog) when32(v domains.Var, c isa.Cond, o domains.Operand) { p.Assume(c, isa.W32, v, o) }

func (p prog) clone() prog { return prog{p.Clone().(*State), p.t} }

func (p prog) wantIn(v domains.Var, lo, hi uint64) {
	p.t.Helper()
	if d := p.Word(v); d.Empty || d.UMin != lo || d.UMax != hi {
		p.t.Errorf("v%d in [%d, %d], want [%d, %d]: %s", v, d.UMin, d.UMax, lo, hi, p)
	}
}

func (p prog) wantDiff(a, b domains.Var, lo, hi int64) {
	p.t.Helper()
	if l, h, ok := p.Diff(a, b); !ok || l != lo || h != hi {
		p.t.Errorf("v%d - v%d in [%d, %d], want [%d, %d]: %s", a, b, l, h, lo, hi, p)
	}
}

func (p prog) wantBottom(want bool) {
	p.t.Helper()
	if p.IsBottom() != want {
		p.t.Errorf("bottom = %v, want %v: %s", !want, want, p)
	}
}

// least is what Diff says of a bound it does not know.
const least = -1 << 63

func TestCopiesLearnTogether(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Add, r1, k(4))
	p.when(r0, isa.LT, k(10))
	p.wantIn(r1, 4, 13)

	p = newProg(t) // the sum may wrap
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Add, r1, k(-4))
	p.when(r0, isa.LT, k(10))
	p.wantIn(r1, 0, 1<<64-1)
	if d := p.Word(r1); d.SMin != -4 || d.SMax != 5 {
		t.Errorf("got %+v", d)
	}
	p.when(r0, isa.GE, k(4))
	p.wantIn(r1, 0, 5)

	p = newProg(t) // and back
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Add, r1, k(4))
	p.when(r1, isa.LE, k(10))
	if d := p.Word(r0); d.SMin != -4 || d.SMax != 6 {
		t.Errorf("got %+v", d)
	}
	p.when(r0, isa.EQ, k(2))
	p.wantIn(r1, 6, 6)
	p.wantIn(r0, 2, 2)
}

func TestSubregisterKeepsNode(t *testing.T) {
	p := newProg(t)
	p.when(r0, isa.LE, k(100))
	p.do32(isa.Mov, r1, domains.V(r0))
	p.do32(isa.Add, r1, k(-1)) // may wrap to 2^32-1: no longer an offset
	p.do(isa.MovSX32, r2, domains.V(r0))
	p.do32(isa.Add, r2, k(7))
	p.do(isa.And, r2, k(0xff))
	p.when32(r0, isa.GE, k(1))
	p.wantIn(r2, 8, 107)
	p.do32(isa.Mov, r1, domains.V(r0))
	p.do32(isa.Add, r1, k(-1))
	p.when(r1, isa.EQ, k(3))
	p.wantIn(r0, 4, 4)
	p.wantIn(r2, 11, 11)
}

func TestComparisonBoundsLater(t *testing.T) {
	p := newProg(t)
	p.when(r1, isa.LE, domains.V(r2)) // if r1 > r2 exit
	p.when(r2, isa.LE, k(64))         // if r2 > 64 exit
	p.wantIn(r1, 0, 64)
	p.when(r1, isa.GT, k(60))
	p.wantIn(r2, 61, 64)
	p.wantDiff(r1, r2, -3, 0)
	p.when(r1, isa.NE, domains.V(r2))
	p.wantDiff(r1, r2, -3, -1)
	p.wantIn(r1, 61, 63)
	p.when(r1, isa.GE, domains.V(r2))
	p.wantBottom(true)
}

func TestChain(t *testing.T) {
	p := newProg(t)
	p.when(r1, isa.LT, domains.V(r2))
	p.when(r3, isa.LT, domains.V(r4))
	p.when(r2, isa.LT, domains.V(r3))
	p.wantDiff(r1, r4, least, -3)
	p.Havoc(r2)
	p.Havoc(r3)
	p.wantDiff(r1, r4, least, -3)
	p.when(r4, isa.LT, k(3))
	p.wantBottom(true)
}

func TestDifference(t *testing.T) {
	p := newProg(t)
	p.when(r1, isa.LE, domains.V(r2))
	p.when(r2, isa.LE, k(1500))
	p.do(isa.Mov, r3, domains.V(r2))
	p.do(isa.Sub, r3, domains.V(r1)) // room
	p.wantIn(r3, 0, 1500)
	p.wantDiff(r3, r2, -1500, 0)
	p.do(isa.Mov, r4, domains.V(r3))
	p.when(r4, isa.GE, k(20))
	p.wantDiff(r2, r3, 0, 1480) // r1 is at most r2 - 20, though that takes three variables
	p.do(isa.Mov, r0, domains.V(r1))
	p.do(isa.Add, r0, k(8))
	p.do(isa.Sub, r0, domains.V(r1))
	p.wantIn(r0, 8, 8)
}

func TestSumOfOffsetAndLength(t *testing.T) {
	p := newProg(t)
	p.when(r1, isa.LE, k(0xffff)) // offset
	p.when(r2, isa.LE, k(60))     // length
	p.do(isa.Mov, r3, domains.V(r1))
	p.do(isa.Add, r3, domains.V(r2))
	p.wantDiff(r3, r1, 0, 60)
	p.when(r3, isa.LE, domains.V(r4)) // end
	p.when(r4, isa.LE, k(100))
	p.wantIn(r1, 0, 100)
	p.wantDiff(r1, r4, -100, 0)
	p.do(isa.Mov, r0, domains.V(r3))
	p.do(isa.Mod, r0, domains.V(r4)) // r4 may be 0
	p.wantDiff(r0, r3, -100, 0)
	p.when(r4, isa.NE, k(0))
	p.do(isa.Mov, r0, domains.V(r3))
	p.do(isa.Mod, r0, domains.V(r4))
	p.wantDiff(r0, r4, -100, -1)
}

func TestOverflowCheck(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Add, r1, k(16))
	q := p.clone()
	p.when(r1, isa.GE, domains.V(r0)) // r0 + 16 did not wrap
	p.wantIn(r1, 16, 1<<64-1)
	p.wantDiff(r1, r0, 16, 16)
	q.when(r1, isa.LT, domains.V(r0))
	q.wantIn(r1, 0, 15)
}

// TestWrapGivesNoEdge: r0 + 4 <= r2 says nothing about r0 <= r2 as the sum may wrap.
func TestWrapGivesNoEdge(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Add, r1, k(4))
	p.when(r1, isa.LE, domains.V(r2))
	p.when(r2, isa.LE, k(100))
	p.wantIn(r1, 0, 100) // the node was rebased, so that r1's edge holds
	p.wantIn(r0, 0, 1<<64-1)
	if !p.Contains([]uint64{1<<64 - 4, 0, 0}) {
		t.Errorf("lost r0 = -4: %s", p)
	}
	if p.Contains([]uint64{100, 104, 100}) {
		t.Errorf("kept r0 = 100: %s", p)
	}
	p.when(r0, isa.LE, k(1000))
	p.wantIn(r0, 0, 96)
}

func TestEqualityMerges(t *testing.T) {
	p := newProg(t)
	p.when(r1, isa.LT, domains.V(r3))
	p.do(isa.Mov, r4, domains.V(r2))
	p.do(isa.Add, r4, k(1))
	p.when(r1, isa.EQ, domains.V(r2))
	p.when(r3, isa.LE, k(10))
	p.wantIn(r2, 0, 9)
	p.wantIn(r4, 1, 10)
	p.wantDiff(r4, r1, 1, 1)
	p.when(r4, isa.GE, domains.V(r3))
	p.wantDiff(r3, r4, 0, 0)
	p.when(r1, isa.EQ, domains.V(r4))
	p.wantBottom(true)
}

// TestGhost: a counter that starts as another one stays tied to it.
func TestGhost(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r0, k(0)) // i
	p.do(isa.Mov, r1, k(7)) // ghost, starting elsewhere
	body := func(p prog) {
		p.do(isa.Add, r0, k(3))
		p.do(isa.Add, r1, k(3))
	}
	rounds := p.loop(body, nil)
	if _, hi, ok := p.Diff(r1, r0); !ok || hi != 7 { // or it wrapped
		t.Errorf("difference at most %d", hi)
	}
	if rounds > 6 {
		t.Errorf("%d rounds", rounds)
	}
	p.do(isa.Sub, r1, domains.V(r0))
	p.wantIn(r1, 7, 7) // holds though both have wrapped
}

// loop runs the body to a fixpoint, widening from the third round on, and returns the rounds.
func (p prog) loop(body func(prog), ts *domains.Thresholds) int {
	p.t.Helper()
	for round := 1; round < 200; round++ {
		q := p.clone()
		body(q)
		var changed bool
		if round < 3 || q.Leq(p.State) {
			changed = p.Join(q.State)
		} else {
			changed = p.Widen(q.State, ts)
		}
		if !q.Leq(p.State) {
			p.t.Fatalf("%s is not below %s", q, p)
		}
		if !changed {
			return round
		}
	}
	p.t.Fatalf("no fixpoint: %s", p)
	return 0
}

// TestLoopBound: for (i = 0; i < n; i++), n unknown: i <= n at the head, i < n inside.
func TestLoopBound(t *testing.T) {
	for limit, lo := range map[int64]int64{-1: least, 100: -100} {
		p := newProg(t)
		p.do(isa.Mov, r0, k(0))
		p.when(r1, isa.LE, k(limit))
		p.loop(func(p prog) {
			p.when(r0, isa.LT, domains.V(r1))
			p.do(isa.Add, r0, k(1))
		}, nil)
		p.wantDiff(r0, r1, lo, 0)
		p.when(r0, isa.NE, domains.V(r1)) // then the test may as well be i != n
		p.wantDiff(r0, r1, lo, -1)
		if limit > 0 {
			p.wantIn(r0, 0, uint64(limit)-1)
		}
	}
}

// TestLoopNotEqual: i != n is enough, as i <= n is inductive.
func TestLoopNotEqual(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r0, k(0))
	p.when(r1, isa.LE, k(100))
	p.loop(func(p prog) {
		p.when(r0, isa.NE, domains.V(r1))
		p.do(isa.Add, r0, k(1))
	}, domains.NewThresholds([]uint64{100}))
	p.wantDiff(r0, r1, -100, 0)
}

func TestLoopThreshold(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r0, k(0))
	p.do(isa.Mov, r2, k(0))
	rounds := p.loop(func(p prog) {
		p.when(r0, isa.LT, k(1000))
		p.do32(isa.Add, r0, k(1))
		p.do(isa.Add, r2, k(4))
	}, domains.NewThresholds([]uint64{1000}))
	p.wantIn(r0, 0, 1000)
	if rounds > 10 {
		t.Errorf("%d rounds", rounds)
	}
}

// TestDownCount: a counter that runs down bounds one that runs up.
func TestDownCount(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r0, k(0))
	p.do(isa.Mov, r1, k(10))
	p.when(r2, isa.GE, k(3))
	p.loop(func(p prog) {
		p.when(r1, isa.GT, k(0))
		p.do(isa.Add, r0, k(1))
		p.do(isa.Add, r1, k(-1))
		p.do(isa.Rsh, r2, k(1))
	}, nil)
	p.wantIn(r1, 0, 10)
	p.wantIn(r0, 0, 10)
	p.when(r1, isa.EQ, k(0))
	p.wantIn(r0, 10, 10)
}

func TestJoinKeepsEdges(t *testing.T) {
	p := newProg(t)
	q := p.clone()
	p.when(r1, isa.LT, domains.V(r2)) // an edge
	q.when(r1, isa.LE, k(5))          // bounds
	q.when(r2, isa.GE, k(5))
	if !p.Join(q.State) {
		t.Error("join changed nothing")
	}
	p.wantDiff(r1, r2, least, 0)

	p, q = newProg(t), newProg(t)
	p.do(isa.Mov, r1, domains.V(r2)) // equal
	q.when(r1, isa.LT, domains.V(r2))
	p.Join(q.State)
	p.wantDiff(r1, r2, least, 0)
}

func TestChanged(t *testing.T) {
	p := newProg(t)
	p.when(r1, isa.LE, domains.V(r2))
	p.do(isa.Mov, r3, domains.V(r1))
	p.do(isa.Add, r3, k(1))
	p.when(r4, isa.LE, k(3))
	p.when(r2, isa.LE, k(8))
	if got := p.Changed(); len(got) != 2 || got[0] != r1 || got[1] != r3 {
		t.Errorf("got %v", got)
	}
	if got := p.Changed(); len(got) != 0 {
		t.Errorf("then %v", got)
	}
	p.when(r2, isa.EQ, k(0))
	p.wantIn(r3, 1, 1)
	if got := p.Changed(); len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

// TestManyRelations relates more variables than there is room for.
func TestManyRelations(t *testing.T) {
	const n = 200
	z := New(isa.W64, n)
	for v := range domains.Var(n - 1) {
		z.Assume(isa.LT, isa.W64, v, domains.V(v+1))
	}
	if err := z.sane(); err != "" {
		t.Fatal(err)
	}
	env := make([]uint64, n)
	for v := range env {
		env[v] = uint64(v)
	}
	if !z.Contains(env) {
		t.Errorf("lost the numbers in order: %s", z)
	}
	if d := z.Word(n - 1); d.UMin != n-1 {
		t.Errorf("the last is at least %d", d.UMin)
	}
}

// TestEqualityMovesEdges: the edges of a node that is merged into another one
// move by the difference of the offsets.
func TestEqualityMovesEdges(t *testing.T) {
	p := newProg(t)
	p.when(r1, isa.LE, k(100))
	p.when(r2, isa.LE, k(100))
	p.when(r1, isa.LT, domains.V(r4))
	p.when(r2, isa.LT, domains.V(r3))
	p.when(r0, isa.LE, domains.V(r2))
	p.do(isa.Mov, 5, domains.V(r2))
	p.do(isa.Add, 5, k(20))
	p.when(r1, isa.EQ, domains.V(5)) // r1 = r2 + 20
	p.wantDiff(r2, r1, -20, -20)
	p.wantDiff(r1, r3, least, 19)
	p.wantDiff(r0, r1, -100, -20)
	p.wantDiff(r2, r4, least, -21)
}

func TestSubregisterComparesLowParts(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Add, r1, k(1<<32))
	p.when32(r0, isa.EQ, domains.V(r1))
	p.when32(r0, isa.GE, domains.V(r1))
	p.wantBottom(false)
	p.when(r0, isa.NE, domains.V(r1))
	p.wantBottom(false)
	p.when32(r0, isa.NE, domains.V(r0))
	p.wantBottom(true)
}

func TestContainsEdge(t *testing.T) {
	p := newProg(t)
	p.when(r0, isa.LT, domains.V(r1))
	for _, env := range [][]uint64{{3, 3}, {1<<64 - 1, 1}, {1 << 63, 1<<63 - 1}} {
		if p.Contains(env) {
			t.Errorf("%v is in %s", env, p)
		}
	}
	for _, env := range [][]uint64{{3, 4}, {0, 1<<64 - 1}, {1<<63 - 1, 1 << 63}} {
		if !p.Contains(env) {
			t.Errorf("%v is not in %s", env, p)
		}
	}
}

// TestLooseningEdgeEnds: an edge that each round loosens by one is given up.
func TestLooseningEdgeEnds(t *testing.T) {
	p := newProg(t)
	p.when(r1, isa.LE, domains.V(r2))
	p.when(r1, isa.LE, k(1<<40))
	rounds := p.loop(func(p prog) {
		p.when(r1, isa.LT, k(1<<40))
		p.do(isa.Add, r1, k(1))
	}, nil)
	if rounds > 8 {
		t.Errorf("%d rounds", rounds)
	}
}

// TestHugeDistances: weights stop at limit and do not overflow.
func TestHugeDistances(t *testing.T) {
	const n = 15
	z := New(isa.W64, 2*n)
	env := make([]uint64, 2*n)
	for i := range domains.Var(n) {
		env[i], env[n+i] = uint64(i)<<60, uint64(i+1)<<60
		z.Assume(isa.LE, isa.W64, i, domains.K(uint64(i)<<60)) // so that adding does not wrap
		z.ALU(isa.Mov, isa.W64, n+i, domains.V(i))
		z.ALU(isa.Add, isa.W64, n+i, domains.K(1<<60))
	}
	for i := range domains.Var(n - 1) {
		z.Assume(isa.LE, isa.W64, n+i, domains.V(i+1))
	}
	if !z.Contains(env) {
		t.Errorf("lost %v in %s", env, z)
	}
	if x, ok := z.Word(0).Const(); !ok || x != 0 {
		t.Errorf("first is %+v", z.Word(0))
	}
	y := New(isa.W64, 20)
	for v := range domains.Var(14) {
		y.addEdge(y.ensure(v).node, y.ensure(v+1).node, -limit)
	}
	if _, hi, _ := y.Diff(0, 14); hi != -limit || y.Word(14).UMin != 14*limit {
		t.Errorf("got %d and %s", hi, y)
	}
}
