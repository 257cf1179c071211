package zone

import "github.com/bpfcheck/bpfcheck/domains"

// edgeList holds the edges of a node that leave, or enter, it.
type edgeList struct {
	n    int
	list [maxSlots]struct {
		to nodeID
		c  int64
	}
}

// edgesOf returns the edges id - y <= c, and those x - id <= c.
func (z *State) edgesOf(id nodeID) (out, in edgeList) {
	s := z.nodes[id].slot
	if s == noSlot {
		return
	}
	for set := z.rel.out[s]; set != 0; out.n++ {
		y := pop(&set)
		out.list[out.n].to, out.list[out.n].c = z.rel.owner[y], z.rel.edge(s, y)
	}
	for set := z.rel.in[s]; set != 0; in.n++ {
		x := pop(&set)
		in.list[in.n].to, in.list[in.n].c = z.rel.owner[x], z.rel.edge(x, s)
	}
	return
}

// dropEdges takes a node out of the relation.
func (z *State) dropEdges(id nodeID) {
	s := z.nodes[id].slot
	if s == noSlot {
		return
	}
	z.nodes[id].slot = noSlot
	for set := z.rel.out[s]; set != 0; {
		z.rel.cut(s, pop(&set))
	}
	for set := z.rel.in[s]; set != 0; {
		z.rel.cut(pop(&set), s)
	}
	z.rel.used &^= 1 << s
}

// slotOf returns the slot of a node, giving it one if need be; keep is the slot
// that must stay in use though it may have no edge yet.
func (z *State) slotOf(id nodeID, keep int8) int8 {
	n := &z.nodes[id]
	if n.slot != noSlot {
		return n.slot
	}
	if n.slot = z.rel.add(id); n.slot == noSlot {
		z.prune(keep)
		n.slot = z.rel.add(id)
	}
	return n.slot
}

// prune drops the edges that the bounds imply and the slots left without edges.
func (z *State) prune(keep int8) {
	for used := z.rel.used; used != 0; {
		x := pop(&used)
		for set := z.rel.out[x]; set != 0; {
			if y := pop(&set); z.implied(x, y, z.rel.edge(x, y)) {
				z.rel.cut(x, y)
			}
		}
	}
	for used := z.rel.used; used != 0; {
		if x := pop(&used); x != keep && z.rel.out[x]|z.rel.in[x] == 0 {
			z.dropEdges(z.rel.owner[x])
		}
	}
}

// implied reports whether the bounds alone show x - y <= c.
func (z *State) implied(x, y int8, c int64) bool {
	hi, lo := z.nodes[z.rel.owner[x]].word.UMax, z.nodes[z.rel.owner[y]].word.UMin
	return less(hi, lo) <= c
}

// addEdge adds x - y <= c between nodes, closes the edges under the paths through
// it (Miné's incremental closure) and the bounds under the edges. An edge that
// was asked for stays even if the bounds imply it, as a later join may loosen
// these; one that closure finds does not.
func (z *State) addEdge(x, y nodeID, c int64) {
	if x == y && c < 0 {
		z.SetBottom()
	}
	if z.bottom || x == y || clamp(c) == inf || z.nodes[x].refs == 0 || z.nodes[y].refs == 0 {
		return
	}
	sx := z.slotOf(x, noSlot)
	sy := z.slotOf(y, sx)
	if sx == noSlot || sy == noSlot {
		z.dropIfBare(sx)
		return
	}
	z.close(sx, sy, clamp(c))
	if !z.bottom {
		z.propagate(1<<sx | 1<<sy)
		z.settle()
	}
}

func (z *State) dropIfBare(s int8) {
	if s != noSlot && z.rel.out[s]|z.rel.in[s] == 0 {
		z.dropEdges(z.rel.owner[s])
	}
}

// close adds an edge and all paths p - x - y - q through it, in O(slots²).
func (z *State) close(x, y int8, c int64) {
	r := &z.rel
	if r.edge(x, y) <= c {
		return
	}
	if back := r.edge(y, x); back != inf && back+c < 0 {
		z.SetBottom()
		return
	}
	r.put(x, y, c)
	preds, succs := r.in[x], r.out[y]|1<<y
	for first := true; first || preds != 0; first = false {
		p, cp := x, int64(0)
		if !first {
			p = pop(&preds)
			cp = r.edge(p, x)
		}
		for set := succs; set != 0; {
			q := pop(&set)
			if q == p {
				continue // a cycle, which x - y - x above shows not to be negative
			}
			t := cp + c
			if q != y {
				t += r.edge(y, q)
			}
			if t = clamp(t); t < r.edge(p, q) && !z.implied(p, q, t) {
				r.put(p, q, t)
			}
		}
	}
}

