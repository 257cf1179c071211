package loader

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/bpfcheck/bpfcheck/isa"
)

// This file does what libbpf's static linking does: each program is its entry
// function followed by every subprogram that it reaches, in the order of a
// depth-first walk over calls.

// maxSlots bounds the instructions of all programs of an object together: a
// small file can let many programs share much code. The kernel takes 2^20 in a
// program.
const maxSlots = 1 << 21

// slot is a place in a section.
type slot struct {
	sec int
	at  uint64
}

type linker struct {
	f      *elfFile
	opts   Options
	obj    *Object
	types  *typeInfo
	kernel *kernelTypes // nil without Options.KernelBTF

	funcs   []*function
	byStart map[slot]*function
	maps    map[slot]*Map   // at bytes
	data    map[int]*Map    // global data by section
	broken  map[slot]string // maps whose definition cannot be read, and why
	arena   *Map
	externs map[string]*extern

	budget      int // slots left
	steps       int // calls left to follow
	unrelocated int // CO-RE sites that keep the compiler's values
	relocators  map[relocKey]coreResult
}

// link makes the programs and maps of an object.
func link(f *elfFile, opts Options) (*Object, error) {
	l := &linker{
		f: f, opts: opts, obj: &Object{Path: f.name, BigEndian: f.big},
		byStart: map[slot]*function{}, maps: map[slot]*Map{}, data: map[int]*Map{}, broken: map[slot]string{}, externs: map[string]*extern{},
		budget: maxSlots, steps: 4 * maxSlots, relocators: map[relocKey]coreResult{},
	}
	if err := l.readTypes(); err != nil {
		return nil, err
	}
	l.readStrings()
	for i := range f.sections {
		slices.SortStableFunc(f.sections[i].rels, func(a, b relocation) int { return cmp.Compare(a.off, b.off) })
	}
	if err := l.readMaps(); err != nil {
		return nil, err
	}
	l.findFunctions()
	l.initialValues()
	for _, fn := range l.funcs {
		l.describe(fn)
	}
	for _, fn := range l.funcs {
		if fn.program {
			l.obj.Programs = append(l.obj.Programs, l.program(fn))
		}
	}
	l.structOps()
	if l.kernel != nil {
		for _, fn := range l.funcs { // those that no program reaches: for their sites only
			l.resolve(fn)
		}
	}
	if l.unrelocated > 0 {
		l.note("%d CO-RE sites keep the offsets of the build: no kernel BTF was given", l.unrelocated)
	}
	return l.obj, nil
}

func (l *linker) note(format string, args ...any) {
	l.obj.Notes = append(l.obj.Notes, fmt.Sprintf(format, args...))
}

// readTypes reads .BTF and .BTF.ext. What cannot be read is a note: programs that
// need it have a Problem then.
func (l *linker) readTypes() error {
	l.types = &typeInfo{order: l.f.order}
	if s := l.f.section(".BTF"); s != nil && len(s.data) > 0 {
		l.obj.BTF = s.data
		var err error
		if l.types, err = loadTypes(s.data, l.f.order); err != nil {
			l.note("section .BTF, offset %#x: %v", s.off, err)
		}
	}
	if s := l.f.section(".BTF.ext"); s != nil && len(s.data) > 0 {
		if err := l.types.loadExt(s.data); err != nil {
			return l.f.fail(s.name, int64(s.off), fixTruncated, "%v", err)
		}
	}
	l.types.sort()
	if l.opts.KernelBTF != nil {
		var err error
		if l.kernel, err = loadKernel(l.opts.KernelBTF); err != nil {
			return fmt.Errorf("kernel BTF: %w", err)
		}
	}
	return nil
}

// readStrings reads the licence and the version.
func (l *linker) readStrings() {
	if s := l.f.section("license"); s != nil {
		text, _, _ := bytes.Cut(s.data, []byte{0})
		l.obj.License = string(text)
	}
	if s := l.f.section("version"); s != nil && len(s.data) == 4 {
		l.obj.Version = l.f.order.Uint32(s.data)
	}
}

