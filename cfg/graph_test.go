package cfg

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/graph/flow"
	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"github.com/bpfcheck/bpfcheck/isa"
)

// eachRandom calls check with graphs of random programs: small ones of one
// function, dense in loops and irreducible regions, and ones of several functions.
func eachRandom(t *testing.T, count int, check func(t *testing.T, g *Graph)) {
	r := rand.New(rand.NewPCG(3, 7))
	for n := range count {
		insns := randomJumps(r, 1+r.IntN(24))
		for k := r.IntN(3); k > 0; k-- {
			insns = append(insns, randomJumps(r, 1+r.IntN(12))...)
		}
		g, problems := BuildWith(insns, Options{Starts: startsAfterExits(insns)})
		if g == nil {
			t.Fatalf("program %d: %v", n, problems)
		}
		check(t, g)
		if t.Failed() {
			t.Fatalf("program %d:\n%s", n, isa.DisassembleProgram(insns, isa.DisasmOptions{}))
		}
	}
}

// startsAfterExits takes every exit as the end of a function.
func startsAfterExits(insns []isa.Instruction) []int {
	var starts []int
	for pc, i := range insns[:len(insns)-1] {
		if i.IsExit() {
			starts = append(starts, pc+1)
		}
	}
	return starts
}

// TestEdges compares successors with the instructions.
func TestEdges(t *testing.T) {
	eachRandom(t, 500, func(t *testing.T, g *Graph) {
		for id := range g.Blocks {
			blk := &g.Blocks[id]
			last := g.Insns[blk.End-1]
			var want []BlockID
			if !last.IsExit() && !last.IsGoto() {
				want = append(want, g.BlockAt(blk.End))
			}
			if last.IsGoto() || last.IsCondJump() {
				want = append(want, g.BlockAt(blk.End+int(last.JumpOffset())))
			}
			if !slices.Equal(want, blk.Succs) {
				t.Errorf("block %d: successors %v, want %v", id, blk.Succs, want)
			}
			for _, s := range blk.Succs {
				if g.Blocks[s].Start != g.Blocks[g.BlockAt(g.Blocks[s].Start)].Start || g.Blocks[s].Func != blk.Func {
					t.Errorf("block %d: bad successor %d", id, s)
				}
			}
			preds := 0
			for from := range g.Blocks {
				for _, s := range g.Blocks[from].Succs {
					if s == BlockID(id) {
						preds++
					}
				}
			}
			if preds != len(blk.Preds) {
				t.Errorf("block %d: %d predecessors, want %d", id, len(blk.Preds), preds)
			}
		}
	})
}

// subgraph returns the graph of some blocks for gonum, self-loops left out.
func subgraph(g *Graph, blocks []BlockID) *simple.DirectedGraph {
	d := simple.NewDirectedGraph()
	for _, b := range blocks {
		d.AddNode(simple.Node(b))
	}
	for _, b := range blocks {
		for _, s := range g.Blocks[b].Succs {
			if s != b && d.Node(int64(s)) != nil {
				d.SetEdge(d.NewEdge(simple.Node(b), simple.Node(s)))
			}
		}
	}
	return d
}

// functionBlocks returns the reachable blocks of f.
func functionBlocks(g *Graph, f int) []BlockID {
	var s []BlockID
	for _, b := range g.WTO() {
		if g.Blocks[b].Func == f {
			s = append(s, b)
		}
	}
	return s
}

func TestDominators(t *testing.T) {
	eachRandom(t, 500, func(t *testing.T, g *Graph) {
		for f := range g.Funcs {
			blocks := functionBlocks(g, f)
			tree := flow.Dominators(simple.Node(g.Funcs[f].First), subgraph(g, blocks))
			for _, b := range blocks {
				want := NoBlock
				if d := tree.DominatorOf(int64(b)); d != nil {
					want = BlockID(d.ID())
				}
				if g.Idom(b) != want {
					t.Errorf("immediate dominator of block %d is %d, want %d", b, g.Idom(b), want)
				}
				for _, a := range blocks {
					want := false
					for d := b; d != NoBlock; d = g.Idom(d) {
						want = want || d == a
					}
					if g.Dominates(a, b) != want {
						t.Errorf("Dominates(%d, %d) is %v", a, b, !want)
					}
				}
			}
		}
	})
}

// cycles returns the strongly connected components that hold a cycle, each sorted.
func cycles(g *Graph, blocks []BlockID) []string {
	var out []string
	for _, part := range topo.TarjanSCC(subgraph(g, blocks)) {
		var ids []int
		for _, n := range part {
			ids = append(ids, int(n.ID()))
		}
		if len(ids) > 1 || slices.Contains(g.Blocks[ids[0]].Succs, BlockID(ids[0])) {
			slices.Sort(ids)
			out = append(out, fmt.Sprint(ids))
		}
	}
	slices.Sort(out)
	return out
}

