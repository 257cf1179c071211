package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
)

// Objects on the stack (V34 to V36): dynptrs, open-coded iterators and saved
// interrupt flags. The kernel keeps their contents in the program's stack, where a
// program may neither read nor change them. Each slot of 8 bytes is a cell of the
// object's kind, Size 8, whose Off says which slot it is, whose ID is the object's
// and whose Ref is the reference that it stands for, 0 for none. Pointers that die
// with an object have its ID as their Ref.

// refKind says what a reference is.
type refKind uint8

const (
	objectRef refKind = iota // something acquired
	iterRef                  // an iterator that was started
	irqRef                   // interrupts that were switched off
)

// place is where an object is: a frame and the offset from its frame pointer.
type place struct {
	frame int
	off   int64
}

const slotBytes = 8

// isObject reports the kinds of objects that only the kernel may touch.
func (k Kind) isObject() bool { return k == DynptrObj || k == IterObj || k == IrqObj }

// inUse reports whether an object must not be made anew in another's place: all
// but dynptrs that hold nothing.
func (c Cell) inUse() bool { return c.Kind != DynptrObj || c.Ref != 0 }

// slotOf returns which slot of its object a cell is.
func (c Cell) slotOf() int { return int(c.Off & 0xff) }

// placeOf returns where a pointer points, if an object of so many slots can be there.
func (a *analysis) placeOf(s *State, pc int, c Cell, slots int) (p place, ok bool) {
	p = place{int(c.Region), int64(c.Off)}
	if c.Kind != StackPtr || c.has(HasVar) || p.off%slotBytes != 0 || p.off < -stackBytes || p.off+int64(slots)*slotBytes > 0 {
		return p, false
	}
	if wordOf(p.off) >= s.lay.words {
		a.giveUp(pc, "an object at offset %d of the stack, where contents are not tracked", p.off)
		return p, false
	}
	return p, true
}

// slot is the variable of slot i of an object at p.
func (s *State) slot(p place, i int) domains.Var {
	return s.lay.word(p.frame, wordOf(p.off+int64(i)*slotBytes))
}

// object returns the first slot of the object of kind k and so many slots at p.
// poisoned says that the stack there is the result of a failed obligation.
func (s *State) object(p place, k Kind, slots int) (c Cell, ok, poisoned bool) {
	first := s.cells[s.slot(p, 0)]
	for i := range slots {
		c := s.cells[s.slot(p, i)]
		if c.Kind == Poison {
			return c, false, true
		}
		if c.Kind != k || c.slotOf() != i || c.ID != first.ID {
			return c, false, false
		}
	}
	return first, true, false
}

// putObject makes the memory at p an object. What was there is forgotten.
func (a *analysis) putObject(s *State, p place, slots int, c Cell) {
	size := int64(slots) * slotBytes
	s.clear(p.frame, p.off, size, true)
	s.mark(p.frame, p.off, size)
	if fn := s.frame[p.frame].fn; a.depths[fn] < int(-p.off) {
		a.depths[fn] = int(-p.off)
	}
	c.Size = slotBytes
	for i := range slots {
		part := c
		part.Off |= int32(i)
		s.set(s.slot(p, i), part)
	}
}

// destroy ends an object: its slots are unknown memory, its pointers numbers.
func (s *State) destroy(o Cell) {
	for v := range s.cells[:s.active()] {
		switch c := s.cells[v]; {
		case c.Kind == o.Kind && c.ID == o.ID:
			s.set(domains.Var(v), Cell{})
		case o.Kind == DynptrObj && c.Ref == o.ID && !c.Kind.isObject():
			s.set(domains.Var(v), Cell{Kind: Scalar, Size: c.Size})
		}
	}
}

// objectIn returns an object that has a byte in [off, off+size) of a frame.
func (s *State) objectIn(frame int, off, size int64) (c Cell, found bool) {
	for h := wordOf(off); h >= wordOf(off+size-1); h-- {
		if at := s.holder(frame, h); at >= 0 {
			if c := s.cells[s.lay.word(frame, at)]; c.Kind.isObject() {
				return c, true
			}
		}
	}
	return c, false
}

// sharedIn reports whether a byte of [off, off+size) is shared memory.
func (s *State) sharedIn(frame int, off, size int64) bool {
	for h := wordOf(off); h >= wordOf(off+size-1); h-- {
		if at := s.holder(frame, h); at >= 0 && s.cells[s.lay.word(frame, at)].Kind == SharedMem {
			return true
		}
	}
	return false
}

// share makes [off, off+size) memory that a slice may point to: it reads as
// unknown numbers from now on, whatever the program stores there.
func (s *State) share(frame int, off, size int64) {
	s.clear(frame, off, size, true)
	for h := wordOf(off); h >= wordOf(off+size-1); h-- {
		if c := s.at(frame, h); c != nil && s.holder(frame, h) < 0 {
			s.set(s.lay.word(frame, h), Cell{Kind: SharedMem, Size: 4})
		}
	}
}

// clearOfObjects checks that a stack access leaves objects alone. A plain store
// over one that holds nothing ends it; anything else is refused.
func (a *analysis) clearOfObjects(s *State, pc, frame int, sp span, m mode) bool {
	o, found := s.objectIn(frame, sp.off.lo, sp.off.hi-sp.off.lo+sp.size)
	if !found || m == writes && sp.off.exact() && (o.Kind != DynptrObj || !o.inUse()) {
		return true
	}
	if d := a.alarm(pc, o.Kind.rule(), Policy); d != nil {
		d.Message = fmt.Sprintf("%s of the stack where the program keeps %s", m, o.Kind.indefinite())
		d.Help = "use the functions made for it, and other stack for other data"
	}
	a.led.suspendAll()
	return false
}

// rule is the rule that speaks of objects of kind k.
func (k Kind) rule() Rule {
	switch k {
	case IterObj:
		return Iterators
	case IrqObj:
		return Regions
	}
	return Dynptrs
}

func (k Kind) indefinite() string {
	switch k {
	case IterObj:
		return "an iterator"
	case IrqObj:
		return "an interrupt flag"
	}
	return "a dynptr"
}
