package term

import (
	"math/big"
	"strings"
)

// frame is an open parenthesis of a term: an application, or a let, of which
// first the bindings are read and then the body.
type frame struct {
	op    string
	i, j  int
	args  []Term // of a let: the values
	names []string
	body  bool
}

// term reads one term.
func (p *parser) term() (Term, error) {
	var stack []frame
	for {
		t, err := p.step(&stack)
		if err != nil {
			return 0, err
		}
		for t != 0 {
			if len(stack) == 0 {
				return t, nil
			}
			top := &stack[len(stack)-1]
			switch {
			case top.op != "let":
				top.args = append(top.args, t)
				t = 0
			case !top.body:
				top.args = append(top.args, t)
				t = 0
				err = p.binding(top)
			default:
				err = p.want(")")
				for _, n := range top.names {
					p.scope[n] = p.scope[n][:len(p.scope[n])-1]
				}
				stack = stack[:len(stack)-1]
			}
			if err != nil {
				return 0, err
			}
		}
	}
}

// step reads a leaf, an opening or a closing parenthesis. It returns the term
// that is now complete, or 0.
func (p *parser) step(stack *[]frame) (Term, error) {
	tok, err := p.next()
	if err != nil {
		return 0, err
	}
	switch tok {
	case "":
		return 0, p.errorf("the script ends within a term")
	case "(":
		return p.open(stack)
	case ")":
		n := len(*stack)
		if n == 0 || (*stack)[n-1].op == "let" {
			return 0, p.errorf(") where a term should stand")
		}
		f := (*stack)[n-1]
		*stack = (*stack)[:n-1]
		t, err := p.application(f)
		if err != nil {
			err = p.errorf("%v", err)
		}
		return t, err
	}
	t, ok, err := p.constant(tok)
	if ok || err != nil {
		return t, err
	}
	name := strings.TrimPrefix(tok, "|")
	if s := p.scope[name]; len(s) > 0 {
		return s[len(s)-1], nil
	}
	return 0, p.errorf("%.60q is not declared", name)
}

// open reads the head of a compound term.
func (p *parser) open(stack *[]frame) (Term, error) {
	if len(*stack) >= maxNesting {
		return 0, p.errorf("more than %d open parentheses", maxNesting)
	}
	tok, err := p.next()
	if err != nil {
		return 0, err
	}
	f := frame{op: tok}
	switch tok {
	case "", ")":
		return 0, p.errorf("%q where an operator should stand", tok)
	case "_":
		return p.decimal()
	case "(":
		if f, err = p.indexed(); err != nil {
			return 0, err
		}
	case "let":
		if err := p.want("("); err != nil {
			return 0, err
		}
		if err := p.want("("); err != nil {
			return 0, err
		}
		name, err := p.name()
		if err != nil {
			return 0, err
		}
		f.names = []string{name}
	}
	*stack = append(*stack, f)
	return 0, nil
}

// binding reads what follows the value of a let's binding: another binding, or
// the end of them, from which on the names mean the values.
func (p *parser) binding(f *frame) error {
	if err := p.want(")"); err != nil {
		return err
	}
	tok, err := p.next()
	if err != nil {
		return err
	}
	switch tok {
	case "(":
		name, err := p.name()
		f.names = append(f.names, name)
		return err
	case ")":
		for i, n := range f.names {
			p.scope[n] = append(p.scope[n], f.args[i])
		}
		f.body = true
		return nil
	}
	return p.errorf("%q in the bindings of a let", tok)
}

// decimal reads the rest of (_ bv10 32).
func (p *parser) decimal() (Term, error) {
	tok, err := p.next()
	if err != nil {
		return 0, err
	}
	digits, ok := strings.CutPrefix(tok, "bv")
	n, good := new(big.Int), false
	if ok && len(digits) <= 39 && !strings.ContainsAny(digits, "+-_") {
		n, good = n.SetString(digits, 10)
	}
	if !good {
		return 0, p.errorf("%.40q after _ where bvN should stand", tok)
	}
	w, err := p.number()
	if err != nil {
		return 0, err
	}
	if w < 1 || w > MaxWidth || n.BitLen() > w {
		return 0, p.errorf("constant %s of width %d", digits, w)
	}
	return p.Store.Const(w, fromBig(n)), p.want(")")
}

// indexed reads the rest of an operator like (_ extract 7 0).
func (p *parser) indexed() (frame, error) {
	var f frame
	err := p.want("_")
	if err != nil {
		return f, err
	}
	if f.op, err = p.next(); err != nil {
		return f, err
	}
	switch f.op {
	case "extract", "zero_extend", "sign_extend", "rotate_left", "rotate_right", "repeat":
	default:
		return f, p.errorf("operator %.40q with indices is not supported", f.op)
	}
	f.op = "_ " + f.op
	if f.i, err = p.number(); err != nil {
		return f, err
	}
	if f.op == "_ extract" {
		if f.j, err = p.number(); err != nil {
			return f, err
		}
	}
	return f, p.want(")")
}
