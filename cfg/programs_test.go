package cfg

import (
	"math/rand/v2"

	"github.com/bpfcheck/bpfcheck/isa"
)

// Instructions that tests are made of.
var (
	exit = isa.Instruction{Op: isa.OpExit}
	nop  = isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R0}
)

func ja(off int) isa.Instruction { return isa.Instruction{Op: isa.OpGotol, Imm: int32(off)} }

func jeq(off int) isa.Instruction {
	return isa.Instruction{Op: isa.ClassJMP | isa.CodeJEQ, Dst: isa.R1, Off: int16(off)}
}

func call(off int) isa.Instruction {
	return isa.Instruction{Op: isa.OpCall, Src: isa.CallLocal, Imm: int32(off)}
}

func helper(id int32) isa.Instruction { return isa.Instruction{Op: isa.OpCall, Imm: id} }

func load(size uint8, dst, base isa.Reg, off int16) isa.Instruction {
	return isa.Instruction{Op: isa.ClassLDX | isa.ModeMEM | size, Dst: dst, Src: base, Off: off}
}

func store(size uint8, base isa.Reg, off int16, src isa.Reg) isa.Instruction {
	return isa.Instruction{Op: isa.ClassSTX | isa.ModeMEM | size, Dst: base, Src: src, Off: off}
}

func storeImm(size uint8, base isa.Reg, off int16) isa.Instruction {
	return isa.Instruction{Op: isa.ClassST | isa.ModeMEM | size, Dst: base, Off: off}
}

func movReg(dst, src isa.Reg) isa.Instruction {
	return isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV | isa.SourceX, Dst: dst, Src: src}
}

func movImm(dst isa.Reg, imm int32) isa.Instruction {
	return isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: dst, Imm: imm}
}

func addImm(dst isa.Reg, imm int32) isa.Instruction {
	return isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: dst, Imm: imm}
}

func addReg(dst, src isa.Reg) isa.Instruction {
	return isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD | isa.SourceX, Dst: dst, Src: src}
}

// randomJumps returns a program of one function with a conditional jump in each of
// n places, so that each block but the last has two successors.
func randomJumps(r *rand.Rand, n int) []isa.Instruction {
	insns := make([]isa.Instruction, 0, n+1)
	for pc := range n {
		switch r.IntN(4) {
		case 0:
			insns = append(insns, nop)
		case 1:
			insns = append(insns, ja(r.IntN(n+1)-pc-1))
		default:
			insns = append(insns, jeq(r.IntN(n+1)-pc-1))
		}
	}
	return append(insns, exit)
}

// shapes are programs of about n instructions whose structure is extreme.
var shapes = []struct {
	name string
	make func(n int) []isa.Instruction
}{
	{"straight", func(n int) []isa.Instruction {
		return append(repeat(n-1, nop), exit)
	}},
	{"diamonds", func(n int) []isa.Instruction {
		return append(repeat(n/2-1, jeq(0), nop), nop, exit)
	}},
	{"ladders", func(n int) []isa.Instruction { // each rung may leave to the end
		var p []isa.Instruction
		for len(p) < n-2 {
			p = append(p, jeq(min(n-2-len(p), 30000)), store(isa.SizeDW, isa.R10, int16(-8-8*(len(p)%64)), isa.R6))
		}
		return append(p, nop, exit)
	}},
	{"sequential loops", func(n int) []isa.Instruction {
		return append(repeat(n/5, nop, nop, nop, nop, jeq(-5)), exit)
	}},
	{"nested loops", func(n int) []isa.Instruction {
		var p []isa.Instruction
		for range n / 5 {
			p = append(p, nop, nop)
		}
		for k := range n / 5 { // the tail of the k-th loop from inside starts at 3k
			p = append(p, nop, jeq(1), ja(-5*(k+1)))
		}
		return append(p, exit)
	}},
	{"irreducible nest", func(n int) []isa.Instruction {
		var p []isa.Instruction
		m := n / 4
		for k := range m { // jumps into the middle of what follows
			p = append(p, jeq(min(m-k, 9000)), nop)
		}
		for k := range m {
			p = append(p, nop, jeq(-min(k+m/2, 20000)))
		}
		return append(p, exit)
	}},
	{"switch", func(n int) []isa.Instruction { // a chain of tests, each with its own case
		m := n / 4
		p := repeat(m, jeq(1), ja(1), ja(0))
		for k := range m {
			p[3*k+2] = ja(3*m + k - (3*k + 2) - 1)
			p = append(p, ja(m-k-1))
		}
		return append(p, exit)
	}},
	{"functions", func(n int) []isa.Instruction { // a chain of callers
		var p []isa.Instruction
		for range n / 10 {
			p = append(p, movReg(isa.R1, isa.R10), addImm(isa.R1, -8), call(7), nop, nop, nop, nop, nop, nop, exit)
		}
		return append(p, nop, exit)
	}},
	{"many calls", func(n int) []isa.Instruction {
		p := repeat(n/2, call(0), nop)
		for pc := 0; pc < len(p); pc += 2 {
			p[pc] = call(len(p) - pc)
		}
		return append(p, exit, nop, exit)
	}},
	{"callback chain", func(n int) []isa.Instruction { // the taken addresses of everything
		var p []isa.Instruction
		for range n / 5 {
			ref := isa.Instruction{Op: isa.OpLdImm64, Src: isa.PseudoFunc, Dst: isa.R2, Imm: 4}
			p = append(p, ref, isa.Instruction{}, helper(181), nop, exit)
		}
		return append(p, nop, exit)
	}},
	{"random", func(n int) []isa.Instruction {
		r := rand.New(rand.NewPCG(1, 2))
		p := append(repeat(n-1, nop), exit)
		for pc := range p[:n-1] {
			if to := max(0, min(n-1, pc+r.IntN(60000)-30000)); r.IntN(2) == 0 {
				p[pc] = jeq(to - pc - 1)
			}
		}
		return p
	}},
	{"pointers", func(n int) []isa.Instruction { // moved and spilled in loops
		var p []isa.Instruction
		for len(p) < n-8 {
			off := int16(-8 - 8*(len(p)/8%64))
			p = append(p, movReg(isa.R2, isa.R10), addImm(isa.R2, int32(off)), store(isa.SizeDW, isa.R10, off, isa.R2),
				load(isa.SizeDW, isa.R3, isa.R10, off), addReg(isa.R3, isa.R6), helper(1), addImm(isa.R7, -8), jeq(-8))
		}
		return append(p, exit)
	}},
}

func repeat(n int, insns ...isa.Instruction) []isa.Instruction {
	var p []isa.Instruction
	for range n {
		p = append(p, insns...)
	}
	return p
}
