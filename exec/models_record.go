package exec

import (
	"encoding/binary"
	"fmt"
	"math"
)

// recordModels are ring buffers, perf events and dynptrs.
var recordModels = map[string]model{
	"perf_event_output":      func(m *Machine, a *[5]uint64) uint64 { return output(m, a) },
	"skb_output":             func(m *Machine, a *[5]uint64) uint64 { return output(m, a) },
	"xdp_output":             func(m *Machine, a *[5]uint64) uint64 { return output(m, a) },
	"ringbuf_output":         ringOutput,
	"ringbuf_reserve":        ringReserve,
	"ringbuf_submit":         func(m *Machine, a *[5]uint64) uint64 { return m.endRecord(a[0], true) },
	"ringbuf_discard":        func(m *Machine, a *[5]uint64) uint64 { return m.endRecord(a[0], false) },
	"ringbuf_query":          ringQuery,
	"ringbuf_reserve_dynptr": ringReserveDynptr,
	"ringbuf_submit_dynptr":  func(m *Machine, a *[5]uint64) uint64 { return m.endDynptr(a[0], true) },
	"ringbuf_discard_dynptr": func(m *Machine, a *[5]uint64) uint64 { return m.endDynptr(a[0], false) },
	"dynptr_from_mem":        dynptrFromMem,
	"dynptr_read":            dynptrRead,
	"dynptr_write":           dynptrWrite,
	"dynptr_data":            dynptrData,
}

// output sends bytes to a perf ring: context, map, flags, data, size.
func output(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[1])
	index := uint32(a[2])
	if index != math.MaxUint32 && index >= s.def.MaxEntries {
		return errno(eBIG)
	}
	m.print(fmt.Sprintf("%s: %x", s.def.Name, m.span(a[3], int(a[4]), false)))
	return m.result(0)
}

// recordHeader is what a record takes besides its bytes.
const recordHeader = 8

// takeRing claims room in a ring buffer.
func (m *Machine) takeRing(s *mapState, size uint64) bool {
	n := (size + recordHeader + 7) &^ 7
	if size > uint64(s.def.MaxEntries) || s.used+n > uint64(s.def.MaxEntries) || m.allocated+int(n) > maxBytes {
		return false
	}
	m.allocated += int(n)
	s.used += n
	return true
}

func ringOutput(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	if a[3]&^3 != 0 {
		return errno(eINVAL)
	}
	if !m.takeRing(s, a[2]) {
		return errno(eAGAIN)
	}
	m.print(fmt.Sprintf("%s: %x", s.def.Name, m.span(a[1], int(a[2]), false)))
	return 0
}

// record makes a ring buffer record that the program has to end.
func (m *Machine) record(s *mapState, size uint64) ID {
	b := make([]byte, size)
	if m.in.Seed != 0 { // what a consumed record left there
		m.scribble(b)
	}
	id := m.add(object{kind: KindRecord, num: s.num, owned: true, data: b}, b, b)
	if id == 0 {
		m.fail(Exhausted, "")
	}
	return id
}

func ringReserve(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	if a[2] != 0 || !m.takeRing(s, a[1]) {
		return 0
	}
	id := m.record(s, a[1])
	if id == 0 {
		return 0
	}
	return Address(id, 0)
}

// endRecord submits or discards a record. The prototype says that it is one.
func (m *Machine) endRecord(addr uint64, submit bool) uint64 {
	o, _, _ := m.at(addr)
	if submit && o != nil && int(o.num) < len(m.maps) {
		m.print(fmt.Sprintf("%s: %x", m.maps[o.num].def.Name, o.data))
	}
	m.release(addr)
	return 0
}

func ringQuery(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	switch a[1] {
	case 0, 3: // data available, producer's position
		return s.used
	case 1:
		return uint64(s.def.MaxEntries)
	}
	return 0
}

// dynptr is a dynamic pointer: the object that it is into and the part of it.
type dynptr struct {
	addr   uint64 // of its first byte, 0 for the null dynptr
	size   uint64
	ring   ID // the record that has to be ended, 0 for memory
	cookie uint64
}

