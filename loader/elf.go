package loader

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// This file reads the parts of ELF64 that BPF objects use. debug/elf would do
// for well-formed files; here every size is compared with the file first, and
// every refusal names the section and the offset.

// ELF constants (System V ABI, and the BPF supplement for relocations).
const (
	elfHeaderSize  = 64
	elfSectionSize = 64
	elfSymbolSize  = 24
	elfRelSize     = 16

	machineNone = 0 // old LLVM
	machineBPF  = 247

	typeRel = 1

	shtProgbits = 1
	shtSymtab   = 2
	shtRela     = 4
	shtNobits   = 8
	shtRel      = 9

	shfExec       = 4
	shfCompressed = 0x800

	shnUndef  = 0
	shnLow    = 0xff00
	shnCommon = 0xfff2

	sttNotype  = 0
	sttObject  = 1
	sttFunc    = 2
	sttSection = 3

	stbLocal = 0
	stbWeak  = 2

	stvInternal = 1
	stvHidden   = 2

	relNone   = 0
	rel64     = 1  // R_BPF_64_64: LD_IMM64
	relAbs64  = 2  // R_BPF_64_ABS64: data
	relCall32 = 10 // R_BPF_64_32: call
)

// maxNobits bounds the sections that claim memory without bytes in the file.
const maxNobits = 64 << 20

type section struct {
	index      int
	name       string
	typ        uint32
	flags      uint64
	off, size  uint64
	link, info uint32
	data       []byte // nil for sections without bytes in the file
	rels       []relocation
}

func (s *section) exec() bool { return s.flags&shfExec != 0 && s.typ == shtProgbits }

type symbol struct {
	name       string
	info       uint8
	other      uint8
	shndx      int
	value      uint64
	size       uint64
	nameBroken bool
}

func (s *symbol) typ() uint8  { return s.info & 15 }
func (s *symbol) bind() uint8 { return s.info >> 4 }

// global reports whether other objects can see the symbol.
func (s *symbol) global() bool {
	v := s.other & 3
	return s.bind() != stbLocal && v != stvHidden && v != stvInternal
}

type relocation struct {
	off    uint64 // in the target section
	typ    uint32
	sym    int // index in elfFile.symbols
	addend int64
	rela   bool
}

type elfFile struct {
	name     string
	data     []byte
	order    binary.ByteOrder
	big      bool
	sections []section
	symbols  []symbol
	end      uint64 // one more than the last byte that belongs to the object
}

// isELF reports whether b begins with an ELF identification.
func isELF(b []byte) bool { return len(b) >= 16 && bytes.HasPrefix(b, []byte("\x7fELF")) }

// bpfHeader reports whether b starts with the header of an ELF64 relocatable
// object for BPF, in either byte order.
func bpfHeader(b []byte) bool {
	if len(b) < elfHeaderSize || !isELF(b) || b[4] != 2 {
		return false
	}
	switch b[5] {
	case 1:
		return binary.LittleEndian.Uint16(b[18:]) == machineBPF && binary.LittleEndian.Uint16(b[16:]) == typeRel
	case 2:
		return binary.BigEndian.Uint16(b[18:]) == machineBPF && binary.BigEndian.Uint16(b[16:]) == typeRel
	}
	return false
}

func (f *elfFile) fail(sec string, off int64, fix, format string, args ...any) error {
	return &Error{File: f.name, Section: sec, Offset: off, What: fmt.Sprintf(format, args...), Fix: fix}
}

// parseELF reads headers, symbols and relocations of the object that b starts
// with. b may go on behind the object's end. Nothing is copied but names.
func parseELF(name string, b []byte) (*elfFile, error) {
	f := &elfFile{name: name, data: b}
	if err := f.header(); err != nil {
		return nil, err
	}
	if err := f.readSections(); err != nil {
		return nil, err
	}
	if err := f.readSymbols(); err != nil {
		return nil, err
	}
	return f, f.readRelocations()
}

