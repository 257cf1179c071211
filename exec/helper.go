package exec

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// call is a helper as one program sees it.
type call struct {
	id    int32
	name  string
	proto *platform.Helper // nil: there is none
	model model
}

// model is what a helper does: from its arguments, which its prototype allows, to
// its result. It ends the run through Machine.fail.
type model func(m *Machine, a *[5]uint64) uint64

// unwindHelper is the one helper of the bpf_conformance suite that its programs
// call: it ends the program with 0 if its argument is 0, and returns it otherwise.
const unwindHelper = 5

func unwind(m *Machine, a *[5]uint64) uint64 {
	m.exited = a[0] == 0
	return a[0]
}

// helper numbers the helpers that a program calls.
func (c *compiler) helper(id int32) int {
	n, ok := c.nums[id]
	if !ok {
		n = len(c.calls)
		c.nums[id] = n
		c.calls = append(c.calls, c.p.resolve(id, c.prog.Attach))
	}
	return n
}

// resolve finds prototype and model of a helper.
func (p *program) resolve(id int32, attach uint32) call {
	if p.kind == nil {
		if id == unwindHelper {
			return call{id: id, name: "unwind", proto: &platform.Helper{ID: id, Name: "unwind", Ret: platform.Scalar, Args: [5]platform.Arg{{Kind: platform.ArgAnything}}}, model: unwind}
		}
		return call{id: id}
	}
	h, _ := p.opts.Target.Helper(p.kind, attach, id)
	if h == nil {
		return call{id: id, name: p.opts.Target.HelperName(id)}
	}
	return call{id: id, name: h.Name, proto: h, model: models[h.Name]}
}

// arguments returns the registers that a helper call reads.
func (c *compiler) arguments(i isa.Instruction) (s isa.RegSet) {
	if i.Src != isa.CallHelper {
		return 0
	}
	if h := c.callOf(i.Imm).proto; h != nil {
		for k, a := range h.Args {
			if a.Kind != platform.NoArg {
				s = s.With(isa.R1 + isa.Reg(k))
			}
		}
	}
	return s
}

func (c *compiler) callOf(id int32) call { return c.calls[c.helper(id)] }

// returns reports whether a call of a helper sets R0.
func (c *compiler) returns(i isa.Instruction) bool {
	if i.Op == isa.OpCallX || i.Src != isa.CallHelper {
		return false
	}
	h := c.callOf(i.Imm).proto
	return h != nil && h.Ret != platform.Void && h.Ret != platform.NoValue
}

// callHelper runs a helper call.
func (m *Machine) callHelper(in *insn) Fault {
	var c call
	if in.op == opCallX {
		id := m.Regs[in.dst]
		if id != uint64(uint32(id)) {
			return m.fail(NoHelper, "callx: no helper number")
		}
		c = m.prog.resolve(int32(uint32(id)), m.code.prog.Attach)
	} else {
		c = m.code.calls[in.imm]
	}
	return m.Call(&c)
}

// Call runs a helper with its arguments in R1-R5 and leaves its result in R0.
func (m *Machine) Call(c *call) Fault {
	if c.proto == nil {
		return m.fail(NoHelper, fmt.Sprintf("helper %d %s", c.id, c.name))
	}
	if m.held != 0 && c.name != "spin_unlock" {
		return m.fail(Locking, "a call with a lock held")
	}
	a := (*[5]uint64)(m.Regs[1:6])
	if f := m.checkArgs(c, a); f != NoFault {
		return f
	}
	args := *a
	m.charge(64)
	var r0 uint64
	if c.model != nil {
		r0 = c.model(m, &args)
	} else {
		r0 = m.byContract(c, &args)
	}
	if m.fault != NoFault || m.tailed {
		return m.fault
	}
	if c.proto.ChangesPacket && m.ctx.id != 0 {
		m.movePacket()
	}
	if m.code.guarded && !c.proto.Fastcall {
		m.clobber()
	}
	m.Regs[0] = r0
	if c.proto.Ret == platform.Void && m.code.guarded {
		m.Regs[0] = unwrittenValue
	}
	return NoFault
}

