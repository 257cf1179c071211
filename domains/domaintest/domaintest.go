// Package domaintest holds abstract domains to what they owe: soundness against
// isa.Eval and isa.Holds, the laws of the lattice, and widening that ends.
//
// The idea: at a word of 4 bits with operations of 4 and 2 bits everything can be
// counted out, and every mistake about carries, signs, shifts and subregisters that
// exists at 64 and 32 bits exists there too. γ of an element is then a bit set
// of 16 bits. The same checks run at 64 bits on words near the edges.
//
// A check returns the first violation as an error, so that a test can also show
// that a wrong domain is caught. Scalar and Numeric run all of them as subtests.
//
// The trap: a harness in which nothing is reachable passes. Each check counts
// what it looked at and fails if that is nothing.
package domaintest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// The widths at which domains are tested: tiny ones, for counting out, and real ones.
var (
	Tiny = []isa.Width{{Word: 4, Op: 4}, {Word: 4, Op: 2}}
	Real = []isa.Width{isa.W64, isa.W32}
)

// errNothing is what a check returns that had nothing to look at.
var errNothing = errors.New("domaintest: nothing was checked")

// check is one thing that a Scalar owes.
type check[E comparable] struct {
	name string
	run  func(d domains.Scalar[E]) error
}

func checks[E comparable]() []check[E] {
	return []check[E]{
		{"lattice", CheckLattice[E]},
		{"alu", CheckALU[E]},
		{"assume", CheckAssume[E]},
		{"words", CheckWords[E]},
		{"widen", CheckWiden[E]},
		{"real", CheckReal[E]},
	}
}

// Scalar runs every check on a Scalar.
func Scalar[E comparable](t *testing.T, d domains.Scalar[E]) {
	t.Helper()
	for _, c := range checks[E]() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(d); err != nil {
				t.Error(err)
			}
		})
	}
}

// newRand returns the generator of a check: the same at every run.
func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// set is γ of an element at word 4: bit x is set if x is in it.
type set uint16

func (s set) has(x uint64) bool { return s>>x&1 != 0 }

// element is an element of a domain at word 4, and its γ.
type element[E comparable] struct {
	e   E
	set set
}

func gamma[E comparable](d domains.Scalar[E], e E) set {
	var s set
	for x := uint64(0); x < 16; x++ {
		if d.Contains(Tiny[0], e, x) {
			s |= 1 << x
		}
	}
	return s
}

// hulls returns, for each of the 2^16 sets of words, the join of its constants.
func hulls[E comparable](d domains.Scalar[E]) []E {
	all := make([]E, 1<<16)
	all[0] = d.Bottom()
	for s := 1; s < len(all); s++ {
		var low uint64
		for s>>low&1 == 0 {
			low++
		}
		all[s] = d.Join(all[s&(s-1)], d.Const(Tiny[0], low))
	}
	return all
}

// elements returns the elements of a domain at word 4: all joins of constants, and
// some meets and widenings of those. The joins come first, the others after.
func elements[E comparable](d domains.Scalar[E]) (list []element[E], joins int) {
	seen := map[E]bool{}
	add := func(e E) {
		if !seen[e] {
			seen[e] = true
			list = append(list, element[E]{e, gamma(d, e)})
		}
	}
	add(d.Bottom())
	for _, e := range hulls(d) {
		add(e)
	}
	joins = len(list)
	add(d.Top(Tiny[0]))
	r := newRand()
	thresholds := domains.NewThresholds([]uint64{3, 10})
	for i := 0; i < 2000; i++ {
		a, b := list[r.IntN(joins)].e, list[r.IntN(joins)].e
		add(d.Meet(Tiny[0], a, b))
		if i%2 == 0 {
			add(d.Widen(Tiny[0], a, b, nil))
		} else {
			add(d.Widen(Tiny[0], a, b, thresholds))
		}
	}
	return list, joins
}

// maxPairs is how many pairs of elements a check looks at, for each operation.
const maxPairs = 12000

