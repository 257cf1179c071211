package cfg

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// StackBytes is the size of a frame; numSlots its 8-byte slots.
const (
	StackBytes = 512
	numSlots   = StackBytes / 8
)

// origin says what a register or stack slot may have to do with the function's
// own frame. The order is: unseen, then clean and the exact offsets, then the
// floors, a lower one being less precise.
//
//	unseen      no path was seen yet
//	clean       no pointer into the own frame
//	exact(o)    the address r10+o
//	floor(o)    clean, or an address at or above r10+o
//
// floor(-StackBytes), called anywhere, covers all. A pointer moved by an unknown amount is taken to
// move upwards, as indexing into a buffer does; one that is subtracted from, or
// that a loop lowers, falls to anywhere.
type origin int16

const (
	unseen    origin = 0
	clean     origin = 1
	exactZero origin = 4096  // r10
	floorZero origin = 12288 // at or above r10
	maxOffset        = 2048  // exact offsets and floors lie in [-maxOffset, maxOffset]
	anywhere         = floorZero - StackBytes
)

func (o origin) isPointer() bool { return o > clean }
func (o origin) isExact() bool   { return o > clean && o <= exactZero+maxOffset }

// offset returns the offset of an exact pointer or floor.
func (o origin) offset() int {
	if o.isExact() {
		return int(o - exactZero)
	}
	return int(o - floorZero)
}

// floor returns the floor at off.
func floor(off int) origin {
	if off < -StackBytes || off > maxOffset {
		return anywhere
	}
	return floorZero + origin(off)
}

// plus returns o moved by a constant.
func (o origin) plus(d int64) origin {
	if !o.isPointer() {
		return o
	}
	if d < -maxOffset || d > maxOffset {
		return anywhere
	}
	off := o.offset() + int(d)
	if o.isExact() && off >= -maxOffset && off <= maxOffset {
		return exactZero + origin(off)
	}
	return floor(off)
}

// weak returns what covers o and clean.
func (o origin) weak() origin {
	if o.isExact() {
		return floor(o.offset())
	}
	return max(o, clean)
}

// join returns what covers both. Chains end: unseen, exact, a floor, anywhere.
func join(a, b origin) origin {
	switch {
	case a == b || b == unseen:
		return a
	case a == unseen:
		return b
	}
	a, b = a.weak(), b.weak()
	switch {
	case a == clean:
		return b
	case b == clean:
		return a
	}
	return min(a, b)
}

// widen is join, but lowers a floor only once.
func widen(old, new origin) origin {
	j := join(old, new)
	if j != old && old > exactZero+maxOffset {
		return anywhere
	}
	return j
}

// origins is the state before an instruction. r10 is always exactZero.
type origins struct {
	reg  [isa.R10]origin
	slot [numSlots]origin // slot s is [r10-8(s+1), r10-8s)
	// held are the slots that are not clean.
	held uint64
}

// entryOrigins is the state at the start of a function: nothing can point into a
// frame that did not exist.
func entryOrigins() origins {
	var s origins
	for r := range s.reg {
		s.reg[r] = clean
	}
	for i := range s.slot {
		s.slot[i] = clean
	}
	return s
}

func (s *origins) get(r isa.Reg) origin {
	if r == isa.FP {
		return exactZero
	}
	if int(r) < len(s.reg) {
		return s.reg[r]
	}
	return anywhere // no such register
}

func (s *origins) set(r isa.Reg, o origin) {
	if int(r) < len(s.reg) {
		s.reg[r] = o
	}
}

func (s *origins) setSlot(i int, o origin) {
	s.slot[i] = o
	s.held &^= 1 << i
	if o != clean {
		s.held |= 1 << i
	}
}

// widenWith covers t as well and reports whether s changed.
func (s *origins) widenWith(t *origins) (changed bool) {
	for r := range s.reg {
		if s.reg[r] != t.reg[r] {
			if j := widen(s.reg[r], t.reg[r]); j != s.reg[r] {
				s.reg[r], changed = j, true
			}
		}
	}
	for m := s.held | t.held; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		if j := widen(s.slot[i], t.slot[i]); j != s.slot[i] {
			s.setSlot(i, j)
			changed = true
		}
	}
	return changed
}

// step moves s over instruction i.
func (s *origins) step(i isa.Instruction) {
	switch kinds[i.Op] {
	case kindALU:
		s.set(i.Dst, s.alu(i))
	case kindLdImm64:
		s.set(i.Dst, clean)
	case kindCall, kindPacket:
		s.call(i)
	case kindAtomic:
		s.atomic(i)
	case kindLoad:
		s.set(i.Dst, s.load(i))
	case kindStoreImm:
		s.store(i, clean)
	case kindStore:
		s.store(i, s.get(i.Src))
	case kindNone:
	default:
		s.forget()
	}
}

