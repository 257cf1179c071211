package zone

import (
	"slices"
	"sync"

	"github.com/bpfcheck/bpfcheck/domains"
)

// class is a set of variables that lie the same distance apart in both states: a
// node of their join. Its value is refA in state a, refB in state b.
type class struct {
	refA, refB ref
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
	table   []int32 // hash table of classes, index + 1
	shift   uint8   // 64 minus the bits of a table index
	inA     []int32 // a class of each node of a and b, index + 1
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

// pair numbers the pairs of values that the variables have in a and b.
func (p *pairing) pair(a, b *State) {
	p.classes, p.list, p.edges = p.classes[:0], p.list[:0], p.edges[:0]
	p.partedA, p.partedB = false, false
	p.of = slices.Grow(p.of[:0], len(a.vars))[:len(a.vars)]
	bits := uint8(4)
	for 1<<bits < 2*len(a.vars) {
		bits++
	}
	p.shift = 64 - bits
	p.table = zeros(p.table, 1<<bits)
	p.inA, p.inB = zeros(p.inA, len(a.nodes)), zeros(p.inB, len(b.nodes))
	mask := a.w.WordMask()
	for v := range a.vars {
		x, y := a.vars[v], b.vars[v]
		if x.node == zero && x == y {
			p.of[v] = fixed
			continue
		}
		xTop, yTop := a.trivial(x), b.trivial(y)
		switch {
		case xTop && yTop:
			p.of[v] = noClass
		case xTop: // unknown, but the edges of the other state may hold all the same
			p.of[v] = p.open(class{refA: ref{none, x.delta}, refB: y, first: domains.Var(v)})
		case yTop:
			p.of[v] = p.open(class{refA: x, first: domains.Var(v)})
		default:
			p.of[v] = p.class(x, y, mask, domains.Var(v))
		}
	}
}

// trivial reports whether r tells nothing: its node has neither bounds, nor edges, nor another variable.
func (z *State) trivial(r ref) bool {
	n := &z.nodes[r.node]
	return r.node == none || n.refs == 1 && n.slot == noSlot && n.word == z.nodes[none].word
}

// class returns the class of v, which is x in a and y in b. The value of a new one
// is the node of x, rebased in b, or v itself where the node of x is Zero.
func (p *pairing) class(x, y ref, mask uint64, v domains.Var) int32 {
	const golden = 0x9e3779b97f4a7c15
	diff := (x.delta - y.delta) & mask
	h := (uint64(x.node)*golden ^ uint64(y.node)) * golden
	h = (h ^ diff) * golden
	for i := h >> p.shift; ; i = (i + 1) & uint64(len(p.table)-1) {
		if k := p.table[i] - 1; k >= 0 {
			c := &p.classes[k]
			if c.refA.node == x.node && c.refB.node == y.node && c.diff == diff {
				c.count++
				return k
			}
			continue
		}
		c := class{refA: ref{x.node, 0}, refB: ref{y.node, -diff & mask}, diff: diff, first: v}
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
	in[id] = k + 1
	if id < firstNode || other == 0 {
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
