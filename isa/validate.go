package isa

import "fmt"

// Problem is one broken rule of one instruction.
type Problem struct {
	Rule    string // I-number of the rule, as "I6"
	PC      int    // slot of the instruction
	Message string // names the field, its value and what it should be
	// Policy is set when the instruction is well-formed and only the target refuses it.
	Policy bool
}

// MaxProblems bounds the result of Validate: a hostile program does not get more
// memory for its complaints than a reader could use.
const MaxProblems = 1000

// Validate checks each instruction by itself and the pairing of LD_IMM64 slots
// against profile p. It returns the problems in order of PC, the first
// MaxProblems of them, and nil if there is none.
//
// Branch and call targets (I9), unreachable code and the last instruction (I10)
// need the whole program and are checked where the graph is built.
//
// It takes one pass and allocates nothing for a program without problems.
func Validate(prog []Instruction, p Profile) []Problem {
	v := validator{p: p}
	for v.pc = 0; v.pc < len(prog) && len(v.problems) < MaxProblems; v.pc += prog[v.pc].Slots() {
		i := prog[v.pc]
		f := i.form()
		if f == nil {
			v.noForm(i)
		} else {
			v.fields(f, i)
			v.features(f, i)
		}
		if i.IsLdImm64() {
			v.pair(prog)
		} else if i.Next != 0 {
			v.add("I2", "second immediate is %d, only a 64-bit immediate load has one", i.Next)
		}
		if p.Policy {
			v.policy(i)
		}
	}
	return v.problems[:min(len(v.problems), MaxProblems)]
}

type validator struct {
	p        Profile
	pc       int
	problems []Problem
}

func (v *validator) add(rule, format string, args ...any) {
	v.problems = append(v.problems, Problem{Rule: rule, PC: v.pc, Message: fmt.Sprintf(format, args...)})
}

// noForm reports an instruction that is not in the table: its opcode is unknown,
// or a field that selects the form has an undefined value.
func (v *validator) noForm(i Instruction) {
	switch {
	case i.Op == 0:
		v.add("I5", "opcode 0x00 is not an instruction, only the second slot of a 64-bit immediate load")
	case len(forms[i.Op]) == 0:
		v.add("I5", "opcode 0x%02x is not an instruction", i.Op)
	case i.Op == OpMovX && i.Off == AddrSpaceCast:
		v.add("I6", "immediate of addr_space_cast is %d, must be 1 or 65536", i.Imm)
	case i.IsALU() && i.Code() == CodeEND:
		v.add("I7", "width of a byte swap is %d, must be 16, 32 or 64", i.Imm)
	case i.IsALU():
		v.add("I6", "offset of %s is %d, must be one of%s", forms[i.Op][0].name, i.Off, offsets(forms[i.Op]))
	case i.IsAtomic() && i.Size() < 4:
		v.add("I8", "atomic operation 0x%02x on %d bytes is undefined", uint32(i.Imm), i.Size())
	case i.IsAtomic() && (i.Imm|AtomicFetch == AtomicXchg || i.Imm|AtomicFetch == AtomicCmpXchg):
		v.add("I8", "atomic operation 0x%02x is undefined, an exchange has the fetch bit 0x01", uint32(i.Imm))
	case i.IsAtomic():
		v.add("I8", "atomic operation 0x%02x is undefined", uint32(i.Imm))
	case i.Op == OpCall:
		v.add("I5", "source field of call is %d, must be 0 (helper), 1 (local) or 2 (kfunc)", i.Src)
	case i.IsLdImm64():
		v.add("I5", "source field of a 64-bit immediate load is %d, must be 0 to 6", i.Src)
	default:
		v.add("I5", "opcode 0x%02x with these fields is not an instruction", i.Op)
	}
}

// offsets lists the offsets that RFC 9669 gives to the forms of one ALU opcode.
func offsets(fs []form) string {
	s := ""
	for _, f := range fs {
		if f.syn != synCast {
			s += fmt.Sprintf(" %d", f.off.val)
		}
	}
	return s
}

