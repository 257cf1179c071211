package domaintest

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Precision returns the ledger of a domain: for each operation and condition at
// word 4 and operation widths 4 and 2 the share of pairs of elements whose result
// has no word more than the best the domain could say, the join of the constants
// that can come out. Of a condition both operands have to be best. Pairs are those
// of the other checks: all if they are few, else a sample that is the same at every
// run.
func Precision[E comparable](d domains.Scalar[E]) string {
	best := make([]set, 1<<16)
	for s, e := range hulls(d) {
		best[s] = gamma(d, e)
	}
	list, joins := elements(d)
	list = list[1:joins] // without Bottom, of which everything is best
	var b strings.Builder
	row := func(name any, count func(w isa.Width, a, b element[E]) bool) {
		fmt.Fprintf(&b, "%s %v", d.Name(), name)
		for _, w := range Tiny {
			hit, all := 0, 0
			// The callback never fails.
			_ = pairsOf(list, func(x, y element[E]) error {
				all++
				if count(w, x, y) {
					hit++
				}
				return nil
			})
			fmt.Fprintf(&b, " %.1f", 100*float64(hit)/float64(all))
		}
		b.WriteByte('\n')
	}
	for op := isa.InvalidALU + 1; op < isa.NumALU; op++ {
		tables := map[isa.Width]*images{Tiny[0]: tabulate(op, Tiny[0]), Tiny[1]: tabulate(op, Tiny[1])}
		row(op, func(w isa.Width, x, y element[E]) bool {
			return gamma(d, d.ALU(op, w, x.e, y.e)) == best[tables[w].of(x.set, y.set)]
		})
	}
	for c := isa.InvalidCond + 1; c < isa.NumCond; c++ {
		tables := map[isa.Width]*relation{Tiny[0]: relate(c, Tiny[0]), Tiny[1]: relate(c, Tiny[1])}
		row(c, func(w isa.Width, x, y element[E]) bool {
			s, t := tables[w].survivors(x.set, y.set)
			e, f := d.Assume(c, w, x.e, y.e)
			return gamma(d, e) == best[s] && gamma(d, f) == best[t]
		})
	}
	return b.String()
}
