package cfg

// forest is a depth-first spanning forest of the blocks with the entries of the
// functions as roots. Nodes are numbered in order of discovery ("dfn"), so that
// the functions' numbers are contiguous and a parent's is below its children's.
type forest struct {
	block  []BlockID // by dfn
	dfn    []int32   // by block, -1 if unreachable
	parent []int32   // by dfn, -1 for a root
	last   []int32   // by dfn: the highest dfn of its subtree
	rpo    []int32   // dfns in reverse postorder, function by function
	// cross are the edges that go neither down nor up the tree.
	cross []crossEdge
}

// crossEdge is an edge between dfns of different branches of the tree; meet is
// the lowest common ancestor of its ends.
type crossEdge struct{ from, to, meet int32 }

// traverse computes everything that rests on the spanning forest.
func (b *builder) traverse() {
	f := b.span()
	b.dominators(f)
	b.loops(f)
}

// span runs the depth-first search. Successors are visited last first, so that
// the fall-through block of a branch gets the place right after it in reverse
// postorder: the order of the text wherever the graph allows it.
func (b *builder) span() *forest {
	g := b.g
	n := len(g.Blocks)
	f := &forest{
		block: make([]BlockID, 0, n), dfn: make([]int32, n),
		parent: make([]int32, 0, n), last: make([]int32, 0, n), rpo: make([]int32, n),
	}
	for i := range f.dfn {
		f.dfn[i] = -1
	}
	up := make([]int32, 0, n) // union-find: a finished node points towards its parent
	type frame struct {
		node int32
		next int // successors still to visit
	}
	var stack []frame
	push := func(blk BlockID, parent int32) {
		v := int32(len(f.block))
		f.dfn[blk] = v
		f.block, f.parent = append(f.block, blk), append(f.parent, parent)
		f.last, up = append(f.last, v), append(up, v)
		stack = append(stack, frame{v, len(g.Blocks[blk].Succs)})
	}
	for _, fn := range g.funcOrder {
		base := len(f.block)
		push(g.Funcs[fn].First, -1)
		finished := base // written back to front once the size is known
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			u := top.node
			if top.next == 0 {
				stack = stack[:len(stack)-1]
				f.last[u] = int32(len(f.block) - 1)
				f.rpo[finished] = u
				finished++
				if p := f.parent[u]; p >= 0 {
					up[u] = p
				}
				continue
			}
			top.next--
			s := g.Blocks[f.block[u]].Succs[top.next]
			if v := f.dfn[s]; v < 0 {
				push(s, u)
			} else if v < u && up[v] != v { // finished: not an ancestor
				f.cross = append(f.cross, crossEdge{u, v, find(up, v)})
			}
		}
		reverse(f.rpo[base:finished])
	}
	f.rpo = f.rpo[:len(f.block)]
	return f
}

func reverse(s []int32) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

// find returns the representative of v and halves the path to it.
func find(up []int32, v int32) int32 {
	for up[v] != v {
		up[v] = up[up[v]]
		v = up[v]
	}
	return v
}

// isAncestor reports whether a is v or above it in the tree.
func (f *forest) isAncestor(a, v int32) bool { return a <= v && v <= f.last[a] }

// dominators computes immediate dominators by Lengauer and Tarjan's simple
// algorithm, whose path compression bounds the cost by edges times a logarithm
// on any graph, and the intervals of the dominator tree.
func (b *builder) dominators(f *forest) {
	n := int32(len(f.block))
	lt := &lengauerTarjan{
		ancestor: fill(n, -1), label: make([]int32, n), semi: make([]int32, n),
	}
	idom := fill(n, -1)
	bucket, next := fill(n, -1), fill(n, -1) // lists of the nodes with a semidominator
	for v := range n {
		lt.label[v], lt.semi[v] = v, v
	}
	for w := n - 1; w >= 0; w-- {
		p := f.parent[w]
		if p < 0 {
			continue
		}
		for _, pred := range b.g.Blocks[f.block[w]].Preds {
			if v := f.dfn[pred]; v >= 0 {
				lt.semi[w] = min(lt.semi[w], lt.semi[lt.eval(v)])
			}
		}
		next[w], bucket[lt.semi[w]] = bucket[lt.semi[w]], w
		lt.ancestor[w] = p
		for v := bucket[p]; v >= 0; v = next[v] {
			if u := lt.eval(v); lt.semi[u] < lt.semi[v] {
				idom[v] = u
			} else {
				idom[v] = p
			}
		}
		bucket[p] = -1
	}
	for w := range n {
		if f.parent[w] >= 0 && idom[w] != lt.semi[w] {
			idom[w] = idom[idom[w]]
		}
	}
	b.storeDominators(f, idom)
}

// lengauerTarjan is the forest of nodes already linked to their parents.
type lengauerTarjan struct {
	ancestor, label, semi []int32
	path                  []int32
}

// eval returns the node of least semidominator on the path above v.
func (lt *lengauerTarjan) eval(v int32) int32 {
	if lt.ancestor[v] < 0 {
		return v
	}
	lt.path = lt.path[:0]
	for u := v; lt.ancestor[lt.ancestor[u]] >= 0; u = lt.ancestor[u] {
		lt.path = append(lt.path, u)
	}
	for i := len(lt.path) - 1; i >= 0; i-- {
		u := lt.path[i]
		a := lt.ancestor[u]
		if lt.semi[lt.label[a]] < lt.semi[lt.label[u]] {
			lt.label[u] = lt.label[a]
		}
		lt.ancestor[u] = lt.ancestor[a]
	}
	return lt.label[v]
}

// storeDominators turns numbers into blocks and numbers the dominator tree: the
// intervals [domIn, domOut] nest like the tree. A dominator's dfn is below that of
// what it dominates, so sizes add up in one backward pass and places follow in a
// forward one.
func (b *builder) storeDominators(f *forest, idom []int32) {
	g := b.g
	n := int32(len(f.block))
	size, place := make([]int32, n), make([]int32, n)
	for v := n - 1; v >= 0; v-- {
		size[v]++
		if idom[v] >= 0 {
			size[idom[v]] += size[v]
		}
	}
	g.idom = make([]BlockID, len(g.Blocks))
	g.domIn, g.domOut = make([]int32, len(g.Blocks)), make([]int32, len(g.Blocks))
	for i := range g.idom {
		g.idom[i] = NoBlock
	}
	root := int32(0)
	for v := range n {
		blk, in := f.block[v], root
		if d := idom[v]; d >= 0 {
			g.idom[blk] = f.block[d]
			in = place[d]
			place[d] += size[v]
		} else {
			root += size[v]
		}
		g.domIn[blk], g.domOut[blk] = in, in+size[v]-1
		place[v] = in + 1
	}
}

func fill(n, x int32) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = x
	}
	return s
}
