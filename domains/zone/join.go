package zone

import "github.com/bpfcheck/bpfcheck/domains"

const (
	// maxConstants and maxMovers bound the pairs for which Join looks for a relation
	// that only the bounds show. See derive.
	maxConstants = 4
	maxMovers    = 8
)

// Join makes z an upper bound of itself and n, and reports whether z changed.
func (z *State) Join(n domains.Numeric) bool { return z.merge(n.(*State), joinWords) }

// Widen is Join in which bounds that move go to a threshold, and edges that
// loosen go. It ends: bounds take finitely many steps, classes only split, and
// edges come back only in a step in which a bound moved.
func (z *State) Widen(n domains.Numeric, t *domains.Thresholds) bool {
	return z.merge(n.(*State), merger{widen: true, t: t})
}

// merger is the way in which two states are brought together.
type merger struct {
	widen bool
	t     *domains.Thresholds
}

var joinWords merger

func (z *State) merge(o *State, m merger) bool {
	switch {
	case o.bottom || z == o:
		return false
	case z.bottom:
		z.CopyFrom(o)
		return true
	case z.same(o):
		return false
	}
	p := pairings.Get().(*pairing)
	defer pairings.Put(p)
	p.pair(z, o)
	changed := p.partedA
	for i := range p.classes {
		if c := &p.classes[i]; c.count > 0 {
			changed = p.words(c, z, o, m) || changed
		}
	}
	if m.widen && changed {
		p.restrain(z, o, m)
	}
	changed = p.relate(z, o, m) || changed
	if changed {
		p.store(z)
	}
	return changed
}

// same reports whether the states are represented alike; quick, and common where
// one was copied from the other.
func (z *State) same(o *State) bool {
	for v := range z.vars {
		if z.vars[v] != o.vars[v] {
			return false
		}
	}
	for i := firstNode; int(i) < len(z.nodes); i++ {
		if n := &z.nodes[i]; n.refs > 0 && (n.word != o.nodes[i].word || n.slot != o.nodes[i].slot) {
			return false
		}
	}
	if z.rel.used != o.rel.used {
		return false
	}
	for used := z.rel.used; used != 0; {
		x := pop(&used)
		if z.rel.out[x] != o.rel.out[x] {
			return false
		}
		for set := z.rel.out[x]; set != 0; {
			if y := pop(&set); z.rel.edge(x, y) != o.rel.edge(x, y) {
				return false
			}
		}
	}
	return true
}

// words computes what is known of a class, and reports whether a knew more.
func (p *pairing) words(c *class, a, b *State, m merger) bool {
	p.rebase(c, a, b)
	var bufA, bufB domains.Word
	wa, wb := a.wordAt(c.refA, &bufA), b.wordAt(c.refB, &bufB)
	c.sa, c.sb = span{wa.UMin, wa.UMax}, span{wb.UMin, wb.UMax}
	// A multiple is less than its Word tells, so that it is another value if it stays alone.
	moved := c.refA.node == zero || c.refA.node != none && (c.refA.delta != 0 || !c.refA.plain())
	if *wa == *wb {
		c.word = *wa
		return moved
	}
	if m.widen {
		c.word = widenWord(a.w, wa, wb, m.t)
	} else {
		c.word = joinWord(wa, wb)
	}
	return moved || c.word != *wa
}

// restrain widens classes by each of their variables, and keeps the best: one that
// counts down to 0, or stops at a threshold, bounds one that counts up along with
// it. This still ends: the bounds that a class can get are those that its
// variables can, and those are finitely many.
func (p *pairing) restrain(a, b *State, m merger) {
	for v, k := range p.of {
		if k < 0 || p.classes[k].count < 2 {
			continue
		}
		c := &p.classes[k]
		wa, wb := a.wordOf(a.vars[v]), b.wordOf(b.vars[v])
		if leqWord(&wb, &wa) {
			continue
		}
		s, mask := p.scales[v], a.w.WordMask()
		own, d := widenWord(a.w, &wa, &wb, m.t), domains.TopWord(a.w)
		meetU(a.w, &d, own.UMin, own.UMax)
		d = shiftWord(a.w, &d, uint64(s)*c.refA.delta-a.vars[v].delta)
		if s != 1 {
			d = unscaleWord(a.w, d, s, &c.word)
		}
		// The end of the word is a bound that only counting down is meant to meet.
		if own.UMax == mask && s > 0 {
			d.UMax = mask
		} else if own.UMax == mask {
			d.UMin = 0
		}
		meetU(a.w, &c.word, d.UMin, d.UMax)
	}
}

