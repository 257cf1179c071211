package loader

import (
	"math"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/cilium/ebpf/btf"
)

// poisonCall is the helper number that stands where an instruction cannot be
// relocated; libbpf writes the same.
const poisonCall = 195896080

// relocate applies a relocation to instruction i of fn (rules O4 to O6). The
// addend is in the instruction: for calls in slots, else in bytes.
func (l *linker) relocate(fn *function, i int, r relocation) {
	in, sym := &fn.insns[i], &l.f.symbols[r.sym]
	switch {
	case r.typ == relCall32 && in.IsCall(), r.typ == rel64 && in.IsLdImm64():
	case r.typ == relCall32 || r.typ == rel64:
		fn.fail(i, "(opcode %#x) cannot take relocation type %d", in.Op, r.typ)
		return
	default:
		fn.fail(i, "has a relocation of unknown type %d", r.typ)
		return
	}
	switch {
	case sym.nameBroken:
		fn.fail(i, "refers to symbol %d, whose name is damaged", r.sym)
	case sym.shndx == shnUndef:
		l.relocateExtern(fn, i, sym)
	case sym.shndx == shnCommon:
		fn.fail(i, "refers to common symbol %s: initialise the variable, or compile with -fno-common", sym.name)
	case sym.shndx >= len(l.f.sections):
		fn.fail(i, "refers to symbol %s in reserved section %#x", sym.name, sym.shndx)
	case in.IsCall():
		l.relocateCall(fn, i, sym)
	default:
		l.relocateAddress(fn, i, sym)
	}
}

// relocateCall ties a call to the function at (S + A)/8.
func (l *linker) relocateCall(fn *function, i int, sym *symbol) {
	sec := &l.f.sections[sym.shndx]
	if !sec.exec() || sym.value%8 != 0 {
		fn.fail(i, "calls symbol %s, which is no code", sym.name)
		return
	}
	l.reach(fn, i, sec, int64(sym.value/8)+int64(fn.insns[i].Imm)+1)
}

// relocateAddress handles LD_IMM64 of a map, a global variable or a function.
func (l *linker) relocateAddress(fn *function, i int, sym *symbol) {
	in, sec := &fn.insns[i], &l.f.sections[sym.shndx]
	at := int64(sym.value) + int64(in.Imm)
	if sec.exec() {
		if at%8 != 0 {
			fn.fail(i, "takes the address of byte %d of section %s, which is no function", at, sec.name)
			return
		}
		l.reach(fn, i, sec, at/8)
		return
	}
	if m := l.data[sec.index]; m != nil {
		l.mapValue(fn, i, m, at)
		return
	}
	if sec.name == arenaSection && l.arena != nil {
		l.mapValue(fn, i, l.arena, at)
		return
	}
	place := slot{sec.index, sym.value}
	if sym.typ() == sttSection {
		place.at = uint64(at)
	}
	m := l.maps[place]
	if why := l.broken[place]; m == nil && why != "" {
		fn.fail(i, "refers to a map that cannot be made: %s", why)
		return
	}
	if m == nil && sec.name == mapsSection && l.types.spec == nil {
		fn.fail(i, "refers to map %s, whose definition needs BTF: compile with -g", sym.name)
		return
	}
	if m == nil {
		fn.fail(i, "refers to symbol %q at byte %d of section %s, which is no map, variable or function", sym.name, at, sec.name)
		return
	}
	in.Src, in.Imm, in.Next = isa.PseudoMapFD, 0, 0
	fn.refs = append(fn.refs, reference{Ref{Insn: i, Kind: RefMap}, m})
}

// mapValue makes instruction i the address of byte at of a map's first value.
func (l *linker) mapValue(fn *function, i int, m *Map, at int64) {
	if at < math.MinInt32 || at > math.MaxInt32 {
		fn.fail(i, "refers to byte %d of %s", at, m.Name)
		return
	}
	in := &fn.insns[i]
	in.Src, in.Imm, in.Next = isa.PseudoMapValue, 0, int32(at)
	fn.refs = append(fn.refs, reference{Ref{Insn: i, Kind: RefMapValue, Offset: int32(at)}, m})
}