// header checks the identification and sets the byte order.
func (f *elfFile) header() error {
	b := f.data
	switch {
	case len(b) == 0:
		return f.fail("", -1, "name a BPF object file", "the file is empty")
	case !isELF(b):
		return f.fail("", 0, fixMachine, "not an ELF file")
	case b[4] != 2:
		return f.fail("", 4, fixMachine, "ELF class %d: BPF objects are ELF64 (class 2)", b[4])
	case len(b) < elfHeaderSize:
		return f.fail("", int64(len(b)), fixTruncated, "the ELF header ends early")
	}
	switch b[5] {
	case 1:
		f.order = binary.LittleEndian
	case 2:
		f.order, f.big = binary.BigEndian, true
	default:
		return f.fail("", 5, fixTruncated, "ELF byte order %d is neither little (1) nor big (2)", b[5])
	}
	if m := f.order.Uint16(b[18:]); m != machineBPF && m != machineNone {
		return f.fail("", 18, fixMachine, "ELF machine %d is not BPF (%d)", m, machineBPF)
	}
	if t := f.order.Uint16(b[16:]); t != typeRel {
		return f.fail("", 16, fixMachine, "ELF type %d is not a relocatable object (1)", t)
	}
	return nil
}

// readSections reads the section headers and bounds every section by the file.
func (f *elfFile) readSections() error {
	o, b := f.order, f.data
	shoff, size := o.Uint64(b[40:]), uint64(len(b))
	n, entry, strndx := int(o.Uint16(b[60:])), o.Uint16(b[58:]), int(o.Uint16(b[62:]))
	if shoff == 0 || n == 0 {
		return f.fail("", 40, "do not strip section headers", "the object has no section headers")
	}
	if entry != elfSectionSize {
		return f.fail("", 58, fixTruncated, "section headers of %d bytes instead of %d", entry, elfSectionSize)
	}
	if shoff > size || uint64(n)*elfSectionSize > size-shoff {
		return f.fail("", int64(min(shoff, 1<<62)), fixTruncated, "%d section headers lie outside the file of %d bytes", n, size)
	}
	f.end = max(shoff+uint64(n)*elfSectionSize, elfHeaderSize)
	f.sections = make([]section, n)
	names := make([]uint32, n)
	for i := range f.sections {
		h := b[shoff+uint64(i)*elfSectionSize:]
		names[i] = o.Uint32(h)
		f.sections[i] = section{index: i, typ: o.Uint32(h[4:]), flags: o.Uint64(h[8:]), off: o.Uint64(h[24:]), size: o.Uint64(h[32:]), link: o.Uint32(h[40:]), info: o.Uint32(h[44:])}
	}
	if strndx >= n {
		return f.fail("", 62, fixTruncated, "section name table %d of %d sections", strndx, n)
	}
	var strs string
	if t := &f.sections[strndx]; t.typ != shtNobits && t.off <= size && t.size <= size-t.off {
		strs = string(b[t.off : t.off+t.size])
	}
	var nobits uint64
	for i := range f.sections {
		s := &f.sections[i]
		var ok bool
		if s.name, ok = cString(strs, names[i]); !ok && i > 0 {
			return f.fail(fmt.Sprintf("#%d", i), int64(shoff)+int64(i)*elfSectionSize, fixTruncated, "the section's name lies outside the name table")
		}
		if err := f.boundSection(s, &nobits); err != nil {
			return err
		}
	}
	return nil
}

// boundSection sets s.data, or says that the section does not fit in the file.
func (f *elfFile) boundSection(s *section, nobits *uint64) error {
	size := uint64(len(f.data))
	switch {
	case s.index == 0:
		return nil
	case s.typ == shtNobits:
		if s.size > maxNobits || *nobits+s.size > maxNobits {
			return f.fail(s.name, int64(min(s.off, 1<<62)), "make the variables smaller, or use a map", "%d bytes of uninitialised data are over the limit of %d", s.size, maxNobits)
		}
		*nobits += s.size
		return nil
	case s.off > size || s.size > size-s.off:
		return f.fail(s.name, int64(min(s.off, 1<<62)), fixTruncated, "%d bytes lie outside the file of %d bytes", s.size, size)
	case s.exec() && s.size%8 != 0:
		return f.fail(s.name, int64(s.off), fixTruncated, "%d bytes of code are no multiple of 8", s.size)
	case s.exec() && s.flags&shfCompressed != 0:
		return f.fail(s.name, int64(s.off), "link without compression", "compressed code")
	}
	s.data = f.data[s.off : s.off+s.size : s.off+s.size]
	f.end = max(f.end, s.off+s.size)
	return nil
}

