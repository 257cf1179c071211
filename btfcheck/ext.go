package btfcheck

import (
	"encoding/binary"
	"fmt"
)

// Ext is a decoded .BTF.ext section.
type Ext struct {
	// Sections in the order in which they are first met.
	Sections []ExtSection
}

// ExtSection holds the records of one ELF section. Blocks for the same section
// are put together in their order (B171).
type ExtSection struct {
	Name   string
	Funcs  []FuncInfo
	Lines  []LineInfo
	Relocs []Reloc
}

// FuncInfo says which FUNC starts at an instruction.
type FuncInfo struct {
	Insn uint32 // index of the slot in the ELF section
	Type TypeID
}

// LineInfo says which source line an instruction comes from. Strings longer than
// 4096 bytes are left out.
type LineInfo struct {
	Insn         uint32 // index of the slot in the ELF section
	File, Text   string
	Line, Column uint32
}

// RelocKind is what a CO-RE relocation asks about a type.
type RelocKind uint32

// The kinds of CO-RE relocations.
const (
	RelocFieldOffset RelocKind = iota
	RelocFieldSize
	RelocFieldExists
	RelocFieldSigned
	RelocFieldLShift
	RelocFieldRShift
	RelocTypeIDLocal
	RelocTypeIDTarget
	RelocTypeExists
	RelocTypeSize
	RelocEnumExists
	RelocEnumValue
	RelocTypeMatches

	numRelocKinds
)

// Reloc is one CO-RE relocation.
type Reloc struct {
	Insn   uint32 // index of the slot in the ELF section
	Type   TypeID
	Access string // "0:1:2"
	Kind   RelocKind
}

// Section finds the records of an ELF section. The zero ExtSection has none.
func (e *Ext) Section(name string) (ExtSection, bool) {
	if e != nil {
		for _, s := range e.Sections {
			if s.Name == name {
				return s, true
			}
		}
	}
	return ExtSection{}, false
}

// extReader walks a .BTF.ext section. Its first error sticks.
type extReader struct {
	raw   []byte
	order binary.ByteOrder
	spec  *Spec
	out   Ext
	at    map[string]int // index in out.Sections
}

// The sub-sections of .BTF.ext, by position in the header.
const (
	extFunc = iota
	extLine
	extReloc
	numExt
)

// extRecord is the size of the known part of a record of each sub-section.
var extRecord = [numExt]uint32{8, 16, 16}

var extName = [numExt]string{"func_info", "line_info", "core_relo"}

// ParseExt reads a .BTF.ext section, which loaders consume and no kernel ever
// sees: three tables (functions, lines, relocations) of records, grouped by ELF
// section, with offsets in bytes. spec is the object's BTF, which holds the
// strings. It checks B164 to B169 and B171, that every string and type exists,
// and that instruction offsets are whole slots in increasing order. It does not
// know the ELF file: whether sections exist and how long they are is for the
// caller to say. Errors are of type *Diagnostic.
func ParseExt(raw []byte, spec *Spec) (*Ext, error) {
	if len(raw) > maxBlob {
		return nil, &Diagnostic{Rule: "B164", Message: "section is too large"}
	}
	r := extReader{raw: raw, spec: spec, at: map[string]int{}}
	subs, d := r.header()
	for i := 0; i < numExt && d == nil; i++ {
		d = r.sub(i, subs[i])
	}
	if d != nil {
		return nil, d
	}
	return &r.out, nil
}

// extent is a part of the section, in bytes from its start.
type extent struct{ off, len uint32 }

