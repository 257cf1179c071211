package vet

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strings"
)

// This file finds the map or variable that an expression stands for: it follows
// assignments, fields and parameters inside the package. Where two things may be
// meant, nothing is known.

// resolver finds out what expressions stand for.
type resolver struct {
	p *pkg
	// inits has what a variable, parameter or field is assigned anywhere in the
	// package; nil stands for what is not known.
	inits  map[types.Object][]ast.Expr
	called map[*ast.Ident]bool  // names of functions where they are called
	outer  map[string][]*object // by file of an imported package
	steps  int                  // left of the search that is under way
}

// assign notes what variables and fields are assigned.
func (r *resolver) assign(lhs, rhs []ast.Expr) {
	for i, l := range lhs {
		var id *ast.Ident
		switch l := ast.Unparen(l).(type) {
		case *ast.Ident:
			id = l
		case *ast.SelectorExpr:
			id = l.Sel
		default:
			continue
		}
		obj := r.p.pass.TypesInfo.ObjectOf(id)
		switch {
		case obj == nil || len(rhs) == 0: // a declaration without value assigns nothing
		case len(lhs) == len(rhs):
			r.inits[obj] = append(r.inits[obj], rhs[i])
		case i == 0: // v, err := f(), v, ok := m[k]
			r.inits[obj] = append(r.inits[obj], rhs[0])
		default:
			r.inits[obj] = append(r.inits[obj], nil)
		}
	}
}

// literal notes the fields that a composite literal sets.
func (r *resolver) literal(n *ast.CompositeLit) {
	t := r.p.pass.TypesInfo.TypeOf(n)
	if t == nil {
		return
	}
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				if obj := r.p.pass.TypesInfo.ObjectOf(id); obj != nil {
					r.inits[obj] = append(r.inits[obj], kv.Value)
				}
			}
		} else if i < st.NumFields() {
			r.inits[st.Field(i)] = append(r.inits[st.Field(i)], e)
		}
	}
}

// passed notes the arguments of a call of a function of this package.
func (r *resolver) passed(c *ast.CallExpr) {
	id, ok := ast.Unparen(c.Fun).(*ast.Ident)
	if !ok {
		return
	}
	fn, ok := r.p.pass.TypesInfo.Uses[id].(*types.Func)
	if !ok || fn.Pkg() != r.p.pass.Pkg {
		return
	}
	r.called[id] = true
	params := fn.Signature().Params()
	for i := range params.Len() {
		if i < len(c.Args) && len(c.Args) == params.Len() && !fn.Signature().Variadic() {
			r.inits[params.At(i)] = append(r.inits[params.At(i)], c.Args[i])
		} else {
			r.inits[params.At(i)] = append(r.inits[params.At(i)], nil)
		}
	}
}

// escapes forgets the parameters of functions that others may call: exported ones of
// libraries, and those that are used as values. Those of methods are never known.
func (r *resolver) escapes() {
	forget := func(fn *types.Func) {
		for v := range fn.Signature().Params().Variables() {
			r.inits[v] = append(r.inits[v], nil)
		}
	}
	for id, obj := range r.p.pass.TypesInfo.Uses {
		if fn, ok := obj.(*types.Func); ok && fn.Pkg() == r.p.pass.Pkg && !r.called[id] {
			forget(fn)
		}
	}
	if r.p.pass.Pkg.Name() == "main" {
		return
	}
	scope := r.p.pass.Pkg.Scope()
	for _, name := range scope.Names() {
		if fn, ok := scope.Lookup(name).(*types.Func); ok && fn.Exported() {
			forget(fn)
		}
	}
}

// taken notes that the address of a variable is used.
func (r *resolver) taken(e ast.Expr) {
	if id, ok := ast.Unparen(e).(*ast.Ident); ok {
		if obj := r.p.pass.TypesInfo.ObjectOf(id); obj != nil {
			if kind := namedType(obj.Type()); kind == "Map" || kind == "Variable" {
				r.inits[obj] = append(r.inits[obj], nil)
			}
		}
	}
}

// maxChain bounds the assignments that are followed one behind the other, maxSteps all
// that are followed from one expression.
const (
	maxChain = 16
	maxSteps = 1000
)

