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

// TestMixedScales: sums and equalities of multiples of one node.
func TestMixedScales(t *testing.T) {
	p := newProg(t)
	p.when(r0, isa.LE, k(10))
	p.do(isa.Mov, r1, domains.V(r0))
	p.do(isa.Mul, r1, k(2))
	p.do(isa.Mov, r2, k(30))
	p.do(isa.Sub, r2, domains.V(r0)) // 30 - r0
	p.do(isa.Mov, r3, domains.V(r2))
	p.do(isa.Add, r3, domains.V(r0))
	p.wantIn(r3, 30, 30)
	p.do(isa.Add, r2, domains.V(r1)) // 30 + r0
	p.wantIn(r2, 30, 40)
	p.wantDiff(r2, r0, 30, 30)
	p.when(r4, isa.LE, k(6))
	p.do(isa.Mov, 5, domains.V(r4))
	p.do(isa.Mul, 5, k(3))
	p.do(isa.Add, r4, k(2))
	p.when(r0, isa.EQ, domains.V(r4)) // r0 = r4, as v5 = 3 * (r4 - 2)
	p.wantIn(r0, 2, 8)
	p.when(r1, isa.EQ, k(10))
	p.wantIn(5, 9, 9)
}

// TestJoinOfScaled: variables of different scales are not the same distance
// apart, though their offsets are, nor is a multiple of one class one of another.
func TestJoinOfScaled(t *testing.T) {
	p, q := newProg(t), newProg(t)
	for _, x := range []prog{p, q} {
		x.when(r0, isa.LE, k(10))
		x.do(isa.Mov, r1, domains.V(r0))
		x.do(isa.Mul, r1, k(2))
		x.do(isa.Mov, r2, domains.V(r0))
		x.do(isa.Mul, r2, k(3))
		x.Havoc(r0)
	}
	twin := p.clone()
	twin.when(r1, isa.LE, k(8))
	if twin.Join(p.State); !twin.Contains([]uint64{0, 4, 6}) || !twin.Contains([]uint64{0, 20, 30}) {
		t.Errorf("lost an assignment: %s", twin)
	}
	q.do(isa.Mov, r2, domains.V(r1))
	p.Join(q.State)
	if !p.Contains([]uint64{0, 4, 6}) || !p.Contains([]uint64{0, 4, 4}) {
		t.Errorf("lost an assignment: %s", p)
	}

	p, q = newProg(t), newProg(t)
	for _, x := range []prog{p, q} {
		x.when(r0, isa.LE, k(10))
		x.do(isa.Mov, r1, domains.V(r0))
		x.do(isa.Mul, r1, k(2))
		x.do(isa.Add, r0, k(1)) // r1 = 2 * (r0 - 1)
	}
	q.do(isa.Add, r1, k(2)) // r1 = 2 * r0
	p.Join(q.State)
	for r := range uint64(11) {
		if !p.Contains([]uint64{r + 1, 2 * r}) || !p.Contains([]uint64{r + 1, 2*r + 2}) {
			t.Errorf("lost %d: %s", r, p)
		}
	}
}

// TestMultipleAlone: a multiple of something that has gone is no longer one once
// it is joined with another number.
func TestMultipleAlone(t *testing.T) {
	for _, bound := range []int64{3, -1} {
		p, q := newProg(t), newProg(t)
		p.when(r0, isa.LE, k(1000))
		p.do(isa.Mov, r1, domains.V(r0))
		p.do(isa.Mul, r1, k(4))
		wide := newProg(t) // forget the bound, but not the multiple
		wide.do(isa.Mov, r1, k(4))
		wide.do(isa.Mov, r0, k(1))
		next := newProg(t)
		next.do(isa.Mov, r1, k(8))
		next.do(isa.Mov, r0, k(2))
		wide.Widen(next.State, nil)
		q.when(r1, isa.LE, k(bound))
		for _, x := range []prog{p, wide} {
			x.Havoc(r0)
			if q.Leq(x.State) {
				t.Errorf("%s is below %s", q, x)
			}
			x.Join(q.State)
			if d := x.Word(r1); !x.Contains([]uint64{7, 3}) || !d.Contains(isa.W64, 3) {
				t.Errorf("lost 3: %s", x)
			}
		}
	}
}

// TestWidenTogether: counters that start elsewhere stop at the threshold of either.
func TestWidenTogether(t *testing.T) {
	p := newProg(t)
	p.do(isa.Mov, r0, k(5))
	p.do(isa.Mov, r1, k(9))
	p.do(isa.Mov, r2, k(1000))
	q := p.clone()
	q.do(isa.Add, r0, k(1))
	q.do(isa.Add, r1, k(1))
	q.do(isa.Sub, r2, k(2))
	p.Widen(q.State, domains.NewThresholds([]uint64{100}))
	p.wantIn(r0, 5, 95)
	p.wantIn(r1, 9, 99)
	p.wantIn(r2, 820, 1000)
}

// TestWordsExhaustive checks offsets and scales of all intervals of four bits.
func TestWordsExhaustive(t *testing.T) {
	w := tiny
	var all []domains.Word
	for lo := range uint64(16) {
		for hi := lo; hi < 16; hi++ {
			u, s := domains.TopWord(w), domains.TopWord(w)
			u.UMin, u.UMax = lo, hi
			s.SMin, s.SMax = int64(lo)-8, int64(hi)-8
			all = append(all, u, s)
		}
		for value := range uint64(16) {
			if value&lo == 0 {
				d := domains.TopWord(w)
				d.Value, d.Mask = value, lo
				all = append(all, d)
			}
		}
	}
	for i := range all {
		tighten(w, &all[i])
	}
	for i := range all {
		d := &all[i]
		for delta := range uint64(16) {
			shifted := shiftWord(w, d, delta)
			e, ok := offset(w, d, delta)
			for x := range uint64(16) {
				if !d.Contains(w, x) {
					continue
				}
				if y := (x + delta) & 15; !shifted.Contains(w, y) || ok && int64(x)+e != int64(y) {
					t.Fatalf("%+v + %d: %d, offset %d", *d, delta, x, e)
				}
			}
		}
		for _, s := range []int64{-7, -3, -2, -1, 2, 3, 4, 5, 6, 9} {
			product := scaleWord(w, d, s)
			for j := range all {
				inverse := unscaleWord(w, all[j], s, d)
				for x := range uint64(16) {
					y := uint64(s) * x & 15
					if d.Contains(w, x) && (!product.Contains(w, y) || all[j].Contains(w, y) && !inverse.Contains(w, x)) {
						t.Fatalf("%d * %d: %+v times, %+v known, gives %+v", x, s, *d, all[j], inverse)
					}
				}
			}
		}
	}
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
