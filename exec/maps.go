package exec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Flags of maps and updates, errors: Linux's numbers.
const (
	flagRdonlyProg = platform.MapRdonlyProg
	flagWronlyProg = platform.MapWronlyProg

	updateNoExist = 1
	updateExist   = 2
	updateLock    = 4
)

// errno is a kernel error as helpers return it.
func errno(e int64) uint64 { return uint64(-e) }

const (
	ePERM    = 1
	eNOENT   = 2
	eBIG     = 7
	eAGAIN   = 11
	eNOMEM   = 12
	eFAULT   = 14
	eBUSY    = 16
	eEXIST   = 17
	eINVAL   = 22
	eNOSPC   = 28
	eRANGE   = 34
	eNOTSUPP = 95
)

// cpus is how many CPUs the machine of a run has.
const cpus = 4

// Bounds on map definitions and on what a run may take for maps.
const (
	maxKey   = 512
	maxValue = 1 << 25
	maxBytes = 256 << 20
)

// mapState is a map during a run.
type mapState struct {
	def   *loader.Map
	id    ID // of its KindMap object
	num   int32
	elems map[string]*element
	order []*element // by age; elements that were deleted stay until compacted
	live  int
	// queue holds the values of queue, stack and bloom filter maps.
	queue [][]byte
	used  uint64          // bytes of a ring buffer that are taken
	asked map[string]bool // keys that Input.Lazy decided on
}

// element is a key and its value.
type element struct {
	key   string
	value []byte // one value after the other of a per-CPU map, each rounded up to 8 bytes
	ids   [cpus]ID
	gone  bool
	inner *mapState
	prog  string
}

// checkMap refuses definitions that would ask for absurd memory.
func checkMap(m *loader.Map) error {
	if m.KeySize > maxKey || m.ValueSize > maxValue {
		return fmt.Errorf("keys of %d and values of %d bytes", m.KeySize, m.ValueSize)
	}
	if m.Inner != nil {
		return checkMap(m.Inner) // one level: an inner map has no inner map
	}
	return nil
}

func isArray(t string) bool {
	switch t {
	case "array", "percpu_array", "prog_array", "perf_event_array", "cgroup_array", "array_of_maps", "devmap", "cpumap", "xskmap", "sockmap", "reuseport_sockarray":
		return true
	}
	return false
}

func (s *mapState) perCPU() bool {
	return strings.HasPrefix(s.def.Type, "percpu_") || s.def.Type == "lru_percpu_hash"
}

// holds reports whether elements hold maps, programs, sockets or devices, so that
// values mean something else than their bytes.
func (s *mapState) holdsData() bool {
	switch s.def.Type {
	case "array", "percpu_array", "hash", "percpu_hash", "lru_hash", "lru_percpu_hash", "lpm_trie", "rhash",
		"sk_storage", "task_storage", "inode_storage", "cgrp_storage", "cgroup_storage", "percpu_cgroup_storage":
		return true
	}
	return false
}

func (s *mapState) stride() int { return (int(s.def.ValueSize) + 7) &^ 7 }

// setUpMaps makes the maps of a run and fills them.
func (m *Machine) setUpMaps() Fault {
	m.maps = m.maps[:0]
	m.allocated = 0
	for n, def := range m.prog.maps {
		s := &mapState{def: def, id: mapID(n), num: int32(n), elems: map[string]*element{}}
		m.maps = append(m.maps, s)
		m.objects[directID(n)].dead, m.regions[directID(n)] = true, Region{}
	}
	for n := range m.prog.maps {
		s := m.maps[n]
		if s.def.Type == "array" && s.def.MaxEntries > 0 && s.def.MaxEntries <= 1 {
			e := m.newElement(s, string(make([]byte, 4)))
			if e == nil {
				return m.fail(Exhausted, "")
			}
			if copy(e.value, s.def.Data) == 0 && m.in.Lazy && !s.def.Frozen {
				m.invent(s, e)
			}
			e.ids[0] = directID(n)
			m.expose(s, e, 0)
		}
		for i, name := range s.def.Programs {
			if e := m.newElement(s, string(binary.LittleEndian.AppendUint32(nil, i))); e != nil {
				e.prog = name
			}
		}
		if !m.fill(s, m.in.Maps[s.def.Name]) {
			return m.fail(Exhausted, "map contents")
		}
	}
	return NoFault
}

