package jit

import (
	"errors"
	"math/bits"
	"slices"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Frames are those of the machine, so that Go finds them whenever native code returns:
// a call saves R6-R9 there and a return finds its place there. Subprograms that
// cannot return to Go in the middle (leaves) have a second copy that the machine's own
// call instruction calls.

// conds are the conditions of jumps after a comparison; SET is after a test.
var conds = [isa.NumCond]cc{
	isa.EQ: ccE, isa.NE: ccNE, isa.GT: ccA, isa.GE: ccAE, isa.LT: ccB, isa.LE: ccBE,
	isa.SGT: ccG, isa.SGE: ccGE, isa.SLT: ccL, isa.SLE: ccLE, isa.SET: ccNE,
}

// place is the label of an instruction that is a jump's target.
func (k *compiler) place(i int32) label {
	if k.leaf != nil {
		return k.leaf.at[i]
	}
	if k.loop != nil && k.loop.has(i) {
		return k.loop.at[i]
	}
	if l := k.loops[i]; l != nil && k.loop == nil && l.has(k.i) {
		return l.inner
	}
	return k.at[i]
}

// refund returns to Go before the present instruction after it and the pending
// steps were subtracted. Go expects the steps that are pending in the main text.
func (k *compiler) refund() label {
	i := k.i
	return k.outOfLine(func() {
		k.opI(aADD, true, fuel, int32(k.out.pending[i]+1))
		k.leave(i, 0)
	})
}

// back emits a taken jump backwards, with its look at the fuel. What follows is
// reached by other ways only.
func (k *compiler) back(t int32) {
	n := k.pending + 1
	k.opI(aSUB, true, fuel, int32(n))
	k.jcc(ccG, k.place(t))
	k.jmp(k.refund())
}

// jump emits an unconditional jump.
func (k *compiler) jump() {
	if t := k.in.Target(k.i); t <= k.i {
		k.back(t)
	} else {
		k.pending++
		k.flush()
		k.jmp(k.place(t))
	}
	k.pending = 0
}

// condJump emits a conditional jump.
func (k *compiler) condJump(in isa.Instruction) error {
	cond := in.Cond()
	if cond == isa.InvalidCond || conds[cond] == 0 {
		return errors.New("unknown condition")
	}
	t := k.in.Target(k.i)
	back := t <= k.i
	if !back {
		k.pending++
	}
	switch fused := k.fused(cond, in); {
	case fused && !back:
		k.flushKeepingFlags()
		k.compareAtEntry(cond, in)
	case fused:
		k.compareAtEntry(cond, in)
	case back:
		k.compare(cond, in)
	default:
		k.flush()
		k.compare(cond, in)
	}
	if !back {
		k.jcc(conds[cond], k.place(t))
		return nil
	}
	over := k.newLabel()
	k.jcc(conds[cond].not(), over)
	k.back(t)
	k.bind(over)
	k.pending++
	return nil
}

// fused reports whether the code just before has set the flags as the comparison
// would: it did arithmetic on the register that is compared with 0.
func (k *compiler) fused(cond isa.Cond, in isa.Instruction) bool {
	if (cond != isa.EQ && cond != isa.NE) || in.UsesSrcReg() || in.Imm != 0 || in.Dst == isa.R10 {
		return false
	}
	if k.i == 0 || k.flagsAt != len(k.buf) || k.forms[k.i-1] != exec.Plain {
		return false
	}
	before := k.insns[k.i-1]
	if !before.IsALU() || before.Dst != in.Dst || before.Width() != in.Width() {
		return false
	}
	_, ok := ariths[before.ALU(false)]
	return ok
}

// compareAtEntry emits the comparison for those who come from Go; native code from
// above has the flags.
func (k *compiler) compareAtEntry(cond isa.Cond, in isa.Instruction) {
	here, i, taken := k.newLabel(), k.i, k.out.pending[k.i]
	k.bind(here)
	if k.leaf != nil || k.loop != nil {
		return
	}
	forward := k.in.Target(i) > i
	k.outOfLine(func() {
		k.out.entry[i] = uint32(len(k.buf))
		if forward { // the jump's own flush is above
			k.opI(aSUB, true, fuel, int32(taken+1))
		}
		k.compare(cond, in)
		k.jmp(here)
	})
}

// flushKeepingFlags is flush for code that needs the flags.
func (k *compiler) flushKeepingFlags() {
	k.lea(fuel, at(fuel, -int32(k.pending)))
	k.pending = 0
}

// compare sets the flags for a condition.
func (k *compiler) compare(cond isa.Cond, in isa.Instruction) {
	wide := in.Width() == isa.W64
	d := k.read(in.Dst, s1)
	switch {
	case in.UsesSrcReg() && cond == isa.SET:
		k.test(wide, d, k.read(in.Src, s2))
	case in.UsesSrcReg():
		k.op(aCMP, wide, d, k.read(in.Src, s2))
	case cond == isa.SET:
		k.testI(wide, d, in.Imm)
	case in.Imm == 0:
		k.test(wide, d, d)
	default:
		k.opI(aCMP, wide, d, in.Imm)
	}
}

// mayGoto emits may_goto.
func (k *compiler) mayGoto() {
	t := k.in.Target(k.i)
	count := at(s1, exec.Native.MayGoto)
	k.load(false, 8, s1, at(rsp, localMachine))
	if t <= k.i {
		over := k.newLabel()
		k.opMI(aSUB, true, count, 1)
		k.jcc(ccS.not(), over)
		k.back(t) // if that returns to Go, the count is decremented again, from below 0
		k.bind(over)
		k.pending++
		return
	}
	k.pending++
	k.flush()
	k.opMI(aSUB, true, count, 1)
	k.jcc(ccS, k.place(t))
}

// calleeSaved are the registers that a call keeps.
var calleeSaved = [...]isa.Reg{isa.R6, isa.R7, isa.R8, isa.R9}

// frameStep is how far the addresses of frames are apart.
var frameStep = exec.Address(exec.FirstFrame+1, 0) - exec.Address(exec.FirstFrame, 0)

// valueOfR10 is where the machine has the frame pointer, s1 being the machine.
var valueOfR10 = at(s1, exec.Native.Regs+8*int32(isa.R10))

// callLocal emits a call of a subprogram.
func (k *compiler) callLocal() error {
	l := &exec.Native
	t, n := k.in.Target(k.i), k.pending+1
	k.opM(aCMP, true, frameTop, at(rsp, localLast))
	k.jcc(ccAE, k.stop())
	k.opI(aSUB, true, fuel, int32(n))
	k.jcc(ccLE, k.refund())
	k.pending = 0
	if leaf := k.leaves[t]; leaf != nil {
		return k.callLeaf(leaf)
	}
	k.load(false, 8, s1, at(rsp, localMachine))
	k.load(false, 8, s2, at(s1, l.Depth))
	k.imulI(true, s2, s2, l.FrameSize)
	frame := mem{base: s1, index: s2, scale: 1, disp: l.Frames}
	for n, r := range calleeSaved {
		k.store(8, frame.plus(int32(8*n)), native[r])
	}
	k.storeI(4, frame.plus(l.FrameRet), (k.i+1)*exec.ReturnUnit)
	k.opMI(aADD, true, at(s1, l.Depth), 1)
	k.setFrame(exec.StackBytes)
	k.movI(s2, frameStep)
	k.opToM(aADD, true, valueOfR10, s2)
	k.opI(aADD, true, frameTop, exec.StackBytes)
	k.jmp(k.at[t])
	return nil
}

// setFrame gives the frame of the current depth its readable and writable length. s1
// is the machine.
func (k *compiler) setFrame(length int32) {
	l := &exec.Native
	k.load(false, 8, s2, at(s1, l.Depth))
	k.imulI(true, s2, s2, l.RegionSize)
	k.opM(aADD, true, s2, at(rsp, localRegions))
	first := int32(exec.FirstFrame) * l.RegionSize
	k.storeI(8, at(s2, first+8), length)
	k.storeI(8, at(s2, first+sliceBytes+8), length)
}

// sliceBytes is the size of a Go slice: pointer, length, capacity.
const sliceBytes = 24

// exitFrame emits an exit: to the caller if that is native code's business.
func (k *compiler) exitFrame() {
	k.pending++
	if k.leaf != nil {
		k.flush()
		k.ret()
		return
	}
	k.pending--
	l := &exec.Native
	k.load(false, 8, s1, at(rsp, localMachine))
	k.load(false, 8, s2, at(s1, l.Depth))
	k.opM(aCMP, true, s2, at(s1, l.Base))
	k.jcc(ccE, k.stop())
	k.imulI(true, s2, s2, l.FrameSize)
	frame := mem{base: s1, index: s2, scale: 1, disp: l.Frames}
	k.opMI(aCMP, true, frame.plus(l.FrameOuter), 0)
	k.jcc(ccNE, k.stop())
	k.pending++
	k.flush()
	k.setFrame(0)
	k.movI(s2, frameStep)
	k.opToM(aSUB, true, valueOfR10, s2)
	k.opMI(aSUB, true, at(s1, l.Depth), 1)
	k.load(false, 8, s2, at(s1, l.Depth))
	k.imulI(true, s2, s2, l.FrameSize)
	for n, r := range calleeSaved {
		if k.used.Has(r) {
			k.load(false, 8, native[r], frame.plus(int32(8*n)))
		}
	}
	k.load(false, 4, s2, frame.plus(l.FrameRet))
	k.opI(aSUB, true, frameTop, exec.StackBytes)
	k.shiftI(sSHR, false, s2, uint8(bits.TrailingZeros32(exec.ReturnUnit/4)))
	k.leaLabel(s1, k.table)
	k.load(true, 4, s2, mem{base: s1, index: s2, scale: 1})
	k.op(aADD, true, s1, s2)
	k.jmpR(s1)
}

// leaf is a subprogram of a few instructions without loops, calls and anything that may
// return to Go: arithmetic, jumps forward and accesses to its own frame.
type leaf struct {
	body  []int32 // instructions, ascending
	saves []isa.Reg
	at    map[int32]label // jump targets
	entry label
	stack bool // it uses its frame
}

// maxLeaf bounds the instructions of a leaf.
const maxLeaf = 64

// findLeaves looks at all subprograms that are called.
func (k *compiler) findLeaves() {
	seen := map[int32]bool{}
	for i, f := range k.forms {
		if f != exec.Call {
			continue
		}
		if t := k.in.Target(int32(i)); !seen[t] {
			seen[t] = true
			if l := k.newLeaf(t); l != nil {
				k.leaves[t] = l
			}
		}
	}
}

// newLeaf returns the leaf at an entry, nil if it is none.
func (k *compiler) newLeaf(entry int32) *leaf {
	l := &leaf{at: map[int32]label{}, entry: k.newLabel()}
	in := map[int32]bool{}
	var defs isa.RegSet
	for todo := []int32{entry}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if in[i] {
			continue
		}
		if len(in) == maxLeaf || !k.simple(i) {
			return nil
		}
		in[i] = true
		l.body = append(l.body, i)
		insn := k.insns[i]
		if k.forms[i] == exec.Exit {
			continue
		}
		defs |= insn.Defs()
		l.stack = l.stack || insn.Uses().Has(isa.R10)
		if insn.IsGoto() || insn.IsCondJump() {
			t := k.in.Target(i)
			if t <= i {
				return nil
			}
			if _, ok := l.at[t]; !ok {
				l.at[t] = k.newLabel()
			}
			todo = append(todo, t)
		}
		if !insn.IsGoto() {
			todo = append(todo, i+1)
		}
	}
	slices.Sort(l.body)
	for _, r := range calleeSaved {
		if defs.Has(r) {
			l.saves = append(l.saves, r)
		}
	}
	return l
}

