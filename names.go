package bpfcheck

import (
	"sort"
	"strconv"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Names gives names to the numbers in p's instructions, for isa.Disassemble:
// helpers, kernel functions, maps and the functions of p. A jump to slot 12 goes
// to "L12".
func (c *Checker) Names(p *loader.Program) isa.DisasmOptions {
	return isa.DisasmOptions{
		CallName: func(pc int, ins isa.Instruction) (string, bool) {
			switch ins.Src {
			case isa.CallHelper:
				name := c.target.HelperName(ins.Imm)
				return "bpf_" + name, name != ""
			case isa.CallKfunc:
				name, ok := p.Kfuncs[pc]
				return name, ok
			}
			return "", false
		},
		MapName: func(pc int, _ isa.Instruction) (string, bool) {
			ref, ok := RefAt(p, pc)
			if !ok || (ref.Kind != loader.RefMap && ref.Kind != loader.RefMapValue) || ref.Map < 0 || ref.Map >= len(p.Maps) {
				return "", false
			}
			return p.Maps[ref.Map].Name, true
		},
		Label: func(pc int) (string, bool) {
			if f, ok := FuncAt(p, pc); ok && f.Insn == pc && pc > 0 {
				return f.Name, true
			}
			return "L" + strconv.Itoa(pc), true
		},
	}
}

// LineAt returns the source line of an instruction: the last record at or before
// it in the same function.
func LineAt(p *loader.Program, pc int) (loader.Line, bool) {
	i := sort.Search(len(p.Lines), func(i int) bool { return p.Lines[i].Insn > pc })
	if i == 0 {
		return loader.Line{}, false
	}
	l := p.Lines[i-1]
	if f, ok := FuncAt(p, pc); ok && f.Insn > l.Insn {
		return loader.Line{}, false
	}
	return l, true
}

// FuncAt returns the function that an instruction belongs to.
func FuncAt(p *loader.Program, pc int) (loader.Func, bool) {
	i := sort.Search(len(p.Funcs), func(i int) bool { return p.Funcs[i].Insn > pc })
	if i == 0 {
		return loader.Func{}, false
	}
	return p.Funcs[i-1], true
}

// RefAt returns what the instruction at pc refers to.
func RefAt(p *loader.Program, pc int) (loader.Ref, bool) {
	i := sort.Search(len(p.Refs), func(i int) bool { return p.Refs[i].Insn >= pc })
	if i == len(p.Refs) || p.Refs[i].Insn != pc {
		return loader.Ref{}, false
	}
	return p.Refs[i], true
}
