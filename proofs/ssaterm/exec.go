package ssaterm

import (
	"errors"
	"fmt"
	"go/token"
	"maps"
	"slices"

	"golang.org/x/tools/go/ssa"

	"github.com/bpfcheck/bpfcheck/smt/term"
)

// Limits on what one call may take.
const (
	MaxIterations = 256
	maxDepth      = 64
	maxBlocks     = 1 << 20
)

// ErrRefused is in the chain of every error about source that has no terms.
var ErrRefused = errors.New("not translated")

// Obligation is a condition under which the code would panic.
type Obligation struct {
	Cond term.Term
	What string
	At   string
}

// A Summary is used instead of a function's body.
type Summary func(x *Executor, args []Value) (Value, error)

// Arithmetic takes the place of the operators that are hard to decide: the caller
// answers for what it returns. A result of 0 leaves the operator as it is.
type Arithmetic interface {
	// Product returns both halves of a product of 64-bit words.
	Product(a, b term.Term) (hi, lo term.Term)
	// Divide returns quotient and remainder of 64-bit words, the divisor not 0.
	Divide(signed bool, a, b term.Term) (quotient, remainder term.Term)
}

// Executor runs functions of a program. It is not safe for concurrent use.
type Executor struct {
	// Arithmetic is used if it is not nil.
	Arithmetic Arithmetic

	store       *term.Store
	prog        *Program
	summaries   map[string]Summary
	globals     globals
	obligations []Obligation
	cells       int // how many were made
	blocks      int // how many were run
	stack       []term.Term
}

// NewExecutor returns an executor that makes terms in s.
func NewExecutor(s *term.Store, p *Program) *Executor {
	return &Executor{
		store: s, prog: p, summaries: map[string]Summary{}, globals: globals{map[*ssa.Global]int{}, map[int]Value{}, map[*ssa.Package]bool{}},
	}
}

// Store is where the terms are.
func (x *Executor) Store() *term.Store { return x.store }

// Summarise replaces a function, named as ssa.Function.String does, by a contract.
func (x *Executor) Summarise(name string, s Summary) { x.summaries[name] = s }

// Obligations are the conditions under which calls so far would have panicked.
func (x *Executor) Obligations() []Obligation { return x.obligations }

// Call runs a function and returns its result, a Tuple if it has several.
func (x *Executor) Call(f *ssa.Function, args ...Value) (Value, error) {
	r, _, err := x.call(f, args, map[int]Value{})
	return r, err
}

// state is what is known at a point of a function under a guard, a conjunction of
// Bools: its registers, and the cells of memory.
type state struct {
	guard []term.Term
	regs  map[ssa.Value]Value
	cells map[int]Value
}

// edge is a state on its way to a block.
type edge struct {
	from *ssa.BasicBlock
	*state
}

// initialiser is what package ssa says of the function that sets a package's variables.
const initialiser = "package initializer"

// frame is one call.
type frame struct {
	x       *Executor
	f       *ssa.Function
	order   []*ssa.BasicBlock // reverse postorder
	loops   map[*ssa.BasicBlock]map[*ssa.BasicBlock]bool
	pending map[*ssa.BasicBlock][]edge
	returns []edge // the result is under a key of its own: nil
	lenient bool   // in an initialiser: what fails is opaque
}

func (x *Executor) call(f *ssa.Function, args []Value, cells map[int]Value) (Value, map[int]Value, error) {
	if s := x.summaries[f.String()]; s != nil {
		v, err := s(x, args)
		return v, cells, err
	}
	if v, ok, err := x.intrinsic(f, args); ok {
		return v, cells, err
	}
	if f.Blocks == nil {
		return nil, nil, x.refuse(f.Pos(), "%s has no source here", f)
	}
	if len(x.stack) >= maxDepth {
		return nil, nil, x.refuse(f.Pos(), "calls nested %d deep at %s", maxDepth, f)
	}
	regs := map[ssa.Value]Value{}
	if len(args) != len(f.Params) {
		return nil, nil, x.refuse(f.Pos(), "%s takes %d arguments, not %d", f, len(f.Params), len(args))
	}
	for i, p := range f.Params {
		regs[p] = args[i]
	}
	x.stack = append(x.stack, term.True)
	defer func() { x.stack = x.stack[:len(x.stack)-1] }()
	fr := &frame{x: x, f: f, pending: map[*ssa.BasicBlock][]edge{}}
	fr.lenient = f.Synthetic == initialiser
	fr.order = reversePostorder(f)
	fr.loops = naturalLoops(f)
	fr.pending[f.Blocks[0]] = []edge{{nil, &state{nil, regs, cells}}}
	if err := fr.region(fr.order, nil); err != nil {
		return nil, nil, err
	}
	if len(fr.returns) == 0 {
		return nil, nil, x.refuse(f.Pos(), "%s never returns", f)
	}
	s, err := fr.merge(fr.returns)
	if err != nil {
		return nil, nil, err
	}
	v, ok := s.regs[nil]
	if !ok {
		return nil, nil, x.refuse(f.Pos(), "the results of %s cannot be joined", f)
	}
	return v, s.cells, nil
}

