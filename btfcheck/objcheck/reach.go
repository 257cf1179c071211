package objcheck

import (
	"encoding/binary"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// This file finds the instructions that a relocated program may reach, given what
// its constants say: "if (bpf_core_field_exists(x)) use(x)" has become "if (0)
// use(x)", or compares the kernel's version in .kconfig. It is conditional constant
// propagation (Wegman and Zadeck 1991) over registers; memory is unknown, but for
// .kconfig, which no user changes (constants in .rodata are set before loading).
// Too many instructions may be called reached, never too few.

// value is what is known of a register: nothing, a number, or an address in the
// value of a map. The zero value is nothing.
type value struct {
	kind known
	m    int // index in Program.Maps
	n    uint64
}

type known uint8

const (
	anything known = iota
	number
	mapAddress
)

type registers [11]value

// flow is one propagation. States are kept where jumps lead to and where functions
// start; a state there only ever loses knowledge, at most once a register.
type flow struct {
	p       *loader.Program
	leader  []bool
	states  map[int]*registers
	queue   []int
	reached []bool
	refs    map[int]loader.Ref
}

// reachable returns, for each slot of p, whether execution may get there. In a
// program that jumps out of its code everything is reachable.
func reachable(p *loader.Program) []bool {
	f := &flow{p: p, leader: make([]bool, len(p.Insns)+1), states: map[int]*registers{}, reached: make([]bool, len(p.Insns)), refs: map[int]loader.Ref{}}
	for _, r := range p.Refs {
		f.refs[r.Insn] = r
	}
	if !f.mark() {
		for i := range f.reached {
			f.reached[i] = true
		}
		return f.reached
	}
	f.join(0, registers{})
	for len(f.queue) > 0 {
		pc := f.queue[len(f.queue)-1]
		f.queue = f.queue[:len(f.queue)-1]
		f.block(pc, *f.states[pc])
	}
	return f.reached
}

// mark finds the leaders. It is false if a jump leaves the program.
func (f *flow) mark() bool {
	f.leader[0] = true
	for pc := 0; pc < len(f.p.Insns); pc += f.p.Insns[pc].Slots() {
		in := f.p.Insns[pc]
		to := -1
		switch {
		case in.IsLocalCall(), in.IsLdImm64() && in.Src == isa.PseudoFunc:
			to = pc + 1 + int(in.Imm)
		case in.IsGoto(), in.IsCondJump():
			to = pc + 1 + int(in.JumpOffset())
		default:
			continue
		}
		if to < 0 || to >= len(f.p.Insns) {
			return false
		}
		f.leader[to] = true
	}
	return true
}

// join adds a state at a leader.
func (f *flow) join(pc int, r registers) {
	if pc >= len(f.p.Insns) {
		return // falls off the end, which the verifier reports
	}
	old, ok := f.states[pc]
	if !ok {
		f.states[pc] = &r
		f.queue = append(f.queue, pc)
		return
	}
	changed := false
	for i := range old {
		if old[i] != r[i] && old[i].kind != anything {
			old[i], changed = value{}, true
		}
	}
	if changed {
		f.queue = append(f.queue, pc)
	}
}

// block walks from a leader to the end of its block.
func (f *flow) block(pc int, r registers) {
	for start := pc; pc < len(f.p.Insns); {
		if pc != start && f.leader[pc] {
			f.join(pc, r)
			return
		}
		in := f.p.Insns[pc]
		f.reached[pc] = true
		next := pc + in.Slots()
		if in.Dst > 10 || in.Src > 10 {
			return // no instruction: the verifier reports it
		}
		switch {
		case in.IsExit():
			return
		case in.IsGoto():
			f.join(pc+1+int(in.JumpOffset()), r)
			return
		case in.IsCondJump():
			taken, falls := f.branch(in, &r)
			if taken {
				f.join(pc+1+int(in.JumpOffset()), r)
			}
			if !falls {
				return
			}
		case in.IsLocalCall():
			f.join(pc+1+int(in.Imm), registers{})
			forget(&r, 0, 5)
		case in.IsCall():
			forget(&r, 0, 5)
		default:
			f.step(pc, in, &r)
		}
		pc = next
	}
}

func forget(r *registers, from, to int) {
	for i := from; i <= to; i++ {
		r[i] = value{}
	}
}

// branch says which ways a conditional jump can go.
func (f *flow) branch(in isa.Instruction, r *registers) (taken, falls bool) {
	a, b := r[in.Dst], value{kind: number, n: uint64(int64(in.Imm))}
	if in.UsesSrcReg() {
		b = r[in.Src]
	}
	if in.Code() == isa.CodeJCOND || a.kind != number || b.kind != number {
		return true, true
	}
	cond := in.Cond()
	if cond == isa.InvalidCond {
		return true, true
	}
	yes := isa.Holds(cond, in.Width(), a.n, b.n)
	return yes, !yes
}

// step applies an instruction that goes on to the next.
func (f *flow) step(pc int, in isa.Instruction, r *registers) {
	switch in.Class() {
	case isa.ClassALU, isa.ClassALU64:
		f.alu(in, r)
	case isa.ClassLD:
		switch {
		case in.IsPacketLoad():
			forget(r, 0, 5)
		case in.IsLdImm64():
			r[in.Dst] = f.wide(pc, in)
			if in.Src == isa.PseudoFunc { // a callback: it may run with anything
				f.join(pc+1+int(in.Imm), registers{})
			}
		default:
			r[in.Dst] = value{}
		}
	case isa.ClassLDX:
		r[in.Dst] = f.load(in, r[in.Src])
	case isa.ClassSTX:
		if in.IsAtomic() { // which of the two it writes depends on the operation
			r[in.Src], r[0], r[in.Dst] = value{}, value{}, value{}
		}
	case isa.ClassST:
	default:
		forget(r, 0, 9)
	}
}

func (f *flow) alu(in isa.Instruction, r *registers) {
	b := value{kind: number, n: uint64(int64(in.Imm))}
	if in.UsesSrcReg() && in.Code() != isa.CodeEND && in.Code() != isa.CodeNEG {
		b = r[in.Src]
	}
	a, op := r[in.Dst], in.ALU(f.p.BigEndian)
	switch {
	case op == isa.InvalidALU:
		r[in.Dst] = value{}
	case in.Op == isa.OpMovX && in.Off == 0:
		r[in.Dst] = b
	case b.kind == number && (a.kind == number || in.Code() == isa.CodeMOV):
		r[in.Dst] = value{kind: number, n: isa.Eval(op, in.Width(), a.n, b.n)}
	case in.Op == isa.ClassALU64|isa.CodeADD && a.kind == mapAddress: // add an immediate
		a.n += b.n
		r[in.Dst] = a
	default:
		r[in.Dst] = value{}
	}
}

// wide is the value of an LD_IMM64.
func (f *flow) wide(pc int, in isa.Instruction) value {
	ref, ok := f.refs[pc]
	switch {
	case ok && ref.Kind == loader.RefMapValue && ref.Map >= 0 && ref.Map < len(f.p.Maps):
		return value{kind: mapAddress, m: ref.Map, n: uint64(int64(ref.Offset))}
	case !ok && in.Src == isa.PseudoImm:
		return value{kind: number, n: in.Imm64()}
	}
	return value{}
}

// load reads a configuration value.
func (f *flow) load(in isa.Instruction, at value) value {
	if at.kind != mapAddress || in.Mode() != isa.ModeMEM {
		return value{}
	}
	m, size := f.p.Maps[at.m], uint64(in.Size())
	off := at.n + uint64(int64(in.Off))
	if m.Name != ".kconfig" || !m.Frozen || off > uint64(len(m.Data)) || size > uint64(len(m.Data))-off {
		return value{}
	}
	b := m.Data[off : off+size]
	var word [8]byte
	if f.p.BigEndian {
		copy(word[8-size:], b)
		return value{kind: number, n: binary.BigEndian.Uint64(word[:])}
	}
	copy(word[:], b)
	return value{kind: number, n: binary.LittleEndian.Uint64(word[:])}
}
