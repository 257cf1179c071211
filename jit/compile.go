package jit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Machine registers of the BPF registers, as far as possible those that Linux takes.
// rsp is the stack, r14 Go's g. R10's value is in the machine; its native meaning,
// the top of the frame's bytes, is in frameTop.
var native = [isa.R10]reg{
	isa.R0: rax, isa.R1: rdi, isa.R2: rsi, isa.R3: r10, isa.R4: r11, isa.R5: r8,
	isa.R6: rbx, isa.R7: r12, isa.R8: r13, isa.R9: r15,
}

const (
	frameTop = rbp
	fuel     = r9  // steps that are left, before subtracting those pending
	s1       = rcx // scratch
	s2       = rdx // scratch
)

// What enter's frame holds, from the stack pointer of native code on, which points at
// the return address.
const (
	localMachine = 8 + 8*iota
	localCount   // number of regions
	localRegions // the first of them
	localTemp
	localLast // frameTop of the last frame
	localDistances
	localSlots = localDistances + distBytes
)

const (
	maxSlots   = 16
	localsSize = localSlots - 8 + maxSlots*slotBytes
)

// slice is the most instructions that native code runs before Go may schedule: at 40
// cycles for the slowest a collection waits half a millisecond.
const slice = 1 << 15

// yield, in the number that native code returns, says that the instruction may be
// run natively again at once.
const yield = 1 << 31

const (
	maxCode   = 1 << 20 // internal instructions of a program
	loopAlign = 32
	// maxStraight bounds the instructions between two looks at fuel: there is one at
	// each jump backwards, and wherever so many passed without.
	maxStraight = 4096
)

// features are extensions of the instruction set that the compiler may use.
type features struct{ bmi2 bool }

// output is a compiled program.
type output struct {
	code    []byte
	entry   []uint32 // offset in code of each internal instruction
	pending []uint32 // steps before it that are not yet subtracted there
	table   int      // where instructions end and offsets begin
}

// compiler translates one program in one pass.
type compiler struct {
	assembler
	in    *exec.Code
	feat  features
	out   output
	forms []exec.Form
	insns []isa.Instruction
	used  isa.RegSet // registers that native code works on
	slots *slots

	at      []label // of jump targets, -1 for other instructions
	heads   []bool  // targets of jumps backwards
	exit    label   // returns to Go with the number in s2
	table   label   // offsets of instructions, for returns of subprograms
	stubs   []stub
	leaves  map[int32]*leaf
	returns map[int32]label // of instructions that frames do not return to directly
	leaf    *leaf           // being emitted, nil in the main text
	loop    *loop           // likewise
	loops   map[int32]*loop // by head, of programs that are proved safe
	i       int32           // instruction being emitted
	pending uint32
	since   int // instructions since fuel was last looked at
	flagsAt int // where code ends that set the flags by its result
}

// stub is code out of line.
type stub struct {
	at   label
	emit func()
}

// compile translates a program; proved allows accesses without checks. It fails if the program has what it cannot
// translate; it never leaves anything out.
func compile(c *exec.Code, feat features, proved bool) (*output, error) {
	n := c.Len()
	if n > maxCode {
		return nil, fmt.Errorf("not compiled: %d instructions, more than %d", n, maxCode)
	}
	k := &compiler{in: c, feat: feat, forms: make([]exec.Form, n), insns: make([]isa.Instruction, n), at: make([]label, n), heads: make([]bool, n), leaves: map[int32]*leaf{}, returns: map[int32]label{}, loops: map[int32]*loop{}}
	k.out.entry, k.out.pending = make([]uint32, n), make([]uint32, n)
	k.exit, k.table = k.newLabel(), k.newLabel()
	if err := k.survey(); err != nil {
		return nil, err
	}
	if proved {
		k.findLoops()
	}
	k.slots = k.assignSlots()
	k.findLeaves()
	k.prologue()
	for k.i = 0; int(k.i) < n; k.i++ {
		k.begin()
		if err := k.instruction(); err != nil {
			return nil, fmt.Errorf("not compiled: instruction %d: %w", c.Slot(k.i), err)
		}
	}
	k.b(0x0f, 0x0b) // the last instruction is a trap, which returns to Go
	if err := k.emitLoops(); err != nil {
		return nil, err
	}
	if err := k.emitLeaves(); err != nil {
		return nil, err
	}
	for j := 0; j < len(k.stubs); j++ { // stubs may add stubs
		k.bind(k.stubs[j].at)
		k.stubs[j].emit()
	}
	k.slots.emitRoutines(k)
	k.emitExit()
	k.emitTable()
	if !k.resolve() {
		return nil, errors.New("not compiled: internal: a jump goes nowhere")
	}
	k.out.code = k.buf
	return &k.out, nil
}

