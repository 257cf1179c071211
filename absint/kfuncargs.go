package absint

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// checkKfuncArg checks argument i of a kernel function, held in v.
func (a *analysis) checkKfuncArg(s *State, kc *kfuncCall, i int, v domains.Var) bool {
	arg := &kc.k.args[i]
	c := s.cells[v]
	switch arg.kind {
	case kfuncScalar, kfuncConst, kfuncSize:
		return a.checkKfuncNumber(s, kc, i, v)
	}
	strict := kc.k.facts.Has(platform.KfuncTrusted | platform.KfuncRCU | platform.KfuncRelease)
	switch null := s.null(v); {
	case null && (arg.nullable || arg.optional):
		return true
	case c.has(MaybeNull), null && strict, null && arg.kind != kfuncMem && !arg.plain:
		return a.wrongKfuncArg(s, kc, i, "a pointer that is not null")
	case null && !arg.sized:
		return true // a function that takes no trusted pointers tests them itself
	}
	switch arg.kind {
	case kfuncCtx:
		return a.checkKfuncContext(s, kc, i, c)
	case kfuncDynptr:
		return a.checkKfuncDynptr(s, kc, i, v)
	case kfuncIter:
		return a.checkIterArg(s, kc, i, v)
	case kfuncIrqFlag:
		return a.checkIrqArg(s, kc, i, v)
	case kfuncMap:
		if c.Kind != MapPtr || c.Off != 0 || c.has(HasVar) {
			return a.wrongKfuncArg(s, kc, i, "a map")
		}
		return true
	case kfuncString:
		cs := &callSite{pc: kc.pc, h: &platform.Helper{Name: kc.k.name}}
		return a.checkString(s, cs, i, v)
	case kfuncStruct:
		return a.checkKfuncStruct(s, kc, i, v)
	case kfuncMem:
		return a.checkKfuncMem(s, kc, i, v)
	}
	a.giveUp(kc.pc, "argument %d of %s", i+1, kc.k.name)
	return false
}

// checkKfuncNumber checks an argument that is a number.
func (a *analysis) checkKfuncNumber(s *State, kc *kfuncCall, i int, v domains.Var) bool {
	arg := &kc.k.args[i]
	if s.cells[v].Kind != Scalar {
		return a.wrongKfuncArg(s, kc, i, "a number")
	}
	d := s.number(domains.V(v))
	if arg.exact {
		k, ok := d.Const()
		if !ok {
			return a.wrongKfuncArg(s, kc, i, "a constant")
		}
		kc.fixed = k
		if arg.kind == kfuncSize {
			if k > 1<<29 {
				return a.wrongKfuncArg(s, kc, i, "a size")
			}
			kc.size = int64(k)
		}
	}
	if arg.kind != kfuncSize {
		return true
	}
	mem := s.reg(isa.R1 + isa.Reg(i-1))
	before := &kc.k.args[i-1]
	switch {
	case d.SMin < 0, d.UMax > 1<<29:
		if dg := a.alarm(kc.pc, Kfuncs, Safety); dg != nil {
			dg.Message = fmt.Sprintf("the size in argument %d of %s has no useful bounds", i+1, kc.k.name)
			dg.Help = "compare it with the size of the buffer, as an unsigned number"
			dg.State = a.explainVar(s, v)
		}
		return false
	case s.null(mem) && before.optional, s.null(mem) && d.UMax == 0:
		return true
	case s.null(mem):
		return a.wrongKfuncArg(s, kc, i-1, "a pointer to memory")
	case !s.cells[mem].Kind.isPointer():
		return false // reported where it was checked
	case before.kind == kfuncStruct && s.cells[mem].Kind == BTFPtr:
		return true
	}
	shared := kc.k.name == "bpf_dynptr_slice_rdwr"
	return a.kfuncMemory(s, kc, i-1, mem, bound{int64(d.UMin), int64(d.UMax)}, shared)
}

// kfuncMemory checks memory that a function may read and write. shared says that
// the function may return a pointer into it.
func (a *analysis) kfuncMemory(s *State, kc *kfuncCall, i int, v domains.Var, size bound, shared bool) bool {
	c := s.cells[v]
	switch c.Kind {
	case StackPtr, MapValue, Mem, Packet, PacketMeta:
	default:
		return a.wrongKfuncArg(s, kc, i, "a pointer to memory")
	}
	if c.has(MaybeNull) {
		return a.wrongKfuncArg(s, kc, i, "a pointer that is not null")
	}
	if size.hi == 0 {
		return true
	}
	sp := span{s.offset(v, 0), size.hi}
	if !a.access(s, kc.pc, v, sp, byHelper|reads|writes) {
		return false
	}
	if c.Kind != StackPtr {
		return true
	}
	frame, length := int(c.Region), sp.off.hi-sp.off.lo+sp.size
	if shared || kc.k.args[i].optional {
		kc.buffer = c.Region + 1
	}
	if shared {
		s.share(frame, sp.off.lo, length)
		return true
	}
	s.clear(frame, sp.off.lo, length, true)
	return true
}

func (a *analysis) checkKfuncMem(s *State, kc *kfuncCall, i int, v domains.Var) bool {
	arg := &kc.k.args[i]
	if arg.sized { // the size argument checks the rest
		if s.null(v) {
			return true
		}
		if s.cells[v].Kind == Scalar {
			return a.wrongKfuncArg(s, kc, i, "a pointer to memory")
		}
		return true
	}
	return a.kfuncMemory(s, kc, i, v, bound{arg.size, arg.size}, false)
}

