package isa

import "math"

// statement reads one line: labels, then at most one instruction.
func (p *parser) statement() {
	for p.err == nil && p.tok.kind == tokIdent && p.colonFollows() {
		p.define(p.advance())
		p.advance()
	}
	t := p.tok
	switch {
	case t.kind == tokEOL:
		return
	case t.text == "*":
		p.advance()
		p.store()
	case t.kind == tokIdent:
		if _, _, ok := parseReg(t.text); ok {
			p.assign()
		} else {
			p.keyword(p.advance())
		}
	default:
		p.fail(t, "expected an instruction or a label, found %s", t)
	}
	if p.tok.kind != tokEOL {
		p.fail(p.tok, "expected the end of the instruction, found %s", p.tok)
	}
}

func (p *parser) colonFollows() bool {
	ahead := p.lex // a copy: the lexer is a value
	return ahead.next().text == ":"
}

func (p *parser) keyword(t token) {
	switch t.text {
	case "exit":
		p.emit(Instruction{Op: OpExit})
	case "goto", "may_goto":
		i := Instruction{Op: OpJA}
		if t.text == "may_goto" {
			i.Op = OpMayGoto
		}
		i.Off = int16(p.target(inOff))
		p.emit(i)
	case "gotol":
		p.emit(Instruction{Op: OpGotol, Imm: p.target(inImm)})
	case "if":
		p.branch()
	case "call":
		p.call()
	case "callx":
		p.emit(Instruction{Op: OpCallX, Dst: p.reg64()})
	case "lock":
		p.expect("*")
		p.lock()
	case "store_release":
		p.expect("(")
		size := p.sizeType("u")
		dst, off := p.address()
		p.expect(",")
		src := p.sizedReg(size)
		p.expect(")")
		p.emit(Instruction{Op: ClassSTX | ModeATOMIC | size, Dst: dst, Src: src, Off: off, Imm: AtomicStRel})
	case ".insn":
		p.raw()
	default:
		p.fail(t, "expected an instruction or a label, found %s", t)
	}
}

// raw reads ".insn opcode, dst, src, off, imm".
func (p *parser) raw() {
	var v [5]int64
	limits := [5][2]int64{{0, 255}, {0, 15}, {0, 15}, {math.MinInt16, math.MaxInt16}, {math.MinInt32, math.MaxUint32}}
	for k := range v {
		if k > 0 {
			p.expect(",")
		}
		v[k] = p.number(limits[k][0], limits[k][1])
	}
	p.emitRaw(Instruction{Op: uint8(v[0]), Dst: Reg(v[1]), Src: Reg(v[2]), Off: int16(v[3]), Imm: int32(v[4])})
}

// branch reads "if r1 s> 5 goto +3", after the if.
func (p *parser) branch() {
	dst, letter := p.reg()
	op := p.advance()
	code := -1
	for c, s := range jumpText {
		if s != "" && s == op.text && op.kind == tokOp {
			code = c
		}
	}
	if code < 0 {
		p.fail(op, "expected a comparison such as == or s>=, found %s", op)
		return
	}
	i := Instruction{Op: ClassJMP | uint8(code)<<4, Dst: dst}
	if letter == 'w' {
		i.Op = ClassJMP32 | uint8(code)<<4
	}
	p.operand(&i, letter)
	p.expect("goto")
	i.Off = int16(p.target(inOff))
	p.emit(i)
}

// operand reads the second operand of a comparison or of arithmetic into i: a
// register as wide as the first or an immediate.
func (p *parser) operand(i *Instruction, letter byte) {
	if t := p.tok; t.kind == tokIdent {
		r, l := p.reg()
		if l != letter {
			p.fail(t, "expected a register named %c…, as wide as the first operand, found %s", letter, t)
		}
		i.Op, i.Src = i.Op|SourceX, r
		return
	}
	i.Imm = p.imm(letter == 'w')
}

// target reads the target of a jump: +3, -2, pc+3 or a label.
func (p *parser) target(use labelUse) int32 {
	t := p.tok
	p.accept("pc")
	if p.tok.text == "+" || p.tok.text == "-" {
		p.accept("+")
		if use == inOff {
			return int32(p.number(math.MinInt16, math.MaxInt16))
		}
		return int32(p.number(math.MinInt32, math.MaxInt32))
	}
	if t.kind != tokIdent || !isLabelName(t.text) {
		p.fail(t, "expected a label or a distance such as +3 or -2, found %s", t)
		return 0
	}
	p.later(p.advance(), use)
	return 0
}

// call reads what follows the keyword: 5, kfunc#7, +3 or a name.
func (p *parser) call() {
	i := Instruction{Op: OpCall}
	switch t := p.tok; {
	case t.kind == tokNumber:
		i.Imm = p.imm(true)
	case t.text == "kfunc":
		p.advance()
		p.expect("#")
		i.Src, i.Imm = CallKfunc, p.imm(false)
		if p.accept("module") {
			i.Off = int16(p.number(math.MinInt16, math.MaxInt16))
		}
	case t.text == "+", t.text == "-", t.text == "pc":
		i.Src, i.Imm = CallLocal, p.target(inImm)
	case t.kind == tokIdent && isLabelName(t.text):
		p.later(p.advance(), inCall)
	default:
		p.fail(t, "expected a helper number, a name, kfunc#number or a distance such as +3, found %s", t)
	}
	p.emit(i)
}

