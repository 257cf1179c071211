package term

// Rules of the comparisons.

func (s *Store) rewriteEq(a, b Term) Term {
	w := s.Width(a)
	switch {
	case a == b:
		return True
	case s.isNot(a, b):
		return False
	}
	if _, ok := s.Value(b); ok {
		return s.rewriteEqConst(w, a, b)
	}
	switch {
	case s.Op(a) == Not && s.Op(b) == Not:
		return s.Eq(s.arg1(a), s.arg1(b))
	case w == 0 && s.Op(a) == Not:
		return s.Not(s.Eq(s.arg1(a), b))
	case w == 0 && s.Op(b) == Not:
		return s.Not(s.Eq(a, s.arg1(b)))
	case s.hasArg(a, Add, b) || s.hasArg(a, Xor, b): // x + y = x
		return s.Eq(s.other(a, b), s.zero(w))
	case s.hasArg(b, Add, a) || s.hasArg(b, Xor, a):
		return s.Eq(s.other(b, a), s.zero(w))
	case s.Op(a) == ZExt && s.Op(b) == ZExt && s.Width(s.arg1(a)) == s.Width(s.arg1(b)),
		s.Op(a) == SExt && s.Op(b) == SExt && s.Width(s.arg1(a)) == s.Width(s.arg1(b)):
		return s.Eq(s.arg1(a), s.arg1(b))
	}
	return s.rewriteEqSums(w, a, b)
}

// rewriteEqSums cancels what two sums share.
func (s *Store) rewriteEqSums(w int, a, b Term) Term {
	if s.Op(a) != Add || s.Op(b) != Add {
		return 0
	}
	a1, a2, b1, b2 := s.arg1(a), s.arg2(a), s.arg1(b), s.arg2(b)
	switch {
	case a1 == b1:
		return s.Eq(a2, b2)
	case a2 == b2:
		return s.Eq(a1, b1)
	case a1 == b2:
		return s.Eq(a2, b1)
	case a2 == b1:
		return s.Eq(a1, b2)
	}
	return 0
}

// rewriteEqConst undoes a's invertible operators on the constant b.
func (s *Store) rewriteEqConst(w int, a, b Term) Term {
	if w == 0 {
		if b == True {
			return a
		}
		return s.Not(a)
	}
	k, _ := s.Value(b)
	n := &s.nodes[a]
	x := n.a
	switch n.op {
	case Not:
		return s.Eq(x, s.Const(w, k.not()))
	case Neg:
		return s.Eq(x, s.Const(w, k.neg()))
	case Add, Xor:
		if k2, ok := s.Value(n.b); ok && n.op == Add {
			return s.Eq(x, s.Const(w, k.sub(k2)))
		} else if ok {
			return s.Eq(x, s.Const(w, k.xor(k2)))
		}
		if n.op == Xor && k.IsZero() {
			return s.Eq(x, n.b)
		}
	case Sub:
		if k.IsZero() {
			return s.Eq(x, n.b)
		}
		if k2, ok := s.Value(x); ok {
			return s.Eq(n.b, s.Const(w, k2.sub(k)))
		}
	case And, Or:
		// A bit that k has and x & k2 cannot have, or the converse for Or.
		if k2, ok := s.Value(n.b); ok {
			if n.op == And && k.and(k2) != k || n.op == Or && k.or(k2) != k {
				return False
			}
		}
	case ZExt, SExt:
		low := k.and(mask(s.Width(x)))
		if apply(n.op, w, s.Width(x), 0, 0, low, Value{}, Value{}) != k {
			return False
		}
		return s.Eq(x, s.Const(s.Width(x), low))
	case Concat:
		y := n.b
		m := s.Width(y)
		return s.And(s.Eq(x, s.Const(w-m, k.shr(uint(m)))), s.Eq(y, s.Const(m, k)))
	case Ite:
		return s.rewriteEqIte(x, n.b, n.c, b)
	}
	return 0
}

// rewriteEqIte compares a choice of which a branch is constant.
func (s *Store) rewriteEqIte(c, x, y, k Term) Term {
	_, xok := s.Value(x)
	_, yok := s.Value(y)
	switch {
	case xok && x == k:
		return s.Or(c, s.Eq(y, k))
	case yok && y == k:
		return s.Or(s.Not(c), s.Eq(x, k))
	case xok:
		return s.And(s.Not(c), s.Eq(y, k))
	case yok:
		return s.And(c, s.Eq(x, k))
	}
	return 0
}

func (s *Store) rewriteUlt(a, b Term) Term {
	w := s.Width(a)
	if a == b || b == s.zero(w) || a == s.ones(w) {
		return False
	}
	if a == s.zero(w) || b == s.ones(w) {
		return s.Ne(a, b)
	}
	if k, ok := s.Value(b); ok {
		if k == V(1) {
			return s.Eq(a, s.zero(w))
		}
		if s.Op(a) == ZExt {
			x := s.arg1(a)
			if mask(s.Width(x)).less(k) {
				return True
			}
			return s.Ult(x, s.Const(s.Width(x), k))
		}
	}
	if k, ok := s.Value(a); ok {
		if k.add(V(1)) == mask(w) {
			return s.Eq(b, s.ones(w))
		}
		if s.Op(b) == ZExt {
			y := s.arg1(b)
			if !k.less(mask(s.Width(y))) {
				return False
			}
			return s.Ult(s.Const(s.Width(y), k), y)
		}
	}
	if s.Op(a) == ZExt && s.Op(b) == ZExt && s.Width(s.arg1(a)) == s.Width(s.arg1(b)) {
		return s.Ult(s.arg1(a), s.arg1(b))
	}
	return 0
}

func (s *Store) rewriteSlt(a, b Term) Term {
	w := s.Width(a)
	least := V(1).shl(uint(w - 1))
	if a == b {
		return False
	}
	ka, aok := s.Value(a)
	kb, bok := s.Value(b)
	switch {
	case aok && ka == least.sub(V(1)) || bok && kb == least:
		return False
	case aok && ka == least, bok && kb == least.sub(V(1)):
		return s.Ne(a, b)
	}
	// A word that is extended by zeros is not negative.
	az, bz := s.Op(a) == ZExt, s.Op(b) == ZExt
	switch {
	case az && bz, az && bok && kb.less(least), bz && aok && ka.less(least):
		return s.Ult(a, b)
	case az && bok:
		return False
	case bz && aok:
		return True
	}
	if s.Op(a) == SExt && s.Op(b) == SExt && s.Width(s.arg1(a)) == s.Width(s.arg1(b)) {
		return s.Slt(s.arg1(a), s.arg1(b))
	}
	return 0
}
