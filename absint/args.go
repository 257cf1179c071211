package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// checkArgs checks the arguments of a helper call against its prototype (V16)
// and collects what the result depends on.
func (a *analysis) checkArgs(s *State, cs *callSite) bool {
	a.derived = 0
	ok := true
	for i := range cs.h.Args {
		arg := &cs.h.Args[i]
		if arg.Kind == platform.NoArg {
			continue
		}
		r := isa.R1 + isa.Reg(i)
		if !a.readable(s, cs.pc, r) {
			ok = false
			continue
		}
		v := s.reg(r)
		if s.cells[v].Kind == Poison {
			a.led.suspend(cs.pc)
			ok = false
			continue
		}
		if cs.h.DerivedFrom == i+1 {
			a.derived = s.cells[v].Ref
		}
		if !a.checkArg(s, cs, i, v) {
			ok = false
		}
		if a.unsupported != "" {
			return false
		}
	}
	return ok
}

// wrongArg records that argument i does not fit.
func (a *analysis) wrongArg(s *State, cs *callSite, i int, want string) bool {
	v := s.reg(isa.R1 + isa.Reg(i))
	c := s.cells[v]
	if d := a.alarm(cs.pc, HelperArgs, Safety); d != nil {
		have := c.Kind.String()
		if c.has(MaybeNull) {
			have += " that may be null"
		}
		d.Message = fmt.Sprintf("argument %d of bpf_%s must be %s, not a %s", i+1, cs.h.Name, want, have)
		if c.has(MaybeNull) {
			d.Help = "compare the pointer with 0 first"
		}
		d.State = a.explainVar(s, v)
	}
	return false
}

// checkArg checks argument i, held in v.
func (a *analysis) checkArg(s *State, cs *callSite, i int, v domains.Var) bool {
	arg := &cs.h.Args[i]
	c := s.cells[v]
	if arg.Flags&platform.MaybeNull != 0 && s.isZero(domains.V(v)) {
		return true // the null pointer
	}
	switch arg.Kind {
	case platform.ArgAnything:
		if arg.Flags&platform.ConstZero != 0 && !(c.Kind == Scalar && s.isZero(domains.V(v))) {
			return a.wrongArg(s, cs, i, "the number 0")
		}
		if c.Kind.isPointer() && !a.priv {
			a.refuse(cs.pc, PointerLeak, fmt.Sprintf("argument %d of bpf_%s is a pointer where a number is expected", i+1, cs.h.Name))
			return false
		}
		return true
	case platform.ArgMapPtr:
		return a.checkMapArg(s, cs, i, c)
	case platform.ArgMapKey, platform.ArgMapValue, platform.ArgMem, platform.ArgSize, platform.ArgConstStr:
		return a.checkMemArg(s, cs, i, v)
	case platform.ArgAllocSize:
		k, isConst := s.number(domains.V(v)).Const()
		if c.Kind != Scalar || !isConst || k > 1<<30 {
			return a.wrongArg(s, cs, i, "a constant number of bytes")
		}
		cs.mem = int64(k)
		return true
	case platform.ArgCtx:
		if c.Kind != CtxPtr || c.has(MaybeNull) {
			return a.wrongArg(s, cs, i, "the context")
		}
		if c.Off != 0 || c.has(HasVar) {
			a.refuse(cs.pc, ContextAccess, fmt.Sprintf("argument %d of bpf_%s must be the context as the program got it; its pointer was moved", i+1, cs.h.Name))
			return false
		}
		return true
	case platform.ArgRingbufMem:
		return a.checkRelease(s, cs, i, c, c.Kind == Mem && c.Ref != 0, "a ring buffer record")
	case platform.ArgSockCommon, platform.ArgBTFSockCommon, platform.ArgSocket, platform.ArgBTF:
		return a.checkObjectArg(s, cs, i, c)
	case platform.ArgSpinLock:
		return a.checkLockArg(s, cs, i, c)
	case platform.ArgTimer:
		return a.checkTimerArg(s, cs, i, c)
	case platform.ArgFunc:
		return a.checkFuncArg(s, cs, i, c)
	case platform.ArgDynptr:
		return a.checkDynptrArg(s, cs, i, v)
	case platform.ArgStack:
		if c.Kind != StackPtr {
			return a.wrongArg(s, cs, i, "a pointer to the stack")
		}
		return true
	}
	what := cs.h.Unsupported
	if what == "" {
		what = fmt.Sprintf("argument %d", i+1)
	}
	a.giveUp(cs.pc, "call of bpf_%s: %s", cs.h.Name, what)
	return false
}