func (a *analysis) checkKfuncContext(s *State, kc *kfuncCall, i int, c Cell) bool {
	if c.Kind != CtxPtr || c.Off != 0 || c.has(HasVar) {
		return a.wrongKfuncArg(s, kc, i, "the context as the program got it")
	}
	return true
}

// checkKfuncStruct checks a pointer to a kernel object, or to memory of its size.
func (a *analysis) checkKfuncStruct(s *State, kc *kfuncCall, i int, v domains.Var) bool {
	arg := &kc.k.args[i]
	c := s.cells[v]
	id, typed := a.objectType(c)
	if !typed {
		switch {
		case arg.sized:
			return a.checkKfuncMem(s, kc, i, v)
		case !arg.plain:
			return a.wrongKfuncArg(s, kc, i, "a pointer to a struct "+arg.typ.Name())
		}
		return a.kfuncMemory(s, kc, i, v, bound{arg.size, arg.size}, false)
	}
	facts := kc.k.facts
	want := "a pointer to a struct " + arg.typ.Name()
	exact := facts.Has(platform.KfuncAcquire) || facts.Has(platform.KfuncRelease) && c.Ref != 0
	switch {
	case c.has(HasVar), c.Off < 0:
		return a.wrongKfuncArg(s, kc, i, want+" at a constant offset")
	case a.projects(id, c, arg.typ):
	case exact && (c.Off != 0 || id != arg.typ.ID), !a.types.Embeds(id, c.Off, arg.typ.ID),
		id != arg.typ.ID && (a.isAlias(id) || a.isAlias(arg.typ.ID)):
		return a.wrongKfuncArg(s, kc, i, want)
	}
	owned := c.Ref != 0 && !c.has(Derived)
	if c.Ref != 0 && facts.Has(platform.KfuncRelease) {
		if !owned {
			return a.wrongKfuncArg(s, kc, i, "the pointer that was acquired")
		}
		kc.ref = c.Ref
	}
	trusted := owned || c.Kind != BTFPtr || !c.has(Untrusted|Walked|RCU)
	switch {
	case trusted:
	case facts.Has(platform.KfuncTrusted|platform.KfuncRelease) && !facts.Has(platform.KfuncRCU):
		return a.wrongKfuncArg(s, kc, i, want+" that is trusted")
	case facts.Has(platform.KfuncRCU) && !c.has(RCU):
		return a.wrongKfuncArg(s, kc, i, want+" that is trusted or protected by RCU")
	case c.has(Untrusted) && facts.Has(platform.KfuncAcquire):
		return a.wrongKfuncArg(s, kc, i, want+" that is known to exist")
	}
	return true
}

// projects reports whether a program hands over the kernel's structure behind the
// context that the function wants.
func (a *analysis) projects(id btfcheck.TypeID, c Cell, want btfcheck.Type) bool {
	t, ok := a.types.Type(id)
	return ok && c.Off == 0 && t.Name() != "" && kernelContexts[want.Name()] == t.Name()
}

// isAlias reports whether a structure is the same as another but for what may be
// done with it, which its name says behind "___".
func (a *analysis) isAlias(id btfcheck.TypeID) bool {
	t, ok := a.types.Type(id)
	return !ok || strings.Contains(t.Name(), "___")
}

// objectType returns the kernel's type of what c points to, if it has one.
func (a *analysis) objectType(c Cell) (btfcheck.TypeID, bool) {
	switch c.Kind {
	case BTFPtr:
		return btfcheck.TypeID(c.Region), true
	case Sock, SockCommon, TCPSock, MapPtr:
		id, ok := a.structID(map[Kind]string{Sock: "sock", SockCommon: "sock_common", TCPSock: "tcp_sock", MapPtr: "bpf_map"}[c.Kind])
		return btfcheck.TypeID(id), ok
	}
	return 0, false
}

// checkKfuncDynptr checks a dynptr argument.
func (a *analysis) checkKfuncDynptr(s *State, kc *kfuncCall, i int, v domains.Var) bool {
	name := kc.k.name
	if kc.k.args[i].uninit {
		p, ok := a.newDynptr(s, kc.pc, name, i, v)
		kc.at = p
		switch name {
		case "bpf_dynptr_from_skb":
			kc.makes = skbDynptr
		case "bpf_dynptr_from_skb_meta":
			kc.makes = metaDynptr
		case "bpf_dynptr_from_xdp":
			kc.makes = xdpDynptr
		case "bpf_dynptr_clone":
			kc.makes = kc.dyn.Region
			if kc.makes == 0 {
				return false // the first argument has its alarm
			}
		default:
			a.giveUp(kc.pc, "%s makes a dynptr", name)
			return false
		}
		return ok
	}
	d, ok := a.dynptrArg(s, kc.pc, name, i, v, name == "bpf_dynptr_adjust")
	if ok && kc.dyn.Kind == NotInit {
		kc.dyn = d
	}
	kc.packet = kc.packet || ok && ofPacket(d.Region)
	if ok && name == "bpf_dynptr_slice_rdwr" && ofPacket(d.Region) && !a.pt.PacketWrite {
		a.refuse(kc.pc, Dynptrs, fmt.Sprintf("programs of type %s may not write to the packet", a.pt.Name))
		return false
	}
	return ok
}
