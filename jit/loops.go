package jit

import (
	"slices"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
)

// In a program that is proved safe, a pointer stays in its object whatever is added to
// it. So in an inner loop that does nothing but arithmetic, jumps and accesses, the
// distance between a pointer and its bytes does not change: where the loop is entered
// the pointers that it uses are looked up, and a second copy of the loop accesses
// memory at pointer + distance without a check. If a register that should be a pointer is
// none at the entry, the first copy runs, which checks.
//
// Which register of the entry an address derives from is found by following moves
// and additions. Of a sum only the first operand is followed: if that is a pointer, the other
// is a number, since a proved program adds no two pointers; and a number that a proved
// program adds to a pointer is small, so that it names no object.
type loop struct {
	head, last int32 // first and last instruction
	roots      []isa.Reg
	rootAt     map[int32]isa.Reg // of each access but those through R10
	distance   map[isa.Reg]field
	inner      label           // of the head in the main text, behind the entry
	at         map[int32]label // of jump targets in the copy
}

const (
	maxLoop   = 256 // instructions
	maxRoots  = 4   // pointers of a loop
	distBytes = 8 * maxRoots
)

func (l *loop) has(i int32) bool { return l.head <= i && i <= l.last }

// jumps reports whether an instruction is a jump, and its target.
func (k *compiler) jumps(i int32) (t int32, ok bool) {
	in, f := k.insns[i], k.forms[i]
	if f == exec.MayGoto || (f == exec.Plain && (in.IsGoto() || in.IsCondJump())) {
		return k.in.Target(i), true
	}
	return 0, false
}

// findLoops finds the loops that get a copy.
func (k *compiler) findLoops() {
	last := map[int32]int32{}
	var heads []int32
	for i := range int32(len(k.forms)) {
		if t, ok := k.jumps(i); ok && t <= i {
			if _, seen := last[t]; !seen {
				heads = append(heads, t)
			}
			last[t] = i
		}
	}
	slices.Sort(heads)
	entered := k.entries(heads, last)
	for _, h := range heads {
		l := &loop{head: h, last: last[h], rootAt: map[int32]isa.Reg{}, distance: map[isa.Reg]field{}, at: map[int32]label{}}
		if !entered[h] && k.copyable(l) && k.findRoots(l) {
			k.loops[h] = l
			l.inner = k.newLabel()
			if k.at[l.last+1] < 0 { // the trap at the end follows every loop
				k.at[l.last+1] = k.newLabel()
			}
		}
	}
}

// entries returns the loops that are entered otherwise than at the head, or are too
// large to look at.
func (k *compiler) entries(heads []int32, last map[int32]int32) map[int32]bool {
	into := map[int32][]int32{} // sources by target
	for i, f := range k.forms {
		if t, ok := k.jumps(int32(i)); ok {
			into[t] = append(into[t], int32(i))
		} else if f == exec.Call {
			into[k.in.Target(int32(i))] = append(into[k.in.Target(int32(i))], -1)
		}
	}
	entered := map[int32]bool{}
	for _, h := range heads {
		if last[h]-h >= maxLoop {
			entered[h] = true
			continue
		}
		for t := h + 1; t <= last[h]; t++ {
			entered[h] = entered[h] || slices.ContainsFunc(into[t], func(from int32) bool { return from < h || from > last[h] })
		}
	}
	return entered
}

// copyable reports whether a loop has only instructions that never return to Go, and
// no other loop inside.
func (k *compiler) copyable(l *loop) bool {
	for i := l.head; i <= l.last; i++ {
		if f := k.forms[i]; f != exec.Plain && f != exec.Const {
			return false
		}
		if t, ok := k.jumps(i); ok && l.has(t) {
			if t <= i && t != l.head {
				return false
			}
			if _, ok := l.at[t]; !ok {
				l.at[t] = k.newLabel()
			}
		}
		if key, ok := k.keyOf(int(i), k.insns[i]); !ok && key.size > 0 && !inFrame(k.insns[i].Off, int(key.size)) {
			return false
		}
	}
	return true
}

// Origins of values: a register at the entry, or one of these.
const (
	number  = 16 + iota // no pointer
	unknown             // of no use as an address
)

// origins are those of R0-R9.
type origins [isa.R10]uint8

// join keeps what both agree on. It reports whether o changed.
func (o *origins) join(p *origins) bool {
	changed := false
	for r := range o {
		if o[r] != p[r] && o[r] != unknown {
			o[r], changed = unknown, true
		}
	}
	return changed
}