// header reads the header and the extents of the sub-sections (B164, B165).
func (r *extReader) header() (subs [numExt]extent, d *Diagnostic) {
	fail := func(off uint32, format string, a ...any) *Diagnostic {
		return &Diagnostic{Rule: "B164", Offset: off, Message: ".BTF.ext: " + fmt.Sprintf(format, a...)}
	}
	if len(r.raw) < 8 {
		return subs, fail(0, "%d bytes are too few for a header", len(r.raw))
	}
	switch binary.LittleEndian.Uint16(r.raw) {
	case 0xeb9f:
		r.order = binary.LittleEndian
	case 0x9feb:
		r.order = binary.BigEndian
	default:
		return subs, fail(0, "no magic")
	}
	hdr := r.order.Uint32(r.raw[4:])
	switch {
	case r.raw[2] != 1:
		return subs, fail(2, "version %d is not 1", r.raw[2])
	case r.raw[3] != 0:
		return subs, fail(3, "flags %#x are not 0", r.raw[3])
	case hdr < 24 || uint64(hdr) > uint64(len(r.raw)):
		return subs, fail(4, "header of %d bytes in a section of %d", hdr, len(r.raw))
	case r.spec != nil && r.spec.order != r.order:
		return subs, fail(0, "byte order differs from the .BTF section's")
	}
	for i := range subs {
		at := uint32(8 + 8*i)
		if hdr < at+8 {
			break // producers from before CO-RE
		}
		off, n := r.order.Uint32(r.raw[at:]), r.order.Uint32(r.raw[at+4:])
		switch {
		case n == 0:
		case off%4 != 0:
			return subs, &Diagnostic{Rule: "B165", Offset: at, Message: extName[i] + " does not start at a multiple of 4"}
		case uint64(hdr)+uint64(off)+uint64(n) > uint64(len(r.raw)):
			return subs, &Diagnostic{Rule: "B165", Offset: at, Message: extName[i] + " is not inside the section"}
		default:
			subs[i] = extent{hdr + off, n}
		}
	}
	return subs, nil
}

// sub reads one sub-section: a record size, then blocks of a section name, a
// count and records (B166, B167).
func (r *extReader) sub(which int, e extent) *Diagnostic {
	if e.len == 0 {
		return nil
	}
	fail := func(rule string, off uint32, format string, a ...any) *Diagnostic {
		return &Diagnostic{Rule: rule, Offset: off, Message: extName[which] + ": " + fmt.Sprintf(format, a...)}
	}
	if e.len < 4 {
		return fail("B166", e.off, "no room for the record size")
	}
	off, end := e.off+4, e.off+e.len
	size := r.order.Uint32(r.raw[e.off:])
	if size < extRecord[which] || size%4 != 0 || size > 1<<16 {
		return fail("B166", e.off, "record size %d", size)
	}
	if off == end {
		return fail("B167", off, "no block")
	}
	for off < end {
		if end-off < 8 {
			return fail("B167", off, "%d bytes are too few for a block", end-off)
		}
		name, ok := r.spec.within(r.order.Uint32(r.raw[off:]), maxString)
		count := r.order.Uint32(r.raw[off+4:])
		switch {
		case !ok:
			return fail("B172", off, "bad offset of the section name")
		case count == 0:
			return fail("B167", off+4, "block without records")
		case uint64(count)*uint64(size) > uint64(end-off-8):
			return fail("B167", off+4, "%d records of %d bytes do not fit", count, size)
		}
		off += 8
		sec := r.section(name)
		for ; count > 0; count-- {
			if d := r.record(which, sec, off); d != nil {
				return d
			}
			off += size
		}
	}
	return nil
}

// section finds or makes the entry of an ELF section.
func (r *extReader) section(name string) *ExtSection {
	i, ok := r.at[name]
	if !ok {
		i = len(r.out.Sections)
		r.at[name] = i
		r.out.Sections = append(r.out.Sections, ExtSection{Name: name})
	}
	return &r.out.Sections[i]
}

