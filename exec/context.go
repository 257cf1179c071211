package exec

import (
	"encoding/binary"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Room around a packet, as Linux's test run leaves it.
const (
	headroom  = 256
	tailroom  = 320
	ethHeader = 14
	maxPacket = 1 << 20
)

// contextState is the context of a run and the packet that belongs to it.
type contextState struct {
	buf     []byte // plain fields
	given   int    // bytes of buf that the input gave
	changed bool
	words   bool // 8-byte fields nobody gave hold addresses of kernel objects

	// The packet is room[data:end], what is before it room[meta:data]. id is the
	// object of its present generation, 0 without a packet; base is the offset in room
	// of the object's first byte.
	room            []byte
	meta, data, end int
	frag            int // bytes before end that only helpers reach
	mac             int // start of the link-layer header in room
	id              ID
	write           bool
	skb             bool // the context is an __sk_buff
	raw             []byte
}

// Offsets of the fields of __sk_buff and xdp_md that the model fills in.
const (
	skbLen      = 0
	skbProtocol = 16
	skbIfindex  = 40
	skbWireLen  = 160
	xdpIngress  = 12
)

// setUp makes context, packet and maps of a run, and R1.
func (m *Machine) setUp() Fault {
	if f := m.setUpMaps(); f != NoFault {
		return f
	}
	m.ctx = contextState{room: m.ctx.room[:0], buf: m.ctx.buf[:0]}
	if m.prog.kind == nil {
		return m.setUpRaw()
	}
	k := m.prog.kind
	size := m.prog.ctx.Size()
	if k.Name == "syscall" {
		size = int64(min(len(m.in.Data), 1<<16))
	}
	c := &m.ctx
	c.buf = zeroed(c.buf, int(min(max(size, 0), 1<<16)))
	c.words = k.Tracing || k.BTFContext || k.RawContext > 0
	m.fillContext()
	if k.Name == "syscall" {
		copy(c.buf, m.in.Data)
	}
	c.skb = k.CtxName == "__sk_buff" || k.CtxName == "struct __sk_buff"
	if m.hasPacket() {
		m.setUpPacket()
	}
	c.given = copy(c.buf, m.in.Context)
	m.objects[idContext].data = c.buf
	m.Regs[isa.R1] = Address(idContext, 0)
	return NoFault
}

// zeroed returns n zero bytes in the memory of b if that is enough.
func zeroed(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	b = b[:n]
	clear(b)
	return b
}

// setUpRaw gives a raw program its memory.
func (m *Machine) setUpRaw() Fault {
	m.objects[idContext].data, m.regions[idContext] = nil, Region{}
	m.ctx.raw = append([]byte(nil), m.in.Data...)
	m.Regs[isa.R1], m.Regs[isa.R2] = 0, uint64(len(m.in.Data))
	if len(m.in.Data) > 0 {
		id := m.add(object{kind: KindMemory, data: m.ctx.raw}, m.ctx.raw, m.ctx.raw)
		m.Regs[isa.R1] = Address(id, 0)
	}
	return NoFault
}

// fillContext gives a context contents that depend on the seed; all zero for seed 0.
func (m *Machine) fillContext() {
	if m.in.Seed == 0 {
		return
	}
	for i := 0; i+4 <= len(m.ctx.buf); i += 4 {
		v := mix(m.in.Seed ^ uint64(i)<<40)
		switch v >> 61 {
		case 0, 1, 2:
			v = 0
		case 3, 4:
			v &= 0xff
		}
		binary.LittleEndian.PutUint32(m.ctx.buf[i:], uint32(v))
	}
}

// hasPacket reports whether the context leads to a packet.
func (m *Machine) hasPacket() bool {
	k := m.prog.kind
	return m.ctx.skb || k.PacketRead || k.LegacyPacketLoads
}

// linkLayer reports whether programs of the type see the link-layer header.
func linkLayer(typ string) bool {
	switch typ {
	case "socket_filter", "cgroup_skb", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local":
		return false
	}
	return true
}

// setUpPacket lays the packet out and fills the fields that describe it.
func (m *Machine) setUpPacket() {
	c, data := &m.ctx, m.in.Data
	if len(data) > maxPacket {
		data = data[:maxPacket]
	}
	n := headroom + len(data) + tailroom
	c.room = zeroed(c.room, n)
	copy(c.room[headroom:], data)
	c.mac, c.data, c.end = headroom, headroom, headroom+len(data)
	if c.skb && !linkLayer(m.prog.kind.Name) {
		c.data += min(ethHeader, len(data))
	}
	c.frag = min(max(m.in.Fragments, 0), c.end-c.data)
	c.meta = c.data
	c.write = m.prog.kind.PacketWrite
	switch {
	case c.skb:
		c.put32(skbProtocol, uint32(ethProtocol(c.room[c.mac:c.end])))
		c.put32(skbIfindex, 1)
	case m.prog.kind.Name == "xdp":
		c.put32(xdpIngress, 1)
	}
	m.movePacket()
}

func (c *contextState) put32(off int, v uint32) {
	if off+4 <= len(c.buf) {
		binary.LittleEndian.PutUint32(c.buf[off:], v)
	}
}

// ethProtocol is what skb->protocol reads as: the type of an Ethernet frame, or
// one of the two numbers that stand for frames with a length instead. The bytes
// keep their order.
func ethProtocol(frame []byte) uint16 {
	if len(frame) < ethHeader {
		return 0
	}
	typ := binary.BigEndian.Uint16(frame[12:])
	if typ < 0x600 {
		typ = 4 // 802.2
		if len(frame) >= 16 && frame[14] == 0xff && frame[15] == 0xff {
			typ = 1 // 802.3
		}
	}
	return typ<<8 | typ>>8
}

// movePacket makes a new generation of the packet: pointers into the old one are
// stale, as they are for the verifier, whether or not bytes moved.
func (m *Machine) movePacket() {
	c := &m.ctx
	if c.id != 0 {
		m.kill(c.id)
	}
	b := c.room[c.meta : c.end-c.frag]
	var r, w []byte
	if m.prog.kind.PacketRead {
		r = b
	}
	if c.write {
		w = b
	}
	c.id = m.add(object{kind: KindPacket, data: b}, r, w)
	if c.skb {
		c.put32(skbLen, uint32(c.size()))
		if c.given <= skbWireLen {
			c.put32(skbWireLen, uint32(c.size()))
		}
	}
}

// size is the length of the packet, linear is what of it programs reach directly.
func (c *contextState) size() int   { return c.end - c.data }
func (c *contextState) linear() int { return c.end - c.frag - c.data }

func (c *contextState) packet() []byte {
	if c.raw != nil {
		return c.raw
	}
	if c.id == 0 {
		return nil
	}
	return c.room[c.data:c.end]
}

// address returns the address of the byte of the packet's memory at offset i of room.
func (c *contextState) address(i int) uint64 {
	if c.id == 0 {
		return 0
	}
	return Address(c.id, int64(i-c.meta))
}

// hash is over the fields, if the program changed any.
func (c *contextState) hash() uint64 {
	if !c.changed {
		return 1
	}
	return hash(2, c.buf)
}

// contextLoad reads a field.
func (m *Machine) contextLoad(off int64, size int) (uint64, Fault) {
	if m.prog.kind == nil {
		return 0, ContextAccess
	}
	f, ok := m.prog.ctx.Access(off, size, false)
	if !ok {
		return 0, ContextAccess
	}
	c := &m.ctx
	switch f.Kind {
	case platform.Scalar:
		if off+int64(size) > int64(len(c.buf)) {
			return 0, ContextAccess
		}
		if c.words && size == 8 && off+8 > int64(c.given) {
			return m.kernelLoad(idContext, off, 8), NoFault
		}
		v := load(c.buf[off:], size)
		if f.Signed {
			v = isa.Width{Word: 64, Op: uint8(size * 8)}.SignExtend(v)
		}
		return v, NoFault
	case platform.PacketData:
		return c.address(c.data), NoFault
	case platform.PacketEnd:
		return c.address(c.end - c.frag), NoFault
	case platform.PacketMeta:
		return c.address(c.meta), NoFault
	case platform.BTFPointer, platform.SockCommon, platform.Sock, platform.TCPSock, platform.XDPSock, platform.FlowKeys, platform.TPBuffer:
		return m.contextPointer(f, off, size), NoFault
	}
	return 0, m.fail(NotModelled, "context field of unknown kind")
}

// contextPointer is the pointer that a field holds: always the same object, or
// null where the field may be null and the seed says so.
func (m *Machine) contextPointer(f platform.Field, off int64, size int) uint64 {
	if m.ctx.words && off+8 <= int64(m.ctx.given) {
		return load(m.ctx.buf[off:], size)
	}
	if f.MaybeNull && mix(m.in.Seed^uint64(off)^0x50c)&3 == 0 {
		return 0
	}
	if f.Kind == platform.BTFPointer {
		if size < 8 {
			return m.kernelLoad(idContext, off, size)
		}
		return m.kernelLoad(idContext, off, 8)
	}
	key := uint64(idContext)<<32 ^ uint64(off)
	if a, ok := m.children[key]; ok {
		return a
	}
	a := Address(m.newSocket(f.Kind, false), 0)
	if m.children == nil {
		m.children = map[uint64]uint64{}
	}
	m.children[key] = a
	return a
}

// newSocket makes an object with a layout of its own and seeded contents.
func (m *Machine) newSocket(kind platform.ValueKind, owned bool) ID {
	b := make([]byte, 256)
	if kind == platform.TPBuffer {
		b = make([]byte, 4096)
	}
	for i := 0; i < len(b) && m.in.Seed != 0; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], m.draw())
	}
	k := KindSocket
	if kind == platform.TPBuffer || kind == platform.FlowKeys {
		k = KindCtxData
	}
	id := m.add(object{kind: k, num: int32(kind), sub: kind, data: b, owned: owned}, nil, nil)
	if kind == platform.TPBuffer {
		m.regions[id] = Region{b, b}
	}
	return id
}

