package vet

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck/loader"
)

// This file follows maps and variables from calls of their methods back to the tag
// that names them, and checks the Go types that the calls hand over.

// entity is a map or variable that an expression is known to stand for.
type entity struct {
	kind    kind
	name    string
	objects []*object
}

// methods says which arguments of a method are what: k a key, v a value, K and V
// slices of them, "-" anything else. out: the argument is written to.
type method struct {
	args string
	out  string // for each argument: '>' if it is written
}

var mapMethods = map[string]method{
	"Put": {"kv", "  "}, "Update": {"kv", "  "}, "Delete": {"k", " "},
	"Lookup": {"kv", " >"}, "LookupWithFlags": {"kv", " >"}, "LookupBytes": {"k", " "},
	"LookupAndDelete": {"kv", " >"}, "LookupAndDeleteWithFlags": {"kv", " >"},
	"NextKey": {"kk", " >"}, "NextKeyBytes": {"k", " "},
	"BatchLookup": {"-KV", " >>"}, "BatchLookupAndDelete": {"-KV", " >>"}, "BatchUpdate": {"KV", "  "}, "BatchDelete": {"K", " "},
}

var iteratorMethods = map[string]method{"Next": {"kv", ">>"}}

var variableMethods = map[string]method{"Set": {"v", " "}, "Get": {"v", ">"}}

// uses checks the calls of a package.
func (p *pkg) uses() error {
	r := &resolver{p: p, inits: map[types.Object][]ast.Expr{}, called: map[*ast.Ident]bool{}}
	var calls []*ast.CallExpr
	for _, f := range p.files {
		if !f.typed {
			continue
		}
		if importName(f.ast, ebpfPath) == "" && len(p.all) == 0 && !p.importsTagged() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				calls = append(calls, n)
				r.passed(n)
			case *ast.CompositeLit:
				r.literal(n)
			case *ast.AssignStmt:
				r.assign(n.Lhs, n.Rhs)
			case *ast.ValueSpec:
				lhs := make([]ast.Expr, len(n.Names))
				for i, id := range n.Names {
					lhs[i] = id
				}
				r.assign(lhs, n.Values)
			case *ast.UnaryExpr:
				if n.Op == token.AND { // somebody else may assign to it
					r.taken(n.X)
				}
			}
			return true
		})
	}
	r.escapes()
	for _, c := range calls {
		if err := p.call(r, c); err != nil {
			return err
		}
	}
	return nil
}

// importsTagged reports whether the library is among the packages that this one's
// imports import: an object's fields may then be used without naming the library.
func (p *pkg) importsTagged() bool {
	for _, imp := range p.pass.Pkg.Imports() {
		if imp.Path() == ebpfPath {
			return true
		}
		for _, i2 := range imp.Imports() {
			if i2.Path() == ebpfPath {
				return true
			}
		}
	}
	return false
}

