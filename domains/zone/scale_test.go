package zone

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// TestStrides: counters with different steps, from different starts.
func TestStrides(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r0, k(0))
	p.do(isa.Mov, r1, k(14))
	p.do(isa.Mov, r2, k(100))
	rounds := p.loop(func(p prog) {
		p.when(r0, isa.LT, k(16))
		p.do(isa.Add, r0, k(1))
		p.do(isa.Add, r1, k(4))
		p.do(isa.Sub, r2, k(6))
	}, domains.NewThresholds([]uint64{16}))
	p.wantIn(r1, 14, 14+4*16)
	p.wantIn(r2, 100-6*16, 100)
	p.when(r0, isa.EQ, k(16))
	p.wantIn(r1, 78, 78)
	p.wantIn(r2, 4, 4)
	if rounds > 8 {
		t.Errorf("%d rounds", rounds)
	}
}

// TestStatus: a status code tells what was set along with it.
func TestStatus(t *testing.T) {
	p, q := newProg(t), newProg(t)
	p.do(isa.Mov, r0, k(0))
	p.do(isa.Mov, r1, k(14))
	q.do(isa.Mov, r0, k(-1))
	q.do(isa.Mov, r1, k(0))
	p.Join(q.State)
	q = p.clone()
	p.when(r0, isa.EQ, k(0))
	p.wantIn(r1, 14, 14)
	q.when(r1, isa.EQ, k(0))
	q.wantIn(r0, 1<<64-1, 1<<64-1)
}

// TestIndex: a bound on the index is one on the offset that was computed from it before.
func TestIndex(t *testing.T) {
	p := newProg(t)
	p.when(r0, isa.LE, k(1000))
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Mul, r1, k(24))
	p.do(isa.Add, r1, k(8))
	p.do(isa.Mov, r2, domains.V(r0))
	p.do32(isa.Lsh, r2, k(3))
	p.do(isa.Mov, r3, k(5000))
	p.do(isa.Sub, r3, domains.V(r1))
	q := p.clone()
	p.when(r0, isa.LT, k(10))
	p.wantIn(r1, 8, 9*24+8)
	p.wantIn(r2, 0, 72)
	p.wantIn(r3, 5000-9*24-8, 4992)
	q.when(r1, isa.LT, k(300))
	q.wantIn(r0, 0, 12)
	q.when(r2, isa.GE, k(90))
	q.wantIn(r1, 296, 296)
	p.do(isa.Sub, r1, domains.V(r2))
	p.do(isa.Sub, r1, domains.V(r2))
	p.do(isa.Sub, r1, domains.V(r2))
	p.wantIn(r1, 8, 8)
}

// TestScaledGetsEdge: a comparison of variables wins over the scale, for all
// variables of that scale.
func TestScaledGetsEdge(t *testing.T) {
	p := newProg(t)
	p.when(r0, isa.LE, k(1000))
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Lsh, r1, k(2))
	p.do(isa.Mov, r2, domains.V(r1))
	p.do(isa.Add, r2, k(4))
	p.when(r2, isa.LE, domains.V(r3))
	p.when(r3, isa.LE, k(100))
	p.wantIn(r1, 0, 96)
	p.wantDiff(r1, r3, -100, -4)
}

func TestLeq(t *testing.T) {
	bounded := newProg(t)
	bounded.when(r0, isa.LE, k(5))
	bounded.when(r1, isa.GE, k(5))
	edge := newProg(t)
	edge.when(r0, isa.LE, domains.V(r1))
	less := edge.clone()
	less.when(r0, isa.NE, domains.V(r1))
	equal := newProg(t)
	equal.do(isa.Mov, r0, domains.V(r1))
	moved := newProg(t)
	moved.do(isa.Mov, r0, k(3))
	moved.do(isa.Mov, r1, k(4))
	doubled := newProg(t)
	doubled.when(r0, isa.LE, k(100))
	doubled.do(isa.Mov, r1, domains.V(r0))
	doubled.do(isa.Mul, r1, k(2))
	six := newProg(t)
	six.do(isa.Mov, r0, k(3))
	six.do(isa.Mov, r1, k(6))
	bottom := newProg(t)
	bottom.SetBottom()
	all := []struct {
		name string
		prog
		above string // indices of the states that it is below
	}{
		{"top", newProg(t), "0"},
		{"bounded", bounded, "012"},
		{"edge", edge, "02"},
		{"less", less, "023"},
		{"equal", equal, "024"},
		{"constants", moved, "0235"},
		{"doubled", doubled, "06"},
		{"3 and 6", six, "012367"},
		{"bottom", bottom, "012345678"},
	}
	for _, a := range all {
		got := ""
		for i, b := range all {
			if a.Leq(b.State) {
				got += string(rune('0' + i))
			}
		}
		if got != a.above {
			t.Errorf("%s is below %s, want %s", a.name, got, a.above)
		}
	}
}
