package absint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Global subprograms (V41). A function that is not static may be replaced at run
// time, so that its callers know its prototype alone: it is judged once, by itself,
// from arguments that are whatever their types allow, and a call checks that the
// arguments fit and forgets what the function may have changed. To follow into it
// would prove more programs than the platform takes.

// globalArgKind says what an argument of a global function is.
type globalArgKind uint8

const (
	globalUnknown globalArgKind = iota
	globalNumber
	globalCtx
	globalMem
	globalDynptr
	globalObject // a trusted kernel object
)

type globalArg struct {
	kind  globalArgKind
	size  int64 // of memory
	typ   int32 // of an object, in the kernel's types
	maybe bool  // may be null
}

// global is what is known of one global function.
type global struct {
	args []globalArg
	// moves, sleeps, throws: it, or a function it calls, does that.
	moves, sleeps, throws bool
	ctx                   int32 // the number of its call string
	problem               string
}

// globalAt returns the global function with the given index, nil if it is static or
// nothing is known of its types.
func (a *analysis) globalAt(fn int) *global {
	if fn == 0 || !a.prog.HasFuncInfo || a.prog.BTF == nil {
		return nil
	}
	if g, ok := a.globals[fn]; ok {
		return g
	}
	if a.globals == nil {
		a.globals = map[int]*global{}
	}
	g := a.describeGlobal(fn)
	a.globals[fn] = g
	return g
}

func (a *analysis) describeGlobal(fn int) *global {
	start := a.g.Funcs[fn].Start
	i := slices.IndexFunc(a.prog.Funcs, func(f loader.Func) bool { return f.Insn == start })
	if i < 0 || !a.prog.Funcs[i].Global || a.prog.Funcs[i].TypeID == 0 {
		return nil
	}
	if a.ownTypes == nil {
		types, err := btfcheck.Parse(a.prog.BTF, nil)
		if err != nil {
			return &global{problem: "its types cannot be read: " + err.Error()}
		}
		a.ownTypes = types
	}
	id := btfcheck.TypeID(a.prog.Funcs[i].TypeID)
	proto, err := a.ownTypes.Proto(id)
	if err != nil {
		return &global{problem: "its types cannot be read: " + err.Error()}
	}
	g := &global{}
	g.moves, g.sleeps, g.throws = a.doesGlobal(fn)
	if len(proto.Params) > 5 || proto.Variadic {
		g.problem = "it has more than 5 arguments"
	}
	ret, _, err := a.ownTypes.Resolve(proto.Return)
	if err != nil || ret.Kind != btfcheck.KindInt && ret.Kind != btfcheck.KindEnum && ret.Kind != btfcheck.KindEnum64 {
		g.problem = "it does not return a number"
	}
	for i, p := range proto.Params {
		arg := a.globalArg(p.Type, a.ownTypes.DeclTags(id, i))
		if arg.kind == globalUnknown {
			g.problem = fmt.Sprintf("the type of its argument %d says not what may be passed", i+1)
		}
		g.args = append(g.args, arg)
	}
	a.strings = append(a.strings, callString{parent: -1, site: -1, first: a.g.Funcs[fn].First})
	g.ctx = int32(len(a.strings) - 1)
	return g
}

// globalArg reads a parameter and its tags.
func (a *analysis) globalArg(id btfcheck.TypeID, tags []string) globalArg {
	has := func(tag string) bool { return slices.Contains(tags, "arg:"+tag) }
	t, _, err := a.ownTypes.Resolve(id)
	switch {
	case err != nil, has("arena"), has("untrusted"):
		return globalArg{}
	case t.Kind == btfcheck.KindInt, t.Kind == btfcheck.KindEnum, t.Kind == btfcheck.KindEnum64:
		return globalArg{kind: globalNumber}
	case t.Kind != btfcheck.KindPtr:
		return globalArg{}
	case has("ctx"):
		return globalArg{kind: globalCtx}
	}
	to, _, err := a.ownTypes.Resolve(t.Ref())
	switch {
	case err != nil:
		return globalArg{}
	case a.isContext(to), a.pt.Name == "kprobe" && to.Name() == "pt_regs":
		return globalArg{kind: globalCtx}
	case to.Kind.IsStruct() && to.Name() == "bpf_dynptr":
		return globalArg{kind: globalDynptr}
	case has("trusted"):
		id, ok := a.structID(essential(to.Name()))
		if !ok {
			return globalArg{}
		}
		return globalArg{kind: globalObject, typ: id, maybe: has("nullable")}
	}
	size, err := a.ownTypes.SizeOf(to.ID)
	if err != nil || size == 0 || size > 1<<29 {
		return globalArg{}
	}
	return globalArg{kind: globalMem, size: int64(size), maybe: !has("nonnull")}
}

