package btfcheck

import (
	"fmt"
	"math"
)

// Tags is the set of type tags met on the way to a type. Attributes (tags with
// the kind flag) are no tags.
type Tags uint16

// The tags that the kernel gives a meaning to.
const (
	TagUser          Tags = 1 << iota // user: points into user space
	TagPercpu                         // percpu: an offset into per-CPU memory
	TagRCU                            // rcu: valid inside an RCU read section
	TagKptr                           // kptr: a reference held by a map value
	TagKptrUntrusted                  // kptr_untrusted
	TagPercpuKptr                     // percpu_kptr
	TagUptr                           // uptr: user memory pinned by the kernel
	TagOther                          // any other tag
)

var tagNames = [...]string{"user", "percpu", "rcu", "kptr", "kptr_untrusted", "percpu_kptr", "uptr", "other"}

// String lists the tags, separated by commas.
func (t Tags) String() string {
	out := ""
	for i, n := range tagNames {
		if t&(1<<i) != 0 {
			if out != "" {
				out += ","
			}
			out += n
		}
	}
	return out
}

func tagOf(name string) Tags {
	for i, n := range tagNames[:len(tagNames)-1] {
		if n == name {
			return 1 << i
		}
	}
	return TagOther
}

// Resolve follows typedefs, qualifiers and tags to the type underneath and
// collects the tags. It fails for an id that does not exist and for chains of
// more than 64 modifiers, which is what a cycle looks like.
func (s *Spec) Resolve(id TypeID) (Type, Tags, error) {
	var tags Tags
	for range maxDepth {
		t, ok := s.Type(id)
		if !ok {
			return Type{}, 0, fmt.Errorf("type %d does not exist", id)
		}
		if !t.Kind.IsModifier() {
			return t, tags, nil
		}
		if t.Kind == KindTypeTag && !t.KindFlag {
			tags |= tagOf(t.Name())
		}
		id = t.Ref()
	}
	return Type{}, 0, fmt.Errorf("type %d: modifiers without end", id)
}

// Pointee resolves what a PTR (under any modifiers) points to. ok is false if id
// is no pointer. tags are those between the pointer and its target.
func (s *Spec) Pointee(id TypeID) (target Type, tags Tags, ok bool) {
	t, _, err := s.Resolve(id)
	if err != nil || t.Kind != KindPtr {
		return Type{}, 0, false
	}
	target, tags, err = s.Resolve(t.Ref())
	return target, tags, err == nil
}

// flat is a type with its arrays flattened, as __btf_resolve_size sees it: elem
// is the innermost element, n the number of elements over all dimensions.
type flat struct {
	elem  Type
	n     uint32
	array bool
	size  uint32 // of the whole, in bytes
}

// flatten follows modifiers and array dimensions. It fails for types without a
// size and for sizes beyond 32 bits.
func (s *Spec) flatten(id TypeID) (flat, error) {
	f := flat{n: 1}
	for range maxDepth {
		t, ok := s.Type(id)
		if !ok {
			return flat{}, fmt.Errorf("type %d does not exist", id)
		}
		switch t.Kind {
		case KindInt, KindStruct, KindUnion, KindEnum, KindEnum64, KindFloat:
			f.elem, f.size = t, t.Size()
		case KindPtr:
			f.elem, f.size = t, 8
		case KindArray:
			a := t.Array()
			if f.n != 0 && a.Len > math.MaxUint32/f.n {
				return flat{}, fmt.Errorf("type %d: array too large", id)
			}
			f.array, f.n, id = true, f.n*a.Len, a.Elem
			continue
		case KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
			id = t.Ref()
			continue
		default:
			return flat{}, fmt.Errorf("type %d: %s has no size", id, t.Kind)
		}
		if f.n != 0 && f.size > math.MaxUint32/f.n {
			return flat{}, fmt.Errorf("type %d: array too large", id)
		}
		f.size *= f.n
		return f, nil
	}
	return flat{}, fmt.Errorf("type %d: chain of types without end", id)
}

