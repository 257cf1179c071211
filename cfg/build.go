package cfg

import (
	"fmt"
	"slices"

	"github.com/bpfcheck/bpfcheck/isa"
)

// MaxInsns bounds the slots of a program that Build takes, well above what any
// platform loads, so that hostile input costs bounded memory.
const MaxInsns = 1 << 22

// maxProblems bounds how many problems are listed.
const maxProblems = 64

// tailCall is the number of the helper that replaces the running program (V19).
const tailCall = 12

// Problem is a fault in the shape of a program.
type Problem struct {
	Rule    string // of the checklist: V14, V18
	PC      int    // slot
	Message string
	// Policy: harmless, but refused by Linux. A problem of another kind leaves no
	// graph.
	Policy bool
}

// Options are facts about a program that its instructions do not tell.
type Options struct {
	// Starts are known starts of functions, in any order. Slot 0, the targets of
	// local calls and taken addresses are starts without being named.
	Starts []int
	// Roots are the starts of functions that the platform enters by itself, such as
	// a custom exception callback: not unreachable though nothing calls them.
	Roots []int
	// NoReturn reports whether the call at pc never returns, so that it may be the
	// last instruction of a function. Elsewhere such a call still has a successor:
	// the engine knows that its state dies there. Nil: every call returns.
	NoReturn func(pc int) bool
	// Splits reports whether a block ends after the call at pc although nothing jumps
	// there: calls that run a callback first return to the start of a block. Nil: none.
	Splits func(pc int) bool
}

// Build makes the graph of a program whose functions start at slot 0, at starts
// and wherever a local call or a taken address points.
func Build(insns []isa.Instruction, starts []int) (*Graph, []Problem) {
	return BuildWith(insns, Options{Starts: starts})
}

// BuildWith makes the graph of a program. The graph is nil exactly if a problem
// is not of policy. Problems come in the order in which Linux looks for them:
// functions, then jumps and ends of functions, then recursion, then
// reachability; the first of them is the one it reports. No more than 64 are
// listed.
//
// It accepts any slots: those that are no instruction fall through, except
// unknown ones of the jump classes, which are a problem.
func BuildWith(insns []isa.Instruction, opts Options) (*Graph, []Problem) {
	if len(insns) == 0 {
		return nil, []Problem{{Rule: "V14", Message: "empty program"}}
	}
	if len(insns) > MaxInsns {
		return nil, []Problem{{Rule: "V14", Message: fmt.Sprintf("%d instructions, more than %d", len(insns), MaxInsns)}}
	}
	b := &builder{insns: insns, noReturn: opts.NoReturn, splits: opts.Splits, second: secondSlots(insns)}
	b.g = &Graph{Insns: insns}
	b.findFuncs(opts.Starts)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	b.checkJumps()
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	b.makeBlocks()
	b.makeEdges()
	b.listCalls()
	if pc, ok := b.orderFuncs(); !ok {
		b.add("V18", pc, "recursion: the call stack has no bound, too many frames")
		return nil, b.problems
	}
	b.traverse()
	b.unreachable(opts.Roots)
	return b.g, b.problems
}

// builder holds what only construction needs.
type builder struct {
	g        *Graph
	insns    []isa.Instruction
	noReturn func(pc int) bool
	splits   func(pc int) bool
	second   []bool // by slot: second slot of an LD_IMM64
	starts   []int  // of functions, ascending
	problems []Problem
}

func (b *builder) add(rule string, pc int, format string, args ...any) {
	if len(b.problems) >= maxProblems {
		return
	}
	b.problems = append(b.problems, Problem{Rule: rule, PC: pc, Message: fmt.Sprintf(format, args...)})
}

// secondSlots marks the second slots of LD_IMM64. A cut-off last one has none.
func secondSlots(insns []isa.Instruction) []bool {
	second := make([]bool, len(insns))
	for pc := 0; pc < len(insns); pc++ {
		if insns[pc].IsLdImm64() && pc+1 < len(insns) {
			pc++
			second[pc] = true
		}
	}
	return second
}

