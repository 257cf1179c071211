package btfcheck

import (
	"hash/maphash"
	"iter"
)

// nameIndex finds types by kind and name. heads is an open hash table of type
// ids with linear probing; next links a type to the next larger id of the same
// kind and name. The hash is seeded, so that no blob can provoke collisions;
// the answers do not depend on the seed.
type nameIndex struct {
	heads []TypeID
	next  []TypeID
}

// maxIndexed is the longest name that is indexed. Identifiers end at 512; the
// bound keeps a blob of many types with one huge name from costing their product.
const maxIndexed = 512

var nameSeed = maphash.MakeSeed()

func nameHash(k Kind, name string) uint64 {
	return maphash.String(nameSeed, name) + uint64(k)*0x9e3779b97f4a7c15
}

// build indexes the types of s, largest id first, so that each chain starts
// with the smallest.
func (s *Spec) build() {
	size := 16
	for size < 2*len(s.offsets) {
		size *= 2
	}
	s.names = nameIndex{heads: make([]TypeID, size), next: make([]TypeID, len(s.offsets))}
	for i := len(s.offsets) - 1; i >= 0; i-- {
		t := s.decode(s.first+TypeID(i), s.offsets[i])
		name, ok := s.within(t.nameOff, maxIndexed)
		if !ok || name == "" {
			continue
		}
		slot := s.slot(t.Kind, name)
		s.names.next[i] = s.names.heads[slot]
		s.names.heads[slot] = t.ID
	}
}

// slot is where the chain of (k, name) starts or would start. The table is at
// most half full, so the search ends.
func (s *Spec) slot(k Kind, name string) uint64 {
	mask := uint64(len(s.names.heads) - 1)
	for i := nameHash(k, name) & mask; ; i = (i + 1) & mask {
		id := s.names.heads[i]
		if id == 0 {
			return i
		}
		t := s.decode(id, s.offsets[id-s.first])
		if got, _ := s.within(t.nameOff, maxIndexed); t.Kind == k && got == name {
			return i
		}
	}
}

// ByName finds the type of a kind and name with the smallest id, in the base
// first, as kernels do.
func (s *Spec) ByName(k Kind, name string) (TypeID, bool) {
	for id := range s.AllByName(k, name) {
		return id, true
	}
	return 0, false
}

// AllByName runs over the types of a kind and name, smallest id first.
func (s *Spec) AllByName(k Kind, name string) iter.Seq[TypeID] {
	return func(yield func(TypeID) bool) {
		if s == nil || name == "" || len(name) > maxIndexed {
			return
		}
		if s.base != nil {
			for id := range s.base.AllByName(k, name) {
				if !yield(id) {
					return
				}
			}
		}
		s.once.Do(s.build)
		for id := s.names.heads[s.slot(k, name)]; id != 0; id = s.names.next[id-s.first] {
			if !yield(id) {
				return
			}
		}
	}
}
