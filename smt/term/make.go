package term

import "fmt"

// Make returns the term of op over args, checked and rewritten. For Extract
// i and j are the highest and the lowest bit, for ZExt and SExt i is the number
// of bits added; for others both are ignored. An error says which sort is wrong.
func (s *Store) Make(op Op, args []Term, i, j int) (Term, error) {
	if op == Invalid || op >= numOps || op == Const || op == Var {
		return 0, fmt.Errorf("%s is no operator over terms", op)
	}
	if len(args) != opTable[op].args {
		return 0, fmt.Errorf("%s wants %d arguments, not %d", op, opTable[op].args, len(args))
	}
	var a [3]Term
	for k, t := range args {
		if t == 0 || int(t) >= len(s.nodes) {
			return 0, fmt.Errorf("argument %d of %s is no term", k+1, op)
		}
		a[k] = t
	}
	w, err := s.sort(op, a, i, j)
	if err != nil {
		return 0, err
	}
	if len(s.nodes) >= maxTerms-16 {
		return 0, fmt.Errorf("more than %d terms", maxTerms-16)
	}
	return s.make(op, w, a[0], a[1], a[2], i, j), nil
}

// sort returns the width of op over a, or what is wrong.
func (s *Store) sort(op Op, a [3]Term, i, j int) (int, error) {
	w := s.Width(a[0])
	same := func(x, y Term) error {
		if s.Width(x) != s.Width(y) {
			return fmt.Errorf("%s over sorts of widths %d and %d (0: Bool)", op, s.Width(x), s.Width(y))
		}
		return nil
	}
	if w == 0 {
		switch op {
		case Not, And, Or, Xor, Ite, Eq:
		default:
			return 0, fmt.Errorf("%s over Bool", op)
		}
	}
	switch op {
	case Not, Neg:
		return w, nil
	case Ite:
		if w != 0 {
			return 0, fmt.Errorf("the condition of ite has width %d, not Bool", w)
		}
		return s.Width(a[1]), same(a[1], a[2])
	case Eq, Ult, Slt:
		return 0, same(a[0], a[1])
	case Concat:
		w += s.Width(a[1])
		if s.Width(a[1]) == 0 || w > MaxWidth {
			return 0, fmt.Errorf("concat of widths %d and %d (0: Bool; at most %d together)", s.Width(a[0]), s.Width(a[1]), MaxWidth)
		}
		return w, nil
	case Extract:
		if j < 0 || i < j || i >= w {
			return 0, fmt.Errorf("extract of bits %d to %d of width %d", i, j, w)
		}
		return i - j + 1, nil
	case ZExt, SExt:
		if i < 0 || i > MaxWidth-w {
			return 0, fmt.Errorf("%s by %d of width %d (at most %d together)", op, i, w, MaxWidth)
		}
		return w + i, nil
	}
	return w, same(a[0], a[1])
}

// build is Make for callers that know their sorts.
func (s *Store) build(op Op, a, b, c Term, i, j int) Term {
	if a == 0 || opTable[op].args > 1 && b == 0 || opTable[op].args > 2 && c == 0 {
		panic(fmt.Sprintf("term: %s over no term", op))
	}
	w, err := s.sort(op, [3]Term{a, b, c}, i, j)
	if err != nil {
		panic("term: " + err.Error())
	}
	return s.make(op, w, a, b, c, i, j)
}

const maxRuleDepth = 200

// make folds, orders, rewrites and interns, in that order.
func (s *Store) make(op Op, w int, a, b, c Term, i, j int) Term {
	if t := s.fold(op, w, a, b, c, j); t != 0 {
		return t
	}
	// Constants go last, else the older term first: then rules look for a
	// constant at one place.
	if op.commutes() && (s.Op(a) == Const || s.Op(b) != Const && b < a) {
		a, b = b, a
	}
	// A rule may call constructors, whose rules do; a chain of terms made to
	// exploit that ends here, unsimplified.
	if s.depth < maxRuleDepth {
		s.depth++
		t := s.rewrite(op, w, a, b, c, i, j)
		s.depth--
		if t != 0 {
			return t
		}
	}
	n := node{op: op, width: uint8(w), a: a, b: b, c: c}
	if op == Extract {
		n.b, n.c = Term(i), Term(j)
	}
	return s.intern(n)
}

// fold evaluates an operator over constants; 0 if one is none.
func (s *Store) fold(op Op, w int, a, b, c Term, lo int) Term {
	var v [3]Value
	for k, t := range [3]Term{a, b, c} {
		if t == 0 {
			continue
		}
		x, ok := s.Value(t)
		if !ok {
			return 0
		}
		v[k] = x
	}
	return s.Const(w, apply(op, w, s.Width(a), s.Width(b), lo, v[0], v[1], v[2]))
}

// The constructors. Each panics if the sorts do not fit.

