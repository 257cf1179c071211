package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/loader"
)

// Spin locks and timers in map values (V29, V33).

const (
	helperSpinLock   = 93
	helperSpinUnlock = 94
)

// hasField reports whether values of a map have a special field of a kind.
func hasField(def *loader.Map, kind string) bool {
	_, ok := fieldOffset(def, kind)
	return ok
}

func fieldOffset(def *loader.Map, kind string) (uint32, bool) {
	for i := range def.Fields {
		if def.Fields[i].Kind == kind {
			return def.Fields[i].Offset, true
		}
	}
	return 0, false
}

// checkFieldArg checks that an argument points to a special field of a map value.
func (a *analysis) checkFieldArg(s *State, cs *callSite, i int, c Cell, kind string, rule Rule) bool {
	if c.Kind != MapValue || c.has(MaybeNull) {
		return a.wrongArg(s, cs, i, fmt.Sprintf("a pointer to the %s of a map value", kind))
	}
	def := a.mapOf(c)
	off, ok := fieldOffset(def, kind)
	switch {
	case !ok:
		a.refuse(cs.pc, rule, fmt.Sprintf("the values of map %q have no %s that BTF describes", def.Name, kind))
		return false
	case c.has(HasVar):
		a.refuse(cs.pc, rule, fmt.Sprintf("the %s of map %q must be at a constant offset", kind, def.Name))
		return false
	case int64(c.Off) != int64(off):
		a.refuse(cs.pc, rule, fmt.Sprintf("offset %d of map %q is not its %s, which is at %d", c.Off, def.Name, kind, off))
		return false
	}
	cs.obj = c
	return true
}

func (a *analysis) checkLockArg(s *State, cs *callSite, i int, c Cell) bool {
	if !a.pt.SpinLocks {
		a.refuse(cs.pc, Locks, fmt.Sprintf("programs of type %s may not use spin locks", a.pt.Name))
		return false
	}
	if !a.checkFieldArg(s, cs, i, c, "spin_lock", Locks) {
		return false
	}
	if cs.h.ID == helperSpinUnlock {
		switch l := s.lock; {
		case l.held == 0:
			a.refuse(cs.pc, Locks, "a spin lock is released that is not held")
			return false
		case l.region != c.Region || l.id != c.ID:
			a.refuse(cs.pc, Locks, "the spin lock that is released is not the one that is held")
			return false
		}
	}
	return true
}

func (a *analysis) checkTimerArg(s *State, cs *callSite, i int, c Cell) bool {
	if a.pt.Tracing {
		a.refuse(cs.pc, SpecialFields, "tracing programs may not use timers")
		return false
	}
	return a.checkFieldArg(s, cs, i, c, "timer", SpecialFields)
}

// checkTimerMap checks that the map given with a timer is the one that holds it.
func (a *analysis) checkTimerMap(cs *callSite) bool {
	if cs.h.Name != "timer_init" || cs.mp.Region == cs.obj.Region && cs.mp.Flags&Inner == cs.obj.Flags&Inner {
		return true
	}
	a.refuse(cs.pc, SpecialFields, fmt.Sprintf("the timer is in map %q, not in map %q", a.mapOf(cs.obj).Name, cs.def.Name))
	return false
}

// checkLockRule checks that no helper is called while a lock is held (V29).
func (a *analysis) checkLockRule(s *State, cs *callSite) bool {
	if s.lock.held == 0 || cs.h.ID == helperSpinUnlock {
		return true
	}
	a.lockedAt(s, cs.pc, fmt.Sprintf("bpf_%s is called", cs.h.Name))
	return false
}

// lockOrUnlock applies a call that takes or releases a lock.
func (a *analysis) lockOrUnlock(s *State, cs *callSite) {
	switch cs.h.ID {
	case helperSpinLock:
		s.lock = heldLock{held: 1, region: cs.obj.Region, id: cs.obj.ID}
	case helperSpinUnlock:
		s.lock = heldLock{}
	}
}

// lockedAt records that something is done that must not be while a lock is held.
func (a *analysis) lockedAt(s *State, pc int, what string) {
	if s.lock.held == 0 {
		return
	}
	if d := a.alarm(pc, Locks, Safety); d != nil {
		d.Message = what + " while a spin lock is held"
		d.Help = "release the lock first"
	}
}
