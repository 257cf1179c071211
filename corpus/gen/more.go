package gen

import "github.com/bpfcheck/bpfcheck/isa"

// movePacket calls a helper that may move the packet: pointers into it are gone.
func (g *gen) movePacket() {
	ctx, ok := g.some(ctxPtr)
	if !ok || ctx < 6 || g.loops > 0 || g.depth > 0 {
		return
	}
	g.movReg(1, ctx)
	switch g.typ {
	case "xdp":
		g.movImm(2, int32(4*g.n(5)-8))
		g.helper(44) // xdp_adjust_head
	case "sched_cls":
		g.movImm(2, int32(g.n(60)))
		g.helper(39) // skb_pull_data
	default:
		return
	}
	stale := func(v *val) bool { return v.kind == pktPtr || v.kind == pktEnd }
	for i := range g.r {
		if stale(&g.r[i]) {
			g.r[i] = val{}
		}
	}
	for i := range g.stack {
		if stale(&g.stack[i].v) {
			g.stack[i] = slot{}
		}
	}
	if g.n(3) > 0 {
		g.loadPacket()
		g.packet()
	}
}

// legacyLoad is LD_ABS or LD_IND, which want the context in r6.
func (g *gen) legacyLoad() {
	if g.r[6].kind != ctxPtr || g.typ != "socket_filter" && g.typ != "sched_cls" || g.depth > 0 || g.locked&0x3f != 0 {
		return
	}
	i := isa.Instruction{Op: isa.ClassLD | isa.ModeABS | pick[uint8](g, isa.SizeB, isa.SizeH, isa.SizeW), Imm: int32(g.n(20))}
	if src, ok := g.some(scalar); ok && g.n(2) == 0 && g.locked>>src&1 == 0 {
		g.aluImm(isa.ClassALU64, isa.CodeAND, src, 15)
		i.Op = i.Op&^isa.ModeABS | isa.ModeIND
		i.Src = isa.Reg(src)
	}
	g.emit(i)
	for r := 0; r <= 5; r++ {
		g.r[r] = val{}
	}
	g.r[0] = val{kind: scalar, max: ceiling(isa.ClassALU)}
}

// variableStack reads or writes the stack at a bounded variable offset.
func (g *gen) variableStack() {
	const words = 4
	first := words - 1 + g.n(slots-words)
	for s := first - words + 1; s <= first; s++ {
		if g.lockedSlot>>s&1 != 0 {
			return
		}
		if !g.stack[s].plain() {
			g.storeImm(s, 0, 8, g.boundary())
		}
	}
	p := g.keep()
	if g.locked>>p&1 != 0 {
		return
	}
	n := 1 << g.n(4)
	i, ok := g.index(uint64(8*words-n), p)
	if !ok || i == p {
		return
	}
	for s := first - words + 1; s <= first; s++ {
		if !g.stack[s].plain() {
			return // bounding the index used a slot
		}
	}
	if n > 1 && g.locked>>i&1 == 0 {
		g.aluImm(isa.ClassALU64, isa.CodeAND, i, -int32(n)) // aligned
	}
	g.movReg(p, 10)
	g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.Reg(p), Imm: int32(slotOff(first))})
	g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD | isa.SourceX, Dst: isa.Reg(p), Src: isa.Reg(i)})
	g.r[p] = val{}
	if g.n(2) == 0 {
		g.load(p, p, 0, n, g.n(3) == 0)
		return
	}
	if src, ok := g.some(scalar); ok {
		g.emit(isa.Instruction{Op: isa.ClassSTX | isa.ModeMEM | sizeCode(n), Dst: isa.Reg(p), Src: isa.Reg(src)})
	} else {
		g.emit(isa.Instruction{Op: isa.ClassST | isa.ModeMEM | sizeCode(n), Dst: isa.Reg(p), Imm: g.boundary()})
	}
	for s := first - words + 1; s <= first; s++ {
		g.stack[s].v = val{kind: scalar, max: anything}
	}
}

// backwards moves a pointer forward by a constant and back by a bounded number.
func (g *gen) backwards() {
	const span = 24
	p := g.keep()
	if g.locked>>p&1 != 0 {
		return
	}
	i, ok := g.index(span, p)
	if !ok || i == p || g.locked>>i&1 != 0 {
		return
	}
	g.loadValue(p, 2, 0)
	add := func(imm int32) {
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.Reg(p), Imm: imm})
	}
	add(span)
	if !g.rarely(10) { // Linux knows nothing of a negated number
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeSUB | isa.SourceX, Dst: isa.Reg(p), Src: isa.Reg(i)})
	} else {
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeNEG, Dst: isa.Reg(i)})
		g.r[i].max = anything
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD | isa.SourceX, Dst: isa.Reg(p), Src: isa.Reg(i)})
	}
	size := int(g.maps[2].ValueSize)
	g.r[p] = val{kind: memPtr, lo: 0, hi: size - span}
	g.access(p)
}

// record reserves a record of a ring buffer, writes into it and gives it back.
func (g *gen) record() {
	if g.locked&0x3f != 0 {
		return
	}
	g.loadMap(1, 3)
	g.movImm(2, 16)
	g.movImm(3, 0)
	g.helper(131) // ringbuf_reserve
	at := g.jump(isa.ClassJMP, isa.CodeJEQ, 0, -1, 0)
	none := g.state
	none.r[0] = val{kind: scalar}
	g.r[0] = val{kind: memPtr, hi: 16}
	if g.n(2) == 0 {
		k := g.keep(0)
		if k != 0 && g.locked>>k&1 == 0 {
			g.movReg(k, 0)
		}
	}
	n := 1 << g.n(4)
	g.emit(isa.Instruction{Op: isa.ClassST | isa.ModeMEM | sizeCode(n), Dst: isa.R0, Off: int16(n * g.n(16/n)), Imm: g.boundary()})
	g.movReg(1, 0)
	g.movImm(2, 0)
	for r := range g.r { // all pointers to it die
		if g.r[r].kind == memPtr && g.r[r].hi == 16 && g.r[r].lo == 0 && r > 5 {
			g.r[r] = val{}
		}
	}
	g.helper(int32(132 + g.n(2))) // submit or discard
	g.r[0] = val{}
	g.land(at)
	g.merge(&none)
}
