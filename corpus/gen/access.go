package gen

import "github.com/bpfcheck/bpfcheck/isa"

// access reads or writes through a pointer where its type allows.
func (g *gen) access(p int) {
	v := g.r[p]
	lo, hi, write := v.lo, v.hi, true
	switch v.kind {
	case memPtr:
	case pktPtr:
		lo, hi, write = 0, g.proven[v.id]-v.off, g.packetWrites()
		if v.off < 0 {
			lo = -v.off
		}
	default:
		return
	}
	n := 1 << g.n(4)
	if hi-lo < n {
		n = 1
	}
	if hi-lo < n {
		return
	}
	off := lo + g.n(hi-lo-n+1)
	if g.n(3) > 0 && (off-lo)%n != 0 {
		off -= (off - lo) % n
	}
	if write && g.n(3) == 0 {
		g.storeTo(p, off, n)
		return
	}
	g.load(g.dst(), p, off, n, g.n(3) == 0)
}

// loadPacket loads the start and the end of the packet.
func (g *gen) loadPacket() {
	ctx, ok := g.some(ctxPtr)
	if !ok || !g.packetReads() {
		return
	}
	data, end := 0, 4
	if g.typ != "xdp" {
		data, end = 76, 80
	}
	d := g.keep()
	if d == ctx {
		return
	}
	g.load(d, ctx, data, 4, false)
	g.r[d] = val{kind: pktPtr}
	e := g.keep(d)
	if e == d || e == ctx {
		return
	}
	g.load(e, ctx, end, 4, false)
	g.r[e] = val{kind: pktEnd}
}

// packet compares with the end of the packet and goes on inside of it.
func (g *gen) packet() {
	p, ok := g.some(pktPtr)
	e, ok2 := g.some(pktEnd)
	if !ok || !ok2 {
		if g.loops == 0 {
			g.loadPacket()
		}
		return
	}
	if g.n(3) == 0 {
		p = g.advance(p)
	}
	v := g.r[p]
	if v.kind != pktPtr {
		return
	}
	if g.proven[v.id] <= v.off || g.n(4) == 0 {
		g.packetCheck(p, e, 1+g.n(40))
	}
	for range 1 + g.n(3) {
		if g.r[p] == v {
			g.access(p)
		}
	}
}

// packetCheck compares p+n with the end, in one of the shapes that compilers write.
func (g *gen) packetCheck(p, e, n int) {
	v := g.r[p]
	t := g.dst(p, e)
	if t == p || t == e {
		return
	}
	g.movReg(t, p)
	g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.Reg(t), Imm: int32(n)})
	g.r[t].off += n
	// Behind each of these n bytes, or one more, are inside.
	shape := g.n(8)
	code, a, b := []uint8{
		isa.CodeJGT, isa.CodeJLT, isa.CodeJGE, isa.CodeJLE, // out if t > e, e < t, t >= e, e <= t
		isa.CodeJLE, isa.CodeJGE, isa.CodeJLT, isa.CodeJGT, // in if t <= e, e >= t, t < e, e > t
	}[shape], t, e
	if shape%2 == 1 {
		a, b = e, t
	}
	at := g.jump(isa.ClassJMP, code, a, b, 0)
	if shape >= 4 {
		out := g.goTo()
		g.land(at)
		at = out
	}
	g.leave(at, g.state)
	if end := v.off + n; v.id < len(g.proven) {
		g.proven[v.id] = max(g.proven[v.id], end)
	}
}

// advance moves a packet pointer by a constant or by a bounded scalar.
func (g *gen) advance(p int) int {
	q := g.dst(p)
	if q == p {
		return p
	}
	g.movReg(q, p)
	if g.n(2) == 0 {
		k := g.n(24)
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.Reg(q), Imm: int32(k)})
		g.r[q].off += k
		return q
	}
	i, ok := g.index(uint64(pick(g, 15, 60, 255, 1000)), p, q)
	if !ok || g.r[q].kind != pktPtr {
		return p
	}
	id, ok := g.newBase()
	if !ok {
		return p
	}
	g.addTo(q, i)
	if g.r[q].kind != pktPtr {
		return p
	}
	g.r[q] = val{kind: pktPtr, id: id}
	return q
}

