package exec

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/isa"
)

// loadSlow is a load that the fast path refused: from an object that looks at
// offset and size, or one that is forbidden.
func (m *Machine) loadSlow(in *insn, addr uint64, size int) Fault {
	v, f := m.loadAny(addr, size)
	if f == NoFault {
		m.Regs[in.dst] = v
	}
	return f
}

// loadSigned is a sign-extending load.
func (m *Machine) loadSigned(in *insn, addr uint64) Fault {
	size := int(in.aux)
	v, f := m.loadAny(addr, size)
	if f == NoFault {
		m.Regs[in.dst] = isa.Width{Word: 64, Op: uint8(8 * size)}.SignExtend(v)
	}
	return f
}

// loadAny reads size bytes at an address as a number.
func (m *Machine) loadAny(addr uint64, size int) (uint64, Fault) {
	if b := m.read(addr, size); b != nil {
		return load(b, size), NoFault
	}
	o, id, off := m.at(addr)
	if o == nil || o.dead {
		if o == nil && m.tolerant(addr) {
			return 0, NoFault
		}
		return 0, m.badAccess(addr, false)
	}
	switch o.kind {
	case KindContext:
		v, f := m.contextLoad(off, size)
		if f != NoFault {
			return 0, m.failAt(f, addr, fmt.Sprintf("load of %d bytes at offset %d", size, off))
		}
		return v, NoFault
	case KindKernel, KindMap:
		if off < 0 || off > 1<<24 {
			return 0, m.badAccess(addr, false)
		}
		return m.kernelLoad(id, off, size), NoFault
	case KindSocket, KindCtxData:
		if _, ok := m.prog.opts.Target.StructAccess(o.sub, off, size, false); !ok || off+int64(size) > int64(len(o.data)) {
			return 0, m.badAccess(addr, false)
		}
		return load(o.data[off:], size), NoFault
	case KindValue:
		if o.fields == nil || off < 0 || off+int64(size) > int64(len(o.data)) {
			return 0, m.badAccess(addr, false)
		}
		if o.fields.overlaps(off, size) {
			return 0, m.failAt(SpecialField, addr, "")
		}
		if o.fields.def.Flags&flagWronlyProg != 0 {
			return 0, m.badAccess(addr, false)
		}
		return load(o.data[off:], size), NoFault
	}
	return 0, m.badAccess(addr, false)
}

// tolerant reports whether a load from an address of no object gives 0 instead of
// a fault: programs that follow BTF pointers load through the kernel's exception
// table, so that dangling and null pointers read as 0.
func (m *Machine) tolerant(addr uint64) bool {
	k := m.prog.kind
	return k != nil && k.BTFContext && addr+1<<16 >= 2<<16
}

// failAt is fail for an access.
func (m *Machine) failAt(f Fault, addr uint64, detail string) Fault {
	if m.fault == NoFault {
		m.where = addr
	}
	return m.fail(f, detail)
}

// storeSlow is a store that the fast path refused.
func (m *Machine) storeSlow(addr, v uint64, size int) Fault {
	if b := m.write(addr, size); b != nil {
		store(b, size, v)
		return NoFault
	}
	o, _, off := m.at(addr)
	if o == nil || o.dead {
		return m.badAccess(addr, true)
	}
	switch o.kind {
	case KindContext:
		if f := m.contextStore(off, size, v); f != NoFault {
			return m.failAt(f, addr, fmt.Sprintf("store of %d bytes at offset %d", size, off))
		}
		return NoFault
	case KindSocket, KindCtxData:
		if _, ok := m.prog.opts.Target.StructAccess(o.sub, off, size, true); !ok || off+int64(size) > int64(len(o.data)) {
			return m.badAccess(addr, true)
		}
		store(o.data[off:], size, v)
		return NoFault
	case KindValue:
		if o.fields == nil || off < 0 || off+int64(size) > int64(len(o.data)) {
			return m.badAccess(addr, true)
		}
		if o.fields.overlaps(off, size) {
			return m.failAt(SpecialField, addr, "")
		}
		if o.fields.readOnly() {
			return m.failAt(ReadOnly, addr, "")
		}
		store(o.data[off:], size, v)
		return NoFault
	}
	return m.badAccess(addr, true)
}

// atomicOps maps the immediate of a read-modify-write operation, without the fetch
// bit, to what it computes.
var atomicOps = map[uint64]isa.ALUOp{
	isa.AtomicAdd: isa.Add, isa.AtomicOr: isa.Or, isa.AtomicAnd: isa.And, isa.AtomicXor: isa.Xor,
}

// atomic runs an instruction of the atomic mode. One run has one thread, so that
// only the values matter (S16-S18, S26).
func (m *Machine) atomic(in *insn) Fault {
	size := int(in.aux)
	base := in.dst
	if in.imm == isa.AtomicLoadAcq {
		base = in.src
	}
	addr := m.Regs[base] + uint64(int64(in.off))
	if uint32(addr)%uint32(size) != 0 {
		if _, ok := m.Resolve(addr); ok {
			return m.failAt(Misaligned, addr, "")
		}
	}
	if in.imm == isa.AtomicStRel {
		return m.storeSlow(addr, m.Regs[in.src], size)
	}
	if p, ok := m.Resolve(addr); ok && in.imm != isa.AtomicLoadAcq {
		switch p.Kind { // neither of them takes read-modify-write operations
		case KindContext, KindPacket, KindSocket, KindKernel:
			return m.badAtomic(p.Kind, addr)
		}
	}
	old, f := m.loadAny(addr, size)
	if f != NoFault {
		return f
	}
	w := isa.Width{Word: 64, Op: uint8(8 * size)}
	src := m.Regs[in.src]
	switch in.imm {
	case isa.AtomicLoadAcq:
		m.Regs[in.dst] = old
		return NoFault
	case isa.AtomicXchg:
		if f = m.storeSlow(addr, src, size); f == NoFault {
			m.Regs[in.src] = old
		}
		return f
	case isa.AtomicCmpXchg:
		v := old
		if isa.Holds(isa.EQ, w, old, m.Regs[isa.R0]) {
			v = src
		}
		if f = m.storeSlow(addr, v, size); f == NoFault {
			m.Regs[isa.R0] = old
		}
		return f
	}
	alu, ok := atomicOps[in.imm&^isa.AtomicFetch]
	if !ok {
		return m.fail(ControlFlow, "unknown atomic operation")
	}
	f = m.storeSlow(addr, isa.Eval(alu, w, old, src), size)
	if f == NoFault && in.imm&isa.AtomicFetch != 0 {
		m.Regs[in.src] = old
	}
	return f
}

func (m *Machine) badAtomic(k Kind, addr uint64) Fault {
	return m.failAt(k.bounds(), addr, "an atomic operation on this kind of memory")
}
