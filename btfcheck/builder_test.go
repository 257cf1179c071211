package btfcheck

import (
	"encoding/binary"
	"slices"
)

// builder writes blobs for tests, in either byte order.
type builder struct {
	order binary.AppendByteOrder
	types []byte
	strs  []byte
	first uint32 // string offset of strs[0], for split BTF
	n     TypeID
}

func newBuilder() *builder { return &builder{order: binary.LittleEndian, strs: []byte{0}} }

func (b *builder) str(s string) uint32 {
	if s == "" {
		return 0
	}
	at := b.first + uint32(len(b.strs))
	b.strs = append(append(b.strs, s...), 0)
	return at
}

func (b *builder) add(name string, k Kind, vlen int, flag bool, word uint32, tail ...uint32) TypeID {
	info := uint32(k)<<24 | uint32(vlen)
	if flag {
		info |= 1 << 31
	}
	for _, v := range append([]uint32{b.str(name), info, word}, tail...) {
		b.types = b.order.AppendUint32(b.types, v)
	}
	b.n++
	return b.n
}

func (b *builder) integer(name string, size uint32) TypeID {
	return b.add(name, KindInt, 0, false, size, 8*size)
}

func (b *builder) ptr(to TypeID) TypeID { return b.add("", KindPtr, 0, false, uint32(to)) }

func (b *builder) tagged(tag string, to TypeID) TypeID {
	return b.ptr(b.add(tag, KindTypeTag, 0, false, uint32(to)))
}

func (b *builder) array(of TypeID, n uint32) TypeID {
	return b.add("", KindArray, 0, false, 0, uint32(of), 1, n)
}

// field is a member at a byte offset, or a bitfield of width bits at a bit offset.
type field struct {
	name  string
	t     TypeID
	off   uint32
	width uint32
}

func (b *builder) structure(k Kind, name string, size uint32, fields ...field) TypeID {
	var tail []uint32
	bits := false
	for _, f := range fields {
		bits = bits || f.width != 0
	}
	for _, f := range fields {
		off := f.off * 8
		if f.width != 0 {
			off = f.width<<24 | f.off
		}
		tail = append(tail, b.str(f.name), uint32(f.t), off)
	}
	return b.add(name, k, len(fields), bits, size, tail...)
}

func (b *builder) blob() []byte {
	out := b.order.AppendUint16(nil, 0xeb9f)
	out = append(out, 1, 0)
	for _, v := range []int{24, 0, len(b.types), len(b.types), len(b.strs)} {
		out = b.order.AppendUint32(out, uint32(v))
	}
	return append(append(out, b.types...), b.strs...)
}

const progStrings = "\x00int\x00main\x00sub\x00no_kernel_s\x00a\x000\x000:0\x000:9\x00E\x001\x00void_sub\x00"

// strAt is the offset of a string of progStrings that stands alone.
func strAt(s string) uint32 {
	for i := 1; i < len(progStrings); i++ {
		if progStrings[i-1] == 0 && len(progStrings[i:]) > len(s) && progStrings[i:i+len(s)] == s && progStrings[i+len(s)] == 0 {
			return uint32(i)
		}
	}
	panic("no string " + s)
}

// progTypes are the types of the test program: 1 int, 2 int(), 3 main, 4 sub,
// 5 struct, 6 enum, 7 void(), 8 void_sub, 9 it global, 10 sub
// global, 11 int(struct), 12 global of it.
func progTypes() []byte {
	k := func(kind Kind, vlen uint32) uint32 { return uint32(kind)<<24 | vlen }
	return blobOf(words(
		strAt("int"), k(KindInt, 0), 4, 1<<24|32,
		0, k(KindFuncProto, 0), 1,
		strAt("main"), k(KindFunc, 1), 2,
		strAt("sub"), k(KindFunc, 0), 2,
		strAt("no_kernel_s"), k(KindStruct, 1), 4, strAt("a"), 1, 0,
		strAt("E"), k(KindEnum, 1), 4, strAt("a"), 0,
		0, k(KindFuncProto, 0), 0,
		strAt("void_sub"), k(KindFunc, 0), 7,
		strAt("void_sub"), k(KindFunc, 1), 7,
		strAt("sub"), k(KindFunc, 1), 2,
		0, k(KindFuncProto, 1), 1, strAt("a"), 5,
		strAt("sub"), k(KindFunc, 1), 11,
	), []byte(progStrings))
}

// extOf makes a .BTF.ext section of sub-sections.
func extOf(subs ...[]byte) []byte {
	out := []byte{0x9f, 0xeb, 1, 0}
	out = binary.LittleEndian.AppendUint32(out, uint32(8+8*len(subs)))
	at := uint32(0)
	for _, s := range subs {
		out = append(out, words(at, uint32(len(s)))...)
		at += uint32(len(s))
	}
	return append(out, slices.Concat(subs...)...)
}