// SizeOf is the size of a type in bytes. VAR has the size of its type, DATASEC
// that of the section. It fails for types without a size: void, FWD, functions.
func (s *Spec) SizeOf(id TypeID) (uint32, error) {
	t, ok := s.Type(id)
	if ok && t.Kind == KindDatasec {
		return t.Size(), nil
	}
	if ok && t.Kind == KindVar {
		id = t.Ref()
	}
	f, err := s.flatten(id)
	return f.size, err
}

// maxAlignWork bounds the members that AlignOf looks at.
const maxAlignWork = 1 << 16

// AlignOf is the alignment of a type in bytes as C gives it on a 64-bit machine.
// A struct is packed, with alignment 1, if a member lies off its alignment or
// if its size is no multiple of it.
func (s *Spec) AlignOf(id TypeID) (uint32, error) {
	type frame struct {
		t     Type
		next  int
		align uint32
		pack  bool
	}
	known := map[TypeID]uint32{}
	var stack []frame
	work := 0
	// value is the alignment of a type; ok is false if its struct is to be done first.
	value := func(id TypeID) (align uint32, todo Type, err error) {
		f, err := s.flatten(id)
		switch {
		case err != nil:
			return 0, Type{}, err
		case !f.elem.Kind.IsStruct():
			return scalarAlign(f.elem), Type{}, nil
		case known[f.elem.ID] != 0:
			return known[f.elem.ID], Type{}, nil
		default:
			return 0, f.elem, nil
		}
	}
	align, todo, err := value(id)
	if err != nil || align != 0 {
		return align, err
	}
	stack = append(stack, frame{t: todo, align: 1})
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		if f.next == int(f.t.Vlen) {
			if f.pack || f.t.Size()%f.align != 0 {
				f.align = 1
			}
			align = f.align
			known[f.t.ID] = align
			stack = stack[:len(stack)-1]
			continue
		}
		if work++; work > maxAlignWork || len(stack) > maxDepth {
			return 0, fmt.Errorf("type %d: too deep to align", id)
		}
		mid, bits, width := f.t.memberAt(f.next)
		a, todo, err := value(mid)
		if err != nil {
			return 0, err
		}
		if a == 0 {
			stack = append(stack, frame{t: todo, align: 1})
			continue
		}
		f.next++
		f.align = max(f.align, a)
		f.pack = f.pack || width == 0 && bits%(8*a) != 0
	}
	return align, nil
}

// scalarAlign is the alignment of an INT, ENUM, ENUM64, FLOAT or PTR: its size
// if that is a power of two, at most 16 for integers and 8 for others.
func scalarAlign(t Type) uint32 {
	size, most := t.Size(), uint32(8)
	switch t.Kind {
	case KindPtr:
		size = 8
	case KindInt, KindFloat:
		most = 16
	}
	for most > 1 && (most > size || size%most != 0) {
		most /= 2
	}
	return most
}

// FindMember finds a member by name, also inside anonymous structs and unions.
// off is its offset from the start of struct id, in bits.
func (s *Spec) FindMember(id TypeID, name string) (m Member, off uint32, ok bool) {
	type item struct {
		id  TypeID
		off uint32
	}
	todo := []item{{id: id}}
	for n := 0; n < len(todo) && n < maxAlignWork; n++ {
		t, _, err := s.Resolve(todo[n].id)
		if err != nil || !t.Kind.IsStruct() {
			continue
		}
		for i := range int(t.Vlen) {
			m := t.Member(i)
			if m.Name == name {
				return m, todo[n].off + m.BitOff, true
			}
			if m.Name == "" && len(todo) < maxAlignWork {
				todo = append(todo, item{m.Type, todo[n].off + m.BitOff})
			}
		}
	}
	return Member{}, 0, false
}
