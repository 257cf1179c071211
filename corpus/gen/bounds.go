package gen

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// index returns a register with a scalar of at most limit, bounded in one of many
// ways. not are registers to leave alone.
func (g *gen) index(limit uint64, not ...int) (r int, ok bool) {
	old := g.locked
	for _, x := range not {
		g.locked |= 1 << x
	}
	defer func() { g.locked = old }()
	if r, ok := g.some(scalar); ok && g.r[r].max <= limit && g.n(3) == 0 {
		return r, true
	}
	r = g.dst(not...)
	if g.locked>>r&1 != 0 {
		return 0, false
	}
	if src, ok := g.some(scalar); ok && g.n(2) == 0 && src != r {
		g.movReg(r, src)
	} else if g.source(r); g.r[r].kind != scalar {
		return 0, false
	}
	if g.n(3) == 0 {
		g.arithmetic(1 + g.n(3))
	}
	if g.r[r].kind != scalar || g.locked>>r&1 != 0 {
		return 0, false
	}
	g.bound(r, limit)
	if g.r[r].kind == scalar && g.n(4) == 0 {
		g.wobble(r)
	}
	return r, g.r[r].kind == scalar && g.r[r].max <= limit
}

// bound makes r at most limit.
func (g *gen) bound(r int, limit uint64) {
	imm := int32(limit)
	mask := int32(1)<<(bits.Len64(limit+1)-1) - 1
	class := pick[uint8](g, isa.ClassALU64, isa.ClassALU)
	switch g.n(12) {
	case 0:
		g.aluImm(class, isa.CodeAND, r, mask)
	case 1: // unsigned guard
		g.guard(g.jump(isa.ClassJMP, isa.CodeJGT, r, -1, imm), r, limit)
	case 2: // 32-bit guard, then the high half cut off
		g.guard(g.jump(isa.ClassJMP32, pick[uint8](g, isa.CodeJGT, isa.CodeJGE), r, -1, imm), r, anything)
		g.aluMov32(r)
		g.r[r].max = limit
	case 3: // high half cut off, then a guard of either width
		g.aluMov32(r)
		g.guard(g.jump(pick[uint8](g, isa.ClassJMP, isa.ClassJMP32), isa.CodeJGT, r, -1, imm), r, limit)
	case 4: // two signed guards
		g.guard(g.jump(isa.ClassJMP, isa.CodeJSGT, r, -1, imm), r, anything)
		g.guard(g.jump(isa.ClassJMP, isa.CodeJSLT, r, -1, 0), r, limit)
	case 5:
		if g.rarely(4) { // Linux knows nothing of the result
			g.aluImm(class, isa.CodeMOD, r, mask+1)
			return
		}
		g.aluImm(class, isa.CodeAND, r, mask)
	case 6: // shifted out and back
		n := int32(65 - bits.Len64(limit+1))
		g.aluImm(isa.ClassALU64, isa.CodeLSH, r, n)
		g.aluImm(isa.ClassALU64, isa.CodeRSH, r, n)
		g.r[r].max = uint64(mask)
	case 7: // narrow memory
		s := g.slot()
		g.spill(s, 0, 8, r)
		g.load(r, 10, slotOff(s), 1, false)
		g.aluImm(class, isa.CodeAND, r, mask)
	case 8: // 32-bit signed guards
		g.aluMov32(r)
		g.guard(g.jump(isa.ClassJMP32, isa.CodeJSGT, r, -1, imm), r, anything)
		g.guard(g.jump(isa.ClassJMP32, isa.CodeJSLT, r, -1, 0), r, limit)
		g.r[r].max = limit
	case 9: // against a register
		g.guardReg(r, limit)
	case 10: // the copy is checked, the original used
		g.guardCopy(r, limit)
	default: // sign extension under the mask
		g.extend(isa.ClassALU64, r)
		if g.r[r].kind == scalar {
			g.aluImm(isa.ClassALU, isa.CodeAND, r, mask)
		}
	}
}

// guard notes that the jump leaves the block; behind it r is at most limit.
func (g *gen) guard(at, r int, limit uint64) {
	g.leave(at, g.state)
	g.r[r].max = min(g.r[r].max, limit)
}

func (g *gen) aluMov32(r int) {
	g.emit(isa.Instruction{Op: isa.ClassALU | isa.CodeMOV | isa.SourceX, Dst: isa.Reg(r), Src: isa.Reg(r)})
	g.r[r].max = min(g.r[r].max, ceiling(isa.ClassALU))
}

// guardReg compares with a register that holds the limit.
func (g *gen) guardReg(r int, limit uint64) {
	l := g.dst(r)
	if l == r || g.locked>>l&1 != 0 {
		g.aluImm(isa.ClassALU64, isa.CodeAND, r, 1)
		return
	}
	g.movImm(l, int32(limit))
	if g.n(2) == 0 {
		g.guard(g.jump(isa.ClassJMP, isa.CodeJGT, r, l, 0), r, limit)
		return
	}
	g.guard(g.jump(isa.ClassJMP, isa.CodeJLT, l, r, 0), r, limit)
}

// guardCopy checks a copy, perhaps one with a constant added or on the stack.
func (g *gen) guardCopy(r int, limit uint64) {
	c := g.dst(r)
	if c == r || g.locked>>c&1 != 0 {
		g.aluImm(isa.ClassALU64, isa.CodeAND, r, 1)
		return
	}
	switch g.n(3) {
	case 0:
		g.movReg(c, r)
		g.guard(g.jump(isa.ClassJMP, isa.CodeJGT, c, -1, int32(limit)), r, limit)
	case 1: // c = r + k, with r small, so that the sum does not wrap
		k := int32(g.n(64))
		g.aluMov32(r)
		g.movReg(c, r)
		g.aluImm(pick[uint8](g, isa.ClassALU64, isa.ClassALU64, isa.ClassALU), isa.CodeADD, c, k)
		g.guard(g.jump(isa.ClassJMP, isa.CodeJGT, c, -1, int32(limit)+k), r, limit)
		g.aluImm(isa.ClassALU64, isa.CodeAND, r, int32(1)<<(bits.Len64(limit+1)-1)-1)
	default:
		s := g.slot()
		g.spill(s, 0, 8, r)
		g.guard(g.jump(isa.ClassJMP, isa.CodeJGT, r, -1, int32(limit)), r, limit)
		g.fill(c, s, 8)
		g.movReg(r, c)
		g.r[r].max = limit
	}
}

// wobble changes a bounded scalar so that its bound stays.
func (g *gen) wobble(r int) {
	m := g.r[r].max
	if m == 0 || g.locked>>r&1 != 0 {
		return
	}
	switch g.n(4) {
	case 0:
		g.aluImm(isa.ClassALU64, isa.CodeRSH, r, int32(g.n(3)))
	case 1:
		g.aluImm(isa.ClassALU, isa.CodeXOR, r, int32(m)&int32(g.byte())&(int32(1)<<(bits.Len64(m+1)-1)-1))
		g.aluImm(isa.ClassALU64, isa.CodeAND, r, int32(1)<<(bits.Len64(m+1)-1)-1)
	case 2:
		if g.rarely(4) { // Linux knows nothing of the result
			g.aluImm(isa.ClassALU64, isa.CodeDIV, r, int32(1+g.n(4)))
		}
	default:
		s := g.slot()
		g.spill(s, 0, 8, r)
		g.fill(r, s, 8)
	}
	g.r[r].max = min(g.r[r].max, m)
}
