package exec

import (
	"math/rand/v2"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
)

// edges are operands at which arithmetic goes wrong.
var edges = []uint64{
	0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
	1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<63 - 1, 1 << 63, 1<<63 + 1, ^uint64(0), ^uint64(1), ^uint64(12),
	0xffffffff80000000, 0xffffffff7fffffff, 0x8000000080000000, 0x123456789abcdef0,
}

// machineFor loads raw code and gives a machine to run single instructions on.
func machineFor(t *testing.T, insns []isa.Instruction) *Machine {
	t.Helper()
	r, err := Interpreter{}.Load(rawProgram(insns), Options{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	return newMachine(r.(*program))
}

// result runs a program of two instructions and an exit on two operands.
func result(m *Machine, a, b uint64) uint64 {
	m.begin(&Input{})
	m.Regs[0], m.Regs[1], m.Regs[2] = a, b, 0
	m.execute(m.code, 0)
	return m.Regs[0]
}

// operands calls f with all pairs of edges and with random ones.
func operands(rng *rand.Rand, f func(a, b uint64)) {
	for _, a := range edges {
		for _, b := range edges {
			f(a, b)
		}
	}
	for range 300 {
		f(rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64))
	}
}

// TestALU compares every ALU instruction, from a register and from constants, with
// isa.Eval.
func TestALU(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	exit := isa.Instruction{Op: isa.OpExit}
	forms, n := 0, 0
	for op := 0; op < 256; op++ {
		for _, off := range []int16{0, 1, 8, 16, 32} {
			for _, imm := range []int32{0, 1, -1, 5, 16, 31, 32, 63, 64, -7, 1<<31 - 1, -1 << 31} {
				in := isa.Instruction{Op: uint8(op), Dst: 0, Src: 1, Off: off, Imm: imm}
				if !in.IsALU() || in.IsAddrSpaceCast() {
					continue
				}
				if !in.UsesSrcReg() || in.Code() == isa.CodeEND {
					in.Src = 0
				} else if imm != 0 {
					continue
				}
				if len(isa.Validate([]isa.Instruction{in}, everything)) > 0 {
					continue
				}
				forms++
				alu, w := in.ALU(false), in.Width()
				m := machineFor(t, []isa.Instruction{in, exit})
				operands(rng, func(a, b uint64) {
					y := b
					if in.Src == 0 {
						y = uint64(int64(imm))
					}
					if got, want := result(m, a, b), isa.Eval(alu, w, a, y); got != want {
						t.Fatalf("%+v on %#x, %#x: %#x, want %#x", in, a, y, got, want)
					}
					n++
				})
			}
		}
	}
	if forms < 12*2*13+20 {
		t.Errorf("only %d forms", forms)
	}
	t.Logf("%d forms, %d results", forms, n)
}

// TestConditions compares every conditional jump with isa.Holds.
func TestConditions(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	forms := 0
	for op := 0; op < 256; op++ {
		for _, imm := range []int32{0, 1, -1, 127, -128, 1<<31 - 1, -1 << 31} {
			in := isa.Instruction{Op: uint8(op), Dst: 0, Src: 1, Off: 1, Imm: imm}
			if !in.IsCondJump() || in.Op == isa.OpMayGoto {
				continue
			}
			if !in.UsesSrcReg() {
				in.Src = 0
			} else if imm != 0 {
				continue
			}
			if len(isa.Validate([]isa.Instruction{in}, everything)) > 0 {
				continue
			}
			forms++
			m := machineFor(t, []isa.Instruction{
				in,
				{Op: isa.ClassALU64 | isa.CodeMOV, Dst: 0, Imm: 7}, {Op: isa.OpExit},
			})
			// taken: the move is jumped over, so that R0 stays a
			operands(rng, func(a, b uint64) {
				if a == 7 {
					return
				}
				y := b
				if in.Src == 0 {
					y = uint64(int64(imm))
				}
				want := uint64(7)
				if isa.Holds(in.Cond(), in.Width(), a, y) {
					want = a
				}
				if got := result(m, a, b); got != want {
					t.Fatalf("%+v on %#x, %#x: %#x, want %#x", in, a, y, got, want)
				}
			})
		}
	}
	if forms != 2*11*8 {
		t.Errorf("%d forms, want %d", forms, 2*11*8)
	}
}

// TestAddresses checks that addresses mean what they were made of and nothing else.
func TestAddresses(t *testing.T) {
	if s, u := scramble, unscramble; s*u != 1 {
		t.Errorf("scramble * unscramble = %d", s*u)
	}
	seen := map[uint32]ID{}
	for id := ID(1); id < 1<<16; id++ {
		a := Address(id, 0)
		for _, off := range []int64{0, 1, -1, 511, -1 << 29, 1 << 29} {
			if gotID, got := split(a + uint64(off)); gotID != id || got != off {
				t.Fatalf("address of %d+%d means %d+%d", id, off, gotID, got)
			}
		}
		seen[uint32(a>>32)] = id
	}
	for high, id := range seen { // neighbours by 2^32 are other numbers, far away
		for d := uint32(1); d < 4; d++ {
			if other, ok := seen[high+d]; ok && other != id && d == 1 && id < 64 && other < 64 {
				t.Fatalf("objects %d and %d are neighbours", id, other)
			}
		}
	}
}

// reference runs arithmetic and forward jumps by isa.Eval and isa.Holds alone. It
// returns R0 and the number of instructions run.
func reference(insns []isa.Instruction, r [11]uint64) (r0 uint64, steps int64) {
	for pc := 0; ; pc++ {
		i := insns[pc]
		steps++
		y := uint64(int64(i.Imm))
		if i.UsesSrcReg() {
			y = r[i.Src]
		}
		switch {
		case i.IsExit():
			return r[0], steps
		case i.IsALU():
			r[i.Dst] = isa.Eval(i.ALU(false), i.Width(), r[i.Dst], y)
		case i.IsGoto():
			pc += int(i.JumpOffset())
		case isa.Holds(i.Cond(), i.Width(), r[i.Dst], y):
			pc += int(i.JumpOffset())
		}
	}
}

// TestAgainstReference compares random programs of arithmetic and forward jumps,
// rich in the pairs that are fused and in jumps into their middle.
func TestAgainstReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var pool []isa.Instruction
	for len(pool) < 400 {
		i := valid(rng, 8)
		if (i.IsALU() && !i.IsAddrSpaceCast()) || (i.IsCondJump() && i.Op != isa.OpMayGoto) {
			pool = append(pool, i)
		}
	}
	frequent := []uint8{0x07, 0x0f, 0xaf, 0x4f, 0x1f, 0xbf, 0x67, 0x77, 0xc7, 0x57, 0x55, 0x5d, 0xad, 0x15}
	used := map[op]int{}
	for n := range 5000 {
		var insns []isa.Instruction
		for r := range isa.Reg(10) {
			insns = append(insns, isa.Instruction{Op: isa.OpLdImm64, Dst: r, Imm: int32(rng.Uint32()), Next: int32(rng.Uint32()) >> rng.IntN(32)}, isa.Instruction{})
		}
		regs := [11]uint64{isa.FP: frameTops[0]}
		for k := 0; k < len(insns); k += 2 {
			regs[k/2] = insns[k].Imm64()
		}
		begin, end := len(insns), len(insns)+20
		for k := begin; k < end; k++ {
			i := pool[rng.IntN(len(pool))]
			if rng.IntN(3) > 0 {
				i = isa.Instruction{Op: frequent[rng.IntN(len(frequent))], Dst: isa.Reg(rng.IntN(10))}
				if i.UsesSrcReg() {
					i.Src = isa.Reg(rng.IntN(10))
				} else {
					i.Imm = int32(rng.IntN(64))
				}
			}
			if i.IsCondJump() {
				i.Off = int16(rng.IntN(end - k))
			}
			insns = append(insns, i)
		}
		insns = append(insns, isa.Instruction{Op: isa.OpExit})
		r, err := Interpreter{}.Load(rawProgram(insns), Options{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range r.(*program).plain.insns {
			used[i.op]++
		}
		want, steps := reference(insns[begin:], regs)
		if got := r.Run(&Input{}); got.Fault != NoFault || got.R0 != want || got.Steps != steps+10 {
			t.Fatalf("program %d: %+v, want r0 %#x after %d steps\n%s", n, got, want, steps+10, isa.DisassembleProgram(insns, isa.DisasmOptions{}))
		}
	}
	for _, p := range pairs {
		if used[p] == 0 {
			t.Errorf("pair %d was never made", p)
		}
	}
}
