// Package ssaterm turns Go functions into terms of smt/term, by symbolic execution
// of their SSA form, so that what is proved is the source that ships.
//
// The idea: every block of a function runs once, under a guard, the condition of
// coming there; where control flow meets, values are joined by ite (bounded model
// checking as in Clarke, Kroening & Lerda, "A Tool for Checking ANSI-C Programs",
// TACAS 2004). Calls are inlined, structs and arrays are tuples, local memory is a
// list of cells with constant addresses, generics are instantiated. Loops run as
// long as their condition is not plainly false, up to MaxIterations.
//
// What can go wrong in Go is not left out: panic, division by zero, an index out
// of range, a negative shift count become Obligations, conditions that the caller
// has to refute. Everything else that is not understood is an error with its
// position; nothing is approximated. Functions may be replaced by contracts (see
// Executor.Summarise), which is then what a proof rests on.
//
// The trap: a package-level variable counts as the value that its initialiser
// gives it. That is only true if nobody assigns to it, which is checked in all
// loaded packages, but not in others (they cannot reach what is not exported).
package ssaterm

import (
	"context"
	"fmt"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

// Program is Go packages in SSA form.
type Program struct {
	fset     *token.FileSet
	packages map[string]*ssa.Package
	written  map[*ssa.Global]token.Pos // assigned to outside of initialisers
}

// Source says where Go source is.
type Source struct {
	// Dir is a folder of the module; "" is the current one.
	Dir string
	// Overlay replaces files, by absolute path.
	Overlay map[string][]byte
}

// Load reads the named packages from source; what they import comes as export
// data and has no terms. It runs the go command, which needs no network if the
// packages build without.
func Load(ctx context.Context, s Source, paths ...string) (*Program, error) {
	cfg := &packages.Config{
		Context: ctx, Dir: s.Dir, Overlay: s.Overlay,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedDeps | packages.NeedExportFile | packages.NeedTypes | packages.NeedTypesSizes |
			packages.NeedSyntax | packages.NeedTypesInfo,
	}
	if len(s.Overlay) == 0 {
		cfg.Mode &^= packages.NeedDeps
	}
	list, err := packages.Load(cfg, paths...)
	if err != nil {
		return nil, fmt.Errorf("cannot load Go packages: %w", err)
	}
	for _, p := range list {
		for _, e := range p.Errors {
			return nil, fmt.Errorf("cannot load %s: %v", p.PkgPath, e)
		}
	}
	prog, built := ssautil.Packages(list, ssa.InstantiateGenerics)
	prog.Build()
	r := &Program{prog.Fset, map[string]*ssa.Package{}, map[*ssa.Global]token.Pos{}}
	for i, p := range built {
		if p == nil {
			return nil, fmt.Errorf("%s does not type-check", list[i].PkgPath)
		}
		r.packages[p.Pkg.Path()] = p
	}
	for f := range ssautil.AllFunctions(prog) {
		r.noteWrites(f)
	}
	return r, nil
}

// noteWrites records the globals that f does anything to but read, or read
// through a constant path of fields.
func (p *Program) noteWrites(f *ssa.Function) {
	if f.Synthetic == initialiser {
		return
	}
	for _, b := range f.Blocks {
		for _, i := range b.Instrs {
			for _, o := range i.Operands(nil) {
				g, ok := (*o).(*ssa.Global)
				if ok && !readsOnly(i, 0) {
					p.written[g] = i.Pos()
				}
			}
		}
	}
}

// readsOnly reports whether an instruction that has an address as operand only
// reads what is there.
func readsOnly(i ssa.Instruction, depth int) bool {
	switch i := i.(type) {
	case *ssa.UnOp:
		return i.Op == token.MUL
	case *ssa.DebugRef:
		return true
	case *ssa.FieldAddr, *ssa.IndexAddr:
		if depth > 8 {
			return false
		}
		for _, r := range *i.(ssa.Value).Referrers() {
			if !readsOnly(r, depth+1) {
				return false
			}
		}
		return true
	}
	return false
}

// Func returns a function by its package's path and its name: "Join", or
// "Domain.Join" for a method.
func (p *Program) Func(path, name string) (*ssa.Function, error) {
	pkg := p.packages[path]
	if pkg == nil {
		return nil, fmt.Errorf("package %s is not loaded", path)
	}
	recv, method, isMethod := strings.Cut(name, ".")
	if !isMethod {
		if f := pkg.Func(name); f != nil {
			return f, nil
		}
		return nil, fmt.Errorf("no function %s.%s", path, name)
	}
	t := pkg.Type(recv)
	if t == nil {
		return nil, fmt.Errorf("no type %s.%s", path, recv)
	}
	if f := pkg.Prog.LookupMethod(t.Type(), pkg.Pkg, method); f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("no method %s.%s", path, name)
}

// Position prints a place in the source.
func (p *Program) Position(pos token.Pos) string {
	if !pos.IsValid() {
		return "unknown position"
	}
	q := p.fset.Position(pos)
	parts := strings.Split(q.Filename, "/")
	if n := len(parts); n > 3 {
		parts = parts[n-3:]
	}
	return fmt.Sprintf("%s:%d", strings.Join(parts, "/"), q.Line)
}

// deref is what a pointer points to.
func deref(t types.Type) types.Type { return t.Underlying().(*types.Pointer).Elem() }

// basic returns the width and the signedness of a type that is one word or a Bool
// (width 0).
func basic(t types.Type) (width int, signed, ok bool) {
	b, isBasic := t.Underlying().(*types.Basic)
	if !isBasic {
		return 0, false, false
	}
	switch b.Kind() {
	case types.Bool, types.UntypedBool:
		return 0, false, true
	case types.Int8:
		return 8, true, true
	case types.Int16:
		return 16, true, true
	case types.Int32:
		return 32, true, true
	case types.Int, types.Int64, types.UntypedInt:
		return 64, true, true // the machines that we care for
	case types.Uint8:
		return 8, false, true
	case types.Uint16:
		return 16, false, true
	case types.Uint32:
		return 32, false, true
	case types.Uint, types.Uint64, types.Uintptr:
		return 64, false, true
	}
	return 0, false, false
}
