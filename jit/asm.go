package jit

import "encoding/binary"

// reg is a machine register of x86-64, by its number in encodings.
type reg uint8

const (
	rax reg = iota
	rcx
	rdx
	rbx
	rsp
	rbp
	rsi
	rdi
	r8
	r9
	r10
	r11
	r12
	r13
	r14
	r15
)

// mem is a memory operand: base + index*scale + disp. Without index, scale is 0.
type mem struct {
	base, index reg
	scale       uint8
	disp        int32
}

func at(base reg, disp int32) mem { return mem{base: base, disp: disp} }

func (m mem) plus(n int32) mem { m.disp += n; return m }

// cc is a condition code of jumps.
type cc uint8

const (
	ccB  cc = 0x2 // unsigned <
	ccAE cc = 0x3
	ccE  cc = 0x4
	ccNE cc = 0x5
	ccBE cc = 0x6
	ccA  cc = 0x7
	ccS  cc = 0x8 // negative
	ccL  cc = 0xc // signed <
	ccGE cc = 0xd
	ccLE cc = 0xe
	ccG  cc = 0xf
)

// not returns the opposite condition.
func (c cc) not() cc { return c ^ 1 }

// arith is an operation of the classic arithmetic group, by its number there.
type arith uint8

const (
	aADD arith = 0
	aOR  arith = 1
	aAND arith = 4
	aSUB arith = 5
	aXOR arith = 6
	aCMP arith = 7
)

// shift is an operation of the shift group.
type shift uint8

const (
	sROL shift = 0
	sSHL shift = 4
	sSHR shift = 5
	sSAR shift = 7
)

// unary is an operation of group 3.
type unary uint8

const (
	uNEG  unary = 3
	uDIV  unary = 6
	uIDIV unary = 7
)

// label is a place in the code that jumps go to, an index in assembler.labels.
type label int32

// assembler appends machine code. Jumps are always 32 bits wide, so that one pass
// suffices: size is not what this compiler is short of.
type assembler struct {
	buf    []byte
	labels []int32 // offset, -1 while unknown
	fixes  []fix
}

type fix struct {
	at int32 // of the 32-bit displacement
	to label
}

func (a *assembler) newLabel() label {
	a.labels = append(a.labels, -1)
	return label(len(a.labels) - 1)
}

func (a *assembler) bind(l label) { a.labels[l] = int32(len(a.buf)) }

// resolve fills in the displacements of jumps. It reports false if some label was
// never bound.
func (a *assembler) resolve() bool {
	for _, f := range a.fixes {
		to := a.labels[f.to]
		if to < 0 {
			return false
		}
		binary.LittleEndian.PutUint32(a.buf[f.at:], uint32(to-f.at-4))
	}
	return true
}

func (a *assembler) b(bytes ...byte) { a.buf = append(a.buf, bytes...) }
func (a *assembler) imm32(v int32)   { a.buf = binary.LittleEndian.AppendUint32(a.buf, uint32(v)) }
func (a *assembler) imm64(v uint64)  { a.buf = binary.LittleEndian.AppendUint64(a.buf, v) }

// rex emits a REX prefix if one is needed. r, x and b are the high bits of the
// register, index and base fields; wide asks for 64 bits; force for the low bytes of
// rsp, rbp, rsi and rdi.
func (a *assembler) rex(wide bool, r, x, b reg, force bool) {
	p := byte(0x40) | byte(r>>3)<<2 | byte(x>>3)<<1 | byte(b>>3)
	if wide {
		p |= 8
	}
	if p != 0x40 || force {
		a.b(p)
	}
}

// modRR emits the operand byte of two registers; field may be an opcode extension.
func (a *assembler) modRR(field, rm reg) { a.b(0xc0 | byte(field&7)<<3 | byte(rm&7)) }

// modRM emits the operand bytes of a register and memory.
func (a *assembler) modRM(field reg, m mem) {
	mod, f := byte(0x80), byte(field&7)<<3
	switch {
	case m.disp == 0 && m.base&7 != rbp:
		mod = 0
	case m.disp == int32(int8(m.disp)):
		mod = 0x40
	}
	if m.scale != 0 || m.base&7 == rsp {
		index, ss := byte(4), byte(0)
		if m.scale != 0 {
			index = byte(m.index & 7)
			for s := m.scale; s > 1; s >>= 1 {
				ss += 0x40
			}
		}
		a.b(mod|f|4, ss|index<<3|byte(m.base&7))
	} else {
		a.b(mod | f | byte(m.base&7))
	}
	switch mod {
	case 0x40:
		a.b(byte(m.disp))
	case 0x80:
		a.imm32(m.disp)
	}
}

