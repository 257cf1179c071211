package zone

import (
	"slices"
	"sync"

	"github.com/bpfcheck/bpfcheck/domains"
)

// class is a set of variables that lie the same distance apart in both states, and
// of multiples of them: a node of their join. Its value is refA in state a, refB in
// state b. The class of a plain variable of a has its node as value, before rebase.
type class struct {
	refA, refB ref
	keyA, keyB key    // by which it is found, with diff
	diff       uint64 // deltaA - deltaB of its variables
	first      domains.Var
	count      int32
	node       nodeID       // in the result
	split      bool         // another class has the same node, not Zero, in a or in b
	listed     bool         // in pairing.list
	linked     bool         // has an edge in the result
	sa, sb     span         // what a and b know
	word       domains.Word // of the result
}

// key is a ref without the offset.
type key struct {
	node  nodeID
	extra int32
}

// constants reports whether the class is a constant on both sides, a different one.
func (c *class) constants() bool { return c.refA.node == zero && c.refB.node == zero }

// weighted is an edge between classes.
type weighted struct {
	p, q int32
	c    int64
}

// pairing is the work space of Join, Widen and Leq.
type pairing struct {
	classes []class
	of      []int32 // class of each variable, or noClass, or fixed
	scales  []int64 // the factor of each variable that is in a class
	table   []int32 // hash table of classes, index + 1
	shift   uint8   // 64 minus the bits of a table index
	inA     []int32 // the first class of each node of a and b, index + 1
	inB     []int32
	partedA bool // two classes share a node of a, not Zero; partedB likewise
	partedB bool

	list  []int32 // classes that need edges
	edges []weighted
	nodes []node // the result's
	rel   relation
}

const (
	noClass = -1 // unknown on both sides
	fixed   = -2 // the same constant on both sides
)

// pairings recycles work space. It is not kept in the states, of which there are many.
var pairings = sync.Pool{New: func() any { return new(pairing) }}

// start makes p empty.
func (p *pairing) start(a, b *State) {
	p.classes, p.list, p.edges = p.classes[:0], p.list[:0], p.edges[:0]
	p.partedA, p.partedB = false, false
	p.of = slices.Grow(p.of[:0], len(a.vars))[:len(a.vars)]
	p.scales = slices.Grow(p.scales[:0], len(a.vars))[:len(a.vars)]
	bits := uint8(4)
	for 1<<bits < 2*len(a.vars) {
		bits++
	}
	p.shift = 64 - bits
	p.table = zeros(p.table, 1<<bits)
	p.inA, p.inB = zeros(p.inA, len(a.nodes)), zeros(p.inB, len(b.nodes))
}

// pair numbers the pairs of values that the variables have in a and b, those last
// that may be multiples of others.
func (p *pairing) pair(a, b *State) {
	p.start(a, b)
	late := false
	for v := range a.vars {
		if a.vars[v].plain() && b.vars[v].plain() {
			p.number(a, b, v)
		} else {
			late = true
		}
	}
	for v := 0; late && v < len(a.vars); v++ {
		switch x, y := a.vars[v], b.vars[v]; {
		case x.plain() && y.plain():
		case !x.plain() && p.attach(a, b, v), x.plain() && p.attachConst(a, b, v):
		default:
			p.number(a, b, v)
		}
	}
	p.scaleConstants(a)
}

// number finds the class of a variable.
func (p *pairing) number(a, b *State, v int) {
	x, y := a.vars[v], b.vars[v]
	p.scales[v] = 1
	if x.node == zero && x == y {
		p.of[v] = fixed
		return
	}
	xTop, yTop := a.trivial(x), b.trivial(y)
	switch {
	case xTop && yTop:
		p.of[v] = noClass
	case xTop: // unknown, but the edges of the other state may hold all the same
		p.of[v] = p.open(class{refA: ref{delta: x.delta}, refB: y, first: domains.Var(v)})
	case yTop:
		p.of[v] = p.open(class{refA: x, first: domains.Var(v)})
	default:
		p.of[v] = p.class(x, y, a.w.WordMask(), domains.Var(v))
	}
}

// attach makes v, a multiple of its node in a, a multiple of the class of that node,
// if it is the same one in b, and reports whether it did.
func (p *pairing) attach(a, b *State, v int) bool {
	x, y := a.vars[v], b.vars[v]
	k := p.inA[x.node] - 1
	if k < 0 {
		return false
	}
	c := &p.classes[k]
	if !c.refA.plain() || c.refA.delta != 0 || !c.refB.plain() || c.refB.node == none {
		return false
	}
	// In b the class is c.refB, and x is a multiple of it in a.
	want := scaled(c.refB.node, x.scale(), (uint64(x.scale())*c.refB.delta+x.delta)&a.w.WordMask())
	if c.refB.node == zero {
		want = b.constant(want.delta)
	}
	if y != want {
		return false
	}
	p.of[v], p.scales[v] = k, x.scale()
	c.count++
	return true
}