// relocateExtern handles symbols that the kernel or the loader defines.
func (l *linker) relocateExtern(fn *function, i int, sym *symbol) {
	in, e, weak := &fn.insns[i], l.externs[sym.name], sym.bind() == stbWeak
	switch {
	case e == nil && weak && in.IsLdImm64():
		l.absent(fn, i, sym.name)
	case e == nil && in.IsLdImm64() && in.Src == isa.PseudoImm:
		// A constant that the program's own loader fills in: any number.
		l.unknownNumber(fn, i, sym.name)
	case e == nil:
		fn.fail(i, "refers to symbol %s, which nothing defines: link the objects first", sym.name)
	case in.IsCall() && !e.fn:
		fn.fail(i, "calls %s, which is no function", sym.name)
	case in.IsCall():
		l.callKfunc(fn, i, sym.name, weak)
	case e.config:
		l.mapValue(fn, i, e.home, int64(e.offset)+int64(in.Imm))
	case e.typeless:
		l.unknownNumber(fn, i, sym.name)
	default:
		l.kernelAddress(fn, i, e, weak)
	}
}

// absent makes instruction i the address of a weak symbol that is not there.
func (l *linker) absent(fn *function, i int, name string) {
	in := &fn.insns[i]
	in.Src, in.Imm, in.Next = isa.PseudoImm, 0, 0
	fn.refs = append(fn.refs, reference{Ref: Ref{Insn: i, Kind: RefKsym, Name: name, Weak: true}})
}

// unknownNumber makes instruction i a number that is known at run time only.
func (l *linker) unknownNumber(fn *function, i int, name string) {
	in := &fn.insns[i]
	in.Src, in.Imm, in.Next = isa.PseudoImm, 0, 0
	fn.refs = append(fn.refs, reference{Ref: Ref{Insn: i, Kind: RefKsym, Name: name}})
}

// callKfunc makes instruction i a call of a kernel function. Without kernel BTF
// the name is all there is; a function of a kernel module is never in there.
func (l *linker) callKfunc(fn *function, i int, name string, weak bool) {
	in := &fn.insns[i]
	id, found := l.kernel.id(name, isFunc)
	if weak && !found && l.kernel != nil {
		fn.poison(i, "weak kernel function "+name+" does not exist")
		return
	}
	in.Src, in.Off, in.Imm = isa.CallKfunc, 0, int32(id)
	if fn.kfuncs == nil {
		fn.kfuncs = map[int]string{}
	}
	fn.kfuncs[i] = name
}

// kernelAddress makes instruction i the address of a typed kernel symbol. Where
// it is unknown whether a weak one exists, the address stays a plain number.
func (l *linker) kernelAddress(fn *function, i int, e *extern, weak bool) {
	in := &fn.insns[i]
	want := isVar
	if e.fn {
		want = isFunc
	}
	id, found := l.kernel.id(e.name, want)
	switch {
	case found, l.kernel == nil && !weak:
		in.Src, in.Imm, in.Next = isa.PseudoVar, int32(id), 0
		fn.refs = append(fn.refs, reference{Ref: Ref{Insn: i, Kind: RefKsym, Name: e.name}})
	case l.kernel == nil:
		l.unknownNumber(fn, i, e.name)
	case weak:
		l.absent(fn, i, e.name)
	default:
		fn.fail(i, "refers to kernel symbol %s, which the kernel's BTF lacks", e.name)
	}
}

// poison replaces an instruction by a call that must not be reached. Both slots
// of an LD_IMM64 are replaced.
func (fn *function) poison(i int, why string) {
	for n := fn.insns[i].Slots(); n > 0 && i < len(fn.insns); n-- {
		fn.insns[i] = isa.Instruction{Op: isa.OpCall, Imm: poisonCall}
		fn.refs = append(fn.refs, reference{Ref: Ref{Insn: i, Kind: RefPoison, Name: why}})
		i++
	}
}

// extern is a symbol of .kconfig or .ksyms, as BTF declares it.
type extern struct {
	name     string
	fn       bool // a kernel function
	typeless bool // declared as void: only its address is of use
	config   bool // a configuration value at offset of home
	home     *Map
	offset   uint32
	typ      btf.Type
	size     uint32
	align    uint32
}