// setDynptr constructs a dynptr in the 16 bytes of stack at an address. A cookie
// there shows later whether the program wrote over it.
func (m *Machine) setDynptr(at uint64, d *dynptr) {
	if old := m.dynptrs[at]; old != nil && old.ring != 0 && m.dynptrAt(at) != nil {
		m.failAt(Reference, at, "a dynptr that holds a reference is overwritten")
		return
	}
	if m.dynptrs == nil {
		m.dynptrs = map[uint64]*dynptr{}
	}
	d.cookie = mix(at ^ uint64(len(m.dynptrs)) ^ uint64(m.Steps))
	m.dynptrs[at] = d
	b := m.span(at, 16, true)
	if b == nil {
		m.failAt(Dynptr, at, "")
		return
	}
	binary.LittleEndian.PutUint64(b, d.cookie)
	binary.LittleEndian.PutUint64(b[8:], d.size)
}

// dynptrAt returns the dynptr at an address, nil if there is none or the program
// wrote over it.
func (m *Machine) dynptrAt(at uint64) *dynptr {
	d := m.dynptrs[at]
	b := m.span(at, 16, false)
	if d == nil || b == nil || binary.LittleEndian.Uint64(b) != d.cookie {
		return nil
	}
	return d
}

// needDynptr is dynptrAt that ends the run if there is none.
func (m *Machine) needDynptr(at uint64) *dynptr {
	d := m.dynptrAt(at)
	if d == nil {
		m.failAt(Dynptr, at, "")
	}
	return d
}

func dynptrFromMem(m *Machine, a *[5]uint64) uint64 {
	if a[2] != 0 || a[1] > 1<<24 {
		m.setDynptr(a[3], &dynptr{})
		if a[2] != 0 {
			return errno(eINVAL)
		}
		return errno(eBIG)
	}
	m.setDynptr(a[3], &dynptr{addr: a[0], size: a[1]})
	return 0
}

func ringReserveDynptr(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	size := uint64(uint32(a[1]))
	if a[2] != 0 || !m.takeRing(s, size) {
		id := m.record(s, 0) // the null dynptr has to be ended as well
		m.setDynptr(a[3], &dynptr{ring: id})
		return errno(eINVAL)
	}
	id := m.record(s, size)
	m.setDynptr(a[3], &dynptr{addr: Address(id, 0), size: size, ring: id})
	return 0
}

func (m *Machine) endDynptr(at uint64, submit bool) uint64 {
	d := m.needDynptr(at)
	if d == nil {
		return 0
	}
	if d.ring == 0 {
		m.failAt(Reference, at, "the dynptr holds no record")
		return 0
	}
	m.endRecord(Address(d.ring, 0), submit)
	delete(m.dynptrs, at)
	return 0
}

// holds reports whether n bytes at an offset are inside of the dynptr.
func (d *dynptr) holds(off, n uint64) bool { return off <= d.size && n <= d.size-off }

func dynptrRead(m *Machine, a *[5]uint64) uint64 {
	d := m.needDynptr(a[2])
	off, n := uint64(uint32(a[3])), uint64(uint32(a[1]))
	switch {
	case d == nil:
		return 0
	case d.addr == 0 || a[4] != 0:
		return errno(eINVAL)
	case !d.holds(off, n):
		return errno(eBIG)
	}
	copy(m.span(a[0], int(n), true), m.span(d.addr+off, int(n), false))
	return 0
}

func dynptrWrite(m *Machine, a *[5]uint64) uint64 {
	d := m.needDynptr(a[0])
	off, n := uint64(uint32(a[1])), uint64(uint32(a[3]))
	switch {
	case d == nil:
		return 0
	case d.addr == 0 || a[4] != 0:
		return errno(eINVAL)
	case !d.holds(off, n):
		return errno(eBIG)
	}
	copy(m.span(d.addr+off, int(n), true), m.span(a[2], int(n), false))
	return 0
}

func dynptrData(m *Machine, a *[5]uint64) uint64 {
	d := m.needDynptr(a[0])
	off, n := uint64(uint32(a[1])), uint64(uint32(a[2]))
	if d == nil || d.addr == 0 || !d.holds(off, n) {
		return 0
	}
	b := m.span(d.addr+off, int(n), true)
	if b == nil {
		return 0
	}
	id := m.add(object{kind: KindMemory, data: b, of: d.ring}, b, b)
	if id == 0 {
		m.fail(Exhausted, "")
		return 0
	}
	return Address(id, 0)
}
