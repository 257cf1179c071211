package proofs

import (
	"fmt"
	"slices"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/proofs/theorem"
)

// Theorem is one row of the ledger: a law of a domain, of one operation or
// condition if the law is about one, at one width.
type Theorem struct {
	Domain string // tnum or interval
	Law    string // const, alu, assume, join, meet, leq, bottom, widen, word or fromword
	Op     string // of alu and assume, else ""
	Width  isa.Width

	function string // in package proofs/theorem
	native   any    // the same, compiled
	code     uint8  // of Op
}

// Name is tnum/alu/add/64: the domain, the law, the operation, the width.
func (t Theorem) Name() string {
	op := ""
	if t.Op != "" {
		op = t.Op + "/"
	}
	if t.Width.Word != 64 {
		return fmt.Sprintf("%s/%s/%s%d-of-%d", t.Domain, t.Law, op, t.Width.Op, t.Width.Word)
	}
	return fmt.Sprintf("%s/%s/%s%d", t.Domain, t.Law, op, t.Width.Op)
}

// OpNames and CondNames are the operations and conditions by the names that the
// ledger uses.
var (
	OpNames = map[isa.ALUOp]string{
		isa.Add: "add", isa.Sub: "sub", isa.Mul: "mul", isa.Div: "div", isa.SDiv: "sdiv", isa.Mod: "mod",
		isa.SMod: "smod", isa.Or: "or", isa.And: "and", isa.Xor: "xor", isa.Lsh: "lsh", isa.Rsh: "rsh",
		isa.Arsh: "arsh", isa.Neg: "neg", isa.Mov: "mov", isa.MovSX8: "movsx8", isa.MovSX16: "movsx16",
		isa.MovSX32: "movsx32", isa.Trunc16: "trunc16", isa.Trunc32: "trunc32", isa.Trunc64: "trunc64",
		isa.Bswap16: "bswap16", isa.Bswap32: "bswap32", isa.Bswap64: "bswap64",
	}
	CondNames = map[isa.Cond]string{
		isa.EQ: "eq", isa.NE: "ne", isa.GT: "gt", isa.GE: "ge", isa.LT: "lt", isa.LE: "le",
		isa.SGT: "sgt", isa.SGE: "sge", isa.SLT: "slt", isa.SLE: "sle", isa.SET: "set", isa.NSET: "nset",
	}
)

// Domains are the names of the domains that have theorems.
var Domains = []string{"tnum", "interval"}

// law is a theorem's function in both forms, for each domain.
type law struct {
	name, function string
	native         map[string]any
}

var laws = []law{
	{"const", "Const", map[string]any{"tnum": theorem.TnumConst, "interval": theorem.IntervalConst}},
	{"bottom", "Bottom", map[string]any{"tnum": theorem.TnumBottom, "interval": theorem.IntervalBottom}},
	{"join", "Join", map[string]any{"tnum": theorem.TnumJoin, "interval": theorem.IntervalJoin}},
	{"meet", "Meet", map[string]any{"tnum": theorem.TnumMeet, "interval": theorem.IntervalMeet}},
	{"leq", "Leq", map[string]any{"tnum": theorem.TnumLeq, "interval": theorem.IntervalLeq}},
	{"widen", "Widen", map[string]any{"tnum": theorem.TnumWiden, "interval": theorem.IntervalWiden}},
	{"word", "Word", map[string]any{"tnum": theorem.TnumWord, "interval": theorem.IntervalWord}},
	{"fromword", "FromWord", map[string]any{"tnum": theorem.TnumFromWord, "interval": theorem.IntervalFromWord}},
	{"alu", "ALU", map[string]any{"tnum": theorem.TnumALU, "interval": theorem.IntervalALU}},
	{"assume", "Assume", map[string]any{"tnum": theorem.TnumAssume, "interval": theorem.IntervalAssume}},
}

// prefix is how the functions of package theorem name a domain.
var prefix = map[string]string{"tnum": "Tnum", "interval": "Interval"}

// All returns the theorems of eBPF's widths: every law of every domain, those of
// operations and conditions at 64 and at 32 bits.
func All() []Theorem { return AllAt(isa.W64) }

// AllAt is All for words of another width.
func AllAt(w isa.Width) []Theorem {
	var list []Theorem
	for _, c := range intervalContracts {
		list = append(list, Theorem{Domain: "interval", Law: lemmaLaw, Op: c.name, Width: w.Whole()})
	}
	for _, d := range Domains {
		for _, l := range laws {
			t := Theorem{Domain: d, Law: l.name, Width: w.Whole(), function: prefix[d] + l.function, native: l.native[d]}
			switch l.name {
			case "alu":
				for op := isa.InvalidALU + 1; op < isa.NumALU; op++ {
					t.Op, t.code = OpNames[op], uint8(op)
					list = append(list, each(t)...)
				}
			case "assume":
				for c := isa.InvalidCond + 1; c < isa.NumCond; c++ {
					t.Op, t.code = CondNames[c], uint8(c)
					list = append(list, each(t)...)
				}
			default:
				list = append(list, t)
			}
		}
	}
	return list
}

// each returns t at the word's width and at half of it.
func each(t Theorem) []Theorem {
	s := t
	s.Width = t.Width.Sub()
	return []Theorem{t, s}
}

// Select returns the theorems of some domains, operations or laws, and operation
// widths; an empty list means any. Unknown names are an error.
func Select(list []Theorem, doms, ops []string, widths []int) ([]Theorem, error) {
	for _, d := range doms {
		if !slices.Contains(Domains, d) {
			return nil, fmt.Errorf("no theorems about domain %q; there are %v", d, Domains)
		}
	}
	known := map[string]bool{}
	var out []Theorem
	for _, t := range list {
		known[t.Op], known[t.Law] = true, true
		if (len(doms) == 0 || slices.Contains(doms, t.Domain)) &&
			(len(ops) == 0 || slices.Contains(ops, t.Op) || slices.Contains(ops, t.Law)) &&
			(len(widths) == 0 || slices.Contains(widths, int(t.Width.Op))) {
			out = append(out, t)
		}
	}
	for _, o := range ops {
		if o == "" || !known[o] {
			return nil, fmt.Errorf("no theorems about %q", o)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no theorem is left by these choices")
	}
	return out, nil
}
