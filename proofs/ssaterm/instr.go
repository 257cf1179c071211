package ssaterm

import (
	"fmt"
	"go/constant"
	"go/token"

	"golang.org/x/tools/go/ssa"

	"github.com/bpfcheck/bpfcheck/smt/term"
)

// value is what an operand is in a state.
func (fr *frame) value(s *state, v ssa.Value) (Value, error) {
	switch v := v.(type) {
	case *ssa.Const:
		return fr.x.literal(v)
	case *ssa.Global:
		return fr.x.global(v)
	case *ssa.Function, *ssa.Builtin:
		return opaque{"a function as a value"}, nil
	}
	if r, ok := s.regs[v]; ok {
		return r, nil
	}
	return nil, fr.x.refuse(v.Pos(), "%s has no one value here", v.Name())
}

func (x *Executor) literal(c *ssa.Const) (Value, error) {
	w, _, ok := basic(c.Type())
	switch {
	case c.Value == nil:
		return x.zero(c.Type())
	case !ok:
		return opaque{"a constant of type " + c.Type().String()}, nil
	case w == 0:
		return Scalar{x.store.Bool(constant.BoolVal(c.Value))}, nil
	}
	if u, exact := constant.Uint64Val(constant.ToInt(c.Value)); exact {
		return Scalar{x.store.Word(w, u)}, nil
	}
	if i, exact := constant.Int64Val(constant.ToInt(c.Value)); exact {
		return Scalar{x.store.Word(w, uint64(i))}, nil
	}
	return nil, x.refuse(c.Pos(), "constant %s", c)
}

// instr runs one instruction on s.
func (fr *frame) instr(s *state, i ssa.Instruction) error {
	switch i := i.(type) {
	case *ssa.DebugRef:
		return nil
	case *ssa.Jump:
		fr.leave(s, i.Block(), i.Block().Succs[0], term.True)
		return nil
	case *ssa.If:
		c, err := fr.scalar(s, i.Cond)
		if err != nil {
			return err
		}
		fr.leave(s, i.Block(), i.Block().Succs[0], c)
		fr.leave(s, i.Block(), i.Block().Succs[1], fr.x.store.Not(c))
		return nil
	case *ssa.Return:
		return fr.ret(s, i)
	case *ssa.Panic:
		fr.oblige(s, term.True, i.Pos(), "panic")
		return nil
	case *ssa.Store:
		return fr.storeTo(s, i)
	case ssa.Value:
		v, err := fr.eval(s, i)
		if err != nil {
			if !fr.lenient {
				return err
			}
			v = opaque{err.Error()}
		}
		s.regs[i] = v
		return nil
	}
	if _, ok := i.(*ssa.MapUpdate); ok && fr.lenient {
		return nil // of a map that is opaque
	}
	return fr.x.refuse(i.Pos(), "instruction %T", i)
}

func (fr *frame) ret(s *state, i *ssa.Return) error {
	t := make(Tuple, len(i.Results))
	for k, r := range i.Results {
		v, err := fr.value(s, r)
		if err != nil {
			return err
		}
		t[k] = v
	}
	var v Value = t
	if len(t) == 1 {
		v = t[0]
	}
	// A state of its own: what the function knew inside is gone.
	fr.returns = append(fr.returns, edge{i.Block(), &state{s.guard, map[ssa.Value]Value{nil: v}, s.cells}})
	return nil
}

func (fr *frame) storeTo(s *state, i *ssa.Store) error {
	v, err := fr.value(s, i.Val)
	if err != nil {
		if !fr.lenient {
			return err
		}
		v = opaque{err.Error()}
	}
	a, err := fr.value(s, i.Addr)
	if err != nil {
		return err
	}
	r, ok := a.(Ref)
	if !ok || r.cell <= 0 && !fr.lenient {
		return fr.x.refuse(i.Pos(), "a store to what is no local variable")
	}
	old, ok := s.cells[r.cell]
	if !ok {
		return fr.x.refuse(i.Pos(), "a store to a variable that is gone")
	}
	n, err := with(old, r.path.outermostFirst(), v)
	if err != nil {
		return fr.x.refuse(i.Pos(), "%v", err)
	}
	s.cells[r.cell] = n
	return nil
}

// scalar is value of a Bool or a word.
func (fr *frame) scalar(s *state, v ssa.Value) (term.Term, error) {
	r, err := fr.value(s, v)
	if err != nil {
		return 0, err
	}
	t, ok := r.(Scalar)
	if !ok {
		if o, isOpaque := r.(opaque); isOpaque {
			return 0, fr.x.refuse(v.Pos(), "the value of %s is needed, which is %s", v.Name(), o.why)
		}
		return 0, fr.x.refuse(v.Pos(), "%s is no word", v.Name())
	}
	return t.T, nil
}

