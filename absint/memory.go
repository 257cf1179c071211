package absint

import (
	"encoding/binary"
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// load is the transfer of LDX.
func (a *analysis) load(s *State, pc int, ins isa.Instruction) {
	dst, src, size := s.reg(ins.Dst), s.reg(ins.Src), ins.Size()
	sp := span{s.offset(src, int64(ins.Off)), int64(size)}
	if !a.readable(s, pc, ins.Src) || !a.onePointerClass(s, pc, src) || !a.access(s, pc, src, sp, reads) {
		s.set(dst, Cell{Kind: Poison})
		return
	}
	a.loadFrom(s, pc, dst, src, sp)
	if ins.Mode() == isa.ModeMEMSX {
		a.signExtend(s, dst, size)
	}
}

func (a *analysis) signExtend(s *State, dst domains.Var, size int) {
	if k := s.cells[dst].Kind; k != Scalar {
		if k.isPointer() {
			s.setWord(dst, sized(8))
		}
		return
	}
	op := map[int]isa.ALUOp{1: isa.MovSX8, 2: isa.MovSX16, 4: isa.MovSX32}[size]
	s.num.ALU(op, isa.W64, dst, domains.V(dst))
}

// loadFrom puts into dst what an access that was checked reads.
func (a *analysis) loadFrom(s *State, pc int, dst, src domains.Var, sp span) {
	c, size := s.cells[src], int(sp.size)
	switch c.Kind {
	case StackPtr:
		a.loadFromStack(s, pc, dst, int(c.Region), sp)
	case MapValue:
		if x, ok := a.constantAt(c, sp); ok {
			s.setConst(dst, x)
			return
		}
		s.setWord(dst, sized(size))
	case CtxPtr, Sock, SockCommon, TCPSock, XDPSock, FlowKeys, BTFPtr, MapPtr:
		a.setField(s, pc, dst, a.loaded, size)
	default:
		s.setWord(dst, sized(size))
	}
}

func (a *analysis) loadFromStack(s *State, pc int, dst domains.Var, frame int, sp span) {
	size := int(sp.size)
	if !sp.off.exact() {
		s.setWord(dst, sized(size))
		return
	}
	if !a.priv && !s.initialised(frame, sp.off.lo, sp.size) {
		if d := a.alarm(pc, Uninitialised, Policy); d != nil {
			d.Message = fmt.Sprintf("the stack is read at offset %d (%s) before it is written there", sp.off.lo, bytes(sp.size))
		}
	}
	if s.loadStack(dst, frame, sp.off.lo, size, a.bigEndian) {
		if d := a.alarm(pc, SpillIntegrity, Policy); d != nil {
			d.Message = "part of a spilled pointer is read"
			d.Help = "load all 8 bytes of a spilled pointer"
		}
	}
}

// constantAt reads a frozen map whose contents the object holds.
func (a *analysis) constantAt(c Cell, sp span) (uint64, bool) {
	def := a.mapOf(c)
	if !def.Frozen || def.Data == nil || !sp.off.exact() || sp.off.lo+sp.size > int64(len(def.Data)) {
		return 0, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if a.bigEndian {
		order = binary.BigEndian
	}
	b := def.Data[sp.off.lo : sp.off.lo+sp.size]
	switch sp.size {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(order.Uint16(b)), true
	case 4:
		return uint64(order.Uint32(b)), true
	case 8:
		return order.Uint64(b), true
	}
	return 0, false
}

// setField makes dst the value of an object's field.
func (a *analysis) setField(s *State, pc int, dst domains.Var, f platform.Field, size int) {
	c := Cell{}
	switch f.Kind {
	case platform.Scalar:
		s.setWord(dst, sized(size))
		return
	case platform.BTFPointer:
		c = Cell{Kind: BTFPtr, Region: a.loadedType}
		if !f.Trusted {
			c.Flags |= a.loadedTrust
		}
	default:
		k, ok := kindOf[f.Kind]
		if !ok {
			a.giveUp(pc, "value of context field %s", f.Name)
			return
		}
		c.Kind = k
	}
	if f.MaybeNull {
		c.Flags |= MaybeNull
		c.ID = s.fresh()
	}
	s.set(dst, c)
}

var kindOf = map[platform.ValueKind]Kind{
	platform.PacketData: Packet, platform.PacketMeta: PacketMeta, platform.PacketEnd: PacketEnd,
	platform.Sock: Sock, platform.SockCommon: SockCommon, platform.TCPSock: TCPSock, platform.XDPSock: XDPSock,
	platform.FlowKeys: FlowKeys, platform.TPBuffer: TPBuffer,
}

// onePointerClass checks that an access instruction is never reached with two
// kinds of pointers that the platform rewrites differently (V24).
func (a *analysis) onePointerClass(s *State, pc int, v domains.Var) bool {
	k := s.cells[v].Kind
	if !k.isPointer() {
		return true
	}
	had := a.class[pc]
	a.class[pc] = k
	if had == NotInit || had == k || !rewritten(k) && !rewritten(had) {
		return true
	}
	if d := a.alarm(pc, OnePointerClass, Policy); d != nil {
		d.Message = fmt.Sprintf("reached with a %s pointer on one path and a %s pointer on another", had, k)
		d.Help = "access the two objects by different instructions"
	}
	return false
}

// rewritten reports whether the platform turns accesses through pointers of kind
// k into something else, so that the instruction belongs to that kind alone.
func rewritten(k Kind) bool {
	switch k {
	case CtxPtr, Sock, SockCommon, TCPSock, XDPSock, BTFPtr:
		return true
	}
	return false
}

// store is the transfer of ST and STX.
func (a *analysis) store(s *State, pc int, ins isa.Instruction) {
	dst, size := s.reg(ins.Dst), ins.Size()
	val := domains.K(uint64(int64(ins.Imm)))
	if ins.Class() == isa.ClassSTX {
		if !a.readable(s, pc, ins.Src) {
			a.lostStore(s, dst)
			return
		}
		val = domains.V(s.reg(ins.Src))
	}
	if !a.readable(s, pc, ins.Dst) {
		a.lostStore(s, dst)
		return
	}
	sp := span{s.offset(dst, int64(ins.Off)), int64(size)}
	if !a.onePointerClass(s, pc, dst) || !a.access(s, pc, dst, sp, writes) {
		a.lostStore(s, dst)
		return
	}
	c := s.cells[dst]
	if val.IsVar && s.cells[val.Var].Kind.isPointer() && !a.mayStorePointer(s, pc, c, s.cells[val.Var], size) {
		a.lostStore(s, dst)
		return
	}
	if c.Kind == StackPtr {
		a.storeToStack(s, pc, int(c.Region), sp, val)
	}
}

// lostStore accounts for a write through v that was not shown to be allowed:
// what it may have overwritten, if it was after all, is poisoned, so that nothing
// is proved with the old contents.
func (a *analysis) lostStore(s *State, v domains.Var) {
	switch c := s.cells[v]; {
	case c.Kind == StackPtr:
		s.poisonStack(int(c.Region))
	case !c.Kind.isPointer():
		for f := 0; f <= s.depth; f++ {
			s.poisonStack(f)
		}
	}
}

// mayStorePointer checks what becomes of a pointer that is stored (V3, V10, V18).
func (a *analysis) mayStorePointer(s *State, pc int, to, val Cell, size int) bool {
	switch {
	case to.Kind != StackPtr && !a.priv:
		if d := a.alarm(pc, PointerLeak, Policy); d != nil {
			d.Message = fmt.Sprintf("a %s pointer is stored where others can read it (%s)", val.Kind, to.Kind)
		}
		return false
	case to.Kind == StackPtr && size != 8 && !a.priv:
		if d := a.alarm(pc, SpillIntegrity, Policy); d != nil {
			d.Message = "part of a pointer is stored on the stack"
		}
		return false
	case to.Kind == StackPtr && val.Kind == StackPtr && int(to.Region) != s.depth:
		if d := a.alarm(pc, Frames, Safety); d != nil {
			d.Message = "a stack pointer is stored into the caller's stack, which may outlive this frame"
		}
		return false
	}
	return true
}

func (a *analysis) storeToStack(s *State, pc int, frame int, sp span, val domains.Operand) {
	if !sp.off.exact() {
		s.clear(frame, sp.off.lo, sp.off.hi-sp.off.lo+sp.size, true)
		return
	}
	off, size := sp.off.lo, sp.size
	if !a.priv && (size != 8 || off%8 != 0) && s.overlapsPointer(frame, off, size) {
		if d := a.alarm(pc, SpillIntegrity, Policy); d != nil {
			d.Message = "part of a spilled pointer is overwritten"
		}
	}
	s.storeStack(frame, off, int(size), val, a.bigEndian)
}

// atomic is the transfer of atomic operations, load-acquire and store-release.
func (a *analysis) atomic(s *State, pc int, ins isa.Instruction) {
	switch ins.Imm {
	case isa.AtomicLoadAcq:
		a.atomicLoad(s, pc, ins)
		return
	case isa.AtomicStRel:
		if c := s.cells[s.reg(ins.Dst)]; noAtomics(c.Kind) {
			a.noAtomic(pc, c)
			return
		}
		a.store(s, pc, ins)
		return
	}
	size := ins.Size()
	ok := a.readable(s, pc, ins.Src) && a.readable(s, pc, ins.Dst)
	if ins.Imm == isa.AtomicCmpXchg {
		ok = a.readable(s, pc, isa.R0) && ok
	}
	dst, src := s.reg(ins.Dst), s.reg(ins.Src)
	if ok && s.cells[src].Kind.isPointer() && !a.priv {
		if d := a.alarm(pc, PointerLeak, Policy); d != nil {
			d.Message = "a pointer is combined with memory by an atomic operation"
		}
		ok = false
	}
	sp := span{s.offset(dst, int64(ins.Off)), int64(size)}
	c := s.cells[dst]
	switch {
	case !ok:
	case c.Kind != Poison && noAtomics(c.Kind):
		ok = a.noAtomic(pc, c)
	default:
		ok = a.onePointerClass(s, pc, dst) && a.access(s, pc, dst, sp, reads|writes|atomically)
	}
	if !ok {
		a.lostStore(s, dst)
	} else if c.Kind == StackPtr {
		a.atomicOnStack(s, pc, c, sp)
	}
	old := sizedCell(s, ok, size)
	if ins.Imm == isa.AtomicCmpXchg {
		old(s.reg(isa.R0))
	} else if ins.Imm&isa.AtomicFetch != 0 {
		old(src)
	}
}

// noAtomics reports the kinds of memory that atomic operations may not touch.
func noAtomics(k Kind) bool {
	switch k {
	case CtxPtr, Packet, PacketMeta, FlowKeys, Sock, SockCommon, TCPSock, XDPSock:
		return true
	}
	return false
}

// atomicOnStack makes the memory of an atomic operation an unknown number.
func (a *analysis) atomicOnStack(s *State, pc int, c Cell, sp span) {
	if sp.off.exact() && sp.size < 8 && s.overlapsPointer(int(c.Region), sp.off.lo, sp.size) {
		a.refuse(pc, SpillIntegrity, "part of a spilled pointer is read")
	}
	if !a.priv && sp.off.exact() {
		if !s.initialised(int(c.Region), sp.off.lo, sp.size) {
			if d := a.alarm(pc, Uninitialised, Policy); d != nil {
				d.Message = "an atomic operation reads stack that was not written"
			}
		}
	}
	s.clear(int(c.Region), sp.off.lo, sp.off.hi-sp.off.lo+sp.size, true)
}

// sizedCell returns a setter that makes a register the old value of memory.
func sizedCell(s *State, ok bool, size int) func(domains.Var) {
	return func(v domains.Var) {
		if ok {
			s.setWord(v, sized(size))
		} else {
			s.set(v, Cell{Kind: Poison})
		}
	}
}

func (a *analysis) atomicLoad(s *State, pc int, ins isa.Instruction) {
	dst, src, size := s.reg(ins.Dst), s.reg(ins.Src), ins.Size()
	ok := a.readable(s, pc, ins.Src)
	sp := span{s.offset(src, int64(ins.Off)), int64(size)}
	if c := s.cells[src]; ok && noAtomics(c.Kind) {
		ok = a.noAtomic(pc, c)
	}
	if !ok || !a.onePointerClass(s, pc, src) || !a.access(s, pc, src, sp, reads) {
		s.set(dst, Cell{Kind: Poison})
		return
	}
	a.loadFrom(s, pc, dst, src, sp)
}

// loadImm64 is the transfer of LD_IMM64.
func (a *analysis) loadImm64(s *State, pc int, ins isa.Instruction) {
	dst := s.reg(ins.Dst)
	if i := a.refs[pc]; i >= 0 {
		a.loadRef(s, pc, dst, &a.prog.Refs[i])
		return
	}
	switch ins.Src {
	case isa.PseudoImm:
		s.setConst(dst, ins.Imm64())
	case isa.PseudoFunc:
		s.set(dst, Cell{Kind: FuncPtr, Region: int32(pc) + 1 + ins.Imm})
	default:
		a.giveUp(pc, "64-bit immediate of kind %d that refers to nothing known", ins.Src)
	}
}

func (a *analysis) loadRef(s *State, pc int, dst domains.Var, r *loader.Ref) {
	switch r.Kind {
	case loader.RefMap:
		s.set(dst, Cell{Kind: MapPtr, Region: int32(r.Map)})
	case loader.RefMapValue:
		def := a.maps[r.Map]
		if t, ok := a.target.MapType(def.Type); !ok || !t.DirectValue {
			a.refuse(pc, MapBounds, fmt.Sprintf("map %q of type %s has no value whose address could be loaded", def.Name, def.Type))
		} else if int64(r.Offset) < 0 || int64(r.Offset) >= int64(def.ValueSize) {
			a.refuse(pc, MapBounds, fmt.Sprintf("address of byte %d of the value of map %q, which has %s", r.Offset, def.Name, bytes(int64(def.ValueSize))))
		}
		s.set(dst, Cell{Kind: MapValue, Region: int32(r.Map), Off: r.Offset})
	case loader.RefFunc:
		s.set(dst, Cell{Kind: FuncPtr, Region: int32(pc) + 1 + a.insns[pc].Imm})
	case loader.RefKsym:
		a.loadKsym(s, dst, r, a.insns[pc].Src)
	case loader.RefPoison:
		a.refuse(pc, ControlFlow, "a relocation that the target's types cannot satisfy is reached: "+r.Name)
		s.set(dst, Cell{Kind: Poison})
	default:
		a.giveUp(pc, "reference to %s", r.Name)
	}
}

// refuse records an obligation that is broken whenever the instruction is reached.
func (a *analysis) refuse(pc int, rule Rule, message string) {
	if d := a.alarm(pc, rule, Policy); d != nil {
		d.Message = message
	}
}

// packetLoad is the transfer of the legacy LD_ABS and LD_IND (V22).
func (a *analysis) packetLoad(s *State, pc int, ins isa.Instruction) {
	ind := ins.Mode() == isa.ModeIND
	ctx := s.cells[s.reg(isa.R6)]
	switch {
	case !a.pt.LegacyPacketLoads:
		a.refuse(pc, PacketLoads, fmt.Sprintf("programs of type %s may not use legacy packet loads", a.pt.Name))
	case ind && !a.readable(s, pc, ins.Src):
	case ctx.Kind == NotInit:
		a.readable(s, pc, isa.R6)
	case ctx.Kind != CtxPtr || ctx.Off != 0 || ctx.has(HasVar):
		a.refuse(pc, PacketLoads, "r6 must hold the unmodified context at a legacy packet load")
	case s.lock.held != 0:
		a.lockedAt(s, pc, "a legacy packet load may end the program")
	case s.nrefs > 0 || s.atomic():
		a.leave(s, pc, "a legacy packet load may end the program", References)
	case ind && s.cells[s.reg(ins.Src)].Kind.isPointer() && !a.priv:
		a.refuse(pc, PointerLeak, "a pointer is used as the index of a packet load")
	}
	for r := isa.R1; r <= isa.R5; r++ {
		s.forget(s.reg(r))
	}
	s.setWord(s.reg(isa.R0), sized(ins.Size()))
}

// loadKsym is the address of a kernel symbol: 0 for a weak one that the kernel
// does not have, a number of unknown value for one without a type. What typed
// symbols point to is not modelled.
func (a *analysis) loadKsym(s *State, dst domains.Var, r *loader.Ref, src isa.Reg) {
	if r.Weak && src == isa.PseudoImm {
		s.setConst(dst, 0)
		return
	}
	s.set(dst, scalarCell)
}