// describe fills what BTF knows of a function. The kernel takes a function as
// global only if BTF says so.
func (l *linker) describe(fn *function) {
	recs := l.types.funcs[fn.sec.name]
	i, ok := slices.BinarySearchFunc(recs, fn.start*8, func(r funcRecord, off uint64) int { return cmp.Compare(uint64(r.off), off) })
	if ok && fn.problem == "" {
		fn.typeID = recs[i].typeID
	}
	fn.global = fn.global && fn.typeID != 0
}

// program links one program.
func (l *linker) program(entry *function) *Program {
	p := &Program{Name: entry.name, Section: entry.sec.name, License: l.obj.License, BigEndian: l.f.big, BTF: l.obj.BTF, Object: l.obj, HasFuncInfo: true}
	setType(p, l.opts)
	order, base := l.reachable(entry)
	if l.steps <= 0 {
		p.Problem = "the programs of the object make too many calls together"
		return p
	}
	slots := 0
	for _, fn := range order {
		slots += len(fn.insns)
		if fn.problem != "" && p.Problem == "" {
			p.Problem = fn.problem
		}
	}
	if slots > l.budget && p.Problem == "" {
		p.Problem = fmt.Sprintf("the programs of the object have over %d instructions together", maxSlots)
	}
	if slots > l.budget {
		return p
	}
	l.budget -= slots
	p.Insns = make([]isa.Instruction, 0, slots)
	index := map[*Map]int{}
	for _, fn := range order {
		at := len(p.Insns)
		p.Insns = append(p.Insns, fn.insns...)
		p.Funcs = append(p.Funcs, Func{Insn: at, Name: fn.name, Global: fn.global, TypeID: fn.typeID})
		p.HasFuncInfo = p.HasFuncInfo && fn.typeID != 0
		for _, c := range fn.calls {
			p.Insns[at+c.insn].Imm = int32(base[c.target] - (at + c.insn) - 1)
		}
		for _, ln := range fn.lines {
			ln.Insn += at
			p.Lines = append(p.Lines, ln)
		}
		for _, r := range fn.refs {
			ref := r.Ref
			ref.Insn += at
			if r.to != nil {
				n, ok := index[r.to]
				if !ok {
					n = len(p.Maps)
					index[r.to] = n
					p.Maps = append(p.Maps, r.to)
				}
				ref.Map = n
			}
			p.Refs = append(p.Refs, ref)
		}
		for _, s := range fn.sites {
			site := &l.obj.Sites[s]
			site.At = append(site.At, Place{len(l.obj.Programs), at + site.insn})
		}
		for i, name := range fn.kfuncs {
			if p.Kfuncs == nil {
				p.Kfuncs = map[int]string{}
			}
			p.Kfuncs[at+i] = name
		}
	}
	return p
}

// reachable returns the functions of a program in the order in which they are
// laid out, and where each starts. The stack holds a function and how many of
// its calls have been followed.
func (l *linker) reachable(entry *function) ([]*function, map[*function]int) {
	type frame struct {
		fn   *function
		next int
	}
	l.resolve(entry)
	order, base := []*function{entry}, map[*function]int{entry: 0}
	end := len(entry.insns)
	for stack := []frame{{entry, 0}}; len(stack) > 0; {
		top := &stack[len(stack)-1]
		if top.next == len(top.fn.calls) {
			stack = stack[:len(stack)-1]
			continue
		}
		target := top.fn.calls[top.next].target
		top.next++
		if l.steps--; l.steps <= 0 {
			break
		}
		if _, ok := base[target]; ok {
			continue
		}
		l.resolve(target)
		order, base[target] = append(order, target), end
		end += len(target.insns)
		stack = append(stack, frame{target, 0})
	}
	return order, base
}
