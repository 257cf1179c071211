package objcheck

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// This file checks code as the object holds it: functions, relocations, calling
// convention (rules E4 to E12, E21, E22, E31).

// function is the code under a symbol; start and end in bytes.
type function struct {
	sym        *loader.Symbol
	start, end uint64
}

// findFunctions collects the function symbols of each section in order.
func (c *checker) findFunctions() {
	c.funcs = make([][]function, len(c.f.Sections))
	for i := range c.f.Symbols {
		s := &c.f.Symbols[i]
		untyped := s.Type == loader.SymNone && s.Bind != loader.BindLocal
		if s.Section <= 0 || s.Section >= len(c.f.Sections) || s.NameBroken || s.Type != loader.SymFunc && !untyped || !c.f.Sections[s.Section].Exec() {
			continue
		}
		c.funcs[s.Section] = append(c.funcs[s.Section], function{s, s.Value, s.Value + s.Size})
	}
	for i := range c.funcs {
		slices.SortStableFunc(c.funcs[i], func(a, b function) int { return cmp.Compare(a.start, b.start) })
		for j := range c.funcs[i] { // old compilers leave the size out
			if f := &c.funcs[i][j]; f.sym.Size == 0 {
				f.end = c.f.Sections[i].Size
				if j+1 < len(c.funcs[i]) {
					f.end = c.funcs[i][j+1].start
				}
			}
		}
	}
}

// functions applies E4 to E7, E21 and E22.
func (c *checker) functions() {
	for i := range c.f.Sections {
		s := &c.f.Sections[i]
		if !s.Exec() || s.Size == 0 {
			continue
		}
		end, covered := uint64(0), true
		for j, f := range c.funcs[i] {
			at := s.Offset + min(f.start, s.Size)
			switch {
			case f.start%8 != 0 || f.sym.Size%8 != 0:
				c.add(E4, at, 0, "function %s: its %d bytes at %#x of section %s cut instructions", f.sym.Name, f.sym.Size, f.start, s.Name)
			case f.start > s.Size || f.sym.Size > s.Size-f.start:
				c.add(E4, at, 0, "function %s: its %d bytes at %#x leave section %s of %d bytes", f.sym.Name, f.sym.Size, f.start, s.Name, s.Size)
			case j > 0 && f.start == c.funcs[i][j-1].start: // an alias
			case f.start < end:
				c.add(E5, at, 0, "function %s starts inside function %s", f.sym.Name, c.funcs[i][j-1].sym.Name)
			}
			if f.sym.Bind == loader.BindLocal && s.Name != ".text" {
				c.add(E6, at, 0, "program %s in section %s is static: loaders do not see it", f.sym.Name, s.Name)
			}
			covered = covered && f.start <= end
			end = max(end, f.end)
		}
		if len(c.funcs[i]) > 0 && (!covered || end < s.Size) {
			c.add(E7, s.Offset, 0, "section %s has instructions outside of its functions", s.Name)
		}
		c.prototypes(i)
	}
}

// prototypes applies E21 and E22 to the functions of a section.
func (c *checker) prototypes(index int) {
	s := &c.f.Sections[index]
	if c.spec == nil || c.ext == nil {
		return
	}
	recs := c.index.records[s.Name]
	typed := map[uint64]bool{}
	for _, r := range recs.Funcs {
		typed[uint64(r.Insn)*8] = true
		p, err := c.spec.Proto(r.Type)
		if err != nil {
			continue // B143
		}
		t, _ := c.spec.Type(r.Type)
		at := s.Offset + uint64(r.Insn)*8
		words := 0
		for i, param := range p.Params {
			n, err := c.spec.SizeOf(param.Type)
			if err != nil || n > 16 {
				c.add(E21, at, r.Type, "function %s: parameter %d does not fit in registers", t.Name(), i+1)
				n = 8
			}
			words += int(n+7) / 8
		}
		if words > maxArgs && (p.Linkage == 1 || s.Name != ".text") {
			c.add(E21, at, r.Type, "function %s takes its arguments in %d registers; there are %d", t.Name(), words, maxArgs)
		}
	}
	for _, f := range c.funcs[index] {
		if !typed[f.start] {
			c.add(E22, s.Offset+min(f.start, s.Size), 0, "function %s has no type information; compile all sources with -g", f.sym.Name)
		}
	}
}

