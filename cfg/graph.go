// Package cfg turns instructions into a graph: subprograms, basic blocks, edges,
// dominators, loops, a weak topological order, the call graph and liveness.
//
// The idea: everything the analysis asks about shape is computed once, in
// near-linear time, before any value is known. Blocks are numbered by address,
// functions likewise. Reachable blocks also have a position in one weak
// topological order (WTO): an edge that does not go forward in it enters the
// head of a loop that contains its source, so a worklist served by position
// stabilises inner loops first and widening at heads cuts every cycle.
//
// Loops are those of a depth-first spanning tree: the loop of h holds the blocks
// below h in the tree from which h can be reached without leaving that subtree.
// For reducible graphs these are the natural loops; an irreducible region gets
// the block entered first as its head. Either way they are the components of
// Bourdoncle's order for the same tree.
//
// Sources: Bourdoncle, "Efficient chaotic iteration strategies with widenings",
// 1993; Ramalingam, "Identifying loops in almost linear time", 1999; Kim, Venet,
// Thakur, "Deterministic parallel fixpoint computation", 2020; Lengauer, Tarjan,
// "A fast algorithm for finding dominators in a flowgraph", 1979. Rules V14, V18
// and I9 of the checklist.
//
// The trap: a jump counts slots, and the second slot of an LD_IMM64 is one. The
// other trap is depth: 20,000 nested loops are legal input, so nothing here
// recurses and nothing costs the nesting depth per block.
package cfg

import "github.com/bpfcheck/bpfcheck/isa"

// BlockID numbers the basic blocks of a program by address, from 0.
type BlockID int32

// NoBlock stands for the absence of a block.
const NoBlock BlockID = -1

// LoopID numbers the loops of a program by the position of their heads in the
// weak topological order.
type LoopID int32

// NoLoop stands for the absence of a loop.
const NoLoop LoopID = -1

// Block is a basic block. It ends after a jump, an exit or a local call, and
// before the target of a jump.
type Block struct {
	// Start and End are slots, End exclusive. Both slots of an LD_IMM64 belong to
	// the block.
	Start, End int
	// Func is the index of the function in Graph.Funcs.
	Func int
	// Succs are the successors inside the function. After a conditional jump (and
	// may_goto) Succs[0] falls through and Succs[1] is taken; both are kept when
	// they are the same block. After a local call it is the point of return.
	Succs []BlockID
	// Preds has an entry for each edge, by address of the source.
	Preds []BlockID
}

// Call is a place where a function is called or its address taken.
type Call struct {
	PC     int
	Callee int // index in Graph.Funcs
}

// Func is a function: the main program or a subprogram.
type Func struct {
	Start, End int // slots, End exclusive
	// First and Last bound its blocks, Last exclusive. First is the entry.
	First, Last BlockID
	// Calls are its local calls, by address.
	Calls []Call
	// Refs are its loads of a function's address (LD_IMM64 with src 4), by address.
	Refs []Call
	// StackDepth is how many bytes below r10 its loads, stores and atomics with base
	// register r10 reach, dead ones included; 0 if there are none. Linux counts
	// accesses through other registers and by helpers too, and only where its
	// analysis arrived: an engine knows better and passes Stack.Depths.
	StackDepth int
	// HasTailCall: it calls helper 12.
	HasTailCall bool
	// Callback: its address is taken somewhere.
	Callback bool
}

// Loop is a strongly connected component of the weak topological order.
type Loop struct {
	Head   BlockID
	Parent LoopID // the next enclosing loop, NoLoop if there is none
	Depth  int    // 1 for an outermost loop
	// Blocks are all its blocks, those of inner loops included, in weak topological
	// order: the head comes first. Not to be changed: loops share the memory.
	Blocks []BlockID
	// Irreducible: it can be entered other than through its head.
	Irreducible bool
}

