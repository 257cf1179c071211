package loader

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bpfcheck/bpfcheck/isa"
)

// function is a stretch of code under a symbol, with its relocations applied and
// its references still symbolic. It is made once and copied into every program
// that reaches it.
type function struct {
	name       string
	sec        *section
	start, end uint64 // slots in the section
	global     bool
	typeID     uint32
	program    bool // an entry point
	problem    string

	resolved bool
	insns    []isa.Instruction
	refs     []reference // Insn counts from the function's start; sorted
	calls    []call      // sorted by insn
	kfuncs   map[int]string
	lines    []Line
	sites    []int // indices in Object.Sites
}

// reference is a Ref before its map has an index.
type reference struct {
	Ref
	to *Map
}

// call is a call of a subprogram, or an LD_IMM64 of its address.
type call struct {
	insn   int
	target *function
}

// findFunctions lists the functions of every code section. A function is an
// STT_FUNC symbol or, as assemblers and old LLVM write them, a global symbol
// without type. A symbol without size reaches to the next function.
func (l *linker) findFunctions() {
	bySec := map[int][]*function{}
	for i := range l.f.symbols {
		s := &l.f.symbols[i]
		untyped := s.typ() == sttNotype && s.bind() != stbLocal
		if s.shndx <= 0 || s.shndx >= len(l.f.sections) || s.nameBroken || (s.typ() != sttFunc && !untyped) {
			continue
		}
		sec := &l.f.sections[s.shndx]
		if !sec.exec() {
			continue
		}
		fn := &function{name: s.name, sec: sec, start: s.value / 8, end: s.value/8 + s.size/8, global: s.global()}
		switch {
		case s.value%8 != 0 || s.size%8 != 0:
			fn.problem = fmt.Sprintf("its symbol's range [%#x, +%#x) cuts instructions", s.value, s.size)
			fn.start, fn.end = 0, 0
		case s.value > sec.size || s.size > sec.size-s.value:
			fn.problem = fmt.Sprintf("its symbol's range [%#x, +%#x) leaves section %s of %d bytes", s.value, s.size, sec.name, sec.size)
			fn.start, fn.end = 0, 0
		}
		bySec[s.shndx] = append(bySec[s.shndx], fn)
	}
	outside := false
	for i := range l.f.sections {
		sec := &l.f.sections[i]
		if !sec.exec() || sec.size == 0 {
			continue
		}
		fns := bySec[i]
		if len(fns) == 0 && sec.name != ".text" {
			// tc loads sections rather than symbols.
			fns = []*function{{name: sec.name, sec: sec, end: sec.size / 8, global: true}}
		}
		l.addFunctions(fns)
		outside = outside || (len(fns) > 0 && sec.name != ".text")
	}
	for _, fn := range l.funcs {
		// The functions of .text are subprograms, unless there is nothing else.
		fn.program = fn.sec.name != ".text" || (!outside && fn.global)
	}
}

// addFunctions adds the functions of one section, in the order of their code.
// Of several symbols for the same code the first one counts.
func (l *linker) addFunctions(fns []*function) {
	slices.SortStableFunc(fns, func(a, b *function) int { return cmp.Compare(a.start, b.start) })
	for i, fn := range fns {
		if fn.problem == "" {
			if l.byStart[slot{fn.sec.index, fn.start}] != nil {
				continue
			}
			if fn.end == fn.start {
				fn.end = fn.sec.size / 8
				for _, next := range fns[i+1:] {
					if next.problem == "" && next.start > fn.start {
						fn.end = next.start
						break
					}
				}
			}
			if fn.end == fn.start {
				continue // a label at the end of the section
			}
			l.byStart[slot{fn.sec.index, fn.start}] = fn
		}
		l.funcs = append(l.funcs, fn)
	}
}

