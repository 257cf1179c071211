package exec

import (
	"encoding/binary"
	"slices"
)

// packetModels are the helpers on packets.
var packetModels = map[string]model{
	"skb_load_bytes":          func(m *Machine, a *[5]uint64) uint64 { return m.loadBytes(int64(uint32(a[1])), a[2], a[3]) },
	"xdp_load_bytes":          func(m *Machine, a *[5]uint64) uint64 { return m.xdpBytes(a, false) },
	"xdp_store_bytes":         func(m *Machine, a *[5]uint64) uint64 { return m.xdpBytes(a, true) },
	"skb_load_bytes_relative": loadRelative,
	"skb_store_bytes":         storeBytes,
	"l3_csum_replace":         replaceL3,
	"l4_csum_replace":         replaceL4,
	"csum_diff":               csumDiff,
	"csum_update":             func(m *Machine, a *[5]uint64) uint64 { return errno(eNOTSUPP) },
	"skb_pull_data":           pull,
	"skb_change_tail":         changeTail,
	"skb_change_head":         changeHead,
	"skb_adjust_room":         adjustRoom,
	"skb_change_type":         changeType,
	"skb_vlan_push":           vlanPush,
	"skb_vlan_pop":            vlanPop,
	"get_hash_recalc":         func(m *Machine, a *[5]uint64) uint64 { return uint64(uint32(m.result(m.fixed(10)))) },
	"set_hash":                setHash,
	"skb_ecn_set_ce":          func(m *Machine, a *[5]uint64) uint64 { return 0 },
	"skb_set_tstamp":          setTstamp,
	"xdp_adjust_head":         adjustHead,
	"xdp_adjust_meta":         adjustMeta,
	"xdp_adjust_tail":         adjustTail,
	"xdp_get_buff_len":        func(m *Machine, a *[5]uint64) uint64 { return uint64(m.ctx.size()) },
}

// part returns n bytes of the packet from an offset, nil if it does not have them.
func (c *contextState) part(off int64, n int) []byte {
	if c.id == 0 || off < 0 || off+int64(n) > int64(c.size()) {
		return nil
	}
	return c.room[c.data:c.end][off:][:n]
}

func (m *Machine) loadBytes(off int64, to, size uint64) uint64 {
	dst := m.span(to, int(size), true)
	src := m.ctx.part(off, int(size))
	if src == nil {
		clear(dst)
		return errno(eFAULT)
	}
	copy(dst, src)
	return 0
}

func (m *Machine) xdpBytes(a *[5]uint64, write bool) uint64 {
	b := m.ctx.part(int64(uint32(a[1])), int(a[3]))
	if b == nil {
		return errno(eINVAL)
	}
	if write {
		copy(b, m.span(a[2], int(a[3]), false))
	} else {
		copy(m.span(a[2], int(a[3]), true), b)
	}
	return 0
}

// loadRelative counts from the link-layer header (0) or the network header (1).
func loadRelative(m *Machine, a *[5]uint64) uint64 {
	c := &m.ctx
	from := int64(c.mac - c.data)
	switch a[4] {
	case 0:
	case 1:
		from += ethHeader
	default:
		clear(m.span(a[2], int(a[3]), true))
		return errno(eFAULT)
	}
	dst, off, n := m.span(a[2], int(a[3]), true), from+int64(uint32(a[1]))+int64(c.data), int64(a[3])
	if uint32(a[1]) > 0xffff || off+n > int64(c.end) {
		clear(dst)
		return errno(eFAULT)
	}
	copy(dst, c.room[off:off+n])
	return 0
}

func storeBytes(m *Machine, a *[5]uint64) uint64 {
	if a[4]&^3 != 0 {
		return errno(eINVAL)
	}
	b := m.ctx.part(int64(uint32(a[1])), int(a[3]))
	if b == nil || uint32(a[1]) > 1<<31-1 {
		return errno(eFAULT)
	}
	copy(b, m.span(a[2], int(a[3]), false))
	return 0
}