// attachConst makes v, a constant in a and a multiple of its node in b, a multiple
// of the class of that node, if that is a constant in a too and both points are on
// one line: a loop's first state joins those of later iterations.
func (p *pairing) attachConst(a, b *State, v int) bool {
	x, y := a.vars[v], b.vars[v]
	k := p.inB[y.node] - 1
	if x.node != zero || k < 0 {
		return false
	}
	c := &p.classes[k]
	if c.refA.node != zero || !c.refB.plain() {
		return false
	}
	// In b the class is c.refB, so that y is scale * class + delta - scale * c.refB.delta.
	s := uint64(y.scale())
	if (x.delta-s*c.refA.delta)&a.w.WordMask() != (y.delta-s*c.refB.delta)&a.w.WordMask() {
		return false
	}
	p.of[v], p.scales[v] = k, y.scale()
	c.count++
	return true
}

// scaleConstants makes the classes that are different constants in a and b, and
// move by a multiple of what another one moves by, multiples of that: two counters
// that start as constants stay tied whatever their steps are, and a status code to
// what was set along with it. Two points always are on a line.
func (p *pairing) scaleConstants(a *State) {
	base, step := noClass, int64(0)
	for i := range p.classes {
		if c := &p.classes[i]; c.constants() {
			if s := c.step(a); base == noClass || max(s, -s) < max(step, -step) {
				base, step = i, s
			}
		}
	}
	if base == noClass {
		return
	}
	for v, k := range p.of {
		if k < 0 || int(k) == base || !p.classes[k].constants() {
			continue
		}
		s := p.classes[k].step(a)
		if s%step != 0 || s/step > maxScale || s/step < -maxScale {
			continue
		}
		p.classes[k].count--
		p.classes[base].count++
		p.of[v], p.scales[v] = int32(base), s/step
	}
}

// step is by how much b's constant is more than a's.
func (c *class) step(a *State) int64 { return a.w.Signed(c.refB.delta - c.refA.delta) }

// pairBelow is pair for Leq: it numbers the plain variables of b, and reports whether
// the others, multiples of b's nodes, are the same multiples in a.
func (p *pairing) pairBelow(a, b *State) bool {
	p.start(a, b)
	late := false
	for v := range b.vars {
		if b.vars[v].plain() {
			p.number(a, b, v)
		} else {
			late = true
		}
	}
	for v := 0; late && v < len(b.vars); v++ {
		if y := b.vars[v]; !y.plain() && !b.trivial(y) && !p.isMultiple(a.vars[v], y, a) {
			return false
		}
	}
	return !p.partedB
}

// isMultiple reports whether x in a is y in b, a multiple of a node of b.
func (p *pairing) isMultiple(x, y ref, a *State) bool {
	k := p.inB[y.node] - 1
	if k < 0 {
		return false
	}
	c := &p.classes[k]
	if !c.refA.plain() || c.refA.node == none {
		return false
	}
	want := scaled(c.refA.node, y.scale(), y.at(a.w, c.diff)) // as b's node is a's plus diff
	if c.refA.node == zero {
		want = a.constant(want.delta)
	}
	return x == want
}

// trivial reports whether r tells nothing: its node has neither bounds, nor edges, nor another variable.
func (z *State) trivial(r ref) bool {
	n := &z.nodes[r.node]
	return r.node == none || r.plain() && n.refs == 1 && n.slot == noSlot && n.word == z.nodes[none].word
}

// class returns the class of v, which is x in a and y in b. The value of a new one
// is the node of x, rebased in b, or v itself where the node of x is Zero.
func (p *pairing) class(x, y ref, mask uint64, v domains.Var) int32 {
	const golden = 0x9e3779b97f4a7c15
	diff := (x.delta - y.delta) & mask
	h := (uint64(x.node)*golden ^ uint64(y.node) ^ uint64(x.extra)<<32) * golden
	h = (h ^ diff) * golden
	for i := h >> p.shift; ; i = (i + 1) & uint64(len(p.table)-1) {
		if k := p.table[i] - 1; k >= 0 {
			c := &p.classes[k]
			if c.keyA == (key{x.node, x.extra}) && c.keyB == (key{y.node, y.extra}) && c.diff == diff {
				c.count++
				return k
			}
			continue
		}
		c := class{refA: ref{x.node, x.extra, 0}, refB: ref{y.node, y.extra, -diff & mask}, diff: diff, first: v}
		c.keyA, c.keyB = key{x.node, x.extra}, key{y.node, y.extra}
		if x.node == zero {
			c.refA, c.refB = x, y
		}
		k := p.open(c)
		p.table[i] = k + 1
		return k
	}
}

// open makes a new class of one variable.
func (p *pairing) open(c class) int32 {
	k := int32(len(p.classes))
	c.count = 1
	p.classes = append(p.classes, c)
	p.partedA = p.share(p.inA, c.refA.node, k) || p.partedA
	p.partedB = p.share(p.inB, c.refB.node, k) || p.partedB
	return k
}

// share marks and reports classes that split a node.
func (p *pairing) share(in []int32, id nodeID, k int32) bool {
	other := in[id]
	if id < firstNode {
		return false
	}
	if other == 0 {
		in[id] = k + 1
		return false
	}
	p.classes[k].split, p.classes[other-1].split = true, true
	return true
}

// zeros returns a slice of n zeros in s's memory if that is enough.
func zeros(s []int32, n int) []int32 {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}