func (s *Store) Not(a Term) Term     { return s.build(Not, a, 0, 0, 0, 0) }
func (s *Store) And(a, b Term) Term  { return s.build(And, a, b, 0, 0, 0) }
func (s *Store) Or(a, b Term) Term   { return s.build(Or, a, b, 0, 0, 0) }
func (s *Store) Xor(a, b Term) Term  { return s.build(Xor, a, b, 0, 0, 0) }
func (s *Store) Eq(a, b Term) Term   { return s.build(Eq, a, b, 0, 0, 0) }
func (s *Store) Ult(a, b Term) Term  { return s.build(Ult, a, b, 0, 0, 0) }
func (s *Store) Slt(a, b Term) Term  { return s.build(Slt, a, b, 0, 0, 0) }
func (s *Store) Neg(a Term) Term     { return s.build(Neg, a, 0, 0, 0, 0) }
func (s *Store) Add(a, b Term) Term  { return s.build(Add, a, b, 0, 0, 0) }
func (s *Store) Sub(a, b Term) Term  { return s.build(Sub, a, b, 0, 0, 0) }
func (s *Store) Mul(a, b Term) Term  { return s.build(Mul, a, b, 0, 0, 0) }
func (s *Store) UDiv(a, b Term) Term { return s.build(UDiv, a, b, 0, 0, 0) }
func (s *Store) URem(a, b Term) Term { return s.build(URem, a, b, 0, 0, 0) }
func (s *Store) SDiv(a, b Term) Term { return s.build(SDiv, a, b, 0, 0, 0) }
func (s *Store) SRem(a, b Term) Term { return s.build(SRem, a, b, 0, 0, 0) }

// Shl, LShr and AShr shift a by the word b of the same width, which is not
// reduced: amounts of the width and more leave 0, or copies of the sign.
func (s *Store) Shl(a, b Term) Term  { return s.build(Shl, a, b, 0, 0, 0) }
func (s *Store) LShr(a, b Term) Term { return s.build(LShr, a, b, 0, 0, 0) }
func (s *Store) AShr(a, b Term) Term { return s.build(AShr, a, b, 0, 0, 0) }

// Concat puts a above b.
func (s *Store) Concat(a, b Term) Term { return s.build(Concat, a, b, 0, 0, 0) }

// Extract keeps bits hi to lo of a, both included.
func (s *Store) Extract(hi, lo int, a Term) Term { return s.build(Extract, a, 0, 0, hi, lo) }

// ZExt and SExt add n bits above: zeros, or copies of the sign.
func (s *Store) ZExt(n int, a Term) Term { return s.build(ZExt, a, 0, 0, n, 0) }
func (s *Store) SExt(n int, a Term) Term { return s.build(SExt, a, 0, 0, n, 0) }

// Ite is a if the Bool c holds, else b.
func (s *Store) Ite(c, a, b Term) Term { return s.build(Ite, c, a, b, 0, 0) }

// Comparisons and connectives that the store keeps in terms of others.

func (s *Store) Ne(a, b Term) Term      { return s.Not(s.Eq(a, b)) }
func (s *Store) Ule(a, b Term) Term     { return s.Not(s.Ult(b, a)) }
func (s *Store) Ugt(a, b Term) Term     { return s.Ult(b, a) }
func (s *Store) Uge(a, b Term) Term     { return s.Not(s.Ult(a, b)) }
func (s *Store) Sle(a, b Term) Term     { return s.Not(s.Slt(b, a)) }
func (s *Store) Sgt(a, b Term) Term     { return s.Slt(b, a) }
func (s *Store) Sge(a, b Term) Term     { return s.Not(s.Slt(a, b)) }
func (s *Store) Implies(a, b Term) Term { return s.Or(s.Not(a), b) }

// AndAll and OrAll are True and False over nothing.
func (s *Store) AndAll(ts ...Term) Term {
	r := True
	for _, t := range ts {
		r = s.And(r, t)
	}
	return r
}

// OrAll is the disjunction of Bools.
func (s *Store) OrAll(ts ...Term) Term {
	r := False
	for _, t := range ts {
		r = s.Or(r, t)
	}
	return r
}

// Substitute returns the terms with variables, or other terms, replaced by terms
// of the same sort, all at once: what replaces is not replaced in. It makes each
// term once, whatever the number of terms it is part of.
func (s *Store) Substitute(ts []Term, replace map[Term]Term) []Term {
	used := s.cone(ts)
	is := make([]Term, len(used))
	for t := range used {
		if !used[t] {
			continue
		}
		if by, ok := replace[Term(t)]; ok {
			if s.Width(by) != s.Width(Term(t)) {
				panic(fmt.Sprintf("term: width %d replaced by width %d", s.Width(Term(t)), s.Width(by)))
			}
			is[t] = by
			continue
		}
		n := s.nodes[t]
		args, k := s.Args(Term(t))
		if k == 0 {
			is[t] = Term(t)
			continue
		}
		i, j := 0, 0
		switch n.op {
		case Extract:
			i, j = s.Bounds(Term(t))
		case ZExt, SExt:
			i = int(n.width) - s.Width(args[0])
		}
		is[t] = s.build(n.op, is[args[0]], is[args[1]], is[args[2]], i, j)
	}
	out := make([]Term, len(ts))
	for i, t := range ts {
		out[i] = is[t]
	}
	return out
}

// VarsOf returns the variables that the terms are made of, in the order in which
// they were made.
func (s *Store) VarsOf(ts ...Term) []Term {
	used := s.cone(ts)
	var out []Term
	for _, v := range s.vars {
		if int(v) < len(used) && used[v] {
			out = append(out, v)
		}
	}
	return out
}
