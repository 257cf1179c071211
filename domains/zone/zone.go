package zone

import (
	"math"
	"slices"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Entry registers the domain.
var Entry = domains.Entry{Name: "zone", New: func(w isa.Width, n int) domains.Numeric { return New(w, n) }}

// nodeID is an index into State.nodes.
type nodeID int32

const (
	// none is the node of variables about which nothing is known.
	none nodeID = iota
	// zero is the node whose value is 0; constants are its offsets.
	zero
	firstNode
)

// ref is a value: scale * node + delta modulo 2^w. The zero ref is an unknown value.
type ref struct {
	node  nodeID
	extra int32 // scale - 1; 0 for none and Zero
	delta uint64
}

// node is an unknown that variables are offsets of.
type node struct {
	word domains.Word // what is known of the node's value, tightened
	refs int32        // variables that use the node; 0 if it is free
	slot int8         // index into State.rel, or noSlot
	// touched says that word was sharpened since the last ALU, Assume or Changed.
	touched bool
}

// State is a zone over the variables 0..n-1. It implements domains.Relational.
//
// The lists are reused, so that an operation allocates nothing once the state,
// and the ones it is copied to, have grown to their working size.
type State struct {
	w      isa.Width // the whole word
	bottom bool
	vars   []ref
	nodes  []node
	free   []nodeID
	rel    relation

	touched []nodeID       // nodes with the mark
	moved   []domains.Var  // variables that became constants, see Changed
	asked   [2]domains.Var // operands of the last operation, which Changed leaves out
	asks    int
	changed []domains.Var // what Changed returned last
}

var _ domains.Relational = (*State)(nil)

// New returns a Top state over n variables of the width's words.
func New(w isa.Width, n int) *State {
	z := &State{w: w.Whole(), vars: make([]ref, n), nodes: make([]node, firstNode, firstNode+8)}
	z.nodes[none] = node{word: domains.TopWord(z.w), slot: noSlot}
	z.nodes[zero] = node{word: domains.ConstWord(z.w, 0), slot: noSlot}
	return z
}

// New returns a Top state of the same size.
func (z *State) New() domains.Numeric { return New(z.w, len(z.vars)) }

// Clone returns a copy.
func (z *State) Clone() domains.Numeric {
	c := New(z.w, len(z.vars))
	c.CopyFrom(z)
	return c
}

// CopyFrom overwrites z. The cost is that of the variables, the nodes in use and
// the edges' square. What Changed would report is not copied.
func (z *State) CopyFrom(n domains.Numeric) {
	o := n.(*State)
	if z == o {
		return
	}
	if o.bottom {
		z.SetBottom()
		return
	}
	z.bottom = false
	copy(z.vars, o.vars)
	z.nodes = append(z.nodes[:0], o.nodes...)
	z.free = append(z.free[:0], o.free...)
	z.rel.copyFrom(&o.rel)
	for _, id := range o.touched {
		z.nodes[id].touched = false
	}
	z.touched, z.moved, z.asks = z.touched[:0], z.moved[:0], 0
}

// SetTop forgets everything.
func (z *State) SetTop() {
	z.bottom = false
	clear(z.vars)
	z.nodes = z.nodes[:firstNode]
	z.free = z.free[:0]
	z.rel.reset()
	z.touched, z.moved, z.asks = z.touched[:0], z.moved[:0], 0
}

// SetBottom makes the state empty. What it held stays in place, unread, so that
// an operation that finds a contradiction can still finish.
func (z *State) SetBottom() { z.bottom = true }

// IsBottom reports whether the state is known to be empty.
func (z *State) IsBottom() bool { return z.bottom }

// Havoc forgets v. What was derived through v about others stays, since edges are closed.
func (z *State) Havoc(v domains.Var) {
	if !z.bottom {
		z.set(v, ref{})
	}
}

// Word returns what is known of v.
func (z *State) Word(v domains.Var) domains.Word {
	if z.bottom {
		return domains.Word{Empty: true}
	}
	return z.wordOf(z.vars[v])
}

// Refine keeps the assignments in which v is in γ(d).
func (z *State) Refine(v domains.Var, d domains.Word) {
	if !z.bottom {
		z.asks = 0
		z.ask(v)
		z.refine(v, d)
	}
}

func (z *State) refine(v domains.Var, d domains.Word) {
	if z.bottom || d == z.nodes[none].word {
		return
	}
	tighten(z.w, &d)
	r := z.vars[v]
	switch {
	case d.Empty:
		z.SetBottom()
	case r.node == none:
		z.define(v, d)
	case r.node == zero:
		if !d.Contains(z.w, r.delta) {
			z.SetBottom()
		}
	case r.plain():
		z.refineNode(r.node, shiftWord(z.w, &d, -r.delta))
	default:
		d = shiftWord(z.w, &d, -r.delta)
		z.refineNode(r.node, unscaleWord(z.w, d, r.scale(), &z.nodes[r.node].word))
	}
}

// Diff returns bounds of a - b, both taken as unsigned numbers, in ℤ. A bound
// that is not known is math.MinInt64 or math.MaxInt64; ok is false if neither is.
func (z *State) Diff(a, b domains.Var) (lo, hi int64, ok bool) {
	if z.bottom {
		return 0, 0, false
	}
	lo, hi = z.diff(z.vars[a], z.vars[b])
	if lo == -inf {
		lo = math.MinInt64
	}
	return lo, hi, lo != math.MinInt64 || hi != inf
}

// Changed returns the variables whose Word may have been sharpened since the last
// call, or the last ALU or Assume if that came later: those that share a node
// with an operand, or are linked to one by edges. Operands themselves are left
// out. The slice is valid until the next call.
func (z *State) Changed() []domains.Var {
	z.changed = z.changed[:0]
	for _, v := range z.moved {
		if !z.wasAsked(v) {
			z.changed = append(z.changed, v)
		}
	}
	left := int32(0) // variables of touched nodes still to be found
	for _, id := range z.touched {
		if z.nodes[id].touched {
			left += z.nodes[id].refs
		}
	}
	for _, v := range z.asked[:z.asks] {
		if z.nodes[z.vars[v].node].touched {
			left--
		}
	}
	for v := 0; v < len(z.vars) && left > 0; v++ {
		if x := domains.Var(v); z.nodes[z.vars[v].node].touched && !z.wasAsked(x) {
			z.changed = append(z.changed, x)
			left--
		}
	}
	slices.Sort(z.changed)
	z.clearTouched()
	return z.changed
}

// ask notes an operand.
func (z *State) ask(v domains.Var) {
	if !z.wasAsked(v) {
		z.asked[z.asks] = v
		z.asks++
	}
}

func (z *State) wasAsked(v domains.Var) bool {
	return slices.Contains(z.asked[:z.asks], v)
}

func (z *State) clearTouched() {
	for _, id := range z.touched {
		z.nodes[id].touched = false
	}
	z.touched, z.moved, z.asks = z.touched[:0], z.moved[:0], 0
}