// call checks one call, if it is a method of a known map or variable.
func (p *pkg) call(r *resolver, c *ast.CallExpr) error {
	sel, ok := ast.Unparen(c.Fun).(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	fn, ok := p.pass.TypesInfo.Uses[sel.Sel].(*types.Func)
	if !ok {
		return nil
	}
	var m method
	switch receiver(fn) {
	case "Map":
		m, ok = mapMethods[fn.Name()]
	case "MapIterator":
		m, ok = iteratorMethods[fn.Name()]
	case "Variable", "VariableSpec":
		m, ok = variableMethods[fn.Name()]
	default:
		return nil
	}
	if !ok || len(c.Args) < len(m.args) {
		return nil
	}
	e, err := r.resolve(sel.X, 0)
	if err != nil || e == nil {
		return err
	}
	for i := range len(m.args) {
		p.argument(e, fn.Name(), c.Args[i], m.args[i], m.out[i] == '>')
	}
	return nil
}

// receiver returns the name of the library's type that fn is a method of.
func receiver(fn *types.Func) string {
	sig := fn.Signature()
	if sig.Recv() == nil || fn.Pkg() == nil || !isLibrary(fn.Pkg().Path()) {
		return ""
	}
	return namedType(sig.Recv().Type())
}

func isLibrary(path string) bool {
	return path == ebpfPath || strings.HasSuffix(path, "/vendor/"+ebpfPath)
}

// namedType returns the name of a type, or of what it points to.
func namedType(t types.Type) string {
	if ptr, ok := types.Unalias(t).(*types.Pointer); ok {
		t = ptr.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

// argument checks an argument of a call.
func (p *pkg) argument(e *entity, method string, arg ast.Expr, role byte, out bool) {
	t := p.pass.TypesInfo.TypeOf(arg)
	if t == nil || role == '-' {
		return
	}
	for _, o := range e.objects {
		var size uint64
		var what string
		ref := reference{object: o}
		switch e.kind {
		case isMap:
			m := o.maps[e.name]
			if m == nil {
				continue
			}
			size, ref.id, what = uint64(m.ValueSize), m.ValueTypeID, "value"
			if role == 'k' || role == 'K' {
				size, ref.id, what = uint64(m.KeySize), m.KeyTypeID, "key"
			}
			if size == 0 || opaqueValue(m, what) {
				continue
			}
			elem, ok := p.element(t, m, role)
			if !ok {
				continue
			}
			p.compare(arg, elem, out, what+" of map "+e.name, size, ref)
		case isVariable:
			v, ok := o.vars[e.name]
			if !ok {
				continue
			}
			ref.id = uint32(v.id)
			elem, _ := p.element(t, nil, role)
			p.compare(arg, elem, out, "variable "+e.name, v.size, ref)
		}
		if p.bad[arg.Pos()] {
			return // once is enough
		}
	}
}

// opaqueValue knows the maps whose values the library takes as something else than
// bytes: maps, programs, links.
func opaqueValue(m *loader.Map, what string) bool {
	if what != "value" {
		return false
	}
	switch m.Type {
	case "prog_array", "array_of_maps", "hash_of_maps", "sockmap", "sockhash", "xskmap", "perf_event_array", "cgroup_array", "reuseport_sockarray":
		return true
	}
	return false
}

// element strips what the library strips: a pointer, the slice of a batch, the slice
// with a value a CPU. It is false for what it cannot see through.
func (p *pkg) element(t types.Type, m *loader.Map, role byte) (types.Type, bool) {
	depth := 0
	if role == 'K' || role == 'V' {
		depth++
	}
	if m != nil && strings.Contains(m.Type, "percpu") && (role == 'v' || role == 'V') {
		depth = 1 // also in batches, which are flat
	}
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	for range depth {
		s, ok := t.Underlying().(*types.Slice)
		if !ok {
			return t, false
		}
		t = s.Elem()
	}
	return t, true
}

// compare checks a type that an argument hands over.
func (p *pkg) compare(arg ast.Expr, t types.Type, out bool, what string, size uint64, ref reference) {
	switch u := t.Underlying().(type) {
	case *types.Slice, *types.Interface, *types.TypeParam:
		return // bytes of a length known at run time
	case *types.Basic:
		if u.Kind() == types.String || u.Info()&types.IsUntyped != 0 && u.Kind() == types.UntypedNil {
			return
		}
	}
	if marshals(t) {
		return
	}
	if n, ok := types.Unalias(t).(*types.Named); ok && p.bad[n.Obj().Pos()] {
		return // said where the type is declared
	}
	l, ok := layoutOf(t, p.pass.TypesSizes)
	if !ok {
		return
	}
	m := l.against(ref.object.types, ref.btf(), size)
	if m == nil && out && l.hidden != "" {
		m = &mismatch{text: "has the unexported field " + l.hidden + ", which cannot be read into"}
	}
	if m == nil {
		return
	}
	p.bad[arg.Pos()] = true
	where := ""
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pos().IsValid() {
		at := p.pass.Fset.Position(n.Obj().Pos())
		if m.pos.IsValid() {
			at = p.pass.Fset.Position(m.pos)
		}
		where = " (" + filepath.Base(at.Filename) + ":" + strconv.Itoa(at.Line) + ")"
	}
	p.report(arg.Pos(), "layout", "%s: Go type %s%s %s%s", what, types.TypeString(t, types.RelativeTo(p.pass.Pkg)), where, m.text, ref.describe())
}

// marshals reports whether a type turns itself into bytes.
func marshals(t types.Type) bool {
	for _, t := range []types.Type{t, types.NewPointer(t)} {
		set := types.NewMethodSet(t)
		for _, name := range []string{"MarshalBinary", "UnmarshalBinary"} {
			if set.Lookup(nil, name) != nil {
				return true
			}
		}
	}
	return false
}
