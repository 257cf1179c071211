package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// kfuncCall is what the arguments of one call have shown.
type kfuncCall struct {
	pc  int
	k   *kfunc
	ref uint32 // reference of an argument, 0 for none
	// dyn is the first dynptr argument, makes the kind of the one that is made at.
	dyn   Cell
	makes dynptrKind
	at    place
	iter  Cell  // the iterator argument
	size  int64 // the last exact size
	fixed uint64
	// packet: a dynptr argument describes the packet. buffer is one more than the frame
	// of a buffer that a slice may point to, 0 for none.
	packet bool
	buffer int32
}

// callKfunc is the transfer of calls of kernel functions. It reports false if
// execution cannot go on behind it.
func (a *analysis) callKfunc(s *State, pc int) bool {
	k := a.kfuncAt(pc)
	if k.unknown != "" && k.refused == "" {
		a.giveUp(pc, "%s", k.unknown)
		return false
	}
	kc := &kfuncCall{pc: pc, k: k}
	ok := a.mayCallKfunc(s, kc) && a.checkKfuncArgs(s, kc)
	if a.unsupported != "" {
		return false
	}
	if k.name == "bpf_throw" {
		if !ok || !a.throw(s, pc) {
			a.led.suspendAll()
		}
		return false
	}
	if ok {
		ok = a.enterOrLeave(s, kc)
	}
	if !ok {
		a.lostKfunc(s, k)
		return true
	}
	a.clobber(s)
	if k.facts.Has(platform.KfuncMovesPacket) || kc.packet && !leavesData[k.name] {
		s.changePacket()
	}
	if k.facts.Has(platform.KfuncRelease) && !s.release(kc.ref) {
		a.refuse(pc, References, "the reference given to "+k.name+" is not held any more")
		a.led.suspendAll()
	}
	a.makeObject(s, kc)
	a.kfuncResult(s, kc)
	return a.unsupported == "" && k.name != "__bpf_trap"
}

// leavesData are the functions that get a dynptr and do not write what it describes.
// Writing to a socket buffer may move it.
var leavesData = map[string]bool{
	"bpf_dynptr_adjust": true, "bpf_dynptr_clone": true, "bpf_dynptr_is_null": true, "bpf_dynptr_is_rdonly": true,
	"bpf_dynptr_size": true, "bpf_dynptr_slice": true, "bpf_dynptr_slice_rdwr": true,
}

// lostKfunc accounts for a call that was not shown to be allowed: what it may have
// written is poisoned, and nothing is proved behind it.
func (a *analysis) lostKfunc(s *State, k *kfunc) {
	for r := isa.R1; r <= isa.R5; r++ {
		v := s.reg(r)
		if s.cells[v].Kind == StackPtr {
			a.lostStore(s, v)
		}
		if k.facts != nil && k.facts.Has(platform.KfuncRelease) && s.cells[v].Ref != 0 {
			s.release(s.cells[v].Ref) // what becomes of it is not judged any more
		}
	}
	a.led.suspendAll()
	a.clobber(s)
	s.set(s.reg(isa.R0), Cell{Kind: Poison})
}

// mayCallKfunc checks what does not depend on arguments.
func (a *analysis) mayCallKfunc(s *State, kc *kfuncCall) bool {
	k := kc.k
	refuse := func(rule Rule, format string, args ...any) bool {
		a.refuse(kc.pc, rule, fmt.Sprintf(format, args...))
		return false
	}
	switch {
	case k.refused != "":
		return refuse(Kfuncs, "%s", k.refused)
	case !a.target.GPLCompatible(a.prog.License):
		return refuse(Kfuncs, "kernel functions may only be called by programs with a GPL-compatible licence, not %q", a.prog.License)
	case s.lock.held != 0:
		a.lockedAt(s, kc.pc, k.name+" is called")
		return false
	case k.facts.Has(platform.KfuncSleepable) && !a.prog.Sleepable:
		return refuse(Sleeping, "%s may sleep, which this program may not: its section has to say so", k.name)
	case k.facts.Has(platform.KfuncSleepable) && s.atomic():
		return refuse(Regions, "%s may sleep and is called %s", k.name, s.atomicWhere())
	case k.facts.Has(platform.KfuncProtected) && !a.inRCU(s):
		return refuse(Regions, "%s has to be called in an RCU section", k.name)
	}
	return true
}

// makeObject puts the dynptr that a call makes on the stack.
func (a *analysis) makeObject(s *State, kc *kfuncCall) {
	if kc.makes == 0 {
		return
	}
	d := Cell{Kind: DynptrObj, Region: kc.makes, ID: s.fresh()}
	if kc.k.name == "bpf_dynptr_clone" {
		d.Ref, d.Flags = kc.dyn.Ref, kc.dyn.Flags&ReadOnly
	}
	a.putObject(s, kc.at, dynptrSlots, d)
}

