package isa

import (
	"strconv"
	"strings"
)

// DisasmOptions gives names to numbers. Every field may be nil.
type DisasmOptions struct {
	// CallName names the callee of a helper or kfunc call at pc.
	CallName func(pc int, ins Instruction) (name string, ok bool)
	// MapName names the map of an LD_IMM64 at pc with a map subtype. The text then
	// loses the number in Imm and, for an index, that it was one.
	MapName func(pc int, ins Instruction) (name string, ok bool)
	// Label names a slot as a target of jumps, local calls and subprogram addresses.
	Label func(pc int) (name string, ok bool)
}

// aluText and jumpText are the operators of the text syntax by code; a signed DIV
// or MOD has an s in front.
var aluText = [16]string{
	CodeADD >> 4: "+", CodeSUB >> 4: "-", CodeMUL >> 4: "*", CodeDIV >> 4: "/",
	CodeOR >> 4: "|", CodeAND >> 4: "&", CodeLSH >> 4: "<<", CodeRSH >> 4: ">>",
	CodeMOD >> 4: "%", CodeXOR >> 4: "^", CodeARSH >> 4: "s>>",
}

var jumpText = [16]string{
	CodeJEQ >> 4: "==", CodeJGT >> 4: ">", CodeJGE >> 4: ">=", CodeJSET >> 4: "&",
	CodeJNE >> 4: "!=", CodeJSGT >> 4: "s>", CodeJSGE >> 4: "s>=", CodeJLT >> 4: "<",
	CodeJLE >> 4: "<=", CodeJSLT >> 4: "s<", CodeJSLE >> 4: "s<=",
}

// Disassemble returns the text of the instruction at slot pc, in the syntax of
// the Linux verifier and LLVM, on one line. Assemble reads it back to the same
// instruction (an LD_IMM64 to both slots) unless a map name replaced a number.
//
// What the syntax cannot say (unknown opcodes, used fields that must be 0,
// registers above r10) becomes ".insn opcode, dst, src, offset, immediate".
func Disassemble(ins Instruction, pc int, opts DisasmOptions) string {
	f := ins.form()
	if f == nil || !f.clean(ins) {
		return rawText(ins)
	}
	t := text{ins: ins, pc: pc, opts: &opts}
	switch f.syn {
	case synALU, synMov, synCast, synNeg, synEnd:
		return t.alu(f)
	case synLoad, synStore, synPacket:
		return t.memory(f)
	case synJump, synGoto:
		return t.jump(f)
	case synCall, synCallX, synExit:
		return t.call(f)
	case synAtomic, synFetch, synXchg, synCmpXchg, synLoadAcq, synStRel:
		return t.atomic(f)
	case synWide:
		return t.wide()
	}
	return rawText(ins)
}

func rawText(i Instruction) string {
	return ".insn 0x" + strconv.FormatUint(uint64(i.Op), 16) + ", " + itoa(int32(i.Dst)) + ", " +
		itoa(int32(i.Src)) + ", " + itoa(int32(i.Off)) + ", " + itoa(i.Imm)
}

// text writes one instruction that its form describes.
type text struct {
	ins  Instruction
	pc   int
	opts *DisasmOptions
}

func (t *text) alu(f *form) string {
	i, letter := t.ins, byte('r')
	if !i.Width().Full() {
		letter = 'w'
	}
	dst, src := regName(i.Dst, letter), regName(i.Src, letter)
	switch f.syn {
	case synNeg:
		return dst + " = -" + dst
	case synEnd:
		return dst + " = " + f.name + " " + dst
	case synCast:
		return dst + " = addr_space_cast(" + src + ", " + itoa(i.Imm>>16) + ", " + itoa(i.Imm&0xffff) + ")"
	case synMov:
		switch {
		case !i.UsesSrcReg():
			return dst + " = " + itoa(i.Imm)
		case i.Off != 0:
			return dst + " = (s" + itoa(int32(i.Off)) + ")" + src
		}
		return dst + " = " + src
	}
	op := aluText[i.Code()>>4]
	if i.Off == 1 { // only DIV and MOD have a form with it
		op = "s" + op
	}
	if i.UsesSrcReg() {
		return dst + " " + op + "= " + src
	}
	return dst + " " + op + "= " + t.operand(i.Code() == CodeAND || i.Code() == CodeOR || i.Code() == CodeXOR)
}

// operand returns the immediate: masks are easier to read in base 16.
func (t *text) operand(mask bool) string {
	if mask && t.ins.Imm > 9 {
		return hexText(uint64(t.ins.Imm))
	}
	return itoa(t.ins.Imm)
}