// pairsOf calls f for all pairs of elements if they are few, else for some, the same at every run.
func pairsOf[E comparable](list []element[E], f func(a, b element[E]) error) error {
	if len(list) == 0 {
		return errNothing
	}
	if len(list)*len(list) <= maxPairs {
		for _, a := range list {
			for _, b := range list {
				if err := f(a, b); err != nil {
					return err
				}
			}
		}
		return nil
	}
	r := newRand()
	for i := 0; i < maxPairs; i++ {
		if err := f(list[r.IntN(len(list))], list[r.IntN(len(list))]); err != nil {
			return err
		}
	}
	return nil
}

// images tabulates an operation at word 4: images[x][0][s] is {Eval(op, w, x, y) :
// y ∈ s} for a set s of words below 8, images[x][1][s>>8] for one of others.
type images [16][2][256]set

func tabulate(op isa.ALUOp, w isa.Width) *images {
	var t images
	for x := range t {
		for y := uint64(0); y < 16; y++ {
			z := set(1) << isa.Eval(op, w, uint64(x), y)
			for s := range t[x][y/8] {
				if s>>(y%8)&1 != 0 {
					t[x][y/8][s] |= z
				}
			}
		}
	}
	return &t
}

// of is the set {Eval(op, w, x, y) : x ∈ a, y ∈ b}.
func (t *images) of(a, b set) set {
	var s set
	for x := range t {
		if a.has(uint64(x)) {
			s |= t[x][0][b&255] | t[x][1][b>>8]
		}
	}
	return s
}

// relation tabulates a condition at word 4: the words y for which it holds with x,
// and the words x for which it holds with y.
type relation struct{ right, left [16]set }

func relate(c isa.Cond, w isa.Width) *relation {
	var t relation
	for x := range t.right {
		for y := range t.left {
			if isa.Holds(c, w, uint64(x), uint64(y)) {
				t.right[x] |= 1 << y
				t.left[y] |= 1 << x
			}
		}
	}
	return &t
}

// survivors are the words of a and of b that are in a pair for which it holds.
func (t *relation) survivors(a, b set) (set, set) {
	var s, u set
	for i := range t.right {
		if a.has(uint64(i)) && t.right[i]&b != 0 {
			s |= 1 << i
		}
		if b.has(uint64(i)) && t.left[i]&a != 0 {
			u |= 1 << i
		}
	}
	return s, u
}

// CheckALU counts out Eval(op, w, x, y) ∈ γ(ALU(op, w, a, b)) at word 4.
func CheckALU[E comparable](d domains.Scalar[E]) error {
	list, _ := elements(d)
	for _, w := range Tiny {
		for op := isa.InvalidALU + 1; op < isa.NumALU; op++ {
			table := tabulate(op, w)
			err := pairsOf(list, func(a, b element[E]) error {
				e := d.ALU(op, w, a.e, b.e)
				want := table.of(a.set, b.set)
				if lost := want &^ gamma(d, e); lost != 0 {
					return fmt.Errorf("%s: ALU %v at %v: %+v, %+v gives %+v, which lacks %016b", d.Name(), op, w, a.e, b.e, e, lost)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckAssume counts out that Assume keeps every pair for which c holds.
func CheckAssume[E comparable](d domains.Scalar[E]) error {
	list, _ := elements(d)
	for _, w := range Tiny {
		for c := isa.InvalidCond + 1; c < isa.NumCond; c++ {
			table := relate(c, w)
			err := pairsOf(list, func(a, b element[E]) error {
				e, f := d.Assume(c, w, a.e, b.e)
				s, t := table.survivors(a.set, b.set)
				if lost := s &^ gamma(d, e); lost != 0 {
					return fmt.Errorf("%s: Assume %v at %v: %+v, %+v: the first becomes %+v, which lacks %016b", d.Name(), c, w, a.e, b.e, e, lost)
				}
				if lost := t &^ gamma(d, f); lost != 0 {
					return fmt.Errorf("%s: Assume %v at %v: %+v, %+v: the second becomes %+v, which lacks %016b", d.Name(), c, w, a.e, b.e, f, lost)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
