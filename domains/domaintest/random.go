package domaintest

import (
	"fmt"
	"math/rand/v2"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// randomWord returns a Word at word 4 in which any field may say something.
func randomWord(r *rand.Rand) domains.Word {
	d := domains.TopWord(Tiny[0])
	if r.IntN(2) == 0 {
		d.Mask = r.Uint64N(16)
		d.Value = r.Uint64N(16) &^ d.Mask
	}
	if r.IntN(2) == 0 {
		d.UMin, d.UMax = r.Uint64N(16), r.Uint64N(16)
	}
	if r.IntN(2) == 0 {
		d.SMin, d.SMax = r.Int64N(16)-8, r.Int64N(16)-8
	}
	if r.IntN(3) == 0 {
		d.U32Min, d.U32Max = r.Uint32N(4), r.Uint32N(4)
	}
	if r.IntN(3) == 0 {
		d.S32Min, d.S32Max = r.Int32N(4)-2, r.Int32N(4)-2
	}
	return d
}

// Edge returns a random word, near the ends of ranges more often than not.
func Edge(r *rand.Rand, w isa.Width) uint64 {
	var x uint64
	switch r.IntN(4) {
	case 0:
		x = r.Uint64()
	case 1: // near a power of two, on either side of zero
		x = 1<<r.IntN(int(w.Word)) + r.Uint64N(5) - 2
		if r.IntN(2) == 0 {
			x = -x
		}
	case 2: // small, or minus small
		x = r.Uint64N(70) - 6
	case 3: // each half near an end of its own
		h := w.Word / 2
		x = (r.Uint64N(5)-2)<<h | (r.Uint64N(5)-2)&w.SubMask()
		if r.IntN(2) == 0 {
			x ^= 1 << (h - 1)
		}
	}
	return x & w.WordMask()
}

// known is an element and some words that are in it.
type known[E comparable] struct {
	e     E
	words []uint64
}

// randomElement returns an element made of a few words, perhaps widened or met
// with another that has them.
func randomElement[E comparable](r *rand.Rand, d domains.Scalar[E], w isa.Width) known[E] {
	k := known[E]{e: d.Bottom()}
	for n := 1 + r.IntN(4); n > 0; n-- {
		x := Edge(r, w)
		if len(k.words) > 0 && r.IntN(2) == 0 {
			x = (k.words[0] + r.Uint64N(9)) & w.WordMask()
		}
		k.words = append(k.words, x)
		k.e = d.Join(k.e, d.Const(w, x))
	}
	switch r.IntN(6) {
	case 0:
		k.e = d.Meet(w, k.e, d.Join(k.e, d.Const(w, Edge(r, w))))
	case 1:
		k.e = d.Widen(w, k.e, d.Join(k.e, d.Const(w, Edge(r, w))), nil)
	}
	for i := 0; i < 8; i++ { // more of its words than it was made of
		x := k.words[r.IntN(len(k.words))] ^ 1<<r.IntN(int(w.Word))
		if i&1 == 0 {
			x = Edge(r, w)
		}
		if d.Contains(w, k.e, x) {
			k.words = append(k.words, x)
		}
	}
	return k
}

// CheckReal checks ALU, Assume, Meet and the exchange at 64 and 32 bits on random elements.
func CheckReal[E comparable](d domains.Scalar[E]) error {
	r := newRand()
	for i := 0; i < 4000; i++ {
		for _, w := range Real {
			a, b := randomElement(r, d, w), randomElement(r, d, w)
			for op := isa.InvalidALU + 1; op < isa.NumALU; op++ {
				if err := realALU(d, op, w, a, b); err != nil {
					return err
				}
			}
			for c := isa.InvalidCond + 1; c < isa.NumCond; c++ {
				if err := realAssume(d, c, w, a, b); err != nil {
					return err
				}
			}
			if err := realExchange(d, w, a, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func realALU[E comparable](d domains.Scalar[E], op isa.ALUOp, w isa.Width, a, b known[E]) error {
	e := d.ALU(op, w, a.e, b.e)
	for _, x := range a.words {
		for _, y := range b.words {
			if z := isa.Eval(op, w, x, y); !d.Contains(w, e, z) {
				return fmt.Errorf("%s: ALU %v at %v: %+v, %+v gives %+v, but %#x, %#x give %#x", d.Name(), op, w, a.e, b.e, e, x, y, z)
			}
		}
	}
	return nil
}

func realAssume[E comparable](d domains.Scalar[E], c isa.Cond, w isa.Width, a, b known[E]) error {
	e, f := d.Assume(c, w, a.e, b.e)
	for _, x := range a.words {
		for _, y := range b.words {
			if isa.Holds(c, w, x, y) && !(d.Contains(w, e, x) && d.Contains(w, f, y)) {
				return fmt.Errorf("%s: Assume %v at %v: %+v, %+v gives %+v, %+v, which lack %#x, %#x", d.Name(), c, w, a.e, b.e, e, f, x, y)
			}
		}
	}
	return nil
}

func realExchange[E comparable](d domains.Scalar[E], w isa.Width, a, b known[E]) error {
	word, m := d.Word(w, a.e), d.Meet(w, a.e, b.e)
	both := d.FromWord(w, word.Meet(d.Word(w, b.e)))
	for _, x := range a.words {
		if !word.Contains(w, x) {
			return fmt.Errorf("%s: Word of %+v is %+v, which lacks %#x", d.Name(), a.e, word, x)
		}
		if d.Contains(w, b.e, x) && !(d.Contains(w, m, x) && d.Contains(w, both, x)) {
			return fmt.Errorf("%s: a meet of %+v and %+v lacks %#x: %+v, by way of Words %+v", d.Name(), a.e, b.e, x, m, both)
		}
	}
	return nil
}

// maxWidenings is how often a chain of widenings may move: no domain here has more
// than a few bounds, a few thresholds for each of them, and the bits of a word.
const maxWidenings = 200

// CheckWiden checks that chains of widenings end: with counters that go up and
// down, with random words, with and without thresholds.
func CheckWiden[E comparable](d domains.Scalar[E]) error {
	r := newRand()
	thresholds := domains.NewThresholds([]uint64{0, 16, 100, 1 << 31, 1 << 32, 1 << 63, ^uint64(0)})
	for i := 0; i < 300; i++ {
		t := thresholds
		if i%2 == 0 {
			t = nil
		}
		w := Real[0]
		x, step := Edge(r, w), Edge(r, w)
		e, moves := d.Const(w, x), 0
		for j := 0; j < 4000; j++ {
			if i%3 == 0 {
				x = Edge(r, w)
			} else {
				x += step
			}
			next := d.Widen(w, e, d.Join(e, d.Const(w, x)), t)
			if i%5 == 0 { // an element that is not above the last one
				next = d.Widen(w, e, d.Const(w, x), t)
			}
			if !d.Contains(w, next, x) || !d.Leq(e, next) {
				return fmt.Errorf("%s: widening %+v to have %#x gives %+v", d.Name(), e, x, next)
			}
			if next != e {
				moves++
			}
			e = next
		}
		if moves > maxWidenings {
			return fmt.Errorf("%s: a chain of widenings moved %d times", d.Name(), moves)
		}
	}
	return nil
}
