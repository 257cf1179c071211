package ssaterm

import (
	"slices"

	"golang.org/x/tools/go/ssa"
)

// globals are the package-level variables: cells with negative numbers.
type globals struct {
	cell   map[*ssa.Global]int
	values map[int]Value
	ready  map[*ssa.Package]bool
}

// global returns the address of a variable that only its initialiser assigns to.
func (x *Executor) global(g *ssa.Global) (Value, error) {
	if pos, bad := x.prog.written[g]; bad {
		return nil, x.refuse(pos, "%s is not a constant: it is assigned to, or its address escapes, here", g.Name())
	}
	if g.Pkg == nil || x.prog.packages[g.Pkg.Pkg.Path()] == nil {
		return nil, x.refuse(g.Pos(), "%s has no source here", g.Name())
	}
	if !x.globals.ready[g.Pkg] {
		x.globals.ready[g.Pkg] = true
		if err := x.initialise(g.Pkg); err != nil {
			return nil, err
		}
	}
	cell, ok := x.globals.cell[g]
	if !ok {
		return nil, x.refuse(g.Pos(), "%s has no initial value", g.Name())
	}
	return Ref{cell: cell}, nil
}

// initialise runs a package's initialiser. What it computes and has no terms is
// opaque, and refused where it is used.
func (x *Executor) initialise(p *ssa.Package) error {
	cells := map[int]Value{}
	for _, g := range members(p) {
		v, err := x.zero(deref(g.Type()))
		if err != nil {
			v = opaque{err.Error()}
		}
		x.globals.cell[g] = -len(x.globals.cell) - 1
		cells[x.globals.cell[g]] = v
	}
	stack := x.stack
	x.stack = nil
	defer func() { x.stack = stack }()
	_, cells, err := x.call(p.Func("init"), nil, cells)
	if err != nil {
		return err
	}
	for c, v := range cells {
		if c < 0 {
			x.globals.values[c] = v
		}
	}
	return nil
}

// members are the variables of a package in the order of their names.
func members(p *ssa.Package) []*ssa.Global {
	var names []string
	for n := range p.Members {
		names = append(names, n)
	}
	slices.Sort(names)
	var list []*ssa.Global
	for _, n := range names {
		if g, ok := p.Members[n].(*ssa.Global); ok {
			list = append(list, g)
		}
	}
	return list
}