// findRoots finds the register that each address of a loop derives from. It reports
// false if some cannot be told, there are too many, or none.
func (k *compiler) findRoots(l *loop) bool {
	n := l.last - l.head + 1
	before, seen := make([]origins, n), make([]bool, n)
	for r := range before[0] {
		before[0][r] = uint8(r)
	}
	seen[0] = true
	for todo := []int32{l.head}; len(todo) > 0; { // states only lose facts
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		after := before[i-l.head]
		after.step(k.insns[i], k.forms[i])
		reach := func(t int32) {
			if !l.has(t) {
				return
			}
			to := t - l.head
			if !seen[to] {
				seen[to], before[to] = true, after
			} else if !before[to].join(&after) {
				return
			}
			todo = append(todo, t)
		}
		if t, ok := k.jumps(i); ok {
			reach(t)
		}
		if !k.insns[i].IsGoto() {
			reach(i + 1)
		}
	}
	for i := l.head; i <= l.last; i++ {
		key, ok := k.keyOf(int(i), k.insns[i])
		if !ok || !seen[i-l.head] {
			continue
		}
		root := before[i-l.head][key.base]
		if root >= number {
			return false
		}
		l.rootAt[i] = isa.Reg(root)
		if !slices.Contains(l.roots, isa.Reg(root)) {
			l.roots = append(l.roots, isa.Reg(root))
		}
	}
	return len(l.roots) > 0 && len(l.roots) <= maxRoots && !slices.Contains(seen, false)
}

// step takes the effect of an instruction on origins.
func (o *origins) step(in isa.Instruction, form exec.Form) {
	if form == exec.Const {
		o[in.Dst] = number
		return
	}
	if in.Class() == isa.ClassLDX {
		o[in.Dst] = number
		if in.Size() == 8 {
			o[in.Dst] = unknown
		}
		return
	}
	if !in.IsALU() {
		return
	}
	op := in.ALU(false)
	src := uint8(number)
	if in.UsesSrcReg() {
		src = unknown
		if in.Src != isa.R10 {
			src = o[in.Src]
		}
	}
	switch {
	case in.Width() == isa.W32:
		o[in.Dst] = number
	case op == isa.Mov:
		o[in.Dst] = src
	case op == isa.Add && o[in.Dst] == number:
		o[in.Dst] = src
	case op == isa.Add, op == isa.Sub:
	default:
		o[in.Dst] = unknown
	}
}

// assignDistances gives the distances places: registers first. It returns the
// registers that are left.
func (k *compiler) assignDistances(free []reg) []reg {
	most := 0
	for h := range int32(len(k.forms)) {
		l := k.loops[h]
		if l == nil {
			continue
		}
		for n, r := range l.roots {
			f := field{rsp, int32(localDistances + 8*n)}
			if n < len(free) {
				f.r = free[n]
			}
			l.distance[r] = f
		}
		most = max(most, len(l.roots))
	}
	return free[min(most, len(free)):]
}

// enterLoop emits the entry of a loop in the main text, which is at its head.
func (k *compiler) enterLoop(l *loop) {
	k.jmp(k.outOfLine(func() {
		for _, r := range l.roots {
			k.mov(true, s1, native[r])
			k.call(k.slots.any)
			k.jcc(ccB, l.inner)
			k.op(aADD, true, s2, s1)
			k.op(aSUB, true, s2, native[r])
			l.distance[r].set(k, s2, 0)
		}
		k.jmp(l.at[l.head])
	}))
	k.bind(l.inner)
}

// emitLoops emits the copies.
func (k *compiler) emitLoops() error {
	for h := range int32(len(k.forms)) {
		l := k.loops[h]
		if l == nil {
			continue
		}
		k.align(loopAlign)
		k.loop, k.pending = l, 0
		for k.i = l.head; k.i <= l.last; k.i++ {
			if at, ok := l.at[k.i]; ok {
				k.flush()
				k.bind(at)
			}
			if err := k.instruction(); err != nil {
				return err
			}
		}
		k.flush()
		k.jmp(k.at[l.last+1])
	}
	k.loop = nil
	return nil
}

// lookupAny emits a routine that finds the bytes of the object of address s1 without a
// look at bounds. It leaves the signed offset in s1 and the first byte in s2, or the
// carry set if there is no such object.
func (k *compiler) lookupAny(l label) {
	const called = 8
	fail := k.newLabel()
	k.align(16)
	k.bind(l)
	k.mov(true, s2, s1)
	k.shiftI(sSHR, true, s2, 32)
	k.imulI(false, s2, s2, int32(unscramble))
	k.opM(aCMP, true, s2, at(rsp, localCount+called))
	k.jcc(ccAE, fail)
	k.imulI(true, s2, s2, exec.Native.RegionSize)
	k.opM(aADD, true, s2, at(rsp, localRegions+called))
	k.opI(aSUB, false, s1, int32(low))
	k.extend(true, true, 32, s1, s1) // the pointer may be before the object, less than an access adds
	write := k.newLabel()
	k.opMI(aCMP, true, at(s2, 8), 0)
	k.jcc(ccE, write)
	k.load(false, 8, s2, at(s2, 0))
	k.clc()
	k.ret()
	k.bind(write)
	k.opMI(aCMP, true, at(s2, sliceBytes+8), 0)
	k.jcc(ccE, fail)
	k.load(false, 8, s2, at(s2, sliceBytes))
	k.clc()
	k.ret()
	k.bind(fail)
	k.stc()
	k.ret()
}