// survey finds forms, jump targets and the registers in use.
func (k *compiler) survey() error {
	k.used = k.used.With(isa.R0)
	for i := range k.at {
		k.at[i] = -1
	}
	for i := range int32(len(k.forms)) {
		form, in := k.in.Form(i), k.in.Instruction(i)
		k.forms[i], k.insns[i] = form, in
		if form == exec.ForMachine {
			continue
		}
		if in.Dst >= isa.NumRegs || in.Src >= isa.NumRegs {
			return fmt.Errorf("not compiled: instruction %d: no such register", k.in.Slot(i))
		}
		if form != exec.Call && in.Defs().Has(isa.R10) {
			return fmt.Errorf("not compiled: instruction %d: writes r10", k.in.Slot(i))
		}
		switch {
		case form == exec.Call:
			k.used |= 1<<isa.R6 | 1<<isa.R7 | 1<<isa.R8 | 1<<isa.R9
		case form == exec.Exit:
			continue
		default:
			k.used |= in.Uses() | in.Defs()
		}
		if form == exec.Call || form == exec.MayGoto || (form == exec.Plain && (in.IsGoto() || in.IsCondJump())) {
			t := k.in.Target(i)
			if t < 0 || int(t) >= len(k.at) {
				return fmt.Errorf("not compiled: instruction %d: a jump out of the program", k.in.Slot(i))
			}
			if k.at[t] < 0 {
				k.at[t] = k.newLabel()
			}
			k.heads[t] = k.heads[t] || t <= i
		}
	}
	return nil
}

// begin prepares the place of an instruction in the main text.
func (k *compiler) begin() {
	i := k.i
	if k.at[i] >= 0 {
		k.flush()
		if k.heads[i] {
			k.align(loopAlign)
		}
		k.bind(k.at[i])
	}
	if k.since++; k.since > maxStraight {
		k.flush()
		k.since = 0
		k.test(true, fuel, fuel)
		k.jcc(ccLE, k.outOfLine(func() { k.leave(i, yield) }))
	}
	k.out.entry[i], k.out.pending[i] = uint32(len(k.buf)), k.pending
	if l := k.loops[i]; l != nil {
		k.enterLoop(l)
	}
}

// flush subtracts the pending steps.
func (k *compiler) flush() {
	if k.pending > 0 {
		k.opI(aSUB, true, fuel, int32(k.pending))
		k.pending = 0
	}
}

// outOfLine emits code behind the program; the label is its place.
func (k *compiler) outOfLine(emit func()) label {
	l := k.newLabel()
	k.stubs = append(k.stubs, stub{l, emit})
	return l
}

// leave returns to Go at an instruction that was not run. The pending steps there are
// known to Go.
func (k *compiler) leave(i int32, flags uint32) {
	k.movI(s2, uint64(uint32(i)|flags))
	k.jmp(k.exit)
}

// stop is where to jump to return to Go before the present instruction.
func (k *compiler) stop() label {
	i := k.i
	return k.outOfLine(func() { k.leave(i, 0) })
}

// instruction emits the present instruction.
func (k *compiler) instruction() error {
	i, in := k.i, k.insns[k.i]
	if k.forms[i] == exec.ForMachine {
		k.leave(i, 0)
		k.pending = 0
		return nil
	}
	switch k.forms[i] {
	case exec.Const:
		k.movI(native[in.Dst], k.in.Imm(i))
		k.pending++
		return nil
	case exec.Call:
		return k.callLocal()
	case exec.Exit:
		k.exitFrame()
		return nil
	case exec.MayGoto:
		k.mayGoto()
		return nil
	case exec.Atomic:
		return k.atomic(in)
	case exec.Plain:
		return k.plain(in)
	}
	return errors.New("unknown form")
}