// resolve returns the map or variable that an expression stands for, nil if it is not
// known.
func (r *resolver) resolve(e ast.Expr, depth int) (*entity, error) {
	if depth == 0 {
		r.steps = maxSteps
	}
	if r.steps--; depth > maxChain || r.steps < 0 {
		return nil, nil
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.StarExpr:
		return r.resolve(e.X, depth+1)
	case *ast.UnaryExpr:
		return r.resolve(e.X, depth+1)
	case *ast.Ident:
		return r.assigned(r.p.pass.TypesInfo.ObjectOf(e), depth)
	case *ast.CallExpr: // m.Iterate() stands for m
		if sel, ok := ast.Unparen(e.Fun).(*ast.SelectorExpr); ok && sel.Sel.Name == "Iterate" {
			return r.resolve(sel.X, depth+1)
		}
	case *ast.IndexExpr:
		return r.index(e), nil
	case *ast.SelectorExpr:
		return r.field(e, depth)
	}
	return nil, nil
}

// maxInits bounds the assignments of one variable that are compared.
const maxInits = 8

// assigned resolves a variable if all that it is ever assigned is the same.
func (r *resolver) assigned(obj types.Object, depth int) (*entity, error) {
	inits := r.inits[obj]
	if obj == nil || len(inits) == 0 || len(inits) > maxInits {
		return nil, nil
	}
	var first *entity
	for _, init := range inits {
		if init == nil {
			return nil, nil
		}
		e, err := r.resolve(init, depth+2)
		if err != nil || e == nil {
			return nil, err
		}
		if first != nil && (e.kind != first.kind || e.name != first.name || !slices.Equal(e.objects, first.objects)) {
			return nil, nil
		}
		first = e
	}
	return first, nil
}

// index resolves coll.Maps["name"].
func (r *resolver) index(e *ast.IndexExpr) *entity {
	sel, ok := ast.Unparen(e.X).(*ast.SelectorExpr)
	tv := r.p.pass.TypesInfo.Types[e.Index]
	if !ok || tv.Value == nil || tv.Value.Kind() != constant.String {
		return nil
	}
	f, ok := r.p.pass.TypesInfo.Uses[sel.Sel].(*types.Var)
	if !ok || f.Pkg() == nil || !isLibrary(f.Pkg().Path()) {
		return nil
	}
	k, ok := map[string]kind{"Maps": isMap, "Variables": isVariable}[f.Name()]
	if !ok {
		return nil
	}
	name := constant.StringVal(tv.Value)
	var objects []*object
	for _, o := range objectsOf(r.p.all) {
		if o.has(k, name) {
			objects = append(objects, o)
		}
	}
	if len(objects) > 1 && !r.p.same(objects) {
		return nil // which object the collection was made of is not known
	}
	return &entity{k, name, objects}
}

// same reports whether all objects are of one directive: builds of one source.
func (p *pkg) same(objects []*object) bool {
	stem := func(o *object) string {
		name := strings.TrimSuffix(o.name, ".o")
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_bpfel"), "_bpfeb")
		return name
	}
	for _, o := range objects {
		if stem(o) != stem(objects[0]) {
			return false
		}
	}
	return true
}

// field resolves x.F, where F is a field with a tag, or one that only this package
// can assign.
func (r *resolver) field(e *ast.SelectorExpr, depth int) (*entity, error) {
	s := r.p.pass.TypesInfo.Selections[e]
	if s == nil || s.Kind() != types.FieldVal {
		return nil, nil
	}
	f, ok := s.Obj().(*types.Var)
	if !ok {
		return nil, nil
	}
	name := reflect.StructTag(tagOfField(s)).Get("ebpf")
	k, known := fieldKinds[namedType(f.Type())]
	if name == "" && !f.Exported() && f.Pkg() == r.p.pass.Pkg {
		return r.assigned(f, depth)
	}
	if name == "" || !known || k == isProgram {
		return nil, nil
	}
	objects, err := r.objectsAt(f)
	return &entity{k, name, objects}, err
}

// tagOfField walks a selection to its field and returns the field's tag.
func tagOfField(s *types.Selection) string {
	t := s.Recv()
	tag := ""
	for _, i := range s.Index() {
		if ptr, ok := t.Underlying().(*types.Pointer); ok {
			t = ptr.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok || i >= st.NumFields() {
			return ""
		}
		tag, t = st.Tag(i), st.Field(i).Type()
	}
	return tag
}

// objectsAt returns the objects that the tag of a field can mean. Fields of other
// packages are found through the file that declares them.
func (r *resolver) objectsAt(f *types.Var) ([]*object, error) {
	if f.Pkg() == r.p.pass.Pkg {
		if home := r.p.fileAt(f.Pos()); home != nil {
			return r.p.objectsFor(home), nil
		}
		return nil, nil
	}
	return r.imported(r.p.pass.Fset.Position(f.Pos()).Filename)
}

// fileAt returns the file of this package that a position is in.
func (p *pkg) fileAt(pos token.Pos) *file {
	for _, f := range p.files {
		if f.ast.FileStart <= pos && pos < f.ast.FileEnd {
			return f
		}
	}
	return nil
}