// address returns the memory operand behind register r, as "(r1 + 4)".
func (t *text) address(r Reg) string {
	return "(" + regName(r, 'r') + displaced(int32(t.ins.Off)) + ")"
}

// displaced returns " + 4" or " - 8".
func displaced(off int32) string {
	if off < 0 {
		return " - " + strconv.FormatInt(-int64(off), 10)
	}
	return " + " + itoa(off)
}

// sizeText is the type of an access, as "(u8 *)".
func (t *text) sizeText(letter string) string {
	return "(" + letter + strconv.Itoa(8*t.ins.Size()) + " *)"
}

func (t *text) memory(f *form) string {
	i := t.ins
	switch {
	case f.syn == synPacket && i.Mode() == ModeABS:
		return "r0 = *" + t.sizeText("u") + "skb[" + itoa(i.Imm) + "]"
	case f.syn == synPacket:
		return "r0 = *" + t.sizeText("u") + "skb[" + regName(i.Src, 'r') + displaced(i.Imm) + "]"
	case f.syn == synLoad:
		letter := "u"
		if i.Mode() == ModeMEMSX {
			letter = "s"
		}
		return regName(i.Dst, 'r') + " = *" + t.sizeText(letter) + t.address(i.Src)
	case i.Class() == ClassST:
		return "*" + t.sizeText("u") + t.address(i.Dst) + " = " + itoa(i.Imm)
	}
	return "*" + t.sizeText("u") + t.address(i.Dst) + " = " + regName(i.Src, 'r')
}

func (t *text) atomic(f *form) string {
	i := t.ins
	letter, suffix := byte('w'), "32_32"
	if i.Size() == 8 {
		letter, suffix = 'r', "_64"
	}
	src, dst := regName(i.Src, letter), regName(i.Dst, letter)
	op := &atomicOps[0]
	for k := range atomicOps {
		if atomicOps[k].imm == i.Imm&^AtomicFetch {
			op = &atomicOps[k]
		}
	}
	at := t.address(i.Dst)
	inner := at[1 : len(at)-1]
	switch f.syn {
	case synAtomic:
		return "lock *" + t.sizeText("u") + at + " " + op.text + " " + src
	case synFetch:
		return src + " = atomic_fetch_" + op.name + "(" + t.sizeText("u") + at + ", " + src + ")"
	case synXchg:
		return src + " = xchg" + suffix + "(" + inner + ", " + src + ")"
	case synCmpXchg:
		r0 := regName(R0, letter)
		return r0 + " = cmpxchg" + suffix + "(" + inner + ", " + r0 + ", " + src + ")"
	case synLoadAcq:
		return dst + " = load_acquire(" + t.sizeText("u") + t.address(i.Src) + ")"
	}
	return "store_release(" + t.sizeText("u") + at + ", " + src + ")"
}

func (t *text) jump(f *form) string {
	i := t.ins
	if f.syn == synGoto {
		return f.name + " " + t.target(i.JumpOffset())
	}
	letter := byte('r')
	if i.Class() == ClassJMP32 {
		letter = 'w'
	}
	b := t.operand(i.Code() == CodeJSET)
	if i.UsesSrcReg() {
		b = regName(i.Src, letter)
	}
	return "if " + regName(i.Dst, letter) + " " + jumpText[i.Code()>>4] + " " + b + " goto " + t.target(i.JumpOffset())
}

// target returns the label of the slot that is off slots after the next one, or off as +3.
func (t *text) target(off int32) string {
	if to := int64(t.pc) + 1 + int64(off); t.opts.Label != nil && to >= 0 && to <= int64(maxInt) {
		if name, ok := t.opts.Label(int(to)); ok && isLabelName(name) {
			return name
		}
	}
	if off < 0 {
		return itoa(off)
	}
	return "+" + itoa(off)
}

const maxInt = int(^uint(0) >> 1)

func (t *text) call(f *form) string {
	i := t.ins
	switch {
	case f.syn == synExit:
		return "exit"
	case f.syn == synCallX:
		return "callx " + regName(i.Dst, 'r')
	case i.Src == CallLocal:
		if s := t.target(i.Imm); isLabelName(s) {
			return "call " + s
		} else {
			return "call pc" + s
		}
	}
	if t.opts.CallName != nil {
		if name, ok := t.opts.CallName(t.pc, i); ok && isLabelName(name) {
			return "call " + name
		}
	}
	if i.Src == CallHelper {
		return "call " + strconv.FormatUint(uint64(uint32(i.Imm)), 10)
	}
	s := "call kfunc#" + itoa(i.Imm)
	if i.Off != 0 {
		s += " module " + itoa(int32(i.Off))
	}
	return s
}

