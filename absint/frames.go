package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/cfg"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// A call string is the sequence of call sites of the active frames. Strings are
// numbered as they appear; states of different strings are never merged.
type callString struct {
	parent int32
	site   int32 // pc of the call
	// order holds the weak topological positions of the calling blocks,
	// outermost first.
	order []int32
	// cuts are the merge points of the running function, by block from its first.
	cuts  []cut
	first cfg.BlockID
}

// callLocal pushes a frame.
func (a *analysis) callLocal(s *State, b cfg.BlockID, pc int, ins isa.Instruction) {
	fn := a.g.FuncStarting(pc + 1 + int(ins.Imm))
	if fn < 0 || s.depth+1 >= a.lay.frames {
		a.refuse(pc, Frames, fmt.Sprintf("calls nest deeper than the %d frames the target allows", a.limits.Frames))
		a.put(s)
		return
	}
	if g := a.globalAt(fn); g != nil {
		a.callGlobal(s, pc, fn, g)
		a.follow(b, a.g.Blocks[b].Succs[0], s)
		return
	}
	a.dropDead(s, s.depth, a.live.Regs(pc), a.live.Stack(pc))
	caller := s.depth
	a.pushFrame(s, b, pc, fn)
	for r := isa.R1; r <= isa.R5; r++ {
		if from := s.lay.reg(caller, r); s.cells[from].Kind != NotInit {
			s.move(s.reg(r), from)
			s.forget(from)
		}
	}
	s.forget(s.lay.reg(caller, isa.R0))
	a.follow(cfg.NoBlock, a.g.Funcs[fn].First, s)
}

// pushFrame starts a frame for function fn, called at pc in block b.
func (a *analysis) pushFrame(s *State, b cfg.BlockID, pc, fn int) {
	s.depth++
	s.frame[s.depth] = frame{call: int32(pc), fn: int32(fn), base: s.frame[s.depth-1].base}
	s.ctx = a.pushContext(s.ctx, int32(pc), b, fn)
	a.clearFrame(s)
}

// clearFrame makes the running frame one that just started.
func (a *analysis) clearFrame(s *State) {
	s.written[s.depth] = [8]uint64{}
	s.dropSlices()
	base := s.depth * s.lay.stride
	for v := base; v < base+s.lay.stride; v++ {
		s.set(domains.Var(v), Cell{})
	}
	s.cells[s.reg(isa.FP)] = Cell{Kind: StackPtr, Region: int32(s.depth)}
}

// popFrame ends the running frame.
func (a *analysis) popFrame(s *State) {
	s.dropSlices()
	base := s.depth * s.lay.stride
	for v := base; v < base+s.lay.stride; v++ {
		s.set(domains.Var(v), Cell{})
	}
	call := s.frame[s.depth].call
	s.depth--
	s.ctx = a.strings[s.ctx].parent
	if s.nrefs > 0 {
		s.leaveCreator(call)
	}
}

// exit pops a frame, or ends the program.
func (a *analysis) exit(s *State, pc int) {
	if s.depth == 0 {
		a.exitProgram(s, pc)
		a.put(s)
		return
	}
	callee := s.depth
	r0 := s.lay.reg(callee, isa.R0)
	if s.cells[r0].Kind == StackPtr {
		if d := a.alarm(pc, Frames, Safety); d != nil {
			d.Message = "a pointer to the stack is returned to the caller"
			d.Help = "pass the caller's buffer down instead of returning the callee's"
		}
		s.set(r0, Cell{Kind: Poison})
	}
	f := s.frame[callee]
	if f.callback != notCallback {
		a.exitCallback(s, pc)
		return
	}
	s.move(s.lay.reg(callee-1, isa.R0), r0)
	a.popFrame(s)
	from := a.g.BlockAt(int(f.call))
	a.follow(from, a.g.Blocks[from].Succs[0], s)
}

// exitProgram checks the end of the program (V1, V10, V12, V17).
func (a *analysis) exitProgram(s *State, pc int) {
	if s.frame[0].fn != 0 {
		a.exitGlobal(s, pc)
		return
	}
	a.lockedAt(s, pc, "the program ends")
	a.leave(s, pc, "the program ends", References)
	if a.noResult || !a.readable(s, pc, isa.R0) {
		return
	}
	r0 := s.reg(isa.R0)
	c := s.cells[r0]
	exit := a.exitRange
	switch {
	case c.Kind == Poison:
		a.led.suspend(pc)
	case c.Kind.isPointer() && !a.priv:
		a.refuse(pc, PointerLeak, fmt.Sprintf("a %s pointer is returned", c.Kind))
	case c.Kind.isPointer() && !exit.Any:
		a.refuse(pc, ExitValue, fmt.Sprintf("a %s pointer is returned where a number in [%d, %d] is expected", c.Kind, exit.Min, exit.Max))
	case !c.Kind.isPointer() && !exit.Any:
		d := s.num.Word(r0)
		b := bound{d.SMin, d.SMax}
		if exit.Low32 {
			b = bound{int64(d.S32Min), int64(d.S32Max)}
		}
		if b.lo < exit.Min || b.hi > exit.Max {
			if dg := a.alarm(pc, ExitValue, Policy); dg != nil {
				dg.Message = fmt.Sprintf("the program returns %s; programs of type %s must return %d to %d",
					bound{clampOffset(b.lo), clampOffset(b.hi)}, a.pt.Name, exit.Min, exit.Max)
				dg.Help = "set r0 to an allowed value on every path"
			}
		}
	}
}

// pushContext returns the number of the call string that extends parent.
func (a *analysis) pushContext(parent, site int32, b cfg.BlockID, fn int) int32 {
	key := [2]int32{parent, site}
	if id, ok := a.stringID[key]; ok {
		return id
	}
	id := int32(len(a.strings))
	p := &a.strings[parent]
	order := append(append([]int32(nil), p.order...), int32(a.g.Order(b)))
	a.strings = append(a.strings, callString{parent: parent, site: site, order: order, first: a.g.Funcs[fn].First})
	a.stringID[key] = id
	return id
}

// dropDead forgets the cells of a frame that no path reads again. What is
// forgotten here is forgotten for good: liveness decides precision only.
func (a *analysis) dropDead(s *State, frame int, regs isa.RegSet, stack cfg.StackSet) {
	for r := isa.R0; r < isa.FP; r++ {
		if !regs.Has(r) {
			s.forget(s.lay.reg(frame, r))
		}
	}
	for h := 0; h < s.lay.words; h++ {
		v := s.lay.word(frame, h)
		size := s.cells[v].Size
		if size == 0 || s.cells[v].Kind == SharedMem || stack.Has(h) || size == 8 && h > 0 && stack.Has(h-1) {
			continue
		}
		s.set(v, Cell{})
	}
}
