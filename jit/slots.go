package jit

import (
	"cmp"
	"slices"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
)

// A slot remembers the object that accesses of one size through one register went to
// last: the address of its first byte, one more than the largest offset of an access,
// and where the bytes are. An access is right if
//
//	address - start < limit    (unsigned, 64 bits)
//
// since start and every address of the object have the same upper half. Otherwise a
// routine looks the object up in the table of regions and fills the slot. The
// machine may change regions, so that slots are forgotten (limit 0) whenever native
// code is entered. Frames but the first come and go while native code runs: they are
// looked up each time.
//
// Slots live in registers that the program leaves unused, the rest in enter's frame,
// and accesses beyond those always look up.
type slotKey struct {
	base isa.Reg
	size uint8
	what kind
}

const slotBytes = 24

// field is a word of a slot: a register, or a place relative to rsp.
type field struct {
	r    reg // rsp: none
	disp int32
}

func (f field) mem(extra int32) mem { return at(rsp, f.disp+extra) }

// sub emits r -= f, cmp compares r with f.
func (f field) sub(k *compiler, r reg) { f.arith(k, aSUB, r, 0) }
func (f field) cmp(k *compiler, r reg) { f.arith(k, aCMP, r, 0) }

// arith emits an operation with the field as second operand; extra is how far rsp is
// below its usual place.
func (f field) arith(k *compiler, o arith, r reg, extra int32) {
	if f.r != rsp {
		k.op(o, true, r, f.r)
	} else {
		k.opM(o, true, r, f.mem(extra))
	}
}

// set emits f = r.
func (f field) set(k *compiler, r reg, extra int32) {
	if f.r != rsp {
		k.mov(true, f.r, r)
	} else {
		k.store(8, f.mem(extra), r)
	}
}

// in returns a register that holds the field, scratch if it has none.
func (f field) in(k *compiler, scratch reg) reg {
	if f.r != rsp {
		return f.r
	}
	k.load(false, 8, scratch, f.mem(0))
	return scratch
}

type slot struct {
	start, limit, base field
	routine            label
}

// slots are those of a program.
type slots struct {
	byKey map[slotKey]*slot
	keys  []slotKey // in the order of importance
	raw   map[slotKey]label
	raws  []slotKey
	any   label // looks an object up for a loop
}

// assignSlots gives slots to the keys that matter most: by the number of
// instructions, those in loops counting more.
func (k *compiler) assignSlots() *slots {
	s := &slots{byKey: map[slotKey]*slot{}, raw: map[slotKey]label{}, any: k.newLabel()}
	weight := map[slotKey]uint64{}
	nest := k.nesting()
	for i, in := range k.insns {
		if key, ok := k.keyOf(i, in); ok {
			if weight[key] == 0 {
				s.keys = append(s.keys, key)
			}
			weight[key] += 1 << (4 * min(nest[i], 6))
		}
	}
	slices.SortStableFunc(s.keys, func(a, b slotKey) int { return cmp.Compare(weight[b], weight[a]) })
	s.keys = s.keys[:min(len(s.keys), maxSlots)]
	free := k.assignDistances(k.freeRegs())
	for n, key := range s.keys {
		sl := &slot{routine: k.newLabel()}
		for f, to := range []*field{&sl.start, &sl.limit, &sl.base} {
			*to = field{rsp, int32(localSlots + n*slotBytes + 8*f)}
			if len(free) > 0 {
				to.r, free = free[0], free[1:]
			}
		}
		s.byKey[key] = sl
	}
	return s
}

// keyOf returns the key of an access that needs a lookup.
func (k *compiler) keyOf(i int, in isa.Instruction) (slotKey, bool) {
	base, what := in.Dst, writing
	switch form := k.forms[i]; {
	case form == exec.Atomic && in.Imm == isa.AtomicLoadAcq:
		base, what = in.Src, reading
	case form == exec.Atomic && in.Imm != isa.AtomicStRel:
		what = updating
	case form == exec.Atomic:
	case form != exec.Plain || in.IsALU() || in.IsGoto() || in.IsCondJump():
		return slotKey{}, false
	case in.Class() == isa.ClassLDX:
		base, what = in.Src, reading
	}
	return slotKey{base, uint8(in.Size()), what}, base != isa.R10
}

// nesting returns how many jumps backwards span each instruction.
func (k *compiler) nesting() []int {
	n := make([]int, len(k.forms)+1)
	for i, f := range k.forms {
		if (f == exec.Plain && (k.insns[i].IsGoto() || k.insns[i].IsCondJump())) || f == exec.MayGoto {
			if t := k.in.Target(int32(i)); int(t) <= i {
				n[t]++
				n[i+1]--
			}
		}
	}
	for i := range k.forms {
		n[i+1] += n[i]
	}
	return n
}

// freeRegs returns the machine registers of BPF registers that the program does not use.
func (k *compiler) freeRegs() []reg {
	var free []reg
	for r, m := range native {
		if !k.used.Has(isa.Reg(r)) {
			free = append(free, m)
		}
	}
	return free
}

