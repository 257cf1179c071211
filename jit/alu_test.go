package jit

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// edges are operands at which arithmetic goes wrong.
var edges = []uint64{
	0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 65, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
	1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<63 - 1, 1 << 63, 1<<63 + 1, ^uint64(0), ^uint64(1), ^uint64(12),
	0xffffffff80000000, 0xffffffff7fffffff, 0x8000000080000000, 0x123456789abcdef0,
}

// immediates are constants of instructions.
var immediates = []int32{0, 1, -1, 2, 3, 5, 7, 10, 13, 16, 31, 32, 33, 63, 64, -7, 127, 128, 641, 1 << 16, 1 << 30, 1<<31 - 1, -1 << 31, -1<<31 + 1, 0x55555555}

// with loads a raw program with an engine that has given features.
func with(tb testing.TB, p *loader.Program, f features) exec.Runnable {
	tb.Helper()
	needJIT(tb)
	r, err := exec.LoadWith(engineWith(f, slice), p, exec.Options{Target: target, Raw: p.Type == ""})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// operands returns the memory of a raw program that holds two words.
func operands(a, b uint64) *exec.Input {
	return &exec.Input{Data: binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b)}
}

// frame wraps an instruction on dst and src: they get the two words of memory, and
// the program returns dst. Other registers get numbers that must survive: their sum
// goes to memory.
func around(in isa.Instruction, base isa.Reg) []isa.Instruction {
	ldx := func(dst isa.Reg, off int16) isa.Instruction {
		return isa.Instruction{Op: isa.ClassLDX | isa.ModeMEM | isa.SizeDW, Dst: dst, Src: base, Off: off}
	}
	prog := []isa.Instruction{{Op: isa.OpMovX, Dst: base, Src: isa.R1}}
	for r := range isa.R10 {
		if r != base {
			prog = append(prog, isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: r, Imm: int32(r) * 0x1010101})
		}
	}
	prog = append(prog, ldx(in.Dst, 0))
	if in.Src != in.Dst && in.Src < isa.R10 && in.UsesSrcReg() {
		prog = append(prog, ldx(in.Src, 8))
	}
	prog = append(prog, in)
	return prog
}

// result appends what returns dst and leaves a hash of the others in memory.
func result(prog []isa.Instruction, dst, base isa.Reg) []isa.Instruction {
	prog = append(prog, isa.Instruction{Op: isa.ClassSTX | isa.ModeMEM | isa.SizeDW, Dst: base, Src: dst})
	for r := range isa.R10 {
		if r != base && r != dst {
			prog = append(prog, isa.Instruction{Op: isa.ClassALU64 | isa.CodeXOR | isa.SourceX, Dst: dst, Src: r})
			prog = append(prog, isa.Instruction{Op: isa.ClassALU64 | isa.CodeMUL, Dst: dst, Imm: 31})
		}
	}
	prog = append(prog,
		isa.Instruction{Op: isa.ClassSTX | isa.ModeMEM | isa.SizeDW, Dst: base, Src: dst, Off: 8},
		isa.Instruction{Op: isa.ClassLDX | isa.ModeMEM | isa.SizeDW, Dst: isa.R0, Src: base},
		isa.Instruction{Op: isa.OpExit})
	return prog
}

// pairs calls f with edges and random operands.
func pairs(rng *rand.Rand, f func(a, b uint64)) {
	for _, a := range edges {
		for _, b := range edges {
			f(a, b)
		}
	}
	for range 50 {
		f(rng.Uint64()>>rng.IntN(64), rng.Uint64()>>rng.IntN(64))
	}
}

// aluForms returns every ALU instruction, with registers chosen at random.
func aluForms(rng *rand.Rand) (forms []isa.Instruction) {
	for op := 0; op < 256; op++ {
		in := isa.Instruction{Op: uint8(op)}
		if !in.IsALU() {
			continue
		}
		for _, off := range []int16{0, 1, 8, 16, 32} {
			in := in
			in.Off = off
			imms := immediates
			if in.UsesSrcReg() && in.Code() != isa.CodeEND {
				imms = make([]int32, 12) // several choices of registers
			}
			for n, imm := range imms {
				in := in
				in.Imm, in.Dst = imm, isa.Reg(rng.IntN(9))
				if in.UsesSrcReg() && in.Code() != isa.CodeEND {
					in.Src = isa.Reg((int(in.Dst) + n%9) % 9)
				}
				if len(isa.Validate([]isa.Instruction{in}, everything)) == 0 && !in.IsAddrSpaceCast() {
					forms = append(forms, in)
				}
			}
		}
	}
	return forms
}