// simple reports whether an instruction may be in a leaf.
func (k *compiler) simple(i int32) bool {
	in := k.insns[i]
	switch k.forms[i] {
	case exec.Exit, exec.Const:
		return true
	case exec.Plain:
		if !in.IsALU() && !in.IsGoto() && !in.IsCondJump() {
			base := in.Dst
			if in.Class() == isa.ClassLDX {
				base = in.Src
			}
			return base == isa.R10 && inFrame(in.Off, in.Size()) && !(in.Class() == isa.ClassSTX && in.Src == isa.R10)
		}
		return !in.Uses().Has(isa.R10)
	}
	return false
}

// maxInline bounds the instructions of a leaf without jumps that is emitted at the place
// of its calls.
const maxInline = 16

// callLeaf emits the call of a leaf, whose frame is beyond the present one. No
// instruction of it needs that frame to be live.
func (k *compiler) callLeaf(l *leaf) error {
	for _, r := range l.saves {
		k.push(native[r])
	}
	if l.stack {
		k.opI(aADD, true, frameTop, exec.StackBytes)
	}
	if len(l.at) == 0 && len(l.body) <= maxInline {
		call := k.i
		k.leaf = l
		for _, i := range l.body[:len(l.body)-1] {
			k.i = i
			if err := k.instruction(); err != nil {
				return err
			}
		}
		k.pending++ // the exit
		k.leaf, k.i = nil, call
		k.returnStub(call + 1)
	} else {
		k.call(l.entry)
	}
	if l.stack {
		k.opI(aSUB, true, frameTop, exec.StackBytes)
	}
	for _, r := range slices.Backward(l.saves) {
		k.pop(native[r])
	}
	return nil
}

// returnStub makes exits that return to instruction i, for a frame that Go made, come
// by a place that adds the steps pending there: those of the leaf that was inlined.
func (k *compiler) returnStub(i int32) {
	l := k.outOfLine(func() {
		k.opI(aADD, true, fuel, int32(k.out.pending[i]))
		to := k.newLabel()
		k.labels[to] = int32(k.out.entry[i])
		k.jmp(to)
	})
	k.returns[i] = l
}

// emitLeaves emits the second copies of leaves.
func (k *compiler) emitLeaves() error {
	for t := range int32(len(k.forms)) {
		l := k.leaves[t]
		if l == nil {
			continue
		}
		k.align(16)
		k.bind(l.entry)
		k.leaf, k.pending = l, 0
		for _, i := range l.body {
			if at, ok := l.at[i]; ok {
				k.flush()
				k.bind(at)
			}
			k.i = i
			if err := k.instruction(); err != nil {
				return err
			}
			if k.forms[i] == exec.Exit {
				k.pending = 0
			}
		}
	}
	k.leaf = nil
	return nil
}
