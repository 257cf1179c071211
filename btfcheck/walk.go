package btfcheck

import (
	"fmt"
	"math"
)

// AccessKind says what a load reads.
type AccessKind uint8

// The kinds of results of Walk. The zero value is no access at all.
const (
	AccessNone AccessKind = iota
	// AccessScalar: a number, or part of one.
	AccessScalar
	// AccessPointer: a whole pointer to struct or union Access.Type.
	AccessPointer
	// AccessMemory: a whole pointer to something that is no struct (void, int,
	// function, pointer). A number for Linux up to 6.16; since 6.17 a pointer
	// to untrusted read-only memory.
	AccessMemory
)

// Access is what a load reads.
type Access struct {
	Kind AccessKind
	// Type is the struct or other type that is pointed to for AccessPointer
	// and AccessMemory, the resolved type of the member for AccessScalar.
	Type TypeID
	// Tags is the tag right below the pointer: user, percpu or rcu.
	Tags Tags
	// Union: the way went through a union of several members, so that nothing
	// says that the member read is the one that was written.
	Union bool
	// Field is the innermost member's name, Struct the struct or union it is
	// a member of.
	Field  string
	Struct TypeID
}

// Walk says what a load of size bytes at byte offset off in struct or union id
// reads, by the rule of Linux 6.18 (V39).
//
// The first member that covers off decides, also in a union. Nested structs are
// entered, arrays are reduced to one element, a flexible array at the end
// goes on for ever. A pointer must be read whole. A number may be read in
// parts, and a load may span the elements of an array of numbers, but not two
// members, except below a union. Padding, holes and everything beyond the
// struct are errors.
func (s *Spec) Walk(id TypeID, off int32, size int) (Access, error) {
	t, _, err := s.Resolve(id)
	if err != nil {
		return Access{}, err
	}
	if off < 0 || size <= 0 || size > 8 {
		return Access{}, fmt.Errorf("load of %d bytes at offset %d", size, off)
	}
	w := walker{s: s, off: uint64(off), size: uint64(size)}
	// Each round enters a nested struct, of which a chain can only be as long as
	// there are types in it; a blob that contains itself stops at the bound.
	for range maxDepth {
		a, in, err := w.step(t)
		if err != nil || a.Kind != AccessNone {
			a.Union = w.union
			return a, err
		}
		t = in
	}
	return Access{}, fmt.Errorf("type %d: structs nested too deep", id)
}

// walker is a load on its way down. off and size are wide, so that no sum of a
// hostile blob's 32-bit offsets and sizes wraps around.
type walker struct {
	s         *Spec
	off, size uint64 // within the struct at hand
	union     bool   // a union of several members was entered
}

// step looks for the member of t that is read. It answers with an access, or
// with the nested struct to continue in, to whose start it has moved off.
func (w *walker) step(t Type) (Access, Type, error) {
	if !t.Kind.IsStruct() {
		return Access{}, Type{}, fmt.Errorf("type %d: %s is no struct", t.ID, t.Kind)
	}
	if t.Kind == KindUnion && t.Vlen != 1 {
		w.union = true
	}
	if w.off+w.size > uint64(t.Size()) {
		return w.flexible(t)
	}
	ends := w.s.memberEnds(t)
	for i := range int(t.Vlen) {
		id, bits, width := t.memberAt(i)
		at := uint64(bits / 8)
		if w.off+w.size <= at {
			break // members are in order: the rest lies behind
		}
		if width != 0 {
			// Compilers read a bitfield with the bytes around it. A load
			// that covers all of it reads a number; any other goes on to
			// the members behind.
			if w.off <= at && uint64(bits+width+7)/8 <= w.off+w.size {
				return w.scalar(t, i, id)
			}
			continue
		}
		if w.off < at {
			break // a hole
		}
		end := ends[i]
		if w.off >= end {
			continue
		}
		f, err := w.s.flatten(id)
		if err != nil {
			return Access{}, Type{}, fmt.Errorf("struct %s: member %s: %w", t.Name(), t.Member(i).Name, err)
		}
		if f.array {
			// All dimensions are one row of elements: move to the one that
			// is read. A size of 0 was passed over above.
			each := uint64(f.size / f.n)
			at += (w.off - at) / each * each
		}
		switch {
		case f.elem.Kind.IsStruct():
			w.off -= at
			return Access{}, f.elem, nil
		case f.elem.Kind == KindPtr:
			return w.pointer(t, i, f.elem, at)
		}
		// A number may be read in parts, and an array of numbers like a buffer.
		if w.off+w.size > end && !w.union {
			return Access{}, Type{}, fmt.Errorf("struct %s: load at offset %d size %d runs over the end of member %s",
				t.Name(), w.off, w.size, t.Member(i).Name)
		}
		return w.scalar(t, i, f.elem.ID)
	}
	return Access{}, Type{}, fmt.Errorf("struct %s has no member at offset %d", t.Name(), w.off)
}