var everything = isa.Profile{Name: "test", Features: isa.FeatRFC | isa.FeatMayGoto | isa.FeatOrderedAtomic | isa.FeatCallX}

// TestALU compares every arithmetic instruction with isa.Eval on edge words, in
// different registers, and with and without extensions of the machine's instruction
// set; and all other registers with the interpreter.
func TestALU(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := 0
	forms := aluForms(rng)
	for _, in := range forms {
		base := isa.R9
		p := &loader.Program{Insns: result(around(in, base), in.Dst, base)}
		ref, err := exec.Interpreter{}.Load(p, exec.Options{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		old, new := with(t, p, features{}), with(t, p, features{bmi2: hasBMI2})
		check := func(a, b uint64) {
			n++
			y := uint64(int64(in.Imm))
			if in.UsesSrcReg() && in.Code() != isa.CodeEND {
				if y = b; in.Src == in.Dst {
					y = a
				}
			}
			want := isa.Eval(in.ALU(false), in.Width(), a, y)
			i := operands(a, b)
			x := new.Run(i)
			if x.R0 != want || x.Fault != exec.NoFault {
				t.Fatalf("%+v of %#x and %#x: %+v, want %#x", in, a, b, x, want)
			}
			if o := old.Run(i); o != x {
				t.Fatalf("%+v of %#x and %#x: %+v without extensions, %+v with", in, a, b, o, x)
			}
			if n%16 == 0 {
				if o := ref.Run(i); o != x {
					t.Fatalf("%+v of %#x and %#x: %+v, interpreter %+v", in, a, b, x, o)
				}
			}
		}
		if testing.Short() {
			for range 40 {
				check(edges[rng.IntN(len(edges))], edges[rng.IntN(len(edges))])
			}
			continue
		}
		if in.UsesSrcReg() {
			pairs(rng, check)
			continue
		}
		for _, a := range edges {
			check(a, 0)
		}
		for range 50 {
			check(rng.Uint64()>>rng.IntN(64), 0)
		}
	}
	if len(forms) < 400 {
		t.Errorf("only %d forms", len(forms))
	}
	t.Logf("%d forms, %d operations", len(forms), n)
}

// TestConditions compares every conditional jump, forward and backward, with
// isa.Holds.
func TestConditions(t *testing.T) {
	needJIT(t)
	rng := rand.New(rand.NewPCG(3, 4))
	forms, n := 0, 0
	for op := 0; op < 256; op++ {
		in := isa.Instruction{Op: uint8(op)}
		if !in.IsCondJump() || in.Cond() == isa.InvalidCond {
			continue
		}
		imms := immediates
		if in.UsesSrcReg() {
			imms = make([]int32, 6)
		}
		for _, imm := range imms {
			in.Dst, in.Imm, in.Src = isa.Reg(rng.IntN(9)), imm, 0
			if in.UsesSrcReg() {
				in.Src = isa.Reg(rng.IntN(9))
			}
			forms++
			// The jump goes forward to a jump that is the same and goes back.
			in.Off = 2
			prog := around(in, isa.R9)
			exit := isa.Instruction{Op: isa.OpExit}
			ret := func(v int32) isa.Instruction {
				return isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R0, Imm: v}
			}
			back := in
			back.Off = -3
			prog = append(prog, ret(0), exit) // not taken
			// not taken: falls to exit of 0. taken: +2
			prog = append(prog, isa.Instruction{Op: isa.OpJA, Off: 2}, ret(1), exit, back, ret(2), exit)
			p := &loader.Program{Insns: prog}
			r := with(t, p, features{bmi2: hasBMI2})
			check := func(a, b uint64) {
				n++
				y := uint64(int64(in.Imm))
				if in.UsesSrcReg() {
					if y = b; in.Src == in.Dst {
						y = a
					}
				}
				want := uint64(0)
				if isa.Holds(in.Cond(), in.Width(), a, y) {
					want = 1
				}
				if o := r.Run(operands(a, b)); o.R0 != want || o.Fault != exec.NoFault {
					t.Fatalf("%+v of %#x and %#x: %+v, want %d", in, a, b, o, want)
				}
			}
			for range 60 {
				check(edges[rng.IntN(len(edges))], edges[rng.IntN(len(edges))])
				check(uint64(int64(imm)), rng.Uint64())
				v := rng.Uint64()
				check(v, v)
			}
		}
	}
	t.Logf("%d forms, %d jumps", forms, n)
}
