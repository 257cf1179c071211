package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// alu is the transfer of the ALU and ALU64 classes. Arithmetic on numbers is the
// numeric domain's; on pointers, ADD and SUB move the offset and nothing else is
// an address any more (V9).
func (a *analysis) alu(s *State, pc int, ins isa.Instruction) {
	if ins.IsAddrSpaceCast() {
		a.giveUp(pc, "arena address space cast")
		return
	}
	op := ins.ALU(a.bigEndian)
	if op == isa.InvalidALU {
		a.giveUp(pc, "instruction %#02x", ins.Op)
		return
	}
	reads := readsOf(op)
	if reads.dst && !a.readable(s, pc, ins.Dst) || reads.src && ins.UsesSrcReg() && !a.readable(s, pc, ins.Src) {
		s.set(s.reg(ins.Dst), Cell{Kind: Poison})
		return
	}
	w := ins.Width()
	dst := s.reg(ins.Dst)
	o := a.operand(s, ins)
	dk, ok := s.cells[dst].Kind, Scalar
	if o.IsVar {
		ok = s.cells[o.Var].Kind
	}
	switch {
	case op == isa.Mov && w.Full() && o.IsVar:
		s.move(dst, o.Var)
	case reads.dst && dk == Poison || reads.src && ok == Poison:
		a.led.suspend(pc)
		s.set(dst, Cell{Kind: Poison})
	case reads.dst && dk.isPointer() || reads.src && ok.isPointer():
		a.pointerALU(s, pc, ins, op, dst, o)
	default:
		s.num.ALU(op, w, dst, o)
		s.cells[dst] = scalarCell
	}
}

// operands says which operands an operation reads.
type operands struct{ dst, src bool }

func readsOf(op isa.ALUOp) operands {
	switch op {
	case isa.Mov, isa.MovSX8, isa.MovSX16, isa.MovSX32:
		return operands{src: true}
	case isa.Neg, isa.Trunc16, isa.Trunc32, isa.Trunc64, isa.Bswap16, isa.Bswap32, isa.Bswap64:
		return operands{dst: true}
	}
	return operands{dst: true, src: true}
}

// pointerALU is arithmetic with at least one pointer.
func (a *analysis) pointerALU(s *State, pc int, ins isa.Instruction, op isa.ALUOp, dst domains.Var, o domains.Operand) {
	dptr := s.cells[dst].Kind.isPointer()
	sptr := o.IsVar && s.cells[o.Var].Kind.isPointer()
	unknown := func() { s.set(dst, scalarCell) }
	refuse := func(why, help string) {
		if d := a.alarm(pc, PointerArith, Safety); d != nil {
			d.Message, d.Help = why, help
		}
		s.set(dst, Cell{Kind: Poison})
	}
	switch op {
	case isa.Mov, isa.MovSX8, isa.MovSX16, isa.MovSX32, isa.Neg,
		isa.Trunc16, isa.Trunc32, isa.Trunc64, isa.Bswap16, isa.Bswap32, isa.Bswap64:
		// Part or image of an address: a number, which only a privileged program may make.
		if !a.priv {
			refuse("this turns part of a pointer into a number", "unprivileged programs must not learn addresses")
			return
		}
		unknown()
		return
	case isa.Sub:
		if dptr && sptr {
			if !a.priv {
				refuse("the difference of two pointers is an address fact", "unprivileged programs must not subtract pointers")
				return
			}
			a.pointerDiff(s, ins, dst, o.Var)
			return
		}
		if sptr {
			refuse(fmt.Sprintf("r%d is a pointer and is subtracted from a number", ins.Src), "subtract the number from the pointer instead")
			return
		}
	case isa.Add:
		if dptr && sptr {
			refuse(fmt.Sprintf("r%d and r%d are both pointers and are added", ins.Dst, ins.Src), "add a number to a pointer, or subtract the pointers")
			return
		}
	default:
		refuse(fmt.Sprintf("arithmetic on a pointer (%s) other than adding or subtracting a number", a.pointerName(s, dst, o)),
			"mask or scale the number before it is added to the pointer")
		return
	}
	if !ins.Width().Full() {
		refuse("32-bit arithmetic on a pointer", "use the 64-bit instruction")
		return
	}
	if why := a.offsetPointer(s, pc, op, dst, o, dptr); why != "" {
		refuse(why, "")
	}
}

func (a *analysis) pointerName(s *State, dst domains.Var, o domains.Operand) string {
	if k := s.cells[dst].Kind; k.isPointer() {
		return k.String()
	}
	return s.cells[o.Var].Kind.String()
}

