package absint

import (
	"container/heap"
	"math"

	"github.com/bpfcheck/bpfcheck/cfg"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// The fixpoint strategy (F). States that arrive at a cut point are joined with
// the one of the same shape that is there, or start a new entry. Entries wait in
// weak topological order, call strings as part of the position, so that inner
// loops settle first. At loop heads joins turn into widenings.

const (
	// maxShapes is how many shapes a cut point keeps apart before it folds the
	// fixed offsets and packet ranges of pointers into numbers.
	maxShapes = 48
	// maxHeadShapes is the same for loop heads, where shapes multiply.
	maxHeadShapes = 16
	// joinsBeforeWidening lets short chains settle by themselves.
	joinsBeforeWidening = 3
	// joinsWithThresholds is when a head stops climbing from threshold to threshold.
	joinsWithThresholds = 16
)

// cut is a merge point in one call string.
type cut struct {
	entries []*entry
	folded  bool
}

// entry is the join of the states of one shape at a cut point.
type entry struct {
	st     *State
	hash   uint64
	block  cfg.BlockID
	joins  int
	queued bool
}

// fixpoint is a run of strategy F.
type fixpoint struct {
	*analysis
	work   workList
	states int
	limit  int // instructions to visit before giving up, 0 for none
	// widen is off in the descending passes.
	widen bool
	// discard is set while states are only looked at.
	discard bool
	// live holds every entry, in the order of creation.
	live []*entry
	path []successor // pending blocks of the running chain
}

// run iterates to a post-fixpoint. It reports false if the budget ran out.
func (f *fixpoint) run() bool {
	f.widen = true
	f.enter = f.arrive
	f.arrive(f.entry(), 0)
	for len(f.work.entries) > 0 {
		e := heap.Pop(&f.work).(*entry)
		e.queued = false
		if e.st == nil {
			continue
		}
		f.chain(e)
		if f.unsupported != "" {
			return true
		}
		if f.limit > 0 && f.visited > f.limit || f.spent() {
			return false
		}
	}
	return true
}

// chain runs blocks from an entry up to the next cut points.
func (f *fixpoint) chain(e *entry) {
	f.path = append(f.path[:0], successor{e.block, f.clone(e.st)})
	for len(f.path) > 0 && f.unsupported == "" {
		next := f.path[len(f.path)-1]
		f.path = f.path[:len(f.path)-1]
		f.block(next.st, next.block)
		succ := f.succ
		for i := f.nsucc - 1; i >= 0; i-- {
			if f.isCut(succ[i].block) {
				f.arrive(succ[i].st, succ[i].block)
			} else {
				f.path = append(f.path, succ[i])
			}
		}
	}
}

// isCut reports whether states are merged in front of b.
func (a *analysis) isCut(b cfg.BlockID) bool {
	blk := &a.g.Blocks[b]
	if len(blk.Preds) != 1 || a.g.IsHead(b) {
		return true
	}
	last := a.g.Blocks[blk.Preds[0]].End - 1
	return a.insns[last].IsLocalCall() || a.splits[last]
}

// arrive merges s, which it consumes, into cut point b.
func (f *fixpoint) arrive(s *State, b cfg.BlockID) {
	if f.discard {
		f.put(s)
		return
	}
	f.settle(s, b)
	c := f.cutAt(s.ctx, b)
	if c.folded {
		s.fold()
	}
	hash := s.shape()
	for _, e := range c.entries {
		if e.hash == hash && s.sameShape(e.st) {
			f.merge(e, s)
			return
		}
	}
	limit := maxShapes
	if f.widensAt(b) {
		limit = maxHeadShapes
	}
	if len(c.entries) >= limit && !c.folded {
		c.folded = true
		s.fold()
		f.refold(c, b)
		f.arriveFolded(c, s, b)
		return
	}
	f.add(c, s, b, hash)
}

func (f *fixpoint) arriveFolded(c *cut, s *State, b cfg.BlockID) {
	hash := s.shape()
	for _, e := range c.entries {
		if e.hash == hash && s.sameShape(e.st) {
			f.merge(e, s)
			return
		}
	}
	f.add(c, s, b, hash)
}

// refold folds the entries that a cut point already has and joins those that
// have become alike.
func (f *fixpoint) refold(c *cut, b cfg.BlockID) {
	old := c.entries
	c.entries = nil
	for _, e := range old {
		s := f.clone(e.st)
		f.put(e.st)
		e.st = nil // an entry without state is skipped by the queue
		s.fold()
		f.arriveFolded(c, s, b)
	}
}

// add starts an entry.
func (f *fixpoint) add(c *cut, s *State, b cfg.BlockID, hash uint64) {
	e := &entry{st: s, hash: hash, block: b}
	c.entries = append(c.entries, e)
	f.live = append(f.live, e)
	f.states++
	f.push(e)
}

// merge joins s, which it consumes, into e.
func (f *fixpoint) merge(e *entry, s *State) {
	changed := false
	if f.widen && f.widensAt(e.block) && e.joins >= joinsBeforeWidening {
		if !s.num.Leq(e.st.num) {
			var t *domains.Thresholds
			if e.joins < joinsWithThresholds {
				t = f.thresholdsAt(e.block)
			}
			changed = e.st.num.Widen(s.num, t)
		}
	} else {
		changed = e.st.num.Join(s.num)
	}
	changed = e.st.joinStack(s) || changed
	if !f.priv {
		changed = e.st.joinWritten(s) || changed
	}
	f.put(s)
	if changed {
		e.joins++
		f.push(e)
	}
}

// widensAt reports the places where cycles are cut: loop heads, and callbacks,
// which a helper may run any number of times.
func (a *analysis) widensAt(b cfg.BlockID) bool {
	fn := &a.g.Funcs[a.g.Blocks[b].Func]
	return a.g.IsHead(b) || fn.Callback && fn.First == b
}

// thresholdsAt returns where a widening at b may stop.
func (a *analysis) thresholdsAt(b cfg.BlockID) *domains.Thresholds {
	if l := a.g.LoopOf(b); l != cfg.NoLoop {
		return a.thresholds[l]
	}
	return nil
}

func (f *fixpoint) push(e *entry) {
	if !e.queued && f.widen {
		e.queued = true
		heap.Push(&f.work, e)
	}
}

// settle makes a state ready to be merged: what is dead is forgotten, names of
// IDs become canonical.
func (a *analysis) settle(s *State, b cfg.BlockID) {
	pc := a.g.Blocks[b].Start
	a.dropDead(s, s.depth, a.live.Regs(pc), a.live.Stack(pc))
	depth := 0
	if l := a.g.LoopOf(b); l != cfg.NoLoop {
		depth = a.g.Loops[l].Depth
	}
	for d := depth; d < s.lay.ghosts; d++ {
		s.num.Havoc(s.lay.ghost(s.depth, d))
	}
	s.canonical()
}

// joinStack forgets the words of stack that hold different sizes of numbers.
func (s *State) joinStack(t *State) (changed bool) {
	for fr := 0; fr <= s.depth; fr++ {
		for h := 0; h < s.lay.words; h++ {
			v := s.lay.word(fr, h)
			if s.cells[v] != t.cells[v] {
				if s.cells[v].Kind != NotInit {
					s.set(v, Cell{})
					changed = true
				}
			}
		}
	}
	return changed
}

// fold turns the fixed offsets of pointers into their variable part, and packet
// ranges into the least, so that shapes which differ in them become equal.
func (s *State) fold() {
	base := map[uint32]int32{}
	for i := range s.cells[:s.active()] {
		c := &s.cells[i]
		if (c.Kind == Packet || c.Kind == PacketMeta) && c.ID != 0 {
			if least, ok := base[c.ID]; !ok || c.Off < least {
				base[c.ID] = c.Off
			}
		}
	}
	for i := range s.cells[:s.active()] {
		c := &s.cells[i]
		switch c.Kind {
		case Packet, PacketMeta:
			if c.ID == 0 && c.Off == 0 {
				continue
			}
			off := c.Off
			if c.ID != 0 {
				off = base[c.ID]
			}
			s.shift(domains.Var(i), off)
			if c.ID == 0 {
				c.ID, c.Range = s.fresh(), max(s.packetRange(Cell{Kind: c.Kind})-off, 0)
			} else {
				c.Range = max(c.Range-off, 0)
			}
		case StackPtr, MapValue, Mem:
			if c.Off != 0 && domains.Var(i) != s.lay.reg(int(c.Region), isa.FP) {
				s.shift(domains.Var(i), c.Off)
			}
		}
	}
	s.dataMax = math.MaxInt32
	s.canonical()
}

// shift moves part of a pointer's fixed offset into its variable part.
func (s *State) shift(v domains.Var, off int32) {
	c := &s.cells[v]
	if !c.has(HasVar) {
		s.num.ALU(isa.Mov, isa.W64, v, domains.K(0))
		c.Flags |= HasVar
	}
	s.num.ALU(isa.Add, isa.W64, v, domains.K(uint64(int64(off))))
	c.Off -= off
}

func (a *analysis) cutAt(ctx int32, b cfg.BlockID) *cut {
	cs := &a.strings[ctx]
	fn := &a.g.Funcs[a.g.Blocks[b].Func]
	if cs.cuts == nil {
		cs.cuts = make([]cut, fn.Last-fn.First)
	}
	return &cs.cuts[b-fn.First]
}

// workList is a heap of entries by position.
type workList struct {
	a       *analysis
	entries []*entry
}

func (w *workList) Len() int { return len(w.entries) }

// Less orders by the positions of the calling blocks, then of the block itself.
// Entries that were folded away come first: they cost nothing.
func (w *workList) Less(i, j int) bool {
	x, y := w.entries[i], w.entries[j]
	if x.st == nil || y.st == nil {
		return x.st == nil
	}
	p, q := w.a.strings[x.st.ctx].order, w.a.strings[y.st.ctx].order
	for k := range min(len(p), len(q)) {
		if p[k] != q[k] {
			return p[k] < q[k]
		}
	}
	at := func(order []int32, n int, b cfg.BlockID) int32 {
		if n < len(order) {
			return order[n]
		}
		return int32(w.a.g.Order(b))
	}
	n := min(len(p), len(q))
	if u, v := at(p, n, x.block), at(q, n, y.block); u != v {
		return u < v
	}
	return len(p) > len(q)
}

func (w *workList) Swap(i, j int) { w.entries[i], w.entries[j] = w.entries[j], w.entries[i] }

func (w *workList) Push(x any) { w.entries = append(w.entries, x.(*entry)) }

func (w *workList) Pop() any {
	n := len(w.entries) - 1
	e := w.entries[n]
	w.entries[n] = nil
	w.entries = w.entries[:n]
	return e
}
