package term

import "fmt"

// A Model gives the variables of a Store values, by [Store.VarNumber]. A
// variable beyond its end is 0.
type Model []Value

// Get is the value of variable number i.
func (m Model) Get(i int) Value {
	if i < 0 || i >= len(m) {
		return Value{}
	}
	return m[i]
}

// apply is the meaning of every operator: w is the width of the result, aw and
// bw those of the first arguments (0 is a Bool, one bit), lo the lowest bit of an
// Extract. Arguments have no bits above their widths, nor has the result.
func apply(op Op, w, aw, bw, lo int, a, b, c Value) Value {
	m := mask(max(w, 1))
	switch op {
	case Not:
		return a.not().and(m)
	case And:
		return a.and(b)
	case Or:
		return a.or(b)
	case Xor:
		return a.xor(b)
	case Ite:
		if a.IsZero() {
			return c
		}
		return b
	case Eq:
		return truth(a == b)
	case Ult:
		return truth(a.less(b))
	case Slt:
		sign := V(1).shl(uint(aw - 1))
		return truth(a.xor(sign).less(b.xor(sign)))
	case Neg:
		return a.neg().and(m)
	case Add:
		return a.add(b).and(m)
	case Sub:
		return a.sub(b).and(m)
	case Mul:
		return a.mul(b).and(m)
	case UDiv:
		q, _ := a.divmod(b)
		return q.and(m)
	case URem:
		_, r := a.divmod(b)
		return r
	case SDiv, SRem:
		return signedDivision(op, w, a, b)
	case Shl, LShr, AShr:
		return shift(op, w, a, b)
	case Concat:
		return a.shl(uint(bw)).or(b)
	case Extract:
		return a.shr(uint(lo)).and(m)
	case ZExt:
		return a
	case SExt:
		return a.sext(aw).and(m)
	}
	panic(fmt.Sprintf("term: no meaning for %s", op))
}

// signedDivision divides the magnitudes; SMT-LIB defines it so, division by zero
// included.
func signedDivision(op Op, w int, a, b Value) Value {
	m := mask(w)
	na, nb := a.Bit(w-1), b.Bit(w-1)
	if na {
		a = a.neg().and(m)
	}
	if nb {
		b = b.neg().and(m)
	}
	q, r := a.divmod(b)
	if op == SDiv {
		if na != nb {
			q = q.neg()
		}
		return q.and(m)
	}
	if na {
		r = r.neg()
	}
	return r.and(m)
}

func shift(op Op, w int, a, b Value) Value {
	n := uint(w)
	if b.less(V(uint64(w))) {
		n = uint(b.Lo)
	}
	switch {
	case op == Shl:
		return a.shl(n).and(mask(w))
	case op == AShr && a.Bit(w-1):
		// The ones shifted out of the complement are the copies of the sign.
		return a.not().and(mask(w)).shr(n).not().and(mask(w))
	}
	return a.shr(n)
}

// An Evaluator computes the values of terms under one model. It remembers what
// it has computed, so that many terms of one formula cost one pass.
type Evaluator struct {
	s     *Store
	m     Model
	value []Value
	done  []bool
	stack []Term
}

// NewEvaluator returns an evaluator for m, which must not change meanwhile.
func (s *Store) NewEvaluator(m Model) *Evaluator {
	return &Evaluator{s: s, m: m, value: make([]Value, s.Len()), done: make([]bool, s.Len())}
}

// Reset forgets what was computed, and takes another model.
func (e *Evaluator) Reset(m Model) {
	e.m = m
	clear(e.done)
}

// Eval is the value of t under m. A Bool is 0 or 1.
func (s *Store) Eval(t Term, m Model) Value { return s.NewEvaluator(m).Eval(t) }

// Eval is the value of t, made before the evaluator was or later.
func (e *Evaluator) Eval(t Term) Value {
	if n := e.s.Len() - len(e.value); n > 0 {
		e.value = append(e.value, make([]Value, n)...)
		e.done = append(e.done, make([]bool, n)...)
	}
	e.stack = append(e.stack[:0], t)
	for len(e.stack) > 0 {
		t := e.stack[len(e.stack)-1]
		if e.done[t] || e.ready(t) {
			e.stack = e.stack[:len(e.stack)-1]
		}
	}
	return e.value[t]
}

// ready computes t if its arguments are known, else stacks those that are not.
func (e *Evaluator) ready(t Term) bool {
	n := &e.s.nodes[t]
	switch n.op {
	case Const:
		e.value[t], _ = e.s.Value(t)
	case Var:
		e.value[t] = e.m.Get(int(n.a)).and(mask(max(int(n.width), 1)))
	default:
		args, k := e.s.Args(t)
		missing := false
		for _, a := range args[:k] {
			if !e.done[a] {
				e.stack = append(e.stack, a)
				missing = true
			}
		}
		if missing {
			return false
		}
		aw, bw := e.s.Width(args[0]), e.s.Width(args[1])
		e.value[t] = apply(n.op, int(n.width), aw, bw, int(n.c), e.value[args[0]], e.value[args[1]], e.value[args[2]])
	}
	e.done[t] = true
	return true
}
