package zone

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/bpfcheck/bpfcheck/domains"
)

// Contains reports whether the assignment is in the set. Of variables beyond the
// end of env it asks nothing.
func (z *State) Contains(env []uint64) bool {
	if z.bottom {
		return false
	}
	value, known := make([]uint64, len(z.nodes)), make([]bool, len(z.nodes))
	known[zero] = true
	for v, x := range env { // what the nodes are
		r := z.vars[v]
		x = (x - r.delta) & z.w.WordMask()
		n := &z.nodes[r.node]
		if k := uint64(max(r.scale(), -r.scale())); !r.plain() {
			if r.scale() < 0 {
				x = -x & z.w.WordMask()
			}
			if n.word.UMax > z.w.WordMask()/k {
				continue // more than one value is possible: left open, if no other variable tells
			}
			x /= k
		}
		if !known[r.node] {
			value[r.node], known[r.node] = x, true
		}
	}
	for v, x := range env {
		r := z.vars[v]
		if r.node != none && known[r.node] && (x&z.w.WordMask() != r.at(z.w, value[r.node]) || !z.nodes[r.node].word.Contains(z.w, value[r.node])) {
			return false
		}
	}
	for used := z.rel.used; used != 0; {
		x := pop(&used)
		for set := z.rel.out[x]; set != 0; {
			y := pop(&set)
			a, b := z.rel.owner[x], z.rel.owner[y]
			if known[a] && known[b] && !within(value[a], value[b], z.rel.edge(x, y)) {
				return false
			}
		}
	}
	return true
}

// within reports a - b <= c over ℤ.
func within(a, b uint64, c int64) bool {
	d, borrow := bits.Sub64(a, b, 0)
	if borrow == 1 { // a - b is d - 2^64
		return c >= 0 || -d >= uint64(-c)
	}
	return c >= 0 && d <= uint64(c)
}

// String prints the variables that are not Top: constants, then nodes by their
// first variable, what else is an offset of it, and the edges.
func (z *State) String() string {
	if z.bottom {
		return "bottom"
	}
	var parts []string
	name := make([]string, len(z.nodes))
	for v, r := range z.vars {
		switch {
		case r.node == none || z.trivial(r):
		case r.node == zero:
			parts = append(parts, fmt.Sprintf("v%d = %d", v, r.delta))
		case name[r.node] == "":
			name[r.node] = fmt.Sprintf("n%d", r.node)
			if r.plain() {
				name[r.node] = fmt.Sprintf("v%d%s", v, offsetString(z.w.Signed(-r.delta)))
				parts = append(parts, fmt.Sprintf("v%d in %s", v, wordString(z.wordOf(r))))
				break
			}
			parts = append(parts, fmt.Sprintf("%s in %s", name[r.node], wordString(z.nodes[r.node].word)))
			fallthrough
		default:
			factor := ""
			if !r.plain() {
				factor = fmt.Sprintf("%d * ", r.scale())
			}
			parts = append(parts, fmt.Sprintf("v%d = %s(%s)%s", v, factor, name[r.node], offsetString(z.w.Signed(r.delta))))
		}
	}
	for used := z.rel.used; used != 0; {
		x := pop(&used)
		for set := z.rel.out[x]; set != 0; {
			y := pop(&set)
			parts = append(parts, fmt.Sprintf("%s - (%s) <= %d", name[z.rel.owner[x]], name[z.rel.owner[y]], z.rel.edge(x, y)))
		}
	}
	if len(parts) == 0 {
		return "top"
	}
	return strings.Join(parts, ", ")
}

// offsetString prints + k or - k, nothing for 0.
func offsetString(k int64) string {
	switch {
	case k < 0:
		return fmt.Sprintf(" - %d", -uint64(k))
	case k > 0:
		return fmt.Sprintf(" + %d", k)
	}
	return ""
}

func wordString(d domains.Word) string {
	return fmt.Sprintf("[%d,%d]s[%d,%d]bits(%#x,%#x)", d.UMin, d.UMax, d.SMin, d.SMax, d.Value, d.Mask)
}
