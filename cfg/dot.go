package cfg

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteDOT writes the graph in the language of Graphviz: a cluster for each
// function, a node for each block with the lines that label returns for its
// instructions, heads of loops with a double border, unreachable blocks dashed,
// edges that enter a loop again bold, taken edges marked T. The second slots of
// LD_IMM64 have no line. Calls are dotted edges between functions.
func (g *Graph) WriteDOT(w io.Writer, label func(pc int) string) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "digraph program {")
	fmt.Fprintln(out, "\tnode [shape=box fontname=monospace];")
	for f := range g.Funcs {
		fn := &g.Funcs[f]
		fmt.Fprintf(out, "\tsubgraph cluster_%d {\n\t\tlabel=\"function %d at %d\";\n", f, f, fn.Start)
		for id := fn.First; id < fn.Last; id++ {
			g.writeBlock(out, id, label)
		}
		fmt.Fprintln(out, "\t}")
		for _, c := range fn.Calls {
			fmt.Fprintf(out, "\tb%d -> b%d [style=dotted constraint=false];\n", g.BlockAt(c.PC), g.Funcs[c.Callee].First)
		}
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}

func (g *Graph) writeBlock(out io.Writer, id BlockID, label func(pc int) string) {
	blk := &g.Blocks[id]
	var text strings.Builder
	for pc := blk.Start; pc < blk.End; pc += g.Insns[pc].Slots() {
		fmt.Fprintf(&text, "%d: %s\\l", pc, dotEscaper.Replace(label(pc)))
	}
	attrs := ""
	if g.IsHead(id) {
		attrs = " peripheries=2"
	}
	if !g.Reachable(id) {
		attrs = " style=dashed"
	}
	fmt.Fprintf(out, "\t\tb%d [label=\"%s\"%s];\n", id, text.String(), attrs)
	for i, s := range blk.Succs {
		attrs = ""
		if len(blk.Succs) == 2 && i == 1 {
			attrs = " label=T"
		}
		if g.Reachable(id) && g.IsBackEdge(id, s) {
			attrs += " style=bold"
		}
		if attrs != "" {
			attrs = " [" + attrs[1:] + "]"
		}
		fmt.Fprintf(out, "\t\tb%d -> b%d%s;\n", id, s, attrs)
	}
}

// dotEscaper makes text safe inside a quoted label.
var dotEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\l`, "\r", "")
