package vet

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"reflect"
	"strconv"
	"strings"
)

// This file holds the names in struct tags against objects. It reads syntax alone, so
// that files of other builds are checked as well.

// ebpfPath is the import path of the library.
const ebpfPath = "github.com/cilium/ebpf"

// tag is a struct field with a tag ebpf:"name".
type tag struct {
	name string
	kind kind
	live bool // holds what is loaded, not its specification
	pos  token.Pos
}

// fieldKinds are the types of fields that the library fills in.
var fieldKinds = map[string]kind{
	"Program": isProgram, "ProgramSpec": isProgram, "Map": isMap, "MapSpec": isMap, "Variable": isVariable, "VariableSpec": isVariable,
}

// tagOf finds the field that holds a program, the loaded one before its specification.
func (f *file) tagOf(k kind, name string) *tag {
	var best *tag
	for i := range f.tags {
		if t := &f.tags[i]; t.kind == k && t.name == name && (best == nil || t.live && !best.live) {
			best = t
		}
	}
	return best
}

// tags checks the tags of a file.
func (p *pkg) tags(f *file) {
	objects := p.objectsFor(f)
	if len(objects) == 0 {
		return
	}
	qualifier := importName(f.ast, ebpfPath)
	ast.Inspect(f.ast, func(n ast.Node) bool {
		st, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		seen := map[tag]bool{}
		for _, field := range st.Fields.List {
			if field.Tag == nil {
				continue
			}
			text, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				continue
			}
			if name := reflect.StructTag(text).Get("ebpf"); name != "" {
				p.tag(f, objects, field, name, p.typeName(f, field.Type, qualifier), seen)
			}
		}
		return true
	})
}

// tag checks one field.
func (p *pkg) tag(f *file, objects []*object, field *ast.Field, name, typ string, seen map[tag]bool) {
	k, ok := fieldKinds[typ]
	pos := field.Pos()
	switch {
	case strings.Contains(name, ","):
		p.report(field.Tag.Pos(), "tag", "tag ebpf:%q contains a comma; it takes a name and nothing else", name)
		return
	case !ok && !f.typed: // may be an alias
		return
	case !ok:
		p.report(field.Tag.Pos(), "tag", "field with tag ebpf:%q has a type that cannot be loaded; use *ebpf.Program, *ebpf.Map or *ebpf.Variable", name)
		return
	}
	t := tag{name: name, kind: k, live: typ == string(strings.ToUpper(string(k[:1]))+string(k[1:]))}
	if len(field.Names) > 1 || seen[t] {
		p.report(field.Tag.Pos(), "tag", "%s %q is assigned to more than one field", k, name)
	}
	seen[t] = true
	t.pos = pos
	f.tags = append(f.tags, t)
	if p.found(objects, k, name) {
		return
	}
	var where []string
	other := ""
	for _, o := range objects {
		where = append(where, o.name)
		for _, k2 := range []kind{isProgram, isMap, isVariable} {
			if k2 != k && o.has(k2, name) {
				other = "; it is a " + string(k2)
			}
		}
	}
	if other == "" {
		other = suggestion(objects, k, name)
	}
	p.report(field.Tag.Pos(), "tag", "tag ebpf:%q: %s has no such %s%s", name, strings.Join(where, ", "), k, other)
}

// found reports whether one of the objects has something of this name.
func (p *pkg) found(objects []*object, k kind, name string) bool {
	for _, o := range objects {
		if o.has(k, name) {
			return true
		}
	}
	return false
}

// suggestion names the object's entity that is spelled most like name, or what there is.
func suggestion(objects []*object, k kind, name string) string {
	best, dist := "", len(name)/3+2
	var all []string
	for _, o := range objects {
		for _, n := range o.names(k) {
			all = append(all, n)
			if d := distance(name, n); d < dist {
				best, dist = n, d
			}
		}
	}
	switch {
	case best != "":
		return "; did you mean " + strconv.Quote(best) + "?"
	case len(all) == 0:
		return "; it has none"
	case len(all) > 5:
		all = append(all[:5:5], "…")
	}
	return "; there are " + strings.Join(all, ", ")
}

// distance counts the letters to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	if len(a) > 128 || len(b) > 128 {
		return 1 << 10
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diag+cost)
		}
	}
	return row[len(b)]
}

// importName returns how a file calls a package, "" if it does not import it.
func importName(f *ast.File, importPath string) string {
	for _, imp := range f.Imports {
		if p, err := strconv.Unquote(imp.Path.Value); err == nil && p == importPath {
			if imp.Name != nil {
				return imp.Name.Name
			}
			return path.Base(p)
		}
	}
	return ""
}

// typeName returns "Map" for *ebpf.Map, also under another name if types are known.
func (p *pkg) typeName(f *file, e ast.Expr, qualifier string) string {
	if !f.typed {
		return fieldType(e, qualifier)
	}
	ptr, ok := types.Unalias(p.pass.TypesInfo.TypeOf(e)).(*types.Pointer)
	if !ok {
		return ""
	}
	n, ok := types.Unalias(ptr.Elem()).(*types.Named)
	if !ok || n.Obj().Pkg() == nil || !isLibrary(n.Obj().Pkg().Path()) {
		return ""
	}
	return n.Obj().Name()
}

// fieldType returns "Map" for *ebpf.Map, "" for what is no pointer into the library.
func fieldType(e ast.Expr, qualifier string) string {
	star, ok := e.(*ast.StarExpr)
	if !ok || qualifier == "" {
		return ""
	}
	switch x := star.X.(type) {
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok && id.Name == qualifier {
			return x.Sel.Name
		}
	case *ast.Ident:
		if qualifier == "." {
			return x.Name
		}
	}
	return ""
}
