package exec

import (
	"encoding/binary"
	"math/bits"

	"github.com/bpfcheck/bpfcheck/platform"
)

// ID numbers an object of a run. 0 is no object.
type ID uint32

// An address has the number of its object, scrambled, in the high half and the
// offset in the low half. Scrambling keeps addresses that are off by a small
// multiple of 2^32 from meaning another object; the bias leaves 2^31 bytes on both
// sides of an object, more than the offsets that any target allows.
const (
	scramble   uint32 = 0x9e3779b1
	unscramble uint32 = 0x0e8b2f51 // scramble * unscramble = 1 mod 2^32
	bias       uint32 = 1 << 31
)

// Address returns the address of a byte of an object.
func Address(id ID, off int64) uint64 {
	return uint64(uint32(id)*scramble)<<32 + uint64(int64(bias)+off)
}

// split takes an address apart. off is meaningful if id is an object's.
func split(addr uint64) (id ID, off int64) {
	return ID(uint32(addr>>32) * unscramble), int64(uint32(addr)) - int64(bias)
}

// Region is what the interpreter's loads and stores look at: the readable and the
// writable bytes of an object, nil where an access needs more than bounds.
type Region struct{ R, W []byte }

// object is the rest of what is known of an object.
type object struct {
	kind   Kind
	dead   bool
	owned  bool // a reference that has to be released
	sub    platform.ValueKind
	num    int32     // map number, frame, …
	elem   uint64    // which element of a map
	data   []byte    // all its bytes, whatever may access them
	fields *mapState // special fields guard the bytes
	of     ID        // an object that it dies with
}

// maxObjects bounds the objects of a run.
const maxObjects = 1 << 18

// Memory holds the objects of a run.
type Memory struct {
	regions    []Region
	objects    []object
	dependents []ID // live objects that die with another, in no order
	// children are the kernel objects that loads from kernel objects gave.
	children map[uint64]uint64
	seed     uint64
}

// add makes an object. It returns 0 if there are too many.
func (m *Memory) add(o object, r, w []byte) ID {
	if len(m.objects) >= maxObjects {
		return 0
	}
	if o.of != 0 {
		m.dependents = append(m.dependents, ID(len(m.objects)))
	}
	m.objects = append(m.objects, o)
	m.regions = append(m.regions, Region{r, w})
	return ID(len(m.objects) - 1)
}

// reset drops all objects from n on.
func (m *Memory) reset(n int, seed uint64) {
	clear(m.regions[n:])
	clear(m.objects[n:])
	m.regions, m.objects, m.seed = m.regions[:n], m.objects[:n], seed
	m.dependents = m.dependents[:0]
	clear(m.children)
}

// kill ends an object and what dies with it. Its number is never used again.
func (m *Memory) kill(id ID) {
	m.objects[id].dead, m.objects[id].owned = true, false
	m.regions[id] = Region{}
	for i := 0; i < len(m.dependents); i++ {
		if d := m.dependents[i]; m.objects[d].of == id {
			m.objects[d].dead, m.regions[d] = true, Region{}
			m.dependents[i] = m.dependents[len(m.dependents)-1]
			m.dependents = m.dependents[:len(m.dependents)-1]
			i--
		}
	}
}

// at returns the object of an address and the offset in it; nil for no object.
func (m *Memory) at(addr uint64) (o *object, id ID, off int64) {
	id, off = split(addr)
	if id == 0 || int(id) >= len(m.objects) {
		return nil, 0, 0
	}
	return &m.objects[id], id, off
}

// Resolve says what an address means; ok is false if it belongs to no object.
func (m *Memory) Resolve(addr uint64) (p Place, ok bool) {
	o, _, off := m.at(addr)
	if o == nil || o.kind == KindNone {
		return Place{}, false
	}
	return Place{Kind: o.kind, Object: o.num, Element: o.elem, Offset: off, Live: !o.dead && (o.kind != KindStack || len(m.regions[addrID(addr)].R) > 0)}, true
}

// addrID is the object part of an address.
func addrID(addr uint64) ID { id, _ := split(addr); return id }

// fault says what is wrong with an access to address addr that was refused.
func (m *Memory) fault(addr uint64, write bool) Fault {
	o, _, _ := m.at(addr)
	switch {
	case o == nil && addr+1<<16 < 2<<16:
		return NullPointer
	case o == nil || o.kind == KindNone:
		return BadPointer
	case o.dead:
		return o.kind.dead()
	case write && m.read(addr, 1) != nil && m.write(addr, 1) == nil:
		return ReadOnly
	}
	return o.kind.bounds()
}

// read returns n readable bytes at an address, nil if the object does not have
// them or asks for more than bounds.
func (m *Memory) read(addr uint64, n int) []byte {
	id, off := split(addr)
	if int(id) >= len(m.regions) {
		return nil
	}
	b := m.regions[id].R
	if off < 0 || off > int64(len(b))-int64(n) {
		return nil
	}
	return b[off : off+int64(n)]
}

// write returns n writable bytes at an address, nil as read does.
func (m *Memory) write(addr uint64, n int) []byte {
	id, off := split(addr)
	if int(id) >= len(m.regions) {
		return nil
	}
	b := m.regions[id].W
	if off < 0 || off > int64(len(b))-int64(n) {
		return nil
	}
	return b[off : off+int64(n)]
}

// load reads a little-endian number of size bytes.
func load(b []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// store writes the low size bytes of v.
func store(b []byte, size int, v uint64) {
	switch size {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, v)
	}
}

// kernelLoad reads from a kernel object. A word of 8 bytes may be a pointer in the
// kernel's type, so that it reads as one, to another kernel object; narrower loads
// give seeded bytes. The same place always reads the same.
func (m *Memory) kernelLoad(id ID, off int64, size int) uint64 {
	if size < 8 || off%8 != 0 {
		return mix(m.seed^uint64(id)<<32^uint64(off)) & (1<<(8*size) - 1)
	}
	key := uint64(id)<<32 ^ uint64(uint32(off))
	if a, ok := m.children[key]; ok {
		return a
	}
	if len(m.children) >= maxObjects/4 {
		return mix(m.seed ^ key)
	}
	child := m.add(object{kind: KindKernel}, nil, nil)
	if child == 0 {
		return 0
	}
	if m.children == nil {
		m.children = map[uint64]uint64{}
	}
	a := Address(child, 0)
	m.children[key] = a
	return a
}

// mix is a bijection that spreads its argument over 64 bits (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash folds bytes into h, eight at a time.
func hash(h uint64, b []byte) uint64 {
	h = h*0x9e3779b97f4a7c15 + uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64((h^binary.LittleEndian.Uint64(b))*0x9fb21c651e98df25, 29)
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h
}