// checkRelease checks an argument whose reference the call may end.
func (a *analysis) checkRelease(s *State, cs *callSite, i int, c Cell, fits bool, want string) bool {
	if !fits || c.has(MaybeNull) {
		return a.wrongArg(s, cs, i, want)
	}
	if cs.h.Args[i].Flags&platform.Release == 0 {
		return true
	}
	switch {
	case c.Off != 0 || c.has(HasVar):
		a.refuse(cs.pc, References, fmt.Sprintf("argument %d of bpf_%s must be the pointer as it was acquired; it was moved", i+1, cs.h.Name))
		return false
	case c.Ref == 0:
		a.refuse(cs.pc, References, fmt.Sprintf("argument %d of bpf_%s is no reference that this program acquired", i+1, cs.h.Name))
		return false
	}
	cs.ref = c.Ref
	return true
}

func (a *analysis) checkMapArg(s *State, cs *callSite, i int, c Cell) bool {
	if c.Kind != MapPtr || c.has(MaybeNull) || c.has(HasVar) || c.Off != 0 {
		return a.wrongArg(s, cs, i, "a map")
	}
	cs.mp, cs.def = c, a.mapOf(c)
	t, ok := a.target.MapType(cs.def.Type)
	switch {
	case !ok:
		a.giveUp(cs.pc, "map type %q", cs.def.Type)
		return false
	case !mapTakes(t, cs.h):
		a.refuse(cs.pc, HelperArgs, fmt.Sprintf("bpf_%s does not work on map %q of type %s", cs.h.Name, cs.def.Name, cs.def.Type))
		return false
	}
	return true
}

// checkObjectArg checks socket and kernel object arguments.
func (a *analysis) checkObjectArg(s *State, cs *callSite, i int, c Cell) bool {
	arg := &cs.h.Args[i]
	fits, want := false, "a socket"
	socket := c.Kind == Sock || c.Kind == SockCommon || c.Kind == TCPSock || c.Kind == XDPSock
	switch arg.Kind {
	case platform.ArgSockCommon:
		fits = socket
	case platform.ArgBTFSockCommon:
		fits = socket || c.Kind == BTFPtr
	case platform.ArgSocket:
		fits, want = c.Kind == Sock, "a full socket"
	case platform.ArgBTF:
		id, ok := a.structID(arg.BTF)
		if !ok {
			a.giveUp(cs.pc, "call of bpf_%s: the kernel's type %q is not known", cs.h.Name, arg.BTF)
			return false
		}
		want = "a struct " + arg.BTF
		fits = c.Kind == BTFPtr && c.Region == id && !c.has(HasVar|Untrusted) && c.Off == 0
		fits = fits || arg.BTF == "tcp_sock" && c.Kind == TCPSock
	}
	if arg.Flags&platform.MaybeNull != 0 {
		c.Flags &^= MaybeNull
	}
	return a.checkRelease(s, cs, i, c, fits, want)
}

