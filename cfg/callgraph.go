package cfg

import "slices"

// orderFuncs makes the call graph and orders the functions. It fails at the call
// that closes a cycle of local calls.
//
// A function whose address is taken runs, as far as anyone can tell from here,
// on top of the one that takes it, so a Ref is an edge too. A cycle through a
// Ref is no fault: a timer's callback may well arm itself again. Such Refs are
// left out of chains; whether they nest is known to the engine alone.
func (b *builder) orderFuncs() (pc int, ok bool) {
	g := b.g
	n := len(g.Funcs)
	g.callees, g.refsFrom = make([][]int32, n), make([]int32, n)
	for f := range g.Funcs {
		g.callees[f] = distinct(g.Funcs[f].Calls, nil)
		g.refsFrom[f] = int32(len(g.callees[f]))
	}
	_, component := components(g.callees)
	for f := range g.Funcs {
		for _, c := range g.Funcs[f].Calls {
			if component[f] == component[c.Callee] {
				return c.PC, false
			}
		}
	}
	for f := range g.Funcs {
		g.callees[f] = append(g.callees[f], distinct(g.Funcs[f].Refs, g.callees[f])...)
	}
	_, component = components(g.callees)
	for f := range g.callees {
		calls := int(g.refsFrom[f])
		kept := slices.DeleteFunc(slices.Clone(g.callees[f][calls:]), func(c int32) bool { return component[c] == component[f] })
		g.callees[f] = append(g.callees[f][:calls:calls], kept...)
	}
	order, _ := components(g.callees)
	g.funcOrder = make([]int, n)
	for i, f := range order {
		g.funcOrder[n-1-i] = int(f)
	}
	return 0, true
}

// distinct returns the callees of calls that are not in known, ascending. Both
// are as long as the text of one function.
func distinct(calls []Call, known []int32) []int32 {
	var s []int32
	for _, c := range calls {
		s = append(s, int32(c.Callee))
	}
	slices.Sort(s)
	s = slices.Compact(s)
	return slices.DeleteFunc(s, func(c int32) bool { _, in := slices.BinarySearch(known, c); return in })
}

// components numbers the strongly connected components of a graph by Tarjan's
// algorithm. It lists the nodes component by component, successors first; node 0
// comes as late as edges allow.
func components(succs [][]int32) (order, component []int32) {
	n := int32(len(succs))
	component, low, num := fill(n, -1), make([]int32, n), fill(n, -1)
	next := make([]int32, n) // successors already visited
	var open, path []int32
	count, parts := int32(0), int32(0)
	enter := func(v int32) {
		num[v], low[v] = count, count
		count++
		open, path = append(open, v), append(path, v)
	}
	for root := n - 1; root >= 0; root-- {
		if num[root] < 0 {
			enter(root)
		}
		for len(path) > 0 {
			v := path[len(path)-1]
			if int(next[v]) < len(succs[v]) {
				w := succs[v][next[v]]
				next[v]++
				if num[w] < 0 {
					enter(w)
				} else if component[w] < 0 {
					low[v] = min(low[v], num[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				p := path[len(path)-1]
				low[p] = min(low[p], low[v])
			}
			if low[v] != num[v] {
				continue
			}
			for component[v] < 0 {
				w := open[len(open)-1]
				open = open[:len(open)-1]
				component[w] = parts
				order = append(order, w)
			}
			parts++
		}
	}
	return order, component
}

// Stack says how frames are counted (V18).
type Stack struct {
	// Round is the unit that frames are rounded up to: 16 bytes for Linux with a
	// JIT, else 32, where an empty frame counts as one unit. 0 does not round.
	Round int
	// Depths are the bytes each function uses, by function. Nil: Func.StackDepth,
	// which knows of accesses through r10 only.
	Depths []int
	// Async marks the functions that run later, on a stack of their own (the
	// callbacks of timers and work queues), by function. Nil: none; every callback
	// is taken to run on top of the function that takes its address.
	Async []bool
}

// frame returns the bytes of a frame of f.
func (s *Stack) frame(g *Graph, f int) int {
	n := g.Funcs[f].StackDepth
	if s.Depths != nil {
		n = s.Depths[f]
	}
	if s.Round == 32 {
		n = max(n, 1)
	}
	if s.Round > 0 {
		n = (n + s.Round - 1) / s.Round * s.Round
	}
	return n
}

// above returns what f may put on top of its frame.
func (g *Graph) above(f int, async []bool) []int32 {
	list := g.callees[f]
	if async == nil {
		return list
	}
	calls := g.refsFrom[f]
	kept := slices.Clone(list[:calls])
	for _, c := range list[calls:] {
		if !async[c] {
			kept = append(kept, c)
		}
	}
	return kept
}

// CallDepth returns the most frames that are on the stack at once, and a chain
// of functions that needs them, the main program or an asynchronous callback
// first. Linux 6.18 allows 8. async is as in Stack.
func (g *Graph) CallDepth(async []bool) (frames int, chain []int) {
	one := func(int) int { return 1 }
	return g.longest(async, one)
}

// StackUse returns the bytes of the deepest stack and the chain of functions that
// needs it, outermost first. Linux allows 512.
func (g *Graph) StackUse(s Stack) (bytes int, chain []int) {
	return g.longest(s.Async, func(f int) int { return s.frame(g, f) })
}

// longest returns the heaviest chain from the main program or an asynchronous
// callback.
func (g *Graph) longest(async []bool, weight func(f int) int) (total int, chain []int) {
	sum := make([]int, len(g.Funcs))
	next := make([]int, len(g.Funcs))
	for i := len(g.funcOrder) - 1; i >= 0; i-- {
		f := g.funcOrder[i]
		next[f] = -1
		for _, c := range g.above(f, async) {
			if next[f] < 0 || sum[c] > sum[next[f]] {
				next[f] = int(c)
			}
		}
		sum[f] = weight(f)
		if next[f] >= 0 {
			sum[f] += sum[next[f]]
		}
	}
	start := 0
	for f := range async {
		if async[f] && sum[f] > sum[start] {
			start = f
		}
	}
	for f := start; f >= 0; f = next[f] {
		chain = append(chain, f)
	}
	return sum[start], chain
}

// TailCallUse returns the most bytes of stack below a subprogram that makes a
// tail call, its own frame not counted, and the chain that ends with it. The
// chain is nil if no subprogram makes a tail call. Linux refuses 256 and more.
func (g *Graph) TailCallUse(s Stack) (bytes int, chain []int) {
	below := make([]int, len(g.Funcs)) // bytes of the deepest chain that leads here, -1: none
	from := make([]int, len(g.Funcs))
	for f := range g.Funcs {
		below[f], from[f] = -1, -1
		if f == 0 || s.Async != nil && s.Async[f] {
			below[f] = 0
		}
	}
	worst := -1
	for _, f := range g.funcOrder {
		if below[f] < 0 {
			continue
		}
		if f != 0 && g.Funcs[f].HasTailCall && (worst < 0 || below[f] > below[worst]) {
			worst = f
		}
		use := below[f] + s.frame(g, f)
		for _, c := range g.above(f, s.Async) {
			if use > below[c] {
				below[c], from[c] = use, f
			}
		}
	}
	if worst < 0 {
		return 0, nil
	}
	for f := worst; f >= 0; f = from[f] {
		chain = append(chain, f)
	}
	slices.Reverse(chain)
	return below[worst], chain
}