func (f *elfFile) readSymbols() error {
	var tab *section
	for i := range f.sections {
		if s := &f.sections[i]; s.typ == shtSymtab {
			if tab != nil {
				return f.fail(s.name, int64(s.off), fixTruncated, "a second symbol table")
			}
			tab = s
		}
	}
	if tab == nil || tab.size < elfSymbolSize {
		return f.fail(".symtab", -1, "do not strip the object (strip -g keeps what is needed)", "the object has no symbol table")
	}
	if int(tab.link) >= len(f.sections) {
		return f.fail(tab.name, int64(tab.off), fixTruncated, "its string table is section %d of %d", tab.link, len(f.sections))
	}
	strs := string(f.sections[tab.link].data)
	f.symbols = make([]symbol, tab.size/elfSymbolSize)
	for i := range f.symbols {
		e := tab.data[i*elfSymbolSize:]
		sym := &f.symbols[i]
		*sym = symbol{info: e[4], other: e[5], shndx: int(f.order.Uint16(e[6:])), value: f.order.Uint64(e[8:]), size: f.order.Uint64(e[16:])}
		var ok bool
		if sym.name, ok = cString(strs, f.order.Uint32(e)); !ok && i > 0 {
			sym.nameBroken = true
		}
		if sym.shndx >= len(f.sections) && sym.shndx < shnLow {
			return f.fail(tab.name, int64(tab.off)+int64(i)*elfSymbolSize, fixTruncated, "symbol %d (%q) is in section %d of %d", i, sym.name, sym.shndx, len(f.sections))
		}
	}
	return nil
}

// readRelocations attaches relocations to the sections that they change. Those
// of debug information are not looked at.
func (f *elfFile) readRelocations() error {
	for i := range f.sections {
		s := &f.sections[i]
		if s.typ != shtRel && s.typ != shtRela {
			continue
		}
		if int(s.info) >= len(f.sections) {
			return f.fail(s.name, int64(s.off), fixTruncated, "relocates section %d of %d", s.info, len(f.sections))
		}
		t := &f.sections[s.info]
		if !t.exec() && t.name != ".maps" && !strings.HasPrefix(t.name, ".struct_ops") && !isData(t.name, ".data") && !isData(t.name, ".rodata") {
			continue
		}
		size := elfRelSize
		if s.typ == shtRela {
			size += 8
		}
		for at := 0; at+size <= len(s.data); at += size {
			e := s.data[at:]
			info := f.order.Uint64(e[8:])
			r := relocation{off: f.order.Uint64(e), typ: uint32(info), sym: int(info >> 32), rela: s.typ == shtRela}
			if r.rela {
				r.addend = int64(f.order.Uint64(e[16:]))
			}
			if r.sym >= len(f.symbols) {
				return f.fail(s.name, int64(s.off)+int64(at), fixTruncated, "relocation refers to symbol %d of %d", r.sym, len(f.symbols))
			}
			if r.off >= t.size {
				return f.fail(s.name, int64(s.off)+int64(at), fixTruncated, "relocation at %#x lies outside section %s of %d bytes", r.off, t.name, t.size)
			}
			t.rels = append(t.rels, r)
		}
	}
	return nil
}

// section returns the first section of a name, nil if there is none.
func (f *elfFile) section(name string) *section {
	for i := range f.sections {
		if f.sections[i].name == name && i > 0 {
			return &f.sections[i]
		}
	}
	return nil
}

// maxName bounds names, and with them the time that overlapping names can cost.
const maxName = 4096

// cString returns the NUL-terminated string at off of a string table. It shares
// the table's memory.
func cString(table string, off uint32) (string, bool) {
	if int64(off) >= int64(len(table)) {
		return "", off == 0
	}
	s := table[off:min(int64(len(table)), int64(off)+maxName)]
	n := strings.IndexByte(s, 0)
	if n < 0 {
		return "", false
	}
	return s[:n], true
}
