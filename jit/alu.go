package jit

import (
	"errors"
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// ariths are the operations of two operands that one instruction does.
var ariths = map[isa.ALUOp]arith{isa.Add: aADD, isa.Sub: aSUB, isa.Or: aOR, isa.And: aAND, isa.Xor: aXOR}

var shifts = map[isa.ALUOp]shift{isa.Lsh: sSHL, isa.Rsh: sSHR, isa.Arsh: sSAR}

// alu emits an arithmetic instruction. Operations of 32 bits clear the upper half of
// their destination on both machines.
func (k *compiler) alu(in isa.Instruction) error {
	op, w := in.ALU(false), in.Width()
	wide := w == isa.W64
	d := native[in.Dst]
	if k.one(op, wide, d) {
		return nil
	}
	if !in.UsesSrcReg() {
		return k.aluConst(op, wide, d, in.Imm)
	}
	s := k.read(in.Src, s2)
	switch op {
	case isa.Mov:
		k.mov(wide, d, s)
	case isa.MovSX8, isa.MovSX16, isa.MovSX32:
		k.extend(true, wide, w.Field(op), d, s)
	case isa.Add, isa.Sub, isa.Or, isa.And, isa.Xor:
		k.op(ariths[op], wide, d, s)
	case isa.Mul:
		k.imul(wide, d, s)
	case isa.Lsh, isa.Rsh, isa.Arsh:
		if k.feat.bmi2 {
			k.vexShift(shifts[op], wide, d, d, s)
			return nil
		}
		k.mov(false, s1, s)
		k.shiftCL(shifts[op], wide, d)
	case isa.Div, isa.Mod, isa.SDiv, isa.SMod:
		k.mov(wide, s1, s)
		k.divide(op, wide, d)
	default:
		return errors.New("unknown operation")
	}
	return nil
}

// one emits the operations of one operand. It reports whether op is one of them.
func (k *compiler) one(op isa.ALUOp, wide bool, d reg) bool {
	switch op {
	case isa.Neg:
		k.unary(uNEG, wide, d)
	case isa.Trunc16:
		k.extend(false, false, 16, d, d)
	case isa.Trunc32:
		k.mov(false, d, d)
	case isa.Trunc64:
	case isa.Bswap16:
		k.rol8(d)
		k.extend(false, false, 16, d, d)
	case isa.Bswap32:
		k.bswap(false, d)
	case isa.Bswap64:
		k.bswap(true, d)
	default:
		return false
	}
	return true
}

// aluConst emits operations with a constant.
func (k *compiler) aluConst(op isa.ALUOp, wide bool, d reg, v int32) error {
	switch op {
	case isa.Mov:
		k.movI(d, isa.Eval(isa.Mov, width(wide), 0, uint64(int64(v))))
	case isa.Add, isa.Sub, isa.Or, isa.And, isa.Xor:
		k.opI(ariths[op], wide, d, v)
	case isa.Mul:
		k.imulI(wide, d, d, v)
	case isa.Lsh, isa.Rsh, isa.Arsh:
		n := uint8(v) & (width(wide).Op - 1)
		if n == 0 && !wide {
			k.mov(false, d, d)
		} else if n > 0 {
			k.shiftI(shifts[op], wide, d, n)
		}
	case isa.Div, isa.Mod, isa.SDiv, isa.SMod:
		k.divideConst(op, wide, d, v)
	default:
		return errors.New("unknown operation")
	}
	return nil
}

func width(wide bool) isa.Width {
	if wide {
		return isa.W64
	}
	return isa.W32
}

// divide emits d = d op s1 for any s1: nothing traps (S1-S5).
func (k *compiler) divide(op isa.ALUOp, wide bool, d reg) {
	zero, done := k.newLabel(), k.newLabel()
	k.test(wide, s1, s1)
	k.jcc(ccE, zero)
	minus := k.newLabel()
	if op == isa.SDiv || op == isa.SMod {
		k.opI(aCMP, wide, s1, -1)
		k.jcc(ccE, minus)
	}
	k.divideBy(op, wide, d)
	k.jmp(done)
	k.bind(minus)
	switch op {
	case isa.SDiv:
		k.unary(uNEG, wide, d)
		k.jmp(done)
	case isa.SMod:
		k.op(aXOR, false, d, d)
		k.jmp(done)
	}
	k.bind(zero)
	k.byZero(op, wide, d)
	k.bind(done)
}

// byZero emits the result of a division by zero.
func (k *compiler) byZero(op isa.ALUOp, wide bool, d reg) {
	switch {
	case op == isa.Div || op == isa.SDiv:
		k.op(aXOR, false, d, d)
	case !wide:
		k.mov(false, d, d)
	}
}

// divideBy emits d = d op s1 where the machine's division does not trap. It works on
// rax and rdx; rax is kept.
func (k *compiler) divideBy(op isa.ALUOp, wide bool, d reg) {
	if d != rax {
		k.xchg(rax, d)
	}
	if op == isa.SDiv || op == isa.SMod {
		k.cqo(wide)
		k.unary(uIDIV, wide, s1)
	} else {
		k.op(aXOR, false, rdx, rdx)
		k.unary(uDIV, wide, s1)
	}
	switch mod := op == isa.Mod || op == isa.SMod; {
	case mod:
		if d != rax {
			k.mov(true, rax, d)
		}
		k.mov(wide, d, rdx)
	case d != rax:
		k.xchg(rax, d)
	}
}

// divideConst emits a division by a constant.
func (k *compiler) divideConst(op isa.ALUOp, wide bool, d reg, v int32) {
	c := isa.Eval(isa.Mov, width(wide), 0, uint64(int64(v)))
	signed := op == isa.SDiv || op == isa.SMod
	switch {
	case c == 0:
		k.byZero(op, wide, d)
	case signed && v == -1 && op == isa.SDiv:
		k.unary(uNEG, wide, d)
	case signed && v == -1:
		k.op(aXOR, false, d, d)
	case !signed && c&(c-1) == 0:
		k.powerOfTwo(op, wide, d, c)
	case !signed && !wide && k.feat.bmi2:
		k.multiply(op, d, uint32(c))
	default:
		k.movI(s1, c)
		k.divideBy(op, wide, d)
	}
}

// powerOfTwo emits an unsigned division by c = 2^n.
func (k *compiler) powerOfTwo(op isa.ALUOp, wide bool, d reg, c uint64) {
	switch n := uint8(bits.TrailingZeros64(c)); {
	case op == isa.Div && n > 0:
		k.shiftI(sSHR, wide, d, n)
	case op == isa.Div && !wide:
		k.mov(false, d, d)
	case op == isa.Div: // by 1
	case n < 32:
		k.opI(aAND, false, d, int32(c-1))
	default:
		k.movI(s1, c-1)
		k.op(aAND, true, d, s1)
	}
}

// multiply emits an unsigned 32-bit division by c, no power of two, as a
// multiplication by 2^64/c rounded up, whose error is below what a 32-bit dividend can
// show (Lemire, Kaser and Kurz 2019).
func (k *compiler) multiply(op isa.ALUOp, d reg, c uint32) {
	k.mov(false, d, d)
	k.movI(s2, ^uint64(0)/uint64(c)+1)
	k.mulx(s1, s2, d)
	if op == isa.Div {
		k.mov(false, d, s1)
		return
	}
	k.imulI(false, s1, s1, int32(c))
	k.op(aSUB, false, d, s1)
}
