package cfg

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// StackSet is a set of the 4-byte words of a frame: bit h is the word
// [r10-4(h+1), r10-4h).
type StackSet [2]uint64

// stackWords is the number of words of a frame.
const stackWords = StackBytes / 4

// fullStack is every word of a frame.
var fullStack = StackSet{^uint64(0), ^uint64(0)}

// Has reports whether word h is in s.
func (s StackSet) Has(h int) bool {
	return h >= 0 && h < stackWords && s[h/64]>>(h%64)&1 != 0
}

// HasBytes reports whether s has a word that shares a byte with the size bytes
// from r10+off. Bytes outside of the frame are in no set.
func (s StackSet) HasBytes(off, size int) bool {
	lo, hi := touched(off, off+size)
	m := wordRange(lo, hi)
	return (s[0]&m[0])|(s[1]&m[1]) != 0
}

// Union returns the words in either set.
func (s StackSet) Union(t StackSet) StackSet { return StackSet{s[0] | t[0], s[1] | t[1]} }

// Minus returns the words of s that are not in t.
func (s StackSet) Minus(t StackSet) StackSet { return StackSet{s[0] &^ t[0], s[1] &^ t[1]} }

// Len returns the number of words.
func (s StackSet) Len() int { return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) }

// wordRange returns the words [lo, hi).
func wordRange(lo, hi uint8) StackSet {
	if lo >= hi {
		return StackSet{}
	}
	below := func(n uint8) uint64 { // the low n bits; a shift by 64 and more gives 0
		return 1<<n - 1
	}
	s := StackSet{below(min(hi, 64)) &^ below(min(lo, 64)), 0}
	if hi > 64 {
		s[1] = below(hi-64) &^ below(max(lo, 64)-64)
	}
	return s
}

// touched returns the range of words that share a byte with [from, to), relative
// to r10; whole returns the range of those that lie inside.
func touched(from, to int) (lo, hi uint8) {
	from, to = max(from, -StackBytes), min(to, 0)
	if from >= to {
		return 0, 0
	}
	return uint8(-to / 4), uint8((-from-1)/4 + 1)
}

func whole(from, to int) (lo, hi uint8) {
	from, to = max(from, -StackBytes), min(to, 0)
	if from >= to {
		return 0, 0
	}
	return uint8((-to + 3) / 4), uint8(-from / 4)
}

// effect is what one instruction reads and overwrites.
type effect struct {
	uses, defs     isa.RegSet
	readLo, readHi uint8 // words it may read
	killLo, killHi uint8 // words it overwrites whole
}

func (e *effect) reads() StackSet { return wordRange(e.readLo, e.readHi) }
func (e *effect) kills() StackSet { return wordRange(e.killLo, e.killHi) }

// read widens the range of words that may be read to [from, to).
func (e *effect) read(from, to int) {
	lo, hi := touched(from, to)
	switch {
	case lo >= hi:
	case e.readLo >= e.readHi:
		e.readLo, e.readHi = lo, hi
	default:
		e.readLo, e.readHi = min(e.readLo, lo), max(e.readHi, hi)
	}
}

// live is what may be read later: registers and words of the own frame.
type live struct {
	regs  isa.RegSet
	stack StackSet
}

// before moves l backwards over an instruction.
func (l *live) before(e *effect) {
	l.regs = l.regs&^e.defs | e.uses
	if e.killLo < e.killHi {
		l.stack = l.stack.Minus(e.kills())
	}
	if e.readLo < e.readHi {
		l.stack = l.stack.Union(e.reads())
	}
}

// Liveness says which registers and stack words may be read before they are
// overwritten. What is not live can be forgotten: states that differ only there
// behave alike.
//
// What it owes: a register or word not in the set is not read on any path of the
// graph before it is overwritten whole, given that pointers into a frame travel
// through registers, through the frame itself and upwards by argument passing,
// and that a pointer moved by an unknown amount moves upwards. A program can
// break the latter (so can a callee that steps below what it was given): an
// engine must forget to an unknown value, never to "unreadable" or to a value of
// its choice, and then a wrong guess costs precision, not soundness.
//
// The set at a local call holds what the callee may read through its arguments:
// it is what the frame needs while the callee runs.
type Liveness struct {
	regs  []isa.RegSet
	stack []StackSet
}