func (t *text) wide() string {
	i := t.ins
	s := regName(i.Dst, 'r') + " = "
	switch i.Src {
	case PseudoImm:
		return s + hexText(i.Imm64()) + " ll"
	case PseudoFunc:
		if i.Next == 0 {
			return s + "func " + t.target(i.Imm) + " ll"
		}
	case PseudoMapFD, PseudoMapIdx, PseudoMapValue, PseudoMapIdxVal:
		direct := i.Src == PseudoMapValue || i.Src == PseudoMapIdxVal
		if t.opts.MapName != nil && (direct || i.Next == 0) {
			if name, ok := t.opts.MapName(t.pc, i); ok && isMapName(name) {
				return s + mapText(i, name) + " ll"
			}
		}
	}
	s += wideNames[i.Src] + "(" + itoa(i.Imm)
	if i.Next != 0 {
		s += ", " + itoa(i.Next)
	}
	return s + ") ll"
}

func mapText(i Instruction, name string) string {
	if i.Src == PseudoMapFD || i.Src == PseudoMapIdx {
		return "map[" + name + "]"
	}
	return "map_value[" + name + "] + " + strconv.FormatUint(uint64(uint32(i.Next)), 10)
}

// DisassembleProgram returns the text of a whole program, one instruction a line
// and a label before each slot that a jump ("L12:"), a call or a subprogram
// address ("f12:") names. opts.Label may give better names, which must differ
// from the callees that opts.CallName gives. Assemble returns the same slots, whatever they hold, unless
// opts.MapName replaced numbers.
func DisassembleProgram(prog []Instruction, opts DisasmOptions) string {
	labels := labelsOf(prog, opts.Label)
	opts.Label = func(pc int) (string, bool) {
		if pc < 0 || pc >= len(labels) {
			return "", false
		}
		return labels[pc], labels[pc] != ""
	}
	var b strings.Builder
	for pc := 0; pc < len(prog); pc++ {
		if labels[pc] != "" {
			b.WriteString(labels[pc] + ":\n")
		}
		i := prog[pc]
		wide := i.IsLdImm64()
		if f := i.form(); wide && f != nil && f.clean(i) && pc+1 < len(prog) && prog[pc+1] == (Instruction{}) {
			b.WriteString("\t" + Disassemble(i, pc, opts) + "\n")
			pc++
			continue
		}
		if !wide {
			b.WriteString("\t" + Disassemble(i, pc, opts) + "\n")
			continue
		}
		// A malformed pair: both slots as they are.
		b.WriteString("\t" + rawText(i) + "\n")
		if pc+1 < len(prog) {
			pc++
			second := prog[pc]
			second.Imm = i.Next
			b.WriteString("\t" + rawText(second) + "\n")
		}
	}
	return b.String()
}

// labelsOf returns the label of each slot, "" for none. Only slots that start an
// instruction get one.
func labelsOf(prog []Instruction, name func(int) (string, bool)) []string {
	starts := make([]bool, len(prog))
	for pc := 0; pc < len(prog); pc += prog[pc].Slots() {
		starts[pc] = true
	}
	labels := make([]string, len(prog))
	for pc := 0; pc < len(prog); pc += prog[pc].Slots() {
		prefix, off := "L", prog[pc].JumpOffset()
		switch i := prog[pc]; {
		case i.IsLocalCall(), i.IsLdImm64() && i.Src == PseudoFunc && i.Next == 0:
			prefix, off = "f", i.Imm
		case !i.IsCondJump() && !i.IsGoto():
			continue
		}
		to := int64(pc) + 1 + int64(off)
		if to < 0 || to >= int64(len(prog)) || !starts[to] || (labels[to] != "" && prefix == "L") {
			continue
		}
		labels[to] = prefix + strconv.FormatInt(to, 10)
	}
	if name == nil {
		return labels
	}
	taken := map[string]bool{}
	for pc := range labels {
		s, ok := name(pc)
		if ok && starts[pc] && isLabelName(s) && !isGenerated(s) && !taken[s] {
			labels[pc], taken[s] = s, true
		}
	}
	return labels
}

// isGenerated reports whether s looks like a label of labelsOf, which a given
// name must not.
func isGenerated(s string) bool {
	return (s[0] == 'L' || s[0] == 'f') && strings.Trim(s[1:], "0123456789") == ""
}

func itoa(v int32) string { return strconv.Itoa(int(v)) }

func hexText(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }
