package isa

import (
	"math"
	"strings"
)

// assign reads the instructions that start with the register they write.
func (p *parser) assign() {
	dst, letter := p.reg()
	op := p.advance()
	if op.text == "=" {
		p.value(dst, letter)
		return
	}
	name, ok := strings.CutSuffix(op.text, "=")
	signed := name == "s/" || name == "s%"
	if signed {
		name = name[1:]
	}
	code := -1
	for c, s := range aluText {
		if s != "" && s == name {
			code = c
		}
	}
	if !ok || code < 0 || op.kind != tokOp {
		p.fail(op, "expected =, += or another assignment, found %s", op)
		return
	}
	i := Instruction{Op: aluClass(letter) | uint8(code)<<4, Dst: dst}
	if signed {
		i.Off = 1
	}
	p.operand(&i, letter)
	p.emit(i)
}

func aluClass(letter byte) uint8 {
	if letter == 'w' {
		return ClassALU
	}
	return ClassALU64
}

// value reads the right side of "r1 = …".
func (p *parser) value(dst Reg, letter byte) {
	t := p.tok
	mov := Instruction{Op: aluClass(letter) | CodeMOV, Dst: dst}
	switch {
	case t.kind == tokNumber, t.text == "-":
		p.constant(mov, letter)
	case t.text == "(":
		p.advance()
		p.signExtend(mov, letter)
	case t.text == "*":
		p.advance()
		p.load(dst, letter)
	case t.kind != tokIdent:
		p.fail(t, "expected a register, a number, a load or an operation, found %s", t)
	default:
		if _, _, ok := parseReg(t.text); ok {
			p.operand(&mov, letter)
			p.emit(mov)
			return
		}
		p.named(p.advance(), dst, letter)
	}
}

// constant reads "5", "0x5 ll", "-5" and "-r1".
func (p *parser) constant(mov Instruction, letter byte) {
	at := p.tok
	neg := p.accept("-")
	if neg && p.tok.kind == tokIdent {
		p.again(mov.Dst, letter)
		p.emit(Instruction{Op: aluClass(letter) | CodeNEG, Dst: mov.Dst})
		return
	}
	t := p.advance()
	if t.kind != tokNumber {
		p.fail(t, "expected a number, found %s", t)
		return
	}
	if p.accept("ll") {
		v := t.num
		if neg {
			v = -v
		}
		if letter == 'w' || (neg && t.num > 1<<63) {
			p.fail(at, "%s ll does not fit a register named %c…", sign(neg)+t.text, letter)
		}
		p.emitWide(Instruction{Op: OpLdImm64, Dst: mov.Dst, Imm: int32(uint32(v)), Next: int32(uint32(v >> 32))})
		return
	}
	lo, hi := uint64(1<<31), uint64(math.MaxInt32)
	if letter == 'w' {
		hi = math.MaxUint32
	}
	if (neg && t.num > lo) || (!neg && t.num > hi) {
		p.fail(at, "number %s does not fit 32 bits; write ll after it to load 64", sign(neg)+t.text)
		return
	}
	mov.Imm = int32(uint32(t.num))
	if neg {
		mov.Imm = -mov.Imm
	}
	p.emit(mov)
}

// signExtend reads "s8)r2", after the parenthesis.
func (p *parser) signExtend(mov Instruction, letter byte) {
	t := p.advance()
	switch t.text {
	case "s8":
		mov.Off = 8
	case "s16":
		mov.Off = 16
	case "s32":
		mov.Off = 32
	}
	if mov.Off == 0 || (mov.Off == 32 && letter == 'w') {
		p.fail(t, "expected s8, s16 or, for a 64-bit register, s32, found %s", t)
	}
	p.expect(")")
	if p.tok.kind != tokIdent {
		p.fail(p.tok, "expected a register, found %s", p.tok)
	}
	p.operand(&mov, letter)
	p.emit(mov)
}