// store reads "(u64 *)(r10 - 8) = r1", after the star.
func (p *parser) store() {
	size := p.sizeType("u")
	i := Instruction{Op: ClassSTX | ModeMEM | size}
	i.Dst, i.Off = p.address()
	p.expect("=")
	if p.tok.kind == tokIdent {
		i.Src = p.sizedReg(size)
	} else {
		i.Op = ClassST | ModeMEM | size
		i.Imm = p.imm(size != SizeDW)
	}
	p.emit(i)
}

// lock reads "(u64 *)(r1 + 0) += r2", after "lock *".
func (p *parser) lock() {
	at := p.tok
	size := p.sizeType("u")
	if size != SizeW && size != SizeDW {
		p.fail(at, "expected (u32 *) or (u64 *): atomic arithmetic is on 4 or 8 bytes")
	}
	i := Instruction{Op: ClassSTX | ModeATOMIC | size}
	i.Dst, i.Off = p.address()
	op, known := p.advance(), false
	for _, a := range atomicOps {
		if a.text == op.text {
			i.Imm, known = a.imm, true
		}
	}
	if !known {
		p.fail(op, "expected +=, |=, &= or ^=, found %s", op)
	}
	i.Src = p.sizedReg(size)
	p.emit(i)
}

// reg reads a register and returns it with its letter, r or w.
func (p *parser) reg() (Reg, byte) {
	t := p.tok
	r, letter, ok := parseReg(t.text)
	if !ok {
		p.fail(t, "expected a register r0 to r10 or w0 to w10, found %s", t)
		return 0, 'r'
	}
	p.advance()
	return r, letter
}

// reg64 reads a register that must be a whole one.
func (p *parser) reg64() Reg {
	t := p.tok
	r, letter := p.reg()
	if letter != 'r' {
		p.fail(t, "expected a 64-bit register r0 to r10, found %s", t)
	}
	return r
}

// sizedReg reads the register of an access of the given size: w only below 8 bytes.
func (p *parser) sizedReg(size uint8) Reg {
	if size == SizeDW {
		return p.reg64()
	}
	r, _ := p.reg()
	return r
}

// again reads a register that the syntax says twice, the way it was said first.
func (p *parser) again(r Reg, letter byte) {
	if want := regName(r, letter); p.err == nil && p.tok.text != want {
		p.fail(p.tok, "expected %s again, found %s", want, p.tok)
		return
	}
	p.advance()
}

// sizeType reads "(u8 *)" and returns the size bits; kinds has the letters allowed.
func (p *parser) sizeType(kinds string) uint8 {
	size, _ := p.sizeKind(kinds)
	return size
}

func (p *parser) sizeKind(kinds string) (size, letter uint8) {
	p.expect("(")
	t := p.tok
	for k := 0; k < len(kinds); k++ {
		if len(t.text) < 2 || t.text[0] != kinds[k] {
			continue
		}
		letter = kinds[k]
		switch t.text[1:] {
		case "8":
			size = SizeB
		case "16":
			size = SizeH
		case "32":
			size = SizeW
		case "64":
			size = SizeDW
		default:
			letter = 0
		}
		break
	}
	if letter == 0 || (letter == 's' && size == SizeDW) {
		want := "u8, u16, u32 or u64"
		if len(kinds) > 1 {
			want += ", or s8, s16 or s32"
		}
		p.fail(t, "expected a size %s, found %s", want, t)
	}
	p.advance()
	p.expect("*")
	p.expect(")")
	return size, letter
}

// address reads "(r1 + 4)".
func (p *parser) address() (Reg, int16) {
	p.expect("(")
	r, off := p.inner()
	p.expect(")")
	return r, off
}

// inner reads "r1 + 4"; the displacement may be absent.
func (p *parser) inner() (Reg, int16) {
	r := p.reg64()
	return r, int16(p.displacement(math.MinInt16, math.MaxInt16))
}

func (p *parser) displacement(lo, hi int64) int64 {
	switch {
	case p.accept("+"):
		return p.number(0, hi)
	case p.tok.text == "-":
		return p.number(lo, hi)
	}
	return 0
}

// imm reads a 32-bit immediate. Where its upper half does not matter, pattern
// allows 2^31 to 2^32-1 too; elsewhere such a number would be sign-extended to
// something that the text does not say.
func (p *parser) imm(pattern bool) int32 {
	hi := int64(math.MaxInt32)
	if pattern {
		hi = math.MaxUint32
	}
	return int32(p.number(math.MinInt32, hi))
}

// number reads an optional minus and a number within [lo, hi].
func (p *parser) number(lo, hi int64) int64 {
	at := p.tok
	neg := p.accept("-")
	t := p.tok
	if t.kind != tokNumber {
		p.fail(t, "expected a number, found %s", t)
		return 0
	}
	p.advance()
	v := int64(t.num)
	if neg {
		v = -v
	}
	if t.num > math.MaxInt64 || v < lo || v > hi {
		p.fail(at, "number %s is outside %d to %d", sign(neg)+t.text, lo, hi)
		return 0
	}
	return v
}

func sign(neg bool) string {
	if neg {
		return "-"
	}
	return ""
}
