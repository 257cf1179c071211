package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/cfg"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Callbacks (V20). A helper that is given a function runs it any number of times,
// none included, before it returns. The function's frame sits on top of the
// caller's, whose argument registers stay as they were at the call until the
// helper returns: each run takes its arguments from them. What holds at the
// callback's entry is an invariant of all runs, found by widening there; nothing
// is unrolled.

// callbackKind says how a helper runs a function.
type callbackKind uint8

const (
	notCallback callbackKind = iota
	// loopCallback: run in turn, 0 stops, by bpf_loop and the like.
	loopCallback
	// laterCallback: run once the program is over, on a stack of its own.
	laterCallback
)

// callbackArg is what a callback gets in one register.
type callbackArg uint8

const (
	noArg callbackArg = iota
	numberArg
	mapArg      // the map argument of the call
	keyArg      // a key of that map, read-only
	valueArg    // a value of that map
	contextArg2 // the call's second, third or fourth argument as it is
	contextArg3
	contextArg4
	ownMapArg // the map that holds the timer, its key and value
	ownKeyArg
	ownValueArg
)

// callback describes the function argument of a helper.
type callback struct {
	kind callbackKind
	args [5]callbackArg
}

// callbacks are the helpers that run a function.
var callbacks = map[string]callback{
	"loop":               {loopCallback, [5]callbackArg{numberArg, contextArg3}},
	"for_each_map_elem":  {loopCallback, [5]callbackArg{mapArg, keyArg, valueArg, contextArg3}},
	"timer_set_callback": {laterCallback, [5]callbackArg{ownMapArg, ownKeyArg, ownValueArg}},
}

// runsCallback reports whether the instruction at pc calls a helper that runs a function.
func (a *analysis) runsCallback(pc int) bool {
	h := a.helperAt(pc)
	if h == nil {
		return false
	}
	for i := range h.Args {
		if h.Args[i].Kind == platform.ArgFunc {
			return true
		}
	}
	return false
}

// checkFuncArg checks the function argument of a call.
func (a *analysis) checkFuncArg(s *State, cs *callSite, i int, c Cell) bool {
	if c.Kind != FuncPtr {
		return a.wrongArg(s, cs, i, "the address of a function")
	}
	if _, ok := callbacks[cs.h.Name]; !ok {
		a.giveUp(cs.pc, "callback of bpf_%s", cs.h.Name)
		return false
	}
	cs.fn = a.g.FuncStarting(int(c.Region))
	switch {
	case cs.fn < 0:
		a.refuse(cs.pc, Callbacks, "the callback is no function of this program")
		return false
	case !a.prog.HasFuncInfo:
		a.refuse(cs.pc, Callbacks, "a callback needs BTF that describes the functions")
		return false
	}
	return true
}

// callWithCallback is the transfer of a call that runs a function: the function
// may run now, or not at all.
func (a *analysis) callWithCallback(s *State, b cfg.BlockID, pc int, ins isa.Instruction) {
	next := a.g.Blocks[b].Succs[0]
	t := a.clone(s)
	cs, ok, alive := a.beginCall(t, pc, ins)
	if !alive {
		a.put(s)
		a.put(t)
		return
	}
	if ok && t.depth+1 >= a.lay.frames {
		a.refuse(pc, Frames, fmt.Sprintf("calls nest deeper than the %d frames the target allows", a.limits.Frames))
		ok = false
	}
	if a.finishCall(t, cs, ok) {
		a.follow(b, next, t)
	} else {
		a.put(t)
	}
	if !ok {
		a.led.suspendAll() // the callback's body was not looked at
		a.put(s)
		return
	}
	a.dropDead(s, s.depth, a.live.Regs(pc), a.live.Stack(pc))
	kind := callbacks[cs.h.Name].kind
	if kind == laterCallback {
		a.detach(s)
	}
	a.pushFrame(s, b, pc, cs.fn)
	s.frame[s.depth].callback = kind
	s.frame[s.depth].base = int8(s.nrefs)
	a.callbackArgs(s, cs)
	a.follow(cfg.NoBlock, a.g.Funcs[cs.fn].First, s)
}

