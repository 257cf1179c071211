package term

// The rules. Each returns an equal term, or 0 for none. They are local: they look
// at a term, its arguments and at most theirs. Constants among the arguments of
// commuting operators stand last; not all arguments are constant.

func (s *Store) rewrite(op Op, w int, a, b, c Term, i, j int) Term {
	switch op {
	case Not:
		if s.Op(a) == Not {
			return s.nodes[a].a
		}
	case And, Or:
		return s.rewriteLattice(op, w, a, b)
	case Xor:
		return s.rewriteXor(w, a, b)
	case Ite:
		return s.rewriteIte(w, a, b, c)
	case Eq:
		return s.rewriteEq(a, b)
	case Ult:
		return s.rewriteUlt(a, b)
	case Slt:
		return s.rewriteSlt(a, b)
	case Neg:
		return s.rewriteNeg(a)
	case Add:
		return s.rewriteAdd(w, a, b)
	case Sub:
		return s.rewriteSub(w, a, b)
	case Mul:
		return s.rewriteMul(w, a, b)
	case UDiv, URem, SDiv, SRem:
		return s.rewriteDivision(op, w, a, b)
	case Shl, LShr, AShr:
		return s.rewriteShift(op, w, a, b)
	case Concat:
		return s.rewriteConcat(w, a, b)
	case Extract:
		return s.rewriteExtract(w, a, i, j)
	case ZExt, SExt:
		return s.rewriteExtend(op, w, a)
	}
	return 0
}

// arg1 and arg2 are arguments of t, whose operator the caller has seen.
func (s *Store) arg1(t Term) Term { return s.nodes[t].a }
func (s *Store) arg2(t Term) Term { return s.nodes[t].b }

// isNot reports whether a is the complement of b.
func (s *Store) isNot(a, b Term) bool {
	return s.Op(a) == Not && s.arg1(a) == b || s.Op(b) == Not && s.arg1(b) == a
}

// zero and ones are the least and the greatest word.
func (s *Store) zero(w int) Term { return s.Const(w, Value{}) }
func (s *Store) ones(w int) Term { return s.Const(w, mask(128)) }

// hasArg reports whether t is op over x and another.
func (s *Store) hasArg(t Term, op Op, x Term) bool {
	return s.Op(t) == op && (s.arg1(t) == x || s.arg2(t) == x)
}

// rewriteLattice is And and Or, which differ in which end is neutral.
func (s *Store) rewriteLattice(op Op, w int, a, b Term) Term {
	neutral, absorbing, dual := s.ones(w), s.zero(w), Or
	if op == Or {
		neutral, absorbing, dual = absorbing, neutral, And
	}
	switch {
	case a == b || b == neutral:
		return a
	case b == absorbing || s.isNot(a, b):
		return absorbing
	case s.hasArg(a, op, b) || s.hasArg(b, dual, a):
		return a
	case s.hasArg(b, op, a) || s.hasArg(a, dual, b):
		return b
	}
	// (x op k) op k' = x op (k op k')
	if _, ok := s.Value(b); ok && s.Op(a) == op {
		if _, ok := s.Value(s.arg2(a)); ok {
			return s.make(op, w, s.arg1(a), s.make(op, w, s.arg2(a), b, 0, 0, 0), 0, 0, 0)
		}
	}
	return 0
}

func (s *Store) rewriteXor(w int, a, b Term) Term {
	switch {
	case a == b:
		return s.zero(w)
	case b == s.zero(w):
		return a
	case b == s.ones(w):
		return s.Not(a)
	case s.isNot(a, b):
		return s.ones(w)
	case s.Op(a) == Not && s.Op(b) == Not:
		return s.Xor(s.arg1(a), s.arg1(b))
	case s.Op(a) == Not:
		return s.Not(s.Xor(s.arg1(a), b))
	case s.Op(b) == Not:
		return s.Not(s.Xor(a, s.arg1(b)))
	case s.hasArg(a, Xor, b):
		return s.other(a, b)
	case s.hasArg(b, Xor, a):
		return s.other(b, a)
	}
	if _, ok := s.Value(b); ok && s.Op(a) == Xor {
		if _, ok := s.Value(s.arg2(a)); ok {
			return s.Xor(s.arg1(a), s.Xor(s.arg2(a), b))
		}
	}
	return 0
}

// other is the argument of t, of two, that is not x.
func (s *Store) other(t, x Term) Term {
	if s.arg1(t) == x {
		return s.arg2(t)
	}
	return s.arg1(t)
}

func (s *Store) rewriteIte(w int, c, a, b Term) Term {
	switch {
	case c == True || a == b:
		return a
	case c == False:
		return b
	case s.Op(c) == Not:
		return s.Ite(s.arg1(c), b, a)
	case s.Op(a) == Ite && s.arg1(a) == c:
		return s.Ite(c, s.arg2(a), b)
	case s.Op(b) == Ite && s.arg1(b) == c:
		return s.Ite(c, a, s.nodes[b].c)
	}
	if w != 0 {
		return 0
	}
	switch {
	case a == True || a == c:
		return s.Or(c, b)
	case a == False:
		return s.And(s.Not(c), b)
	case b == True:
		return s.Or(s.Not(c), a)
	case b == False || b == c:
		return s.And(c, a)
	case s.isNot(a, b):
		return s.Not(s.Xor(c, a))
	}
	return 0
}

func (s *Store) rewriteNeg(a Term) Term {
	switch s.Op(a) {
	case Neg:
		return s.arg1(a)
	case Sub:
		return s.Sub(s.arg2(a), s.arg1(a))
	}
	return 0
}

