package jit

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

var diffMaps = []*loader.Map{
	{Name: "array", Type: "array", KeySize: 4, ValueSize: 16, MaxEntries: 4},
	{Name: "one", Type: "array", KeySize: 4, ValueSize: 64, MaxEntries: 1},
	{Name: "hash", Type: "hash", KeySize: 4, ValueSize: 8, MaxEntries: 2},
	{Name: "ring", Type: "ringbuf", MaxEntries: 4096},
	{Name: "progs", Type: "prog_array", KeySize: 4, ValueSize: 4, MaxEntries: 4},
}

// generator makes programs that run for a while: pointers are kept in R6 (map value or
// raw memory), R7 (stack), R8 (packet or context) and R9 (context); the other registers
// hold numbers. Some instructions break that.
type generator struct {
	*rand.Rand
	p    *loader.Program
	pool []isa.Instruction
	wild bool // anything goes
}

func (g *generator) emit(in ...isa.Instruction) { g.p.Insns = append(g.p.Insns, in...) }

func (g *generator) num() isa.Reg { return isa.Reg(g.IntN(6)) }

// opening fills the registers.
func (g *generator) opening() {
	g.emit(
		isa.Instruction{Op: isa.OpMovX, Dst: 9, Src: 1},
		isa.Instruction{Op: isa.OpMovX, Dst: 8, Src: 1},
		isa.Instruction{Op: isa.OpMovX, Dst: 7, Src: 10},
		isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: 7, Imm: -int32(8 * (1 + g.IntN(40)))})
	switch g.p.Type {
	case "xdp":
		g.emit(isa.Instruction{Op: isa.ClassLDX | isa.ModeMEM | isa.SizeW, Dst: 8, Src: 1})
	case "sched_cls":
		g.emit(isa.Instruction{Op: isa.ClassLDX | isa.ModeMEM | isa.SizeW, Dst: 8, Src: 1, Off: 76})
	}
	g.mapAddress(isa.R6, 1, isa.PseudoMapValue, loader.RefMapValue)
	for _, r := range []isa.Reg{0, 1, 2, 3, 4, 5} {
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: r, Imm: int32(g.Uint32()) >> g.IntN(32)})
	}
}

func (g *generator) mapAddress(r isa.Reg, m int, pseudo isa.Reg, kind loader.RefKind) {
	g.p.Refs = append(g.p.Refs, loader.Ref{Insn: len(g.p.Insns), Kind: kind, Map: m})
	g.emit(isa.Instruction{Op: isa.OpLdImm64, Dst: r, Src: pseudo}, isa.Instruction{})
}

// statement emits something in the middle of a function of n statements.
func (g *generator) statement(n int) {
	sizes := uint8(g.IntN(4)) << 3
	ptr, off := isa.Reg(6+g.IntN(3)), int16(g.IntN(24))
	if g.IntN(4) == 0 {
		ptr, off = 10, -int16(1+g.IntN(64))*8
	}
	if g.IntN(40) == 0 {
		off = int16(g.Uint32())
	}
	switch g.IntN(20) {
	case 0, 1, 2:
		mode := uint8(isa.ModeMEM)
		if sizes != isa.SizeDW && g.IntN(3) == 0 {
			mode = isa.ModeMEMSX
		}
		g.emit(isa.Instruction{Op: isa.ClassLDX | mode | sizes, Dst: g.num(), Src: ptr, Off: off})
	case 3, 4:
		g.emit(isa.Instruction{Op: isa.ClassSTX | isa.ModeMEM | sizes, Dst: ptr, Src: isa.Reg(g.IntN(11)), Off: off})
	case 5:
		g.emit(isa.Instruction{Op: isa.ClassST | isa.ModeMEM | sizes, Dst: ptr, Imm: int32(g.Uint32()), Off: off})
	case 6:
		g.atomic(ptr, off)
	case 7:
		g.emit(isa.Instruction{Op: isa.OpCall, Src: isa.CallLocal, Imm: int32(g.IntN(n))})
	case 8:
		g.emit(isa.Instruction{Op: isa.OpMayGoto, Off: int16(g.IntN(9) - 4)})
	case 9: // helpers
		g.helper(n)
	case 10, 11, 12: // a conditional jump
		for {
			if in := g.pool[g.IntN(len(g.pool))]; in.IsCondJump() {
				in.Dst, in.Off = g.num(), int16(g.IntN(12)-4)
				g.emit(in)
				return
			}
		}
	case 13: // the pointers move
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.Reg(6 + g.IntN(3)), Imm: int32(g.IntN(9) - 4)})
	case 14:
		g.emit(isa.Instruction{Op: isa.OpMovX, Dst: g.num(), Src: isa.Reg(g.IntN(11))})
	default:
		for {
			in := g.pool[g.IntN(len(g.pool))]
			if g.wild && !in.IsCall() || in.IsALU() {
				if !g.wild {
					in.Dst = g.num()
				}
				g.emit(in)
				return
			}
		}
	}
}