// Graph is the control flow of a program. It does not change once built and may
// be shared.
type Graph struct {
	Insns  []isa.Instruction
	Blocks []Block
	Funcs  []Func
	Loops  []Loop

	blockAt   []BlockID // by slot
	order     []BlockID // weak topological order of the reachable blocks
	pos       []int32   // by block: index in order, -1 if unreachable in its function
	loopOf    []LoopID  // by block: innermost loop
	rpo       []BlockID // reverse postorder, function by function like order
	idom      []BlockID // by block: immediate dominator
	domIn     []int32   // by block: interval of the dominator tree
	domOut    []int32
	funcOrder []int     // callers before callees
	callees   [][]int32 // by function: what may be on the stack above it, see orderFuncs
	refsFrom  []int32   // by function: index in callees where those known from Refs alone begin
}

// BlockAt returns the block that holds slot pc, NoBlock outside of the program.
func (g *Graph) BlockAt(pc int) BlockID {
	if pc < 0 || pc >= len(g.blockAt) {
		return NoBlock
	}
	return g.blockAt[pc]
}

// FuncAt returns the index of the function that holds slot pc, -1 outside of the
// program.
func (g *Graph) FuncAt(pc int) int {
	if b := g.BlockAt(pc); b != NoBlock {
		return g.Blocks[b].Func
	}
	return -1
}

// FuncStarting returns the index of the function that starts at slot pc, -1 if
// none does.
func (g *Graph) FuncStarting(pc int) int {
	if f := g.FuncAt(pc); f >= 0 && g.Funcs[f].Start == pc {
		return f
	}
	return -1
}

// WTO returns the blocks reachable from the entry of their function in weak
// topological order, function by function, callers before callees. A loop's
// blocks are contiguous. Not to be changed.
func (g *Graph) WTO() []BlockID { return g.order }

// Order returns the position of b in WTO, -1 if b cannot be reached.
// For an edge u->v with Order(v) <= Order(u), v is the head of a loop that
// contains u.
func (g *Graph) Order(b BlockID) int { return int(g.pos[b]) }

// Reachable reports whether b can be reached from the entry of its function.
func (g *Graph) Reachable(b BlockID) bool { return g.pos[b] >= 0 }

// IsHead reports whether b is the head of a loop.
func (g *Graph) IsHead(b BlockID) bool {
	l := g.loopOf[b]
	return l != NoLoop && g.Loops[l].Head == b
}

// LoopOf returns the innermost loop around b, its own if b is a head, else NoLoop.
func (g *Graph) LoopOf(b BlockID) LoopID { return g.loopOf[b] }

// InLoop reports whether b belongs to loop l.
func (g *Graph) InLoop(b BlockID, l LoopID) bool {
	if l == NoLoop || g.pos[b] < 0 {
		return false
	}
	first := g.pos[g.Loops[l].Head]
	return g.pos[b] >= first && int(g.pos[b]-first) < len(g.Loops[l].Blocks)
}

// IsBackEdge reports whether the edge u->v does not go forward in the weak
// topological order; v is then a head.
func (g *Graph) IsBackEdge(u, v BlockID) bool { return g.pos[v] <= g.pos[u] && g.pos[v] >= 0 }

// RPO returns the reachable blocks in reverse postorder, function by function as
// WTO. Not to be changed.
func (g *Graph) RPO() []BlockID { return g.rpo }

// Idom returns the immediate dominator of b inside its function, NoBlock for an
// entry or unreachable block.
func (g *Graph) Idom(b BlockID) BlockID { return g.idom[b] }

// Dominates reports whether every path from the entry of b's function to b
// passes a. A block dominates itself; unreachable blocks dominate nothing else
// and are dominated by nothing else.
func (g *Graph) Dominates(a, b BlockID) bool {
	if a == b {
		return true
	}
	return g.pos[a] >= 0 && g.pos[b] >= 0 && g.domIn[a] <= g.domIn[b] && g.domOut[b] <= g.domOut[a]
}

// FuncOrder returns the functions so that callers come before those they call.
// Taking an address orders likewise as far as that makes no cycle. Not to be
// changed.
func (g *Graph) FuncOrder() []int { return g.funcOrder }