// find returns the slot of a key, nil if it has none, and its routine.
func (s *slots) find(k *compiler, key slotKey) (*slot, label) {
	if sl := s.byKey[key]; sl != nil {
		return sl, sl.routine
	}
	key.base = 0 // lookups do not depend on it
	l, ok := s.raw[key]
	if !ok {
		l = k.newLabel()
		s.raw[key] = l
		s.raws = append(s.raws, key)
	}
	return nil, l
}

// forget emits the emptying of all slots.
func (s *slots) forget(k *compiler) {
	for _, key := range s.keys {
		if f := s.byKey[key].limit; f.r != rsp {
			k.op(aXOR, false, f.r, f.r)
		} else {
			k.storeI(8, f.mem(0), 0)
		}
	}
}

// emitRoutines emits the lookups.
func (s *slots) emitRoutines(k *compiler) {
	if len(k.loops) > 0 {
		k.lookupAny(s.any)
	}
	for _, key := range s.keys {
		k.lookup(key, s.byKey[key], s.byKey[key].routine)
	}
	for _, key := range s.raws {
		k.lookup(key, nil, s.raw[key])
	}
}

// Constants of exec's addresses: Address(id, off) is id*scramble<<32 + low + off.
var (
	scramble   = uint32(exec.Address(1, 0) >> 32)
	unscramble = inverse(scramble)
	low        = uint32(exec.Address(0, 0))
)

// inverse returns the inverse of an odd number modulo 2^32, by Newton's method.
func inverse(x uint32) uint32 {
	y := x // right in three bits
	for range 4 {
		y *= 2 - x*y
	}
	return y
}

// lookup emits a routine. It takes the address in s1, less the start of the slot if
// there is one, and leaves the offset in s1 and the object's first byte in s2, or the
// carry set if the access is not plain. It keeps other registers but the slot's.
func (k *compiler) lookup(key slotKey, s *slot, l label) {
	fail, failPop, uncached := k.newLabel(), k.newLabel(), k.newLabel()
	lay, size := &exec.Native, int32(key.size)
	const called, pushed = 8, 16 // what the stack holds more
	k.align(16)
	k.bind(l)
	if s != nil {
		s.start.arith(k, aADD, s1, called)
	}
	k.store(8, at(rsp, localTemp+called), s1)
	k.mov(true, s2, s1)
	k.shiftI(sSHR, true, s2, 32)
	k.imulI(false, s2, s2, int32(unscramble))
	k.opM(aCMP, true, s2, at(rsp, localCount+called))
	k.jcc(ccAE, fail)
	k.push(rax)
	if key.what == updating {
		k.checkUpdatable(failPop, pushed)
	}
	k.imulI(true, s2, s2, lay.RegionSize)
	k.opM(aADD, true, s2, at(rsp, localRegions+pushed))
	k.opI(aSUB, false, s1, int32(low))
	k.lea(rax, at(s1, size))
	bytes := int32(0)
	if key.what == writing {
		bytes = sliceBytes
	}
	k.opM(aCMP, true, rax, at(s2, bytes+8))
	k.jcc(ccA, failPop)
	if key.what == updating {
		k.opM(aCMP, true, rax, at(s2, sliceBytes+8))
		k.jcc(ccA, failPop)
	}
	if s != nil {
		k.mov(true, rax, s2)
		k.opM(aSUB, true, rax, at(rsp, localRegions+pushed))
		k.opI(aSUB, true, rax, (int32(exec.FirstFrame)+1)*lay.RegionSize)
		k.opI(aCMP, true, rax, (exec.MaxFrames-1)*lay.RegionSize)
		k.jcc(ccB, uncached)
		k.load(false, 8, rax, at(s2, bytes+8))
		k.opI(aSUB, true, rax, size-1)
		s.limit.set(k, rax, pushed)
		k.load(false, 8, rax, at(rsp, localTemp+pushed))
		k.op(aSUB, true, rax, s1)
		s.start.set(k, rax, pushed)
		k.load(false, 8, rax, at(s2, bytes))
		s.base.set(k, rax, pushed)
	}
	k.bind(uncached)
	k.load(false, 8, s2, at(s2, bytes))
	k.pop(rax)
	k.clc()
	k.ret()
	k.bind(failPop)
	k.pop(rax)
	k.bind(fail)
	k.stc()
	k.ret()
}

// updatable are the kinds of objects that atomic operations may go to.
var updatable = func() (set int32) {
	for _, kind := range []exec.Kind{exec.KindStack, exec.KindValue, exec.KindMemory, exec.KindRecord} {
		set |= 1 << kind
	}
	return set
}()

// checkUpdatable jumps to fail unless object s2 is of a kind that atomic operations may
// go to. It destroys rax.
func (k *compiler) checkUpdatable(fail label, extra int32) {
	lay := &exec.Native
	k.load(false, 8, rax, at(rsp, localMachine+extra))
	k.load(false, 8, rax, at(rax, lay.Objects))
	k.push(s2)
	k.imulI(true, s2, s2, lay.ObjectSize)
	k.load(false, 1, rax, mem{base: rax, index: s2, scale: 1, disp: lay.ObjectKind})
	k.movI(s2, uint64(updatable))
	k.bitTest(s2, rax)
	k.pop(s2)
	k.jcc(ccAE, fail)
}
