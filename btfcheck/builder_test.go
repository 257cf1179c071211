package btfcheck

import "encoding/binary"

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
