package zone

import "github.com/bpfcheck/bpfcheck/domains"

// operand returns the value of o; a constant is an offset of Zero.
func (z *State) operand(o domains.Operand) ref {
	if o.IsVar {
		return z.vars[o.Var]
	}
	return z.constant(o.Const)
}

func (z *State) constant(x uint64) ref { return ref{node: zero, delta: x & z.w.WordMask()} }

// wordOf returns what is known of a value.
func (z *State) wordOf(r ref) domains.Word {
	var buf domains.Word
	return *z.wordAt(r, &buf)
}

// wordAt is wordOf without the copy where there is one in place; buf is used else.
func (z *State) wordAt(r ref, buf *domains.Word) *domains.Word {
	switch {
	case r.node == zero:
		*buf = domains.ConstWord(z.w, r.delta)
	case r.node == none || r.delta == 0 && r.plain():
		return &z.nodes[r.node].word
	case !r.plain():
		d := scaleWord(z.w, &z.nodes[r.node].word, r.scale())
		*buf = shiftWord(z.w, &d, r.delta)
	default:
		*buf = shiftWord(z.w, &z.nodes[r.node].word, r.delta)
	}
	return buf
}

// fresh returns a new node that no variable uses yet.
func (z *State) fresh(d domains.Word) nodeID {
	n := node{word: d, slot: noSlot}
	if k := len(z.free); k > 0 {
		id := z.free[k-1]
		z.free = z.free[:k-1]
		z.nodes[id] = n
		return id
	}
	z.nodes = append(z.nodes, n)
	return nodeID(len(z.nodes) - 1)
}

// set makes r the value of v.
func (z *State) set(v domains.Var, r ref) {
	z.hold(r)
	old := z.vars[v]
	z.vars[v] = r
	z.release(old)
}

// define gives v a new value of which d is known; d is tightened and not empty.
func (z *State) define(v domains.Var, d domains.Word) {
	if d == z.nodes[none].word {
		z.set(v, ref{})
		return
	}
	if x, ok := d.Const(); ok {
		z.set(v, z.constant(x))
		return
	}
	z.set(v, ref{node: z.fresh(d)})
}

// ensure returns the value of v, giving it a node if it has none.
func (z *State) ensure(v domains.Var) ref {
	if z.vars[v].node == none {
		z.set(v, ref{node: z.fresh(z.nodes[none].word)})
	}
	return z.vars[v]
}

// hold keeps the node of r alive until release.
func (z *State) hold(r ref) {
	if r.node >= firstNode {
		z.nodes[r.node].refs++
	}
}

// release gives up one use of the node of r. Its edges are closed, so that
// nothing is lost about others when the last use goes.
func (z *State) release(r ref) {
	if r.node < firstNode {
		return
	}
	n := &z.nodes[r.node]
	if n.refs--; n.refs > 0 {
		return
	}
	z.dropEdges(r.node)
	n.touched = false
	z.free = append(z.free, r.node)
}

// touch notes that the word of id was sharpened.
func (z *State) touch(id nodeID) {
	if n := &z.nodes[id]; !n.touched {
		n.touched = true
		z.touched = append(z.touched, id)
	}
}

// refineNode meets the word of a node with d and lets its neighbours know.
func (z *State) refineNode(id nodeID, d domains.Word) {
	if !z.sharpen(id, d) {
		return
	}
	if s := z.nodes[id].slot; s != noSlot {
		z.propagate(1 << s)
	}
	z.settle()
}

// sharpen meets the word of a node with d, and reports whether that changed it.
func (z *State) sharpen(id nodeID, d domains.Word) bool {
	n := &z.nodes[id]
	m := n.word.Meet(d)
	if m == n.word {
		return false
	}
	if tighten(z.w, &m); m.Empty {
		z.SetBottom()
		return false
	}
	n.word = m
	z.touch(id)
	return true
}

// settle turns touched nodes that became constants into offsets of Zero.
func (z *State) settle() {
	for i := 0; i < len(z.touched) && !z.bottom; i++ {
		z.settleNode(z.touched[i])
	}
}

func (z *State) settleNode(id nodeID) {
	x, isConst := z.nodes[id].word.Const()
	if !isConst {
		return
	}
	for v := 0; v < len(z.vars) && z.nodes[id].refs > 0; v++ {
		if z.vars[v].node == id {
			z.set(domains.Var(v), z.constant(z.vars[v].at(z.w, x)))
			z.moved = append(z.moved, domains.Var(v))
		}
	}
}

// rebase replaces the unknown of a node without edges by itself plus d.
func (z *State) rebase(id nodeID, d uint64) {
	z.nodes[id].word = shiftWord(z.w, &z.nodes[id].word, d)
	for v := range z.vars {
		if r := &z.vars[v]; r.node == id {
			r.delta = (r.delta - uint64(r.scale())*d) & z.w.WordMask()
		}
	}
}

// based returns the number e with r = node + e over ℤ, for a plain r. If the
// bounds do not show one, the node is rebased so that e is 0, unless it has edges.
func (z *State) based(r ref) (e int64, ok bool) {
	n := &z.nodes[r.node]
	if e, ok = offset(z.w, &n.word, r.delta); ok {
		return e, true
	}
	if n.slot != noSlot {
		return 0, false
	}
	z.rebase(r.node, r.delta)
	return 0, true
}

// union makes u equal to v. Both are plain, neither is constant, and their nodes differ.
func (z *State) union(v, u domains.Var) {
	if z.nodes[z.vars[v].node].slot == noSlot && z.nodes[z.vars[u].node].slot != noSlot {
		v, u = u, v
	}
	a, b := z.vars[v], z.vars[u]
	d := a.delta - b.delta // b.node = a.node + d
	z.refineNode(a.node, shiftWord(z.w, &z.nodes[b.node].word, -d))
	switch {
	case z.bottom:
		return
	case z.vars[v].node == zero:
		z.refine(u, domains.ConstWord(z.w, z.vars[v].delta))
		return
	case z.vars[u].node == zero:
		z.refine(v, domains.ConstWord(z.w, z.vars[u].delta))
		return
	}
	e, ok := offset(z.w, &z.nodes[a.node].word, d)
	out, in := z.edgesOf(b.node)
	z.touch(a.node)
	for x := range z.vars {
		if r := z.vars[x]; r.node == b.node {
			z.set(domains.Var(x), ref{a.node, r.extra, r.at(z.w, d)})
		}
	}
	if !ok {
		return
	}
	for _, g := range out.list[:out.n] {
		z.addEdge(a.node, g.to, sum(g.c, -e))
	}
	for _, g := range in.list[:in.n] {
		z.addEdge(g.to, a.node, sum(g.c, e))
	}
}