// fill gives a map its contents. It reports false if they are too large. Elements
// that do not fit the definition are left out.
func (m *Machine) fill(s *mapState, entries []Entry) bool {
	for i := range entries {
		in := &entries[i]
		switch s.def.Type {
		case "queue", "stack", "bloom_filter":
			s.push(fit(in.Value, int(s.def.ValueSize)), 0)
			continue
		}
		key := string(fit(in.Key, int(s.def.KeySize)))
		if isArray(s.def.Type) && !s.inRange(key) {
			continue
		}
		e := s.elems[key]
		if e == nil {
			if e = m.newElement(s, key); e == nil {
				return s.full()
			}
		}
		switch {
		case s.def.Type == "prog_array":
			e.prog = string(in.Value)
		case s.def.Inner != nil:
			if e.inner = m.newInner(s.def.Inner); e.inner == nil || !m.fill(e.inner, in.Inner) {
				return false
			}
		default:
			m.copyIn(s, e, in.Value)
		}
	}
	return true
}

// copyIn writes a value, or the values of all CPUs.
func (m *Machine) copyIn(s *mapState, e *element, v []byte) {
	size := int(s.def.ValueSize)
	if !s.perCPU() || len(v) > size {
		copy(e.value, v)
		return
	}
	for c := range cpus {
		copy(e.value[c*s.stride():][:size], v)
	}
}

// fit returns n bytes that begin with b.
func fit(b []byte, n int) []byte {
	out := make([]byte, n)
	copy(out, b)
	return out
}

// inRange reports whether a key is an index of the array.
func (s *mapState) inRange(key string) bool {
	return len(key) == 4 && binary.LittleEndian.Uint32([]byte(key)) < s.def.MaxEntries
}

func (s *mapState) full() bool { return s.def.MaxEntries > 0 && s.live >= int(s.def.MaxEntries) }

// newInner makes a map that a map of maps holds.
func (m *Machine) newInner(def *loader.Map) *mapState {
	s := &mapState{def: def, num: int32(len(m.maps)), elems: map[string]*element{}}
	if s.id = m.add(object{kind: KindMap, num: s.num}, nil, nil); s.id == 0 {
		return nil
	}
	m.maps = append(m.maps, s)
	return s
}

// newElement makes an element with a value of zeros, nil if the map is full or the
// run has taken too much memory.
func (m *Machine) newElement(s *mapState, key string) *element {
	if s.full() && !isArray(s.def.Type) {
		return nil
	}
	n := int(s.def.ValueSize)
	if s.perCPU() {
		n = cpus * s.stride()
	}
	if m.allocated+n+64 > maxBytes {
		return nil
	}
	m.allocated += n + 64
	e := &element{key: key, value: make([]byte, n)}
	s.elems[key] = e
	s.order = append(s.order, e)
	s.live++
	return e
}

// expose makes the value of a CPU an object that programs can reach.
func (m *Machine) expose(s *mapState, e *element, cpu int) uint64 {
	id := e.ids[cpu]
	if id != 0 && !m.objects[id].dead {
		return Address(id, 0)
	}
	b := e.value
	if s.perCPU() {
		b = e.value[cpu*s.stride():][:s.def.ValueSize]
	}
	if id == 0 {
		if id = m.add(object{kind: KindValue, num: s.num, elem: uint64(len(m.objects))}, nil, nil); id == 0 {
			m.fail(Exhausted, "")
			return 0
		}
		e.ids[cpu] = id
	}
	m.objects[id].data, m.objects[id].dead, m.objects[id].fields = b, false, nil
	r, w := b, b
	if s.readOnly() {
		w = nil
	}
	if s.def.Flags&flagWronlyProg != 0 {
		r = nil
	}
	if len(s.def.Fields) > 0 {
		r, w = nil, nil
		m.objects[id].fields = s
	}
	m.regions[id] = Region{r, w}
	return Address(id, 0)
}

// readOnly reports whether programs may not write values.
func (s *mapState) readOnly() bool {
	return s.def.Frozen || s.def.Flags&flagRdonlyProg != 0 || strings.HasPrefix(s.def.Type, "devmap")
}

