package loader

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/cilium/ebpf/btf"
)

// This file finds, for a path through a local type, the same path through a
// kernel's type of the same name, and compares whole types (rules C3, C4, C6).

// coreSpec is a place in a type: the end of a path.
type coreSpec struct {
	steps []coreStep // the named members and the array indices of the path
	bits  uint64     // from the start of the root
	// The member at the end of the path; parent is nil for an array element.
	parent btf.Type
	typ    btf.Type
	width  btf.Bits // of a bit-field, else 0

	enum     uint64 // the value of an enumerator
	enumName string
}

// coreStep is a named member, or an array index if name is "".
type coreStep struct {
	name  string
	index int
	typ   btf.Type // of the member
}

// Bounds on the search through anonymous members and on comparisons of types.
const (
	maxCoreSteps = 1 << 14
	maxCoreDepth = 32
)

func members(t btf.Type) ([]btf.Member, bool) {
	switch t := t.(type) {
	case *btf.Struct:
		return t.Members, true
	case *btf.Union:
		return t.Members, true
	}
	return nil, false
}

// localSpec follows an access path through the type it was compiled with.
func localSpec(root btf.Type, path []int, kind coreKind) (*coreSpec, error) {
	s := &coreSpec{typ: btf.UnderlyingType(root)}
	if kind.enum() {
		e, ok := s.typ.(*btf.Enum)
		if !ok || len(path) != 1 || path[0] >= len(e.Values) {
			return nil, errors.New("the access string names no enumerator")
		}
		s.enum, s.enumName = e.Values[path[0]].Value, e.Values[path[0]].Name
		return s, nil
	}
	if !kind.field() {
		if len(path) != 1 || path[0] != 0 {
			return nil, errors.New("the access string of a type is not 0")
		}
		return s, nil
	}
	if err := s.element(path[0], s.typ); err != nil {
		return nil, err
	}
	flexible := false // the array reached is the last member of a structure
	for _, idx := range path[1:] {
		u := btf.UnderlyingType(s.typ)
		if ms, ok := members(u); ok {
			if idx >= len(ms) {
				return nil, fmt.Errorf("member %d of %d", idx, len(ms))
			}
			s.member(u, ms[idx], idx)
			flexible = idx == len(ms)-1 && ms[idx].Name != ""
			continue
		}
		a, ok := u.(*btf.Array)
		if !ok {
			return nil, fmt.Errorf("the access string goes into %s", kindName(u))
		}
		if !(flexible && a.Nelems == 0) && uint64(idx) >= uint64(a.Nelems) {
			return nil, fmt.Errorf("element %d of %d", idx, a.Nelems)
		}
		if err := s.element(idx, a.Type); err != nil {
			return nil, err
		}
		flexible = false
	}
	return s, nil
}

// element moves to element idx of an array of t.
func (s *coreSpec) element(idx int, t btf.Type) error {
	t = btf.UnderlyingType(t)
	n := 0
	if idx > 0 {
		var err error
		if n, err = btf.Sizeof(t); err != nil {
			return err
		}
	}
	s.steps = append(s.steps, coreStep{index: idx})
	s.bits += uint64(idx) * uint64(n) * 8
	s.parent, s.typ, s.width = nil, t, 0
	return nil
}

// member moves to a member. An anonymous one is no step of the path.
func (s *coreSpec) member(parent btf.Type, m btf.Member, idx int) {
	s.bits += uint64(m.Offset)
	s.parent, s.typ, s.width = parent, m.Type, m.BitfieldSize
	if m.Name != "" {
		s.steps = append(s.steps, coreStep{m.Name, idx, m.Type})
	}
}

