package cfg

// nest is the loop forest while it grows, in dfns.
type nest struct {
	f *forest
	// up is a union-find: a block found in a loop points towards the loop's head.
	up []int32
	// head is the head of the innermost loop strictly around a node: for a head, of
	// the next loop outwards; -1 if there is none.
	head   []int32
	isHead []bool
	// sources lists, for each representative, where the edges into it come from.
	sources edgeLists
	// entries counts, up the loop forest, edges that enter loops beside the head.
	entries []int32
}

// edgeLists is an array of linked lists that share their cells.
type edgeLists struct {
	first []int32
	next  []int32
	edge  []crossEdge
}

func (l *edgeLists) add(at int32, e crossEdge) {
	l.next = append(l.next, l.first[at])
	l.edge = append(l.edge, e)
	l.first[at] = int32(len(l.edge) - 1)
}

// loops finds the loop forest by Ramalingam's variant of Havlak's algorithm and
// derives the weak topological order.
//
// Heads are visited from the highest dfn to the lowest. A search backwards from
// the sources of the edges that return to h finds h's loop; what it finds is
// merged into h, so that each block is found once. Edges across the tree would
// let the search leave the subtree of h: such an edge joins the game only when
// the lowest common ancestor of its ends is visited, from which on no search can
// leave by it. Then every edge is followed once and the union-find is the only
// cost beyond linear.
func (b *builder) loops(f *forest) {
	n := int32(len(f.block))
	t := &nest{f: f, up: make([]int32, n), head: fill(n, -1), isHead: make([]bool, n), entries: make([]int32, n)}
	for v := range t.up {
		t.up[v] = int32(v)
	}
	t.sources.first = fill(n, -1)
	waiting := edgeLists{first: fill(n, -1)} // edges across, by common ancestor
	for _, e := range f.cross {
		waiting.add(e.meet, e)
	}
	var body, late []int32
	for h := n - 1; h >= 0; h-- {
		for e := waiting.first[h]; e >= 0; e = waiting.next[e] {
			late = t.connect(waiting.edge[e].from, waiting.edge[e].to, late)
		}
		for _, s := range b.g.Blocks[f.block[h]].Succs {
			if v := f.dfn[s]; v > h { // down the tree
				late = t.connect(h, v, late)
			}
		}
		body = body[:0]
		for _, p := range b.g.Blocks[f.block[h]].Preds {
			if u := f.dfn[p]; u >= 0 && f.isAncestor(h, u) {
				t.isHead[h] = true
				body = t.collect(u, h, body)
			}
		}
		for i := 0; i < len(body); i++ {
			for e := t.sources.first[body[i]]; e >= 0; e = t.sources.next[e] {
				body = t.collect(t.sources.edge[e].from, h, body)
			}
		}
	}
	t.countEntries(late)
	b.layOut(t)
}

// connect adds the edge u->v to the representative of v. If v was merged already,
// the edge enters loops beside their heads: late collects v and the outermost of
// these loops, to be counted once the forest is complete.
func (t *nest) connect(u, v int32, late []int32) []int32 {
	r := find(t.up, v)
	t.sources.add(r, crossEdge{from: u})
	if r != v {
		late = append(late, v, r)
	}
	return late
}

// collect puts the representative of u into the loop of h.
func (t *nest) collect(u, h int32, body []int32) []int32 {
	r := find(t.up, u)
	if r == h {
		return body
	}
	t.up[r], t.head[r] = h, h
	return append(body, r)
}

// countEntries leaves entries[h] > 0 for heads of irreducible loops. Each entry
// counts from the innermost loop around v that v does not head up to r's.
func (t *nest) countEntries(late []int32) {
	for i := 0; i < len(late); i += 2 {
		v, r := late[i], late[i+1]
		t.entries[t.head[v]]++
		if out := t.head[r]; out >= 0 {
			t.entries[out]--
		}
	}
	for v := int32(len(t.head)) - 1; v >= 0; v-- {
		if t.isHead[v] && t.head[v] >= 0 {
			t.entries[t.head[v]] += t.entries[v]
		}
	}
}

// layOut gives each block its place. Inside a loop, inner loops and single blocks
// follow in reverse postorder of their heads: an edge between two of them that
// went backwards in it would make a cycle through the spanning tree, and they
// would be in one loop. Reverse postorder meets the head of a loop before the
// rest, so one pass can hand out places.
func (b *builder) layOut(t *nest) {
	g, f := b.g, t.f
	n := int32(len(f.block))
	size, free := make([]int32, n), make([]int32, n)
	for v := n - 1; v >= 0; v-- {
		size[v]++
		if h := t.head[v]; h >= 0 {
			size[h] += size[v]
		}
	}
	g.order, g.rpo = make([]BlockID, n), make([]BlockID, n)
	g.pos, g.loopOf = fill(int32(len(g.Blocks)), -1), make([]LoopID, len(g.Blocks))
	for i := range g.loopOf {
		g.loopOf[i] = NoLoop
	}
	top := int32(0)
	for i, v := range f.rpo {
		blk, at := f.block[v], top
		if h := t.head[v]; h >= 0 {
			at = free[h]
			free[h] += size[v]
		} else {
			top += size[v]
		}
		free[v] = at + 1
		g.rpo[i], g.order[at], g.pos[blk] = blk, blk, at
	}
	for at, blk := range g.order {
		v := f.dfn[blk]
		parent := NoLoop
		if h := t.head[v]; h >= 0 {
			parent = g.loopOf[f.block[h]]
		}
		g.loopOf[blk] = parent
		if !t.isHead[v] {
			continue
		}
		l := Loop{Head: blk, Parent: parent, Depth: 1, Irreducible: t.entries[v] > 0,
			Blocks: g.order[at : at+int(size[v]) : at+int(size[v])]}
		if parent != NoLoop {
			l.Depth += g.Loops[parent].Depth
		}
		g.loopOf[blk] = LoopID(len(g.Loops))
		g.Loops = append(g.Loops, l)
	}
}
