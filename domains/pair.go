package domains

import "github.com/bpfcheck/bpfcheck/isa"

// Both is the element of a Pair: γ is the intersection of both.
type Both[A, B any] struct {
	A A
	B B
}

// Reducer carries knowledge between the two elements of a Pair.
type Reducer[A, B any] interface {
	// Reduce returns (a', b') with γ(a') ∩ γ(b') = γ(a) ∩ γ(b), both bottom if one is.
	Reduce(w isa.Width, a A, b B) (A, B)
	// Known returns the only word of γ(a) ∩ γ(b), if that is quick to see.
	Known(a A, b B) (x uint64, ok bool)
}

// Pair is the reduced product of two Scalars as one Scalar, without an interface
// call. It reduces after ALU, Assume, Meet and FromWord; never in Join, which
// loses nothing by it, and never in Widen, where it would cost termination.
type Pair[A, B comparable, DA Scalar[A], DB Scalar[B], R Reducer[A, B]] struct {
	Left   DA
	Right  DB
	Reduce R
}

// Name joins the names by "×".
func (p Pair[A, B, DA, DB, R]) Name() string { return p.Left.Name() + "×" + p.Right.Name() }

// Top is Top of both.
func (p Pair[A, B, DA, DB, R]) Top(w isa.Width) Both[A, B] {
	return Both[A, B]{p.Left.Top(w), p.Right.Top(w)}
}

// Bottom is Bottom of both.
func (p Pair[A, B, DA, DB, R]) Bottom() Both[A, B] {
	return Both[A, B]{p.Left.Bottom(), p.Right.Bottom()}
}

// IsBottom reports whether either is empty.
func (p Pair[A, B, DA, DB, R]) IsBottom(e Both[A, B]) bool {
	return p.Left.IsBottom(e.A) || p.Right.IsBottom(e.B)
}

// Const is Const of both.
func (p Pair[A, B, DA, DB, R]) Const(w isa.Width, x uint64) Both[A, B] {
	return Both[A, B]{p.Left.Const(w, x), p.Right.Const(w, x)}
}

// Contains asks both.
func (p Pair[A, B, DA, DB, R]) Contains(w isa.Width, e Both[A, B], x uint64) bool {
	return p.Left.Contains(w, e.A, x) && p.Right.Contains(w, e.B, x)
}

// Leq asks both.
func (p Pair[A, B, DA, DB, R]) Leq(a, b Both[A, B]) bool {
	return p.Left.Leq(a.A, b.A) && p.Right.Leq(a.B, b.B)
}

// Join joins side by side.
func (p Pair[A, B, DA, DB, R]) Join(a, b Both[A, B]) Both[A, B] {
	return Both[A, B]{p.Left.Join(a.A, b.A), p.Right.Join(a.B, b.B)}
}

// Widen widens side by side.
func (p Pair[A, B, DA, DB, R]) Widen(w isa.Width, a, b Both[A, B], t *Thresholds) Both[A, B] {
	return Both[A, B]{p.Left.Widen(w, a.A, b.A, t), p.Right.Widen(w, a.B, b.B, t)}
}

func (p Pair[A, B, DA, DB, R]) reduced(w isa.Width, a A, b B) Both[A, B] {
	a, b = p.Reduce.Reduce(w, a, b)
	return Both[A, B]{a, b}
}

// Meet meets side by side and reduces.
func (p Pair[A, B, DA, DB, R]) Meet(w isa.Width, a, b Both[A, B]) Both[A, B] {
	return p.reduced(w, p.Left.Meet(w, a.A, b.A), p.Right.Meet(w, a.B, b.B))
}

// ALU works side by side and reduces.
func (p Pair[A, B, DA, DB, R]) ALU(op isa.ALUOp, w isa.Width, a, b Both[A, B]) Both[A, B] {
	if x, ok := p.Reduce.Known(a.A, a.B); ok {
		if y, ok := p.Reduce.Known(b.A, b.B); ok {
			return p.Const(w, isa.Eval(op, w, x, y))
		}
	}
	return p.reduced(w, p.Left.ALU(op, w, a.A, b.A), p.Right.ALU(op, w, a.B, b.B))
}

// Assume works side by side and reduces.
func (p Pair[A, B, DA, DB, R]) Assume(c isa.Cond, w isa.Width, a, b Both[A, B]) (Both[A, B], Both[A, B]) {
	a1, b1 := p.Left.Assume(c, w, a.A, b.A)
	a2, b2 := p.Right.Assume(c, w, a.B, b.B)
	a, b = p.reduced(w, a1, a2), p.reduced(w, b1, b2)
	if p.IsBottom(a) || p.IsBottom(b) {
		return p.Bottom(), p.Bottom()
	}
	return a, b
}

// Word is the conjunction of what both know.
func (p Pair[A, B, DA, DB, R]) Word(w isa.Width, e Both[A, B]) Word {
	return p.Left.Word(w, e.A).Meet(p.Right.Word(w, e.B))
}

// FromWord asks both and reduces.
func (p Pair[A, B, DA, DB, R]) FromWord(w isa.Width, d Word) Both[A, B] {
	return p.reduced(w, p.Left.FromWord(w, d), p.Right.FromWord(w, d))
}

// Exchange is the Reducer for any two Scalars: each takes the other's Word.
type Exchange[A, B any, DA Scalar[A], DB Scalar[B]] struct {
	Left  DA
	Right DB
}

// Reduce meets each with the Word of the other, twice on the left.
func (x Exchange[A, B, DA, DB]) Reduce(w isa.Width, a A, b B) (A, B) {
	a = x.Left.Meet(w, a, x.Left.FromWord(w, x.Right.Word(w, b)))
	b = x.Right.Meet(w, b, x.Right.FromWord(w, x.Left.Word(w, a)))
	a = x.Left.Meet(w, a, x.Left.FromWord(w, x.Right.Word(w, b)))
	if x.Left.IsBottom(a) || x.Right.IsBottom(b) {
		return x.Left.Bottom(), x.Right.Bottom()
	}
	return a, b
}

// Known is not quick to see.
func (x Exchange[A, B, DA, DB]) Known(A, B) (uint64, bool) { return 0, false }