// record reads one record at a byte offset; the caller has checked its room.
func (r *extReader) record(which int, sec *ExtSection, off uint32) *Diagnostic {
	word := func(i uint32) uint32 { return r.order.Uint32(r.raw[off+4*i:]) }
	fail := func(rule string, i uint32, what string) *Diagnostic {
		return &Diagnostic{Rule: rule, Offset: off + 4*i,
			Message: fmt.Sprintf("%s of section %s: %s %d", extName[which], sec.Name, what, word(i))}
	}
	if word(0)%8 != 0 {
		return fail([numExt]string{"B168", "B168", "B169"}[which], 0, "no instruction at byte")
	}
	insn := word(0) / 8
	switch which {
	case extFunc:
		if t, ok := r.spec.Type(TypeID(word(1))); !ok || t.Kind != KindFunc {
			return fail("B143", 1, "no function is type")
		}
		if n := len(sec.Funcs); n > 0 && insn < sec.Funcs[n-1].Insn {
			return fail("B171", 0, "records go back to byte")
		}
		sec.Funcs = append(sec.Funcs, FuncInfo{Insn: insn, Type: TypeID(word(1))})
	case extLine:
		file, _ := r.spec.within(word(1), maxString)
		text, _ := r.spec.within(word(2), maxString)
		if !r.spec.has(word(1)) || !r.spec.has(word(2)) {
			return fail("B152", 1, "bad string offset near")
		}
		if n := len(sec.Lines); n > 0 && insn < sec.Lines[n-1].Insn {
			return fail("B171", 0, "records go back to byte")
		}
		sec.Lines = append(sec.Lines, LineInfo{Insn: insn, File: file, Text: text, Line: word(3) >> 10, Column: word(3) & 0x3ff})
	case extReloc:
		access, ok := r.spec.within(word(2), maxString)
		if !ok {
			return fail("B172", 2, "bad string offset")
		}
		if _, ok := r.spec.Type(TypeID(word(1))); !ok {
			return fail("B159", 1, "relocation against missing type")
		}
		if word(3) >= uint32(numRelocKinds) {
			return fail("B161", 3, "unknown relocation kind")
		}
		sec.Relocs = append(sec.Relocs, Reloc{Insn: insn, Type: TypeID(word(1)), Access: access, Kind: RelocKind(word(3))})
	}
	return nil
}

// Check compares the records with the object file: slots gives the number of
// instruction slots of an executable section, and false if there is none of that
// name. Loaders skip records of missing sections and refuse records beyond the
// end (B170, B150, B158).
func (e *Ext) Check(slots func(section string) (uint32, bool)) []Diagnostic {
	var out []Diagnostic
	for _, s := range e.Sections {
		n, ok := slots(s.Name)
		if !ok {
			out = append(out, Diagnostic{Rule: "B170", Message: fmt.Sprintf("records for %q, which is no executable section", s.Name)})
			continue
		}
		// All but the relocations are in order: the last has the largest offset.
		if k := len(s.Funcs); k > 0 && s.Funcs[k-1].Insn >= n {
			out = append(out, Diagnostic{Rule: "B168", Message: fmt.Sprintf("section %s: function at slot %d of %d", s.Name, s.Funcs[k-1].Insn, n)})
		}
		if k := len(s.Lines); k > 0 && s.Lines[k-1].Insn >= n {
			out = append(out, Diagnostic{Rule: "B150", Message: fmt.Sprintf("section %s: line at slot %d of %d", s.Name, s.Lines[k-1].Insn, n)})
		}
		for _, r := range s.Relocs {
			if r.Insn >= n {
				out = append(out, Diagnostic{Rule: "B158", Message: fmt.Sprintf("section %s: relocation at slot %d of %d", s.Name, r.Insn, n)})
				break
			}
		}
	}
	return out
}

// LineAt gives the line record that covers an instruction: the last one at or
// before it. It is false before the first record.
func (s ExtSection) LineAt(insn uint32) (LineInfo, bool) {
	lo, hi := 0, len(s.Lines)
	for lo < hi {
		if mid := (lo + hi) / 2; s.Lines[mid].Insn <= insn {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return LineInfo{}, false
	}
	return s.Lines[lo-1], true
}