// isRef reports whether i loads the address of a function.
func isRef(i isa.Instruction) bool { return i.IsLdImm64() && i.Src == isa.PseudoFunc }

// callTarget returns the slot that a local call or a load of a function's address names.
func callTarget(pc int, i isa.Instruction) int { return pc + 1 + int(i.Imm) }

// jumpTarget returns the slot that a jump goes to.
func jumpTarget(pc int, i isa.Instruction) int { return pc + 1 + int(i.JumpOffset()) }

// findFuncs collects the starts of functions. Rule V18, I9: a call goes to an
// instruction of the program.
func (b *builder) findFuncs(known []int) {
	b.starts = append(b.starts, 0)
	for _, s := range known {
		if s < 0 || s >= len(b.insns) || b.second[s] {
			b.add("V18", max(s, 0), "function start %d is no instruction", s)
			continue
		}
		b.starts = append(b.starts, s)
	}
	for pc, i := range b.insns {
		if b.second[pc] || !i.IsLocalCall() && !isRef(i) {
			continue
		}
		switch t := callTarget(pc, i); {
		case t < 0 || t >= len(b.insns):
			b.add("V18", pc, "call to invalid destination %d", t)
		case b.second[t]:
			b.add("V18", pc, "call to invalid destination %d, the middle of ldimm64 insn %d", t, t-1)
		default:
			b.starts = append(b.starts, t)
		}
	}
	slices.Sort(b.starts)
	b.starts = slices.Compact(b.starts)
}

// checkJumps judges jumps and the ends of functions, rules V14 and I9.
func (b *builder) checkJumps() {
	for k, start := range b.starts {
		end := len(b.insns)
		if k+1 < len(b.starts) {
			end = b.starts[k+1]
		}
		last := start
		for pc := start; pc < end; pc += b.slots(pc) {
			b.checkJump(pc, start, end)
			last = pc
		}
		if i := b.insns[last]; !i.IsExit() && !i.IsGoto() && !b.isNoReturn(last) {
			b.add("V14", last, "last insn is not an exit or jmp: control falls off the end of the function")
		}
	}
}

func (b *builder) checkJump(pc, start, end int) {
	i := b.insns[pc]
	if !i.IsGoto() && !i.IsCondJump() {
		if c := i.Class(); (c == isa.ClassJMP || c == isa.ClassJMP32) && !i.IsCall() && !i.IsExit() {
			b.add("V14", pc, "jump opcode %#02x is unknown", i.Op)
		}
		return
	}
	switch t := jumpTarget(pc, i); {
	case t < start || t >= end:
		b.add("V14", pc, "jump out of range from insn %d to %d", pc, t)
	case b.second[t]:
		b.add("V14", pc, "jump into the middle of ldimm64 insn %d", t-1)
	}
}

func (b *builder) isNoReturn(pc int) bool {
	return b.noReturn != nil && b.insns[pc].IsCall() && b.noReturn(pc)
}

// slots returns how many slots of the program the instruction at pc takes.
func (b *builder) slots(pc int) int {
	if pc+1 < len(b.insns) && b.second[pc+1] {
		return 2
	}
	return 1
}

// endsBlock reports whether control may go elsewhere than to the next instruction.
func endsBlock(i isa.Instruction) bool {
	return i.IsGoto() || i.IsCondJump() || i.IsExit() || i.IsLocalCall()
}

// makeBlocks cuts the program into functions and blocks.
func (b *builder) makeBlocks() {
	g, n := b.g, len(b.insns)
	leader := make([]bool, n+1)
	for _, s := range b.starts {
		leader[s] = true
	}
	for pc := 0; pc < n; pc += b.slots(pc) {
		i := b.insns[pc]
		if endsBlock(i) || b.splits != nil && i.IsCall() && b.splits(pc) {
			leader[pc+1] = true
		}
		if i.IsGoto() || i.IsCondJump() {
			leader[jumpTarget(pc, i)] = true
		}
	}
	count := 0
	for _, l := range leader[:n] {
		if l {
			count++
		}
	}
	g.Blocks = make([]Block, 0, count)
	g.Funcs = make([]Func, len(b.starts))
	g.blockAt = make([]BlockID, n)
	f := -1
	for pc := 0; pc < n; pc++ {
		if leader[pc] {
			if f+1 < len(b.starts) && b.starts[f+1] == pc {
				f++
				g.Funcs[f] = Func{Start: pc, First: BlockID(len(g.Blocks))}
			}
			g.Blocks = append(g.Blocks, Block{Start: pc, Func: f})
		}
		id := len(g.Blocks) - 1
		g.blockAt[pc] = BlockID(id)
		g.Blocks[id].End = pc + 1
		g.Funcs[f].End, g.Funcs[f].Last = pc+1, BlockID(id+1)
	}
}

