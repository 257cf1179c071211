package vet

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bpfcheck/bpfcheck/btfcheck"
)

// This file checks the types that bpf2go writes: each stands for the C type of the
// same name, wherever it is used.

// reference is a type of an object.
type reference struct {
	object *object
	id     uint32
}

func (r reference) btf() btfcheck.TypeID { return btfcheck.TypeID(r.id) }

// describe says what the C type is called.
func (r reference) describe() string {
	if r.object.types == nil || r.id == 0 {
		return ""
	}
	t, ok := r.object.types.Type(r.btf())
	if ok && t.Kind == btfcheck.KindVar {
		t, ok = r.object.types.Type(t.Ref())
	}
	for range maxNesting {
		if !ok || t.Name() != "" || !t.Kind.IsModifier() {
			break
		}
		t, ok = r.object.types.Type(t.Ref())
	}
	if !ok || t.Name() == "" {
		return ""
	}
	name := t.Name()
	switch t.Kind {
	case btfcheck.KindStruct:
		name = "struct " + name
	case btfcheck.KindUnion:
		name = "union " + name
	case btfcheck.KindEnum, btfcheck.KindEnum64:
		name = "enum " + name
	}
	return fmt.Sprintf("; C has %s", name)
}

// generated checks the types of a file that bpf2go wrote.
func (p *pkg) generated(f *file) {
	stem := bpf2goStem(f.ast)
	if stem == "" || len(f.embeds) != 1 || f.embeds[0].obj == nil || f.embeds[0].obj.types == nil {
		return
	}
	o := f.embeds[0].obj
	known := o.goNames(stem)
	scope := p.scopeOf(f, o.big)
	for _, d := range f.ast.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, s := range gen.Specs {
			spec := s.(*ast.TypeSpec)
			id, ok := known[spec.Name.Name]
			if !ok || scope == nil {
				continue
			}
			obj := scope.Lookup(spec.Name.Name)
			if obj == nil {
				continue
			}
			p.declared(f, spec, obj.Type(), reference{o, uint32(id)})
		}
	}
}

// declared compares a generated type with its C type.
func (p *pkg) declared(f *file, spec *ast.TypeSpec, t types.Type, ref reference) {
	size, err := ref.object.types.SizeOf(ref.btf())
	if err != nil {
		return
	}
	sizes := p.pass.TypesSizes
	if !f.typed {
		sizes = types.SizesFor("gc", "amd64")
	}
	l, ok := layoutOf(t, sizes)
	if !ok || l.problem != "" { // pointers and the like; it matters where it is used
		return
	}
	m := l.against(ref.object.types, ref.btf(), uint64(size))
	if m == nil {
		return
	}
	pos := spec.Name.Pos()
	p.bad[pos] = true
	if m.pos.IsValid() {
		pos = m.pos
	}
	p.report(pos, "layout", "Go type %s %s%s; run bpf2go again", spec.Name.Name, m.text, ref.describe())
}

// scopeOf returns the types that a file declares. A file of another build is checked
// alone; what it imports is unknown, and the types that bpf2go writes do not need it.
func (p *pkg) scopeOf(f *file, big bool) *types.Scope {
	if f.typed {
		return p.pass.Pkg.Scope()
	}
	arch := "amd64"
	if big {
		arch = "s390x"
	}
	conf := types.Config{Importer: nothing{}, Error: func(error) {}, Sizes: types.SizesFor("gc", arch), IgnoreFuncBodies: true}
	pkg, _ := conf.Check(p.pass.Pkg.Path(), p.pass.Fset, []*ast.File{f.ast}, nil)
	if pkg == nil {
		return nil
	}
	return pkg.Scope()
}

// nothing imports nothing.
type nothing struct{}

func (nothing) Import(string) (*types.Package, error) { return nil, errors.New("not read") }

// bpf2goStem returns the prefix of the names that bpf2go gave to the types of a file:
// "count" where the object is in _CountBytes and the maps in type countMaps. It is
// empty for other files.
func bpf2goStem(f *ast.File) string {
	if !ast.IsGenerated(f) {
		return ""
	}
	names := map[string]bool{}
	stem := ""
	for _, d := range f.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range gen.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names[s.Name.Name] = true
			case *ast.ValueSpec:
				if n, ok := strings.CutSuffix(s.Names[0].Name, "Bytes"); ok && strings.HasPrefix(n, "_") && len(s.Names) == 1 {
					stem = n[1:]
				}
			}
		}
	}
	r, n := utf8.DecodeRuneInString(stem)
	lower := string(unicode.ToLower(r)) + stem[n:]
	switch {
	case stem == "":
	case names[lower+"Specs"]:
		return lower
	case names[stem+"Specs"]:
		return stem
	}
	return ""
}

// goNames maps the Go names that bpf2go gives to an object's types to these types.
// Names that two types share are left out.
func (o *object) goNames(stem string) map[string]btfcheck.TypeID {
	out := map[string]btfcheck.TypeID{}
	rank := map[string]int{}
	for t := range o.types.Types() {
		r := 0
		switch t.Kind {
		case btfcheck.KindStruct, btfcheck.KindUnion, btfcheck.KindEnum, btfcheck.KindEnum64:
			r = 2
		case btfcheck.KindTypedef, btfcheck.KindInt:
			r = 1
		}
		if r == 0 || t.Name() == "" {
			continue
		}
		name := stem + identifier(t.Name())
		switch {
		case r == rank[name]:
			delete(out, name)
		case r > rank[name]:
			out[name], rank[name] = t.ID, r
		}
	}
	return out
}

// identifier turns a C name into the Go name that bpf2go makes of it: words joined,
// each with a capital letter.
func identifier(name string) string {
	var b strings.Builder
	up, lower := true, false // the next letter starts a word; the last one was small or a digit
	for _, r := range name {
		switch {
		case unicode.IsLetter(r):
			if up {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			up, lower = false, unicode.IsLower(r)
		case r == '_' && (up || lower):
			up, lower = true, false
		case r == '_' || unicode.IsDigit(r):
			b.WriteRune(r)
			up, lower = false, unicode.IsDigit(r)
		}
	}
	return b.String()
}
