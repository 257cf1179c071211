package ssaterm

import (
	"go/token"

	"golang.org/x/tools/go/ssa"

	"github.com/bpfcheck/bpfcheck/smt/term"
)

func (fr *frame) unary(s *state, i *ssa.UnOp) (Value, error) {
	st := fr.x.store
	if i.Op == token.MUL {
		v, err := fr.value(s, i.X)
		if err != nil {
			return nil, err
		}
		return fr.load(s, v, i.Pos())
	}
	t, err := fr.scalar(s, i.X)
	if err != nil {
		return nil, err
	}
	switch i.Op {
	case token.NOT, token.XOR:
		return Scalar{st.Not(t)}, nil
	case token.SUB:
		return Scalar{st.Neg(t)}, nil
	}
	return nil, fr.x.refuse(i.Pos(), "operator %s", i.Op)
}

func (fr *frame) binary(s *state, i *ssa.BinOp) (Value, error) {
	if i.Op == token.EQL || i.Op == token.NEQ {
		a, err := fr.value(s, i.X)
		if err != nil {
			return nil, err
		}
		b, err := fr.value(s, i.Y)
		if err != nil {
			return nil, err
		}
		e, err := fr.x.equal(a, b)
		if err != nil {
			return nil, fr.x.refuse(i.Pos(), "%v", err)
		}
		if i.Op == token.NEQ {
			e = fr.x.store.Not(e)
		}
		return Scalar{e}, nil
	}
	a, err := fr.scalar(s, i.X)
	if err != nil {
		return nil, err
	}
	b, err := fr.scalar(s, i.Y)
	if err != nil {
		return nil, err
	}
	w, signed, ok := basic(i.X.Type())
	if !ok {
		return nil, fr.x.refuse(i.Pos(), "%s of %s", i.Op, i.X.Type())
	}
	if w == 0 {
		return nil, fr.x.refuse(i.Pos(), "%s of Bools", i.Op)
	}
	st := fr.x.store
	switch i.Op {
	case token.SHL, token.SHR:
		if _, signedAmount, _ := basic(i.Y.Type()); signedAmount {
			fr.oblige(s, st.Slt(b, st.Word(st.Width(b), 0)), i.Pos(), "negative shift count")
		}
		return Scalar{shift(st, i.Op, signed, a, b)}, nil
	case token.QUO, token.REM:
		fr.oblige(s, st.Eq(b, st.Word(w, 0)), i.Pos(), "division by zero")
		return Scalar{fr.x.divide(i.Op, signed, a, b)}, nil
	}
	if i.Op == token.MUL && w == 64 && !isConst(st, a) && !isConst(st, b) {
		_, lo := fr.x.multiply(a, b)
		return Scalar{lo}, nil
	}
	if t := arithmetic(st, i.Op, a, b); t != 0 {
		return Scalar{t}, nil
	}
	if t := compare(st, i.Op, signed, a, b); t != 0 {
		return Scalar{t}, nil
	}
	return nil, fr.x.refuse(i.Pos(), "operator %s", i.Op)
}

// arithmetic is a op b for operators that do not care for signs, else 0.
func arithmetic(st *term.Store, op token.Token, a, b term.Term) term.Term {
	switch op {
	case token.ADD:
		return st.Add(a, b)
	case token.SUB:
		return st.Sub(a, b)
	case token.MUL:
		return st.Mul(a, b)
	case token.AND:
		return st.And(a, b)
	case token.OR:
		return st.Or(a, b)
	case token.XOR:
		return st.Xor(a, b)
	case token.AND_NOT:
		return st.And(a, st.Not(b))
	}
	return 0
}

func compare(st *term.Store, op token.Token, signed bool, a, b term.Term) term.Term {
	less := st.Ult
	if signed {
		less = st.Slt
	}
	switch op {
	case token.LSS:
		return less(a, b)
	case token.GTR:
		return less(b, a)
	case token.LEQ:
		return st.Not(less(b, a))
	case token.GEQ:
		return st.Not(less(a, b))
	}
	return 0
}

// shift is Go's: an amount of the width or more leaves 0 or copies of the sign.
// That is also what the terms mean; only the amount's width has to be matched.
func shift(st *term.Store, op token.Token, signed bool, a, n term.Term) term.Term {
	w, v := st.Width(a), st.Width(n)
	switch {
	case v < w:
		n = st.ZExt(w-v, n)
	case v > w:
		far := st.Uge(n, st.Word(v, uint64(w)))
		n = st.Ite(far, st.Word(w, uint64(w)), st.Extract(w-1, 0, n))
	}
	switch {
	case op == token.SHL:
		return st.Shl(a, n)
	case signed:
		return st.AShr(a, n)
	}
	return st.LShr(a, n)
}

// divide is a / b or a % b, b not 0. Signed ones round towards zero, and the
// smallest number by -1 wraps, as with the terms.
func (x *Executor) divide(op token.Token, signed bool, a, b term.Term) term.Term {
	st := x.store
	if x.Arithmetic != nil && st.Width(a) == 64 && !isConst(st, b) {
		if q, r := x.Arithmetic.Divide(signed, a, b); q != 0 {
			if op == token.QUO {
				return q
			}
			return r
		}
	}
	switch {
	case op == token.QUO && signed:
		return st.SDiv(a, b)
	case op == token.QUO:
		return st.UDiv(a, b)
	case signed:
		return st.SRem(a, b)
	}
	return st.URem(a, b)
}

// convert is a conversion of integers.
func (fr *frame) convert(s *state, i *ssa.Convert) (Value, error) {
	from, signed, ok := basic(i.X.Type())
	to, _, ok2 := basic(i.Type())
	if !ok || !ok2 || from == 0 || to == 0 {
		return nil, fr.x.refuse(i.Pos(), "a conversion of %s to %s", i.X.Type(), i.Type())
	}
	t, err := fr.scalar(s, i.X)
	if err != nil {
		return nil, err
	}
	st := fr.x.store
	switch {
	case to < from:
		t = st.Extract(to-1, 0, t)
	case to > from && signed:
		t = st.SExt(to-from, t)
	case to > from:
		t = st.ZExt(to-from, t)
	}
	return Scalar{t}, nil
}

func isConst(st *term.Store, t term.Term) bool {
	_, ok := st.Value(t)
	return ok
}