// kfuncResult gives R0 what the function returns.
func (a *analysis) kfuncResult(s *State, kc *kfuncCall) {
	k, r0 := kc.k, s.reg(isa.R0)
	t, _, err := a.types.Resolve(k.proto.Return)
	switch {
	case err != nil:
		a.giveUp(kc.pc, "result of %s", k.name)
		return
	case k.proto.Return == 0:
		s.set(r0, Cell{})
		return
	case t.Kind != btfcheck.KindPtr:
		s.set(r0, scalarCell)
		return
	}
	c, ok := a.kfuncPointee(s, kc, t)
	if !ok {
		a.giveUp(kc.pc, "result of %s", k.name)
		return
	}
	switch {
	case k.facts.Has(platform.KfuncAcquire):
		ref, ok := s.acquire()
		if !ok {
			a.giveUp(kc.pc, "more than %d references held at once", maxRefs)
			return
		}
		c.Ref = ref
	case k.facts.Has(platform.KfuncIterNext):
		c.Ref = kc.iter.Ref
		c.Flags |= Derived | Element
	}
	if k.facts.Has(platform.KfuncMaybeNull) {
		c.Flags |= MaybeNull
		c.ID = s.fresh()
	}
	s.set(r0, c)
}

// kfuncPointee is the pointer that a function returns, without null and references.
func (a *analysis) kfuncPointee(s *State, kc *kfuncCall, ptr btfcheck.Type) (c Cell, ok bool) {
	t, _, err := a.types.Resolve(ptr.Ref())
	if err != nil {
		return c, false
	}
	k := kc.k
	switch k.name {
	case "bpf_dynptr_slice", "bpf_dynptr_slice_rdwr":
		c = Cell{Kind: Mem, Region: int32(kc.size), Ref: kc.dyn.ID, Flags: Derived, Range: kc.buffer}
		if k.name == "bpf_dynptr_slice" {
			c.Flags |= ReadOnly
		}
		if ofPacket(kc.dyn.Region) {
			c.Flags |= PacketSlice
		}
		return c, true
	case "bpf_cast_to_kern_ctx":
		id, ok := a.structID(kernelContexts[a.pt.CtxName])
		return Cell{Kind: BTFPtr, Region: id}, ok
	case "bpf_rdonly_cast":
		t, ok := a.types.Type(btfcheck.TypeID(kc.fixed))
		if !ok || !t.Kind.IsStruct() {
			return c, false
		}
		return Cell{Kind: BTFPtr, Region: int32(t.ID), Flags: Untrusted}, true
	}
	if !t.Kind.IsStruct() {
		size, err := a.types.SizeOf(t.ID)
		return Cell{Kind: Mem, Region: int32(size), Flags: ReadOnly}, err == nil && size > 0 && size < 1<<20
	}
	c = Cell{Kind: BTFPtr, Region: int32(t.ID)}
	switch {
	case k.facts.Has(platform.KfuncAcquire):
	case k.facts.Has(platform.KfuncIterNext):
		if kc.iter.has(RCU) {
			c.Flags |= RCU
		}
	default:
		c.Flags |= Walked
	}
	return c, true
}

// kernelContexts are the kernel's structures behind contexts.
var kernelContexts = map[string]string{
	"__sk_buff": "sk_buff", "xdp_md": "xdp_buff", "bpf_sock_addr": "bpf_sock_addr_kern", "bpf_sock_ops": "bpf_sock_ops_kern",
	"sk_msg_md": "sk_msg", "sk_reuseport_md": "sk_reuseport_kern", "bpf_sysctl": "bpf_sysctl_kern", "bpf_sockopt": "bpf_sockopt_kern",
	"bpf_cgroup_dev_ctx": "bpf_cgroup_dev_ctx", "bpf_sk_lookup": "bpf_sk_lookup_kern", "bpf_sock": "sock",
	"bpf_perf_event_data": "bpf_perf_event_data_kern", "bpf_nf_ctx": "bpf_nf_ctx",
}

// checkKfuncArgs checks the arguments.
func (a *analysis) checkKfuncArgs(s *State, kc *kfuncCall) bool {
	ok := true
	for i := range kc.k.args {
		arg := &kc.k.args[i]
		r := isa.R1 + isa.Reg(i)
		if arg.kind == kfuncIgnored {
			continue
		}
		if !a.readable(s, kc.pc, r) {
			ok = false
			continue
		}
		v := s.reg(r)
		if s.cells[v].Kind == Poison {
			a.led.suspend(kc.pc)
			ok = false
			continue
		}
		if !a.checkKfuncArg(s, kc, i, v) {
			ok = false
		}
		if a.unsupported != "" {
			return false
		}
	}
	if ok && kc.k.facts.Has(platform.KfuncRelease) && kc.ref == 0 {
		a.refuse(kc.pc, References, kc.k.name+" releases a reference, but is given none that this program acquired")
		return false
	}
	return ok
}

// wrongKfuncArg records that argument i does not fit.
func (a *analysis) wrongKfuncArg(s *State, kc *kfuncCall, i int, want string) bool {
	v := s.reg(isa.R1 + isa.Reg(i))
	c := s.cells[v]
	if d := a.alarm(kc.pc, Kfuncs, Safety); d != nil {
		d.Message = fmt.Sprintf("argument %d of %s must be %s, not a %s", i+1, kc.k.name, want, a.describe(s, v))
		if c.has(MaybeNull) {
			d.Help = "compare the pointer with 0 first"
		}
		d.State = a.explainVar(s, v)
	}
	return false
}

// null reports whether v is the null pointer.
func (s *State) null(v domains.Var) bool {
	return s.cells[v].Kind == Scalar && s.isZero(domains.V(v))
}
