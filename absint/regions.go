package absint

import (
	"fmt"
	"math"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// regions are the sections that the program is in (V36), by depth. Sections with
// interrupts off are references of kind irqRef: they end in the opposite order of
// their start.
type regions struct {
	rcu, preempt uint8
}

// inRCU reports whether pointers protected by RCU stay valid: programs that may not
// sleep are in an RCU section from start to end.
func (a *analysis) inRCU(s *State) bool {
	return !a.prog.Sleepable || s.regions.rcu > 0 || s.lock.held != 0
}

// lastIrq returns the reference of the innermost section with interrupts off.
func (s *State) lastIrq() uint32 {
	for i := s.nrefs - 1; i >= 0; i-- {
		if s.kinds[i] == irqRef {
			return s.refs[i]
		}
	}
	return 0
}

// atomic reports whether the program is in a section where it must not sleep.
func (s *State) atomic() bool {
	return s.regions != regions{} || s.lastIrq() != 0
}

func (s *State) atomicWhere() string {
	switch {
	case s.regions.rcu > 0:
		return "in an RCU read section"
	case s.regions.preempt > 0:
		return "with preemption disabled"
	}
	return "with interrupts disabled"
}

// leave checks that nothing is left open where the program ends or may end.
func (a *analysis) leave(s *State, pc int, how string, rule Rule) bool {
	ok := true
	if s.atomic() {
		if rule == References {
			rule = Regions
		}
		if d := a.alarm(pc, rule, Safety); d != nil {
			d.Message = fmt.Sprintf("%s %s", how, s.atomicWhere())
			d.Help = "leave the section on every path"
		}
		ok = false
	}
	if rule == Regions {
		rule = References
	}
	for _, k := range s.kinds[:s.nrefs] {
		if k == irqRef {
			continue
		}
		if d := a.alarm(pc, rule, Safety); d != nil {
			d.Message = how + " while it still holds a reference it acquired"
			d.Help = "release it on every path"
			if k == iterRef {
				d.Message = how + " while an iterator is not destroyed"
				d.Help = "destroy it on every path"
			}
		}
		return false
	}
	return ok
}

// enterOrLeave applies the calls that begin and end sections.
func (a *analysis) enterOrLeave(s *State, kc *kfuncCall) bool {
	r := &s.regions
	switch kc.k.name {
	case "bpf_rcu_read_lock":
		if r.rcu > 0 {
			a.refuse(kc.pc, Regions, "an RCU read section is begun inside of one")
		}
		r.rcu++
		return r.rcu == 1
	case "bpf_rcu_read_unlock":
		if r.rcu == 0 {
			a.refuse(kc.pc, Regions, "an RCU read section is ended that was not begun")
			return false
		}
		r.rcu--
		s.endRCU()
	case "bpf_preempt_disable":
		if r.preempt == math.MaxUint8 {
			a.giveUp(kc.pc, "preemption is disabled %d times", r.preempt)
			return false
		}
		r.preempt++
	case "bpf_preempt_enable":
		if r.preempt == 0 {
			a.refuse(kc.pc, Regions, "preemption is enabled that was not disabled")
			return false
		}
		r.preempt--
	case "bpf_local_irq_save":
		ref, ok := s.acquire()
		if !ok {
			a.giveUp(kc.pc, "more than %d references held at once", maxRefs)
			return false
		}
		s.kinds[s.nrefs-1] = irqRef
		a.putObject(s, kc.at, 1, Cell{Kind: IrqObj, ID: s.fresh(), Ref: ref})
	case "bpf_local_irq_restore":
		s.release(kc.iter.Ref)
	default:
		a.moveIterator(s, kc)
	}
	return a.unsupported == ""
}

// endRCU takes the protection from pointers that RCU kept valid.
func (s *State) endRCU() {
	for v := range s.cells[:s.active()] {
		c := &s.cells[v]
		if !c.has(RCU) {
			continue
		}
		c.Flags = c.Flags&^(RCU|MaybeNull) | Untrusted
		if c.Kind == BTFPtr {
			c.ID = 0
		}
	}
}

// checkIrqArg checks the argument of calls that save and restore interrupts.
func (a *analysis) checkIrqArg(s *State, kc *kfuncCall, i int, v domains.Var) bool {
	p, ok := a.placeOf(s, kc.pc, s.cells[v], 1)
	if !ok {
		a.refuse(kc.pc, Regions, fmt.Sprintf("argument %d of %s must point to 8 bytes of stack, at a multiple of 8, not a %s", i+1, kc.k.name, a.describe(s, v)))
		return false
	}
	kc.at = p
	if kc.k.name == "bpf_local_irq_save" {
		if o, found := s.objectIn(p.frame, p.off, slotBytes); found && o.inUse() {
			a.refuse(kc.pc, Regions, fmt.Sprintf("%s would overwrite %s that is still in use", kc.k.name, o.Kind.indefinite()))
			return false
		}
		return true
	}
	o, ok, poisoned := s.object(p, IrqObj, 1)
	switch {
	case poisoned:
		a.led.suspend(kc.pc)
		return false
	case !ok:
		a.refuse(kc.pc, Regions, fmt.Sprintf("argument %d of %s is no interrupt flag that was saved", i+1, kc.k.name))
		return false
	case o.Ref != s.lastIrq():
		a.refuse(kc.pc, Regions, "interrupt flags have to be restored in the opposite order of saving")
		return false
	}
	kc.iter = o
	return true
}

// maySleep checks the call of a helper that may sleep (V44).
func (a *analysis) maySleep(s *State, cs *callSite) bool {
	switch {
	case !cs.h.MightSleep:
	case !a.prog.Sleepable:
		a.refuse(cs.pc, Sleeping, fmt.Sprintf("bpf_%s may sleep, which this program may not: its section has to say so", cs.h.Name))
		return false
	case s.atomic():
		a.refuse(cs.pc, Regions, fmt.Sprintf("bpf_%s may sleep and is called %s", cs.h.Name, s.atomicWhere()))
		return false
	}
	return true
}

// throw checks a call of bpf_throw (V37): the program ends here, with the cookie as
// its result, and nobody cleans up after it.
func (a *analysis) throw(s *State, pc int) bool {
	ok := a.leave(s, pc, "bpf_throw ends the program", Exceptions)
	r1 := s.reg(isa.R1)
	exit := a.exitRange
	if exit.Any {
		return ok
	}
	d := s.num.Word(r1)
	b := bound{d.SMin, d.SMax}
	if exit.Low32 {
		b = bound{int64(d.S32Min), int64(d.S32Max)}
	}
	if b.lo >= exit.Min && b.hi <= exit.Max {
		return ok
	}
	if dg := a.alarm(pc, Exceptions, Policy); dg != nil {
		dg.Message = fmt.Sprintf("bpf_throw ends the program with %s; programs of type %s must return %d to %d",
			bound{clampOffset(b.lo), clampOffset(b.hi)}, a.pt.Name, exit.Min, exit.Max)
		dg.State = a.explainVar(s, r1)
	}
	return false
}
