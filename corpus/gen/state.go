package gen

// kind is what the generator takes a register or slot to hold. The zero value
// may not be used.
type kind uint8

const (
	unset kind = iota
	scalar
	ctxPtr
	pktPtr
	pktEnd
	memPtr   // a map value, or the caller's stack
	nullable // a map value, or null
	stkPtr
)

// val is a value as the generator knows it.
type val struct {
	kind kind
	max  uint64 // of a scalar: it is never above
	id   int    // of a nullable and of what it is tied to; base of a packet pointer
	off  int    // of a packet pointer from its base, of a stack pointer from r10
	// lo and hi bound the bytes that a memPtr, or a nullable, may access, relative to
	// where it points.
	lo, hi int
}

const anything = ^uint64(0)

// slot is 8 bytes of stack at r10-8*(index+1).
type slot struct {
	init uint8 // bytes written, bit 0 the lowest
	v    val   // what its 8 bytes hold together, if whole
}

// plain reports whether all bytes are written and none is part of a pointer.
func (s *slot) plain() bool { return s.init == 0xff && (s.v.kind == scalar || s.v.kind == unset) }

// slots is how much of the stack programs use; a function that calls others may
// use no more than a quarter of what the kernel allows.
const slots = 14

// state is what is known at a place.
type state struct {
	r      [10]val
	stack  [slots]slot
	proven [16]int // bytes proved to lie in the packet, by base
}

// merge keeps what holds in both states.
func (s *state) merge(t *state) {
	for i := range s.r {
		s.r[i] = join(s.r[i], t.r[i])
	}
	for i := range s.stack {
		a, b := &s.stack[i], &t.stack[i]
		pointers := a.v.kind > scalar || b.v.kind > scalar
		a.v = join(a.v, b.v)
		if a.init &= b.init; pointers && a.v.kind <= scalar {
			a.init = 0 // may be a pointer: nothing to read
		}
	}
	for i := range s.proven {
		s.proven[i] = min(s.proven[i], t.proven[i])
	}
}

func join(a, b val) val {
	if a.kind == scalar && b.kind == scalar {
		a.max = max(a.max, b.max)
		return a
	}
	if a.kind == memPtr && b.kind == memPtr {
		a.lo, a.hi = max(a.lo, b.lo), min(a.hi, b.hi)
		return a
	}
	if a != b {
		return val{}
	}
	return a
}

// forget makes all scalars arbitrary: they may change in a loop. Pointers that
// are not locked are gone, so that the loop can be entered again.
func (g *gen) forget() {
	for i := range g.r {
		if g.r[i].kind == scalar && g.locked>>i&1 == 0 {
			g.r[i].max = anything
		} else if g.r[i].kind > scalar && i < 6 {
			g.r[i] = val{}
		}
	}
	for i := range g.stack {
		if s := &g.stack[i]; s.v.kind == scalar {
			s.v.max = anything
		}
	}
}

// restore gives registers and slots the kinds that they had at the head of a
// loop, so that the next iteration finds what it expects.
func (g *gen) restore(head *state) {
	for i := range g.r {
		if head.r[i].kind == scalar && g.r[i].kind != scalar {
			g.movImm(i, int32(g.n(4)))
		}
	}
	for i := range g.stack {
		h, s := &head.stack[i], &g.stack[i]
		if h.init&^s.init != 0 || h.v.kind <= scalar && s.v.kind > scalar {
			g.storeImm(i, 0, 8, int32(g.n(4)))
		}
	}
}

// promote turns the nullables of an identity into pointers, or, if null, into zeros.
func (g *gen) promote(id int, null bool) {
	change := func(v *val) {
		if v.kind != nullable || v.id != id {
			return
		}
		if v.kind = memPtr; null {
			*v = val{kind: scalar}
		}
		v.id = 0
	}
	for i := range g.r {
		change(&g.r[i])
	}
	for i := range g.stack {
		change(&g.stack[i].v)
	}
}

// having returns the registers whose value is of a kind.
func (g *gen) having(k kind) (rs []int) {
	for i, v := range g.r {
		if v.kind == k {
			rs = append(rs, i)
		}
	}
	return rs
}

// some draws a register of a kind; ok is false if there is none.
func (g *gen) some(k kind) (r int, ok bool) {
	rs := g.having(k)
	if len(rs) == 0 {
		return 0, false
	}
	return rs[g.n(len(rs))], true
}

// scalarReg draws a register with a scalar, making one if there is none.
func (g *gen) scalarReg() int {
	if r, ok := g.some(scalar); ok {
		return r
	}
	r := g.dst()
	g.movImm(r, g.boundary())
	return r
}

// scratch draws a register with a scalar that may be changed.
func (g *gen) scratch() int {
	var rs []int
	for _, r := range g.having(scalar) {
		if g.locked>>r&1 == 0 {
			rs = append(rs, r)
		}
	}
	if len(rs) == 0 {
		r := g.dst()
		g.movImm(r, g.boundary())
		return r
	}
	return rs[g.n(len(rs))]
}

// dst draws a register that may be overwritten, rather one without a pointer. not
// are registers to leave alone.
func (g *gen) dst(not ...int) int {
	var free, any []int
next:
	for r := range g.r {
		for _, x := range not {
			if x == r {
				continue next
			}
		}
		if g.locked>>r&1 != 0 {
			continue
		}
		any = append(any, r)
		if k := g.r[r].kind; k == unset || k == scalar {
			free = append(free, r)
		}
	}
	if len(free) == 0 || g.rarely(24) {
		free = any
	}
	return free[g.n(len(free))]
}

// keep draws r7 to r9, or, if they are taken, any register that may be
// overwritten.
func (g *gen) keep(not ...int) int {
	for r := 9; r >= 6; r-- {
		if g.locked>>r&1 == 0 && g.r[r].kind <= scalar {
			return r
		}
	}
	return g.dst(not...)
}

// slot draws a slot that may be overwritten.
func (g *gen) slot() int {
	for range 4 {
		if s := g.n(slots - 4); g.lockedSlot>>s&1 == 0 {
			return s
		}
	}
	return slots - 1 // never locked
}

func (g *gen) newID() int {
	g.ids++
	return g.ids
}

// newBase returns a base for packet pointers of which nothing is proved.
func (g *gen) newBase() (id int, ok bool) {
	id = g.newID()
	if id >= len(g.proven) {
		return 0, false
	}
	g.proven[id] = 0
	return id, true
}
