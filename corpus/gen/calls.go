package gen

import "github.com/bpfcheck/bpfcheck/isa"

// maxDepth is how deep subprograms call each other.
const maxDepth = 2

// call calls a subprogram; its parameters are what r1 to r5 hold, plus a piece of
// the caller's stack.
func (g *gen) call() {
	if g.depth >= maxDepth || len(g.calls) > 5 || g.locked&0x3f != 0 {
		g.arithmetic(2)
		return
	}
	n := 1 + g.n(4)
	params := make([]val, 6)
	shared := -1
	for r := 1; r <= n; r++ {
		if r == 1 && g.n(2) == 0 {
			if ctx, ok := g.some(ctxPtr); ok {
				g.movReg(1, ctx)
			}
		} else if p, ok := g.some(memPtr); ok && g.n(3) == 0 {
			g.movReg(r, p)
		} else if s := g.plainSlot(); s >= 0 && g.n(3) == 0 && shared < 0 {
			g.movReg(r, 10)
			g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.Reg(r), Imm: int32(slotOff(s))})
			g.r[r] = val{kind: memPtr, hi: 8}
			shared = s
		} else if g.r[r].kind != scalar {
			g.movImm(r, g.boundary())
		}
	}
	for r := 1; r <= 5; r++ {
		switch v := g.r[r]; {
		case v.kind == ctxPtr, v.kind == memPtr:
			params[r] = v
		case v.kind == scalar:
			params[r] = val{kind: scalar, max: anything}
		}
	}
	g.calls = append(g.calls, pending{calls: []int{len(g.code)}, params: params, depth: g.depth + 1})
	g.emit(isa.Instruction{Op: isa.OpCall, Src: isa.CallLocal})
	for r := 0; r <= 5; r++ {
		g.r[r] = val{}
	}
	g.r[0] = val{kind: scalar, max: anything}
	if shared >= 0 {
		g.stack[shared].v = val{kind: scalar, max: anything}
	}
}

// plainSlot returns a slot without pointers, -1 for none.
func (g *gen) plainSlot() int {
	for s := range g.stack {
		if g.stack[s].plain() && g.lockedSlot>>s&1 == 0 {
			return s
		}
	}
	return -1
}

// subprogram writes a function that calls wait for.
func (g *gen) subprogram(i int) {
	p := g.calls[i]
	for _, at := range p.calls {
		g.code[at].Imm = int32(len(g.code) - at - 1)
	}
	g.state = state{}
	copy(g.r[:], p.params)
	g.locked, g.lockedSlot, g.depth, g.trips, g.loops = 0, 0, p.depth, 1, 0
	if g.n(2) == 0 {
		if r, ok := g.some(ctxPtr); ok {
			g.movReg(6, r)
			g.locked |= 1 << 6
		}
	}
	g.body(1 + g.n(6))
	g.finish()
}

// atomic is an atomic operation on the stack or a map value.
func (g *gen) atomic() {
	base, off, n := 10, 0, pick(g, 8, 4)
	if s := g.plainSlot(); s >= 0 && g.n(2) == 0 {
		off = slotOff(s)
		g.stack[s].v = val{kind: scalar, max: anything}
	} else {
		if base = g.keep(); g.locked>>base&1 != 0 {
			return
		}
		g.loadValue(base, 2, 0)
		off = 8 * g.n(8)
	}
	imm := pick[int32](g, isa.AtomicAdd, isa.AtomicOr, isa.AtomicAnd, isa.AtomicXor,
		isa.AtomicAdd|isa.AtomicFetch, isa.AtomicXor|isa.AtomicFetch, isa.AtomicXchg, isa.AtomicCmpXchg)
	src := g.scratch()
	if imm == isa.AtomicCmpXchg {
		if g.locked&1 != 0 || base == 0 {
			return
		}
		if g.r[0].kind != scalar {
			g.movImm(0, g.boundary())
		}
	}
	if src == base || g.r[src].kind != scalar || base < 10 && g.r[base].kind != memPtr {
		return
	}
	size := uint8(isa.SizeDW)
	if n == 4 {
		size = isa.SizeW
	}
	g.emit(isa.Instruction{Op: isa.ClassSTX | isa.ModeATOMIC | size, Dst: isa.Reg(base), Src: isa.Reg(src), Off: int16(off), Imm: imm})
	switch {
	case imm == isa.AtomicCmpXchg:
		g.r[0] = val{kind: scalar, max: anything}
	case imm&isa.AtomicFetch != 0:
		g.r[src].max = anything
	}
}

// helperCall calls a helper that takes memory.
func (g *gen) helperCall() {
	if g.locked&0x3f != 0 {
		return
	}
	switch g.n(4) {
	case 0:
		g.update()
	case 1: // delete
		g.key(1)
		g.helper(3)
	case 2:
		g.checksum()
	default:
		g.loadBytes()
	}
}

