// Package theorem states what abstract operators owe, in Go.
//
// The idea: a theorem is a function that takes any elements and any words, and
// returns whether they are what the operator may assume, and whether the result is
// what it owes. It can be run, on examples; read as terms, it can be proved for
// all. It calls isa.Eval, isa.Holds and the domain, so that the proof is about
// these.
//
// The trap: a theorem whose Given and Member are never true says nothing. TestTheoremsApply
// runs each on elements that satisfy it.
package theorem

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Outcome is what a theorem says of one choice of its inputs: that Given (the
// inputs are formed) implies Formed (so are the results), and Given and Member
// (the words are in the elements) together imply Sound (so they are in the result).
type Outcome[E any] struct {
	Given, Member, Formed, Sound bool
	// First and Second are the results, Word the concrete result that they should
	// have contained: for reports.
	First, Second E
	Word          uint64
	Shown         domains.Word // the result of Word
}

// A subject is a domain and its well-formedness.
type subject[E any] interface {
	domains.Scalar[E]
	// formed reports whether e is an element as the operators expect them.
	formed(w isa.Width, e E) bool
}

// word reports whether x has no bits above the word.
func word(w isa.Width, x uint64) bool { return x <= w.WordMask() }

func constOf[E any, D subject[E]](d D, w isa.Width, x uint64) Outcome[E] {
	r := d.Const(w, x)
	z := x & w.WordMask()
	return Outcome[E]{Given: true, Member: true, Formed: d.formed(w, r), Sound: d.Contains(w, r, z), First: r, Word: z}
}

func alu[E any, D subject[E]](d D, op isa.ALUOp, w isa.Width, a, b E, x, y uint64) Outcome[E] {
	r := d.ALU(op, w, a, b)
	z := isa.Eval(op, w, x, y)
	return Outcome[E]{
		Given: both(d, w, a, b), Member: word(w, x) && word(w, y) && d.Contains(w, a, x) && d.Contains(w, b, y),
		Formed: d.formed(w, r), Sound: d.Contains(w, r, z), First: r, Word: z,
	}
}

// both reports whether both elements are formed.
func both[E any, D subject[E]](d D, w isa.Width, a, b E) bool {
	return d.formed(w, a) && d.formed(w, b)
}

func assume[E any, D subject[E]](d D, c isa.Cond, w isa.Width, a, b E, x, y uint64) Outcome[E] {
	r, s := d.Assume(c, w, a, b)
	return Outcome[E]{
		Given: both(d, w, a, b), Member: word(w, x) && word(w, y) && d.Contains(w, a, x) && d.Contains(w, b, y),
		Formed: d.formed(w, r) && d.formed(w, s),
		Sound:  !isa.Holds(c, w, x, y) || d.Contains(w, r, x) && d.Contains(w, s, y),
		First:  r, Second: s, Word: x,
	}
}

func join[E any, D subject[E]](d D, w isa.Width, a, b E, x uint64) Outcome[E] {
	r := d.Join(a, b)
	return Outcome[E]{
		Given: both(d, w, a, b), Member: word(w, x) && (d.Contains(w, a, x) || d.Contains(w, b, x)),
		Formed: d.formed(w, r), Sound: d.Contains(w, r, x), First: r, Word: x,
	}
}

func meet[E any, D subject[E]](d D, w isa.Width, a, b E, x uint64) Outcome[E] {
	r := d.Meet(w, a, b)
	return Outcome[E]{
		Given: both(d, w, a, b), Member: word(w, x) && d.Contains(w, a, x) && d.Contains(w, b, x),
		Formed: d.formed(w, r), Sound: d.Contains(w, r, x), First: r, Word: x,
	}
}

func leq[E any, D subject[E]](d D, w isa.Width, a, b E, x uint64) Outcome[E] {
	return Outcome[E]{
		Given: both(d, w, a, b), Member: word(w, x) && d.Leq(a, b) && d.Contains(w, a, x),
		Formed: true, Sound: d.Contains(w, b, x), First: a, Second: b, Word: x,
	}
}

func bottom[E any, D subject[E]](d D, w isa.Width, a E, x uint64) Outcome[E] {
	return Outcome[E]{
		Given: d.formed(w, a), Member: word(w, x) && (d.IsBottom(a) || !d.Contains(w, d.Top(w), x)),
		Formed: d.formed(w, d.Bottom()) && d.formed(w, d.Top(w)),
		Sound:  d.IsBottom(a) && !d.Contains(w, a, x), First: a, Word: x,
	}
}

func widen[E any, D subject[E]](d D, w isa.Width, a, b E, t *domains.Thresholds, x uint64) Outcome[E] {
	r := d.Widen(w, a, b, t)
	return Outcome[E]{
		Given: both(d, w, a, b), Member: word(w, x) && (d.Contains(w, a, x) || d.Contains(w, b, x)),
		Formed: d.formed(w, r), Sound: d.Contains(w, r, x), First: r, Word: x,
	}
}

func show[E any, D subject[E]](d D, w isa.Width, a E, x uint64) Outcome[E] {
	r := d.Word(w, a)
	return Outcome[E]{
		Given: d.formed(w, a), Member: word(w, x) && d.Contains(w, a, x),
		Formed: r.Empty || formedWord(w, r), Sound: r.Contains(w, x), First: a, Word: x, Shown: r,
	}
}

func read[E any, D subject[E]](d D, w isa.Width, i domains.Word, x uint64) Outcome[E] {
	r := d.FromWord(w, i)
	return Outcome[E]{
		Given: formedWord(w, i), Member: word(w, x) && i.Contains(w, x),
		Formed: d.formed(w, r), Sound: d.Contains(w, r, x), First: r, Word: x,
	}
}

// formedWord is what a Word that is not empty promises of its fields.
func formedWord(w isa.Width, d domains.Word) bool {
	whole, sub := w.Whole(), w.Sub()
	return d.Value&d.Mask == 0 && word(w, d.Value|d.Mask) &&
		d.UMin <= d.UMax && word(w, d.UMax) &&
		d.SMin <= d.SMax && whole.Signed(uint64(d.SMin)) == d.SMin && whole.Signed(uint64(d.SMax)) == d.SMax &&
		d.U32Min <= d.U32Max && uint64(d.U32Max) <= w.SubMask() &&
		d.S32Min <= d.S32Max && sub.Signed(uint64(d.S32Min)) == int64(d.S32Min) && sub.Signed(uint64(d.S32Max)) == int64(d.S32Max)
}
