package gen

import (
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// emit adds an instruction and returns its slot.
func (g *gen) emit(i isa.Instruction) int {
	g.code = append(g.code, i)
	return len(g.code) - 1
}

func (g *gen) movImm(r int, imm int32) {
	g.emit(isa.Instruction{Op: pick[uint8](g, isa.ClassALU64, isa.ClassALU) | isa.CodeMOV, Dst: isa.Reg(r), Imm: imm})
	g.r[r] = val{kind: scalar, max: uint64(uint32(imm))}
	if imm < 0 {
		g.r[r].max = anything
	}
}

func (g *gen) movReg(dst, src int) {
	g.emit(isa.Instruction{Op: isa.OpMovX, Dst: isa.Reg(dst), Src: isa.Reg(src)})
	if src == 10 {
		g.r[dst] = val{kind: stkPtr}
		return
	}
	g.r[dst] = g.r[src]
}

// loadWide is LD_IMM64 of a number.
func (g *gen) loadWide(r int, x uint64) {
	g.emit(isa.Instruction{Op: isa.OpLdImm64, Dst: isa.Reg(r), Imm: int32(uint32(x)), Next: int32(uint32(x >> 32))})
	g.emit(isa.Instruction{})
	g.r[r] = val{kind: scalar, max: x}
}

// loadMap is LD_IMM64 of a map.
func (g *gen) loadMap(r, m int) {
	g.refs = append(g.refs, loader.Ref{Insn: len(g.code), Kind: loader.RefMap, Map: m})
	g.emit(isa.Instruction{Op: isa.OpLdImm64, Dst: isa.Reg(r), Src: isa.PseudoMapFD})
	g.emit(isa.Instruction{})
	g.r[r] = val{}
}

// loadValue is LD_IMM64 of the address of the only value of an array.
func (g *gen) loadValue(r, m, off int) {
	g.refs = append(g.refs, loader.Ref{Insn: len(g.code), Kind: loader.RefMapValue, Map: m, Offset: int32(off)})
	g.emit(isa.Instruction{Op: isa.OpLdImm64, Dst: isa.Reg(r), Src: isa.PseudoMapValue, Next: int32(off)})
	g.emit(isa.Instruction{})
	g.r[r] = val{kind: memPtr, lo: -off, hi: int(g.maps[m].ValueSize) - off}
}

// alu is dst op= src, and aluImm dst op= imm, on scalars.
func (g *gen) alu(class, code uint8, dst, src int) {
	g.emit(isa.Instruction{Op: class | code | isa.SourceX, Dst: isa.Reg(dst), Src: isa.Reg(src)})
	g.r[dst] = val{kind: scalar, max: ceiling(class)}
}

func (g *gen) aluImm(class, code uint8, dst int, imm int32) {
	g.emit(isa.Instruction{Op: class | code, Dst: isa.Reg(dst), Imm: imm})
	old := g.r[dst].max
	g.r[dst] = val{kind: scalar, max: ceiling(class)}
	v := &g.r[dst].max
	switch {
	case code == isa.CodeAND && imm >= 0:
		*v = min(uint64(imm), old)
	case code == isa.CodeMOD && imm > 0:
		*v = uint64(imm) - 1
	case code == isa.CodeRSH && imm >= 0 && imm < 64 && class == isa.ClassALU64:
		*v = old >> imm
	case code == isa.CodeDIV && imm > 0 && class == isa.ClassALU64:
		*v = old / uint64(imm)
	}
}

// ceiling is the largest result of a class.
func ceiling(class uint8) uint64 {
	if class == isa.ClassALU {
		return uint64(isa.W32.Mask())
	}
	return anything
}

// sizes and their codes.
func sizeCode(n int) uint8 {
	switch n {
	case 1:
		return isa.SizeB
	case 2:
		return isa.SizeH
	case 4:
		return isa.SizeW
	}
	return isa.SizeDW
}

// load reads n bytes; the result is a scalar. signed takes effect for n < 8.
func (g *gen) load(dst, base, off, n int, signed bool) {
	mode, top := uint8(isa.ModeMEM), anything
	if n < 8 {
		top = 1<<(8*n) - 1
		if signed {
			mode, top = isa.ModeMEMSX, anything
		}
	}
	g.emit(isa.Instruction{Op: isa.ClassLDX | mode | sizeCode(n), Dst: isa.Reg(dst), Src: isa.Reg(base), Off: int16(off)})
	g.r[dst] = val{kind: scalar, max: top}
}

// storeTo writes n bytes of a scalar register, or an immediate, to memory that
// is not the stack.
func (g *gen) storeTo(base, off, n int) {
	if g.n(3) == 0 {
		g.emit(isa.Instruction{Op: isa.ClassST | isa.ModeMEM | sizeCode(n), Dst: isa.Reg(base), Off: int16(off), Imm: g.boundary()})
		return
	}
	src := g.scalarReg()
	if g.r[base].kind == scalar {
		return // the scalar took the pointer's register
	}
	g.emit(isa.Instruction{Op: isa.ClassSTX | isa.ModeMEM | sizeCode(n), Dst: isa.Reg(base), Src: isa.Reg(src), Off: int16(off)})
}

// slotOff is where a slot begins.
func slotOff(s int) int { return -8 * (s + 1) }

// spill writes n bytes of a register to a slot, at byte at.
func (g *gen) spill(s, at, n, src int) {
	g.emit(isa.Instruction{Op: isa.ClassSTX | isa.ModeMEM | sizeCode(n), Dst: isa.R10, Src: isa.Reg(src), Off: int16(slotOff(s) + at)})
	g.wrote(s, at, n, g.r[src])
}

// storeImm writes an immediate to a slot.
func (g *gen) storeImm(s, at, n int, imm int32) {
	g.emit(isa.Instruction{Op: isa.ClassST | isa.ModeMEM | sizeCode(n), Dst: isa.R10, Off: int16(slotOff(s) + at), Imm: imm})
	v := val{kind: scalar, max: uint64(uint32(imm))}
	if imm < 0 {
		v.max = anything
	}
	g.wrote(s, at, n, v)
}

// wrote notes what a store left in a slot.
func (g *gen) wrote(s, at, n int, v val) {
	p := &g.stack[s]
	if p.v.kind > scalar && n < 8 {
		p.init = 0 // the rest of a pointer may not be read
	}
	p.init |= uint8((1<<n - 1) << at)
	if p.v = v; n < 8 {
		p.v = val{kind: scalar, max: anything}
	}
}

// fill reads a slot. n < 8 reads its start.
func (g *gen) fill(dst, s, n int) {
	g.emit(isa.Instruction{Op: isa.ClassLDX | isa.ModeMEM | sizeCode(n), Dst: isa.Reg(dst), Src: isa.R10, Off: int16(slotOff(s))})
	v := g.stack[s].v
	if v.kind == unset {
		v = val{kind: scalar, max: anything}
	}
	if n < 8 {
		v = val{kind: scalar, max: 1<<(8*n) - 1}
	}
	g.r[dst] = v
}

// helper calls a helper; its arguments are in place.
func (g *gen) helper(id int32) {
	g.emit(isa.Instruction{Op: isa.OpCall, Imm: id})
	for r := 0; r <= 5; r++ {
		g.r[r] = val{}
	}
	g.r[0] = val{kind: scalar, max: anything}
}

// jump adds a conditional jump whose target is patched later.
func (g *gen) jump(class, code uint8, dst, src int, imm int32) int {
	i := isa.Instruction{Op: class | code, Dst: isa.Reg(dst), Imm: imm}
	if src >= 0 {
		i.Op |= isa.SourceX
		i.Src, i.Imm = isa.Reg(src), 0
	}
	return g.emit(i)
}

// goTo adds an unconditional jump.
func (g *gen) goTo() int { return g.emit(isa.Instruction{Op: isa.OpJA}) }

// land lets a jump go to the next instruction, aim to any.
func (g *gen) land(at int)        { g.aim(at, len(g.code)) }
func (g *gen) aim(at, target int) { g.code[at].Off = int16(target - at - 1) }
