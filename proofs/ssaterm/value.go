package ssaterm

import (
	"fmt"
	"go/types"
	"reflect"

	"github.com/bpfcheck/bpfcheck/smt/term"
)

// Value is what a Go value is as terms: a Scalar, a Tuple, or a Ref.
type Value interface{ isValue() }

// Scalar is a Bool or a word, as wide as its type.
type Scalar struct{ T term.Term }

// Tuple is a struct, an array, or several results, element by element.
type Tuple []Value

// Ref is a pointer: a cell and the way to a part of it. The zero value is nil.
type Ref struct {
	cell int
	path *step
}

// step is a list of element numbers from the innermost outwards.
type step struct {
	index int
	up    *step
}

// opaque is a value that nothing may be done with but passing it on: a string, an
// interface, or what an instruction would be that failed in an initialiser.
type opaque struct{ why string }

func (Scalar) isValue() {}
func (Tuple) isValue()  {}
func (Ref) isValue()    {}
func (opaque) isValue() {}

// build makes a value of a type from its scalars.
func build(t types.Type, name string, leaf func(name string, width int) term.Term) (Value, error) {
	if w, _, ok := basic(t); ok {
		return Scalar{leaf(name, w)}, nil
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		tuple := make(Tuple, u.NumFields())
		for i := range tuple {
			f := u.Field(i)
			field := f.Name()
			if name != "" {
				field = name + "." + field
			}
			v, err := build(f.Type(), field, leaf)
			if err != nil {
				return nil, err
			}
			tuple[i] = v
		}
		return tuple, nil
	case *types.Array:
		if u.Len() > 1<<12 {
			return nil, fmt.Errorf("array of %d elements", u.Len())
		}
		tuple := make(Tuple, u.Len())
		for i := range tuple {
			v, err := build(u.Elem(), fmt.Sprintf("%s[%d]", name, i), leaf)
			if err != nil {
				return nil, err
			}
			tuple[i] = v
		}
		return tuple, nil
	case *types.Pointer:
		return Ref{}, nil
	case *types.Basic, *types.Interface, *types.Slice, *types.Map, *types.Signature, *types.Chan:
		return opaque{"a value of type " + t.String()}, nil
	}
	return nil, fmt.Errorf("values of type %s are not known", t)
}

// Fresh returns a value of a type whose scalars are variables, named after their
// fields. Pointers in it are nil.
func (x *Executor) Fresh(name string, t types.Type) (Value, error) {
	return build(t, name, x.store.Var)
}

func (x *Executor) zero(t types.Type) (Value, error) {
	return build(t, "", func(_ string, w int) term.Term { return x.store.Const(w, term.Value{}) })
}

// Constant returns a native Go value, of Bools, integers, structs and arrays, as terms.
func (x *Executor) Constant(v any) (Value, error) { return x.constant(reflect.ValueOf(v)) }

func (x *Executor) constant(v reflect.Value) (Value, error) {
	switch k := v.Kind(); {
	case k == reflect.Bool:
		return Scalar{x.store.Bool(v.Bool())}, nil
	case v.CanInt():
		return Scalar{x.store.Word(v.Type().Bits(), uint64(v.Int()))}, nil
	case v.CanUint():
		return Scalar{x.store.Word(v.Type().Bits(), v.Uint())}, nil
	case k == reflect.Struct:
		t := make(Tuple, v.NumField())
		for i := range t {
			e, err := x.constant(v.Field(i))
			if err != nil {
				return nil, err
			}
			t[i] = e
		}
		return t, nil
	case k == reflect.Pointer && v.IsNil():
		return Ref{}, nil
	}
	return nil, fmt.Errorf("no terms for a %s", v.Type())
}

// Concrete sets the Go value that to points to, to what v is under a model.
func Concrete(e *term.Evaluator, v Value, to any) error {
	return concrete(e, v, reflect.ValueOf(to).Elem())
}