// Regs returns the registers that are live before slot pc. R10 is a member only
// where it is read. In code that the entry of its function does not reach, all are.
func (l *Liveness) Regs(pc int) isa.RegSet { return l.regs[pc] }

// Stack returns the words of the function's own frame that are live before slot pc.
func (l *Liveness) Stack(pc int) StackSet { return l.stack[pc] }

// Liveness computes liveness, in time near-linear in the program.
//
// args returns the registers that the helper or kernel function called at pc
// reads; nil, or a result with other registers, means R1 to R5. A local call reads
// the argument registers that are live at its callee's start.
func (g *Graph) Liveness(args func(pc int) isa.RegSet) *Liveness {
	a := &analysis{g: g, args: args,
		effects: make([]effect, len(g.Insns)),
		entry:   make([]isa.RegSet, len(g.Funcs)),
		in:      make([]live, len(g.Blocks)),
		out:     &Liveness{regs: make([]isa.RegSet, len(g.Insns)), stack: make([]StackSet, len(g.Insns))},
	}
	for i := len(g.funcOrder) - 1; i >= 0; i-- { // callees first
		f := g.funcOrder[i]
		fn := &g.Funcs[f]
		a.first = g.pos[fn.First]
		a.blocks = g.order[a.first:]
		for n := range a.blocks {
			if g.Blocks[a.blocks[n]].Func != f {
				a.blocks = a.blocks[:n]
				break
			}
		}
		a.forward()
		a.backward()
		a.entry[f] = a.in[fn.First].regs
	}
	a.perInstruction()
	return a.out
}

// analysis is the state of Liveness: blocks is the function at hand, in weak
// topological order, and first the position of its entry.
type analysis struct {
	g       *Graph
	args    func(pc int) isa.RegSet
	effects []effect     // by slot
	entry   []isa.RegSet // by function: registers live at its start
	in      []live       // by block
	out     *Liveness
	first   int32
	blocks  []BlockID
	states  []origins // by position in blocks
	seen    []bool
	gen     []live // by position in blocks: what the block reads first
	kill    []live // and what it overwrites
}

// forward finds the origins at the start of each block and, as the state before
// each instruction is at hand then, the effects: those of the last visit stay.
func (a *analysis) forward() {
	g, n := a.g, len(a.blocks)
	if cap(a.states) < n {
		a.states, a.seen = make([]origins, n), make([]bool, n)
	}
	a.states, a.seen = a.states[:n], a.seen[:n]
	clear(a.seen)
	a.states[0], a.seen[0] = entryOrigins(), true
	work := newQueue(n)
	work.add(0)
	var s origins
	budget := 32*n + 1024 // far above need; chains of changes are at most 4 a cell
	for p := work.take(); p >= 0; p = work.take() {
		if budget--; budget < 0 {
			a.surrender()
			return
		}
		s = a.states[p]
		blk := &g.Blocks[a.blocks[p]]
		a.walk(blk, &s)
		for _, succ := range blk.Succs {
			q := int(g.pos[succ] - a.first)
			if !a.seen[q] {
				a.states[q], a.seen[q] = s, true
				work.add(q)
			} else if a.states[q].widenWith(&s) {
				work.add(q)
			}
		}
	}
}

// walk moves s over a block and notes the effects.
func (a *analysis) walk(blk *Block, s *origins) {
	for pc := blk.Start; pc < blk.End; pc++ {
		a.effects[pc] = a.effect(pc, s)
		s.step(a.g.Insns[pc])
	}
}

// surrender notes the effects of states that know nothing.
func (a *analysis) surrender() {
	for _, b := range a.blocks {
		s := entryOrigins()
		s.forget()
		a.walk(&a.g.Blocks[b], &s)
	}
}

