package absint

import (
	"math/rand/v2"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/isa"
)

// testState makes a state of one frame whose stack is tracked whole.
func testState(tb testing.TB) *State {
	tb.Helper()
	mk, err := all.Select(all.Names())
	if err != nil {
		tb.Fatal(err)
	}
	lay := newLayout(1, stackBytes/4, 1)
	return newState(&lay, mk(isa.W64, lay.n))
}

// TestStackAgainstBytes runs random stores and loads of numbers beside an array
// of bytes: what a load finds must contain what the bytes are.
func TestStackAgainstBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		s := testState(t)
		var mem [stackBytes]byte
		var regs [8]uint64
		known := 0
		for r := range regs {
			s.setConst(s.reg(isa.Reg(r)), 0)
		}
		for range 60 {
			size := 1 << rng.IntN(4)
			off := -size * (1 + rng.IntN(48/size))
			r := rng.IntN(len(regs))
			at := stackBytes + off
			switch rng.IntN(4) {
			case 0: // a constant
				x := rng.Uint64() >> rng.IntN(64)
				regs[r] = x
				s.setConst(s.reg(isa.Reg(r)), x)
			case 1: // any number
				regs[r] = rng.Uint64() >> 8
				s.set(s.reg(isa.Reg(r)), scalarCell)
				s.num.Refine(s.reg(isa.Reg(r)), sized(8))
			case 2:
				for i := range size {
					mem[at+i] = byte(regs[r] >> (8 * i))
				}
				s.storeStack(0, int64(off), size, domains.V(s.reg(isa.Reg(r))), false)
			case 3:
				var x uint64
				for i := size - 1; i >= 0; i-- {
					x = x<<8 | uint64(mem[at+i])
				}
				regs[r] = x
				if s.loadStack(s.reg(isa.Reg(r)), 0, int64(off), size, false) {
					t.Fatal("there are no pointers on this stack")
				}
			}
			for r, x := range regs {
				d := s.num.Word(s.reg(isa.Reg(r)))
				if !d.Contains(isa.W64, x) {
					t.Fatalf("round %d: r%d is %#x, not in %s", round, r, x, d.Text(isa.W64))
				}
				if _, ok := d.Const(); ok {
					known++
				}
			}
		}
		if known == 0 {
			t.Fatal("no value was ever known: the test shows nothing")
		}
	}
}

// TestStackParts names the cases that narrow and split accesses give.
func TestStackParts(t *testing.T) {
	const x = 0x1122334455667788
	for _, test := range []struct {
		name      string
		off, size int
		want      uint64
	}{
		{"whole", -8, 8, x}, {"low half", -8, 4, 0x55667788}, {"high half", -4, 4, 0x11223344},
		{"low byte", -8, 1, 0x88}, {"inner byte", -7, 1, 0x77}, {"top byte", -1, 1, 0x11}, {"inner half word", -6, 2, 0x5566},
	} {
		s := testState(t)
		s.storeStack(0, -8, 8, domains.K(x), false)
		s.loadStack(s.reg(isa.R1), 0, int64(test.off), test.size, false)
		if got, ok := s.num.Word(s.reg(isa.R1)).Const(); !ok || got != test.want {
			t.Errorf("%s: %#x, %v; want %#x", test.name, got, ok, test.want)
		}
	}
	s := testState(t)
	s.storeStack(0, -8, 4, domains.K(0x55667788), false)
	s.storeStack(0, -4, 4, domains.K(0x11223344), false)
	s.loadStack(s.reg(isa.R1), 0, -8, 8, false)
	if got, ok := s.num.Word(s.reg(isa.R1)).Const(); !ok || got != x {
		t.Errorf("two halves: %#x, %v; want %#x", got, ok, uint64(x))
	}
}
