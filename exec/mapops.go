package exec

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// update is map_update_elem.
func (m *Machine) update(s *mapState, key, value []byte, flags uint64) uint64 {
	if m.in.Lazy {
		m.decide(s, key)
	}
	if flags&updateLock != 0 && len(s.def.Fields) == 0 || flags&^updateLock > updateExist {
		return errno(eINVAL)
	}
	flags &^= updateLock
	switch {
	case isArray(s.def.Type) && !s.inRange(string(key)):
		return errno(eBIG)
	case isArray(s.def.Type) && flags == updateNoExist:
		return errno(eEXIST)
	case s.def.Type == "lpm_trie" && (len(key) < 4 || binary.LittleEndian.Uint32(key) > 8*uint32(len(key)-4)):
		return errno(eINVAL)
	}
	e := s.elems[string(key)]
	switch {
	case e != nil && flags == updateNoExist:
		return errno(eEXIST)
	case e == nil && flags == updateExist && !isArray(s.def.Type):
		return errno(eNOENT)
	case e == nil:
		if s.full() && strings.HasPrefix(s.def.Type, "lru_") {
			m.charge(s.evict())
		}
		if e = m.newElement(s, string(key)); e == nil {
			if s.full() {
				return errno(eBIG)
			}
			return errno(12) // no memory
		}
	case !isArray(s.def.Type) && !s.perCPU(): // the old value lives on where programs hold it
		m.allocated += len(e.value)
		if m.allocated > maxBytes {
			return errno(12)
		}
		e.value, e.ids = slices.Clone(e.value), [cpus]ID{}
	}
	if s.perCPU() {
		copy(e.value[m.cpu()*s.stride():][:s.def.ValueSize], value)
		return 0
	}
	s.assign(e.value, value)
	return 0
}

// assign copies a value but for its special fields.
func (s *mapState) assign(dst, src []byte) {
	if len(s.def.Fields) == 0 {
		copy(dst, src)
		return
	}
	for i := range min(len(dst), len(src)) {
		if !s.special(i) {
			dst[i] = src[i]
		}
	}
}

func (s *mapState) special(i int) bool {
	for _, f := range s.def.Fields {
		if uint32(i) >= f.Offset && uint32(i)-f.Offset < f.Size {
			return true
		}
	}
	return false
}

// remove is map_delete_elem. A value that the program still holds stays readable,
// as it does under RCU.
func (s *mapState) remove(key []byte) uint64 {
	e := s.elems[string(key)]
	switch {
	case isArray(s.def.Type) && s.holdsData():
		return errno(eINVAL)
	case e == nil:
		return errno(eNOENT)
	}
	s.drop(e)
	return 0
}

func (s *mapState) drop(e *element) {
	delete(s.elems, e.key)
	e.gone = true
	s.live--
	if len(s.order) > 64 && s.live < len(s.order)/2 {
		s.order = slices.DeleteFunc(s.order, func(e *element) bool { return e.gone })
	}
}

// evict drops the oldest element. It returns how many it looked at.
func (s *mapState) evict() int {
	for i, e := range s.order {
		if !e.gone {
			s.drop(e)
			return i + 1
		}
	}
	return len(s.order)
}

// push adds a value to a queue, stack or bloom filter.
func (s *mapState) push(v []byte, flags uint64) uint64 {
	switch {
	case flags > updateExist || flags == updateNoExist:
		return errno(eINVAL)
	case s.def.Type == "bloom_filter":
		if !s.contains(v) && len(s.queue) < 1<<16 {
			s.queue = append(s.queue, slices.Clone(v))
		}
		return 0
	case len(s.queue) >= int(s.def.MaxEntries) && flags != updateExist:
		return errno(eBIG)
	case len(s.queue) >= int(s.def.MaxEntries) && len(s.queue) > 0:
		s.queue = s.queue[1:]
	}
	s.queue = append(s.queue, slices.Clone(v))
	return 0
}

func (s *mapState) contains(v []byte) bool {
	return slices.ContainsFunc(s.queue, func(q []byte) bool { return bytes.Equal(q, v) })
}

// take copies the next value of a queue or stack to dst and removes it if pop is
// set; of a bloom filter it looks for dst.
func (s *mapState) take(dst []byte, pop bool) uint64 {
	if s.def.Type == "bloom_filter" {
		if s.contains(dst) {
			return 0
		}
		return errno(eNOENT)
	}
	if len(s.queue) == 0 {
		clear(dst)
		return errno(eNOENT)
	}
	i := 0
	if s.def.Type == "stack" {
		i = len(s.queue) - 1
	}
	copy(dst, s.queue[i])
	if pop {
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	return 0
}