// load reads "(u8 *)(r1 + 4)" and "(u8 *)skb[r7 + 4]", after the star.
func (p *parser) load(dst Reg, letter byte) {
	at := p.tok
	size, kind := p.sizeKind("us")
	if letter == 'w' && (size == SizeDW || kind == 's') {
		p.fail(at, "expected u8, u16 or u32: this load fills a register named r…")
	}
	if p.tok.text == "skb" {
		p.packet(dst, size, kind)
		return
	}
	i := Instruction{Op: ClassLDX | ModeMEM | size, Dst: dst}
	if kind == 's' {
		i.Op = ClassLDX | ModeMEMSX | size
	}
	i.Src, i.Off = p.address()
	p.emit(i)
}

func (p *parser) packet(dst Reg, size, kind uint8) {
	if dst != R0 || kind != 'u' || size == SizeDW {
		p.fail(p.tok, "a packet load puts u8, u16 or u32 into r0")
	}
	p.advance()
	p.expect("[")
	i := Instruction{Op: ClassLD | ModeABS | size}
	if p.tok.kind == tokIdent {
		i.Op = ClassLD | ModeIND | size
		i.Src = p.reg64()
		i.Imm = int32(p.displacement(math.MinInt32, math.MaxInt32))
	} else {
		i.Imm = p.imm(false)
	}
	p.expect("]")
	p.emit(i)
}

// named reads the operations that have a name: t is that name.
func (p *parser) named(t token, dst Reg, letter byte) {
	switch {
	case strings.HasPrefix(t.text, "atomic_fetch_"):
		p.fetch(t, dst, letter)
	case t.text == "xchg_64", t.text == "xchg32_32":
		p.exchange(t, dst, letter)
	case t.text == "cmpxchg_64", t.text == "cmpxchg32_32":
		p.compareExchange(t, dst, letter)
	case t.text == "load_acquire":
		p.expect("(")
		at := p.tok
		size := p.sizeType("u")
		if size == SizeDW && letter == 'w' {
			p.fail(at, "expected u8, u16 or u32: this load fills a register named r…")
		}
		i := Instruction{Op: ClassSTX | ModeATOMIC | size, Dst: dst, Imm: AtomicLoadAcq}
		i.Src, i.Off = p.address()
		p.expect(")")
		p.emit(i)
	case letter == 'w':
		p.fail(t, "expected a register, a number, a load or a 32-bit operation, found %s", t)
	case t.text == "addr_space_cast":
		p.cast(dst)
	case p.byteSwap(t, dst):
	default:
		p.wide(t, dst)
	}
}

// byteSwap reads "be16 r1" and reports whether t was such a name.
func (p *parser) byteSwap(t token, dst Reg) bool {
	for _, op := range [...]uint8{ClassALU | CodeEND, ClassALU | CodeEND | SourceX, ClassALU64 | CodeEND} {
		for k := range forms[op] {
			if f := &forms[op][k]; f.name == t.text {
				p.again(dst, 'r')
				p.emit(Instruction{Op: op, Dst: dst, Imm: f.imm.val})
				return true
			}
		}
	}
	return false
}

func (p *parser) cast(dst Reg) {
	p.expect("(")
	i := Instruction{Op: OpMovX, Off: AddrSpaceCast, Dst: dst, Src: p.reg64()}
	p.expect(",")
	to := p.number(0, math.MaxUint16)
	p.expect(",")
	i.Imm = int32(uint32(to)<<16 | uint32(p.number(0, math.MaxUint16)))
	p.expect(")")
	p.emit(i)
}

// fetch reads "((u64 *)(r1 + 0), r2)" after atomic_fetch_add.
func (p *parser) fetch(t token, dst Reg, letter byte) {
	i := Instruction{Src: dst}
	for _, a := range atomicOps {
		if t.text == "atomic_fetch_"+a.name {
			i.Imm = a.imm | AtomicFetch
		}
	}
	if i.Imm == 0 {
		p.fail(t, "expected atomic_fetch_ with add, or, and or xor, found %s", t)
		return
	}
	p.expect("(")
	at := p.tok
	size := p.sizeType("u")
	if (size != SizeDW && size != SizeW) || (size == SizeDW && letter == 'w') {
		p.fail(at, "expected (u64 *) for a register named r… or (u32 *)")
	}
	i.Op = ClassSTX | ModeATOMIC | size
	i.Dst, i.Off = p.address()
	p.expect(",")
	p.again(dst, letter)
	p.expect(")")
	p.emit(i)
}