// TestLoops compares the loop forest with Bourdoncle's definition: the loops next
// inside a set of blocks are the components of what is left without the head.
func TestLoops(t *testing.T) {
	loops := 0
	eachRandom(t, 2000, func(t *testing.T, g *Graph) {
		loops += len(g.Loops)
		have := map[string][]string{}
		for _, l := range g.Loops {
			ids := make([]int, len(l.Blocks))
			for i, b := range l.Blocks {
				ids[i] = int(b)
			}
			slices.Sort(ids)
			key := fmt.Sprint("in function ", g.Blocks[l.Head].Func)
			if l.Parent != NoLoop {
				key = fmt.Sprint("in loop ", l.Parent)
			}
			have[key] = append(have[key], fmt.Sprint(ids))
		}
		judge := func(key string, blocks []BlockID) {
			slices.Sort(have[key])
			if want := cycles(g, blocks); !slices.Equal(want, have[key]) {
				t.Errorf("%s: loops %v, want %v", key, have[key], want)
			}
		}
		for f := range g.Funcs {
			judge(fmt.Sprint("in function ", f), functionBlocks(g, f))
		}
		for id, l := range g.Loops {
			judge(fmt.Sprint("in loop ", id), l.Blocks[1:])
		}
	})
	if loops < 2000 {
		t.Errorf("only %d loops", loops)
	}
}

// checkOrder states what the weak topological order and the loops promise.
func checkOrder(t *testing.T, g *Graph) {
	for at, b := range g.WTO() {
		if g.Order(b) != at {
			t.Errorf("block %d is at %d, not %d", b, g.Order(b), at)
		}
		for _, s := range g.Blocks[b].Succs {
			if g.Order(s) <= g.Order(b) && (!g.IsHead(s) || !g.InLoop(b, g.LoopOf(s))) {
				t.Errorf("edge %d -> %d goes back and enters no head", b, s)
			}
			if g.IsBackEdge(b, s) != (g.Order(s) <= g.Order(b)) {
				t.Errorf("edge %d -> %d: IsBackEdge is wrong", b, s)
			}
		}
	}
	irreducible := make([]bool, len(g.Loops))
	for _, b := range g.WTO() {
		for _, s := range g.Blocks[b].Succs {
			for l := g.LoopOf(s); l != NoLoop; l = g.Loops[l].Parent {
				irreducible[l] = irreducible[l] || !g.InLoop(b, l) && g.Loops[l].Head != s
			}
		}
	}
	for id, l := range g.Loops {
		depth := 1
		if l.Parent != NoLoop {
			depth = g.Loops[l.Parent].Depth + 1
		}
		if l.Blocks[0] != l.Head || g.LoopOf(l.Head) != LoopID(id) || l.Depth != depth {
			t.Errorf("loop %d is malformed: %+v", id, l)
		}
		if l.Irreducible != irreducible[id] {
			t.Errorf("loop %d: irreducible is %v", id, l.Irreducible)
		}
	}
}

func TestWeakTopologicalOrder(t *testing.T) {
	irreducible := 0
	eachRandom(t, 2000, func(t *testing.T, g *Graph) {
		checkOrder(t, g)
		for _, l := range g.Loops {
			if l.Irreducible {
				irreducible++
			}
		}
		// Reverse postorder: an edge backwards goes to an ancestor of a tree, which
		// heads a loop around its source.
		at := make([]int, len(g.Blocks))
		for i, b := range g.RPO() {
			at[b] = i
		}
		for _, b := range g.RPO() {
			for _, s := range g.Blocks[b].Succs {
				if at[s] <= at[b] && !g.InLoop(b, g.LoopOf(s)) {
					t.Errorf("edge %d -> %d goes back in reverse postorder", b, s)
				}
			}
		}
	})
	if irreducible < 200 {
		t.Errorf("only %d irreducible loops", irreducible)
	}
	if testing.Short() {
		return
	}
	for _, s := range shapes { // deep ones, without the quadratic part of the checks
		g, _ := Build(s.make(3000), nil)
		checkOrder(t, g)
	}
}

func TestDOT(t *testing.T) {
	insns := []isa.Instruction{movImm(isa.R1, 3), addImm(isa.R1, -1), jeq(-2), call(1), exit, nop, exit}
	g, _ := Build(insns, nil)
	var out strings.Builder
	label := func(pc int) string { return isa.Disassemble(insns[pc], pc, isa.DisasmOptions{}) + ` "q"` }
	if err := g.WriteDOT(&out, label); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"subgraph cluster_0", "subgraph cluster_1", `b1 [label="1: `, "peripheries=2", "b1 -> b1 [label=T style=bold]",
		`\"q\"`, "b2 -> b4 [style=dotted constraint=false]",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if err := g.WriteDOT(failingWriter{}, label); err == nil {
		t.Error("an error of the writer is lost")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