// matchSpec follows the local path through a candidate. Without a match it says why.
func matchSpec(local *coreSpec, root, cand btf.Type, kind coreKind) (*coreSpec, string) {
	u := btf.UnderlyingType(cand)
	switch {
	case kind.enum():
		e, ok := u.(*btf.Enum)
		for i := 0; ok && i < len(e.Values); i++ {
			if essential(e.Values[i].Name) == essential(local.enumName) {
				return &coreSpec{enum: e.Values[i].Value}, ""
			}
		}
		return nil, fmt.Sprintf("the kernel's %s has no %s", cand.TypeName(), local.enumName)
	case kind == coreTypeMatches:
		c := &comparison{}
		if !c.match(root, cand, false, maxCoreDepth) {
			return nil, "the kernel's " + cand.TypeName() + " does not match"
		}
		return &coreSpec{}, ""
	case !kind.field():
		c := &comparison{}
		if !c.compatible(root, cand, maxCoreDepth) {
			return nil, "the kernel's " + cand.TypeName() + " is not compatible"
		}
		return &coreSpec{}, ""
	}
	s := &coreSpec{typ: u}
	flexible := false
	for i, step := range local.steps {
		if step.name != "" {
			var ok bool
			if flexible, ok = s.find(step); !ok {
				return nil, fmt.Sprintf("the kernel's %s has no field %s that fits", cand.TypeName(), step.name)
			}
			continue
		}
		t := s.typ
		if i > 0 {
			a, ok := btf.UnderlyingType(t).(*btf.Array)
			if !ok || (!(flexible && a.Nelems == 0) && uint64(step.index) >= uint64(a.Nelems)) {
				return nil, fmt.Sprintf("the kernel's %s has no element %d there", cand.TypeName(), step.index)
			}
			t = a.Type
		}
		if err := s.element(step.index, t); err != nil {
			return nil, err.Error()
		}
		flexible = false
	}
	return s, ""
}

// find moves to the member of a name, which may be inside anonymous members.
// last says that it is the last member of what holds it.
func (s *coreSpec) find(step coreStep) (last, ok bool) {
	type item struct {
		t    btf.Type
		bits uint64
	}
	work := []item{{btf.UnderlyingType(s.typ), s.bits}}
	for n := 0; n < len(work) && n < maxCoreSteps; n++ {
		ms, ok := members(work[n].t)
		if !ok {
			continue
		}
		for i, m := range ms {
			switch {
			case m.Name == step.name:
				if !fieldsCompatible(step.typ, m.Type) {
					return false, false
				}
				s.bits = work[n].bits
				s.member(work[n].t, m, i)
				return i == len(ms)-1, true
			case m.Name == "":
				work = append(work, item{btf.UnderlyingType(m.Type), work[n].bits + uint64(m.Offset)})
			}
		}
	}
	return false, false
}

// fieldsCompatible compares the types of two fields of the same name. Whatever
// size they have, code that reads one can be made to read the other.
func fieldsCompatible(local, target btf.Type) bool {
	for range maxCoreDepth {
		a, b := btf.UnderlyingType(local), btf.UnderlyingType(target)
		_, ok1 := members(a)
		_, ok2 := members(b)
		if ok1 && ok2 {
			return true
		}
		if reflect.TypeOf(a) != reflect.TypeOf(b) {
			return false
		}
		switch x := a.(type) {
		case *btf.Pointer, *btf.Float, *btf.Int:
			return true
		case *btf.Enum, *btf.Fwd:
			return looseNames(a.TypeName(), b.TypeName())
		case *btf.Array:
			local, target = x.Type, b.(*btf.Array).Type
			continue
		}
		return false
	}
	return false
}

// looseNames compares names without flavours; no name fits all.
func looseNames(a, b string) bool {
	return a == "" || b == "" || essential(a) == essential(b)
}

// comparison of two whole types. It recurses over types, at most maxCoreDepth
// deep, and does at most maxCoreSteps comparisons; beyond that types differ.
type comparison struct{ steps int }

func (c *comparison) over(depth int) bool {
	c.steps++
	return depth <= 0 || c.steps > maxCoreSteps
}