// checkArgs compares the arguments with the prototype (V16).
func (m *Machine) checkArgs(c *call, a *[5]uint64) Fault {
	var s *mapState
	for i := range c.proto.Args {
		arg := &c.proto.Args[i]
		if arg.Kind == platform.NoArg {
			break
		}
		if arg.Kind == platform.ArgMapPtr {
			if s = m.mapAt(a[i]); s == nil {
				return m.badArg(c, i, "no map")
			}
			if c.proto.Maps != nil && !slices.Contains(c.proto.Maps, s.def.Type) {
				return m.badArg(c, i, "a map of type "+s.def.Type)
			}
			continue
		}
		if arg.Flags&platform.MaybeNull != 0 && a[i] == 0 {
			continue
		}
		size := uint64(arg.Size)
		if arg.Kind == platform.ArgMem && arg.Size == 0 && i < 4 {
			size = a[i+1]
		}
		if why := m.checkArg(arg, s, a[i], size); why != "" {
			return m.badArg(c, i, why)
		}
	}
	return NoFault
}

func (m *Machine) badArg(c *call, i int, why string) Fault {
	if m.fault != NoFault {
		return m.fault
	}
	return m.fail(BadArgument, fmt.Sprintf("argument %d of %s: %s", i+1, c.name, why))
}

// maxSize is the largest size that a helper takes.
const maxSize = 1 << 29

// checkArg judges one argument other than a map; "" if it is right.
func (m *Machine) checkArg(arg *platform.Arg, s *mapState, v, size uint64) string {
	switch arg.Kind {
	case platform.ArgAnything, platform.ArgAllocSize:
		if arg.Flags&platform.ConstZero != 0 && v != 0 {
			return "not 0"
		}
		return ""
	case platform.ArgSize:
		if v > maxSize || (v == 0 && arg.Flags&platform.ZeroAllowed == 0) {
			return fmt.Sprintf("size %d", int64(v))
		}
		return ""
	case platform.ArgMem:
		if size > maxSize {
			return fmt.Sprintf("size %d", int64(size))
		}
		if size == 0 || m.span(v, int(size), arg.Flags&platform.Write != 0) != nil {
			return ""
		}
		return "memory of the wrong size or kind"
	case platform.ArgMapKey:
		if s == nil || (s.def.KeySize > 0 && m.span(v, int(s.def.KeySize), false) == nil) {
			return "no key"
		}
		return ""
	case platform.ArgMapValue:
		if s == nil || (s.holdsValues() && s.def.ValueSize > 0 && m.span(v, int(s.def.ValueSize), arg.Flags&platform.Write != 0) == nil) {
			return "no value"
		}
		return ""
	}
	return m.checkPointerArg(arg, v)
}

// holdsValues reports whether a value argument of the map is its bytes.
func (s *mapState) holdsValues() bool { return s.def.Type != "sockmap" && s.def.Type != "sockhash" }

// checkPointerArg judges pointers to objects.
func (m *Machine) checkPointerArg(arg *platform.Arg, v uint64) string {
	o, id, off := m.at(v)
	if o == nil || o.dead {
		if o != nil && o.kind == KindRecord || o != nil && o.kind == KindSocket {
			m.failAt(Reference, v, "released before")
		}
		return "no object"
	}
	ok := false
	switch arg.Kind {
	case platform.ArgCtx:
		ok = id == idContext && off == 0
	case platform.ArgSockCommon, platform.ArgBTFSockCommon, platform.ArgSocket:
		ok = (o.kind == KindSocket || o.kind == KindKernel) && off == 0
	case platform.ArgBTF, platform.ArgPercpuBTF:
		ok = o.kind == KindKernel || o.kind == KindSocket || o.kind == KindContext
	case platform.ArgSpinLock:
		ok = o.fieldAt("spin_lock", off)
	case platform.ArgTimer:
		ok = o.fieldAt("timer", off)
	case platform.ArgKptrDest:
		ok = o.fieldAt("kptr", off)
	case platform.ArgRingbufMem:
		ok = o.kind == KindRecord && off == 0 && o.owned
	case platform.ArgDynptr:
		ok = o.kind == KindStack && off >= 0 && off <= stackBytes-16 && off%8 == 0
	case platform.ArgFunc:
		ok = o.kind == KindFunction
	case platform.ArgStack:
		ok = o.kind == KindStack
	case platform.ArgConstStr:
		_, ok = m.cString(v)
	case platform.ArgUnknown:
		ok = true
	case platform.NoArg, platform.ArgAnything, platform.ArgMapPtr, platform.ArgMapKey, platform.ArgMapValue, platform.ArgMem, platform.ArgSize, platform.ArgAllocSize:
	}
	if !ok {
		return "the wrong kind of object"
	}
	return ""
}