// fields checks registers and unused fields.
func (v *validator) fields(f *form, i Instruction) {
	v.field(f, i, "destination", f.dst.kind, int32(i.Dst))
	v.field(f, i, "source", f.src.kind, int32(i.Src))
	if f.syn != synExit || !v.p.Has(FeatExitOffset) {
		v.field(f, i, "offset", f.off.kind, int32(i.Off))
	}
	v.field(f, i, "immediate", f.imm.kind, i.Imm)
}

func (v *validator) field(f *form, i Instruction, name string, k fieldKind, x int32) {
	switch k {
	case unused:
		if x != 0 {
			v.add(unusedRule(f, i, name), "%s of %s is %d, must be 0", name, f.name, x)
		}
	case reads, writes, updates:
		if x >= NumRegs {
			v.add("I3", "%s of %s is r%d, registers are r0 to r10", name, f.name, x)
		} else if x == int32(FP) && k != reads {
			v.add("I3", "%s writes r10, the frame pointer is read-only", f.name)
		}
	case exact, free:
		// form() has matched the exact ones
	default:
		v.add("I2", "%s of %s has no rule", name, f.name)
	}
}

// unusedRule returns the rule that an unused field breaks: two families of
// instructions have one of their own.
func unusedRule(f *form, i Instruction, name string) string {
	switch {
	case f.syn == synEnd:
		return "I7"
	case i.IsALU() && name == "offset":
		return "I6"
	}
	return "I2"
}

// features checks that the target has the instruction.
func (v *validator) features(f *form, i Instruction) {
	if !v.p.Has(f.need) {
		rule := "I5"
		switch {
		case i.IsAtomic():
			rule = "I8"
		case i.IsALU() && i.Code() != CodeEND:
			rule = "I6"
		}
		v.add(rule, "%s is not an instruction of %s", f.name, v.target())
	}
	if i.Op == OpCall && i.Src == CallKfunc && i.Off != 0 && !v.p.Has(FeatKfuncModule) {
		v.add("I2", "offset of %s is %d, must be 0 in %s", f.name, i.Off, v.target())
	}
}

func (v *validator) target() string {
	if v.p.Name == "" {
		return "this target"
	}
	return v.p.Name
}

// pair checks the second slot of the LD_IMM64 at v.pc (rule I4).
func (v *validator) pair(prog []Instruction) {
	if v.pc+1 == len(prog) {
		v.add("I4", "program ends inside a 64-bit immediate load")
		return
	}
	s := prog[v.pc+1]
	for _, f := range [...]struct {
		name string
		val  int32
	}{{"opcode", int32(s.Op)}, {"destination", int32(s.Dst)}, {"source", int32(s.Src)}, {"offset", int32(s.Off)}} {
		if f.val != 0 {
			v.add("I4", "%s of the second slot of a 64-bit immediate load is %d, must be 0", f.name, f.val)
		}
	}
	if s.Imm != 0 || s.Next != 0 {
		v.add("I4", "the second slot of a 64-bit immediate load has an immediate of its own")
	}
}

// policy reports the well-formed instructions that Linux refuses (rule I10).
func (v *validator) policy(i Instruction) {
	before := len(v.problems)
	switch {
	case i.IsLdImm64():
		if (i.Src == PseudoMapFD || i.Src == PseudoMapIdx) && i.Next != 0 {
			v.add("I10", "%s refuses a map reference with second immediate %d, wants 0", v.target(), i.Next)
		}
	case i.IsALU() && !i.UsesSrcReg():
		switch i.Code() {
		case CodeDIV, CodeMOD:
			if i.Imm == 0 {
				v.add("I10", "%s refuses division by the constant 0", v.target())
			}
		case CodeLSH, CodeRSH, CodeARSH:
			if i.Imm < 0 || i.Imm >= int32(i.Width().Op) {
				v.add("I10", "%s refuses a shift by %d, wants 0 to %d", v.target(), i.Imm, i.Width().Op-1)
			}
		}
	}
	for k := before; k < len(v.problems); k++ {
		v.problems[k].Policy = true
	}
}