func (s *Store) rewriteAdd(w int, a, b Term) Term {
	if k, ok := s.Value(b); ok {
		if k.IsZero() {
			return a
		}
		if s.Op(a) == Add {
			if k2, ok := s.Value(s.arg2(a)); ok {
				return s.Add(s.arg1(a), s.Const(w, k.add(k2)))
			}
		}
		return 0
	}
	switch {
	case s.isNot(a, b):
		return s.ones(w)
	case s.Op(b) == Neg:
		return s.Sub(a, s.arg1(b))
	case s.Op(a) == Neg:
		return s.Sub(b, s.arg1(a))
	case s.Op(a) == Sub && s.arg2(a) == b:
		return s.arg1(a)
	case s.Op(b) == Sub && s.arg2(b) == a:
		return s.arg1(b)
	}
	return 0
}

func (s *Store) rewriteSub(w int, a, b Term) Term {
	if a == b {
		return s.zero(w)
	}
	if k, ok := s.Value(b); ok {
		return s.Add(a, s.Const(w, k.neg()))
	}
	switch {
	case a == s.zero(w):
		return s.Neg(b)
	case s.Op(b) == Neg:
		return s.Add(a, s.arg1(b))
	case s.hasArg(a, Add, b):
		return s.other(a, b)
	case s.hasArg(b, Add, a):
		return s.Neg(s.other(b, a))
	case s.Op(b) == Sub && s.arg1(b) == a:
		return s.arg2(b)
	}
	return 0
}

func (s *Store) rewriteMul(w int, a, b Term) Term {
	k, ok := s.Value(b)
	if !ok {
		return 0
	}
	switch {
	case k.IsZero():
		return b
	case k == V(1):
		return a
	case k == mask(w):
		return s.Neg(a)
	case k.powerOfTwo() > 0:
		return s.Shl(a, s.Const(w, V(uint64(k.powerOfTwo()))))
	case s.Op(a) == Mul:
		if k2, ok := s.Value(s.arg2(a)); ok {
			return s.Mul(s.arg1(a), s.Const(w, k.mul(k2)))
		}
	}
	return 0
}

func (s *Store) rewriteDivision(op Op, w int, a, b Term) Term {
	if a == b && (op == URem || op == SRem) {
		return s.zero(w) // by zero: the dividend, which is zero
	}
	k, ok := s.Value(b)
	if !ok {
		return 0
	}
	p := k.powerOfTwo()
	switch {
	case k.IsZero() && op == UDiv:
		return s.ones(w)
	case k.IsZero() && op != SDiv:
		return a
	case k == V(1) && w > 1: // of width 1 it is -1 to the signed operators
		if op == URem || op == SRem {
			return s.zero(w)
		}
		return a
	case op == UDiv && p >= 0:
		return s.LShr(a, s.Const(w, V(uint64(p))))
	case op == URem && p >= 0:
		return s.And(a, s.Const(w, mask(p)))
	}
	return 0
}

func (s *Store) rewriteShift(op Op, w int, a, b Term) Term {
	if a == s.zero(w) || b == s.zero(w) {
		return a
	}
	if op == AShr && a == s.ones(w) {
		return a
	}
	k, ok := s.Value(b)
	if !ok {
		return 0
	}
	if n := V(uint64(w)); !k.less(n) {
		if op != AShr {
			return s.zero(w)
		}
		// All bits are copies of the sign: so they are after w-1 steps.
		return s.AShr(a, s.Const(w, n.sub(V(1))))
	}
	if s.Op(a) != op {
		return 0
	}
	k2, ok := s.Value(s.arg2(a))
	if !ok {
		return 0
	}
	// The sum, at most 2(w-1), is a word of w bits: w is not 1, where k would be 0.
	return s.make(op, w, s.arg1(a), s.Const(w, k.add(k2)), 0, 0, 0)
}

func (s *Store) rewriteConcat(w int, a, b Term) Term {
	if a == s.zero(s.Width(a)) {
		return s.ZExt(s.Width(a), b)
	}
	if s.Op(a) == Extract && s.Op(b) == Extract && s.arg1(a) == s.arg1(b) {
		ahi, alo := s.Bounds(a)
		bhi, blo := s.Bounds(b)
		if alo == bhi+1 {
			return s.Extract(ahi, blo, s.arg1(a))
		}
	}
	return 0
}

func (s *Store) rewriteExtract(w int, a Term, hi, lo int) Term {
	if w == s.Width(a) {
		return a
	}
	switch s.Op(a) {
	case Extract:
		_, l := s.Bounds(a)
		return s.Extract(hi+l, lo+l, s.arg1(a))
	case Concat:
		n := s.Width(s.arg2(a))
		if hi < n {
			return s.Extract(hi, lo, s.arg2(a))
		}
		if lo >= n {
			return s.Extract(hi-n, lo-n, s.arg1(a))
		}
	case ZExt, SExt:
		x := s.arg1(a)
		n := s.Width(x)
		switch {
		case hi < n:
			return s.Extract(hi, lo, x)
		case s.Op(a) == ZExt && lo >= n:
			return s.zero(w)
		case s.Op(a) == ZExt:
			return s.ZExt(hi-n+1, s.Extract(n-1, lo, x))
		case lo < n:
			return s.SExt(hi-n+1, s.Extract(n-1, lo, x))
		}
	}
	return 0
}

func (s *Store) rewriteExtend(op Op, w int, a Term) Term {
	n := w - s.Width(a)
	if n == 0 {
		return a
	}
	switch {
	case s.Op(a) == ZExt: // its highest bit is 0
		x := s.arg1(a)
		return s.ZExt(w-s.Width(x), x)
	case s.Op(a) == SExt && op == SExt:
		x := s.arg1(a)
		return s.SExt(w-s.Width(x), x)
	}
	return 0
}