// maxArgs is the number of argument registers. Static functions with more are
// compiled to read what the caller knows, or not at all.
const maxArgs = 5

// codeRelocs applies E8 to E11.
func (c *checker) codeRelocs() {
	for i := range c.f.Sections {
		s := &c.f.Sections[i]
		if !s.Exec() || len(s.Relocs) == 0 {
			continue
		}
		insns, _ := isa.Decode(s.Data, c.f.BigEndian)
		second := make([]bool, len(insns)+1)
		for pc := 0; pc < len(insns); pc += insns[pc].Slots() {
			second[pc+1] = insns[pc].IsLdImm64()
		}
		last := ^uint64(0)
		for _, r := range s.Relocs {
			at := s.Offset + r.Offset
			pc := r.Offset / 8
			switch {
			case r.Type == loader.RelocNone:
				continue
			case r.Offset%8 != 0 || pc >= uint64(len(insns)) || second[pc]:
				c.add(E8, at, 0, "section %s, byte %#x: a relocation inside an instruction", s.Name, r.Offset)
				continue
			case r.Offset == last:
				c.add(E8, at, 0, "section %s, slot %d is relocated twice", s.Name, pc)
				continue
			case r.Explicit && r.Addend != 0:
				c.add(E9, at, 0, "section %s, slot %d: the relocation has an addend of its own (RELA)", s.Name, pc)
				continue
			}
			last = r.Offset
			in := insns[pc]
			switch {
			case r.Type == loader.Reloc64 && in.IsLdImm64():
				c.address(s, pc, in, r)
			case r.Type == loader.RelocCall && in.IsCall():
				c.call(s, pc, in, r)
			case r.Type == loader.Reloc64 || r.Type == loader.RelocCall:
				c.add(E8, at, 0, "section %s, slot %d: relocation type %d on opcode %#02x, which does not take it", s.Name, pc, r.Type, in.Op)
			default:
				c.add(E8, at, 0, "section %s, slot %d: relocation type %d does not belong on code", s.Name, pc, r.Type)
			}
		}
	}
}

// call checks where a relocated call leads.
func (c *checker) call(s *loader.Section, pc uint64, in isa.Instruction, r loader.ELFReloc) {
	sym := &c.f.Symbols[r.Symbol]
	at := s.Offset + r.Offset
	target := c.target(s, pc, at, sym, true)
	if target == nil {
		return
	}
	to := int64(sym.Value) + (int64(in.Imm)+1)*8
	if !target.Exec() || to < 0 || !c.starts(sym.Section, uint64(to)) {
		c.add(E10, at, 0, "section %s, slot %d calls byte %d of section %s, where no function starts", s.Name, pc, to, target.Name)
	}
}

// address checks what a relocated LD_IMM64 refers to.
func (c *checker) address(s *loader.Section, pc uint64, in isa.Instruction, r loader.ELFReloc) {
	sym := &c.f.Symbols[r.Symbol]
	at := s.Offset + r.Offset
	target := c.target(s, pc, at, sym, false)
	if target == nil {
		return
	}
	to := int64(sym.Value) + int64(in.Imm)
	switch {
	case target.Exec():
		if to < 0 || !c.starts(sym.Section, uint64(to)) {
			c.add(E10, at, 0, "section %s, slot %d takes the address of byte %d of section %s, where no function starts", s.Name, pc, to, target.Name)
		}
	case isData(target.Name) || target.Name == ".addr_space.1":
		if to < 0 || uint64(to) > target.Size {
			c.add(E11, at, 0, "section %s, slot %d refers to byte %d of section %s, which has %d", s.Name, pc, to, target.Name, target.Size)
		}
	case target.Name == ".maps" || isLegacyMaps(target.Name):
		if sym.Type != loader.SymSection && in.Imm != 0 {
			c.add(E11, at, 0, "section %s, slot %d refers to the inside of map %s", s.Name, pc, sym.Name)
		}
	default:
		c.add(E10, at, 0, "section %s, slot %d refers to section %s, which holds no code, variables or maps", s.Name, pc, target.Name)
	}
}