// fold adds the halves of a sum until it fits 16 bits.
func fold(sum uint64) uint16 {
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// replace updates an Internet checksum for a field that changed: ~(~C + ~old + new).
func replace(b []byte, from, to uint64) {
	sum := uint64(^binary.LittleEndian.Uint16(b)) + uint64(^fold(from)) + uint64(fold(to))
	binary.LittleEndian.PutUint16(b, ^fold(sum))
}

// replaceAt is the part that both checksum helpers share.
func (m *Machine) replaceAt(a *[5]uint64) uint64 {
	off := uint32(a[1])
	b := m.ctx.part(int64(off), 2)
	if b == nil || off&1 != 0 || off > 0xffff {
		return errno(eFAULT)
	}
	from, to := a[2], a[3]
	switch a[4] & 0xf {
	case 0:
		if from != 0 {
			return errno(eINVAL)
		}
		binary.LittleEndian.PutUint16(b, ^fold(uint64(^binary.LittleEndian.Uint16(b))+uint64(fold(uint64(uint32(to))))))
		return 0
	case 2:
		from, to = uint64(uint16(from)), uint64(uint16(to))
	case 4:
		from, to = uint64(uint32(from)), uint64(uint32(to))
	default:
		return errno(eINVAL)
	}
	replace(b, from, to)
	return 0
}

func replaceL3(m *Machine, a *[5]uint64) uint64 {
	if a[4]&^0xf != 0 {
		return errno(eINVAL)
	}
	return m.replaceAt(a)
}

func replaceL4(m *Machine, a *[5]uint64) uint64 {
	const mangledZero, pseudo, force = 0x20, 0x10, 0x40
	if a[4]&^(0xf|mangledZero|pseudo|force|0x80) != 0 {
		return errno(eINVAL)
	}
	b := m.ctx.part(int64(uint32(a[1])), 2)
	if b != nil && a[4]&mangledZero != 0 && a[4]&force == 0 && b[0] == 0 && b[1] == 0 {
		return 0
	}
	r := m.replaceAt(a)
	if r == 0 && a[4]&mangledZero != 0 && b[0] == 0 && b[1] == 0 {
		b[0], b[1] = 0xff, 0xff
	}
	return r
}

// csumDiff is the checksum of what two blocks differ in, on top of a seed.
func csumDiff(m *Machine, a *[5]uint64) uint64 {
	if (a[1]|a[3])&3 != 0 {
		return errno(eINVAL)
	}
	sum := uint64(uint32(a[4]))
	from, to := m.span(a[0], int(a[1]), false), m.span(a[2], int(a[3]), false)
	for i := 0; i+4 <= len(from); i += 4 {
		sum += uint64(^binary.LittleEndian.Uint32(from[i:]))
	}
	for i := 0; i+4 <= len(to); i += 4 {
		sum += uint64(binary.LittleEndian.Uint32(to[i:]))
	}
	return uint64(fold(sum))
}

func pull(m *Machine, a *[5]uint64) uint64 {
	if uint32(a[1]) > uint32(m.ctx.size()) {
		return errno(eNOMEM)
	}
	n := int(uint32(a[1]))
	if n == 0 {
		n = m.ctx.size()
	}
	m.ctx.frag = min(m.ctx.frag, m.ctx.size()-n)
	return 0
}

// resize moves the packet's borders: grow bytes before its start, end at a new
// place. What is new is zero. The generation changes at the end of the call.
func (m *Machine) resize(grow, size int) bool {
	c := &m.ctx
	if size < 0 || size > maxPacket || c.data-grow < 0 {
		return false
	}
	start := c.data - grow
	m.charge(start + size)
	room := make([]byte, start+size+tailroom)
	if start < c.data {
		copy(room[c.data:start+size], c.room[c.data:c.end])
		copy(room[:start], c.room[:start])
	} else {
		copy(room[:start+size], c.room[:c.end])
	}
	c.room, c.data, c.end, c.frag = room, start, start+size, 0
	c.meta, c.mac = min(c.meta, start), min(c.mac, start)
	if c.meta < start && grow != 0 {
		c.meta = start
	}
	return true
}

func changeTail(m *Machine, a *[5]uint64) uint64 {
	n := int64(uint32(a[1]))
	if a[2] != 0 || n > 0xffff || n < ethHeader {
		return errno(eINVAL)
	}
	m.resize(0, int(n))
	return 0
}

func changeHead(m *Machine, a *[5]uint64) uint64 {
	n := int(uint32(a[1]))
	if a[2] != 0 || n+m.ctx.size() > 0xffff || n > m.ctx.data || n < 0 {
		return errno(eINVAL)
	}
	m.resize(n, m.ctx.size()+n)
	m.ctx.mac = m.ctx.data
	return 0
}

// adjustRoom inserts or removes bytes after the link-layer header (mode 1) or after
// an IPv4 header without options (mode 0).
func adjustRoom(m *Machine, a *[5]uint64) uint64 {
	c := &m.ctx
	diff, at := int(int32(uint32(a[1]))), c.mac+ethHeader
	switch uint32(a[2]) {
	case 0:
		at += 20
	case 1:
	default:
		return errno(eNOTSUPP)
	}
	if diff > 0xfff || -diff > 0xfff || at > c.end || (diff < 0 && at-diff > c.end) || c.size()+diff > 0xffff || c.size()+diff < ethHeader+20 {
		return errno(eNOTSUPP)
	}
	m.charge(len(c.room))
	room := slices.Clone(c.room)
	if diff >= 0 {
		room = slices.Insert(room, at, make([]byte, diff)...)
	} else {
		room = slices.Delete(room, at, at-diff)
	}
	c.room, c.end, c.frag = room, c.end+diff, 0
	return 0
}

func changeType(m *Machine, a *[5]uint64) uint64 {
	if a[1] > 3 {
		return errno(eINVAL)
	}
	m.ctx.put32(4, uint32(a[1]))
	return 0
}

func vlanPush(m *Machine, a *[5]uint64) uint64 {
	proto := uint16(a[1])
	if proto != 0x0081 && proto != 0xa888 {
		proto = 0x0081
	}
	m.ctx.put32(20, 1)
	m.ctx.put32(24, uint32(uint16(a[2])))
	m.ctx.put32(28, uint32(proto))
	return 0
}

func vlanPop(m *Machine, a *[5]uint64) uint64 {
	m.ctx.put32(20, 0)
	m.ctx.put32(24, 0)
	m.ctx.put32(28, 0)
	return 0
}

func setHash(m *Machine, a *[5]uint64) uint64 {
	m.ctx.put32(68, uint32(a[1]))
	return 0
}

func setTstamp(m *Machine, a *[5]uint64) uint64 {
	if len(m.ctx.buf) >= 160 {
		binary.LittleEndian.PutUint64(m.ctx.buf[152:], a[1])
	}
	return 0
}

// frameStruct is what the kernel keeps at the start of an XDP packet's headroom.
const frameStruct = 40

func adjustHead(m *Machine, a *[5]uint64) uint64 {
	c := &m.ctx
	data := c.data + int(int32(uint32(a[1])))
	metaLen := c.data - c.meta
	if data > c.end-c.frag-ethHeader || data-metaLen < frameStruct {
		return errno(eINVAL)
	}
	copy(c.room[data-metaLen:data], slices.Clone(c.room[c.meta:c.data]))
	c.data, c.meta, c.mac = data, data-metaLen, data
	return 0
}

func adjustMeta(m *Machine, a *[5]uint64) uint64 {
	c := &m.ctx
	meta := c.meta + int(int32(uint32(a[1])))
	n := c.data - meta
	if meta < frameStruct || n < 0 || n%4 != 0 || n > 252 {
		return errno(eINVAL)
	}
	c.meta = meta
	return 0
}

func adjustTail(m *Machine, a *[5]uint64) uint64 {
	c := &m.ctx
	end := c.end + int(int32(uint32(a[1])))
	if end < c.data+ethHeader || end > len(c.room) {
		return errno(eINVAL)
	}
	if end > c.end {
		clear(c.room[c.end:end])
	}
	if c.frag > 0 { // it is the last fragment that shrinks or grows
		c.frag = max(0, c.frag+end-c.end)
	}
	c.end = end
	return 0
}
