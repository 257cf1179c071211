// Package btfcheck reads and validates BTF, the type information that travels
// with BPF programs and with the kernel.
//
// The idea: a Spec keeps the raw bytes and one offset a type. Nothing else is
// built until somebody asks: records are decoded on demand, the name index is
// made at the first lookup by name. A kernel's 5 MB of BTF opens in a few
// milliseconds, so that a verification run pays only for the types it touches.
//
// Three services stand on it:
//
//   - types for the verification engine: prototypes by name (Func, Tracepoint,
//     Iterator), what a load inside a struct reads (Walk), special fields of map
//     values (Fields), sizes, tags;
//   - BTF.ext: function, line and relocation records in units of instructions
//     (ParseExt);
//   - a validator (Check) of the rules B1 to B180 that says which rule a blob
//     breaks, at which byte, in which type.
//
// Sources: the BTF documentation of Linux, and verdicts of Linux 6.18 on
// malformed blobs; libbpf's conventions for object files.
//
// The trap: Parse is lenient, Check is strict. Parse promises only that every
// record lies inside its section, so every id, name offset and size that comes
// out of a Type may still be wrong. All methods take any id and answer with
// false, an error or a zero value; none panics, recurses over types or loops
// for longer than the types it is given.
package btfcheck

import (
	"encoding/binary"
	"fmt"
	"iter"
	"strings"
	"sync"
)

// TypeID numbers types from 1. 0 is void.
type TypeID uint32

// Kind is the kind of a type.
type Kind uint8

// The kinds, by their number in the format.
const (
	KindVoid Kind = iota // not in any blob: type 0
	KindInt
	KindPtr
	KindArray
	KindStruct
	KindUnion
	KindEnum
	KindFwd
	KindTypedef
	KindVolatile
	KindConst
	KindRestrict
	KindFunc
	KindFuncProto
	KindVar
	KindDatasec
	KindFloat
	KindDeclTag
	KindTypeTag
	KindEnum64

	maxKind = KindEnum64
)

var kindNames = [...]string{
	"VOID", "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM", "FWD", "TYPEDEF", "VOLATILE", "CONST",
	"RESTRICT", "FUNC", "FUNC_PROTO", "VAR", "DATASEC", "FLOAT", "DECL_TAG", "TYPE_TAG", "ENUM64",
}

// String is the name of the kind as the documentation spells it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("KIND_%d", uint8(k))
}

// IsModifier reports whether a type of this kind only decorates another one.
func (k Kind) IsModifier() bool {
	switch k {
	case KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
		return true
	default:
		return false
	}
}

// IsStruct reports whether k is a struct or a union.
func (k Kind) IsStruct() bool { return k == KindStruct || k == KindUnion }

// Fixed parts of the encoding, in bytes.
const (
	headerSize = 24
	recordSize = 12
	// maxBlob bounds what Parse copies. Kernels refuse more than 16 MiB, but
	// their own BTF may be larger.
	maxBlob = 256 << 20
	// maxTypes is the number of types a kernel can number.
	maxTypes = 0xfffff
	// maxDepth bounds every walk along references. Kernels stop at 32.
	maxDepth = 64
)

// Spec is a set of types. It is immutable and may be used by several
// goroutines at the same time. The methods of a nil Spec know only void.
type Spec struct {
	base    *Spec
	first   TypeID // id of the first type of this Spec
	order   binary.ByteOrder
	big     bool
	types   []byte   // the type section
	offsets []uint32 // of the record of type first+i in types
	typeOff uint32   // where the type section starts in the blob
	strs    string   // the string section
	strBase uint32   // string offset of strs[0]: the base's string length
	wide    bool     // 24-bit vlen and 7-bit kind (7.x header)

	once  sync.Once
	names nameIndex

	endsLock sync.RWMutex
	ends     map[TypeID][]uint64 // of the members of structs that were walked

	tagOnce sync.Once
	tags    map[TypeID][]TypeID // DECL_TAGs by target
}

// Parse reads a .BTF section or a kernel's BTF. base is the BTF that a split
// BTF continues, nil for one that stands alone.
//
// It checks what is needed to read safely and nothing more: the header, that
// sections lie inside the blob, that records lie inside their section. Errors
// are of type *Diagnostic. The bytes are copied.
func Parse(raw []byte, base *Spec) (*Spec, error) {
	if len(raw) > maxBlob {
		return nil, &Diagnostic{Rule: "B19", Message: fmt.Sprintf("blob of %d bytes is too large", len(raw))}
	}
	h, d := readHeader(raw)
	if d == nil {
		d = h.identity()
	}
	if d == nil {
		d = h.inside(len(raw))
	}
	if d != nil {
		return nil, d
	}
	s := &Spec{base: base, first: 1, order: h.order, big: h.big, wide: h.layoutLen > 0}
	if base != nil {
		if base.big != s.big {
			return nil, &Diagnostic{Rule: "B173", Message: "byte order differs from the base BTF's"}
		}
		s.first = base.Next()
		s.strBase = base.strBase + uint32(len(base.strs))
	}
	s.typeOff = h.hdrLen + h.typeOff
	s.types = append([]byte(nil), raw[s.typeOff:][:h.typeLen]...)
	s.strs = string(raw[h.hdrLen+h.strOff:][:h.strLen])
	if n := len(s.strs); n > 0 && s.strs[n-1] != 0 || n == 0 && base == nil {
		return nil, &Diagnostic{Rule: "B17", Offset: h.hdrLen + h.strOff, Message: "string section does not end with NUL"}
	}
	if d := s.index(layoutOf(raw, h)); d != nil {
		return nil, d
	}
	return s, nil
}

