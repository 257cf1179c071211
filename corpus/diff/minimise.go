package diff

import (
	"slices"
	"time"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// maxTries and maxTime bound what Minimise asks for.
const (
	maxTries = 3000
	maxTime  = 20 * time.Second
)

// Minimise returns a smaller program of which bad still holds, by delta debugging:
// it takes instructions away, in pieces of falling size, lets jumps go to what
// follows their target, and then makes immediates 0 or 1. bad must hold for p.
func Minimise(p *loader.Program, bad func(*loader.Program) bool) *loader.Program {
	tries, end := 0, time.Now().Add(maxTime)
	ask := func(q *loader.Program) bool {
		if tries++; time.Now().After(end) {
			tries = maxTries + 1
		}
		return tries <= maxTries && bad(q)
	}
	for again := true; again && tries < maxTries; {
		again = false
		for size := max(1, len(p.Insns)/2); size > 0; size /= 2 {
			for at := 0; at < len(p.Insns) && tries < maxTries; {
				if q := without(p, at, min(at+size, len(p.Insns))); q != nil && ask(q) {
					p, again = q, true
					continue
				}
				at += size
			}
		}
	}
	for pc := range p.Insns {
		for _, imm := range []int32{0, 1} {
			if q := withImm(p, pc, imm); q != nil && ask(q) {
				p = q
				break
			}
		}
	}
	return p
}

// withImm returns p with another immediate, nil where that changes more than a number.
func withImm(p *loader.Program, pc int, imm int32) *loader.Program {
	i := p.Insns[pc]
	number := i.IsALU() && i.Code() != isa.CodeEND || i.IsCondJump() || i.Class() == isa.ClassST
	if !number || i.UsesSrcReg() || i.Imm == imm || (imm == 0 && i.Imm == 1) {
		return nil
	}
	q := *p
	q.Insns = slices.Clone(p.Insns)
	q.Insns[pc].Imm = imm
	return &q
}

// without returns p without the instructions from and up to, widened to whole
// instructions; nil if nothing would be left or a jump would be too far.
func without(p *loader.Program, from, to int) *loader.Program {
	if from > 0 && p.Insns[from-1].IsLdImm64() {
		from--
	}
	if to < len(p.Insns) && p.Insns[to-1].IsLdImm64() {
		to++
	}
	if to-from >= len(p.Insns) {
		return nil
	}
	moved := func(pc int) int {
		switch {
		case pc >= to:
			return pc - (to - from)
		case pc > from:
			return from
		}
		return pc
	}
	q := *p
	q.Insns, q.Refs, q.Funcs, q.Lines, q.Kfuncs = nil, nil, nil, nil, nil
	q.HasFuncInfo = false
	for pc, i := range p.Insns {
		if pc >= from && pc < to {
			continue
		}
		if !retarget(&i, pc, moved) {
			return nil
		}
		q.Insns = append(q.Insns, i)
	}
	for _, r := range p.Refs {
		if r.Insn < from || r.Insn >= to {
			r.Insn = moved(r.Insn)
			q.Refs = append(q.Refs, r)
		}
	}
	for _, f := range p.Funcs {
		if f.Insn < from || f.Insn >= to {
			f.Insn = moved(f.Insn)
			q.Funcs = append(q.Funcs, f)
		}
	}
	if len(p.Kfuncs) > 0 {
		q.Kfuncs = map[int]string{}
		for pc, name := range p.Kfuncs {
			if pc < from || pc >= to {
				q.Kfuncs[moved(pc)] = name
			}
		}
	}
	return &q
}

// retarget moves the target of an instruction at pc.
func retarget(i *isa.Instruction, pc int, moved func(int) int) bool {
	shift := func(d int) int { return moved(pc+1+d) - moved(pc) - 1 }
	switch {
	case i.Op == isa.OpGotol:
		i.Imm = int32(shift(int(i.Imm)))
	case i.IsGoto(), i.IsCondJump():
		d := shift(int(i.Off))
		i.Off = int16(d)
		return int(i.Off) == d
	case i.IsLocalCall(), i.IsLdImm64() && i.Src == isa.PseudoFunc:
		i.Imm = int32(shift(int(i.Imm)))
	}
	return true
}
