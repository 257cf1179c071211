package zone

import (
	"math/rand"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// TestWideningEnds widens a state by random programs run on it until nothing
// changes any more, as the head of a loop is.
func TestWideningEnds(t *testing.T) {
	most := 0
	for seed := range int64(2000) {
		m := &machine{t: t, r: rand.New(rand.NewSource(seed)), w: isa.W64, n: 6}
		ts := domains.NewThresholds([]uint64{m.number(), m.number(), 100})
		type step struct {
			op isa.ALUOp
			c  isa.Cond
			w  isa.Width
			v  domains.Var
			o  domains.Operand
		}
		var body []step
		for range 6 {
			s := step{w: m.width(), v: domains.Var(m.r.Intn(m.n)), o: m.operand()}
			if m.r.Intn(3) == 0 {
				s.c = isa.Cond(1 + m.r.Intn(int(isa.NumCond)-1))
			} else {
				s.op = m.op()
			}
			body = append(body, s)
		}
		head := New(isa.W64, m.n)
		for v := range domains.Var(m.n) {
			if m.r.Intn(2) == 0 {
				head.ALU(isa.Mov, isa.W64, v, domains.K(m.number()))
			} else {
				head.Assume(isa.LE, isa.W64, v, domains.K(m.number()))
			}
		}
		rounds := 0
		for ; rounds < 300; rounds++ {
			z := head.Clone()
			for _, s := range body {
				if s.op != isa.InvalidALU {
					z.ALU(s.op, s.w, s.v, s.o)
				} else {
					z.Assume(s.c, s.w, s.v, s.o)
				}
			}
			if !head.Widen(z, ts) {
				break
			}
		}
		most = max(most, rounds)
		if rounds == 300 {
			t.Fatalf("seed %d: no end: %s", seed, head)
		}
	}
	t.Logf("at most %d rounds", most)
}