func (g *generator) atomic(ptr isa.Reg, off int16) {
	imm := []int32{
		isa.AtomicAdd, isa.AtomicOr, isa.AtomicAnd, isa.AtomicXor, isa.AtomicAdd | 1, isa.AtomicOr | 1, isa.AtomicAnd | 1, isa.AtomicXor | 1,
		isa.AtomicXchg, isa.AtomicCmpXchg, isa.AtomicStRel, isa.AtomicLoadAcq,
	}[g.IntN(12)]
	in := isa.Instruction{Op: isa.ClassSTX | isa.ModeATOMIC | []uint8{isa.SizeW, isa.SizeDW}[g.IntN(2)], Dst: ptr, Src: g.num(), Off: off &^ 3, Imm: imm}
	if in.Size() == 8 && g.IntN(8) > 0 {
		in.Off &^= 7
	}
	if imm == isa.AtomicLoadAcq {
		in.Dst, in.Src = in.Src, in.Dst
	}
	g.emit(in)
}

// helper emits a call of a helper, sometimes with a callback.
func (g *generator) helper(n int) {
	switch g.IntN(4) {
	case 0: // bpf_loop(k, callback, stack, 0)
		g.emit(
			isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: 1, Imm: int32(g.IntN(6))},
			isa.Instruction{Op: isa.OpLdImm64, Dst: 2, Src: isa.PseudoFunc, Imm: int32(g.IntN(n))}, isa.Instruction{},
			isa.Instruction{Op: isa.OpMovX, Dst: 3, Src: 10},
			isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: 4},
			isa.Instruction{Op: isa.OpCall, Imm: 181})
	case 1: // lookup; the value, if there is one, is the memory that R6 goes to
		g.emit(isa.Instruction{Op: isa.ClassST | isa.ModeMEM | isa.SizeW, Dst: 10, Off: -4, Imm: int32(g.IntN(5))})
		g.mapAddress(isa.R1, 0, isa.PseudoMapFD, loader.RefMap)
		g.emit(
			isa.Instruction{Op: isa.OpMovX, Dst: 2, Src: 10},
			isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: 2, Imm: -4},
			isa.Instruction{Op: isa.OpCall, Imm: 1},
			isa.Instruction{Op: isa.ClassJMP | isa.CodeJEQ, Dst: 0, Off: 1},
			isa.Instruction{Op: isa.OpMovX, Dst: 6, Src: 0})
	case 2: // tail call
		g.emit(isa.Instruction{Op: isa.OpMovX, Dst: 1, Src: 9})
		g.mapAddress(isa.R2, 4, isa.PseudoMapFD, loader.RefMap)
		g.emit(
			isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: 3, Imm: int32(g.IntN(3))},
			isa.Instruction{Op: isa.OpCall, Imm: 12})
	default: // time, random numbers
		g.emit(isa.Instruction{Op: isa.OpCall, Imm: []int32{5, 7, 8}[g.IntN(3)]})
	}
	for _, r := range []isa.Reg{0, 1, 2, 3, 4, 5} {
		if r > 0 || g.IntN(2) == 0 {
			g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: r, Imm: int32(g.Uint32()) >> g.IntN(32)})
		}
	}
}

// functions emits the main program and subprograms.
func (g *generator) functions() {
	for f := range 1 + g.IntN(4) {
		if f > 0 {
			for _, r := range []isa.Reg{0, 6, 7, 8} {
				if g.IntN(4) > 0 {
					g.emit(isa.Instruction{Op: isa.OpMovX, Dst: r, Src: 10})
				}
			}
		}
		n := 2 + g.IntN(20)
		for range n {
			g.statement(n)
		}
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: 0, Imm: int32(g.IntN(3))})
		g.emit(isa.Instruction{Op: isa.OpExit})
	}
}