// detach makes s a state of a program that is over: a callback that runs later
// finds nothing of it but the arguments of the call.
func (a *analysis) detach(s *State) {
	for v := range s.cells[:s.active()] {
		if i := v % s.lay.stride; v/s.lay.stride == s.depth && i >= int(isa.R1) && i <= int(isa.R5) {
			continue
		}
		s.set(domains.Var(v), Cell{})
	}
	s.nrefs, s.lock, s.regions = 0, heldLock{}, regions{}
	s.changePacket()
}

// callbackArgs sets the argument registers of a callback that starts to run.
func (a *analysis) callbackArgs(s *State, cs *callSite) {
	caller := s.depth - 1
	for i, arg := range callbacks[cs.h.Name].args {
		v := s.reg(isa.R1 + isa.Reg(i))
		switch arg {
		case noArg:
		case numberArg:
			s.setWord(v, sized(4))
		case mapArg:
			s.set(v, cs.mp)
		case ownMapArg:
			s.set(v, Cell{Kind: MapPtr, Region: cs.obj.Region, Flags: cs.obj.Flags & Inner})
		case keyArg, ownKeyArg:
			s.set(v, Cell{Kind: Mem, Region: int32(a.ownerOf(cs, arg).KeySize), Flags: ReadOnly})
		case valueArg:
			s.set(v, a.valueCell(s, cs.mp))
		case ownValueArg:
			s.set(v, a.valueCell(s, cs.obj))
		case contextArg2, contextArg3, contextArg4:
			s.move(v, s.lay.reg(caller, isa.R2+isa.Reg(arg-contextArg2)))
		}
	}
}

func (a *analysis) ownerOf(cs *callSite, arg callbackArg) *loader.Map {
	if arg == keyArg {
		return a.mapOf(cs.mp)
	}
	return a.mapOf(cs.obj)
}

// valueCell is a pointer to some value of the map that a cell refers to.
func (a *analysis) valueCell(s *State, m Cell) Cell {
	c := Cell{Kind: MapValue, Region: m.Region, Flags: m.Flags & Inner}
	if hasField(a.mapOf(c), "spin_lock") {
		c.Flags |= HasLock
		c.ID = s.fresh()
	}
	return c
}

// exitCallback ends a run of a callback: the helper runs it again, or returns.
func (a *analysis) exitCallback(s *State, pc int) {
	f := s.frame[s.depth]
	a.checkCallbackExit(s, pc, f)
	if f.callback == laterCallback {
		if s.atomic() {
			a.leave(s, pc, "a callback ends", References)
		}
		a.put(s)
		return
	}
	site := int(f.call)
	cs := &callSite{pc: site, h: a.helperAt(site), key: -1, fn: int(f.fn)}
	if r1 := s.cells[s.lay.reg(s.depth-1, isa.R1)]; r1.Kind == MapPtr {
		cs.mp, cs.def = r1, a.mapOf(r1)
	}
	again := a.clone(s)
	a.clearFrame(again)
	a.callbackArgs(again, cs)
	a.popFrame(s)
	from := a.g.BlockAt(site)
	if a.finishCall(s, cs, true) {
		a.follow(from, a.g.Blocks[from].Succs[0], s)
	} else {
		a.put(s)
	}
	a.follow(cfg.NoBlock, a.g.Funcs[f.fn].First, again)
}

// checkCallbackExit checks the result of a callback and that it leaves no
// reference and no lock behind.
func (a *analysis) checkCallbackExit(s *State, pc int, f frame) {
	a.lockedAt(s, pc, "a callback returns")
	if s.nrefs != int(f.base) {
		a.refuse(pc, References, "a callback returns while it still holds a reference it acquired")
	}
	if !a.readable(s, pc, isa.R0) {
		return
	}
	r0 := s.reg(isa.R0)
	limit := uint64(1)
	if f.callback == laterCallback {
		limit = 0
	}
	switch k := s.cells[r0].Kind; {
	case k == Poison:
		a.led.suspend(pc)
	case k.isPointer() || s.num.Word(r0).UMax > limit:
		if d := a.alarm(pc, Callbacks, Policy); d != nil {
			d.Message = fmt.Sprintf("a callback must return 0 to %d", limit)
			d.State = a.explainVar(s, r0)
		}
	}
}