// rebase makes the first variable the value of a class where its offset from the
// node of a may wrap in b, if that helps; a variable is more often bounded than
// what it was computed from.
func (p *pairing) rebase(c *class, a, b *State) {
	if c.refA.node < firstNode || !c.refA.plain() || !c.refB.plain() {
		return
	}
	nb := &b.nodes[c.refB.node]
	if _, ok := offset(b.w, &nb.word, c.refB.delta); ok {
		return
	}
	x, y := a.vars[c.first], b.vars[c.first]
	_, okA := offset(a.w, &a.nodes[x.node].word, x.delta)
	_, okB := offset(b.w, &nb.word, y.delta)
	if okA && okB {
		c.refA, c.refB = x, y
	}
}

// relate finds the edges of the result, and reports whether one of a got lost or looser.
func (p *pairing) relate(a, b *State, m merger) bool {
	p.collect(func(c *class) bool { return a.nodes[c.refA.node].slot != noSlot })
	p.collect(func(c *class) bool { return b.nodes[c.refB.node].slot != noSlot })
	p.collect(func(c *class) bool { return c.split })
	changed := false
	for _, i := range p.list {
		for _, j := range p.list {
			if i != j {
				changed = p.edge(i, j, a, b, m, false) || changed
			}
		}
	}
	p.derive(a, b, m)
	return changed
}

// collect adds the classes that satisfy need to the list, as far as there is room.
func (p *pairing) collect(need func(*class) bool) {
	for i := range p.classes {
		c := &p.classes[i]
		if !c.listed && c.count > 0 && need(c) && len(p.list) < maxSlots {
			c.listed = true
			p.list = append(p.list, int32(i))
		}
	}
}

// derive finds edges between classes that are a different constant on each side
// and others whose bounds moved by as much. Constants have no edges, so that what
// the bounds imply is all there is: {i=0, 0<=n} and {i=1, 1<=n} give i <= n, the
// invariant of a loop that starts with i = 0.
func (p *pairing) derive(a, b *State, m merger) {
	constants := 0
	for i := range p.classes {
		if !p.classes[i].constants() || p.classes[i].count == 0 {
			continue
		}
		if constants++; constants > maxConstants {
			return
		}
		movers := 0
		for j := range p.classes {
			c := &p.classes[j]
			if c.constants() || c.sa == c.sb {
				continue
			}
			if movers++; movers > maxMovers {
				break
			}
			p.edge(int32(i), int32(j), a, b, m, true)
			p.edge(int32(j), int32(i), a, b, m, true)
		}
	}
}

// edge adds the edge from class i to j if both sides know one, and one of them
// explicitly, or both the same where derived is set. It reports whether a's got
// lost or looser.
func (p *pairing) edge(i, j int32, a, b *State, m merger, derived bool) bool {
	x, y := &p.classes[i], &p.classes[j]
	ca, knownA := a.upper(x.refA, y.refA, x.sa, y.sa)
	cb, knownB := b.upper(x.refB, y.refB, x.sb, y.sb)
	if !knownA && !knownB && (!derived || ca != cb) {
		return false
	}
	c := max(ca, cb)
	if m.widen && cb > ca {
		c = inf
	}
	implied := less(x.word.UMax, y.word.UMin)
	if c < implied {
		p.edges = append(p.edges, weighted{i, j, c})
		x.linked, y.linked = true, true
	}
	return knownA && ca < min(c, implied)
}

