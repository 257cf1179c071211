package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/cfg"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Open-coded iterators (V35). An iterator is an object on the stack that new starts,
// next moves on and destroy ends, on every path. Loops over one are no special case
// of the analysis: their heads hold an invariant. What is special is why they end:
// next finds only finitely many elements. So a loop counter starts anew whenever an
// element turns out not to be null, if the iterator is older than the loop.
//
// A cell of an iterator says in Range at which instruction it was started, and in
// Off, above the slot, in which frame.

const createdShift = 8

// createdIn is the frame in which an iterator was started.
func (c Cell) createdIn() int { return int(c.Off >> createdShift) }

// checkIterArg checks the iterator argument, argument i.
func (a *analysis) checkIterArg(s *State, kc *kfuncCall, i int, v domains.Var) bool {
	arg := &kc.k.args[i]
	slots := int(arg.size+slotBytes-1) / slotBytes
	c := s.cells[v]
	p, ok := a.placeOf(s, kc.pc, c, slots)
	if !ok {
		a.refuse(kc.pc, Iterators, fmt.Sprintf("argument %d of %s must point to %d bytes of stack, at a multiple of 8, not a %s",
			i+1, kc.k.name, slots*slotBytes, a.describe(s, v)))
		return false
	}
	kc.at = p
	if kc.k.facts.Has(platform.KfuncIterNew) {
		if o, found := s.objectIn(p.frame, p.off, int64(slots)*slotBytes); found && o.inUse() {
			a.refuse(kc.pc, Iterators, fmt.Sprintf("%s would overwrite %s that is still in use", kc.k.name, o.Kind.indefinite()))
			return false
		}
		return a.mayIterate(kc)
	}
	o, ok, poisoned := s.object(p, IterObj, slots)
	switch {
	case poisoned:
		a.led.suspend(kc.pc)
		return false
	case !ok || o.Region != int32(arg.typ.ID):
		if d := a.alarm(kc.pc, Iterators, Safety); d != nil {
			d.Message = fmt.Sprintf("argument %d of %s must be an iterator that was started, a struct %s", i+1, kc.k.name, arg.typ.Name())
			d.Help = "start it on every path, and do not write to its stack"
			d.State = a.explainVar(s, v)
		}
		return false
	case o.has(Untrusted) && kc.k.facts.Has(platform.KfuncIterNext):
		a.refuse(kc.pc, Iterators, "the RCU section that this iterator was started in is over")
		return false
	}
	kc.iter = o
	return true
}

// mayIterate checks the one iterator that only some programs may use.
func (a *analysis) mayIterate(kc *kfuncCall) bool {
	if kc.k.name != "bpf_iter_css_task_new" || a.pt.Name == "lsm" || a.pt.Name == "tracing" && (a.prog.Attach == attachIter || a.prog.Sleepable) {
		return true
	}
	a.refuse(kc.pc, Iterators, "css_task iterators are for LSM programs, iterator programs and those that may sleep")
	return false
}

// moveIterator applies a call that starts or ends an iterator.
func (a *analysis) moveIterator(s *State, kc *kfuncCall) {
	switch facts := kc.k.facts; {
	case facts.Has(platform.KfuncIterNew):
		ref, ok := s.acquire()
		if !ok {
			a.giveUp(kc.pc, "more than %d references held at once", maxRefs)
			return
		}
		s.kinds[s.nrefs-1] = iterRef
		arg := &kc.k.args[0]
		c := Cell{Kind: IterObj, Region: int32(arg.typ.ID), ID: s.fresh(), Ref: ref, Off: int32(s.depth) << createdShift, Range: int32(kc.pc)}
		if facts.Has(platform.KfuncProtected) {
			c.Flags |= RCU
		}
		a.putObject(s, kc.at, int(arg.size+slotBytes-1)/slotBytes, c)
	case facts.Has(platform.KfuncIterNext):
		for v := range s.cells[:s.active()] {
			if c := &s.cells[v]; c.Kind == IterObj && c.Ref == kc.iter.Ref {
				c.Flags &^= Drained
			}
		}
	case facts.Has(platform.KfuncIterDestroy):
		if !s.release(kc.iter.Ref) {
			a.refuse(kc.pc, References, "the iterator given to "+kc.k.name+" was not started by this function")
			a.led.suspendAll()
		}
	}
}

// leaveCreator moves the start of iterators that the ending frame started to the
// call that ends: all that the callee did happened there.
func (s *State) leaveCreator(call int32) {
	for v := range s.cells[:s.active()] {
		if c := &s.cells[v]; c.Kind == IterObj && c.createdIn() > s.depth {
			c.Range = call
			c.Off = c.Off&(1<<createdShift-1) | int32(s.depth)<<createdShift
		}
	}
}

// advance notes that an iterator found an element: the loops that were entered
// after its start are nearer to their end.
func (a *analysis) advance(s *State, pc int, element Cell) {
	created, at := -1, cfg.NoBlock
	for v := range s.cells[:s.active()] {
		if c := s.cells[v]; c.Kind == IterObj && c.Ref == element.Ref {
			created, at = c.createdIn(), a.g.BlockAt(int(c.Range))
			break
		}
	}
	if created < 0 {
		return
	}
	for f := s.depth; f >= created; f-- {
		here := a.g.BlockAt(pc)
		if f < s.depth {
			here = a.g.BlockAt(int(s.frame[f+1].call))
		}
		for l := a.g.LoopOf(here); l != cfg.NoLoop; l = a.g.Loops[l].Parent {
			if f == created && a.g.InLoop(at, l) {
				continue // a new iterator in every iteration
			}
			a.restartLoop(s, f, l)
		}
	}
}

// drain notes that an iterator found nothing.
func (s *State) drain(element Cell) {
	for v := range s.cells[:s.active()] {
		if c := &s.cells[v]; c.Kind == IterObj && c.Ref == element.Ref {
			c.Flags |= Drained
		}
	}
}

// restartLoop starts the ghost counter of a loop of frame f anew.
func (a *analysis) restartLoop(s *State, f int, l cfg.LoopID) {
	depth := a.g.Loops[l].Depth - 1
	if depth >= s.lay.ghosts {
		return
	}
	s.progressed[f] |= 1 << depth
	if a.counting {
		s.num.ALU(isa.Mov, isa.W64, s.lay.ghost(f, depth), domains.K(0))
	}
}
