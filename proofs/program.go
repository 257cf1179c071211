package proofs

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
)

// program is assembly that brings r6 and r7 into the two elements of a theorem
// about an operation or a condition, and then does it: the state behind it is
// wrong. The words come from bpf_get_prandom_u32.
func program(t Theorem, in []any) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\t"+format+"\n", args...) }
	for i, reg := range []string{"r6", "r7"} {
		line("call 7")
		line("%s = r0", reg)
		line("%s <<= 32", reg)
		line("call 7")
		line("%s |= r0", reg)
		constrain(line, reg, in[2+i])
	}
	if t.Law == "assume" {
		r := "r"
		if !t.Width.Full() {
			r = "w"
		}
		if t.Op == "nset" { // what is left where set does not jump
			line("if %s6 & %s7 goto out", r, r)
		} else {
			line("if %s6 %s %s7 goto wrong", r, conditions[isa.Cond(t.code)], r)
			line("goto out")
		}
		b.WriteString("wrong:")
	} else {
		line("%s", instruction(isa.ALUOp(t.code), t.Width))
	}
	line("r0 = r6 ; r6 (from %s, r7 from %s) is outside of the state here", text(in[4]), text(in[5]))
	b.WriteString("out:\tr0 = 0\n\texit\n")
	return b.String()
}

// constrain brings a register into an element, through r3.
func constrain(line func(string, ...any), reg string, e any) {
	jump := func(reg, cond string, x uint64, to string) {
		line("r3 = %#x ll", x)
		line("if %s %s r3 goto %s", reg, cond, to)
	}
	switch e := e.(type) {
	case tnum.Tnum:
		line("r3 = %#x ll", e.Mask)
		line("%s &= r3", reg)
		line("r3 = %#x ll", e.Value)
		line("%s |= r3", reg)
	case interval.Interval:
		inRanges(line, jump, reg, e.PosMin, e.PosMax, e.NegMin, e.NegMax, "word_"+reg)
		line("r4 = %s", reg)
		line("w4 = w4")
		inRanges(line, jump, "r4", uint64(e.LowPosMin), uint64(e.LowPosMax), uint64(e.LowNegMin), uint64(e.LowNegMax), "low_"+reg)
	}
}

// inRanges leaves for out unless a register is in one of two ranges.
func inRanges(line func(string, ...any), jump func(reg, cond string, x uint64, to string), reg string, a, b, c, d uint64, label string) {
	switch {
	case c > d:
		jump(reg, "<", a, "out")
		jump(reg, ">", b, "out")
	case a > b:
		jump(reg, "<", c, "out")
		jump(reg, ">", d, "out")
	default:
		jump(reg, "<", a, "out")
		jump(reg, ">", d, "out")
		jump(reg, "<=", b, label)
		jump(reg, "<", c, "out")
		line("%s:", label)
	}
}

// instruction is an operation on r6 and r7.
func instruction(op isa.ALUOp, w isa.Width) string {
	r := "r"
	if !w.Full() {
		r = "w"
	}
	if s, ok := assignments[op]; ok {
		return fmt.Sprintf("%s6 %s %s7", r, s, r)
	}
	switch op {
	case isa.Neg:
		return fmt.Sprintf("%s6 = -%s6", r, r)
	case isa.MovSX8, isa.MovSX16, isa.MovSX32:
		if w.Field(op) == w.Op { // which is no instruction of its own
			return "w6 = w7"
		}
		return fmt.Sprintf("%s6 = (s%d)%s7", r, w.Field(op), r)
	case isa.Trunc16, isa.Trunc32, isa.Trunc64:
		return fmt.Sprintf("r6 = le%d r6", w.Field(op))
	case isa.Bswap16, isa.Bswap32, isa.Bswap64:
		return fmt.Sprintf("r6 = bswap%d r6", w.Field(op))
	}
	return "; no instruction"
}

var assignments = map[isa.ALUOp]string{
	isa.Add: "+=", isa.Sub: "-=", isa.Mul: "*=", isa.Div: "/=", isa.SDiv: "s/=", isa.Mod: "%=", isa.SMod: "s%=",
	isa.Or: "|=", isa.And: "&=", isa.Xor: "^=", isa.Lsh: "<<=", isa.Rsh: ">>=", isa.Arsh: "s>>=", isa.Mov: "=",
}

var conditions = map[isa.Cond]string{
	isa.EQ: "==", isa.NE: "!=", isa.GT: ">", isa.GE: ">=", isa.LT: "<", isa.LE: "<=",
	isa.SGT: "s>", isa.SGE: "s>=", isa.SLT: "s<", isa.SLE: "s<=", isa.SET: "&",
}
