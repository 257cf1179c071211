package absint

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/cfg"
)

// The path strategy (P): depth first, without joins. At a cut point a state that
// is included in one seen before goes no further: either all paths from that one
// were walked, or it is an ancestor of this very path, and the path can repeat.
// Paths that cannot reach a target obligation any more are leaves.

const (
	// maxCached is how many states a cut point keeps.
	maxCached = 32
)

// visit is a state kept at a cut point.
type visit struct {
	st   *State
	hash uint64
	done bool // all paths from here were walked
	hits int
}

// cache is what a cut point keeps in one call string.
type cache struct {
	kept     []*visit
	arrivals int
}

// step of the walk: either a block to run or the end of a visit's subtree.
type walkStep struct {
	successor
	ends *visit
}

type explore struct {
	*analysis
	seen   map[[2]int32]*cache
	stack  []walkStep
	reach  []bool // by block: a target can be reached; nil if there is no restriction
	states int
	peak   int
	kept   int
	limit  int
}

// run walks all paths. It reports false if the budget ran out.
func (x *explore) run() bool {
	x.seen = map[[2]int32]*cache{}
	x.stack = append(x.stack[:0], walkStep{successor: successor{0, x.entry()}})
	entered := map[cfg.BlockID]bool{}
	x.enter = func(s *State, b cfg.BlockID) {
		if entered[b] {
			x.put(s)
			return
		}
		entered[b] = true
		x.stack = append(x.stack, walkStep{successor: successor{b, s}})
	}
	for len(x.stack) > 0 {
		top := x.stack[len(x.stack)-1]
		x.stack = x.stack[:len(x.stack)-1]
		if top.ends != nil {
			top.ends.done = true
			continue
		}
		x.walk(top.st, top.block)
		if x.unsupported != "" {
			return true
		}
		if x.led.only != nil && len(x.led.open) >= len(x.led.only) && x.allFailed() {
			return true
		}
		if x.limit > 0 && x.visited > x.limit || x.spent() {
			return false
		}
	}
	return true
}

// allFailed reports that every target is known to fail: nothing is left to find.
func (x *explore) allFailed() bool {
	for o := range x.led.only {
		if _, ok := x.led.open[o]; !ok {
			return false
		}
	}
	return true
}

// walk runs one block.
func (x *explore) walk(s *State, b cfg.BlockID) {
	if x.reach != nil && !x.canReach(s, b) {
		x.put(s)
		return
	}
	if x.isCut(b) && !x.visit(s, b) {
		return
	}
	x.block(s, b)
	for i := x.nsucc - 1; i >= 0; i-- {
		x.stack = append(x.stack, walkStep{successor: x.succ[i]})
	}
}

// visit looks a state up at a cut point. It reports whether to go on from it; if
// not, the state is consumed.
func (x *explore) visit(s *State, b cfg.BlockID) bool {
	x.settle(s, b)
	hash := s.shape()
	key := [2]int32{s.ctx, int32(b)}
	c := x.seen[key]
	if c == nil {
		c = &cache{}
		x.seen[key] = c
	}
	c.arrivals++
	progressed := x.passHead(s, b)
	list := c.kept
	for i := len(list) - 1; i >= 0; i-- {
		v := list[i]
		if v.hash != hash || !x.included(s, v.st) {
			continue
		}
		v.hits++
		if !v.done && x.g.IsHead(b) && !progressed {
			x.endless(s, x.g.Blocks[b].Start)
		}
		x.put(s)
		return false
	}
	if len(list) >= maxCached {
		c.kept = x.evict(list)
		// Long unrolled loops: keep ever rarer ancestors, so that a cycle of any
		// length is still noticed.
		if len(c.kept) >= maxCached && bits.OnesCount(uint(c.arrivals)) != 1 {
			return true
		}
	}
	v := &visit{st: x.clone(s), hash: hash}
	c.kept = append(c.kept, v)
	x.states++
	x.kept++
	x.peak = max(x.peak, x.kept)
	x.stack = append(x.stack, walkStep{ends: v})
	return true
}

// passHead reports whether an iterator or a budget moved on since the state was at
// this loop's head before, and starts anew.
func (x *explore) passHead(s *State, b cfg.BlockID) bool {
	if !x.g.IsHead(b) {
		return false
	}
	bit := uint16(0)
	if depth := x.g.Loops[x.g.LoopOf(b)].Depth - 1; depth < maxGhosts {
		bit = 1 << depth
	}
	had := s.progressed[s.depth]&bit != 0
	s.progressed[s.depth] &^= bit
	return had
}

// evict drops finished states that never stopped another path, oldest first.
func (x *explore) evict(list []*visit) []*visit {
	kept := list[:0]
	for i, v := range list {
		if v.done && v.hits == 0 && i < len(list)/2 {
			x.put(v.st)
			x.kept--
			continue
		}
		v.hits /= 2
		kept = append(kept, v)
	}
	return kept
}

// included reports γ(s) ⊆ γ(t).
func (a *analysis) included(s, t *State) bool {
	if !s.sameShape(t) {
		return false
	}
	for fr := 0; fr <= s.depth; fr++ {
		for h := 0; h < s.lay.words; h++ {
			v := s.lay.word(fr, h)
			if t.cells[v].Kind != NotInit && s.cells[v] != t.cells[v] {
				return false
			}
		}
	}
	return (a.priv || s.writtenWithin(t)) && s.num.Leq(t.num)
}

// canReach reports whether a target can still be reached from block b in the
// running frame, or after one of the frames below it returns.
func (x *explore) canReach(s *State, b cfg.BlockID) bool {
	if x.reach[b] {
		return true
	}
	for f := s.depth; f > 0; f-- {
		site := x.g.BlockAt(int(s.frame[f].call))
		if ret := x.g.Blocks[site].Succs; len(ret) > 0 && x.reach[ret[0]] {
			return true
		}
	}
	return false
}

// reachable marks the blocks from which one of the targets can be reached inside
// their function and the functions it calls. A call that runs a callback may run
// any of them.
func (a *analysis) reachable(targets map[obligation]*Diagnostic, suspended []bool) []bool {
	reach := make([]bool, len(a.g.Blocks))
	var work []cfg.BlockID
	mark := func(b cfg.BlockID) {
		if b != cfg.NoBlock && !reach[b] {
			reach[b] = true
			work = append(work, b)
		}
	}
	callers := make([][]cfg.BlockID, len(a.g.Blocks))
	for _, fn := range a.g.Funcs {
		for _, c := range fn.Calls {
			first := a.g.Funcs[c.Callee].First
			callers[first] = append(callers[first], a.g.BlockAt(c.PC))
		}
	}
	for b := range a.g.Blocks {
		if !a.splits[a.g.Blocks[b].End-1] {
			continue
		}
		for i := range a.g.Funcs {
			if fn := &a.g.Funcs[i]; fn.Callback {
				callers[fn.First] = append(callers[fn.First], cfg.BlockID(b))
			}
		}
	}
	for o := range targets {
		mark(a.g.BlockAt(int(o.pc)))
	}
	for pc, yes := range suspended {
		if yes {
			mark(a.g.BlockAt(pc))
		}
	}
	for len(work) > 0 {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		for _, p := range a.g.Blocks[b].Preds {
			mark(p)
		}
		for _, c := range callers[b] {
			mark(c)
		}
	}
	return reach
}
