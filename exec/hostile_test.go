package exec

import (
	"math/rand/v2"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// hostileTypes are the program types that hostile programs get.
var hostileTypes = []string{"", "xdp", "sched_cls", "socket_filter", "kprobe", "tracing", "syscall", "raw_tracepoint", "cgroup_skb", "sk_msg", "tracepoint", "sock_ops"}

// opening puts something into every register: context in R9, a packet or context
// field in R8, a frame address in R7, a map in R6, numbers in the others.
func opening(rng *rand.Rand, p *loader.Program) {
	p.Insns = append(p.Insns,
		isa.Instruction{Op: isa.OpMovX, Dst: 9, Src: 1},
		isa.Instruction{Op: isa.OpMovX, Dst: 8, Src: 1},
		isa.Instruction{Op: isa.OpMovX, Dst: 7, Src: 10},
		isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: 7, Imm: -int32(8 * (1 + rng.IntN(40)))},
	)
	if p.Type == "xdp" || p.Type == "sched_cls" {
		off := map[string]int16{"xdp": 0, "sched_cls": 76}[p.Type]
		p.Insns = append(p.Insns, isa.Instruction{Op: isa.ClassLDX | isa.ModeMEM | isa.SizeW, Dst: 8, Src: 1, Off: off})
	}
	p.Refs = append(p.Refs, loader.Ref{Insn: len(p.Insns), Kind: loader.RefMap, Map: rng.IntN(len(testMaps))})
	p.Insns = append(p.Insns, isa.Instruction{Op: isa.OpLdImm64, Dst: isa.R6, Src: isa.PseudoMapFD}, isa.Instruction{})
	for _, r := range []isa.Reg{0, 2, 3, 4, 5} {
		p.Insns = append(p.Insns, isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: r, Imm: int32(rng.Uint32()) >> rng.IntN(32)})
	}
}

// valid returns a random instruction of the instruction set.
func valid(rng *rand.Rand, n int) isa.Instruction {
	for {
		in := isa.Instruction{
			Op: uint8(rng.Uint32()), Dst: isa.Reg(rng.IntN(10)), Src: isa.Reg(rng.IntN(11)),
			Off: int16(rng.IntN(n) - n/2), Imm: int32(rng.Uint32()) >> rng.IntN(32),
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
				try.Off = int16(rng.IntN(2))
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

// hostile makes a stream of instructions that are valid one by one, with wild
// pointers, huge sizes, loops and calls.
func hostile(rng *rand.Rand, pool []isa.Instruction) *loader.Program {
	p := &loader.Program{Type: hostileTypes[rng.IntN(len(hostileTypes))], License: "GPL", Maps: testMaps}
	opening(rng, p)
	n := len(p.Insns) + 3 + rng.IntN(30)
	for len(p.Insns) < n {
		in := pool[rng.IntN(len(pool))]
		switch rng.IntN(14) {
		case 0: // a helper that exists, with arguments that it may like
			args := []isa.Reg{9, 6, 7, 7, 8}
			for k := range isa.Reg(5) {
				mov := isa.Instruction{Op: isa.OpMovX, Dst: 1 + k, Src: args[rng.IntN(5)]}
				if rng.IntN(3) == 0 {
					mov = isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: 1 + k, Imm: int32(rng.IntN(16))}
				} else if rng.IntN(2) == 0 {
					mov.Src = args[k]
				}
				p.Insns = append(p.Insns, mov)
			}
			in = isa.Instruction{Op: isa.OpCall, Imm: int32(1 + rng.IntN(211))}
		case 1:
			in = isa.Instruction{Op: isa.OpCall, Src: isa.CallLocal, Imm: int32(rng.IntN(n) - n/2)}
		case 2:
			p.Refs = append(p.Refs, loader.Ref{Insn: len(p.Insns), Kind: loader.RefMap, Map: rng.IntN(len(testMaps))})
			p.Insns = append(p.Insns, isa.Instruction{Op: isa.OpLdImm64, Dst: isa.R6, Src: isa.PseudoMapFD})
			in = isa.Instruction{}
		case 3:
			in = isa.Instruction{Op: isa.OpMovX, Dst: isa.Reg(rng.IntN(10)), Src: isa.R10}
		case 4:
			in = isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: 7, Imm: int32(rng.IntN(64) - 40)}
		case 5, 6: // through a pointer that may be right
			in = isa.Instruction{Op: isa.ClassLDX | isa.ModeMEM | uint8(rng.IntN(4))<<3, Dst: isa.Reg(rng.IntN(6)), Src: isa.Reg(7 + rng.IntN(2)), Off: int16(rng.IntN(64))}
		case 7:
			p.Insns = append(p.Insns, isa.Instruction{Op: isa.OpLdImm64, Dst: isa.Reg(1 + rng.IntN(5)), Src: isa.PseudoFunc, Imm: int32(rng.IntN(n) - n/2)})
			in = isa.Instruction{}
		}
		p.Insns = append(p.Insns, in)
	}
	p.Insns = append(p.Insns, isa.Instruction{Op: isa.OpExit})
	return p
}

// TestHostile runs hostile programs: whatever they do, a run ends with an outcome,
// and the same input gives the same outcome.
func TestHostile(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	rng := rand.New(rand.NewPCG(5, 6))
	pool := make([]isa.Instruction, 10_000)
	for i := range pool {
		pool[i] = valid(rng, 16)
	}
	faults := map[Fault]int{}
	var steps int64
	for i := range n {
		p := hostile(rng, pool)
		if rng.IntN(20) == 0 { // some are not even that
			p.Insns[rng.IntN(len(p.Insns))].Op = uint8(rng.Uint32())
		}
		r, err := Interpreter{}.Load(p, Options{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		in := Input{Seed: rng.Uint64N(4), Data: make([]byte, rng.IntN(100)), Fuel: 2000, Lazy: rng.IntN(2) == 0}
		o := r.Run(&in)
		faults[o.Fault]++
		steps += o.Steps
		if o.Steps > in.Fuel+2*int64(len(p.Insns))*maxFrames {
			t.Fatalf("program %d: %d steps with fuel for %d", i, o.Steps, in.Fuel)
		}
		if i%16 == 0 {
			var rep Report
			in.Report = &rep
			count := int64(0)
			in.Observe = func(ob *Observation) {
				count++
				for _, v := range ob.Regs[:isa.NumRegs] {
					ob.Resolve(v)
				}
			}
			again := r.Run(&in)
			if again != o {
				t.Fatalf("program %d: %+v, observed %+v", i, o, again)
			}
			if count < o.Steps-1 { // the trap at the end is not observed
				t.Fatalf("program %d: %d steps, %d observed", i, o.Steps, count)
			}
		}
	}
	t.Logf("%d programs, %d instructions: %v", n, steps, faults)
	for _, f := range []Fault{NoFault, Uninitialised, StackBounds, BadArgument, NullPointer, MapObject, OutOfFuel, ControlFlow, NoHelper} {
		if faults[f] == 0 {
			t.Errorf("no run ended with %q: the programs are not hostile enough", f)
		}
	}
}