// plain emits arithmetic, jumps, loads and stores.
func (k *compiler) plain(in isa.Instruction) error {
	switch class, mode := in.Class(), in.Mode(); {
	case in.IsALU():
		k.pending++
		err := k.alu(in)
		k.flagsAt = len(k.buf)
		return err
	case in.IsGoto():
		k.jump()
		return nil
	case in.IsCondJump():
		return k.condJump(in)
	case class == isa.ClassLDX && (mode == isa.ModeMEM || mode == isa.ModeMEMSX):
		k.access(in.Src, in.Off, in.Size(), reading, func(m mem) {
			k.load(mode == isa.ModeMEMSX, in.Size(), native[in.Dst], m)
		})
	case class == isa.ClassST && mode == isa.ModeMEM:
		k.access(in.Dst, in.Off, in.Size(), writing, func(m mem) { k.storeI(in.Size(), m, in.Imm) })
	case class == isa.ClassSTX && mode == isa.ModeMEM:
		k.access(in.Dst, in.Off, in.Size(), writing, func(m mem) { k.storeReg(in.Size(), m, in.Src) })
	default:
		return errors.New("no plain instruction")
	}
	k.pending++
	return nil
}

// read returns the register that holds a BPF register; R10's value is fetched to
// scratch.
func (k *compiler) read(r isa.Reg, scratch reg) reg {
	if r != isa.R10 {
		return native[r]
	}
	k.load(false, 8, scratch, at(rsp, localMachine))
	k.load(false, 8, scratch, at(scratch, exec.Native.Regs+8*int32(isa.R10)))
	return scratch
}

// storeReg stores a BPF register; m may use both scratch registers.
func (k *compiler) storeReg(size int, m mem, src isa.Reg) {
	if src == isa.R10 {
		k.lea(s1, m)
		k.store(size, at(s1, 0), k.read(src, s2))
		return
	}
	k.store(size, m, native[src])
}

// prologue is where enter calls: rax is the address to go to, rcx the machine.
func (k *compiler) prologue() {
	l := &exec.Native
	k.store(8, at(rsp, localMachine), s1)
	k.load(false, 8, s2, at(s1, l.Regions+8))
	k.store(8, at(rsp, localCount), s2)
	k.load(false, 8, s2, at(s1, l.Regions))
	k.store(8, at(rsp, localRegions), s2)
	k.store(8, at(rsp, localTemp), rax)
	k.load(false, 8, s2, at(s1, l.Depth))
	k.imulI(true, s2, s2, exec.StackBytes)
	k.lea(frameTop, at(s1, l.Stack+exec.MaxFrames*exec.StackBytes))
	k.store(8, at(rsp, localLast), frameTop)
	k.lea(frameTop, mem{base: s1, index: s2, scale: 1, disp: l.Stack + exec.StackBytes})
	k.slots.forget(k)
	for r, m := range native {
		if k.used.Has(isa.Reg(r)) {
			k.load(false, 8, m, at(s1, l.Regs+8*int32(r)))
		}
	}
	k.jmpM(at(rsp, localTemp))
}

// emitExit is where native code returns to Go: registers go back to the machine.
func (k *compiler) emitExit() {
	k.bind(k.exit)
	k.load(false, 8, s1, at(rsp, localMachine))
	for r, m := range native {
		if k.used.Has(isa.Reg(r)) {
			k.store(8, at(s1, exec.Native.Regs+8*int32(r)), m)
		}
	}
	k.mov(false, rax, s2)
	k.ret()
}

// emitTable emits the offsets of the places that exits may return to, from the table
// itself, by instruction. A direct place has no steps pending: it is behind a call.
func (k *compiler) emitTable() {
	k.align(8)
	k.bind(k.table)
	k.out.table = len(k.buf)
	base := int32(len(k.buf))
	if slices.Contains(k.forms, exec.Exit) {
		for i, e := range k.out.entry {
			if l, ok := k.returns[int32(i)]; ok {
				e = uint32(k.labels[l])
			}
			k.imm32(int32(e) - base)
		}
	}
}
