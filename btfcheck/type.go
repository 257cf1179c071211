package btfcheck

// Type is one decoded record. The zero value is void.
//
// Accessors for parts that a kind does not have return zero values, and so do
// those for an index at or beyond Vlen: no members, no parameters, size 0.
type Type struct {
	ID   TypeID
	Kind Kind
	// KindFlag: bitfields in a struct, union in a FWD, signed in an enum,
	// attribute (and no tag) in a tag.
	KindFlag bool
	// Vlen is the number of members, values, parameters or variables; the
	// linkage of a FUNC.
	Vlen uint32

	spec    *Spec
	off     uint32 // of the record in the type section
	nameOff uint32
	word    uint32 // size or type
}

// Member is a member of a struct or union.
type Member struct {
	Name string
	Type TypeID
	// BitOff is the offset from the start of the struct, in bits.
	BitOff uint32
	// BitSize is the width of a bitfield, 0 for an ordinary member. Bitfields
	// of old producers, which use an INT with an odd size, have 0 here.
	BitSize uint32
}

// Param is a parameter of a prototype. Type 0 at the end stands for "...".
type Param struct {
	Name string
	Type TypeID
}

// Enumerator is a value of an enum. Value is sign-extended for signed enums and
// for 32-bit enums of old producers that do not say.
type Enumerator struct {
	Name  string
	Value uint64
}

// SecVar is a variable of a DATASEC, in bytes from the section's start.
type SecVar struct {
	Type         TypeID
	Offset, Size uint32
}

// Array is the trailer of an ARRAY.
type Array struct {
	Elem, Index TypeID
	Len         uint32
}

// Int is the trailer of an INT. Offset and Bits are bit counts.
type Int struct {
	Signed, Char, Bool bool
	Offset, Bits       uint32
}

// maxString bounds the strings that are looked at, so that many records that
// share one huge string do not cost their product.
const maxString = 4096

// Name is the name, "" if there is none, if its offset is bad or if it is longer
// than 4096 bytes.
func (t Type) Name() string { return t.str(t.nameOff) }

func (t Type) str(off uint32) string {
	if off == 0 {
		return ""
	}
	n, _ := t.spec.within(off, maxString)
	return n
}

// Size is the size field in bytes of INT, STRUCT, UNION, ENUM, ENUM64, FLOAT and
// DATASEC, else 0. Spec.SizeOf also knows the sizes of other kinds.
func (t Type) Size() uint32 {
	if t.Kind.hasSize() {
		return t.word
	}
	return 0
}

func (k Kind) hasSize() bool {
	switch k {
	case KindInt, KindStruct, KindUnion, KindEnum, KindEnum64, KindFloat, KindDatasec:
		return true
	default:
		return false
	}
}

// Ref is the type that a PTR, modifier, FUNC, VAR or DECL_TAG refers to, and
// what a FUNC_PROTO returns; else 0.
func (t Type) Ref() TypeID {
	switch t.Kind {
	case KindPtr, KindFunc, KindFuncProto, KindVar, KindDeclTag:
		return TypeID(t.word)
	default:
		if t.Kind.IsModifier() {
			return TypeID(t.word)
		}
		return 0
	}
}

// at reads word n of element i of the trailer, whose elements have size bytes.
func (t Type) at(i int, size, n uint32) uint32 {
	return t.spec.u32(t.off + recordSize + uint32(i)*size + n*4)
}

func (t Type) has(i int) bool { return i >= 0 && uint(i) < uint(t.Vlen) }

// Member gives member i of a struct or union.
func (t Type) Member(i int) Member {
	if !t.Kind.IsStruct() || !t.has(i) {
		return Member{}
	}
	m := Member{Name: t.str(t.at(i, 12, 0)), Type: TypeID(t.at(i, 12, 1)), BitOff: t.at(i, 12, 2)}
	if t.KindFlag {
		m.BitSize, m.BitOff = m.BitOff>>24, m.BitOff&0xffffff
	}
	return m
}

// memberAt is Member without the name.
func (t Type) memberAt(i int) (id TypeID, bitOff, bitSize uint32) {
	off := t.off + recordSize + uint32(i)*12
	id, bitOff = TypeID(t.spec.u32(off+4)), t.spec.u32(off+8)
	if t.KindFlag {
		bitSize, bitOff = bitOff>>24, bitOff&0xffffff
	}
	return id, bitOff, bitSize
}

// Param gives parameter i of a FUNC_PROTO.
func (t Type) Param(i int) Param {
	if t.Kind != KindFuncProto || !t.has(i) {
		return Param{}
	}
	return Param{Name: t.str(t.at(i, 8, 0)), Type: TypeID(t.at(i, 8, 1))}
}

// Value gives enumerator i of an ENUM or ENUM64.
func (t Type) Value(i int) Enumerator {
	switch {
	case t.Kind == KindEnum && t.has(i):
		return Enumerator{Name: t.str(t.at(i, 8, 0)), Value: uint64(int64(int32(t.at(i, 8, 1))))}
	case t.Kind == KindEnum64 && t.has(i):
		return Enumerator{Name: t.str(t.at(i, 12, 0)), Value: uint64(t.at(i, 12, 2))<<32 | uint64(t.at(i, 12, 1))}
	default:
		return Enumerator{}
	}
}

// Var gives variable i of a DATASEC.
func (t Type) Var(i int) SecVar {
	if t.Kind != KindDatasec || !t.has(i) {
		return SecVar{}
	}
	return SecVar{Type: TypeID(t.at(i, 12, 0)), Offset: t.at(i, 12, 1), Size: t.at(i, 12, 2)}
}

// Array gives the trailer of an ARRAY.
func (t Type) Array() Array {
	if t.Kind != KindArray {
		return Array{}
	}
	return Array{Elem: TypeID(t.at(0, 0, 0)), Index: TypeID(t.at(0, 0, 1)), Len: t.at(0, 0, 2)}
}

// Int gives the trailer of an INT.
func (t Type) Int() Int {
	if t.Kind != KindInt {
		return Int{}
	}
	w := t.at(0, 0, 0)
	return Int{Signed: w>>24&1 != 0, Char: w>>24&2 != 0, Bool: w>>24&4 != 0, Offset: w >> 16 & 0xff, Bits: w & 0xff}
}

// regular reports whether the INT has a whole number of 1, 2, 4, 8 or 16 bytes
// and starts at bit 0 (B178 without the comparison with its size field).
func (i Int) regular() bool {
	switch i.Bits {
	case 8, 16, 32, 64, 128:
		return i.Offset == 0
	default:
		return false
	}
}

// Signed reports whether an INT or enum is signed.
func (t Type) Signed() bool {
	switch t.Kind {
	case KindInt:
		return t.Int().Signed
	case KindEnum, KindEnum64:
		return t.KindFlag
	default:
		return false
	}
}

// Linkage of a FUNC or VAR: 0 static, 1 global, 2 extern.
func (t Type) Linkage() uint32 {
	switch t.Kind {
	case KindFunc:
		return t.Vlen
	case KindVar:
		return t.at(0, 0, 0)
	default:
		return 0
	}
}

// Component is the member or parameter that a DECL_TAG speaks of, -1 for the
// whole target (and for every other kind).
func (t Type) Component() int32 {
	if t.Kind != KindDeclTag {
		return -1
	}
	return int32(t.at(0, 0, 0))
}