// checkMemArg checks arguments that are memory, or the size of memory.
func (a *analysis) checkMemArg(s *State, cs *callSite, i int, v domains.Var) bool {
	arg := &cs.h.Args[i]
	size := int64(0)
	switch arg.Kind {
	case platform.ArgMapKey, platform.ArgMapValue:
		if cs.def == nil { // the map argument has its alarm already
			return a.wrongArg(s, cs, i, "memory as large as the map says")
		}
		size = int64(cs.def.ValueSize)
		if arg.Kind == platform.ArgMapKey {
			size = int64(cs.def.KeySize)
			cs.key = v
		} else if t, ok := a.target.MapType(cs.def.Type); ok && t.Value == platform.ArgBTFSockCommon {
			c := s.cells[v]
			fits := c.Kind == Sock || c.Kind == SockCommon || c.Kind == TCPSock || c.Kind == XDPSock || c.Kind == BTFPtr
			return a.checkRelease(s, cs, i, c, fits, "a socket")
		}
	case platform.ArgSize:
		return a.checkSizeArg(s, cs, i, v)
	case platform.ArgConstStr:
		return a.checkString(s, cs, i, v)
	default:
		if arg.Size == 0 {
			return a.checkDynptrMemory(cs, s.cells[v]) && a.memoryKind(s, cs, i, v) // the size argument checks the rest
		}
		size = int64(arg.Size)
	}
	return a.memoryKind(s, cs, i, v) && a.memory(s, cs, i, v, bound{size, size})
}

// memoryKind checks that v points to memory that helpers may be given.
func (a *analysis) memoryKind(s *State, cs *callSite, i int, v domains.Var) bool {
	c := s.cells[v]
	arg := &cs.h.Args[i]
	if c.has(MaybeNull) && arg.Flags&platform.MaybeNull == 0 {
		return a.wrongArg(s, cs, i, "a pointer to memory")
	}
	switch c.Kind {
	case StackPtr, MapValue, Mem, TPBuffer:
		return true
	case Packet, PacketMeta:
		if !cs.h.PacketArgs {
			a.refuse(cs.pc, HelperArgs, fmt.Sprintf("bpf_%s cannot be given packet memory", cs.h.Name))
			return false
		}
		return true
	case BTFPtr:
		if arg.Flags&(platform.Uninit|platform.Write) == 0 {
			return true
		}
	}
	return a.wrongArg(s, cs, i, "a pointer to memory")
}

// checkSizeArg checks a size and the memory in front of it.
func (a *analysis) checkSizeArg(s *State, cs *callSite, i int, v domains.Var) bool {
	if s.cells[v].Kind != Scalar {
		return a.wrongArg(s, cs, i, "a number of bytes")
	}
	d := s.number(domains.V(v))
	cs.siz = d
	zeroOK := cs.h.Args[i].Flags&platform.ZeroAllowed != 0
	problem, help := "", ""
	switch {
	case d.SMin < 0:
		problem, help = "may be negative", "mask it, or compare it as an unsigned number"
	case d.UMax > 1<<29:
		problem, help = "has no useful upper bound", "compare it with the size of the buffer"
	case d.UMin == 0 && !zeroOK:
		problem, help = "may be 0", "show that it is at least 1"
	}
	if problem != "" {
		if dg := a.alarm(cs.pc, HelperArgs, Safety); dg != nil {
			dg.Message = fmt.Sprintf("the size in argument %d of bpf_%s %s", i+1, cs.h.Name, problem)
			dg.Help = help
			dg.State = a.explainVar(s, v)
		}
		return false
	}
	mem := s.reg(isa.R1 + isa.Reg(i-1))
	if s.isZero(domains.V(mem)) && s.cells[mem].Kind == Scalar {
		if d.UMax == 0 || cs.h.Args[i-1].Flags&platform.MaybeNull != 0 {
			return true
		}
		return a.wrongArg(s, cs, i-1, "a pointer to memory")
	}
	if c := s.cells[mem]; c.Kind == Poison || c.Kind == NotInit || !c.Kind.isPointer() {
		return false // reported where it was checked
	}
	return a.memory(s, cs, i-1, mem, bound{int64(d.UMin), int64(d.UMax)})
}