// effect returns what the instruction at pc does after s.
func (a *analysis) effect(pc int, s *origins) effect {
	i := a.g.Insns[pc]
	if i.Op == 0 { // the second slot of an LD_IMM64
		return effect{}
	}
	e := effect{uses: i.Uses(), defs: i.Defs()}
	if kinds[i.Op] == kindCall {
		a.callEffect(pc, s, &e)
		return e
	}
	reg, ok := accessBase(i)
	if !ok {
		if kinds[i.Op] == kindUnknown {
			e.read(-StackBytes, 0)
		}
		return e
	}
	base := s.get(reg)
	if !base.isPointer() {
		return e
	}
	from := base.offset() + int(i.Off)
	to := from + i.Size()
	if !base.isExact() {
		from, to = lowest(from), 0
	}
	switch k := kinds[i.Op]; {
	case k == kindLoad, k == kindAtomic && i.Imm != isa.AtomicStRel:
		e.read(from, to)
	case base.isExact():
		e.killLo, e.killHi = whole(from, to)
	}
	return e
}

// callEffect: a call reads its arguments and what they point to.
func (a *analysis) callEffect(pc int, s *origins, e *effect) {
	const all = 1<<isa.R1 | 1<<isa.R2 | 1<<isa.R3 | 1<<isa.R4 | 1<<isa.R5
	i := a.g.Insns[pc]
	e.uses = all
	switch {
	case i.IsLocalCall():
		e.uses = a.entry[a.g.FuncAt(callTarget(pc, i))] & all
	case a.args != nil:
		if u := a.args(pc); u&^all == 0 {
			e.uses = u
		}
	}
	for r := isa.R1; r <= isa.R5; r++ {
		if o := s.get(r); e.uses.Has(r) && o.isPointer() {
			e.read(s.reach(o), 0)
		}
	}
}

// backward solves liveness at the starts of blocks.
func (a *analysis) backward() {
	g, n := a.g, len(a.blocks)
	if cap(a.gen) < n {
		a.gen, a.kill = make([]live, n), make([]live, n)
	}
	gen, kill := a.gen[:n], a.kill[:n]
	clear(gen)
	clear(kill)
	work := newQueue(n)
	for p, b := range a.blocks {
		blk := &g.Blocks[b]
		for pc := blk.End - 1; pc >= blk.Start; pc-- {
			e := &a.effects[pc]
			gen[p].before(e)
			kill[p].regs |= e.defs
			kill[p].stack = kill[p].stack.Union(e.kills())
		}
		work.add(p)
	}
	// The queue yields least numbers: count from the end.
	for k := work.take(); k >= 0; k = work.take() {
		p := n - 1 - k
		b := a.blocks[p]
		l := a.after(b)
		l.regs = l.regs&^kill[p].regs | gen[p].regs
		l.stack = l.stack.Minus(kill[p].stack).Union(gen[p].stack)
		if l == a.in[b] {
			continue
		}
		a.in[b] = l
		for _, pred := range g.Blocks[b].Preds {
			if at := g.pos[pred]; at >= 0 {
				work.add(n - 1 - int(at-a.first))
			}
		}
	}
}

// after returns what is live at the end of b.
func (a *analysis) after(b BlockID) live {
	var l live
	for _, s := range a.g.Blocks[b].Succs {
		l.regs |= a.in[s].regs
		l.stack = l.stack.Union(a.in[s].stack)
	}
	return l
}

// perInstruction spreads the solution inside blocks.
func (a *analysis) perInstruction() {
	for b := range a.g.Blocks {
		blk := &a.g.Blocks[b]
		if !a.g.Reachable(BlockID(b)) {
			for pc := blk.Start; pc < blk.End; pc++ {
				a.out.regs[pc], a.out.stack[pc] = isa.AllRegs, fullStack
			}
			continue
		}
		l := a.after(BlockID(b))
		for pc := blk.End - 1; pc >= blk.Start; pc-- {
			l.before(&a.effects[pc])
			a.out.regs[pc], a.out.stack[pc] = l.regs, l.stack
		}
	}
}