// eval is the value that an instruction computes.
func (fr *frame) eval(s *state, i ssa.Value) (Value, error) {
	x := fr.x
	switch i := i.(type) {
	case *ssa.Alloc:
		z, err := x.zero(deref(i.Type()))
		if err != nil {
			return nil, x.refuse(i.Pos(), "%v", err)
		}
		x.cells++
		s.cells[x.cells] = z
		return Ref{cell: x.cells}, nil
	case *ssa.BinOp:
		return fr.binary(s, i)
	case *ssa.UnOp:
		return fr.unary(s, i)
	case *ssa.ChangeType:
		return fr.value(s, i.X)
	case *ssa.Convert:
		return fr.convert(s, i)
	case *ssa.MakeInterface:
		return opaque{"an interface"}, nil
	case *ssa.Call:
		return fr.doCall(s, i)
	case *ssa.Field:
		v, err := fr.value(s, i.X)
		if err != nil {
			return nil, err
		}
		return fr.part(v, i.Field, i.Pos())
	case *ssa.Extract:
		v, err := fr.value(s, i.Tuple)
		if err != nil {
			return nil, err
		}
		return fr.part(v, i.Index, i.Pos())
	case *ssa.FieldAddr:
		return fr.address(s, i.X, i.Field, i.Pos())
	case *ssa.IndexAddr:
		n, err := fr.index(s, i.Index, i.Pos())
		if err != nil {
			return nil, err
		}
		return fr.address(s, i.X, n, i.Pos())
	case *ssa.Index:
		v, err := fr.value(s, i.X)
		if err != nil {
			return nil, err
		}
		n, err := fr.index(s, i.Index, i.Pos())
		if err != nil {
			return nil, err
		}
		return fr.part(v, n, i.Pos())
	}
	return nil, x.refuse(i.Pos(), "instruction %T", i)
}

func (fr *frame) part(v Value, n int, pos token.Pos) (Value, error) {
	t, ok := v.(Tuple)
	if !ok || n >= len(t) {
		return nil, fr.x.refuse(pos, "a part of what has none")
	}
	return t[n], nil
}

// index is a constant index; others are refused.
func (fr *frame) index(s *state, v ssa.Value, pos token.Pos) (int, error) {
	t, err := fr.scalar(s, v)
	if err != nil {
		return 0, err
	}
	n, ok := fr.x.store.Value(t)
	if !ok || n.Lo >= 1<<12 {
		return 0, fr.x.refuse(pos, "an index that is no small constant")
	}
	return int(n.Lo), nil
}

func (fr *frame) address(s *state, base ssa.Value, n int, pos token.Pos) (Value, error) {
	v, err := fr.value(s, base)
	if err != nil {
		return nil, err
	}
	r, ok := v.(Ref)
	if !ok || r.cell == 0 {
		return nil, fr.x.refuse(pos, "an address in what is no variable")
	}
	return Ref{r.cell, &step{n, r.path}}, nil
}

func (fr *frame) load(s *state, v Value, pos token.Pos) (Value, error) {
	r, ok := v.(Ref)
	if !ok || r.cell == 0 {
		return nil, fr.x.refuse(pos, "a read of what is no variable")
	}
	whole, ok := s.cells[r.cell]
	if r.cell < 0 && !ok {
		whole, ok = fr.x.globals.values[r.cell]
	}
	if !ok {
		return nil, fr.x.refuse(pos, "a read of a variable that is gone")
	}
	p, err := at(whole, r.path)
	if err != nil {
		return nil, fr.x.refuse(pos, "%v", err)
	}
	return p, nil
}

func (fr *frame) doCall(s *state, i *ssa.Call) (Value, error) {
	if b, ok := i.Call.Value.(*ssa.Builtin); ok {
		return fr.builtin(s, b, i)
	}
	f := i.Call.StaticCallee()
	if f == nil {
		return nil, fr.x.refuse(i.Pos(), "a call of an unknown function")
	}
	if fr.lenient && f.Synthetic == initialiser {
		return Tuple{}, nil // each package's is run when it is asked for
	}
	args := make([]Value, len(i.Call.Args))
	for k, a := range i.Call.Args {
		v, err := fr.value(s, a)
		if err != nil {
			return nil, err
		}
		args[k] = v
	}
	x := fr.x
	top := len(x.stack) - 1
	old := x.stack[top]
	x.stack[top] = x.store.AndAll(s.guard...)
	v, cells, err := x.call(f, args, s.cells)
	x.stack[top] = old
	if err != nil {
		return nil, fmt.Errorf("%w\n\tin %s at %s", err, f.Name(), x.prog.Position(i.Pos()))
	}
	s.cells = cells
	return v, nil
}

// builtin is min and max.
func (fr *frame) builtin(s *state, b *ssa.Builtin, i *ssa.Call) (Value, error) {
	_, signed, ok := basic(i.Type())
	if !ok || b.Name() != "min" && b.Name() != "max" {
		return nil, fr.x.refuse(i.Pos(), "builtin %s", b.Name())
	}
	st := fr.x.store
	var best term.Term
	for k, a := range i.Call.Args {
		t, err := fr.scalar(s, a)
		if err != nil {
			return nil, err
		}
		if k == 0 {
			best = t
			continue
		}
		less := st.Ult(t, best)
		if signed {
			less = st.Slt(t, best)
		}
		if b.Name() == "max" {
			less = st.Ult(best, t)
			if signed {
				less = st.Slt(best, t)
			}
		}
		best = st.Ite(less, t, best)
	}
	return Scalar{best}, nil
}
