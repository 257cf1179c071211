// Package objcheck checks files that carry BTF: raw blobs, kernel images and
// modules, and BPF objects, for which it also checks what the types are attached to.
//
// The idea: three layers, each a list of rules with numbers. The types themselves
// are judged by btfcheck (B rules). The object around them - symbols, relocations,
// sections, maps, licence - is held against the conventions that make it portable
// between compilers, loaders and kernels (E rules, docs/OBJECTS.md). With a kernel's
// BTF at hand, CO-RE sites are answered one by one: patched to what, or impossible,
// and then whether the program guards the place.
//
// Sources: the ELF supplement for BPF (relocations), RFC 9669, libbpf's documented
// conventions, map rules observed on Linux 6.18.
//
// The trap: nothing here proves a program safe, and what a rule takes for granted
// (a symbol table that can be read) is checked first: E1 hides the rules behind it.
package objcheck

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Options steer a check. Target is required.
type Options struct {
	// Strict also applies the rules that loaders and kernels let pass.
	Strict bool
	Target platform.Target
	// Base is the BTF that a kernel module's continues, nil for none.
	Base *btfcheck.Spec
	// Against is a kernel's raw BTF to answer CO-RE relocations with, nil for none.
	Against []byte
}

// Kind is what a file is.
type Kind string

// The kinds.
const (
	Blob   Kind = "blob"   // raw BTF, also compressed
	Image  Kind = "image"  // an ELF file with BTF for another machine: a kernel or a module
	Object Kind = "object" // a BPF object
)

// Report is the result for one file.
type Report struct {
	File string `json:"file"`
	// Valid: no rule is broken.
	Valid       bool         `json:"valid"`
	Diagnostics []Diagnostic `json:"diagnostics"`
	// Relocations are the CO-RE sites; absent without Options.Against.
	Relocations []Relocation `json:"relocations,omitempty"`

	Kind Kind `json:"-"`
	// Types is the file's BTF, nil if there is none or if it cannot be read.
	Types *btfcheck.Spec `json:"-"`
}

// Diagnostic is a broken rule. Offset counts bytes: in the BTF for B rules, in the
// file for E rules.
type Diagnostic struct {
	Rule    string `json:"rule"`
	Offset  uint64 `json:"offset"`
	TypeID  uint32 `json:"type_id"`
	Message string `json:"message"`
}

// Relocation is the answer to a CO-RE relocation.
type Relocation struct {
	Section string `json:"section"`
	Insn    int    `json:"insn"` // slot in the section
	Func    string `json:"function"`
	Kind    string `json:"kind"`
	Type    string `json:"type"`
	Field   string `json:"field,omitempty"`
	// Outcome is patched, absent (the answer is no, or 0), impossible, or malformed.
	Outcome string `json:"outcome"`
	Old     uint64 `json:"old"`
	New     uint64 `json:"new"`
	// Guarded: the site is impossible, and no program gets there.
	Guarded bool   `json:"guarded"`
	Why     string `json:"why,omitempty"`
}

// File reads and checks a file. An error means that it could not be read at all.
func File(path string, o Options) (*Report, error) {
	b, kind, err := read(path)
	if err != nil {
		return nil, err
	}
	return check(path, kind, b, o), nil
}

// Bytes checks a file whose contents are at hand: an object, or raw BTF.
func Bytes(name string, b []byte, o Options) *Report {
	if isObject(b) {
		return check(name, Object, b, o)
	}
	return check(name, Blob, b, o)
}