// overlaps reports whether bytes of a value touch a special field.
func (s *mapState) overlaps(off int64, size int) bool {
	for _, f := range s.def.Fields {
		if off < int64(f.Offset)+int64(f.Size) && off+int64(size) > int64(f.Offset) {
			return !(strings.HasPrefix(f.Kind, "kptr") && off == int64(f.Offset) && size == 8)
		}
	}
	return false
}

// find returns the element of a key, nil for none. Elements of arrays always exist.
func (m *Machine) find(s *mapState, key []byte) *element {
	if m.in.Lazy {
		m.decide(s, key)
	}
	if s.def.Type == "lpm_trie" {
		m.charge(8 * len(s.order))
		return s.longest(key)
	}
	if e := s.elems[string(key)]; e != nil {
		return e
	}
	if isArray(s.def.Type) && s.holdsData() && s.inRange(string(key)) {
		e := m.newElement(s, string(key))
		if e == nil {
			m.fail(Exhausted, "")
		}
		return e
	}
	return nil
}

// decide makes up whether an element existed before the run, and its value, at the
// first time that the program asks.
func (m *Machine) decide(s *mapState, key []byte) {
	k := string(key)
	if s.asked[k] || s.elems[k] != nil || len(s.asked) > 1<<14 || (isArray(s.def.Type) && !s.inRange(k)) || s.def.Type == "prog_array" {
		return
	}
	if s.asked == nil {
		s.asked = map[string]bool{}
	}
	s.asked[k] = true
	if always := isArray(s.def.Type) && s.holdsData(); !always && m.draw()&3 == 0 {
		return
	}
	e := m.newElement(s, k)
	if e == nil {
		return
	}
	if s.def.Inner != nil {
		e.inner = m.newInner(s.def.Inner)
		return
	}
	m.invent(s, e)
}

// invent gives a new element contents: mostly small numbers, as counters, flags and
// identifiers are.
func (m *Machine) invent(s *mapState, e *element) {
	b := make([]byte, len(e.value))
	for i := 0; i < len(b); i += 8 {
		v := m.draw()
		switch v >> 61 {
		case 0, 1, 2, 3:
			v &= 7
		case 4, 5:
			v &= 0xffff_0000_00ff
		}
		for k := i; k < min(i+8, len(b)); k++ {
			b[k] = byte(v)
			v >>= 8
		}
	}
	s.assign(e.value, b)
}

// longest finds the longest prefix that covers a key of a trie.
func (s *mapState) longest(key []byte) *element {
	if len(key) < 4 {
		return nil
	}
	var best *element
	bestLen := -1
	want := int(binary.LittleEndian.Uint32(key))
	for _, e := range s.order {
		n := int(binary.LittleEndian.Uint32([]byte(e.key[:4])))
		if e.gone || n > want || n <= bestLen || !samePrefix([]byte(e.key[4:]), key[4:], n) {
			continue
		}
		best, bestLen = e, n
	}
	return best
}

// samePrefix compares the first n bits.
func samePrefix(a, b []byte, n int) bool {
	if n > 8*len(a) || n > 8*len(b) || !bytes.Equal(a[:n/8], b[:n/8]) {
		return false
	}
	return n%8 == 0 || (a[n/8]^b[n/8])>>(8-n%8) == 0
}

// sorted returns the elements by key; of arrays only those that are not zero, so
// that looking at an element does not change the map.
func (s *mapState) sorted() []*element {
	out := make([]*element, 0, len(s.elems))
	for _, e := range s.order {
		if !e.gone && !(isArray(s.def.Type) && allZero(e.value) && e.prog == "" && e.inner == nil) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *element) int { return strings.Compare(a.key, b.key) })
	return out
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (s *mapState) hash(h uint64) uint64 {
	for _, e := range s.sorted() {
		h = hash(hash(h, []byte(e.key)), e.value)
	}
	for _, v := range s.queue {
		h = hash(h, v)
	}
	return h + s.used
}

// entries lists the contents for a report.
func (s *mapState) entries() []Entry {
	var out []Entry
	for _, e := range s.sorted() {
		out = append(out, Entry{Key: []byte(e.key), Value: slices.Clone(e.value)})
	}
	for _, v := range s.queue {
		out = append(out, Entry{Value: slices.Clone(v)})
	}
	return out
}
