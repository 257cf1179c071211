package isa

import "fmt"

var opNames = [NumALU]string{
	Add: "add", Sub: "sub", Mul: "mul", Div: "div", SDiv: "sdiv", Mod: "mod", SMod: "smod",
	Or: "or", And: "and", Xor: "xor", Lsh: "lsh", Rsh: "rsh", Arsh: "arsh", Neg: "neg", Mov: "mov",
	MovSX8: "movsx8", MovSX16: "movsx16", MovSX32: "movsx32",
	Trunc16: "trunc16", Trunc32: "trunc32", Trunc64: "trunc64",
	Bswap16: "bswap16", Bswap32: "bswap32", Bswap64: "bswap64",
}

var conditionNames = [NumCond]string{
	EQ: "eq", NE: "ne", GT: "gt", GE: "ge", LT: "lt", LE: "le",
	SGT: "sgt", SGE: "sge", SLT: "slt", SLE: "sle", SET: "set", NSET: "nset",
}

// String names the operation in lower case.
func (op ALUOp) String() string {
	if op > InvalidALU && op < NumALU {
		return opNames[op]
	}
	return fmt.Sprintf("ALUOp(%d)", uint8(op))
}

// String names the condition in lower case.
func (c Cond) String() string {
	if c > InvalidCond && c < NumCond {
		return conditionNames[c]
	}
	return fmt.Sprintf("Cond(%d)", uint8(c))
}