// resolve decodes a function and applies its relocations. What it cannot do it
// puts in fn.problem.
func (l *linker) resolve(fn *function) {
	if fn.resolved || fn.problem != "" {
		return
	}
	fn.resolved = true
	n := fn.end - fn.start
	if uint64(l.budget) < n {
		fn.problem = fmt.Sprintf("the object has over %d instructions", maxSlots)
		return
	}
	l.budget -= int(n)
	fn.insns, _ = isa.Decode(fn.sec.data[fn.start*8:fn.end*8], l.f.big)
	second := make([]bool, len(fn.insns)+1)
	for i := 0; i < len(fn.insns); i += fn.insns[i].Slots() {
		second[i+1] = fn.insns[i].IsLdImm64()
	}
	done := make([]bool, len(fn.insns))
	l.applyCORE(fn, done)
	for _, r := range l.relocationsOf(fn) {
		i := int(r.off/8 - fn.start)
		switch {
		case r.typ == relNone:
		case r.off%8 != 0 || second[i]:
			fn.fail(i, "relocation at byte %#x of section %s is inside an instruction", r.off, fn.sec.name)
		case done[i]:
			fn.fail(i, "is relocated twice")
		case r.rela && r.addend != 0:
			fn.fail(i, "has a relocation with explicit addend (RELA), which BPF objects do not use")
		default:
			done[i] = true
			l.relocate(fn, i, r)
		}
	}
	for i := 0; i < len(fn.insns); i += fn.insns[i].Slots() {
		in := fn.insns[i]
		if !done[i] && (in.IsLocalCall() || (in.IsLdImm64() && in.Src == isa.PseudoFunc)) {
			l.reach(fn, i, fn.sec, int64(fn.start)+int64(i)+1+int64(in.Imm))
		}
	}
	slices.SortStableFunc(fn.refs, func(a, b reference) int { return cmp.Compare(a.Insn, b.Insn) })
	slices.SortStableFunc(fn.calls, func(a, b call) int { return cmp.Compare(a.insn, b.insn) })
	fn.lines = l.linesOf(fn)
}

// fail records the first thing that is wrong with a function.
func (fn *function) fail(insn int, format string, args ...any) {
	if fn.problem == "" {
		fn.problem = fmt.Sprintf("instruction %d of %s %s", insn, fn.name, fmt.Sprintf(format, args...))
	}
}

// relocationsOf returns the relocations inside a function. A section's
// relocations have been sorted.
func (l *linker) relocationsOf(fn *function) []relocation {
	at := func(s uint64) int {
		i, _ := slices.BinarySearchFunc(fn.sec.rels, s*8, func(r relocation, off uint64) int { return cmp.Compare(r.off, off) })
		return i
	}
	return fn.sec.rels[at(fn.start):at(fn.end)]
}

// reach ties a call or a function address to the function that starts at a slot
// of a section.
func (l *linker) reach(fn *function, i int, sec *section, at int64) {
	target := l.byStart[slot{sec.index, uint64(at)}]
	if at < 0 || target == nil {
		fn.fail(i, "calls slot %d of section %s, where no function starts", at, sec.name)
		return
	}
	in := &fn.insns[i]
	if in.IsLdImm64() {
		in.Src, in.Next = isa.PseudoFunc, 0
		fn.refs = append(fn.refs, reference{Ref: Ref{Insn: i, Kind: RefFunc, Name: target.name}})
	} else {
		in.Src = isa.CallLocal
	}
	fn.calls = append(fn.calls, call{i, target})
}

// linesOf returns the function's source lines, counted from its start, at most
// one an instruction.
func (l *linker) linesOf(fn *function) []Line {
	all := l.types.lines[fn.sec.name]
	var lines []Line
	first, _ := slices.BinarySearchFunc(all, fn.start*8, func(r lineRecord, off uint64) int { return cmp.Compare(uint64(r.off), off) })
	for _, r := range all[first:] {
		if uint64(r.off) >= fn.end*8 {
			break
		}
		ln := Line{Insn: int(uint64(r.off)/8 - fn.start), File: l.types.string(r.file), Line: int(r.lineCol >> 10), Column: int(r.lineCol & 1023), Text: l.types.string(r.text)}
		if n := len(lines); n > 0 && lines[n-1].Insn == ln.Insn {
			lines[n-1] = ln
			continue
		}
		lines = append(lines, ln)
	}
	return lines
}
