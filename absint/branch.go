package absint

import (
	"github.com/bpfcheck/bpfcheck/cfg"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// branch is the transfer of conditional jumps. Both successors are followed
// unless the state shows that one is impossible.
func (a *analysis) branch(s *State, b cfg.BlockID, pc int, ins isa.Instruction) {
	succs := a.g.Blocks[b].Succs
	fall, taken := succs[0], succs[1]
	cond := ins.Cond()
	if cond == isa.InvalidCond { // may_goto: the budget may be spent at any time
		t := a.clone(s)
		a.restartLoops(s, b)
		a.follow(b, fall, s)
		a.follow(b, taken, t)
		return
	}
	ok := a.readable(s, pc, ins.Dst)
	if ins.UsesSrcReg() {
		ok = a.readable(s, pc, ins.Src) && ok
	}
	dst, o := s.reg(ins.Dst), a.operand(s, ins)
	dk, sk := s.cells[dst].Kind, Scalar
	if o.IsVar {
		sk = s.cells[o.Var].Kind
	}
	if ok && dk == Scalar && sk == Scalar {
		a.branchNumbers(s, b, cond, ins.Width(), dst, o)
		return
	}
	t := a.clone(s)
	if dk == Poison || sk == Poison {
		a.led.suspend(pc)
	}
	if ok && dk != Poison && sk != Poison {
		alive, aliveTaken := a.comparePointers(s, t, pc, ins, cond, dst, o)
		if !alive {
			a.put(s)
			s = nil
		}
		if !aliveTaken {
			a.put(t)
			t = nil
		}
	}
	if s != nil {
		a.follow(b, fall, s)
	}
	if t != nil {
		a.follow(b, taken, t)
	}
}

// restartLoops starts the ghost counters of all loops around b anew: each pass
// of a may_goto spends a part of the program's one budget, so that between two
// passes only finitely many iterations have to be shown.
func (a *analysis) restartLoops(s *State, b cfg.BlockID) {
	for l := a.g.LoopOf(b); l != cfg.NoLoop; l = a.g.Loops[l].Parent {
		a.restartLoop(s, s.depth, l)
	}
}

// branchNumbers follows a comparison of two numbers.
func (a *analysis) branchNumbers(s *State, b cfg.BlockID, c isa.Cond, w isa.Width, dst domains.Var, o domains.Operand) {
	succs := a.g.Blocks[b].Succs
	switch decide(c, w, s.num.Word(dst), s.number(o)) {
	case always:
		s.num.Assume(c, w, dst, o)
		a.followAlive(s, b, succs[1])
		return
	case never:
		s.num.Assume(c.Negate(), w, dst, o)
		a.followAlive(s, b, succs[0])
		return
	}
	t := a.clone(s)
	s.num.Assume(c.Negate(), w, dst, o)
	t.num.Assume(c, w, dst, o)
	a.followAlive(s, b, succs[0])
	a.followAlive(t, b, succs[1])
}

func (a *analysis) followAlive(s *State, from, to cfg.BlockID) {
	if s.num.IsBottom() {
		a.put(s)
		return
	}
	a.follow(from, to, s)
}

// outcome is what is known of a condition.
type outcome uint8

const (
	perhaps outcome = iota
	always
	never
)

// decide tells from bounds and known bits whether a condition holds. It owes
// nothing but truth: perhaps is always a legal answer.
func decide(c isa.Cond, w isa.Width, x, y domains.Word) outcome {
	u, v := unsignedBounds(w, x), unsignedBounds(w, y)
	p, q := signedBounds(w, x), signedBounds(w, y)
	known := ^x.Mask & ^y.Mask & w.Mask()
	differ := known&(x.Value^y.Value) != 0 || u.hi < v.lo || v.hi < u.lo || p.hi < q.lo || q.hi < p.lo
	same := u.lo == u.hi && v.lo == v.hi && u.lo == v.lo
	switch c {
	case isa.EQ:
		return outcomeOf(same, differ)
	case isa.NE:
		return outcomeOf(differ, same)
	case isa.GT:
		return outcomeOf(u.lo > v.hi, u.hi <= v.lo)
	case isa.GE:
		return outcomeOf(u.lo >= v.hi, u.hi < v.lo)
	case isa.LT:
		return outcomeOf(u.hi < v.lo, u.lo >= v.hi)
	case isa.LE:
		return outcomeOf(u.hi <= v.lo, u.lo > v.hi)
	case isa.SGT:
		return outcomeOf(p.lo > q.hi, p.hi <= q.lo)
	case isa.SGE:
		return outcomeOf(p.lo >= q.hi, p.hi < q.lo)
	case isa.SLT:
		return outcomeOf(p.hi < q.lo, p.lo >= q.hi)
	case isa.SLE:
		return outcomeOf(p.hi <= q.lo, p.lo > q.hi)
	case isa.SET, isa.NSET:
		set := x.Value&y.Value&w.Mask() != 0
		unset := (x.Value|x.Mask)&(y.Value|y.Mask)&w.Mask() == 0
		if c == isa.NSET {
			set, unset = unset, set
		}
		return outcomeOf(set, unset)
	}
	return perhaps
}

func outcomeOf(yes, no bool) outcome {
	switch {
	case yes:
		return always
	case no:
		return never
	}
	return perhaps
}

func unsignedBounds(w isa.Width, d domains.Word) (b struct{ lo, hi uint64 }) {
	if w.Full() {
		b.lo, b.hi = d.UMin, d.UMax
	} else {
		b.lo, b.hi = uint64(d.U32Min), uint64(d.U32Max)
	}
	return b
}

func signedBounds(w isa.Width, d domains.Word) bound {
	if w.Full() {
		return bound{d.SMin, d.SMax}
	}
	return bound{int64(d.S32Min), int64(d.S32Max)}
}

// comparePointers refines s (falls through) and t (taken) after a comparison
// with at least one pointer, and reports which of them are possible.
func (a *analysis) comparePointers(s, t *State, pc int, ins isa.Instruction, c isa.Cond, dst domains.Var, o domains.Operand) (fall, taken bool) {
	w := ins.Width()
	if w.Full() && (c == isa.EQ || c == isa.NE) && s.isZero(o) {
		return a.testNull(s, t, pc, c, dst)
	}
	if w.Full() && o.IsVar && (c == isa.EQ || c == isa.NE) && s.cells[dst].Kind == Scalar && s.isZero(domains.V(dst)) {
		return a.testNull(s, t, pc, c, o.Var)
	}
	if w.Full() && o.IsVar {
		if known, fall, taken := comparePacket(s, t, c, dst, o.Var); known {
			return fall, taken
		}
	}
	if !a.priv {
		if d := a.alarm(pc, PointerLeak, Policy); d != nil {
			d.Message = "a pointer is compared with something that tells its address"
			d.Help = "unprivileged programs may compare pointers with 0 and packet pointers with data_end only"
		}
	}
	return true, true
}

// isZero reports whether an operand is the number 0.
func (s *State) isZero(o domains.Operand) bool {
	if !o.IsVar {
		return o.Const == 0
	}
	if s.cells[o.Var].Kind != Scalar {
		return false
	}
	x, ok := s.num.Word(o.Var).Const()
	return ok && x == 0
}

// testNull refines both successors of a comparison of pointer v with 0 (V6).
func (a *analysis) testNull(s, t *State, pc int, c isa.Cond, v domains.Var) (fall, taken bool) {
	null, valid := t, s
	if c == isa.NE {
		null, valid = s, t
	}
	cell := s.cells[v]
	if !cell.has(MaybeNull) {
		if !neverNull(cell.Kind) || cell.has(HasVar) {
			return true, true // with a variable part even the sum may be 0
		}
		return c == isa.EQ, c == isa.NE
	}
	null.resolve(cell, true)
	valid.resolve(cell, false)
	if cell.has(Element) {
		a.advance(valid, pc, cell)
		null.drain(cell)
	}
	return true, true
}

// neverNull reports the kinds whose values are not 0 once MaybeNull is off.
func neverNull(k Kind) bool {
	switch k {
	case CtxPtr, MapPtr, MapValue, StackPtr, Packet, PacketMeta, PacketEnd, Mem, Sock, SockCommon, TCPSock, XDPSock, FuncPtr:
		return true
	}
	return false
}

// resolve tells all copies of a maybe-null pointer whether it is null.
func (s *State) resolve(p Cell, null bool) {
	for i := range s.cells[:s.active()] {
		c := &s.cells[i]
		if c.ID != p.ID || !c.has(MaybeNull) {
			continue
		}
		if null {
			size := c.Size
			s.setConst(domains.Var(i), 0)
			s.cells[i].Size = size
			continue
		}
		c.Flags &^= MaybeNull
		if c.Kind != Packet && c.Kind != PacketMeta && !c.has(HasLock) {
			c.ID = 0
		}
	}
	if null && p.Ref != 0 && !p.has(Derived) {
		s.dropRef(p.Ref)
	}
}

// maxPacketOffset is the largest offset from which a comparison with data_end
// proves anything: farther, the address might have wrapped around.
const maxPacketOffset = 0xffff

// comparePacket learns how much of the packet exists from a comparison of a
// packet pointer with its end (V5, V28): data + n <= data_end proves n bytes,
// data + n < data_end proves n+1. It reports whether this was such a comparison,
// and which successors are possible.
func comparePacket(s, t *State, c isa.Cond, x, y domains.Var) (known, fall, taken bool) {
	p, e := s.cells[x], s.cells[y]
	if isEnd(e, p) {
	} else if isEnd(p, e) {
		x, p = y, e
		c = c.Swap()
	} else {
		return false, true, true
	}
	// Now the condition reads: p c end. far is the successor where p is beyond.
	near, far, extra := s, t, int32(0)
	switch c {
	case isa.GT:
	case isa.GE:
		extra = 1
	case isa.LT:
		near, far, extra = t, s, 1
	case isa.LE:
		near, far = t, s
	default:
		return true, true, true
	}
	isNear, isFar := true, true
	if p.Kind == Packet && p.ID == 0 && p.Off > 0 {
		isNear = p.Off+extra <= s.dataMax
		isFar = p.Off+extra > s.dataRange
		far.dataMax = min(far.dataMax, p.Off+extra-1)
	}
	near.prove(x, p, extra)
	if near == s {
		return true, isNear, isFar
	}
	return true, isFar, isNear
}

// isEnd reports whether end is the end of the region that p points into: packet
// data ends at data_end, metadata at data.
func isEnd(end, p Cell) bool {
	switch p.Kind {
	case Packet:
		return end.Kind == PacketEnd
	case PacketMeta:
		return end.Kind == Packet && end.ID == 0 && end.Off == 0 && !end.has(HasVar)
	}
	return false
}

// prove records that extra bytes from p lie in front of the end.
func (s *State) prove(v domains.Var, p Cell, extra int32) {
	off := s.offset(v, 0)
	if p.Off < 0 || p.Off == 0 && extra == 0 || off.hi > maxPacketOffset || off.lo < 0 {
		return
	}
	n := p.Off + extra
	if p.ID == 0 {
		r := &s.dataRange
		if p.Kind == PacketMeta {
			r = &s.metaRange
		}
		*r = max(*r, n)
		return
	}
	for i := range s.cells[:s.active()] {
		if c := &s.cells[i]; c.Kind == p.Kind && c.ID == p.ID {
			c.Range = max(c.Range, n)
		}
	}
	// The variable part is at least off.lo - p.Off, so the packet is that long too.
	if least := off.lo + int64(extra); p.Kind == Packet && least > int64(s.dataRange) {
		s.dataRange = int32(least)
	}
}