// target returns the section that a symbol lies in. Otherwise it checks that the
// symbol is one that somebody else defines.
func (c *checker) target(s *loader.Section, pc, at uint64, sym *loader.Symbol, call bool) *loader.Section {
	switch {
	case sym.NameBroken:
		c.add(E10, at, 0, "section %s, slot %d refers to a symbol whose name lies outside the name table", s.Name, pc)
	case sym.Section == loader.SectionCommon:
		c.add(E10, at, 0, "section %s, slot %d refers to common symbol %s: initialise it, or compile with -fno-common", s.Name, pc, sym.Name)
	case sym.Section == loader.SectionUndef:
		kind, declared := c.index.externs[sym.Name]
		switch {
		case declared && (!call || kind == btfcheck.KindFunc):
		case declared:
			c.add(E10, at, 0, "section %s, slot %d calls %s, which is declared as a variable", s.Name, pc, sym.Name)
		case sym.Bind != loader.BindWeak || call:
			c.add(E33, at, 0, "section %s, slot %d refers to %s, which nothing here defines: link the objects first", s.Name, pc, sym.Name)
		}
	case sym.Section >= len(c.f.Sections):
		c.add(E10, at, 0, "section %s, slot %d refers to %s in reserved section %#x", s.Name, pc, sym.Name, sym.Section)
	default:
		return &c.f.Sections[sym.Section]
	}
	return nil
}

// starts reports whether a function starts at a byte of a section. A section without
// function symbols is one function.
func (c *checker) starts(sec int, at uint64) bool {
	if len(c.funcs[sec]) == 0 {
		return at == 0
	}
	_, ok := slices.BinarySearchFunc(c.funcs[sec], at, func(f function, at uint64) int { return cmp.Compare(f.start, at) })
	return ok
}

// dataRelocs applies E12: loaders relocate .maps and .struct_ops, and no variables.
func (c *checker) dataRelocs() {
	for i := range c.f.Sections {
		if s := &c.f.Sections[i]; isData(s.Name) && len(s.Relocs) > 0 {
			sym := &c.f.Symbols[s.Relocs[0].Symbol]
			c.add(E12, s.Offset+s.Relocs[0].Offset, 0, "section %s holds the address of %s, which loaders leave 0: fill it in at run time", s.Name, symbolName(c.f, sym))
		}
	}
}

func symbolName(f *loader.File, sym *loader.Symbol) string {
	if sym.Name == "" && sym.Section > 0 && sym.Section < len(f.Sections) {
		return "section " + f.Sections[sym.Section].Name
	}
	return sym.Name
}

// isData reports whether a section holds global variables.
func isData(name string) bool {
	for _, base := range []string{".data", ".bss", ".rodata"} {
		if rest, ok := strings.CutPrefix(name, base); ok && (rest == "" || rest[0] == '.') {
			return true
		}
	}
	return false
}

// isLegacyMaps knows the sections that held maps before BTF.
func isLegacyMaps(name string) bool {
	return name == "maps" || strings.HasPrefix(name, "maps/") || strings.HasSuffix(name, "/maps")
}

// accessStrings applies E31 to the records themselves.
func (c *checker) accessStrings() {
	for _, sec := range c.ext.Sections {
		s := c.index.sections[sec.Name]
		if s == nil || !s.Exec() {
			continue
		}
		for _, r := range sec.Relocs {
			at := uint64(r.Insn) * 8
			if at >= s.Size {
				continue // B158
			}
			insns, _ := isa.Decode(s.Data[at:min(at+16, s.Size)], c.f.BigEndian)
			if err := c.spec.CheckAccess(r.Type, r.Access, r.Kind); err != nil {
				c.add(E31, s.Offset+at, r.Type, "section %s, slot %d: CO-RE: %v", sec.Name, r.Insn, err)
			} else if len(insns) == 0 || !patchable(insns[0]) {
				c.add(E31, s.Offset+at, r.Type, "section %s, slot %d: CO-RE cannot patch this instruction", sec.Name, r.Insn)
			}
		}
	}
}

// patchable reports whether a CO-RE relocation may change an instruction.
func patchable(in isa.Instruction) bool {
	switch in.Class() {
	case isa.ClassALU, isa.ClassALU64:
		return !in.UsesSrcReg() && in.Code() != isa.CodeEND && in.Code() != isa.CodeNEG
	case isa.ClassLDX, isa.ClassST, isa.ClassSTX:
		return true
	default:
		return in.IsLdImm64() && in.Src == isa.PseudoImm
	}
}
