package btfcheck

import "fmt"

// Proto is the prototype of a function.
type Proto struct {
	// Func is the FUNC, 0 if the prototype was reached through a pointer.
	Func TypeID
	// ID is the FUNC_PROTO.
	ID TypeID
	// Params without the "..." at the end.
	Params []Param
	// Return is the type of the result, 0 for void.
	Return TypeID
	// Variadic: the parameters end with "...".
	Variadic bool
	// Linkage of the FUNC: 0 static, 1 global, 2 extern.
	Linkage uint32
}

// Proto gives the prototype of a FUNC or FUNC_PROTO, or of a pointer to one,
// under any modifiers.
func (s *Spec) Proto(id TypeID) (Proto, error) {
	var p Proto
	for range 4 {
		t, _, err := s.Resolve(id)
		if err != nil {
			return Proto{}, err
		}
		switch t.Kind {
		case KindFunc:
			p.Func, p.Linkage, id = t.ID, t.Linkage(), t.Ref()
		case KindPtr:
			id = t.Ref()
		case KindFuncProto:
			p.ID, p.Return = t.ID, t.Ref()
			p.Params = make([]Param, t.Vlen)
			for i := range p.Params {
				p.Params[i] = t.Param(i)
			}
			if n := len(p.Params); n > 0 && p.Params[n-1].Type == 0 {
				p.Params, p.Variadic = p.Params[:n-1], true
			}
			return p, nil
		default:
			return Proto{}, fmt.Errorf("type %d: %s is no function", t.ID, t.Kind)
		}
	}
	return Proto{}, fmt.Errorf("type %d is no function", id)
}

// Func gives the prototype of a function by name: kernel functions for fentry,
// fexit, freplace and kfuncs, `bpf_lsm_NAME` for LSM hooks.
func (s *Spec) Func(name string) (Proto, error) {
	id, ok := s.ByName(KindFunc, name)
	if !ok {
		return Proto{}, fmt.Errorf("no function %q", name)
	}
	return s.Proto(id)
}

// Tracepoint gives what a tp_btf program on tracepoint name receives: the
// prototype behind typedef btf_trace_NAME without its first parameter, which
// belongs to the tracing machinery. The typedef's parameters have no names;
// they are taken from the function __bpf_trace_NAME, where the kernel marks
// with "__nullable" those that may be NULL.
func (s *Spec) Tracepoint(name string) (Proto, error) {
	id, ok := s.ByName(KindTypedef, "btf_trace_"+name)
	if !ok {
		return Proto{}, fmt.Errorf("no tracepoint %q", name)
	}
	p, err := s.Proto(id)
	if err != nil {
		return Proto{}, err
	}
	if len(p.Params) == 0 {
		return Proto{}, fmt.Errorf("tracepoint %q: the prototype has no parameter", name)
	}
	if f, err := s.Func("__bpf_trace_" + name); err == nil && len(f.Params) == len(p.Params) {
		for i := range p.Params {
			p.Params[i].Name = f.Params[i].Name
		}
	}
	p.Params = p.Params[1:]
	return p, nil
}

// Iterator gives the fields of the context of iterator programs of a kind:
// the parameters of function bpf_iter_NAME, the first of which is the pointer
// to struct bpf_iter_meta.
func (s *Spec) Iterator(name string) (Proto, error) {
	return s.Func("bpf_iter_" + name)
}

// ArgKind says what an argument of a traced function is to a program.
type ArgKind uint8

// The kinds of arguments. Anything else is ArgUnknown and must not be used.
const (
	ArgUnknown ArgKind = iota
	ArgScalar          // INT or enum of at most 8 bytes, FLOAT excluded
	ArgStruct          // pointer to a struct or union: Type
	ArgPointer         // pointer to anything else: a number to the program
	ArgByValue         // struct or union of at most 16 bytes, passed in registers
)

// Arg classifies a parameter or result type. For ArgStruct and ArgPointer, target
// is what is pointed to (void: the zero Type) and tags are the pointer's.
func (s *Spec) Arg(id TypeID) (kind ArgKind, target Type, tags Tags) {
	t, _, err := s.Resolve(id)
	if err != nil {
		return ArgUnknown, Type{}, 0
	}
	switch t.Kind {
	case KindInt, KindEnum, KindEnum64:
		if t.Size() <= 8 {
			return ArgScalar, t, 0
		}
		return ArgUnknown, Type{}, 0
	case KindStruct, KindUnion:
		if t.Size() <= 16 {
			return ArgByValue, t, 0
		}
		return ArgUnknown, Type{}, 0
	case KindPtr:
		target, tags, err = s.Resolve(t.Ref())
		switch {
		case err != nil:
			return ArgUnknown, Type{}, 0
		case target.Kind.IsStruct():
			return ArgStruct, target, tags
		default:
			return ArgPointer, target, tags
		}
	default:
		return ArgUnknown, Type{}, 0
	}
}
