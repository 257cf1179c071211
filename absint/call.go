package absint

import (
	"fmt"
	"math"
	"slices"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// helperTailCall is the one helper that does not return when it succeeds.
const helperTailCall = 12

// callSite is what the arguments of one helper call have shown.
type callSite struct {
	pc  int
	h   *platform.Helper
	def *loader.Map  // of the map argument, nil without one
	mp  Cell         // the map argument
	key domains.Var  // the key argument, -1 without one
	ref uint32       // reference that the call releases
	siz domains.Word // the last size argument
	mem int64        // constant allocation size
	hit bool         // a lookup that finds something for sure
	obj Cell         // the lock or timer argument
	fn  int          // the callback: an index of Graph.Funcs
	dyn Cell         // the dynptr argument

	makes dynptrKind // the kind of the dynptr that the call makes, 0 for none
	at    place      // where
}

// call is the transfer of calls to helpers and kernel functions. It reports
// false if execution cannot go on behind it.
func (a *analysis) call(s *State, pc int, ins isa.Instruction) bool {
	if ins.Src == isa.CallKfunc && !a.poisoned(pc) {
		return a.callKfunc(s, pc)
	}
	cs, ok, alive := a.beginCall(s, pc, ins)
	return alive && (cs == nil || a.finishCall(s, cs, ok))
}

// beginCall checks a call: what is called, and its arguments. ok says that all
// is in order; cs is nil if nothing is known of the callee and R0 is set already;
// alive is false if execution cannot go on.
func (a *analysis) beginCall(s *State, pc int, ins isa.Instruction) (cs *callSite, ok, alive bool) {
	if a.poisoned(pc) {
		a.refuse(pc, ControlFlow, "a relocation that the target's types cannot satisfy is reached: "+a.prog.Refs[a.refs[pc]].Name)
		return nil, false, false
	}
	h, known := a.target.Helper(a.pt, a.prog.Attach, ins.Imm)
	switch {
	case !known:
		a.refuse(pc, HelperAvailable, fmt.Sprintf("%s has no helper %d", a.target.Name(), ins.Imm))
	case h == nil:
		a.refuse(pc, HelperAvailable, fmt.Sprintf("programs of type %s may not call bpf_%s", a.pt.Name, a.target.HelperName(ins.Imm)))
	case h.GPLOnly && !a.target.GPLCompatible(a.prog.License):
		a.refuse(pc, HelperAvailable, fmt.Sprintf("bpf_%s may only be called by programs with a GPL-compatible licence, not %q", h.Name, a.prog.License))
	}
	if h == nil {
		a.lockedAt(s, pc, "a helper is called")
		a.clobber(s)
		s.set(s.reg(isa.R0), Cell{Kind: Poison})
		return nil, false, true
	}
	cs = &callSite{pc: pc, h: h, key: -1}
	ok = a.checkLockRule(s, cs) && a.maySleep(s, cs) && a.checkArgs(s, cs) && a.checkTimerMap(cs)
	if a.unsupported != "" {
		return nil, false, false
	}
	cs.hit = ok && a.lookupHits(s, cs)
	if !ok {
		for i := range h.Args {
			if h.Args[i].Flags&(platform.Write|platform.Uninit) != 0 {
				a.lostStore(s, s.reg(isa.R1+isa.Reg(i)))
			}
		}
	}
	return cs, ok, true
}

// poisoned reports whether the call at pc stands for a relocation that failed.
func (a *analysis) poisoned(pc int) bool {
	i := a.refs[pc]
	return i >= 0 && a.prog.Refs[i].Kind == loader.RefPoison
}

// clobber makes R1 to R5 unreadable (V27).
func (a *analysis) clobber(s *State) {
	for r := isa.R1; r <= isa.R5; r++ {
		s.forget(s.reg(r))
	}
}

// finishCall applies a call's effects: clobbered registers, packet changes,
// released and acquired references, the result.
func (a *analysis) finishCall(s *State, cs *callSite, ok bool) bool {
	a.clobber(s)
	h := cs.h
	r0 := s.reg(isa.R0)
	if h.ChangesPacket {
		s.changePacket()
	}
	if cs.ref != 0 && !s.release(cs.ref) {
		a.refuse(cs.pc, References, "the reference given to bpf_"+h.Name+" is not held any more")
		ok = false
	}
	if !ok {
		a.lostCall(s, cs)
		s.set(r0, Cell{Kind: Poison})
		return true
	}
	if h.ID == helperTailCall {
		return a.tailCall(s, cs)
	}
	a.lockOrUnlock(s, cs)
	a.dynptrEffects(s, cs)
	a.result(s, cs, r0)
	return a.unsupported == ""
}

// lostCall accounts for a call that was not shown to be allowed: if it acquires
// or releases, nothing behind it is proved.
func (a *analysis) lostCall(s *State, cs *callSite) {
	if cs.h.Acquire || cs.ref != 0 || cs.h.Ret == platform.MapValue && cs.def != nil && a.lookupAcquires(cs.def) {
		a.led.suspendAll()
	}
	for i := range cs.h.Args {
		if k := cs.h.Args[i].Kind; cs.h.Args[i].Flags&platform.Release != 0 || k == platform.ArgSpinLock || k == platform.ArgDynptr {
			a.led.suspendAll()
		}
	}
}

// changePacket invalidates all packet pointers of all frames (V5, H3).
func (s *State) changePacket() {
	for i := range s.cells[:s.active()] {
		switch c := s.cells[i]; {
		case c.Kind == Packet, c.Kind == PacketMeta, c.Kind == PacketEnd, c.has(PacketSlice):
			s.set(domains.Var(i), Cell{Kind: Scalar, Size: s.cells[i].Size})
		}
	}
	s.dataRange, s.metaRange, s.dataMax = 0, 0, math.MaxInt32
}

// tailCall checks what holds when the next program starts (V19).
func (a *analysis) tailCall(s *State, cs *callSite) bool {
	a.leave(s, cs.pc, "a tail call may leave the program", References)
	if s.depth > 0 && !a.prog.HasFuncInfo {
		a.refuse(cs.pc, TailCall, "a tail call in a subprogram needs BTF that describes the functions")
	}
	s.set(s.reg(isa.R0), Cell{})
	return true
}

// result gives R0 what the helper returns.
func (a *analysis) result(s *State, cs *callSite, r0 domains.Var) {
	h := cs.h
	c := Cell{}
	switch h.Ret {
	case platform.Void:
		s.set(r0, Cell{})
		return
	case platform.Scalar:
		s.setWord(r0, a.resultWord(cs))
		return
	case platform.MapValue:
		c = a.lookup(s, cs)
	case platform.DynptrMem:
		c = Cell{Kind: Mem, Region: int32(cs.mem)}
		if ofPacket(cs.dyn.Region) {
			c.Flags |= PacketSlice
		}
	case platform.Mem, platform.RingbufMem:
		c = Cell{Kind: Mem, Region: int32(cs.mem)}
	case platform.BTFPointer:
		id, ok := a.structID(h.RetBTF)
		if !ok {
			a.giveUp(cs.pc, "result of bpf_%s: the kernel's type %q is not known", h.Name, h.RetBTF)
			return
		}
		c = Cell{Kind: BTFPtr, Region: id}
		if !h.RetTrusted {
			c.Flags |= Untrusted
		}
	default:
		k, ok := kindOf[h.Ret]
		if !ok {
			a.giveUp(cs.pc, "result of bpf_%s", h.Name)
			return
		}
		c.Kind = k
	}
	if h.RetReadOnly {
		c.Flags |= ReadOnly
	}
	if h.Acquire || h.Ret == platform.MapValue && cs.def != nil && a.lookupAcquires(cs.def) {
		ref, ok := s.acquire()
		if !ok {
			a.giveUp(cs.pc, "more than %d references held at once", maxRefs)
			return
		}
		c.Ref = ref
	} else if h.DerivedFrom > 0 {
		c.Ref = a.derived
		c.Flags |= Derived
	}
	maybe := h.RetMaybeNull && !cs.hit
	if maybe {
		c.Flags |= MaybeNull
	}
	if maybe || c.has(HasLock) {
		c.ID = s.fresh()
	}
	s.set(r0, c)
}

func (a *analysis) resultWord(cs *callSite) domains.Word {
	d := domains.TopWord(isa.W64)
	h := cs.h
	switch {
	case h.ResultMaxArg > 0:
		d.SMin, d.SMax = h.ResultMin, max(cs.siz.SMax, 0)
		if d.SMax < 1<<31 {
			d.S32Min, d.S32Max = int32(h.ResultMin), int32(d.SMax)
		}
	case h.ResultMax != 0 || h.ResultMin != 0:
		d.SMin, d.SMax = h.ResultMin, h.ResultMax
		if h.ResultMin >= 0 {
			d.UMin, d.UMax = uint64(h.ResultMin), uint64(h.ResultMax)
		}
	}
	return d
}

// lookup is the value that a lookup in the map argument finds.
func (a *analysis) lookup(s *State, cs *callSite) Cell {
	t, _ := a.target.MapType(cs.def.Type)
	switch {
	case t == nil:
		a.giveUp(cs.pc, "map type %q", cs.def.Type)
	case t.InnerMap:
		if cs.mp.has(Inner) || a.inner[cs.mp.Region] < 0 {
			a.giveUp(cs.pc, "the maps in %q are not described", cs.def.Name)
			return Cell{Kind: Poison}
		}
		return Cell{Kind: MapPtr, Region: cs.mp.Region, Flags: Inner}
	case t.Lookup == platform.MapValue || cs.h.Name != "map_lookup_elem":
		c := Cell{Kind: MapValue, Region: cs.mp.Region, Flags: cs.mp.Flags & Inner}
		if t.LookupReadOnly {
			c.Flags |= ReadOnly
		}
		if hasField(a.mapOf(c), "spin_lock") {
			c.Flags |= HasLock
		}
		return c
	default:
		if k, ok := kindOf[t.Lookup]; ok {
			return Cell{Kind: k}
		}
		a.giveUp(cs.pc, "what a lookup in map %q finds", cs.def.Name)
	}
	return Cell{Kind: Poison}
}

func (a *analysis) lookupAcquires(def *loader.Map) bool {
	t, ok := a.target.MapType(def.Type)
	return ok && t.LookupAcquires
}

// lookupHits reports that the key is a constant below the size of an array, so
// that the lookup finds something (V6).
func (a *analysis) lookupHits(s *State, cs *callSite) bool {
	if cs.def == nil || cs.key < 0 || cs.mp.has(Inner) || cs.h.Name != "map_lookup_elem" {
		return false
	}
	if t, ok := a.target.MapType(cs.def.Type); !ok || !t.ArrayIndexed {
		return false
	}
	return cs.def.MaxEntries > 0 && a.keyBelow(s, cs, cs.def.MaxEntries)
}

// mapTakes reports whether helper and map type go together, as both see it.
func mapTakes(t *platform.MapType, h *platform.Helper) bool {
	return slices.Contains(t.Helpers, h.Name) && (h.Maps == nil || slices.Contains(h.Maps, t.Name))
}