// propagate tightens the bounds of the neighbours of the given slots, and theirs.
// Since edges are closed a round or two suffices; the budget guards the rest.
func (z *State) propagate(dirty uint64) {
	for budget := 8 * maxSlots; dirty != 0 && budget > 0 && !z.bottom; budget-- {
		s := pop(&dirty)
		for set := z.rel.in[s]; set != 0 && !z.bottom; {
			x := pop(&set) // x - s <= c
			if z.capAbove(x, s, z.rel.edge(x, s)) {
				dirty |= 1 << x
			}
		}
		for set := z.rel.out[s]; set != 0 && !z.bottom; {
			y := pop(&set) // s - y <= c
			if z.capBelow(s, y, z.rel.edge(s, y)) {
				dirty |= 1 << y
			}
		}
	}
}

// capAbove applies x - y <= c to the upper bound of x.
func (z *State) capAbove(x, y int8, c int64) bool {
	id, hi := z.rel.owner[x], z.nodes[z.rel.owner[y]].word.UMax
	switch {
	case c >= 0 && z.nodes[id].word.UMax <= hi, c >= 0 && z.nodes[id].word.UMax-hi <= uint64(c):
		return false
	case c < 0 && uint64(-c) > hi:
		z.SetBottom()
		return false
	}
	d := domains.TopWord(z.w)
	d.UMax = min(d.UMax, hi+uint64(c)) // no overflow: below the old bound, or hi plus a negative number
	return z.sharpen(id, d)
}

// capBelow applies x - y <= c to the lower bound of y.
func (z *State) capBelow(x, y int8, c int64) bool {
	id, lo := z.rel.owner[y], z.nodes[z.rel.owner[x]].word.UMin
	switch {
	case c >= 0 && uint64(c) >= lo:
		return false
	case c < 0 && uint64(-c) > z.w.WordMask()-lo:
		z.SetBottom()
		return false
	}
	lo -= uint64(c)
	if z.nodes[id].word.UMin >= lo {
		return false
	}
	d := domains.TopWord(z.w)
	d.UMin = lo
	return z.sharpen(id, d)
}

// span is the unsigned bounds of a value.
type span struct{ lo, hi uint64 }

// spanOf returns the bounds of a value.
func (z *State) spanOf(r ref) span {
	switch {
	case r.node == zero:
		return span{r.delta, r.delta}
	case r.node == none || r.delta == 0 && r.plain():
		d := &z.nodes[r.node].word
		return span{d.UMin, d.UMax}
	}
	d := z.wordOf(r)
	return span{d.UMin, d.UMax}
}

// diff returns bounds of a - b over ℤ; -inf and inf if unknown.
func (z *State) diff(a, b ref) (lo, hi int64) {
	sa, sb := z.spanOf(a), z.spanOf(b)
	hi, _ = z.upper(a, b, sa, sb)
	down, _ := z.upper(b, a, sb, sa)
	return -down, hi
}

// upper returns c with a - b <= c over ℤ, inf if unknown, given the bounds of both,
// and whether it comes from an edge or a shared node and not from the bounds alone.
func (z *State) upper(a, b ref, sa, sb span) (c int64, explicit bool) {
	c = less(sa.hi, sb.lo)
	if a.node < firstNode || b.node < firstNode {
		return c, false
	}
	if a.node == b.node && a.extra == b.extra {
		return z.upperShared((a.delta-b.delta)&z.w.WordMask(), c, sa, sb)
	}
	na, nb := &z.nodes[a.node], &z.nodes[b.node]
	if na.slot == noSlot || nb.slot == noSlot || a.node == b.node || !a.plain() || !b.plain() {
		return c, false
	}
	g := z.rel.edge(na.slot, nb.slot)
	if g == inf {
		return c, false
	}
	ea, okA := offset(z.w, &na.word, a.delta)
	eb, okB := offset(z.w, &nb.word, b.delta)
	if !okA || !okB {
		return c, false
	}
	return min(c, clamp(g+ea-eb)), true
}

// upperShared bounds a - b, which is k modulo 2^w: it is k, or k - 2^w if b + k wraps.
func (z *State) upperShared(k uint64, c int64, sa, sb span) (int64, bool) {
	room := z.w.WordMask() - k // the greatest b that does not wrap
	switch {
	case k == 0:
		return 0, true
	case sa.hi < k || sb.lo > room:
		return min(c, less(0, room+1)), true
	case sa.lo >= k || sb.hi <= room:
		return min(c, less(k, 0)), true
	}
	return min(c, less(k, 0)), false
}
