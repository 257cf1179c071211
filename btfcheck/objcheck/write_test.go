package objcheck

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/bpfcheck/bpfcheck/loader"
)

// writeELF writes a File as an object, so that tests can change any part of one.
func writeELF(f *loader.File) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	data := byte(1)
	if f.BigEndian {
		order, data = binary.BigEndian, 2
	}
	type header struct {
		Name, Type                uint32
		Flags, Addr, Offset, Size uint64
		Link, Info                uint32
		Align, Entry              uint64
	}
	var body, names, symNames bytes.Buffer
	names.WriteByte(0)
	symNames.WriteByte(0)
	put := func(b *bytes.Buffer, v any) { _ = binary.Write(b, order, v) }
	str := func(b *bytes.Buffer, s string) uint32 {
		at := b.Len()
		b.WriteString(s + "\x00")
		return uint32(at)
	}
	body.Write(make([]byte, 64))
	heads := []header{{}}
	symtab := uint32(len(f.Sections))
	add := func(name string, h header, content []byte) {
		h.Name, h.Offset, h.Align = str(&names, name), uint64(body.Len()), 1
		if content != nil || h.Type != 8 {
			h.Size = uint64(len(content))
		}
		body.Write(content)
		heads = append(heads, h)
	}
	for _, s := range f.Sections[1:] {
		typ := s.Type
		if typ == 9 || typ == 4 || typ == 2 || typ == 3 { // rewritten below; numbers of sections stay
			typ = 0x70000000
			s.Data = []byte{}
		}
		add(s.Name, header{Type: typ, Flags: s.Flags, Size: s.Size}, s.Data)
	}
	var syms bytes.Buffer
	for _, s := range f.Symbols {
		put(&syms, str(&symNames, s.Name))
		syms.Write([]byte{s.Bind<<4 | s.Type, s.Visibility})
		put(&syms, uint16(s.Section))
		put(&syms, s.Value)
		put(&syms, s.Size)
	}
	add(".symtab", header{Type: 2, Link: symtab + 1, Info: 1, Entry: 24}, syms.Bytes())
	add(".strtab", header{Type: 3}, symNames.Bytes())
	for i, s := range f.Sections {
		for _, explicit := range []bool{false, true} {
			var rels bytes.Buffer
			for _, r := range s.Relocs {
				if r.Explicit != explicit {
					continue
				}
				put(&rels, r.Offset)
				put(&rels, uint64(r.Symbol)<<32|uint64(r.Type))
				if explicit {
					put(&rels, r.Addend)
				}
			}
			if rels.Len() > 0 {
				h := header{Type: 9, Link: symtab, Info: uint32(i), Entry: 16}
				if explicit {
					h.Type, h.Entry = 4, 24
				}
				add(".rel"+s.Name, h, rels.Bytes())
			}
		}
	}
	add(".shstrtab", header{Type: 3}, nil)
	last := &heads[len(heads)-1]
	last.Size = uint64(names.Len())
	body.Write(names.Bytes())
	shoff := uint64(body.Len())
	for _, h := range heads {
		put(&body, h)
	}
	var eh bytes.Buffer
	eh.Write([]byte{0x7f, 'E', 'L', 'F', 2, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(&eh, []uint16{1, 247})
	put(&eh, uint32(1))
	put(&eh, []uint64{0, 0, shoff})
	put(&eh, uint32(0))
	put(&eh, []uint16{64, 0, 0, 64, uint16(len(heads)), uint16(len(heads) - 1)})
	out := body.Bytes()
	copy(out, eh.Bytes())
	return out
}

// types gives access to the BTF of an object under change.
type types struct {
	t   *testing.T
	sec *loader.Section
}

func typesOf(t *testing.T, f *loader.File) *types { return &types{t, f.Section(".BTF")} }

func (b *types) word(at int) uint32        { return binary.LittleEndian.Uint32(b.sec.Data[at:]) }
func (b *types) set(at int, v uint32)      { binary.LittleEndian.PutUint32(b.sec.Data[at:], v) }
func (b *types) header() (str, strLen int) { return int(24 + b.word(16)), int(b.word(20)) }

// name returns the offset of a string in the string section; a new one is appended.
func (b *types) name(s string) uint32 {
	str, n := b.header()
	if i := bytes.Index(b.sec.Data[str:str+n], []byte("\x00"+s+"\x00")); i >= 0 {
		return uint32(i + 1)
	}
	b.sec.Data = append(bytes.Clone(b.sec.Data[:str+n]), s+"\x00"...)
	b.set(20, uint32(n+len(s)+1))
	b.sec.Size = uint64(len(b.sec.Data))
	return uint32(n)
}

// rename gives all types and members called old another name.
func (b *types) rename(old, new string) {
	b.t.Helper()
	from, to := b.name(old), b.name(new)
	end := 24 + int(b.word(12))
	found := false
	for at := 24; at < end; {
		info := b.word(at + 4)
		kind, n := info>>24&31, int(info&0xffff)
		if b.word(at) == from {
			b.set(at, to)
			found = true
		}
		first, size := at+12, 0
		switch kind {
		case 1, 14, 17:
			at += 4
		case 3:
			at += 12
		case 4, 5, 19:
			size = 12
		case 15:
			at += 12 * n
		case 6, 13:
			size = 8
		}
		for i := range n * min(size, 1) {
			if p := first + i*size; b.word(p) == from {
				b.set(p, to)
				found = true
			}
		}
		at += 12 + n*size
	}
	if !found {
		b.t.Fatalf("no type or member is called %q", old)
	}
}

// record returns where a type starts: the nth of a kind and name.
func (b *types) record(kind uint32, name string) int {
	b.t.Helper()
	want := uint32(0)
	if name != "" {
		want = b.name(name)
	}
	end := 24 + int(b.word(12))
	for at := 24; at < end; {
		info := b.word(at + 4)
		k, n := info>>24&31, int(info&0xffff)
		if k == kind && b.word(at) == want {
			return at
		}
		at += 12 + map[uint32]int{1: 4, 14: 4, 17: 4, 3: 12}[k] + n*map[uint32]int{4: 12, 5: 12, 19: 12, 15: 12, 6: 8, 13: 8}[k]
	}
	b.t.Fatalf("no type of kind %d called %q", kind, name)
	return 0
}

// array finds the ARRAY with a number of elements, by which maps say numbers, and
// changes that number.
func (b *types) array(old, new uint32) {
	b.t.Helper()
	end := 24 + int(b.word(12))
	for at := 24; at < end; {
		info := b.word(at + 4)
		k, n := info>>24&31, int(info&0xffff)
		if k == 3 && b.word(at+20) == old {
			b.set(at+20, new)
			return
		}
		at += 12 + map[uint32]int{1: 4, 14: 4, 17: 4, 3: 12}[k] + n*map[uint32]int{4: 12, 5: 12, 19: 12, 15: 12, 6: 8, 13: 8}[k]
	}
	b.t.Fatalf("no array of %d", old)
}