// fieldAt reports whether a special field of a kind begins at an offset of o.
func (o *object) fieldAt(kind string, off int64) bool {
	if o.fields == nil {
		return false
	}
	for _, f := range o.fields.def.Fields {
		if len(f.Kind) >= len(kind) && f.Kind[:len(kind)] == kind && int64(f.Offset) == off {
			return true
		}
	}
	return false
}

// mapAt returns the map whose object is at an address, nil for none.
func (m *Machine) mapAt(addr uint64) *mapState {
	o, _, off := m.at(addr)
	if o == nil || o.kind != KindMap || off != 0 || int(o.num) >= len(m.maps) {
		return nil
	}
	return m.maps[o.num]
}

// span returns n > 0 bytes of memory that a helper may read, or write, nil if it may
// not. What is read of a kernel object is a copy.
func (m *Machine) span(addr uint64, n int, write bool) []byte {
	if n <= 0 {
		return []byte{}
	}
	m.work += int64(n)
	if write {
		if b := m.write(addr, n); b != nil {
			return b
		}
	} else if b := m.read(addr, n); b != nil {
		return b
	}
	o, id, off := m.at(addr)
	if o == nil || o.dead || off < 0 {
		return nil
	}
	inside := off+int64(n) <= int64(len(o.data))
	switch {
	case o.kind == KindValue && o.fields != nil && inside && !o.fields.overlaps(off, n) && !(write && o.fields.readOnly()):
		return o.data[off : off+int64(n)]
	case o.kind == KindKernel && !write && n <= 1<<16:
		return m.kernelBytes(id, off, n)
	case (o.kind == KindSocket || o.kind == KindCtxData) && !write && inside:
		return o.data[off : off+int64(n)]
	}
	return nil
}

// kernelBytes reads n bytes of a kernel object, words where they are aligned.
func (m *Machine) kernelBytes(id ID, off int64, n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; {
		at := off + int64(i)
		if at%8 == 0 && n-i >= 8 {
			store(b[i:], 8, m.kernelLoad(id, at, 8))
			i += 8
			continue
		}
		b[i] = byte(m.kernelLoad(id, at, 1))
		i++
	}
	return b
}

// cString returns the bytes before the first zero byte at an address.
func (m *Machine) cString(addr uint64) (string, bool) {
	id, off := split(addr)
	if id == 0 || int(id) >= len(m.regions) || off < 0 || off >= int64(len(m.regions[id].R)) {
		return "", false
	}
	b := m.regions[id].R[off:]
	n := slices.Index(b, 0)
	if n < 0 {
		return "", false
	}
	return string(b[:n]), true
}

// byContract stands in for a helper without a model: memory that it would write
// gets bytes from the seed, and so does its result, within what the prototype
// promises.
func (m *Machine) byContract(c *call, a *[5]uint64) uint64 {
	if !byDesign[c.name] {
		m.note("helper " + c.name + ": result by its contract only")
	}
	for i := range c.proto.Args {
		arg := &c.proto.Args[i]
		if arg.Kind != platform.ArgMem || arg.Flags&platform.Write == 0 || a[i] == 0 {
			continue
		}
		n := arg.Size
		if n == 0 && i < 4 {
			n = int(a[i+1])
		}
		m.scribble(m.span(a[i], n, true))
	}
	for i := range c.proto.Args {
		if arg := &c.proto.Args[i]; arg.Flags&platform.Release != 0 {
			m.release(a[i])
		}
	}
	return m.contractResult(c, a)
}

