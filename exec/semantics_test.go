package exec

import (
	"sync"
	"testing"
)

// TestSemantics has the corner cases S1-S27 that are not arithmetic on registers,
// which TestALU and TestConditions compare exhaustively.
func TestSemantics(t *testing.T) {
	for _, c := range []struct {
		rule, text string
		want       uint64
	}{
		{"S8: 32-bit move clears the upper half", "r0 = -1\n w0 = w0\n exit", 1<<32 - 1},
		{"S9: constants are sign-extended", "r0 = 0\n r0 |= -2\n exit", ^uint64(1)},
		{"S10: unsigned compare with a sign-extended constant", "r0 = 0\n r1 = -1\n if r1 > -2 goto +1\n exit\n r0 = 1\n exit", 1},
		{"S11: 32-bit compare ignores the upper half", "r0 = 0\n r1 = 0x100000005 ll\n if w1 != 5 goto +1\n r0 = 1\n exit", 1},
		{"S14: byte load zero-extends", "*(u64 *)(r10 - 8) = -1\n r0 = *(u8 *)(r10 - 8)\n exit", 0xff},
		{"S14: signed byte load", "*(u64 *)(r10 - 8) = 0x80\n r0 = *(s8 *)(r10 - 8)\n exit", ^uint64(0x7f)},
		{"S14: signed word load", "*(u32 *)(r10 - 8) = -2\n r0 = *(s32 *)(r10 - 8)\n exit", ^uint64(1)},
		{"S15: store of a sign-extended constant", "*(u64 *)(r10 - 8) = -1\n r0 = *(u64 *)(r10 - 8)\n exit", ^uint64(0)},
		{"S16: 32-bit fetch zero-extends", "*(u64 *)(r10 - 8) = -1\n r1 = 1\n r1 = atomic_fetch_add((u32 *)(r10 - 8), r1)\n r0 = r1\n exit", 1<<32 - 1},
		{"S16: 32-bit add leaves the upper half of memory", "*(u64 *)(r10 - 8) = -1\n r1 = 1\n lock *(u32 *)(r10 - 8) += r1\n r0 = *(u64 *)(r10 - 8)\n exit", 0xffff_ffff_0000_0000},
		{"S17: 32-bit compare-exchange that hits", "*(u64 *)(r10 - 8) = 5\n r0 = 0x700000005 ll\n r1 = 9\n w0 = cmpxchg32_32(r10 - 8, w0, w1)\n exit", 5},
		{"S17: and one that misses", "*(u64 *)(r10 - 8) = 6\n r0 = 0x700000005 ll\n r1 = 9\n w0 = cmpxchg32_32(r10 - 8, w0, w1)\n r1 = *(u64 *)(r10 - 8)\n r0 += r1\n exit", 12},
		{"S17: 64 bits", "*(u64 *)(r10 - 8) = 5\n r0 = 5\n r1 = 9\n r0 = cmpxchg_64(r10 - 8, r0, r1)\n r1 = *(u64 *)(r10 - 8)\n r0 += r1\n exit", 14},
		{"S18: exchange", "*(u64 *)(r10 - 8) = 5\n r1 = 9\n r1 = xchg_64(r10 - 8, r1)\n r0 = *(u64 *)(r10 - 8)\n r0 *= 10\n r0 += r1\n exit", 95},
		{"S22: long jump", "r0 = 1\n gotol +1\n r0 = 2\n exit", 1},
		{"S23: R6-R9 survive a call", "r6 = 1\n r9 = 2\n call f\n r0 += r6\n r0 += r9\n exit\nf: r6 = 10\n r9 = 10\n r0 = 100\n exit", 103},
		{"S23: frames are apart", "*(u64 *)(r10 - 8) = 3\n call f\n r0 = *(u64 *)(r10 - 8)\n exit\nf: *(u64 *)(r10 - 8) = 4\n r0 = 0\n exit", 3},
		{"S26: load-acquire and store-release", "r1 = 77\n store_release((u32 *)(r10 - 8), r1)\n r0 = load_acquire((u32 *)(r10 - 8))\n exit", 77},
		{"frames through pointers", "r1 = r10\n r1 += -8\n call f\n r0 = *(u64 *)(r10 - 8)\n exit\nf: *(u64 *)(r1 + 0) = 9\n call g\n r0 = 0\n exit\ng: *(u64 *)(r10 - 8) = 1\n r0 = 0\n exit", 9},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if o, rep := runText(t, "xdp", c.text, Input{}); o.Fault != NoFault || o.R0 != c.want {
				t.Errorf("r0 = %#x, %s %s; want %#x", o.R0, o.Fault, rep.Detail, c.want)
			}
		})
	}
}

// TestConcurrent: one program, many runs at once.
func TestConcurrent(t *testing.T) {
	r, err := Interpreter{}.Load(testProgram(t, "xdp", "*(u32 *)(r10 - 4) = 1\n r2 = r10\n r2 += -4\n r1 = map[array] ll\n call map_lookup_elem\n r1 = 1\n lock *(u64 *)(r0 + 0) += r1\n r6 = *(u64 *)(r0 + 0)\n call get_prandom_u32\n r0 += r6\n exit"), Options{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	var want [8]Outcome
	for seed := range want {
		want[seed] = r.Run(&Input{Seed: uint64(seed)})
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				in := Input{Seed: uint64(i+g) % 8}
				if i%3 == 0 {
					in.Observe = func(*Observation) {}
				}
				if got := r.Run(&in); got != want[in.Seed] {
					t.Errorf("seed %d: %+v, want %+v", in.Seed, got, want[in.Seed])
					return
				}
			}
		})
	}
	wg.Wait()
}
