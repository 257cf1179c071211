package gen

import "github.com/bpfcheck/bpfcheck/isa"

// block writes n statements and the place where guards in it leave to.
func (g *gen) block(n, nesting int) {
	e := &exits{}
	g.blocks = append(g.blocks, e)
	for i := 0; i < n && !g.done(); i++ {
		g.statement(nesting)
	}
	g.blocks = g.blocks[:len(g.blocks)-1]
	g.gather(e)
}

// gather makes the jumps of e arrive here.
func (g *gen) gather(e *exits) {
	for i, at := range e.jumps {
		g.land(at)
		g.merge(&e.states[i])
	}
}

// leave adds an edge from the jump at a slot, in state s, to the end of the block.
func (g *gen) leave(at int, s state) {
	e := g.blocks[len(g.blocks)-1]
	e.jumps = append(e.jumps, at)
	e.states = append(e.states, s)
}

// statement writes one statement.
func (g *gen) statement(nesting int) {
	switch g.n(31) {
	case 0, 1, 2, 3:
		g.arithmetic(2 + g.n(4))
	case 4, 5:
		g.spills()
	case 6, 7, 8:
		g.packet()
	case 9, 10, 11:
		g.mapAccess()
	case 12, 13:
		g.branch(nesting)
	case 14, 15, 16:
		g.indexed()
	case 17, 18:
		g.loop(nesting)
	case 19:
		g.call()
	case 20:
		g.atomic()
	case 21:
		g.helperCall()
	case 22:
		g.correlated(nesting)
	case 23:
		g.division()
	case 24:
		g.source(g.dst())
	case 25:
		g.movePacket()
	case 26:
		g.legacyLoad()
	case 27:
		g.variableStack()
	case 28:
		if g.rarely(4) { // Linux wants offsets that are not negative
			g.backwards()
			return
		}
		g.indexed()
	case 29:
		g.record()
	default:
		g.mischief()
	}
}

// The conditions, as codes.
var conds = [...]uint8{
	isa.CodeJEQ, isa.CodeJNE, isa.CodeJGT, isa.CodeJGE, isa.CodeJLT, isa.CodeJLE,
	isa.CodeJSGT, isa.CodeJSGE, isa.CodeJSLT, isa.CodeJSLE, isa.CodeJSET,
}

// test writes a comparison of scalars.
func (g *gen) test() int {
	class := pick[uint8](g, isa.ClassJMP32, isa.ClassJMP)
	a := g.scalarReg()
	if b, ok := g.some(scalar); ok && g.n(3) == 0 {
		return g.jump(class, pick(g, conds[:]...), a, b, 0)
	}
	return g.jump(class, pick(g, conds[:]...), a, -1, g.boundary())
}

// branch is if-then-else on scalars.
func (g *gen) branch(nesting int) {
	if nesting > 3 {
		g.arithmetic(2)
		return
	}
	at := g.test()
	other := g.state
	g.block(1+g.n(3), nesting+1)
	if g.n(2) == 0 {
		g.land(at)
		g.merge(&other)
		return
	}
	end := g.goTo()
	g.land(at)
	then := g.state
	g.state = other
	g.block(1+g.n(3), nesting+1)
	g.land(end)
	g.merge(&then)
}

// loop is a counted loop. Its counter is a register or a slot.
func (g *gen) loop(nesting int) {
	trips := 1 + g.n(10)
	if g.rarely(8) {
		trips = 1 + g.n(100)
	}
	if nesting > 2 || g.trips*trips > 200 {
		g.arithmetic(3)
		return
	}
	c := g.keep()
	if g.locked>>c&1 != 0 {
		return
	}
	oldLocked, oldSlots, oldTrips := g.locked, g.lockedSlot, g.trips
	g.trips *= trips
	g.loops++
	switch g.n(4) {
	case 0:
		g.countUp(c, trips, nesting)
	case 1:
		g.countDown(c, trips, nesting)
	case 2:
		g.whileLoop(c, trips, nesting)
	default:
		g.slotLoop(c, trips, nesting)
	}
	g.loops--
	g.locked, g.lockedSlot, g.trips = oldLocked, oldSlots, oldTrips
}

// enter locks what a loop must not lose and returns the head's slot and state.
func (g *gen) enter(c int) (head int, s state) {
	g.locked |= 1 << c
	for r := 6; r < 10; r++ {
		if g.r[r].kind > scalar {
			g.locked |= 1 << r
		}
	}
	for i := range g.stack {
		if g.stack[i].v.kind > scalar {
			g.lockedSlot |= 1 << i
		}
	}
	g.forget()
	return len(g.code), g.state
}

