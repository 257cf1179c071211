package loader

// File is an ELF object as it stands in the file, for checks of the file itself.
// Programs are made of it by Load.
type File struct {
	Name      string
	BigEndian bool
	Sections  []Section
	Symbols   []Symbol
}

// Section is a section of a File. Index 0 is the null section.
type Section struct {
	Name         string
	Type         uint32
	Flags        uint64
	Offset, Size uint64 // in bytes
	// Data is nil for sections without bytes in the file. It shares the file's memory.
	Data []byte
	// Relocs are the relocations of this section, in the order of the file.
	Relocs []ELFReloc
}

// Exec reports whether the section holds instructions.
func (s *Section) Exec() bool { return s.Flags&shfExec != 0 && s.Type == shtProgbits }

// NoBits reports whether the section takes memory only (.bss).
func (s *Section) NoBits() bool { return s.Type == shtNobits }

// Symbol is an entry of the symbol table. Section is an index in File.Sections, or
// one of ELF's reserved numbers (SectionUndef, SectionCommon, others).
type Symbol struct {
	Name        string // "" also if the name lies outside the string table; NameBroken then
	NameBroken  bool
	Bind, Type  uint8
	Visibility  uint8
	Section     int
	Value, Size uint64
}

// ELFReloc is a relocation. Offset is in the section that it changes, in bytes.
// Explicit: the record has an addend of its own (RELA), which BPF does not use.
type ELFReloc struct {
	Offset   uint64
	Type     uint32
	Symbol   int // index in File.Symbols; checked
	Explicit bool
	Addend   int64
}

// Numbers that checks of a File need.
const (
	SectionUndef  = shnUndef
	SectionCommon = shnCommon

	BindLocal  = stbLocal
	BindGlobal = 1
	BindWeak   = stbWeak

	SymNone    = sttNotype
	SymObject  = sttObject
	SymFunc    = sttFunc
	SymSection = sttSection

	VisHidden   = stvHidden
	VisInternal = stvInternal

	RelocNone     = relNone
	Reloc64       = rel64
	RelocAbs64    = relAbs64
	RelocAbs32    = 3
	RelocNoDyld32 = 4
	RelocCall     = relCall32
)

// Hidden reports whether other objects, and loaders, cannot see the symbol.
func (s *Symbol) Hidden() bool { return s.Visibility == stvHidden || s.Visibility == stvInternal }

// Section returns the first section of a name, nil if there is none.
func (f *File) Section(name string) *Section {
	for i := range f.Sections {
		if i > 0 && f.Sections[i].Name == name {
			return &f.Sections[i]
		}
	}
	return nil
}

// ReadELF reads the headers, symbols and relocations of a BPF object and bounds
// each by the file. Errors are those of Load. Relocations of debug information are
// left out.
func ReadELF(name string, b []byte) (*File, error) {
	f, err := parseELF(name, b)
	if err != nil {
		return nil, err
	}
	out := &File{Name: name, BigEndian: f.big, Sections: make([]Section, len(f.sections)), Symbols: make([]Symbol, len(f.symbols))}
	for i := range f.sections {
		s := &f.sections[i]
		out.Sections[i] = Section{Name: s.name, Type: s.typ, Flags: s.flags, Offset: s.off, Size: s.size, Data: s.data}
		for _, r := range s.rels {
			out.Sections[i].Relocs = append(out.Sections[i].Relocs, ELFReloc{Offset: r.off, Type: r.typ, Symbol: r.sym, Explicit: r.rela, Addend: r.addend})
		}
	}
	for i := range f.symbols {
		s := &f.symbols[i]
		out.Symbols[i] = Symbol{Name: s.name, NameBroken: s.nameBroken, Bind: s.bind(), Type: s.typ(), Visibility: s.other & 3,
			Section: s.shndx, Value: s.value, Size: s.size}
	}
	return out, nil
}