// rr and rm emit an instruction of one or two opcode bytes (the latter as 0x0fXX).
func (a *assembler) rr(op uint16, wide bool, field, rm reg) {
	a.rex(wide, field, 0, rm, false)
	a.opcode(op)
	a.modRR(field, rm)
}

func (a *assembler) rm(op uint16, wide bool, field reg, m mem) {
	a.rex(wide, field, m.index, m.base, false)
	a.opcode(op)
	a.modRM(field, m)
}

func (a *assembler) opcode(op uint16) {
	if op > 0xff {
		a.b(byte(op >> 8))
	}
	a.b(byte(op))
}

// op emits dst = dst o src; cmp only compares.
func (a *assembler) op(o arith, wide bool, dst, src reg) { a.rr(uint16(o)<<3|1, wide, src, dst) }

// opM is op with a second operand in memory, opToM with the first in memory.
func (a *assembler) opM(o arith, wide bool, dst reg, m mem)   { a.rm(uint16(o)<<3|3, wide, dst, m) }
func (a *assembler) opToM(o arith, wide bool, m mem, src reg) { a.rm(uint16(o)<<3|1, wide, src, m) }

// opI is op with a constant, sign-extended at 64 bits.
func (a *assembler) opI(o arith, wide bool, dst reg, v int32) {
	a.rex(wide, 0, 0, dst, false)
	if v == int32(int8(v)) {
		a.b(0x83)
		a.modRR(reg(o), dst)
		a.b(byte(v))
		return
	}
	a.b(0x81)
	a.modRR(reg(o), dst)
	a.imm32(v)
}

// opMI is opI on memory.
func (a *assembler) opMI(o arith, wide bool, m mem, v int32) {
	a.rex(wide, 0, m.index, m.base, false)
	small := v == int32(int8(v))
	if small {
		a.b(0x83)
	} else {
		a.b(0x81)
	}
	a.modRM(reg(o), m)
	if small {
		a.b(byte(v))
	} else {
		a.imm32(v)
	}
}

func (a *assembler) mov(wide bool, dst, src reg) { a.rr(0x8b, wide, dst, src) }

// movI loads a constant in the shortest way that needs no flags.
func (a *assembler) movI(dst reg, v uint64) {
	switch {
	case v == uint64(uint32(v)):
		a.rex(false, 0, 0, dst, false)
		a.b(0xb8 | byte(dst&7))
		a.imm32(int32(uint32(v)))
	case v == uint64(int64(int32(uint32(v)))):
		a.rex(true, 0, 0, dst, false)
		a.b(0xc7)
		a.modRR(0, dst)
		a.imm32(int32(uint32(v)))
	default:
		a.rex(true, 0, 0, dst, false)
		a.b(0xb8 | byte(dst&7))
		a.imm64(v)
	}
}

func (a *assembler) lea(dst reg, m mem)             { a.rm(0x8d, true, dst, m) }
func (a *assembler) imul(wide bool, dst, src reg)   { a.rr(0x0faf, wide, dst, src) }
func (a *assembler) test(wide bool, x, y reg)       { a.rr(0x85, wide, y, x) }
func (a *assembler) unary(o unary, w bool, r reg)   { a.rr(0xf7, w, reg(o), r) }
func (a *assembler) xchg(x, y reg)                  { a.rr(0x87, true, x, y) }
func (a *assembler) shiftCL(o shift, w bool, r reg) { a.rr(0xd3, w, reg(o), r) }

func (a *assembler) imulI(wide bool, dst, src reg, v int32) {
	a.rr(0x69, wide, dst, src)
	a.imm32(v)
}

func (a *assembler) testI(wide bool, r reg, v int32) {
	a.rr(0xf7, wide, 0, r)
	a.imm32(v)
}

func (a *assembler) shiftI(o shift, wide bool, r reg, n uint8) {
	a.rr(0xc1, wide, reg(o), r)
	a.b(n)
}

// rol8 swaps the bytes of the low half word.
func (a *assembler) rol8(r reg) {
	a.b(0x66)
	a.shiftI(sROL, false, r, 8)
}

func (a *assembler) bswap(wide bool, r reg) {
	a.rex(wide, 0, 0, r, false)
	a.b(0x0f, 0xc8|byte(r&7))
}

// extend widens the low bits of src, a number of bits, to dst.
func (a *assembler) extend(signed, wide bool, bits uint8, dst, src reg) {
	switch {
	case bits == 32 && signed && wide:
		a.rr(0x63, true, dst, src)
	case bits >= 32:
		a.mov(bits == 64, dst, src)
	default:
		a.rex(wide, dst, 0, src, bits == 8)
		a.opcode(extendOp(signed, bits))
		a.modRR(dst, src)
	}
}

func extendOp(signed bool, bits uint8) uint16 {
	op := uint16(0x0fb6)
	if signed {
		op = 0x0fbe
	}
	if bits == 16 {
		op++
	}
	return op
}