// exchangeOp returns the opcode of xchg_64 and its kin, whose name says the width.
func (p *parser) exchangeOp(t token, letter byte) uint8 {
	size, want := uint8(SizeDW), byte('r')
	if strings.HasSuffix(t.text, "32_32") {
		size, want = SizeW, 'w'
	}
	if letter != want {
		p.fail(t, "%s writes a register named %c…", t, want)
	}
	return ClassSTX | ModeATOMIC | size
}

// exchange reads "(r1 + 0, r2)".
func (p *parser) exchange(t token, dst Reg, letter byte) {
	i := Instruction{Op: p.exchangeOp(t, letter), Src: dst, Imm: AtomicXchg}
	p.expect("(")
	i.Dst, i.Off = p.inner()
	p.expect(",")
	p.again(dst, letter)
	p.expect(")")
	p.emit(i)
}

// compareExchange reads "(r1 + 0, r0, r2)".
func (p *parser) compareExchange(t token, dst Reg, letter byte) {
	i := Instruction{Op: p.exchangeOp(t, letter), Imm: AtomicCmpXchg}
	if dst != R0 {
		p.fail(t, "%s compares with register 0 and writes it", t)
	}
	p.expect("(")
	i.Dst, i.Off = p.inner()
	p.expect(",")
	p.again(R0, letter)
	p.expect(",")
	at := p.tok
	src, l := p.reg()
	if i.Src = src; l != letter {
		p.fail(at, "expected a register named %c…, found %s", letter, at)
	}
	p.expect(")")
	p.emit(i)
}

// wide reads the LD_IMM64 that are not plain numbers; t is their name.
func (p *parser) wide(t token, dst Reg) {
	i := Instruction{Op: OpLdImm64, Dst: dst}
	if t.text == "map" || t.text == "map_value" {
		p.mapRef(i, t.text == "map_value")
		return
	}
	for src := PseudoMapFD; src <= PseudoMapIdxVal; src++ {
		if wideNames[src] == t.text {
			i.Src = src
		}
	}
	switch {
	case i.Src == PseudoImm:
		p.fail(t, "expected a register, a number, a load or an operation, found %s", t)
	case i.Src == PseudoFunc && p.tok.text != "(":
		i.Imm = p.target(inImm)
	default:
		p.expect("(")
		i.Imm = p.imm(true)
		if p.accept(",") {
			i.Next = p.imm(true)
		}
		p.expect(")")
	}
	p.expect("ll")
	p.emitWide(i)
}

// mapRef reads "[NAME] ll" and "[NAME] + 8 ll".
func (p *parser) mapRef(i Instruction, value bool) {
	if p.tok.text != "[" {
		p.fail(p.tok, "expected [ and the name of a map, found %s", p.tok)
		return
	}
	at := p.tok
	name, ok := p.lex.until(']')
	if !ok || !isMapName(name) {
		p.fail(at, "expected the name of a map between [ and ]")
		return
	}
	p.advance() // the [, whose successor is now the ]
	p.expect("]")
	i.Src = PseudoMapFD
	if value {
		i.Src = PseudoMapValue
		if p.accept("+") {
			i.Next = p.imm(true)
		}
	}
	p.expect("ll")
	if p.opts.Map != nil {
		if i.Imm, ok = p.opts.Map(name); !ok {
			p.fail(at, "no map %q", name)
		}
	}
	if p.err == nil {
		p.out.MapRefs = append(p.out.MapRefs, MapRef{Insn: len(p.out.Insns), Name: name, Value: value, Off: uint32(i.Next)})
	}
	p.emitWide(i)
}