// addTo is pointer += scalar, sometimes the other way round.
func (g *gen) addTo(q, i int) {
	add := func(d, s int) {
		g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD | isa.SourceX, Dst: isa.Reg(d), Src: isa.Reg(s)})
	}
	if g.n(4) != 0 || g.locked>>i&1 != 0 {
		add(q, i)
		return
	}
	add(i, q)
	g.r[i] = g.r[q]
	g.movReg(q, i)
}

// mapAccess looks an element up, checks for null and accesses it.
func (g *gen) mapAccess() {
	if p, ok := g.some(memPtr); ok && g.n(2) == 0 {
		g.access(p)
		return
	}
	m := g.n(3)
	if m == 2 && g.n(2) == 0 {
		p := g.keep()
		if g.locked>>p&1 == 0 {
			g.loadValue(p, 2, 8*g.n(4))
			g.access(p)
		}
		return
	}
	if g.locked&0x3f != 0 {
		return
	}
	g.key(m)
	g.helper(1)
	id := g.newID()
	g.r[0] = val{kind: nullable, id: id, hi: int(g.maps[m].ValueSize)}
	p := 0
	if g.n(2) == 0 {
		if k := g.keep(0); k != 0 && g.locked>>k&1 == 0 {
			g.movReg(k, 0)
			p = k
		}
	}
	if g.n(4) == 0 {
		if s := g.slot(); g.n(2) == 0 {
			g.spill(s, 0, 8, p)
		}
	}
	g.nullCheck(p, id)
	g.access(p)
}

// key writes a key and puts map and key into r1 and r2.
func (g *gen) key(m int) {
	s := g.slot()
	if g.n(2) == 0 {
		g.storeImm(s, 0, 8, int32(g.n(5)))
	} else {
		r := g.scalarReg()
		if g.n(2) == 0 && g.locked>>r&1 == 0 && g.r[r].kind == scalar {
			g.aluImm(isa.ClassALU64, isa.CodeAND, r, 3)
		}
		g.spill(s, 0, 8, r)
	}
	g.movReg(2, 10)
	g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.R2, Imm: int32(slotOff(s))})
	g.loadMap(1, m)
}

// nullCheck leaves the block, or skips a statement, if p is null.
func (g *gen) nullCheck(p, id int) {
	how := g.n(2)
	if g.rarely(20) {
		how = 2 // Linux learns nothing from it
	}
	switch how {
	case 0: // leave if null
		at := g.jump(isa.ClassJMP, isa.CodeJEQ, p, -1, 0)
		s := g.state
		g.promote(id, true)
		null := g.state
		g.state = s
		g.leave(at, null)
	case 1: // in if not null
		at := g.jump(isa.ClassJMP, isa.CodeJNE, p, -1, 0)
		s := g.state
		g.promote(id, true)
		g.leave(g.goTo(), g.state)
		g.state = s
		g.land(at)
	default: // against a register with 0
		z := g.dst(p)
		if z == p || g.r[z].kind == nullable {
			at := g.jump(isa.ClassJMP, isa.CodeJEQ, p, -1, 0)
			g.leave(at, g.state)
			break
		}
		g.movImm(z, 0)
		g.leave(g.jump(isa.ClassJMP, isa.CodeJEQ, p, z, 0), g.state)
	}
	g.promote(id, false)
}

// indexed accesses memory at a computed, bounded index.
func (g *gen) indexed() {
	p, ok := g.some(memPtr)
	if !ok || g.n(3) == 0 {
		if p = g.keep(); g.locked>>p&1 != 0 {
			return
		}
		g.loadValue(p, 2, 0)
	}
	v := g.r[p]
	room := v.hi - max(v.lo, 0)
	if v.kind != memPtr || v.lo > 0 || room < 2 {
		return
	}
	n := 1 << g.n(3)
	if n > room/2 {
		n = 1
	}
	q := g.dst(p)
	if q == p {
		return
	}
	i, ok := g.index(uint64(room-n), p, q)
	if !ok || g.r[p] != v || i == p {
		return
	}
	if g.locked>>q&1 != 0 || q == i {
		return
	}
	g.movReg(q, p)
	m := g.r[i].max
	g.addTo(q, i)
	g.r[q] = val{kind: memPtr, lo: v.lo, hi: v.hi - int(m)}
	if g.n(3) == 0 {
		g.storeTo(q, 0, n)
		return
	}
	g.load(g.dst(), q, 0, n, g.n(3) == 0)
}