func concrete(e *term.Evaluator, v Value, to reflect.Value) error {
	switch v := v.(type) {
	case Scalar:
		x := e.Eval(v.T).Lo
		switch {
		case to.Kind() == reflect.Bool:
			to.SetBool(x != 0)
		case to.CanUint():
			to.SetUint(x)
		case to.CanInt():
			shift := 64 - to.Type().Bits()
			to.SetInt(int64(x<<shift) >> shift)
		default:
			return fmt.Errorf("a word is no %s", to.Type())
		}
		return nil
	case Tuple:
		if to.Kind() != reflect.Struct || to.NumField() != len(v) {
			return fmt.Errorf("%d values are no %s", len(v), to.Type())
		}
		for i, f := range v {
			if err := concrete(e, f, to.Field(i)); err != nil {
				return err
			}
		}
		return nil
	case Ref:
		if v == (Ref{}) {
			to.SetZero()
			return nil
		}
	}
	return fmt.Errorf("no value for a %s", to.Type())
}

// join returns a where the Bool c holds, else b; false if that is no value.
func (x *Executor) join(c term.Term, a, b Value) (Value, bool) {
	switch a := a.(type) {
	case Scalar:
		b, ok := b.(Scalar)
		if !ok {
			return nil, false
		}
		if a == b {
			return a, true
		}
		if x.store.Width(a.T) != x.store.Width(b.T) {
			return nil, false
		}
		return Scalar{x.store.Ite(c, a.T, b.T)}, true
	case Tuple:
		b, ok := b.(Tuple)
		if !ok || len(a) != len(b) {
			return nil, false
		}
		if len(a) > 0 && &a[0] == &b[0] {
			return a, true
		}
		t := make(Tuple, len(a))
		for i := range a {
			if t[i], ok = x.join(c, a[i], b[i]); !ok {
				return nil, false
			}
		}
		return t, true
	case Ref:
		b, ok := b.(Ref)
		return a, ok && sameRef(a, b)
	case opaque:
		_, ok := b.(opaque)
		return a, ok
	}
	return nil, false
}

func sameRef(a, b Ref) bool {
	p, q := a.path, b.path
	for p != nil && q != nil && p.index == q.index {
		p, q = p.up, q.up
	}
	return a.cell == b.cell && p == nil && q == nil
}

// equal is a == b.
func (x *Executor) equal(a, b Value) (term.Term, error) {
	switch a := a.(type) {
	case Scalar:
		if b, ok := b.(Scalar); ok {
			return x.store.Eq(a.T, b.T), nil
		}
	case Tuple:
		if b, ok := b.(Tuple); ok && len(a) == len(b) {
			all := term.True
			for i := range a {
				e, err := x.equal(a[i], b[i])
				if err != nil {
					return 0, err
				}
				all = x.store.And(all, e)
			}
			return all, nil
		}
	case Ref:
		if b, ok := b.(Ref); ok {
			return x.store.Bool(sameRef(a, b)), nil
		}
	}
	return 0, fmt.Errorf("no comparison of %T with %T", a, b)
}

// at returns the part of v at the end of a path, or what is wrong.
func at(v Value, p *step) (Value, error) {
	for _, i := range p.outermostFirst() {
		t, ok := v.(Tuple)
		if !ok || i >= len(t) {
			return nil, fmt.Errorf("a part of what has none")
		}
		v = t[i]
	}
	return v, nil
}

// with returns v with the part at the end of a path replaced.
func with(v Value, path []int, part Value) (Value, error) {
	if len(path) == 0 {
		return part, nil
	}
	t, ok := v.(Tuple)
	if !ok || path[0] >= len(t) {
		return nil, fmt.Errorf("a part of what has none")
	}
	inner, err := with(t[path[0]], path[1:], part)
	if err != nil {
		return nil, err
	}
	r := append(Tuple(nil), t...)
	r[path[0]] = inner
	return r, nil
}

func (p *step) outermostFirst() []int {
	var list []int
	for ; p != nil; p = p.up {
		list = append(list, p.index)
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}