// memberEnds gives the byte behind each member of a struct, the largest number for
// a member without a size. It is kept: large structs are walked often, and most
// of the time would go into the sizes of the members passed over.
func (s *Spec) memberEnds(t Type) []uint64 {
	s.endsLock.RLock()
	ends, ok := s.ends[t.ID]
	s.endsLock.RUnlock()
	if ok {
		return ends
	}
	ends = make([]uint64, t.Vlen)
	for i := range ends {
		id, bits, _ := t.memberAt(i)
		f, err := s.flatten(id)
		if ends[i] = uint64(bits/8) + uint64(f.size); err != nil {
			ends[i] = math.MaxUint64
		}
	}
	s.endsLock.Lock()
	defer s.endsLock.Unlock()
	if s.ends == nil {
		s.ends = map[TypeID][]uint64{}
	}
	s.ends[t.ID] = ends
	return ends
}

// flexible handles a load beyond the size of t: fine if the last member is an
// array of no declared length.
func (w *walker) flexible(t Type) (Access, Type, error) {
	fail := func() (Access, Type, error) {
		return Access{}, Type{}, fmt.Errorf("load at offset %d size %d is beyond struct %s of %d bytes", w.off, w.size, t.Name(), t.Size())
	}
	if t.Vlen == 0 {
		return fail()
	}
	id, bits, _ := t.memberAt(int(t.Vlen) - 1)
	arr, _, err := w.s.Resolve(id)
	at := uint64(bits / 8)
	if err != nil || arr.Kind != KindArray || arr.Array().Len != 0 || w.off < at {
		return fail()
	}
	elem, _, err := w.s.Resolve(arr.Array().Elem)
	switch {
	case err != nil:
		return fail()
	case elem.Kind == KindInt:
		return w.scalar(t, int(t.Vlen)-1, elem.ID)
	case elem.Kind.IsStruct() && elem.Size() > 0:
		w.off = (w.off - at) % uint64(elem.Size())
		return Access{}, elem, nil
	default:
		return fail()
	}
}

func (w *walker) scalar(t Type, member int, id TypeID) (Access, Type, error) {
	if r, _, err := w.s.Resolve(id); err == nil {
		id = r.ID
	}
	return Access{Kind: AccessScalar, Type: id, Field: t.Member(member).Name, Struct: t.ID}, Type{}, nil
}

// pointer reads member i, the pointer ptr at offset at.
func (w *walker) pointer(t Type, i int, ptr Type, at uint64) (Access, Type, error) {
	a := Access{Field: t.Member(i).Name, Struct: t.ID}
	if w.off != at || w.size != 8 {
		return Access{}, Type{}, fmt.Errorf("struct %s: pointer %s at offset %d is not read whole by size %d at %d",
			t.Name(), a.Field, at, w.size, w.off)
	}
	// Only the first tag counts: kernels look no further.
	if tag, ok := w.s.Type(ptr.Ref()); ok && tag.Kind == KindTypeTag && !tag.KindFlag {
		a.Tags = tagOf(tag.Name()) & (TagUser | TagPercpu | TagRCU)
	}
	target, _, err := w.s.Resolve(ptr.Ref())
	if err != nil {
		return Access{}, Type{}, err
	}
	a.Kind, a.Type = AccessMemory, target.ID
	if target.Kind.IsStruct() {
		a.Kind = AccessPointer
	}
	return a, Type{}, nil
}

// Embeds reports whether a pointer to struct id plus off bytes is a pointer to a
// struct want: id itself at offset 0, or a struct inside it that starts there.
// Types are compared by id.
func (s *Spec) Embeds(id TypeID, off int32, want TypeID) bool {
	t, _, err := s.Resolve(id)
	if err != nil || off < 0 {
		return false
	}
	w := walker{s: s, off: uint64(off), size: 1}
	for range maxDepth {
		if w.off == 0 && t.ID == want {
			return true
		}
		a, in, err := w.step(t)
		if err != nil || a.Kind != AccessNone {
			return false
		}
		t = in
	}
	return false
}

// SafeField reports whether the kernel vouches for pointers read from a field of
// struct id: whether its BTF has a struct named after it plus suffix
// ("__safe_rcu", "__safe_rcu_or_null", "__safe_trusted",
// "__safe_trusted_or_null") that lists a pointer to target under that name.
func (s *Spec) SafeField(id TypeID, suffix, field string, target TypeID) bool {
	t, ok := s.Type(id)
	if !ok || t.Name() == "" {
		return false
	}
	safe, ok := s.ByName(t.Kind, t.Name()+suffix)
	if !ok {
		return false
	}
	list, _ := s.Type(safe)
	for i := range int(list.Vlen) {
		m := list.Member(i)
		if p, _, ok := s.Pointee(m.Type); ok && m.Name == field && p.ID == target {
			return true
		}
	}
	return false
}