// compatible: of the same kind, and so are the types that pointers, arrays and
// functions are made of. Names, members and sizes do not count.
func (c *comparison) compatible(local, target btf.Type, depth int) bool {
	for ; !c.over(depth); depth-- {
		a, b := btf.UnderlyingType(local), btf.UnderlyingType(target)
		if reflect.TypeOf(a) != reflect.TypeOf(b) {
			return false
		}
		switch x := a.(type) {
		case *btf.Void, *btf.Struct, *btf.Union, *btf.Enum, *btf.Fwd, *btf.Int:
			return true
		case *btf.Pointer:
			local, target = x.Target, b.(*btf.Pointer).Target
		case *btf.Array:
			local, target = x.Type, b.(*btf.Array).Type
		case *btf.FuncProto:
			y := b.(*btf.FuncProto)
			if len(x.Params) != len(y.Params) {
				return false
			}
			for i := range x.Params {
				if !c.compatible(x.Params[i].Type, y.Params[i].Type, depth-1) {
					return false
				}
			}
			local, target = x.Return, y.Return
		default:
			return false
		}
	}
	return false
}

// match: names, members, sizes and signs fit too. Structures behind a pointer
// match by name and kind.
func (c *comparison) match(local, target btf.Type, behind bool, depth int) bool {
	for ; !c.over(depth); depth-- {
		a, b := btf.UnderlyingType(local), btf.UnderlyingType(target)
		if essential(a.TypeName()) != essential(b.TypeName()) {
			return false
		}
		if behind {
			if ok, decided := matchForward(a, b); decided {
				return ok
			}
		}
		if reflect.TypeOf(a) != reflect.TypeOf(b) {
			return false
		}
		switch x := a.(type) {
		case *btf.Void:
			return true
		case *btf.Fwd:
			return x.Kind == b.(*btf.Fwd).Kind
		case *btf.Enum:
			return matchEnums(x, b.(*btf.Enum))
		case *btf.Struct, *btf.Union:
			return behind || c.matchMembers(a, b, depth-1)
		case *btf.Int:
			y := b.(*btf.Int)
			return x.Size == y.Size && x.Encoding&btf.Signed == y.Encoding&btf.Signed
		case *btf.Pointer:
			local, target, behind = x.Target, b.(*btf.Pointer).Target, true
		case *btf.Array:
			y := b.(*btf.Array)
			if x.Nelems != y.Nelems {
				return false
			}
			local, target = x.Type, y.Type
		case *btf.FuncProto:
			y := b.(*btf.FuncProto)
			if len(x.Params) != len(y.Params) {
				return false
			}
			for i := range x.Params {
				if !c.match(x.Params[i].Type, y.Params[i].Type, behind, depth-1) {
					return false
				}
			}
			local, target = x.Return, y.Return
		default:
			return false
		}
	}
	return false
}

// matchForward matches a forward declaration with a structure or union.
func matchForward(a, b btf.Type) (ok, decided bool) {
	fwd, isFwd := a.(*btf.Fwd)
	other := b
	if !isFwd {
		fwd, isFwd = b.(*btf.Fwd)
		other = a
	}
	if !isFwd {
		return false, false
	}
	switch other.(type) {
	case *btf.Struct:
		return fwd.Kind == btf.FwdStruct, true
	case *btf.Union:
		return fwd.Kind == btf.FwdUnion, true
	}
	return false, false
}

func matchEnums(a, b *btf.Enum) bool {
	if a.Size != b.Size || len(a.Values) > len(b.Values) {
		return false
	}
	have := map[string]bool{}
	for _, v := range b.Values {
		have[essential(v.Name)] = true
	}
	for _, v := range a.Values {
		if !have[essential(v.Name)] {
			return false
		}
	}
	return true
}

func (c *comparison) matchMembers(a, b btf.Type, depth int) bool {
	am, _ := members(a)
	bm, _ := members(b)
	if len(am) > len(bm) {
		return false
	}
	for _, m := range am {
		found := false
		for _, n := range bm {
			if essential(m.Name) == essential(n.Name) && c.match(m.Type, n.Type, false, depth) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// kindName is a type's kind for messages.
func kindName(t btf.Type) string { return reflect.TypeOf(t).Elem().Name() }
