package exec

import (
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Code is a program in internal form.
type Code struct {
	prog  *loader.Program
	insns []insn
	pcs   []int32 // the slot that each internal instruction comes from
	index []int32 // the internal instruction that each slot begins with, -1 for none
	// guarded: some instruction may read a register that was not written, so that
	// registers that calls destroy have to be marked.
	guarded bool
	calls   []call
}

// everything is what the interpreter takes for an instruction: all that exist.
var everything = isa.Profile{
	Name: "the interpreter",
	Features: isa.FeatRFC | isa.FeatMayGoto | isa.FeatAddrSpaceCast | isa.FeatOrderedAtomic |
		isa.FeatKfuncModule | isa.FeatExitOffset | isa.FeatCallX,
}

// compiler translates one program.
type compiler struct {
	*Code
	p       *program
	bad     []bool        // slots that hold no instruction
	nums    map[int32]int // index in calls by helper
	refs    map[int]loader.Ref
	observe bool
}

// compile translates a program, with a call of the observer before each
// instruction if observe is set. What is no instruction becomes a trap: a program
// that never reaches it runs.
func (p *program) compile(prog *loader.Program, observe bool) *Code {
	c := &compiler{Code: &Code{prog: prog}, p: p, observe: observe, refs: map[int]loader.Ref{}, nums: map[int32]int{}}
	for _, r := range prog.Refs {
		c.refs[r.Insn] = r
	}
	c.findBad()
	c.index = make([]int32, len(prog.Insns)+1)
	checks := c.unwritten()
	for pc := 0; pc < len(prog.Insns); pc++ {
		c.index[pc] = int32(len(c.insns))
		if observe {
			c.emit(pc, insn{op: opObserve})
		}
		if s := checks[pc]; s != 0 {
			c.guarded = true
			c.emit(pc, insn{op: opCheck, imm: uint64(s)})
		}
		c.emit(pc, c.translate(pc))
		if prog.Insns[pc].IsLdImm64() && pc+1 < len(prog.Insns) {
			pc++
			c.index[pc] = -1
		}
	}
	c.index[len(prog.Insns)] = int32(len(c.insns))
	c.emit(len(prog.Insns), trap(ControlFlow))
	c.link()
	c.guard()
	// The walk computes the address behind the trap; it has to lie in the same object.
	c.insns = append(c.insns, insn{})[:len(c.insns)]
	return c.Code
}

// findBad marks the slots that hold no instruction.
func (c *compiler) findBad() {
	n := len(c.prog.Insns)
	c.bad = make([]bool, n)
	for from := 0; from < n; {
		problems := isa.Validate(c.prog.Insns[from:], everything)
		for _, pr := range problems {
			c.bad[from+pr.PC] = true
		}
		if len(problems) < isa.MaxProblems {
			return
		}
		from += problems[len(problems)-1].PC + 1
	}
}

func trap(f Fault) insn { return insn{op: opTrap, imm: uint64(f)} }

func (c *compiler) emit(pc int, i insn) {
	c.insns, c.pcs = append(c.insns, i), append(c.pcs, int32(pc))
}

// link turns the targets of jumps and calls from slots into distances from the next
// instruction in bytes. A target that is no instruction is the trap at the end.
func (c *compiler) link() {
	end := int32(len(c.insns) - 1)
	for k := range c.insns {
		in := &c.insns[k]
		if !in.op.branches() {
			continue
		}
		t := end
		if in.off >= 0 && int(in.off) < len(c.index) && c.index[in.off] >= 0 {
			t = c.index[in.off]
		}
		in.off = (t - int32(k) - 1) * insnSize
	}
}

// guard makes calls and exits mark registers as unwritten where that matters.
func (c *compiler) guard() {
	for k := range c.insns {
		switch in := &c.insns[k]; {
		case !c.guarded:
			return
		case in.op == opLocal:
			in.op = opLocalGuarded
		case in.op == opExit:
			in.op = opExitGuarded
		}
	}
}

// branches reports whether off is a target.
func (o op) branches() bool {
	return o >= opGoto && o <= opJle32 || o == opMayGoto || o == opLocal || o == opLocalGuarded
}

// target returns the slot a jump goes to, -1 if there can be none.
func (c *compiler) target(pc int, disp int32) int32 {
	t := int64(pc) + 1 + int64(disp)
	if t < 0 || t >= int64(len(c.prog.Insns)) {
		return -1
	}
	return int32(t)
}

// translate returns the internal form of an instruction.
func (c *compiler) translate(pc int) insn {
	in := c.prog.Insns[pc]
	if c.bad[pc] {
		return trap(ControlFlow)
	}
	out := insn{dst: uint8(in.Dst), src: uint8(in.Src), off: int32(in.Off)}
	switch {
	case in.IsLdImm64():
		return c.wide(pc, in)
	case in.IsALU():
		return c.alu(in, out)
	case in.IsGoto():
		out.op, out.off = opGoto, c.target(pc, in.JumpOffset())
	case in.IsCondJump():
		return c.jump(pc, in, out)
	case in.IsCall(), in.Op == isa.OpCallX:
		return c.call(pc, in)
	case in.IsExit():
		out.op = opExit
	case in.IsPacketLoad():
		out.op, out.aux, out.imm = opPacket, uint8(in.Size()), uint64(uint32(in.Imm))
		if in.Mode() == isa.ModeABS {
			out.src = zeroReg
		}
	case in.IsAtomic():
		out.op, out.aux, out.imm = opAtomic, uint8(in.Size()), uint64(uint32(in.Imm))
	default:
		return memory(in, out)
	}
	return out
}

// wide translates an LD_IMM64: every reference becomes an address.
func (c *compiler) wide(pc int, in isa.Instruction) insn {
	out := insn{op: opMovK, dst: uint8(in.Dst), imm: in.Imm64()}
	ref, known := c.refs[pc]
	switch {
	case known && ref.Kind == loader.RefPoison:
		return trap(NotModelled)
	case known && (ref.Kind == loader.RefMap || ref.Kind == loader.RefMapValue):
		if ref.Map < 0 || ref.Map >= len(c.prog.Maps) {
			return trap(ControlFlow)
		}
		m := c.p.mapNumber(c.prog.Maps[ref.Map])
		if ref.Kind == loader.RefMap {
			out.imm = Address(mapID(m), 0)
		} else {
			out.imm = Address(directID(m), int64(ref.Offset))
		}
	case known && ref.Kind == loader.RefKsym:
		out.imm = 0
		if !ref.Weak && in.Src == isa.PseudoVar {
			out.imm = Address(idKernel, int64(pc)*16)
		}
	case in.Src == isa.PseudoFunc:
		t := c.target(pc, in.Imm)
		if t < 0 {
			return trap(ControlFlow)
		}
		out.imm = Address(idCode, int64(t))
	case in.Src == isa.PseudoImm:
	default: // a reference to what nobody described
		return trap(ControlFlow)
	}
	return out
}

// memory translates plain loads and stores.
func memory(in isa.Instruction, out insn) insn {
	size := in.Size()
	switch class, mode := in.Class(), in.Mode(); {
	case class == isa.ClassLDX && mode == isa.ModeMEM:
		out.op = [9]op{1: opLoad8, 2: opLoad16, 4: opLoad32, 8: opLoad64}[size]
	case class == isa.ClassLDX && mode == isa.ModeMEMSX:
		out.op, out.aux = opLoadSX, uint8(size)
	case class == isa.ClassST && mode == isa.ModeMEM:
		out.src, out.imm = zeroReg, uint64(int64(in.Imm))
		out.op = [9]op{1: opStore8, 2: opStore16, 4: opStore32, 8: opStore64}[size]
	case class == isa.ClassSTX && mode == isa.ModeMEM:
		out.op = [9]op{1: opStore8, 2: opStore16, 4: opStore32, 8: opStore64}[size]
	default:
		return trap(ControlFlow)
	}
	return out
}

// both names the two forms of an operation; equal where there is one.
type both struct{ k, x op }

// aluFast are the operations at 64 bits that the loop knows.
var aluFast = [isa.NumALU]both{
	isa.Mov: {opMovK, opMovX}, isa.Add: {opAddK, opAddX}, isa.Sub: {opAddK, opSubX}, isa.Mul: {opMulK, opMulX},
	isa.Div: {opDivX, opDivX}, isa.Mod: {opModX, opModX}, isa.Or: {opOrK, opOrX}, isa.And: {opAndK, opAndX},
	isa.Xor: {opXorK, opXorX}, isa.Lsh: {opLshK, opLshX}, isa.Rsh: {opRshK, opRshX}, isa.Arsh: {opArshK, opArshX},
}

// aluFast32 are those at 32 bits.
var aluFast32 = [isa.NumALU]op{
	isa.Add: opAdd32, isa.Sub: opSub32, isa.Mul: opMul32, isa.Div: opDiv32, isa.Mod: opMod32, isa.Or: opOr32,
	isa.And: opAnd32, isa.Xor: opXor32, isa.Lsh: opLsh32, isa.Rsh: opRsh32, isa.Arsh: opArsh32,
}

// alu translates arithmetic.
func (c *compiler) alu(in isa.Instruction, out insn) insn {
	if in.IsAddrSpaceCast() {
		return trap(NotModelled)
	}
	a := in.ALU(c.prog.BigEndian)
	if a == isa.InvalidALU {
		return trap(ControlFlow)
	}
	x := in.UsesSrcReg() && in.Code() != isa.CodeEND
	if !x {
		out.src, out.imm = zeroReg, uint64(int64(in.Imm))
	}
	out.off, out.aux = 0, uint8(a)
	switch f := aluFast[a]; {
	case in.Width() == isa.W32 && a == isa.Mov && x:
		out.op = opMov32X
	case in.Width() == isa.W32 && a == isa.Mov:
		out.op, out.imm = opMovK, isa.Eval(isa.Mov, isa.W32, 0, out.imm)
	case in.Width() == isa.W32 && aluFast32[a] != 0:
		out.op = aluFast32[a]
	case in.Width() == isa.W32:
		out.op = opALU32
	case f.x == 0:
		out.op = opALU
	case x:
		out.op = f.x
	case a == isa.Sub:
		out.op, out.imm = opAddK, -out.imm
	default:
		out.op = f.k
		if a == isa.Lsh || a == isa.Rsh || a == isa.Arsh {
			out.imm &= 63
		}
	}
	return out
}

// condFast are the conditions at 64 bits that the loop knows.
var condFast = [isa.NumCond]both{
	isa.EQ: {opJeqK, opJeqX}, isa.NE: {opJneK, opJneX}, isa.GT: {opJgtK, opJgtX}, isa.GE: {opJgeK, opJgeX},
	isa.LT: {opJltK, opJltX}, isa.LE: {opJleK, opJleX}, isa.SGT: {opJsgt, opJsgt}, isa.SGE: {opJsge, opJsge},
	isa.SLT: {opJslt, opJslt}, isa.SLE: {opJsle, opJsle}, isa.SET: {opJset, opJset},
}

// condFast32 are those at 32 bits.
var condFast32 = [isa.NumCond]op{
	isa.EQ: opJeq32, isa.NE: opJne32, isa.GT: opJgt32, isa.GE: opJge32, isa.LT: opJlt32, isa.LE: opJle32,
}

// jump translates conditional jumps.
func (c *compiler) jump(pc int, in isa.Instruction, out insn) insn {
	out.off = c.target(pc, in.JumpOffset())
	if in.Op == isa.OpMayGoto {
		out.op = opMayGoto
		return out
	}
	cond := in.Cond()
	if cond == isa.InvalidCond {
		return trap(ControlFlow)
	}
	if !in.UsesSrcReg() {
		out.src, out.imm = zeroReg, uint64(int64(in.Imm))
	}
	out.aux = uint8(cond)
	switch f := condFast[cond]; {
	case in.Width() == isa.W32 && condFast32[cond] != 0:
		out.op = condFast32[cond]
	case in.Width() == isa.W32:
		out.op = opJump32
	case f.x == 0:
		out.op = opJump
	case in.UsesSrcReg():
		out.op = f.x
	default:
		out.op = f.k
	}
	return out
}

// call translates calls.
func (c *compiler) call(pc int, in isa.Instruction) insn {
	switch {
	case in.Op == isa.OpCallX:
		return insn{op: opCallX, dst: uint8(in.Dst)}
	case in.Src == isa.CallLocal:
		return insn{op: opLocal, off: c.target(pc, in.Imm)}
	case in.Src == isa.CallHelper:
		return insn{op: opCall, imm: uint64(c.helper(in.Imm))}
	}
	return trap(NotModelled) // kernel functions
}
