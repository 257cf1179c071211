package isa

import "math/bits"

// ALUOp is an arithmetic operation. The zero value is no operation.
type ALUOp uint8

// The operations. Those of one operand (NEG, byte swaps, truncations) ignore a
// or b as said; MOV and its sign-extending forms take their value from b.
const (
	InvalidALU ALUOp = iota
	Add
	Sub
	Mul
	Div
	SDiv
	Mod
	SMod
	Or
	And
	Xor
	Lsh
	Rsh
	Arsh
	Neg     // -a
	Mov     // b
	MovSX8  // b, sign-extended from its low byte
	MovSX16 // b, sign-extended from its low half word
	MovSX32 // b, sign-extended from its low word
	Trunc16 // a mod 2^16: le16 on a little-endian machine
	Trunc32
	Trunc64 // a
	Bswap16 // the low 16 bits of a, swapped, the rest 0
	Bswap32
	Bswap64

	// NumALU is one more than the last operation.
	NumALU
)

// Cond is the condition of a jump. The zero value is no condition.
type Cond uint8

// The conditions.
const (
	InvalidCond Cond = iota
	EQ
	NE
	GT
	GE
	LT
	LE
	SGT
	SGE
	SLT
	SLE
	SET  // a & b != 0
	NSET // a & b == 0; the outcome of SET that falls through, not an instruction

	// NumCond is one more than the last condition.
	NumCond
)

// Eval returns what op leaves in a register that held a, with second operand b.
// The result of an operation narrower than the register is zero-extended (S8).
// Division by zero gives 0, modulo by zero leaves the dividend (S1-S3); nothing
// traps (S4, S5); shift amounts are masked (S7). Rules S1-S20, RFC 9669
// section 4.
func Eval(op ALUOp, w Width, a, b uint64) uint64 {
	m := w.Mask()
	x, y := a&m, b&m
	switch op {
	case Add:
		return (x + y) & m
	case Sub:
		return (x - y) & m
	case Mul:
		return (x * y) & m
	case Div:
		if y == 0 {
			return 0
		}
		return x / y
	case SDiv:
		return sdiv(w, x, y)
	case Mod:
		if y == 0 {
			return x
		}
		return x % y
	case SMod:
		return smod(w, x, y)
	case Or:
		return x | y
	case And:
		return x & y
	case Xor:
		return x ^ y
	case Lsh:
		return (x << shift(w, y)) & m
	case Rsh:
		return x >> shift(w, y)
	case Arsh:
		return uint64(w.Signed(x)>>shift(w, y)) & m
	case Neg:
		return -x & m
	case Mov:
		return y
	case MovSX8, MovSX16, MovSX32:
		n := w.Field(op)
		return uint64(Width{w.Word, n}.Signed(y)) & m
	case Trunc16, Trunc32, Trunc64:
		return a & ones(w.Field(op))
	case Bswap16, Bswap32, Bswap64:
		return swap(a, w.Field(op), w.unit())
	}
	panic("isa: Eval of no operation")
}

// Holds reports whether condition c holds between a and b, comparing the low Op bits.
func Holds(c Cond, w Width, a, b uint64) bool {
	x, y := a&w.Mask(), b&w.Mask()
	sx, sy := w.Signed(x), w.Signed(y)
	switch c {
	case EQ:
		return x == y
	case NE:
		return x != y
	case GT:
		return x > y
	case GE:
		return x >= y
	case LT:
		return x < y
	case LE:
		return x <= y
	case SGT:
		return sx > sy
	case SGE:
		return sx >= sy
	case SLT:
		return sx < sy
	case SLE:
		return sx <= sy
	case SET:
		return x&y != 0
	case NSET:
		return x&y == 0
	}
	panic("isa: Holds of no condition")
}

// Negate returns the condition that holds exactly when c does not.
func (c Cond) Negate() Cond {
	switch c {
	case EQ:
		return NE
	case NE:
		return EQ
	case GT:
		return LE
	case GE:
		return LT
	case LT:
		return GE
	case LE:
		return GT
	case SGT:
		return SLE
	case SGE:
		return SLT
	case SLT:
		return SGE
	case SLE:
		return SGT
	case SET:
		return NSET
	case NSET:
		return SET
	}
	return InvalidCond
}

// Swap returns the condition d with Holds(d, w, b, a) == Holds(c, w, a, b).
func (c Cond) Swap() Cond {
	switch c {
	case GT:
		return LT
	case GE:
		return LE
	case LT:
		return GT
	case LE:
		return GE
	case SGT:
		return SLT
	case SGE:
		return SLE
	case SLT:
		return SGT
	case SLE:
		return SGE
	}
	return c
}