// essential is the name of a type without the flavour behind "___".
func essential(name string) string {
	name, _, _ = strings.Cut(name, "___")
	return name
}

// doesGlobal looks for what callers of fn have to know of it and its callees.
func (a *analysis) doesGlobal(fn int) (moves, sleeps, throws bool) {
	seen := make([]bool, len(a.g.Funcs))
	for work := []int{fn}; len(work) > 0; {
		f := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[f] {
			continue
		}
		seen[f] = true
		for b := a.g.Funcs[f].First; b < a.g.Funcs[f].Last; b++ {
			for pc := a.g.Blocks[b].Start; pc < a.g.Blocks[b].End; pc += a.insns[pc].Slots() {
				if h := a.helperAt(pc); h != nil {
					moves = moves || h.ChangesPacket
					sleeps = sleeps || h.MightSleep
				} else if ins := a.insns[pc]; ins.IsCall() && ins.Src == isa.CallKfunc {
					k := a.kfuncAt(pc)
					moves = moves || k.facts != nil && k.facts.Has(platform.KfuncMovesPacket)
					sleeps = sleeps || k.facts != nil && k.facts.Has(platform.KfuncSleepable)
					throws = throws || k.name == "bpf_throw"
				}
			}
		}
		for _, c := range a.g.Funcs[f].Calls {
			work = append(work, c.Callee)
		}
	}
	return moves, sleeps, throws
}

// globalEntry is the state at the start of a global function that is judged alone.
func (a *analysis) globalEntry(fn int, g *global) *State {
	s := a.entry()
	s.ctx = g.ctx
	s.frame[0].fn = int32(fn)
	s.cells[s.reg(isa.R1)] = Cell{}
	for i, arg := range g.args {
		v := s.reg(isa.R1 + isa.Reg(i))
		c := scalarCell
		switch arg.kind {
		case globalCtx:
			c = Cell{Kind: CtxPtr}
		case globalMem:
			c = Cell{Kind: Mem, Region: int32(arg.size)}
		case globalDynptr:
			c = Cell{Kind: DynptrPtr, Region: localDynptr, ID: s.fresh()}
		case globalObject:
			c = Cell{Kind: BTFPtr, Region: arg.typ}
		}
		if arg.maybe {
			c.Flags |= MaybeNull
			c.ID = s.fresh()
		}
		s.set(v, c)
	}
	return s
}

// callGlobal is the transfer of a call of a global function in block b: it checks
// the arguments and goes on behind the call. The function itself is judged by its own.
func (a *analysis) callGlobal(s *State, pc, fn int, g *global) {
	if g.problem != "" {
		a.refuse(pc, GlobalFuncs, "a global function cannot be called: "+g.problem)
		a.led.suspendAll()
	} else {
		a.enter(a.globalEntry(fn, g), a.g.Funcs[fn].First)
	}
	ok := g.problem == "" && a.mayCallGlobal(s, pc, g)
	entry := a.live.Regs(a.g.Funcs[fn].Start)
	for i := range g.args {
		r := isa.R1 + isa.Reg(i)
		v := s.reg(r)
		if s.cells[v].Kind == NotInit && !entry.Has(r) {
			continue // nobody reads it, and it may have been forgotten for that
		}
		if !a.readable(s, pc, r) {
			ok = false
		} else if s.cells[v].Kind == Poison {
			a.led.suspend(pc)
			ok = false
		} else if ok && !a.checkGlobalArg(s, pc, i, v, g.args[i]) {
			ok = false
		}
	}
	if !ok {
		a.led.suspendAll()
		for r := isa.R1; r <= isa.R5; r++ {
			if s.cells[s.reg(r)].Kind == StackPtr {
				a.lostStore(s, s.reg(r))
			}
		}
	}
	if g.moves {
		s.changePacket()
	}
	a.clobber(s)
	if ok {
		s.set(s.reg(isa.R0), scalarCell)
	} else {
		s.set(s.reg(isa.R0), Cell{Kind: Poison})
	}
}