// index finds where each record starts. layout gives the sizes of kinds that
// this package does not know (two bytes a kind: fixed part, one element).
func (s *Spec) index(layout []byte) *Diagnostic {
	s.offsets = make([]uint32, 0, len(s.types)/24+1)
	end := uint32(len(s.types))
	for off := uint32(0); off < end; {
		id := s.first + TypeID(len(s.offsets))
		if id > maxTypes {
			return s.diag("B179", off, id, "more than 0xfffff types")
		}
		if end-off < recordSize {
			return s.diag("B20", off, id, "record needs 12 bytes, %d are left", end-off)
		}
		kind, vlen := s.info(s.u32(off + 4))
		size, ok := trailerSize(kind, vlen)
		if !ok && int(kind)*4+2 <= len(layout) {
			size, ok = uint64(layout[kind*4])+uint64(layout[kind*4+1])*uint64(vlen), true
		}
		if !ok {
			return s.diag("B22", off, id, "kind %d does not exist", uint8(kind))
		}
		if uint64(end-off-recordSize) < size {
			return s.diag("B20", off, id, "%s needs %d more bytes, %d are left", kind, size, end-off-recordSize)
		}
		s.offsets = append(s.offsets, off)
		off += recordSize + uint32(size)
	}
	return nil
}

// info splits the info word of a record.
func (s *Spec) info(w uint32) (Kind, uint32) {
	if s.wide {
		return Kind(w >> 24 & 0x7f), w & 0xffffff
	}
	return Kind(w >> 24 & 0x1f), w & 0xffff
}

// trailerSize is the number of bytes after the fixed 12 of a record. It is
// false for kinds that do not exist.
func trailerSize(k Kind, vlen uint32) (uint64, bool) {
	n := uint64(vlen)
	switch k {
	case KindInt, KindVar, KindDeclTag:
		return 4, true
	case KindArray:
		return 12, true
	case KindStruct, KindUnion, KindDatasec, KindEnum64:
		return 12 * n, true
	case KindEnum, KindFuncProto:
		return 8 * n, true
	case KindPtr, KindFwd, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindFloat, KindTypeTag:
		return 0, true
	default:
		return 0, false
	}
}

// u32 reads a word of the type section; the caller has checked the bounds.
func (s *Spec) u32(off uint32) uint32 {
	b := s.types[off : off+4 : off+4]
	if s.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (s *Spec) diag(rule string, off uint32, id TypeID, format string, a ...any) *Diagnostic {
	return &Diagnostic{Rule: rule, Offset: s.typeOff + off, Type: id, Message: fmt.Sprintf(format, a...)}
}

// Base is the BTF that s continues, or nil.
func (s *Spec) Base() *Spec {
	if s == nil {
		return nil
	}
	return s.base
}

// ByteOrder is the byte order of the blob.
func (s *Spec) ByteOrder() binary.ByteOrder { return s.order }

// First is the id of the first type that s adds to its base.
func (s *Spec) First() TypeID {
	if s == nil {
		return 1
	}
	return s.first
}

// Next is one more than the largest type id.
func (s *Spec) Next() TypeID {
	if s == nil {
		return 1
	}
	return s.first + TypeID(len(s.offsets))
}

// String gives the string at an offset. Split BTF continues the offsets of its
// base. It is false for an offset outside the string section.
func (s *Spec) String(off uint32) (string, bool) { return s.within(off, maxBlob) }

// within is String for strings of at most n bytes; it reads no further.
func (s *Spec) within(off uint32, n int) (string, bool) {
	for ; s != nil; s = s.base {
		if off < s.strBase {
			continue
		}
		if off-s.strBase >= uint32(len(s.strs)) {
			break
		}
		tail := s.strs[off-s.strBase:]
		if i := strings.IndexByte(tail[:min(len(tail), n+1)], 0); i >= 0 {
			return tail[:i], true
		}
		break
	}
	return "", false
}

// has reports whether a string offset is inside the string section.
func (s *Spec) has(off uint32) bool {
	for ; s != nil; s = s.base {
		if off >= s.strBase {
			return off-s.strBase < uint32(len(s.strs))
		}
	}
	return false
}

// Type decodes a type. Type 0 is void. It is false for an id that does not exist.
func (s *Spec) Type(id TypeID) (Type, bool) {
	if id == 0 {
		return Type{}, true
	}
	for ; s != nil; s = s.base {
		if id < s.first {
			continue
		}
		if i := int(id - s.first); i < len(s.offsets) {
			return s.decode(id, s.offsets[i]), true
		}
		break
	}
	return Type{}, false
}

// Types runs over the types of s, without those of its base, in order of id.
func (s *Spec) Types() iter.Seq[Type] {
	return func(yield func(Type) bool) {
		if s == nil {
			return
		}
		for i, off := range s.offsets {
			if !yield(s.decode(s.first+TypeID(i), off)) {
				return
			}
		}
	}
}

func (s *Spec) decode(id TypeID, off uint32) Type {
	w := s.u32(off + 4)
	k, vlen := s.info(w)
	return Type{ID: id, Kind: k, KindFlag: w>>31 != 0, Vlen: vlen,
		spec: s, off: off, nameOff: s.u32(off), word: s.u32(off + 8)}
}