// load reads size bytes, extended to 64 bits.
func (a *assembler) load(signed bool, size int, dst reg, m mem) {
	switch {
	case size == 4 && signed:
		a.rm(0x63, true, dst, m)
	case size >= 4:
		a.rm(0x8b, size == 8, dst, m)
	default:
		a.rm(extendOp(signed, uint8(8*size)), signed, dst, m)
	}
}

// store writes the low size bytes of a register.
func (a *assembler) store(size int, m mem, src reg) {
	if size == 2 {
		a.b(0x66)
	}
	a.rex(size == 8, src, m.index, m.base, size == 1)
	if size == 1 {
		a.b(0x88)
	} else {
		a.b(0x89)
	}
	a.modRM(src, m)
}

// storeI writes a constant, sign-extended to 8 bytes.
func (a *assembler) storeI(size int, m mem, v int32) {
	if size == 2 {
		a.b(0x66)
	}
	a.rex(size == 8, 0, m.index, m.base, false)
	if size == 1 {
		a.b(0xc6)
	} else {
		a.b(0xc7)
	}
	a.modRM(0, m)
	switch size {
	case 1:
		a.b(byte(v))
	case 2:
		a.b(byte(v), byte(v>>8))
	default:
		a.imm32(v)
	}
}

// vexShift is SHLX, SHRX or SARX: dst = src shifted by count, flags kept.
func (a *assembler) vexShift(o shift, wide bool, dst, src, count reg) {
	pp := map[shift]byte{sSHL: 1, sSAR: 2, sSHR: 3}[o]
	a.vex(pp, wide, dst, count, src)
	a.b(0xf7)
	a.modRR(dst, src)
}

// mulx leaves the high half of rdx * src in hi and the low half in lo.
func (a *assembler) mulx(hi, lo, src reg) {
	a.vex(3, true, hi, lo, src)
	a.b(0xf6)
	a.modRR(hi, src)
}

// vex emits a three-byte VEX prefix of opcode map 2.
func (a *assembler) vex(pp byte, wide bool, r, v, b reg) {
	w := byte(0)
	if wide {
		w = 0x80
	}
	a.b(0xc4, (byte(^r>>3&1)<<7)|0x40|(byte(^b>>3&1)<<5)|2, w|(^byte(v)&15)<<3|pp)
}

func (a *assembler) push(r reg) {
	a.rex(false, 0, 0, r, false)
	a.b(0x50 | byte(r&7))
}

func (a *assembler) pop(r reg) {
	a.rex(false, 0, 0, r, false)
	a.b(0x58 | byte(r&7))
}

func (a *assembler) ret() { a.b(0xc3) }
func (a *assembler) stc() { a.b(0xf9) }
func (a *assembler) clc() { a.b(0xf8) }
func (a *assembler) cqo(wide bool) {
	a.rex(wide, 0, 0, 0, false)
	a.b(0x99)
}

func (a *assembler) jmp(l label) {
	a.b(0xe9)
	a.reach(l)
}

func (a *assembler) jcc(c cc, l label) {
	a.b(0x0f, 0x80|byte(c))
	a.reach(l)
}

func (a *assembler) call(l label) {
	a.b(0xe8)
	a.reach(l)
}

// leaLabel loads the address of a label.
func (a *assembler) leaLabel(dst reg, l label) {
	a.rex(true, dst, 0, 0, false)
	a.b(0x8d, byte(dst&7)<<3|5)
	a.reach(l)
}

func (a *assembler) reach(l label) {
	a.fixes = append(a.fixes, fix{int32(len(a.buf)), l})
	a.imm32(0)
}

// jmpR jumps to the address in a register.
func (a *assembler) jmpR(r reg) { a.rr(0xff, false, 4, r) }

// bitTest sets the carry to bit n of x, both 32 bits wide.
func (a *assembler) bitTest(x, n reg) { a.rr(0x0fa3, false, n, x) }

// jmpM jumps to the address that memory holds.
func (a *assembler) jmpM(m mem) { a.rm(0xff, false, 4, m) }

// nops is the recommended padding by length.
var nops = [...]string{
	1: "\x90", 2: "\x66\x90", 3: "\x0f\x1f\x00", 4: "\x0f\x1f\x40\x00", 5: "\x0f\x1f\x44\x00\x00", 6: "\x66\x0f\x1f\x44\x00\x00",
	7: "\x0f\x1f\x80\x00\x00\x00\x00", 8: "\x0f\x1f\x84\x00\x00\x00\x00\x00",
}

// align pads to a multiple of n bytes, a power of two.
func (a *assembler) align(n int) {
	for k := -len(a.buf) & (n - 1); k > 0; {
		s := min(k, len(nops)-1)
		a.buf = append(a.buf, nops[s]...)
		k -= s
	}
}