// validInstruction returns a random instruction of the instruction set.
func validInstruction(rng *rand.Rand) isa.Instruction {
	for {
		in := isa.Instruction{
			Op: uint8(rng.Uint32()), Dst: isa.Reg(rng.IntN(10)), Src: isa.Reg(rng.IntN(11)),
			Off: int16(rng.IntN(16) - 8), Imm: int32(rng.Uint32()) >> rng.IntN(32),
		}
		if in.IsLdImm64() || in.IsExit() {
			continue
		}
		for k := range 6 { // fields that have to be zero, or one of a few values
			try := in
			if k&1 != 0 {
				try.Imm = []int32{0, 1, 16, 32, 64, 0x40, 0xf1, 0xe1, 0x100}[rng.IntN(9)]
			}
			if k&2 != 0 {
				try.Off = []int16{0, 1, 8, 16, 32}[rng.IntN(5)]
			}
			if k >= 4 {
				try.Src = 0
			}
			if len(isa.Validate([]isa.Instruction{try}, everything)) == 0 {
				return try
			}
		}
	}
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 7))}
	for range 5000 {
		g.pool = append(g.pool, validInstruction(g.Rand))
	}
	return g
}

// program makes the next program.
func (g *generator) program(typ string) *loader.Program {
	g.p = &loader.Program{Name: "p", Type: typ, License: "GPL", Maps: diffMaps}
	g.opening()
	g.functions()
	if g.wild && g.IntN(10) == 0 {
		g.p.Insns[g.IntN(len(g.p.Insns))].Op = uint8(g.Uint32())
	}
	return g.p
}

// input makes an input.
func (g *generator) input() *exec.Input {
	in := &exec.Input{Seed: g.Uint64N(4), Data: make([]byte, g.IntN(100)), Fuel: 1 + g.Int64N(3000), Lazy: g.IntN(2) == 0, MayGoto: g.IntN(5)}
	for i := range in.Data {
		in.Data[i] = byte(g.Uint32())
	}
	for i := range byte(3) {
		in.Maps = map[string][]exec.Entry{"progs": {{Key: []byte{i, 0, 0, 0}, Value: []byte("p")}}}
	}
	return in
}

// TestDifferential compares the executors on random programs, tame and hostile: wild
// pointers, unwritten registers, deep calls, endless loops, invalid instructions. They
// have to agree on the result or fault, where it was, the steps and all memory.
func TestDifferential(t *testing.T) {
	needJIT(t)
	n := 6000
	if testing.Short() {
		n = 1500
	}
	if long, err := strconv.Atoi(os.Getenv("JIT_PROGRAMS")); err == nil {
		n = long // four runs a program
	}
	differential(t, uint64(n), n)
}

// differential runs n programs from a seed.
func differential(t *testing.T, seed uint64, n int) {
	g := newGenerator(seed)
	faults := map[exec.Fault]int{}
	var steps int64
	runs := 0
	for i := range n {
		g.wild = i%3 == 0
		p := g.program([]string{"", "xdp", "sched_cls", "socket_filter", "kprobe", "syscall"}[g.IntN(6)])
		opts := exec.Options{Target: target, Programs: map[string]*loader.Program{"p": p}}
		ref, err := exec.Interpreter{}.Load(p, opts)
		if err != nil {
			t.Fatal(err)
		}
		// Short slices, so that native code stops and goes on in many places.
		jit, err := exec.LoadWith(engineWith(features{bmi2: hasBMI2}, []int64{1, 2, 7, 50, slice}[g.IntN(5)]), p, opts)
		if err != nil {
			t.Fatal(err)
		}
		proved, err := JIT{Proved: true}.Load(p, opts)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			in := g.input()
			w, o := ref.Run(in), jit.Run(in)
			if w.Fault == exec.NoFault || w.Fault == exec.OutOfFuel { // this run is as if proved
				if u := proved.Run(in); u != w {
					t.Fatalf("seed %d, program %d: unchecked jit %+v, interpreter %+v\n%s", seed, i, u, w, isa.DisassembleProgram(p.Insns, isa.DisasmOptions{}))
				}
			}
			if w != o {
				t.Fatalf("seed %d, program %d: jit %+v, interpreter %+v\n%s", seed, i, o, w, isa.DisassembleProgram(p.Insns, isa.DisasmOptions{}))
			}
			runs++
			steps += o.Steps
			faults[o.Fault]++
		}
		if i%8 == 0 { // stopping at every instruction
			in := g.input()
			w := ref.Run(in)
			count := int64(0)
			in.Observe = func(*exec.Observation) { count++ }
			if o := jit.Run(in); o != w || count < o.Steps-1 {
				t.Fatalf("seed %d, program %d: observed jit %+v, interpreter %+v; %d observations", seed, i, o, w, count)
			}
		}
	}
	t.Logf("%d programs, %d runs, %d instructions: %v", n, runs, steps, faults)
	for _, f := range []exec.Fault{exec.NoFault, exec.Uninitialised, exec.StackBounds, exec.MapBounds, exec.OutOfFuel, exec.CallDepth, exec.Misaligned} {
		if faults[f] == 0 {
			t.Errorf("no run ended with %q: the programs are not varied enough", f)
		}
	}
}
