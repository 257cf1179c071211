// Package domains holds the contracts of abstract domains and the ways to
// combine them. It knows no concrete domain.
//
// The idea: a domain of single words is a Scalar, a value with stateless pure
// methods; Lift makes a Numeric, a whole mutable state, out of it; relational
// domains implement Numeric themselves; Product runs several Numerics side by
// side and lets them exchange what they know as Words.
//
// Everything here owes soundness and nothing else: a method may always return
// more than it has to, never less. Top is a legal answer to every question.
//
// The trap: reducing the left operand of a widening destroys termination
// (Miné 2004, section 5.3). Product never does it.
package domains

import "github.com/bpfcheck/bpfcheck/isa"

// Scalar describes sets of words. γ(e) = {x : Contains(w, e, x)}.
//
// Elements are small values, compared with ==, kept in canonical form: equal
// sets that a domain can tell to be equal are equal elements. The zero value of
// E is not bottom; it may be anything. The w of an element's operations always
// names the width of the word (w.Word); w.Op is the operation's width.
type Scalar[E any] interface {
	// Name is the name users select the domain by.
	Name() string
	// Top is the set of all words.
	Top(w isa.Width) E
	// Bottom is the empty set.
	Bottom() E
	// IsBottom reports whether γ(e) is known to be empty.
	IsBottom(e E) bool
	// Const is {x & w.WordMask()}.
	Const(w isa.Width, x uint64) E
	// Contains reports whether x ∈ γ(e).
	Contains(w isa.Width, e E, x uint64) bool
	// Leq reports γ(a) ⊆ γ(b). A false answer proves nothing.
	Leq(a, b E) bool
	// Join returns e with γ(e) ⊇ γ(a) ∪ γ(b).
	Join(a, b E) E
	// Meet returns e with γ(e) ⊇ γ(a) ∩ γ(b).
	Meet(w isa.Width, a, b E) E
	// Widen returns e with γ(e) ⊇ γ(a) ∪ γ(b) such that every chain of
	// e' = Widen(e, ·) is stationary after a bounded number of steps. The bounds
	// it jumps to are taken from t where that is not nil.
	Widen(w isa.Width, a, b E, t *Thresholds) E
	// ALU returns e with isa.Eval(op, w, x, y) ∈ γ(e) for all x ∈ γ(a), y ∈ γ(b).
	ALU(op isa.ALUOp, w isa.Width, a, b E) E
	// Assume returns (a', b') that keep every pair x ∈ γ(a), y ∈ γ(b) with
	// isa.Holds(c, w, x, y).
	Assume(c isa.Cond, w isa.Width, a, b E) (E, E)
	// Word and FromWord translate to and from the exchange format; both owe γ ⊇.
	Word(w isa.Width, e E) Word
	FromWord(w isa.Width, d Word) E
}

// Var is a dense index of a variable of a Numeric.
type Var int32

// Operand is the second operand of an operation: a variable or a constant.
type Operand struct {
	Var   Var
	Const uint64
	IsVar bool
}

// V returns the operand that is variable v.
func V(v Var) Operand { return Operand{Var: v, IsVar: true} }

// K returns the operand that is the constant x.
func K(x uint64) Operand { return Operand{Const: x} }

// Numeric is a mutable set of assignments of words to the variables 0..n-1. All
// operations act in place. n is fixed when the state is made; a new state is Top.
type Numeric interface {
	// New returns a Top state over the same number of variables.
	New() Numeric
	// Clone returns a copy, CopyFrom overwrites with a state of the same kind and size.
	Clone() Numeric
	CopyFrom(Numeric)

	SetTop()
	SetBottom()
	// IsBottom reports whether the state is known to be empty.
	IsBottom() bool

	// Leq reports that every assignment of the receiver is one of the argument's.
	Leq(Numeric) bool
	// Join makes the receiver an upper bound of itself and the argument, and
	// reports whether the receiver changed.
	Join(Numeric) bool
	// Widen is Join whose repetition ends. The argument must not be below the receiver.
	Widen(Numeric, *Thresholds) bool

	// ALU is the assignment v = isa.Eval(op, w, v, operand); for Mov and its
	// sign-extending forms the old value of v is not read.
	ALU(op isa.ALUOp, w isa.Width, v Var, o Operand)
	// Assume keeps the assignments in which isa.Holds(c, w, v, operand).
	Assume(c isa.Cond, w isa.Width, v Var, o Operand)
	// Havoc forgets all about v.
	Havoc(v Var)
	// Word returns what is known of v.
	Word(v Var) Word
	// Refine keeps the assignments in which v is in γ(d).
	Refine(v Var, d Word)

	// Contains reports whether the assignment is in the set; env[v] for v < len(env).
	Contains(env []uint64) bool
	// String prints the variables that are not Top.
	String() string
}

// Relational is a Numeric that knows differences of variables.
type Relational interface {
	Numeric
	// Diff returns bounds of a - b, both taken as unsigned numbers, in ℤ. A bound of
	// math.MinInt64 or math.MaxInt64 is none.
	Diff(a, b Var) (lo, hi int64, ok bool)
}

// Entry is a domain's registration: one line in domains/all.
type Entry struct {
	// Name is what --domains calls it.
	Name string
	// New returns a Top state over n variables of the width's words.
	New func(w isa.Width, n int) Numeric
}