// Field returns the bits that a sign extension, truncation or byte swap reads:
// 8, 16, 32 or 64 of a 64-bit word, and in proportion of a smaller one.
func (w Width) Field(op ALUOp) uint8 {
	n := w.Word
	switch op {
	case MovSX8:
		n = w.Word / 8
	case MovSX16, Trunc16, Bswap16:
		n = w.Word / 4
	case MovSX32, Trunc32, Bswap32:
		n = w.Word / 2
	}
	return max(n, 1)
}

// unit is the width of a byte: 8 bits of a 64-bit word.
func (w Width) unit() uint8 { return max(w.Word/8, 1) }

func shift(w Width, y uint64) uint64 { return y & uint64(w.Op-1) }

func sdiv(w Width, x, y uint64) uint64 {
	if y == 0 {
		return 0
	}
	if y == w.Mask() { // -1: the quotient of the smallest number does not fit and wraps (S4)
		return -x & w.Mask()
	}
	return uint64(w.Signed(x)/w.Signed(y)) & w.Mask()
}

func smod(w Width, x, y uint64) uint64 {
	if y == 0 {
		return x
	}
	if y == w.Mask() { // S5
		return 0
	}
	return uint64(w.Signed(x)%w.Signed(y)) & w.Mask()
}

// swap reverses the units of the low n bits of x.
func swap(x uint64, n, unit uint8) uint64 {
	if unit == 8 {
		return bits.ReverseBytes64(x) >> (64 - n)
	}
	var r uint64
	for i := uint8(0); i+unit <= n; i += unit {
		r = r<<unit | x&ones(unit)
		x >>= unit
	}
	return r
}

// aluOps maps the code of an ALU opcode to the operation, with a zero offset field.
var aluOps = [16]ALUOp{
	CodeADD >> 4: Add, CodeSUB >> 4: Sub, CodeMUL >> 4: Mul, CodeDIV >> 4: Div,
	CodeOR >> 4: Or, CodeAND >> 4: And, CodeLSH >> 4: Lsh, CodeRSH >> 4: Rsh,
	CodeNEG >> 4: Neg, CodeMOD >> 4: Mod, CodeXOR >> 4: Xor, CodeMOV >> 4: Mov, CodeARSH >> 4: Arsh,
}

// ALU returns the operation of an instruction of an ALU class on a machine whose
// byte order is that of the program, big-endian if bigEndian is set. It returns
// InvalidALU for what is no arithmetic (address space casts) or no instruction.
func (i Instruction) ALU(bigEndian bool) ALUOp {
	op := aluOps[i.Op>>4]
	switch {
	case op == Div && i.Off == 1:
		return SDiv
	case op == Mod && i.Off == 1:
		return SMod
	case op == Mov && i.Off != 0:
		switch i.Off {
		case 8:
			return MovSX8
		case 16:
			return MovSX16
		case 32:
			return MovSX32
		}
		return InvalidALU
	case i.Code() == CodeEND:
		return i.endOp(bigEndian)
	}
	return op
}

func (i Instruction) endOp(bigEndian bool) ALUOp {
	swaps := i.Class() == ClassALU64 || i.UsesSrcReg() != bigEndian
	switch {
	case swaps && i.Imm == 16:
		return Bswap16
	case swaps && i.Imm == 32:
		return Bswap32
	case swaps && i.Imm == 64:
		return Bswap64
	case i.Imm == 16:
		return Trunc16
	case i.Imm == 32:
		return Trunc32
	case i.Imm == 64:
		return Trunc64
	}
	return InvalidALU
}

var conds = [16]Cond{
	CodeJEQ >> 4: EQ, CodeJNE >> 4: NE, CodeJGT >> 4: GT, CodeJGE >> 4: GE, CodeJLT >> 4: LT, CodeJLE >> 4: LE,
	CodeJSGT >> 4: SGT, CodeJSGE >> 4: SGE, CodeJSLT >> 4: SLT, CodeJSLE >> 4: SLE, CodeJSET >> 4: SET,
}

// Cond returns the condition of a conditional jump, InvalidCond for may_goto and
// for anything else.
func (i Instruction) Cond() Cond {
	if c := i.Class(); c != ClassJMP && c != ClassJMP32 {
		return InvalidCond
	}
	return conds[i.Op>>4]
}