// store makes the result the new value of z, which is a.
func (p *pairing) store(z *State) {
	p.place(z)
	mask := z.w.WordMask()
	for v := range z.vars {
		switch k := p.of[v]; {
		case k == fixed:
		case k == noClass || p.classes[k].node == none:
			z.vars[v] = ref{}
		default:
			c := &p.classes[k]
			s := p.scales[v]
			z.vars[v] = scaled(c.node, s, (z.vars[v].delta-uint64(s)*c.refA.delta)&mask)
		}
	}
	p.nodes[none], p.nodes[zero] = z.nodes[none], z.nodes[zero]
	z.nodes, p.nodes = p.nodes, z.nodes
	z.free = z.free[:0]
	for id := nodeID(len(z.nodes)) - 1; id >= firstNode; id-- {
		if z.nodes[id].refs == 0 {
			z.free = append(z.free, id)
		}
	}
	z.touched, z.moved = z.touched[:0], z.moved[:0]
	z.rel, p.rel = p.rel, z.rel
	z.rel.reset()
	for _, g := range p.edges {
		x, y := &z.nodes[p.classes[g.p].node], &z.nodes[p.classes[g.q].node]
		if x.slot == noSlot {
			x.slot = z.rel.add(p.classes[g.p].node)
		}
		if y.slot == noSlot {
			y.slot = z.rel.add(p.classes[g.q].node)
		}
		if x.slot != noSlot && y.slot != noSlot {
			z.rel.put(x.slot, y.slot, g.c)
		}
	}
}

// place gives the classes nodes: the one it had in a, if no earlier class has it,
// so that nodes keep their names where nothing changes.
func (p *pairing) place(z *State) {
	top := &z.nodes[none].word
	needed := func(c *class) bool { return c.count > 1 || c.count == 1 && (c.linked || c.word != *top) }
	p.nodes = p.nodes[:0]
	for range z.nodes {
		p.nodes = append(p.nodes, node{slot: noSlot})
	}
	for i := range p.classes {
		c := &p.classes[i]
		if id := c.refA.node; id >= firstNode && c.refA.plain() && p.nodes[id].refs == 0 && needed(c) {
			c.node = id
			p.nodes[id] = node{word: c.word, refs: c.count, slot: noSlot}
		}
	}
	next := firstNode
	for i := range p.classes {
		c := &p.classes[i]
		if c.node != none || !needed(c) {
			continue
		}
		for int(next) < len(p.nodes) && p.nodes[next].refs > 0 {
			next++
		}
		if int(next) == len(p.nodes) {
			p.nodes = append(p.nodes, node{})
		}
		c.node = next
		p.nodes[next] = node{word: c.word, refs: c.count, slot: noSlot}
	}
}

// Leq reports that every assignment of z is one of n's.
func (z *State) Leq(n domains.Numeric) bool {
	o := n.(*State)
	switch {
	case z.bottom || z == o:
		return true
	case o.bottom:
		return false
	}
	p := pairings.Get().(*pairing)
	defer pairings.Put(p)
	if !p.pairBelow(z, o) {
		return false
	}
	for v, y := range o.vars {
		if y.node == zero && p.of[v] != fixed {
			return false
		}
	}
	for i := range p.classes {
		c := &p.classes[i]
		c.refA, c.refB = ref{c.refA.node, c.refA.extra, c.diff}, ref{node: c.refB.node} // the value is the node of o
		var buf domains.Word
		wa := z.wordAt(c.refA, &buf)
		if !leqWord(wa, &o.nodes[c.refB.node].word) {
			return false
		}
		c.sa = span{wa.UMin, wa.UMax}
	}
	for used := o.rel.used; used != 0; {
		x := pop(&used)
		for set := o.rel.out[x]; set != 0; {
			y := pop(&set)
			cx, cy := &p.classes[p.inB[o.rel.owner[x]]-1], &p.classes[p.inB[o.rel.owner[y]]-1]
			if c, _ := z.upper(cx.refA, cy.refA, cx.sa, cy.sa); c > o.rel.edge(x, y) {
				return false
			}
		}
	}
	return true
}