// makeEdges links the blocks. Checked before: every jump stays inside its
// function and nothing falls off its end, except after a call without return.
func (b *builder) makeEdges() {
	g := b.g
	succs := make([]BlockID, 0, 2*len(g.Blocks))
	indeg := make([]int32, len(g.Blocks))
	for id := range g.Blocks {
		blk := &g.Blocks[id]
		last := blk.End - 1
		if b.second[last] {
			last--
		}
		i, from := b.insns[last], len(succs)
		falls := !i.IsExit() && !i.IsGoto() && BlockID(id+1) < g.Funcs[blk.Func].Last
		if falls {
			succs = append(succs, BlockID(id+1))
		}
		if i.IsGoto() || i.IsCondJump() {
			succs = append(succs, g.blockAt[jumpTarget(last, i)])
		}
		blk.Succs = succs[from:len(succs):len(succs)]
		for _, s := range blk.Succs {
			indeg[s]++
		}
	}
	preds := make([]BlockID, len(succs))
	at := int32(0)
	for id := range g.Blocks {
		g.Blocks[id].Preds = preds[at : at : at+indeg[id]]
		at += indeg[id]
	}
	for id := range g.Blocks {
		for _, s := range g.Blocks[id].Succs {
			g.Blocks[s].Preds = append(g.Blocks[s].Preds, BlockID(id))
		}
	}
}

// listCalls fills in what functions call and what they do to their stack.
func (b *builder) listCalls() {
	g := b.g
	for pc, i := range b.insns {
		if b.second[pc] {
			continue
		}
		f := &g.Funcs[g.FuncAt(pc)]
		switch {
		case i.IsLocalCall():
			f.Calls = append(f.Calls, Call{pc, g.FuncAt(callTarget(pc, i))})
		case isRef(i):
			callee := g.FuncAt(callTarget(pc, i))
			f.Refs = append(f.Refs, Call{pc, callee})
			g.Funcs[callee].Callback = true
		case i.IsCall() && i.Src == isa.CallHelper && i.Imm == tailCall:
			f.HasTailCall = true
		default:
			if base, ok := accessBase(i); ok && base == isa.FP {
				f.StackDepth = max(f.StackDepth, -int(i.Off))
			}
		}
	}
}

// unreachable reports what no path from the main program or a root can reach,
// taking calls and taken addresses as paths: one problem for each run of slots.
func (b *builder) unreachable(roots []int) {
	g := b.g
	seen := make([]bool, len(g.Funcs))
	work := []int{0}
	seen[0] = true
	visit := func(f int) {
		if f >= 0 && !seen[f] {
			seen[f] = true
			work = append(work, f)
		}
	}
	for _, pc := range roots {
		visit(g.FuncStarting(pc))
	}
	for len(work) > 0 {
		f := &g.Funcs[work[len(work)-1]]
		work = work[:len(work)-1]
		for _, list := range [][]Call{f.Calls, f.Refs} {
			for _, c := range list {
				if g.Reachable(g.BlockAt(c.PC)) {
					visit(c.Callee)
				}
			}
		}
	}
	run := false
	for id := range g.Blocks {
		blk := &g.Blocks[id]
		dead := !seen[blk.Func] || !g.Reachable(BlockID(id))
		if dead && !run {
			b.add("V14", blk.Start, "unreachable insn %d", blk.Start)
		}
		run = dead
	}
	for i := range b.problems {
		b.problems[i].Policy = true // the only problems that leave a graph
	}
}
