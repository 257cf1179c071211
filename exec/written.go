package exec

import (
	"slices"

	"github.com/bpfcheck/bpfcheck/isa"
)

// Which registers are surely written before an instruction is found when a program
// is compiled, by a data-flow analysis over its functions. Only where some path
// leaves a register unwritten does the interpreter have to look when it runs, so
// that the check of rule V1 costs nothing in programs that a verifier accepts.

// function is a subprogram: what calls, callbacks and the start of the program go to.
type function struct {
	entry int
	exits []int
	// returns: every exit is reached with R0 written, as far as is known.
	returns bool
}

// writes is the analysis.
type writes struct {
	*compiler
	funcs  []function
	byPC   map[int]int  // index in funcs by entry
	before []isa.RegSet // registers surely written before a slot
	seen   []bool
	todo   []int
}

// maxRounds bounds how often the analysis starts again because a function turned
// out to leave R0 unwritten; after that all do.
const maxRounds = 8

// unwritten returns, by slot, the registers that the instruction reads and that
// some path leaves unwritten.
func (c *compiler) unwritten() []isa.RegSet {
	w := &writes{compiler: c, byPC: map[int]int{}}
	w.findFunctions()
	for round := 0; ; round++ {
		w.flow()
		again := false
		for k := range w.funcs {
			f := &w.funcs[k]
			if f.returns && (round == maxRounds || !w.writesR0(f)) {
				f.returns, again = false, true
			}
		}
		if !again {
			break
		}
	}
	checks := make([]isa.RegSet, len(c.prog.Insns))
	for pc, i := range c.prog.Insns {
		if w.seen[pc] && !c.bad[pc] {
			checks[pc] = c.reads(i) &^ w.before[pc]
		}
	}
	for _, pc := range w.funcs[0].exits {
		if w.seen[pc] {
			checks[pc] |= isa.RegSet(0).With(isa.R0) &^ w.before[pc]
		}
	}
	return checks
}

// findFunctions lists the functions and their exits. Where code belongs to several
// functions, as no accepted program has it, the work is bounded and no function is
// taken to return a value.
func (w *writes) findFunctions() {
	add := func(pc int) {
		if _, ok := w.byPC[pc]; !ok && pc >= 0 {
			w.byPC[pc] = len(w.funcs)
			w.funcs = append(w.funcs, function{entry: pc, returns: true})
		}
	}
	add(0)
	n := len(w.prog.Insns)
	mark := make([]int, n) // 1 + the function that was there last
	budget := 4 * n
	for k := 0; k < len(w.funcs); k++ {
		todo := []int{w.funcs[k].entry}
		for len(todo) > 0 {
			pc := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if pc < 0 || pc >= n || mark[pc] == k+1 || w.bad[pc] {
				continue
			}
			if budget--; budget < 0 {
				w.giveUp()
				return
			}
			mark[pc] = k + 1
			i := w.prog.Insns[pc]
			if i.IsExit() {
				w.funcs[k].exits = append(w.funcs[k].exits, pc)
				continue
			}
			if i.IsLocalCall() || (i.IsLdImm64() && i.Src == isa.PseudoFunc) {
				add(int(w.target(pc, i.Imm)))
			}
			todo = w.successors(todo, pc, i)
		}
	}
}

// giveUp takes every exit for one of the main program's and no function for one
// that returns a value.
func (w *writes) giveUp() {
	w.funcs = slices.DeleteFunc(w.funcs, func(f function) bool { return f.entry != 0 })
	w.funcs[0].exits, w.funcs[0].returns = nil, false
	for pc, i := range w.prog.Insns {
		if i.IsExit() {
			w.funcs[0].exits = append(w.funcs[0].exits, pc)
		}
	}
	clear(w.byPC)
	w.byPC[0] = 0
}

// successors appends the slots that follow pc in its function.
func (w *writes) successors(to []int, pc int, i isa.Instruction) []int {
	if i.IsGoto() || i.IsCondJump() {
		to = append(to, int(w.target(pc, i.JumpOffset())))
	}
	if !i.IsGoto() && !i.IsExit() {
		to = append(to, pc+i.Slots())
	}
	return to
}

func (w *writes) writesR0(f *function) bool {
	return !slices.ContainsFunc(f.exits, func(pc int) bool { return w.seen[pc] && !w.before[pc].Has(isa.R0) })
}

// reach joins a state into a slot.
func (w *writes) reach(pc int, s isa.RegSet) {
	if pc < 0 || pc >= len(w.before) {
		return
	}
	if w.seen[pc] && w.before[pc]&s == w.before[pc] {
		return
	}
	if !w.seen[pc] {
		w.seen[pc], w.before[pc] = true, s
	} else {
		w.before[pc] &= s
	}
	w.todo = append(w.todo, pc)
}

// flow computes before from what is known of the functions.
func (w *writes) flow() {
	w.before, w.seen = make([]isa.RegSet, len(w.prog.Insns)), make([]bool, len(w.prog.Insns))
	first := isa.RegSet(0).With(isa.R1).With(isa.FP)
	if w.p.kind == nil { // a raw program also gets the length of its memory
		first = first.With(isa.R2)
	}
	w.reach(0, first)
	var next []int
	for len(w.todo) > 0 {
		pc := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		if w.bad[pc] {
			continue
		}
		i := w.prog.Insns[pc]
		// Registers were looked at if they had to be, so that they are written now.
		s := w.after(pc, i, w.before[pc]|w.reads(i))
		next = w.successors(next[:0], pc, i)
		for _, to := range next {
			w.reach(to, s)
		}
	}
}

// after returns what is written after an instruction, and flows into what it calls.
func (w *writes) after(pc int, i isa.Instruction, s isa.RegSet) isa.RegSet {
	r0 := isa.RegSet(0).With(isa.R0)
	switch {
	case i.IsLdImm64() && i.Src == isa.PseudoFunc: // called back with arguments that its helper has
		w.reach(int(w.target(pc, i.Imm)), isa.RegSet(0).With(isa.FP))
	case i.IsPacketLoad():
		return s&^clobbered | r0
	case i.IsLocalCall():
		to := int(w.target(pc, i.Imm))
		w.reach(to, s&clobbered|isa.RegSet(0).With(isa.FP))
		s &^= clobbered | r0
		if k, ok := w.byPC[to]; ok && w.funcs[k].returns {
			s |= r0
		}
		return s
	case i.IsCall(), i.Op == isa.OpCallX:
		s &^= clobbered | r0
		if w.returns(i) {
			s |= r0
		}
		return s
	}
	return s | i.Defs()
}

// clobbered are the registers that a call destroys.
const clobbered = isa.RegSet(1<<isa.R1 | 1<<isa.R2 | 1<<isa.R3 | 1<<isa.R4 | 1<<isa.R5)

// reads returns the registers whose value an instruction needs: those that isa
// says, but of a call only the arguments that its helper has. What an exit needs
// depends on the frame and is looked at there.
func (c *compiler) reads(i isa.Instruction) isa.RegSet {
	switch {
	case i.IsExit(), i.IsLocalCall(): // exits are looked at by function
		return 0
	case i.Op == isa.OpCallX:
		return isa.RegSet(0).With(i.Dst)
	case i.IsCall():
		return c.arguments(i)
	}
	return i.Uses()
}