// update is map_update_elem.
func (g *gen) update() {
	m := pick(g, 1, 1, 0)
	words := int(g.maps[m].ValueSize) / 8
	first := words - 1 + g.n(slots-words) // the highest slot index is the lowest address
	for s := first - words + 1; s <= first; s++ {
		if g.lockedSlot>>s&1 != 0 {
			return
		}
		if !g.stack[s].plain() {
			g.storeImm(s, 0, 8, g.boundary())
		}
	}
	g.key(m)
	for s := first - words + 1; s <= first; s++ {
		if !g.stack[s].plain() {
			return
		}
	}
	g.movReg(3, 10)
	g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.R3, Imm: int32(slotOff(first))})
	g.movImm(4, int32(g.n(3)))
	g.helper(2)
}

// checksum is csum_diff over a piece of stack of constant or bounded size.
func (g *gen) checksum() {
	s := g.plainSlot()
	if s < 0 || g.typ == "socket_filter" || g.typ == "cgroup_skb" {
		return
	}
	g.movImm(1, 0)
	g.movImm(2, 0)
	g.movReg(3, 10)
	g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.R3, Imm: int32(slotOff(s))})
	g.r[3] = val{}
	g.movImm(4, int32(4*(1+g.n(2))))
	if g.n(2) == 0 {
		g.contextOr(5)
	} else {
		g.movImm(5, g.boundary())
	}
	if g.r[5].kind != scalar {
		return
	}
	g.helper(28)
}

// contextOr reads a scalar into r.
func (g *gen) contextOr(r int) {
	if ctx, ok := g.some(ctxPtr); ok {
		off := 0
		if g.typ == "xdp" {
			off = 12
		}
		g.load(r, ctx, off, 4, false)
		return
	}
	g.movImm(r, g.boundary())
}

// loadBytes is skb_load_bytes, or xdp_load_bytes, to the stack with a length that
// is constant or bounded.
func (g *gen) loadBytes() {
	ctx, ok := g.some(ctxPtr)
	if !ok || ctx < 6 {
		return
	}
	words := 1 + g.n(3)
	first := words - 1 + g.n(slots-words)
	for s := first - words + 1; s <= first; s++ {
		if g.lockedSlot>>s&1 != 0 {
			return
		}
		if !g.stack[s].plain() {
			g.storeImm(s, 0, 8, g.boundary())
		}
	}
	g.movImm(4, int32(1+g.n(8*words)))
	if g.n(2) == 0 {
		if r, ok := g.some(scalar); ok && r != 4 {
			g.movReg(4, r)
			g.guard(g.jump(isa.ClassJMP, isa.CodeJGT, 4, -1, int32(8*words)), 4, uint64(8*words))
			g.guard(g.jump(isa.ClassJMP, isa.CodeJEQ, 4, -1, 0), 4, uint64(8*words))
		}
	}
	g.movReg(1, ctx)
	g.movImm(2, int32(g.n(80)))
	g.movReg(3, 10)
	g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.R3, Imm: int32(slotOff(first))})
	if g.typ == "xdp" {
		g.helper(189)
	} else {
		g.helper(26)
	}
	for s := first - words + 1; s <= first; s++ {
		g.stack[s].v = val{kind: scalar, max: anything}
	}
}

// mischief breaks a rule, mostly.
func (g *gen) mischief() {
	if !g.rarely(6) {
		g.source(g.dst())
		return
	}
	r := g.n(10)
	switch g.n(7) {
	case 0: // a register that may not have been written
		g.emit(isa.Instruction{Op: isa.OpMovX, Dst: isa.Reg(g.dst()), Src: isa.Reg(r)})
	case 1: // an index with one bit too many
		if p, ok := g.some(memPtr); ok {
			if i, ok := g.index(127, p); ok && i != p {
				g.emit(isa.Instruction{Op: isa.ClassALU64 | isa.CodeADD | isa.SourceX, Dst: isa.Reg(p), Src: isa.Reg(i)})
				g.r[p] = val{kind: memPtr, lo: 0, hi: 1}
			}
		}
	case 2: // beyond what was checked
		if p, ok := g.some(pktPtr); ok {
			g.load(g.dst(), p, g.n(40), 1, false)
		}
	case 3: // no null check
		if p, ok := g.some(nullable); ok {
			g.load(g.dst(), p, 0, 1, false)
		}
	case 4: // 32-bit arithmetic on whatever is there
		g.emit(isa.Instruction{Op: isa.ClassALU | isa.CodeADD, Dst: isa.Reg(g.dst()), Imm: g.boundary()})
	case 5: // a comparison of whatever is there
		at := g.jump(pick[uint8](g, isa.ClassJMP32, isa.ClassJMP), pick(g, conds[:]...), r, g.n(10), 0)
		g.leave(at, g.state)
	default: // stack that may not have been written
		g.pure = false
		g.load(g.dst(), 10, -8*(1+g.n(slots)), 4, false)
	}
}
