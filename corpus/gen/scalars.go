package gen

import "github.com/bpfcheck/bpfcheck/isa"

// source makes r an unknown scalar: from the context, a map or a helper.
func (g *gen) source(r int) {
	switch g.n(6) {
	case 0, 1:
		g.contextField(r)
	case 2, 3:
		g.loadValue(r, 2, 0)
		n := 1 << g.n(4)
		g.load(r, r, n*g.n(64/n), n, g.n(2) == 0)
	case 4:
		if g.n(3) == 0 && g.locked&0x3f == 0 {
			g.pure = false
			g.helper(pick[int32](g, 7, 5, 8)) // random, time, CPU
			g.movReg(r, 0)
			return
		}
		g.contextField(r)
	default:
		g.loadWide(r, g.wide())
	}
}

// contextField reads a scalar of the context, if there is a pointer to it.
func (g *gen) contextField(r int) {
	ctx, ok := g.some(ctxPtr)
	if !ok {
		g.movImm(r, g.boundary())
		return
	}
	off := pick(g, 0, 8, 32, 48, 52, 40, 36)
	if g.typ == "xdp" {
		off = pick(g, 12, 16)
	}
	g.load(r, ctx, off, 4, false)
	if g.n(3) > 0 {
		g.arithmetic(1)
	}
}

var aluCodes = [...]uint8{
	isa.CodeADD, isa.CodeSUB, isa.CodeMUL, isa.CodeOR, isa.CodeAND, isa.CodeLSH, isa.CodeRSH,
	isa.CodeXOR, isa.CodeARSH, isa.CodeDIV, isa.CodeMOD,
}

// arithmetic writes n operations on scalars.
func (g *gen) arithmetic(n int) {
	for range n {
		class := pick[uint8](g, isa.ClassALU, isa.ClassALU64, isa.ClassALU)
		r := g.scratch()
		if g.r[r].kind != scalar {
			continue
		}
		switch g.n(8) {
		case 0, 1, 2:
			g.operation(class, pick(g, aluCodes[:]...), r)
		case 3:
			g.extend(class, r)
		case 4:
			g.swap(r)
		case 5:
			g.emit(isa.Instruction{Op: class | isa.CodeNEG, Dst: isa.Reg(r)})
			g.r[r].max = ceiling(class)
		case 6:
			g.copyScalar(class, r)
		default:
			g.aluImm(class, pick[uint8](g, isa.CodeAND, isa.CodeADD, isa.CodeRSH), r, int32(g.n(64))&31)
		}
	}
}

// operation is one of the two-operand operations.
func (g *gen) operation(class, code uint8, r int) {
	shift := code == isa.CodeLSH || code == isa.CodeRSH || code == isa.CodeARSH
	if src, ok := g.some(scalar); ok && g.n(2) == 0 {
		g.alu(class, code, r, src)
		return
	}
	imm := g.boundary()
	if shift {
		bits := 64
		if class == isa.ClassALU {
			bits = 32
		}
		imm = int32(g.n(bits))
	}
	if (code == isa.CodeDIV || code == isa.CodeMOD) && imm == 0 {
		imm = 7
	}
	g.aluImm(class, code, r, imm)
}

// extend is MOV, or MOV with sign extension.
func (g *gen) extend(class uint8, r int) {
	bits := pick(g, 8, 16, 32)
	if class == isa.ClassALU && bits == 32 {
		bits = 0
	}
	src := g.scalarReg()
	g.emit(isa.Instruction{Op: class | isa.CodeMOV | isa.SourceX, Dst: isa.Reg(r), Src: isa.Reg(src), Off: int16(bits)})
	g.r[r] = val{kind: scalar, max: ceiling(class)}
}

// swap is a byte swap or a truncation.
func (g *gen) swap(r int) {
	op := pick[uint8](g, isa.ClassALU, isa.ClassALU|isa.SourceX, isa.ClassALU64) | isa.CodeEND
	bits := pick[int32](g, 16, 32, 64)
	g.emit(isa.Instruction{Op: op, Dst: isa.Reg(r), Imm: bits})
	g.r[r].max = anything >> (64 - bits)
}