// read returns the whole of an object, and of other files the BTF.
func read(path string) ([]byte, Kind, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("%s: cannot be opened: %w", path, unwrapPath(err))
	}
	defer f.Close()
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = errors.New("is a folder")
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: cannot be read: %w", path, unwrapPath(err))
	}
	head := make([]byte, 20)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	switch {
	case isObject(head):
		if st.Size() > maxObject {
			return nil, "", fmt.Errorf("%s: larger than %d MiB, which no BPF object is", path, maxObject>>20)
		}
		b := make([]byte, st.Size())
		if _, err := f.ReadAt(b, 0); err != nil {
			return nil, "", fmt.Errorf("%s: cannot be read: %w", path, unwrapPath(err))
		}
		return b, Object, nil
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		b, err := ReadBTF(path)
		return b, Image, err
	case n >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		b, err := ReadBTF(path)
		return b, Blob, err
	}
	b, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(head), f), maxBTF+1))
	if err != nil {
		return nil, "", fmt.Errorf("%s: cannot be read: %w", path, unwrapPath(err))
	}
	return b, Blob, nil
}

// maxObject bounds the objects that are read whole.
const maxObject = 256 << 20

// isObject reports whether b begins like an ELF file for BPF, or for no machine, as
// old compilers wrote.
func isObject(b []byte) bool {
	if len(b) < 20 || !bytes.HasPrefix(b, []byte(elf.ELFMAG)) {
		return false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(b[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	m := elf.Machine(order.Uint16(b[18:]))
	return m == elf.EM_BPF || m == elf.EM_NONE
}

func check(name string, kind Kind, b []byte, o Options) *Report {
	r := &Report{File: name, Kind: kind, Diagnostics: []Diagnostic{}}
	if kind == Object {
		c := checker{o: o, r: r}
		c.object(name, b)
	} else {
		r.types(b, o, 0)
	}
	r.Valid = len(r.Diagnostics) == 0
	return r
}

// types checks raw BTF.
func (r *Report) types(raw []byte, o Options, mode btfcheck.Mode) {
	mode |= btfcheck.Kernel
	if o.Strict {
		mode |= btfcheck.Strict
	}
	for _, d := range btfcheck.CheckSplit(raw, o.Base, mode) {
		r.btf(&d)
	}
	if spec, err := btfcheck.Parse(raw, o.Base); err == nil {
		r.Types = spec
	}
}

func (r *Report) btf(d *btfcheck.Diagnostic) {
	r.Diagnostics = append(r.Diagnostics, Diagnostic{d.Rule, uint64(d.Offset), uint32(d.Type), d.Message})
}

// checker checks one object. obj is nil if the programs cannot be linked.
type checker struct {
	o     Options
	r     *Report
	f     *loader.File
	spec  *btfcheck.Spec
	ext   *btfcheck.Ext
	obj   *loader.Object
	funcs [][]function // by section
	index index
}

// index finds parts by name. Objects may have 65,000 sections and a million symbols,
// so that nothing is searched for each of them.
type index struct {
	sections map[string]*loader.Section // the first of a name
	symbols  map[int][]*loader.Symbol   // by section
	records  map[string]btfcheck.ExtSection
	externs  map[string]btfcheck.Kind
	maps     map[string]uint64    // where they are defined, in the file
	code     map[[2]string]uint64 // where functions start, by section and name
}

// makeIndex indexes what the ELF file has.
func (c *checker) makeIndex() {
	c.index = index{sections: map[string]*loader.Section{}, symbols: map[int][]*loader.Symbol{}, maps: map[string]uint64{}, code: map[[2]string]uint64{}}
	for i := range c.f.Sections {
		s := &c.f.Sections[i]
		if _, ok := c.index.sections[s.Name]; !ok && i > 0 {
			c.index.sections[s.Name] = s
		}
		if isData(s.Name) {
			c.index.maps[s.Name] = s.Offset
		}
	}
	for i := range c.f.Symbols {
		sym := &c.f.Symbols[i]
		if sym.Section <= 0 || sym.Section >= len(c.f.Sections) {
			continue
		}
		s := &c.f.Sections[sym.Section]
		c.index.symbols[sym.Section] = append(c.index.symbols[sym.Section], sym)
		at := s.Offset + min(sym.Value, s.Size)
		if s.Exec() {
			c.index.code[[2]string{s.Name, sym.Name}] = at
		} else if sym.Name != "" {
			c.index.maps[sym.Name] = at
		}
	}
}

// add reports a broken E rule, if the mode asks for it.
func (c *checker) add(rule Rule, offset uint64, id btfcheck.TypeID, format string, args ...any) {
	if rule.Strict && !c.o.Strict || len(c.r.Diagnostics) >= maxDiagnostics {
		return
	}
	c.r.Diagnostics = append(c.r.Diagnostics, Diagnostic{rule.ID, offset, uint32(id), fmt.Sprintf(format, args...)})
}

// maxDiagnostics bounds what is reported of one file.
const maxDiagnostics = 200

// object checks a BPF object, layer by layer.
func (c *checker) object(name string, b []byte) {
	f, err := loader.ReadELF(name, b)
	if err != nil {
		c.structure(err)
		return
	}
	c.f = f
	for i := range f.Sections {
		s := &f.Sections[i].Relocs
		slices.SortStableFunc(*s, func(a, b loader.ELFReloc) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	c.makeIndex()
	c.findFunctions()
	c.typeSections()
	c.indexTypes()
	if objs, err := loader.LoadBytes(name, b, loader.Options{Target: c.o.Target, KernelBTF: c.o.Against}); err == nil {
		c.obj = objs[0]
	} else if len(c.r.Diagnostics) == 0 {
		c.structure(err)
	}
	for _, pass := range []func(){c.functions, c.codeRelocs, c.dataRelocs, c.licence, c.data, c.features, c.names, c.maps, c.relocations} {
		pass()
	}
}

// indexTypes indexes what the types and the records about code have.
func (c *checker) indexTypes() {
	c.index.records, c.index.externs = map[string]btfcheck.ExtSection{}, map[string]btfcheck.Kind{}
	if c.ext != nil {
		for _, s := range c.ext.Sections {
			c.index.records[s.Name] = s
		}
	}
	for _, sec := range []string{".kconfig", ".ksyms"} {
		for _, t := range c.datasec(sec) {
			c.index.externs[t.Name()] = t.Kind
		}
	}
}

// structure reports what keeps the file from being read (E1).
func (c *checker) structure(err error) {
	var le *loader.Error
	if !errors.As(err, &le) {
		c.add(E1, 0, 0, "%v", err)
		return
	}
	what := le.What
	if le.Section != "" {
		what = "section " + le.Section + ": " + what
	}
	c.add(E1, uint64(max(le.Offset, 0)), 0, "%s", what)
}

// typeSections checks .BTF and .BTF.ext (B rules, E2).
func (c *checker) typeSections() {
	btf, ext := c.f.Section(".BTF"), c.f.Section(".BTF.ext")
	if btf != nil && len(btf.Data) > 0 {
		c.r.types(btf.Data, c.o, btfcheck.Object)
		c.spec = c.r.Types
		if c.spec != nil && (c.spec.ByteOrder() == binary.ByteOrder(binary.BigEndian)) != c.f.BigEndian {
			c.add(E2, btf.Offset, 0, "the types are in another byte order than the object")
		}
	}
	if ext == nil || len(ext.Data) == 0 {
		return
	}
	if c.spec == nil {
		if btf == nil {
			c.add(E3, ext.Offset, 0, "section .BTF.ext refers to types, and there is no section .BTF")
		}
		return
	}
	e, err := btfcheck.ParseExt(ext.Data, c.spec)
	if err != nil {
		var d *btfcheck.Diagnostic
		if errors.As(err, &d) {
			c.r.btf(d)
		}
		return
	}
	c.ext = e
	for _, d := range e.Check(func(name string) (uint32, bool) {
		s := c.index.sections[name]
		if s == nil || !s.Exec() {
			return 0, false
		}
		return uint32(s.Size / 8), true
	}) {
		if d.Rule != "B170" || c.o.Strict { // loaders skip such records
			c.r.btf(&d)
		}
	}
	c.accessStrings()
}