// scribble fills memory with bytes from the seed.
func (m *Machine) scribble(b []byte) {
	for i := 0; i < len(b); i += 8 {
		v := m.draw()
		for k := i; k < min(i+8, len(b)); k++ {
			b[k] = byte(v)
			v >>= 8
		}
	}
}

// contractResult chooses a result that a prototype allows.
func (m *Machine) contractResult(c *call, a *[5]uint64) uint64 {
	h := c.proto
	if h.RetMaybeNull && m.chance(2) {
		return 0
	}
	switch h.Ret {
	case platform.Scalar:
		if h.ResultMaxArg > 0 {
			return m.within(h.ResultMin, int64(a[h.ResultMaxArg-1]))
		}
		if h.ResultMax != 0 {
			return m.within(h.ResultMin, h.ResultMax)
		}
		if m.in.Seed == 0 {
			return m.result(0)
		}
		return m.result([4]uint64{0, 1, errno(eINVAL), m.draw()}[m.draw()&3])
	case platform.SockCommon, platform.Sock, platform.TCPSock, platform.XDPSock:
		return m.derived(h, m.newSocket(h.Ret, h.Acquire), a)
	case platform.BTFPointer:
		return m.derived(h, m.add(object{kind: KindKernel, owned: h.Acquire}, nil, nil), a)
	case platform.Mem, platform.RingbufMem, platform.DynptrMem, platform.MapValue:
		m.fail(NotModelled, "memory from helper "+h.Name)
	}
	return 0
}

// derived ties an object to the argument that it belongs to.
func (m *Machine) derived(h *platform.Helper, id ID, a *[5]uint64) uint64 {
	if id == 0 {
		m.fail(Exhausted, "")
		return 0
	}
	if h.DerivedFrom > 0 {
		from, _ := split(a[h.DerivedFrom-1])
		m.dependOn(id, from)
	}
	return Address(id, 0)
}

// chance is true once in 2^n times, as the seed decides; always for seed 0, whose
// world is empty: nothing is found there and nothing happens.
func (m *Machine) chance(n int) bool { return m.in.Seed == 0 || m.draw()>>(64-n) == 0 }

// dependOn makes an object die with another, or with what that one dies with.
func (m *Machine) dependOn(id, from ID) {
	if int(from) >= len(m.objects) {
		return
	}
	if !m.objects[from].owned {
		from = m.objects[from].of
	}
	if from != 0 {
		m.objects[id].of = from
		m.dependents = append(m.dependents, id)
	}
}

// maxWork bounds what the helpers of a run do that is not counted in steps: bytes
// copied and elements looked at, under a second.
const maxWork = 1 << 30

// charge counts work, and ends a run that makes helpers do too much.
func (m *Machine) charge(n int) {
	if m.work += int64(n); m.work > maxWork {
		m.fail(Exhausted, "the helpers of the run do too much")
	}
}

// within returns a number between bounds, for seed 0 the one nearest to 0.
func (m *Machine) within(lo, hi int64) uint64 {
	hi = max(lo, hi)
	model := min(max(0, lo), hi)
	if m.in.Seed != 0 && hi > lo {
		n, _ := bits.Mul64(m.draw(), uint64(hi-lo)+1)
		model = lo + int64(n)
	}
	if v := int64(m.result(uint64(model))); lo <= v && v <= hi {
		return uint64(v)
	}
	return uint64(model) // the input asks for what the helper never returns
}

// release ends a reference.
func (m *Machine) release(addr uint64) {
	if addr == 0 {
		return
	}
	o, id, off := m.at(addr)
	if o == nil || !o.owned || off != 0 {
		m.failAt(Reference, addr, "not a reference that is held")
		return
	}
	m.kill(id)
}