// pointerDiff leaves the difference of two pointers in dst: exact where they are
// into the same object, unknown otherwise.
func (a *analysis) pointerDiff(s *State, ins isa.Instruction, dst, src domains.Var) {
	x, y := s.cells[dst], s.cells[src]
	same := ins.Width().Full() && x.Kind == y.Kind && x.Region == y.Region && x.ID == y.ID &&
		(x.Kind == StackPtr || (x.Kind == Packet || x.Kind == PacketMeta) && !x.has(HasVar) && !y.has(HasVar))
	if same && !x.has(HasVar) && !y.has(HasVar) {
		s.setConst(dst, uint64(int64(x.Off)-int64(y.Off)))
		return
	}
	s.set(dst, scalarCell)
}

// mayMove reports whether the offset of a pointer of kind k may change at all.
func mayMove(k Kind) bool {
	switch k {
	case StackPtr, Packet, PacketMeta, MapValue, Mem, CtxPtr, BTFPtr, TPBuffer, FlowKeys, KsymPtr:
		return true
	}
	return false
}

// offsetPointer adds a number to a pointer, whichever operand is which, or
// subtracts one from it. It returns what forbids it.
func (a *analysis) offsetPointer(s *State, pc int, op isa.ALUOp, dst domains.Var, o domains.Operand, dptr bool) string {
	ptr := dst
	num := o
	if !dptr {
		ptr, num = o.Var, domains.V(dst)
	}
	c := s.cells[ptr]
	d := s.number(num)
	k, isConst := d.Const()
	switch {
	case c.has(MaybeNull):
		if d := a.alarm(pc, NullCheck, Safety); d != nil {
			d.Message = fmt.Sprintf("arithmetic on a %s pointer that may be null", c.Kind)
			d.Help = "compare the pointer with 0 first"
		}
		s.set(dst, Cell{Kind: Poison})
		return ""
	case !mayMove(c.Kind):
		if isConst && k == 0 && c.Kind == MapPtr {
			break
		}
		return fmt.Sprintf("arithmetic on a %s pointer", c.Kind)
	case op == isa.Sub && c.Kind == StackPtr:
		return "subtraction from a stack pointer"
	}
	delta := int64(k)
	b := wordBound(d)
	if op == isa.Sub {
		delta = -delta
		b = bound{-b.hi, -b.lo}
	}
	limit := a.limits.PointerOffset
	switch {
	case isConst && (delta >= limit || delta <= -limit):
		return fmt.Sprintf("offset %d is beyond what a pointer may move (±2^29)", delta)
	case !isConst && b.lo <= -infinite:
		return fmt.Sprintf("a number without lower bound is added to a %s pointer", c.Kind)
	case !isConst && (b.lo <= -limit || b.lo >= limit):
		return fmt.Sprintf("a number that may be %d is added to a %s pointer", b.lo, c.Kind)
	}
	if isConst {
		sum := int64(c.Off) + delta
		if sum >= limit || sum <= -limit {
			return fmt.Sprintf("the pointer's offset becomes %d, beyond what a pointer may move (±2^29)", sum)
		}
		if ptr != dst {
			s.move(dst, ptr)
		}
		s.cells[dst].Off = int32(sum)
		return ""
	}
	if why := a.addVariable(s, op, dst, ptr, num); why != "" {
		return why
	}
	nc := c
	nc.Flags |= HasVar
	if c.Kind == Packet || c.Kind == PacketMeta {
		nc.ID, nc.Range = s.fresh(), 0
	}
	s.cells[dst] = nc
	return ""
}

// addVariable makes the variable part of dst that of ptr plus or minus num.
func (a *analysis) addVariable(s *State, op isa.ALUOp, dst, ptr domains.Var, num domains.Operand) string {
	switch had := s.cells[ptr].has(HasVar); {
	case ptr == dst && had:
		s.num.ALU(op, isa.W64, dst, num)
	case ptr == dst && op == isa.Add:
		s.num.ALU(isa.Mov, isa.W64, dst, num)
	case ptr == dst:
		s.num.ALU(isa.Mov, isa.W64, dst, domains.K(0))
		s.num.ALU(isa.Sub, isa.W64, dst, num)
	case had: // number += pointer: dst holds the number
		s.num.ALU(isa.Add, isa.W64, dst, domains.V(ptr))
	}
	b := wordBound(s.num.Word(dst))
	if limit := a.limits.PointerOffset; b.lo <= -limit || b.lo >= limit {
		return "the pointer's offset has no useful lower bound"
	}
	return ""
}
