package domains

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/isa"
)

// Lift is a Numeric that holds one element of a Scalar for each variable. It
// knows no relations between them. Only NewLift makes a usable one.
//
// Its operations other than New, Clone and String do not allocate.
type Lift[E comparable, D Scalar[E]] struct {
	d      D
	w      isa.Width
	top    E
	elems  []E
	bottom bool // then elems mean nothing
}

// NewLift returns a Top state over n variables of the width's words.
func NewLift[E comparable, D Scalar[E]](d D, w isa.Width, n int) *Lift[E, D] {
	l := &Lift[E, D]{d: d, w: w.Whole(), top: d.Top(w), elems: make([]E, n)}
	l.SetTop()
	return l
}

// New returns a Top state of the same size.
func (l *Lift[E, D]) New() Numeric { return NewLift(l.d, l.w, len(l.elems)) }

// Clone returns a copy.
func (l *Lift[E, D]) Clone() Numeric {
	c := *l
	c.elems = append([]E(nil), l.elems...)
	return &c
}

// CopyFrom overwrites the state with one of the same domain and size.
func (l *Lift[E, D]) CopyFrom(n Numeric) {
	o := n.(*Lift[E, D])
	l.bottom = o.bottom
	copy(l.elems, o.elems)
}

// SetTop forgets everything.
func (l *Lift[E, D]) SetTop() {
	l.bottom = false
	for i := range l.elems {
		l.elems[i] = l.top
	}
}

// SetBottom makes the state empty.
func (l *Lift[E, D]) SetBottom() { l.bottom = true }

// IsBottom reports whether the state is empty.
func (l *Lift[E, D]) IsBottom() bool { return l.bottom }

// Leq compares variable by variable.
func (l *Lift[E, D]) Leq(n Numeric) bool {
	o := n.(*Lift[E, D])
	if l.bottom || o.bottom {
		return l.bottom
	}
	for i, e := range l.elems {
		if e != o.elems[i] && !l.d.Leq(e, o.elems[i]) {
			return false
		}
	}
	return true
}

// Join joins variable by variable.
func (l *Lift[E, D]) Join(n Numeric) bool {
	o := n.(*Lift[E, D])
	if l.bottom || o.bottom {
		return l.adopt(o)
	}
	changed := false
	for i, e := range l.elems {
		if e == o.elems[i] {
			continue
		}
		if j := l.d.Join(e, o.elems[i]); j != e {
			l.elems[i] = j
			changed = true
		}
	}
	return changed
}

// Widen widens variable by variable.
func (l *Lift[E, D]) Widen(n Numeric, t *Thresholds) bool {
	o := n.(*Lift[E, D])
	if l.bottom || o.bottom {
		return l.adopt(o)
	}
	changed := false
	for i, e := range l.elems {
		if e == o.elems[i] {
			continue
		}
		if j := l.d.Widen(l.w, e, o.elems[i], t); j != e {
			l.elems[i] = j
			changed = true
		}
	}
	return changed
}

// adopt is the join of two states of which at least one is empty.
func (l *Lift[E, D]) adopt(o *Lift[E, D]) bool {
	if o.bottom {
		return false
	}
	l.CopyFrom(o)
	return true
}

func (l *Lift[E, D]) operand(o Operand) E {
	if o.IsVar {
		return l.elems[o.Var]
	}
	return l.d.Const(l.w, o.Const)
}

// set stores an element of a state that is not bottom.
func (l *Lift[E, D]) set(v Var, e E) {
	l.elems[v] = e
	if l.d.IsBottom(e) {
		l.bottom = true
	}
}

// ALU is the assignment v = isa.Eval(op, w, v, operand).
func (l *Lift[E, D]) ALU(op isa.ALUOp, w isa.Width, v Var, o Operand) {
	if l.bottom {
		return
	}
	if o.IsVar && o.Var == v {
		// What a pair of elements cannot show: both operands are the same word.
		switch op {
		case isa.Sub, isa.Xor:
			l.elems[v] = l.d.Const(l.w, 0)
			return
		case isa.And, isa.Or:
			op = isa.Mov
		}
	}
	if op == isa.Mov && w.Full() {
		l.elems[v] = l.operand(o)
		return
	}
	// Not bottom: an operation on two sets that are not empty gives one that is not.
	l.elems[v] = l.d.ALU(op, w, l.elems[v], l.operand(o))
}

// Assume keeps the assignments in which isa.Holds(c, w, v, operand).
func (l *Lift[E, D]) Assume(c isa.Cond, w isa.Width, v Var, o Operand) {
	if l.bottom {
		return
	}
	if o.IsVar && o.Var == v {
		l.assumeSelf(c, w, v)
		return
	}
	a, b := l.d.Assume(c, w, l.elems[v], l.operand(o))
	l.set(v, a)
	if o.IsVar {
		l.set(o.Var, b)
	}
}

// assumeSelf compares a variable with itself.
func (l *Lift[E, D]) assumeSelf(c isa.Cond, w isa.Width, v Var) {
	switch c {
	case isa.EQ, isa.GE, isa.LE, isa.SGE, isa.SLE:
	case isa.NE, isa.GT, isa.LT, isa.SGT, isa.SLT:
		l.bottom = true
	case isa.SET: // v & v != 0
		a, _ := l.d.Assume(isa.NE, w, l.elems[v], l.d.Const(l.w, 0))
		l.set(v, a)
	case isa.NSET:
		a, _ := l.d.Assume(isa.EQ, w, l.elems[v], l.d.Const(l.w, 0))
		l.set(v, a)
	default:
		panic("domains: Assume of no condition")
	}
}

// Havoc forgets all about v.
func (l *Lift[E, D]) Havoc(v Var) {
	if !l.bottom {
		l.elems[v] = l.top
	}
}

// Word returns what is known of v.
func (l *Lift[E, D]) Word(v Var) Word {
	if l.bottom {
		return Word{Empty: true}
	}
	return l.d.Word(l.w, l.elems[v])
}

// Refine keeps the assignments in which v is in γ(d).
func (l *Lift[E, D]) Refine(v Var, d Word) {
	if l.bottom {
		return
	}
	l.set(v, l.d.Meet(l.w, l.elems[v], l.d.FromWord(l.w, d)))
}

// Contains reports whether the assignment is in the set.
func (l *Lift[E, D]) Contains(env []uint64) bool {
	if l.bottom {
		return false
	}
	for i := 0; i < len(env) && i < len(l.elems); i++ {
		if !l.d.Contains(l.w, l.elems[i], env[i]) {
			return false
		}
	}
	return true
}

// String prints the variables that are not Top, as "v0: … v3: …".
func (l *Lift[E, D]) String() string {
	if l.bottom {
		return "bottom"
	}
	var b strings.Builder
	for i, e := range l.elems {
		if e != l.top {
			fmt.Fprintf(&b, "v%d: %s ", i, l.d.Word(l.w, e).Text(l.w))
		}
	}
	if b.Len() == 0 {
		return "top"
	}
	return strings.TrimSuffix(b.String(), " ")
}