// forget is the effect of an instruction that is none.
func (s *origins) forget() {
	for r := range s.reg {
		s.reg[r] = anywhere
	}
	s.blur(-StackBytes, anywhere)
}

// alu returns the origin of the result: moves, additions and subtractions at full
// width keep pointers.
func (s *origins) alu(i isa.Instruction) origin {
	if i.Class() != isa.ClassALU64 {
		return clean
	}
	a, b := s.get(i.Dst), clean
	if i.UsesSrcReg() {
		b = s.get(i.Src)
	}
	switch i.Code() {
	case isa.CodeMOV:
		if i.Off != 0 { // sign extensions, address space casts
			return clean
		}
		return b
	case isa.CodeADD:
		switch {
		case !i.UsesSrcReg():
			return a.plus(int64(i.Imm))
		case a.isPointer() && b.isPointer():
			return anywhere
		}
		return max(a.weak(), b.weak())
	case isa.CodeSUB:
		switch {
		case !i.UsesSrcReg():
			return a.plus(-int64(i.Imm))
		case !a.isPointer(), a.isExact() && b.isExact():
			return clean
		}
		return anywhere
	}
	return clean
}

// above returns what covers every slot at or above off.
func (s *origins) above(off int) origin {
	o := clean
	for m := s.held; m != 0; m &= m - 1 {
		if i := bits.TrailingZeros64(m); -8*i > off {
			o = join(o, s.slot[i])
		}
	}
	return o
}

// blur makes the slots at or above off hold what they held or o.
func (s *origins) blur(off int, o origin) {
	m := s.held
	if o != clean {
		m = ^uint64(0)
	}
	for ; m != 0; m &= m - 1 {
		if i := bits.TrailingZeros64(m); -8*i > off {
			s.setSlot(i, join(s.slot[i], o))
		}
	}
}

// slotAt returns the slot that an 8-byte access at off is exactly.
func slotAt(off, size int) (slot int, ok bool) {
	return -off/8 - 1, size == 8 && off%8 == 0 && off < 0 && off >= -StackBytes
}

// lowest returns the least offset that an access through a floor may touch. An
// offset above the frame says that the pointer does not only move upwards.
func lowest(off int) int {
	if off >= 0 || off < -StackBytes {
		return -StackBytes
	}
	return off
}

func (s *origins) load(i isa.Instruction) origin {
	base := s.get(i.Src)
	if !base.isPointer() || i.Size() != 8 {
		return clean
	}
	off := base.offset() + int(i.Off)
	if !base.isExact() {
		return s.above(lowest(off))
	}
	if slot, ok := slotAt(off, 8); ok {
		return s.slot[slot]
	}
	return clean
}

func (s *origins) store(i isa.Instruction, value origin) {
	base := s.get(i.Dst)
	if !base.isPointer() {
		return
	}
	size := i.Size()
	if size != 8 {
		value = clean
	}
	off := base.offset() + int(i.Off)
	if !base.isExact() {
		s.blur(lowest(off), value)
		return
	}
	if slot, ok := slotAt(off, size); ok {
		s.setSlot(slot, value)
		return
	}
	for m := s.held; m != 0; m &= m - 1 {
		if k := bits.TrailingZeros64(m); off < -8*k && off+size > -8*(k+1) {
			s.setSlot(k, clean)
		}
	}
}

// atomic treats every form alike: what was in memory or in the source may be in
// either afterwards.
func (s *origins) atomic(i isa.Instruction) {
	reg, _ := accessBase(i)
	o, value := clean, clean
	if base := s.get(reg); base.isPointer() && i.Size() == 8 {
		off := lowest(base.offset() + int(i.Off))
		o, value = s.above(off), s.get(i.Src).weak()
		s.blur(off, value)
	}
	defs := i.Defs()
	for r := range s.reg {
		if defs.Has(isa.Reg(r)) {
			s.reg[r] = join(o, value)
		}
	}
}

// call forgets the registers that a call changes. What it wrote to the memory it
// was given holds no pointer into this frame that was not there before.
func (s *origins) call(i isa.Instruction) {
	for r := isa.R1; r <= isa.R5; r++ {
		if o := s.reg[r]; o.isPointer() && i.IsCall() {
			s.blur(s.reach(o), clean)
		}
	}
	for r := isa.R0; r <= isa.R5; r++ {
		s.reg[r] = clean
	}
}

// reach returns the least offset that somebody who holds o may read: pointers
// found on the way are followed.
func (s *origins) reach(o origin) int {
	low := lowest(o.offset())
	for {
		next := s.above(low)
		if !next.isPointer() || lowest(next.offset()) >= low {
			return low
		}
		low = lowest(next.offset())
	}
}