// countUp is: c = 0; do { … c += step } while (c < limit).
func (g *gen) countUp(c, trips, nesting int) {
	step := 1 + g.n(3)*g.n(2)
	g.movImm(c, 0)
	g.r[c].max = uint64(trips * step)
	head, s := g.enter(c)
	g.block(1+g.n(3), nesting+1)
	g.restore(&s)
	top := g.r[c].max
	g.aluImm(pick[uint8](g, isa.ClassALU64, isa.ClassALU), isa.CodeADD, c, int32(step))
	g.r[c].max = top
	code := pick[uint8](g, isa.CodeJLT, isa.CodeJNE, isa.CodeJSLT, isa.CodeJLE)
	limit := trips * step
	if code == isa.CodeJLE {
		limit--
	}
	g.aim(g.jump(pick[uint8](g, isa.ClassJMP, isa.ClassJMP32), code, c, -1, int32(limit)), head)
}

// countDown is: c = trips; do { … c -= 1 } while (c != 0).
func (g *gen) countDown(c, trips, nesting int) {
	g.movImm(c, int32(trips))
	head, s := g.enter(c)
	g.block(1+g.n(3), nesting+1)
	g.restore(&s)
	top := g.r[c].max
	if g.n(2) == 0 {
		g.aluImm(isa.ClassALU64, isa.CodeADD, c, -1)
	} else {
		g.aluImm(isa.ClassALU, isa.CodeSUB, c, 1)
	}
	g.r[c].max = top
	code := pick[uint8](g, isa.CodeJNE, isa.CodeJSGT, isa.CodeJGT)
	g.aim(g.jump(pick[uint8](g, isa.ClassJMP, isa.ClassJMP32), code, c, -1, 0), head)
}

// whileLoop is: c = 0; while (c < limit) { … c++ }, where the limit may be a
// register, and a branch may break out.
func (g *gen) whileLoop(c, trips, nesting int) {
	limit := -1
	if r, ok := g.some(scalar); ok && r != c && g.n(2) == 0 && g.locked>>r&1 == 0 {
		g.aluImm(isa.ClassALU64, isa.CodeAND, r, int32(trips|1))
		limit = r
		trips |= 1
		g.locked |= 1 << r
		if r < 6 {
			limit = -1 // a call would destroy it
		}
	}
	g.movImm(c, 0)
	g.r[c].max = uint64(trips)
	head, s := g.enter(c)
	test := g.jump(pick[uint8](g, isa.ClassJMP, isa.ClassJMP32), pick[uint8](g, isa.CodeJGE, isa.CodeJSGE), c, limit, int32(trips))
	out := exits{jumps: []int{test}, states: []state{g.state}}
	g.block(1+g.n(3), nesting+1)
	if g.n(3) == 0 {
		at := g.test()
		out.jumps, out.states = append(out.jumps, at), append(out.states, g.state)
	}
	g.restore(&s)
	top := g.r[c].max
	g.aluImm(isa.ClassALU64, isa.CodeADD, c, 1)
	g.r[c].max = top
	g.aim(g.goTo(), head)
	g.state = out.states[0]
	g.gather(&out)
}

// slotLoop keeps its counter on the stack.
func (g *gen) slotLoop(c, trips, nesting int) {
	s := g.slot()
	g.movImm(c, 0)
	g.spill(s, 0, 8, c)
	head, st := g.enter(s + 32) // no register is locked
	g.locked &= 1<<10 - 1
	g.lockedSlot |= 1 << s
	g.block(1+g.n(3), nesting+1)
	g.restore(&st)
	r := g.dst()
	g.fill(r, s, pick(g, 8, 4))
	g.aluImm(isa.ClassALU64, isa.CodeADD, r, 1)
	g.spill(s, 0, 8, r)
	g.aim(g.jump(isa.ClassJMP, isa.CodeJLT, r, -1, int32(trips)), head)
}

// correlated sets a register to a pointer on one side of a branch and uses it
// behind a second branch on the same condition.
func (g *gen) correlated(nesting int) {
	if nesting > 2 {
		g.spills()
		return
	}
	flag := g.keep()
	g.source(flag)
	if g.r[flag].kind != scalar || g.locked>>flag&1 != 0 {
		return
	}
	old := g.locked
	g.locked |= 1 << flag
	ptr := g.keep(flag)
	defer func() { g.locked = old }()
	if g.locked>>ptr&1 != 0 || ptr == flag || ptr < 6 || flag < 6 {
		return
	}
	class, code, imm := pick[uint8](g, isa.ClassJMP, isa.ClassJMP32), pick(g, conds[:]...), g.boundary()
	g.movImm(ptr, 0)
	at := g.jump(class, code, flag, -1, imm)
	g.loadValue(ptr, 2, 0)
	p := g.r[ptr]
	g.land(at)
	g.r[ptr] = val{}
	g.locked |= 1 << ptr
	g.arithmetic(1 + g.n(3))
	if g.n(2) == 0 {
		g.spills()
	}
	at = g.jump(class, code, flag, -1, imm)
	without := g.state
	g.r[ptr] = p
	g.access(ptr)
	g.land(at)
	g.merge(&without)
	g.r[ptr] = val{}
}