// copyScalar copies a scalar, perhaps adding a constant: the two are then tied.
func (g *gen) copyScalar(class uint8, r int) {
	src := g.scalarReg()
	if src == r {
		return
	}
	if class == isa.ClassALU {
		g.emit(isa.Instruction{Op: class | isa.CodeMOV | isa.SourceX, Dst: isa.Reg(r), Src: isa.Reg(src)})
		g.r[r] = val{kind: scalar, max: min(g.r[src].max, ceiling(class))}
		if g.r[src].max > ceiling(class) {
			g.r[r].max = ceiling(class)
		}
	} else {
		g.movReg(r, src)
	}
	if g.n(2) == 0 {
		g.aluImm(pick[uint8](g, isa.ClassALU64, isa.ClassALU), isa.CodeADD, r, g.boundary())
	}
}

// division exercises what divides by zero and overflows.
func (g *gen) division() {
	a, b := g.dst(), 0
	g.source(a)
	for b = g.dst(a); b == a; b = (b + 1) % 10 {
	}
	if g.locked>>a&1 != 0 || g.locked>>b&1 != 0 || g.r[a].kind != scalar {
		return
	}
	if g.n(3) == 0 {
		g.loadWide(a, pick[uint64](g, 1<<63, 1<<31, 0xffffffff80000000, anything))
	}
	switch g.n(3) {
	case 0:
		g.movImm(b, pick[int32](g, 0, -1, 1, 3))
	case 1:
		g.loadWide(b, pick[uint64](g, 0, anything, 1<<32, 0xffffffff))
	default:
		g.source(b)
	}
	if g.r[a].kind != scalar || g.r[b].kind != scalar {
		return
	}
	class := pick[uint8](g, isa.ClassALU, isa.ClassALU64)
	op := class | pick[uint8](g, isa.CodeDIV, isa.CodeMOD) | isa.SourceX
	g.emit(isa.Instruction{Op: op, Dst: isa.Reg(a), Src: isa.Reg(b), Off: int16(g.n(2))})
	g.r[a] = val{kind: scalar, max: ceiling(class)}
}

// spills writes to the stack and reads it back, in any sizes.
func (g *gen) spills() {
	for range 1 + g.n(3) {
		s := g.slot()
		switch g.n(7) {
		case 0:
			if ptrs := g.pointers(); len(ptrs) > 0 {
				r := ptrs[g.n(len(ptrs))]
				g.spill(s, 0, 8, r)
				continue
			}
			fallthrough
		case 1, 2:
			n := 1 << g.n(4)
			g.spill(s, n*g.n(8/n), n, g.scalarReg())
		case 3:
			n := 1 << g.n(4)
			g.storeImm(s, n*g.n(8/n), n, g.boundary())
		case 4:
			g.fillPointer()
		default:
			g.readSlot()
		}
	}
}

// pointers are the registers that hold pointers that may be spilled.
func (g *gen) pointers() (rs []int) {
	for i, v := range g.r {
		if v.kind > scalar {
			rs = append(rs, i)
		}
	}
	return rs
}

func (g *gen) fillPointer() {
	for s := range g.stack {
		if g.stack[s].v.kind > scalar && g.n(2) == 0 {
			g.fill(g.dst(), s, 8)
			return
		}
	}
}

// readSlot reads bytes of a slot that holds a scalar.
func (g *gen) readSlot() {
	first := g.n(slots)
	for k := range slots {
		s := (first + k) % slots
		p := &g.stack[s]
		if p.init == 0 || p.v.kind > scalar {
			continue
		}
		n := 1 << g.n(4)
		at := n * g.n(8/n)
		mask := uint8((1<<n - 1) << at)
		if p.init&mask != mask {
			continue
		}
		r := g.dst()
		if n == 8 || at == 0 && g.n(2) == 0 {
			g.fill(r, s, n)
			return
		}
		g.load(r, 10, slotOff(s)+at, n, g.n(2) == 0)
		return
	}
}