func (x *Executor) refuse(pos token.Pos, format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", x.prog.Position(pos), ErrRefused, fmt.Sprintf(format, args...))
}

// region runs blocks in order; those of a loop again and again, until no state
// comes back to its header. header is that of the loop whose body blocks is.
func (fr *frame) region(blocks []*ssa.BasicBlock, header *ssa.BasicBlock) error {
	skip := map[*ssa.BasicBlock]bool{}
	for _, b := range blocks {
		if skip[b] {
			continue
		}
		body := fr.loops[b]
		if body == nil || b == header {
			if err := fr.block(b); err != nil {
				return err
			}
			continue
		}
		var list []*ssa.BasicBlock
		for _, c := range blocks {
			if body[c] {
				list = append(list, c)
				skip[c] = true
			}
		}
		for n := 0; len(fr.pending[b]) > 0; n++ {
			if n == MaxIterations {
				return fr.x.refuse(blockPos(b), "a loop that may run more than %d times", MaxIterations)
			}
			if err := fr.region(list, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func blockPos(b *ssa.BasicBlock) token.Pos {
	for _, i := range b.Instrs {
		if i.Pos().IsValid() {
			return i.Pos()
		}
	}
	return b.Parent().Pos()
}

// block joins the states that wait for a block and runs it.
func (fr *frame) block(b *ssa.BasicBlock) error {
	edges := fr.pending[b]
	if len(edges) == 0 {
		return nil
	}
	delete(fr.pending, b)
	if fr.x.blocks++; fr.x.blocks > maxBlocks {
		return fr.x.refuse(blockPos(b), "more than %d blocks", maxBlocks)
	}
	for i := range edges {
		if err := fr.phis(b, &edges[i]); err != nil {
			return err
		}
	}
	s, err := fr.merge(edges)
	if err != nil {
		return err
	}
	for _, i := range b.Instrs {
		if _, ok := i.(*ssa.Phi); ok {
			continue
		}
		if err := fr.instr(s, i); err != nil {
			return err
		}
	}
	return nil
}

// phis gives the phis of b the values that they have on an edge.
func (fr *frame) phis(b *ssa.BasicBlock, e *edge) error {
	regs := maps.Clone(e.regs)
	for _, i := range b.Instrs {
		p, ok := i.(*ssa.Phi)
		if !ok {
			break
		}
		v, err := fr.value(e.state, p.Edges[slices.Index(b.Preds, e.from)])
		if err != nil {
			return err
		}
		regs[p] = v
	}
	e.state = &state{e.guard, regs, e.cells}
	return nil
}

// merge joins states whose guards exclude each other. Where two guards are the
// same but for their ends, c and not c, one without ends takes their place, so
// that a finished if leaves no trace.
func (fr *frame) merge(edges []edge) (*state, error) {
	list := make([]*state, len(edges))
	for i, e := range edges {
		list[i] = e.state
	}
	for changed := true; changed && len(list) > 1; {
		changed = false
		for i := 0; i < len(list) && !changed; i++ {
			for j := i + 1; j < len(list) && !changed; j++ {
				a, b := list[i], list[j]
				n := len(a.guard)
				if n == 0 || n != len(b.guard) || !slices.Equal(a.guard[:n-1], b.guard[:n-1]) ||
					a.guard[n-1] != fr.x.store.Not(b.guard[n-1]) {
					continue
				}
				list[i] = fr.ite(a.guard[n-1], a, b, a.guard[:n-1])
				list = slices.Delete(list, j, j+1)
				changed = true
			}
		}
	}
	for len(list) > 1 { // what is left, from behind
		a, b := list[len(list)-2], list[len(list)-1]
		n := 0
		for n < len(a.guard) && n < len(b.guard) && a.guard[n] == b.guard[n] {
			n++
		}
		st := fr.x.store
		c := st.AndAll(a.guard[n:]...)
		rest := st.Or(c, st.AndAll(b.guard[n:]...))
		list[len(list)-2] = fr.ite(c, a, b, append(slices.Clone(a.guard[:n]), rest))
		list = list[:len(list)-1]
	}
	s := list[0]
	return &state{s.guard, maps.Clone(s.regs), maps.Clone(s.cells)}, nil
}

// ite is a where c holds, else b. What has no value in both, or no joint one, is
// dropped: it cannot be read any more, or reading it is refused.
func (fr *frame) ite(c term.Term, a, b *state, guard []term.Term) *state {
	r := &state{guard, map[ssa.Value]Value{}, map[int]Value{}}
	// The order of making terms decides their numbers: blocks' order, not the map's.
	for _, k := range fr.keys(a) {
		if w, ok := b.regs[k]; ok {
			if v, ok := fr.x.join(c, a.regs[k], w); ok {
				r.regs[k] = v
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(a.cells)) {
		if w, ok := b.cells[k]; ok {
			if v, ok := fr.x.join(c, a.cells[k], w); ok {
				r.cells[k] = v
			}
		}
	}
	return r
}

// keys are the registers of a state in the order of the function.
func (fr *frame) keys(s *state) []ssa.Value {
	list := make([]ssa.Value, 0, len(s.regs))
	if _, ok := s.regs[nil]; ok {
		list = append(list, nil)
	}
	for _, p := range fr.f.Params {
		list = append(list, p)
	}
	for _, b := range fr.order {
		for _, i := range b.Instrs {
			if v, ok := i.(ssa.Value); ok && s.regs[v] != nil {
				list = append(list, v)
			}
		}
	}
	return list
}

// leave sends a state on to a successor if c may hold.
func (fr *frame) leave(s *state, from, to *ssa.BasicBlock, c term.Term) {
	guard := s.guard
	switch {
	case c == term.False:
		return
	case c != term.True:
		not := fr.x.store.Not(c)
		if slices.Contains(guard, not) {
			return
		}
		if !slices.Contains(guard, c) {
			guard = append(slices.Clone(guard), c)
		}
	}
	fr.pending[to] = append(fr.pending[to], edge{from, &state{guard, s.regs, s.cells}})
}

// oblige notes that the code panics if c holds in s.
func (fr *frame) oblige(s *state, c term.Term, pos token.Pos, what string) {
	st := fr.x.store
	c = st.And(st.And(st.AndAll(fr.x.stack...), st.AndAll(s.guard...)), c)
	if c != term.False {
		fr.x.obligations = append(fr.x.obligations, Obligation{c, what, fr.x.prog.Position(pos)})
	}
}

func reversePostorder(f *ssa.Function) []*ssa.BasicBlock {
	type visit struct {
		b *ssa.BasicBlock
		i int
	}
	seen := map[*ssa.BasicBlock]bool{f.Blocks[0]: true}
	stack := []visit{{f.Blocks[0], 0}}
	var order []*ssa.BasicBlock
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.i == len(top.b.Succs) {
			order = append(order, top.b)
			stack = stack[:len(stack)-1]
			continue
		}
		next := top.b.Succs[top.i]
		top.i++
		if !seen[next] {
			seen[next] = true
			stack = append(stack, visit{next, 0})
		}
	}
	slices.Reverse(order)
	return order
}

// naturalLoops returns the blocks of each loop by its header.
func naturalLoops(f *ssa.Function) map[*ssa.BasicBlock]map[*ssa.BasicBlock]bool {
	loops := map[*ssa.BasicBlock]map[*ssa.BasicBlock]bool{}
	for _, b := range f.Blocks {
		for _, h := range b.Succs {
			if !h.Dominates(b) {
				continue
			}
			if loops[h] == nil {
				loops[h] = map[*ssa.BasicBlock]bool{h: true}
			}
			work := []*ssa.BasicBlock{b}
			for len(work) > 0 {
				c := work[len(work)-1]
				work = work[:len(work)-1]
				if !loops[h][c] {
					loops[h][c] = true
					work = append(work, c.Preds...)
				}
			}
		}
	}
	return loops
}
