package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Dynptrs (V34): 16 bytes of stack that describe memory whose size is known at run
// time. A constructor makes one; reading and writing through it is checked at run
// time; a slice is a plain pointer into it that has to be tested and dies with it.

// dynptrKind says what memory a dynptr describes.
type dynptrKind = int32

const (
	localDynptr dynptrKind = iota + 1
	ringbufDynptr
	skbDynptr
	xdpDynptr
	metaDynptr // of a socket buffer
)

const dynptrSlots = 2

// ofPacket reports the kinds that describe packet memory.
func ofPacket(k dynptrKind) bool { return k == skbDynptr || k == xdpDynptr || k == metaDynptr }

// newDynptr checks that a dynptr may be made where argument i points.
func (a *analysis) newDynptr(s *State, pc int, callee string, i int, v domains.Var) (p place, ok bool) {
	c := s.cells[v]
	p, ok = a.placeOf(s, pc, c, dynptrSlots)
	if !ok {
		a.refuse(pc, Dynptrs, fmt.Sprintf("argument %d of %s must point to 16 bytes of stack for a dynptr, at a multiple of 8, not a %s", i+1, callee, a.describe(s, v)))
		return p, false
	}
	if o, found := s.objectIn(p.frame, p.off, dynptrSlots*slotBytes); found && o.inUse() {
		a.refuse(pc, Dynptrs, fmt.Sprintf("%s would overwrite %s that is still in use", callee, o.Kind.indefinite()))
		return p, false
	}
	return p, true
}

// dynptrArg returns the dynptr that argument i points to. changes says that the
// callee may change what it describes.
func (a *analysis) dynptrArg(s *State, pc int, callee string, i int, v domains.Var, changes bool) (d Cell, ok bool) {
	c := s.cells[v]
	if c.Kind == DynptrPtr && c.Off == 0 && !c.has(HasVar) {
		if changes {
			a.refuse(pc, Dynptrs, fmt.Sprintf("%s changes its dynptr, but the one given to this program is constant", callee))
			return c, false
		}
		return c, true
	}
	p, ok := a.placeOf(s, pc, c, dynptrSlots)
	poisoned := false
	if ok {
		d, ok, poisoned = s.object(p, DynptrObj, dynptrSlots)
	}
	if poisoned {
		a.led.suspend(pc)
		return d, false
	}
	if !ok {
		if dg := a.alarm(pc, Dynptrs, Safety); dg != nil {
			dg.Message = fmt.Sprintf("argument %d of %s must be a dynptr that was initialised", i+1, callee)
			dg.Help = "initialise it on every path, and do not write to its 16 bytes of stack"
			dg.State = a.explainVar(s, v)
		}
	}
	return d, ok
}

// dropSlices makes numbers of slices that may point into the running frame, whose
// stack is about to become another's.
func (s *State) dropSlices() {
	for v := range s.cells[:s.active()] {
		if c := &s.cells[v]; c.Kind == Mem && c.Range == int32(s.depth)+1 {
			s.set(domains.Var(v), Cell{Kind: Scalar, Size: c.Size})
		}
	}
}

// checkDynptrArg checks a dynptr argument of a helper.
func (a *analysis) checkDynptrArg(s *State, cs *callSite, i int, v domains.Var) bool {
	flags := cs.h.Args[i].Flags
	callee := "bpf_" + cs.h.Name
	if flags&platform.Uninit != 0 {
		p, ok := a.newDynptr(s, cs.pc, callee, i, v)
		cs.at, cs.makes = p, localDynptr
		if flags&platform.DynptrRingbuf != 0 {
			cs.makes = ringbufDynptr
		}
		return ok
	}
	d, ok := a.dynptrArg(s, cs.pc, callee, i, v, flags&platform.ReadOnly == 0)
	if !ok {
		return false
	}
	want := dynptrKind(0)
	switch {
	case flags&platform.DynptrRingbuf != 0:
		want = ringbufDynptr
	case flags&platform.DynptrLocal != 0:
		want = localDynptr
	}
	if want != 0 && d.Region != want {
		a.refuse(cs.pc, Dynptrs, fmt.Sprintf("argument %d of %s is a dynptr of another kind", i+1, callee))
		return false
	}
	if flags&platform.Release != 0 {
		if d.Ref == 0 {
			a.refuse(cs.pc, References, fmt.Sprintf("argument %d of %s is no reference that this program acquired", i+1, callee))
			return false
		}
		cs.ref = d.Ref
	}
	cs.dyn, a.derived = d, d.ID
	return true
}

// checkDynptrMemory checks what a dynptr is made from.
func (a *analysis) checkDynptrMemory(cs *callSite, c Cell) bool {
	if cs.h.Name != "dynptr_from_mem" || c.Kind == MapValue {
		return true
	}
	a.refuse(cs.pc, Dynptrs, fmt.Sprintf("a dynptr can be made from a map value, not from a %s", c.Kind))
	return false
}

// dynptrEffects applies what a helper call that was allowed does to dynptrs.
func (a *analysis) dynptrEffects(s *State, cs *callSite) {
	if cs.h.Name == "dynptr_write" && cs.dyn.Region == skbDynptr {
		s.changePacket()
	}
	if cs.makes == 0 {
		return
	}
	d := Cell{Kind: DynptrObj, Region: cs.makes}
	if cs.makes == ringbufDynptr {
		ref, ok := s.acquire()
		if !ok {
			a.giveUp(cs.pc, "more than %d references held at once", maxRefs)
			return
		}
		d.Ref = ref
	}
	d.ID = s.fresh()
	a.putObject(s, cs.at, dynptrSlots, d)
}