// memory checks that the helper may use size bytes at v and applies what it
// writes there.
func (a *analysis) memory(s *State, cs *callSite, i int, v domains.Var, size bound) bool {
	flags := cs.h.Args[i].Flags
	c := s.cells[v]
	m := byHelper | reads
	uninit := flags&platform.Uninit != 0
	if cs.h.Name == "map_peek_elem" && uninit && cs.def != nil {
		if t, ok := a.target.MapType(cs.def.Type); ok && !t.PeekUninit {
			uninit = false
		}
	}
	if uninit {
		m = byHelper | writes
	} else if flags&platform.Write != 0 {
		m |= writes
	}
	sp := span{s.offset(v, 0), size.hi}
	if size.hi == 0 {
		return true
	}
	ok := false
	if c.Kind == BTFPtr {
		ok = a.btfMemory(s, cs, c, sp)
	} else {
		ok = a.access(s, cs.pc, v, sp, m)
	}
	if !ok || c.Kind != StackPtr {
		return ok
	}
	frame := int(c.Region)
	if !a.priv && m&reads != 0 && !a.stackInitialised(s, cs, frame, sp) {
		return false
	}
	// A helper that does not promise to leave the memory alone may write it, though
	// it need not be writable.
	if m&writes != 0 || cs.h.Args[i].Kind == platform.ArgMem && flags&platform.ReadOnly == 0 {
		s.clear(frame, sp.off.lo, sp.off.hi-sp.off.lo+sp.size, true)
		if sp.off.exact() && m&writes != 0 {
			s.mark(frame, sp.off.lo, size.lo)
		}
	}
	return true
}

// stackInitialised checks what an unprivileged program lets a helper read.
func (a *analysis) stackInitialised(s *State, cs *callSite, frame int, sp span) bool {
	length := sp.off.hi - sp.off.lo + sp.size
	switch {
	case !s.initialised(frame, sp.off.lo, length):
		a.refuse(cs.pc, Uninitialised, fmt.Sprintf("bpf_%s would read stack that was not written", cs.h.Name))
		return false
	case s.overlapsPointer(frame, sp.off.lo, length):
		a.refuse(cs.pc, PointerLeak, fmt.Sprintf("bpf_%s would read a pointer spilled on the stack", cs.h.Name))
		return false
	}
	return true
}

// btfMemory checks that a helper reads inside a kernel object.
func (a *analysis) btfMemory(s *State, cs *callSite, c Cell, sp span) bool {
	n, err := a.types.SizeOf(btfcheck.TypeID(c.Region))
	size := int64(n)
	if err == nil && sp.off.lo >= 0 && sp.off.hi+sp.size <= size {
		return true
	}
	if d := a.alarm(cs.pc, BTFPointers, Safety); d != nil {
		d.Message = fmt.Sprintf("bpf_%s reads %s at offset %s of a kernel object of %s", cs.h.Name, bytes(sp.size), sp.off, bytes(size))
	}
	return false
}

// checkString checks a constant string argument: a NUL inside frozen contents.
func (a *analysis) checkString(s *State, cs *callSite, i int, v domains.Var) bool {
	c := s.cells[v]
	if c.Kind != MapValue || c.has(MaybeNull) || c.has(HasVar) || c.Off < 0 {
		return a.wrongArg(s, cs, i, "a constant string in read-only data")
	}
	def := a.mapOf(c)
	if !def.Frozen || int(c.Off) >= len(def.Data) {
		return a.wrongArg(s, cs, i, "a constant string in read-only data")
	}
	for _, b := range def.Data[c.Off:] {
		if b == 0 {
			return true
		}
	}
	a.refuse(cs.pc, HelperArgs, fmt.Sprintf("the string in argument %d of bpf_%s does not end with a zero byte", i+1, cs.h.Name))
	return false
}

// keyBelow reports whether the key of a lookup is a number on the stack that is
// known to be below n.
func (a *analysis) keyBelow(s *State, cs *callSite, n uint32) bool {
	c := s.cells[cs.key]
	if c.Kind != StackPtr || c.has(HasVar) || cs.def.KeySize != 4 {
		return false
	}
	return s.wordBelow(int(c.Region), int64(c.Off), n, a.bigEndian)
}

// wordBelow reports whether the 4 bytes at off are a known number below n.
func (s *State) wordBelow(frame int, off int64, n uint32, bigEndian bool) bool {
	at := s.holder(frame, wordOf(off))
	if at < 0 || -4*int64(at+1) != off {
		return false
	}
	v := s.lay.word(frame, at)
	c := s.cells[v]
	return c.Kind == Scalar && (c.Size == 4 || c.Size == 8 && !bigEndian) && s.num.Word(v).U32Max < n
}