// contextStore writes a field.
func (m *Machine) contextStore(off int64, size int, v uint64) Fault {
	if m.prog.kind == nil {
		return ContextAccess
	}
	f, ok := m.prog.ctx.Access(off, size, true)
	if !ok || f.Kind != platform.Scalar || off+int64(size) > int64(len(m.ctx.buf)) {
		return ContextAccess
	}
	store(m.ctx.buf[off:], size, v)
	m.ctx.changed = true
	return NoFault
}

// packetLoad is LD_ABS and LD_IND. ok is false beyond the packet.
func (m *Machine) packetLoad(in *insn) (ok bool, f Fault) {
	if m.Regs[isa.R6] != Address(idContext, 0) || m.prog.kind == nil || !m.prog.kind.LegacyPacketLoads {
		return false, m.fail(PacketLoad, "")
	}
	off := int64(int32(uint32(in.imm)))
	if in.src != zeroReg {
		off = int64(int32(uint32(m.Regs[in.src]) + uint32(in.imm)))
	}
	c := &m.ctx
	from := int64(c.data)
	switch { // negative offsets count from the headers
	case off >= 0:
	case off >= -0x100000 && off < -0x1000:
		from, off = int64(c.mac)+ethHeader, off+0x100000
	case off >= -0x200000 && off < -0x100000:
		from, off = int64(c.mac), off+0x200000
	default: // the kernel's own offsets do not exist in eBPF
		off = maxPacket
	}
	if m.code.guarded {
		m.clobber()
	}
	size := int64(in.aux)
	if from+off < int64(c.mac) || from+off+size > int64(c.end) {
		return false, NoFault
	}
	b := c.room[from+off:]
	switch size {
	case 1:
		m.Regs[0] = uint64(b[0])
	case 2:
		m.Regs[0] = uint64(binary.BigEndian.Uint16(b))
	default:
		m.Regs[0] = uint64(binary.BigEndian.Uint32(b))
	}
	return true, NoFault
}
