package term

import "fmt"

// associative are the operators that take two arguments or more.
var associative = map[string]Op{
	"and": And, "or": Or, "xor": Xor, "bvand": And, "bvor": Or, "bvxor": Xor, "bvadd": Add, "bvmul": Mul, "concat": Concat,
}

// plain are those of a fixed number that are operators of this package.
var plain = map[string]Op{
	"not": Not, "bvnot": Not, "bvneg": Neg, "bvsub": Sub, "bvudiv": UDiv, "bvurem": URem, "bvsdiv": SDiv, "bvsrem": SRem,
	"bvshl": Shl, "bvlshr": LShr, "bvashr": AShr, "bvult": Ult, "bvslt": Slt, "ite": Ite,
}

// derived are those of two arguments that are made of others.
var derived = map[string]func(s *Store, a, b Term) Term{
	"bvule":  (*Store).Ule,
	"bvugt":  (*Store).Ugt,
	"bvuge":  (*Store).Uge,
	"bvsle":  (*Store).Sle,
	"bvsgt":  (*Store).Sgt,
	"bvsge":  (*Store).Sge,
	"bvnand": func(s *Store, a, b Term) Term { return s.Not(s.And(a, b)) },
	"bvnor":  func(s *Store, a, b Term) Term { return s.Not(s.Or(a, b)) },
	"bvxnor": func(s *Store, a, b Term) Term { return s.Not(s.Xor(a, b)) },
	"bvcomp": func(s *Store, a, b Term) Term { return s.Ite(s.Eq(a, b), s.Word(1, 1), s.Word(1, 0)) },
	"bvsmod": (*Store).smod,
}

// smod is the remainder with the sign of the divisor.
func (s *Store) smod(a, b Term) Term {
	r, zero := s.SRem(a, b), s.zero(s.Width(a))
	differ := s.Xor(s.Slt(a, zero), s.Slt(b, zero))
	return s.Ite(s.And(differ, s.Ne(r, zero)), s.Add(r, b), r)
}

// boolean reports whether the name is an operator over Bools, or over words only.
func boolean(name string) (isBool, isWord bool) {
	switch name {
	case "and", "or", "xor", "not":
		return true, false
	case "=", "distinct", "ite", "=>":
		return false, false
	}
	return false, true
}

// application makes the term of a closed frame.
func (p *parser) application(f frame) (Term, error) {
	s, args := p.Store, f.args
	if len(args) == 0 {
		return 0, fmt.Errorf("%.40q over nothing", f.op)
	}
	isBool, isWord := boolean(f.op)
	for _, a := range args {
		if w := s.Width(a); isBool && w != 0 || isWord && w == 0 {
			return 0, fmt.Errorf("%.40s over a term of width %d (0: Bool)", f.op, w)
		}
	}
	if op, ok := associative[f.op]; ok {
		if len(args) < 2 {
			return 0, fmt.Errorf("%s over one term", f.op)
		}
		return s.chain(op, args)
	}
	if op, ok := plain[f.op]; ok {
		return s.Make(op, args, 0, 0)
	}
	if make2, ok := derived[f.op]; ok {
		if len(args) != 2 || s.Width(args[0]) != s.Width(args[1]) {
			return 0, fmt.Errorf("%s wants two words of one width", f.op)
		}
		return make2(s, args[0], args[1]), nil
	}
	switch f.op {
	case "=", "distinct":
		return s.relate(f.op, args)
	case "=>":
		r := args[len(args)-1]
		for i := len(args) - 2; i >= 0; i-- {
			if s.Width(args[i]) != 0 || s.Width(r) != 0 {
				return 0, fmt.Errorf("=> over words")
			}
			r = s.Implies(args[i], r)
		}
		return r, nil
	}
	if len(args) == 1 {
		return s.indexed(f.op, args[0], f.i, f.j)
	}
	return 0, fmt.Errorf("operator %.40q over %d terms is not supported", f.op, len(args))
}

func (s *Store) chain(op Op, args []Term) (Term, error) {
	r := args[0]
	for _, a := range args[1:] {
		var err error
		if r, err = s.Make(op, []Term{r, a}, 0, 0); err != nil {
			return 0, err
		}
	}
	return r, nil
}

// relate is = of neighbours, or distinct of all pairs.
func (s *Store) relate(name string, args []Term) (Term, error) {
	if len(args) < 2 || name == "distinct" && len(args) > 1000 {
		return 0, fmt.Errorf("%s over %d terms", name, len(args))
	}
	r := True
	for i, a := range args {
		others := args[i+1:]
		if name == "=" {
			others = others[:min(1, len(others))]
		}
		for _, b := range others {
			e, err := s.Make(Eq, []Term{a, b}, 0, 0)
			if err != nil {
				return 0, err
			}
			if name == "distinct" {
				e = s.Not(e)
			}
			r = s.And(r, e)
		}
	}
	return r, nil
}

// indexed makes the operators that have numbers.
func (s *Store) indexed(name string, a Term, i, j int) (Term, error) {
	w := s.Width(a)
	switch name {
	case "_ extract":
		return s.Make(Extract, []Term{a}, i, j)
	case "_ zero_extend":
		return s.Make(ZExt, []Term{a}, i, 0)
	case "_ sign_extend":
		return s.Make(SExt, []Term{a}, i, 0)
	case "_ rotate_left", "_ rotate_right":
		if w == 0 {
			return 0, fmt.Errorf("rotation of a Bool")
		}
		n := i % w
		if name == "_ rotate_right" {
			n = (w - n) % w
		}
		if n == 0 {
			return a, nil
		}
		return s.Concat(s.Extract(w-n-1, 0, a), s.Extract(w-1, w-n, a)), nil
	case "_ repeat":
		if i < 1 || w == 0 || i*w > MaxWidth {
			return 0, fmt.Errorf("%d repeats of width %d", i, w)
		}
		r := a
		for ; i > 1; i-- {
			r = s.Concat(r, a)
		}
		return r, nil
	}
	return 0, fmt.Errorf("operator %.40q is not supported", name)
}
