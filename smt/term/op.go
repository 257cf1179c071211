package term

// Op is the operator of a term. The zero value is no operator.
type Op uint8

// The operators. Each word operator has the SMT-LIB meaning of its name in
// parentheses; And, Or, Xor, Not, Eq and Ite also work on Bools. The arguments
// and the result have one width unless said otherwise.
const (
	Invalid Op = iota
	Const
	Var
	Not     // (not, bvnot)
	And     // (and, bvand)
	Or      // (or, bvor)
	Xor     // (xor, bvxor)
	Ite     // (ite) a Bool and two of one sort
	Eq      // (=) Bool
	Ult     // (bvult) Bool
	Slt     // (bvslt) Bool
	Neg     // (bvneg)
	Add     // (bvadd)
	Sub     // (bvsub)
	Mul     // (bvmul)
	UDiv    // (bvudiv) by zero: all ones
	URem    // (bvurem) by zero: the dividend
	SDiv    // (bvsdiv) towards zero; by zero: 1 if the dividend is negative, else -1
	SRem    // (bvsrem) sign of the dividend; by zero: the dividend
	Shl     // (bvshl) 0 for amounts of the width and more
	LShr    // (bvlshr) likewise
	AShr    // (bvashr) copies of the sign for amounts of the width and more
	Concat  // (concat) the first argument is the high part
	Extract // (extract hi lo)
	ZExt    // (zero_extend)
	SExt    // (sign_extend)

	numOps
)

type opInfo struct {
	name     string // for words, and for Bools if boolName is empty
	boolName string // for Bools
	args     int
}

var opTable = [numOps]opInfo{
	Const: {"const", "", 0}, Var: {"var", "", 0},
	Not: {"bvnot", "not", 1}, And: {"bvand", "and", 2}, Or: {"bvor", "or", 2}, Xor: {"bvxor", "xor", 2},
	Ite: {"ite", "ite", 3}, Eq: {"=", "=", 2}, Ult: {"bvult", "bvult", 2}, Slt: {"bvslt", "bvslt", 2},
	Neg: {"bvneg", "", 1}, Add: {"bvadd", "", 2}, Sub: {"bvsub", "", 2}, Mul: {"bvmul", "", 2},
	UDiv: {"bvudiv", "", 2}, URem: {"bvurem", "", 2}, SDiv: {"bvsdiv", "", 2}, SRem: {"bvsrem", "", 2},
	Shl: {"bvshl", "", 2}, LShr: {"bvlshr", "", 2}, AShr: {"bvashr", "", 2},
	Concat: {"concat", "", 2}, Extract: {"extract", "", 1}, ZExt: {"zero_extend", "", 1}, SExt: {"sign_extend", "", 1},
}

// String is the operator's SMT-LIB name, for words where there are two.
func (o Op) String() string {
	if o == Invalid || o >= numOps {
		return "invalid"
	}
	return opTable[o].name
}

// commutes reports whether the order of o's two arguments is immaterial.
func (o Op) commutes() bool {
	switch o {
	case And, Or, Xor, Eq, Add, Mul:
		return true
	}
	return false
}