// mayCallGlobal checks the sections that a call may not be made in.
func (a *analysis) mayCallGlobal(s *State, pc int, g *global) bool {
	switch {
	case s.lock.held != 0:
		a.lockedAt(s, pc, "a global function is called")
		return false
	case g.sleeps && !a.prog.Sleepable:
		return true // reported where it sleeps
	case g.sleeps && s.atomic():
		a.refuse(pc, Regions, "a global function that may sleep is called "+s.atomicWhere())
		return false
	case g.throws && (s.atomic() || s.nrefs > 0):
		return a.leave(s, pc, "a global function that may throw is called", Exceptions)
	}
	return true
}

// checkGlobalArg checks that what v holds fits argument i of a global function.
func (a *analysis) checkGlobalArg(s *State, pc, i int, v domains.Var, arg globalArg) bool {
	c := s.cells[v]
	wrong := func(want string) bool {
		if d := a.alarm(pc, GlobalFuncs, Safety); d != nil {
			d.Message = fmt.Sprintf("argument %d of this global function must be %s, not a %s", i+1, want, a.describe(s, v))
			d.State = a.explainVar(s, v)
		}
		return false
	}
	if arg.maybe && s.null(v) {
		return true
	}
	switch arg.kind {
	case globalNumber:
		if c.Kind != Scalar {
			return wrong("a number")
		}
		return true
	case globalCtx:
		if c.Kind != CtxPtr || c.Off != 0 || c.has(HasVar|MaybeNull) {
			return wrong("the context as the program got it")
		}
		return true
	case globalDynptr:
		d, ok := a.dynptrArg(s, pc, "a global function", i, v, false)
		if ok && ofPacket(d.Region) {
			s.changePacket() // it may write to it
		}
		return ok
	case globalObject:
		if c.Kind != BTFPtr || c.Region != arg.typ || c.Off != 0 || c.has(HasVar|Untrusted|Walked|RCU) || c.has(MaybeNull) && !arg.maybe {
			return wrong("a trusted pointer to the object of its type")
		}
		return true
	}
	switch c.Kind {
	case StackPtr, MapValue, Mem, Packet, PacketMeta:
	default:
		return wrong("a pointer to memory")
	}
	if c.has(MaybeNull) {
		if !arg.maybe {
			return wrong("a pointer that is not null")
		}
		s.cells[v].Flags &^= MaybeNull // null or not, what it points to has to be there
		defer func() { s.cells[v].Flags |= MaybeNull }()
	}
	sp := span{s.offset(v, 0), arg.size}
	if !a.access(s, pc, v, sp, byHelper|reads|writes) {
		return false
	}
	if c.Kind == StackPtr {
		s.clear(int(c.Region), sp.off.lo, sp.off.hi-sp.off.lo+sp.size, true)
	}
	return true
}

// exitGlobal checks the end of a global function.
func (a *analysis) exitGlobal(s *State, pc int) {
	a.lockedAt(s, pc, "a global function returns")
	a.leave(s, pc, "a global function returns", References)
	if !a.readable(s, pc, isa.R0) {
		return
	}
	switch k := s.cells[s.reg(isa.R0)].Kind; {
	case k == Poison:
		a.led.suspend(pc)
	case k.isPointer():
		a.refuse(pc, GlobalFuncs, fmt.Sprintf("a global function returns a %s pointer; it may only return a number", k))
	}
}
