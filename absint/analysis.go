package absint

import (
	"fmt"
	"math"
	"time"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/cfg"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// analysis is what all strategies share for one program: the program, the
// target's facts about it, and the transfer function.
type analysis struct {
	prog   *loader.Program
	insns  []isa.Instruction
	g      *cfg.Graph
	live   *cfg.Liveness
	target platform.Target
	pt     *platform.ProgType
	ctx    platform.Context
	limits platform.Limits
	types  Types

	// priv: pointers may leak and uninitialised stack may be read.
	priv, strict, bigEndian bool

	lay    layout
	newNum func(n int) domains.Numeric
	pool   []*State

	// maps are the program's maps, the inner definitions behind them.
	maps  []*loader.Map
	inner []int32 // by map: index of its inner definition, -1 for none
	refs  []int32 // by instruction: index in prog.Refs, -1 for none
	// splits marks the calls that run a callback, by instruction.
	splits []bool

	led *ledger
	// class is the kind of pointer each access instruction was reached with (V24).
	class []Kind

	// unsupported names the first feature met that is not modelled.
	unsupported   string
	unsupportedPC int

	// thresholds are the numbers that widening may stop at, by loop.
	thresholds []*domains.Thresholds

	// counting: ghosts count the iterations of loops. Only where states are joined;
	// on single paths they would make every state a new one.
	counting bool

	// record, if not nil, takes a copy of every state that an instruction is run on.
	record *Invariants

	budget   budget
	deadline time.Time
	visited  int
	ticks    int // calls of spent
	made     int // states allocated

	// strings are the call strings met, by number; stringID finds one by its parent
	// and call site.
	strings  []callString
	stringID map[[2]int32]int32

	// kfuncs are the kernel functions met, by name.
	kfuncs map[string]*kfunc

	// globals are the global functions called, by index; ownTypes the program's BTF.
	globals  map[int]*global
	ownTypes *btfcheck.Spec
	// enter starts the judgement of a global function, whose entry state it consumes.
	enter func(s *State, b cfg.BlockID)

	// args are the arguments of a context typed by BTF.
	args []argument
	// exitRange bounds the program's result; noResult: it has none.
	exitRange platform.ExitRange
	noResult  bool
	// depths are the bytes of stack each function uses, by function.
	depths []int

	// loaded and loadedType are what the last checked access to a field gives,
	// derived the reference of the argument that a result belongs to.
	loaded     platform.Field
	loadedType int32
	// loadedTrust are the flags of that pointer if it is not trusted.
	loadedTrust Flag
	derived     uint32

	// succ are the results of the last block.
	succ  [2]successor
	nsucc int
}

type successor struct {
	block cfg.BlockID
	st    *State
}

// budget limits an analysis. A zero field means no limit.
type budget struct {
	insns  int
	states int
}

// alarm records an open obligation; see ledger.alarm.
func (a *analysis) alarm(pc int, rule Rule, class Class) *Diagnostic {
	return a.led.alarm(pc, rule, class)
}

// giveUp records that the program uses what is not modelled.
func (a *analysis) giveUp(pc int, what string, args ...any) {
	if a.unsupported == "" {
		a.unsupported = fmt.Sprintf(what, args...)
		a.unsupportedPC = pc
	}
}

// get returns a state to overwrite, put gives one back.
func (a *analysis) get() *State {
	if n := len(a.pool); n > 0 {
		s := a.pool[n-1]
		a.pool = a.pool[:n-1]
		return s
	}
	a.made++
	return newState(&a.lay, a.newNum(a.lay.n))
}

func (a *analysis) put(s *State) { a.pool = append(a.pool, s) }

func (a *analysis) clone(s *State) *State {
	t := a.get()
	t.copyFrom(s)
	return t
}

// entry returns the state at the start of the program.
func (a *analysis) entry() *State {
	s := a.get()
	clear(s.cells)
	s.num.SetTop()
	s.depth, s.nrefs, s.nextID, s.ctx = 0, 0, 1, 0
	s.lock, s.regions, s.progressed = heldLock{}, regions{}, [maxFrames]uint16{}
	s.dataRange, s.metaRange, s.dataMax = 0, 0, math.MaxInt32
	s.frame[0] = frame{call: -1}
	s.written[0] = [8]uint64{}
	s.cells[s.reg(isa.R1)] = Cell{Kind: CtxPtr}
	s.cells[s.reg(isa.FP)] = Cell{Kind: StackPtr}
	return s
}

// block runs the instructions of b on s, which it consumes, and leaves the
// successors in a.succ.
func (a *analysis) block(s *State, b cfg.BlockID) {
	a.nsucc = 0
	blk := &a.g.Blocks[b]
	for pc := blk.Start; pc < blk.End; {
		ins := a.insns[pc]
		a.visited++
		if a.record != nil {
			a.keep(s, pc)
		}
		next := pc + ins.Slots()
		if next >= blk.End {
			a.last(s, b, pc, ins)
			return
		}
		if !a.step(s, pc, ins) {
			a.put(s)
			return
		}
		pc = next
	}
	a.put(s)
}

// last runs the last instruction of a block.
func (a *analysis) last(s *State, b cfg.BlockID, pc int, ins isa.Instruction) {
	succs := a.g.Blocks[b].Succs
	switch {
	case ins.IsCondJump():
		a.branch(s, b, pc, ins)
	case ins.IsLocalCall():
		a.callLocal(s, b, pc, ins)
	case a.splits[pc]:
		a.callWithCallback(s, b, pc, ins)
	case ins.IsExit():
		a.exit(s, pc)
	case ins.IsGoto():
		a.follow(b, succs[0], s)
	default:
		if !a.step(s, pc, ins) || len(succs) == 0 {
			a.put(s)
			return
		}
		a.follow(b, succs[0], s)
	}
}

// follow adds a successor of the running block.
func (a *analysis) follow(from, to cfg.BlockID, s *State) {
	a.countLoops(s, from, to)
	a.succ[a.nsucc] = successor{to, s}
	a.nsucc++
}

// countLoops keeps the ghost counters: an edge into a loop's head starts the
// counter, a back edge increments it.
func (a *analysis) countLoops(s *State, from, to cfg.BlockID) {
	if !a.counting || !a.g.IsHead(to) {
		return
	}
	loop := a.g.LoopOf(to)
	depth := a.g.Loops[loop].Depth - 1
	if depth >= s.lay.ghosts {
		return
	}
	v := s.lay.ghost(s.depth, depth)
	if from != cfg.NoBlock && a.g.InLoop(from, loop) {
		s.num.ALU(isa.Add, isa.W64, v, domains.K(1))
	} else {
		s.num.ALU(isa.Mov, isa.W64, v, domains.K(0))
	}
}

// step runs one instruction that does not end a block for its control flow. It
// reports false if execution cannot go on behind it.
func (a *analysis) step(s *State, pc int, ins isa.Instruction) bool {
	switch ins.Class() {
	case isa.ClassALU, isa.ClassALU64:
		a.alu(s, pc, ins)
	case isa.ClassLDX:
		a.load(s, pc, ins)
	case isa.ClassST, isa.ClassSTX:
		if ins.IsAtomic() {
			a.atomic(s, pc, ins)
		} else {
			a.store(s, pc, ins)
		}
	case isa.ClassLD:
		if ins.IsLdImm64() {
			a.loadImm64(s, pc, ins)
		} else {
			a.packetLoad(s, pc, ins)
		}
	case isa.ClassJMP, isa.ClassJMP32:
		if ins.IsCall() {
			return a.call(s, pc, ins)
		}
		a.giveUp(pc, "instruction %#02x", ins.Op)
	}
	return a.unsupported == "" && !s.num.IsBottom()
}

// readable checks that register r may be read (V1).
func (a *analysis) readable(s *State, pc int, r isa.Reg) bool {
	v := s.reg(r)
	if s.cells[v].Kind != NotInit {
		return true
	}
	if d := a.alarm(pc, Uninitialised, Safety); d != nil {
		d.Message = fmt.Sprintf("r%d is read before it is written on some path", r)
		if r >= isa.R1 && r <= isa.R5 {
			d.Help = "a call leaves r1 to r5 unreadable; keep the value in r6 to r9 or on the stack"
		} else {
			d.Help = fmt.Sprintf("assign r%d on every path to this instruction", r)
		}
	}
	s.set(v, Cell{Kind: Poison})
	return false
}

// operand returns the second operand of an ALU or jump instruction.
func (a *analysis) operand(s *State, ins isa.Instruction) domains.Operand {
	if ins.UsesSrcReg() {
		return domains.V(s.reg(ins.Src))
	}
	return domains.K(uint64(int64(ins.Imm)))
}

// number returns the operand's word.
func (s *State) number(o domains.Operand) domains.Word {
	if o.IsVar {
		return s.num.Word(o.Var)
	}
	return domains.ConstWord(isa.W64, o.Const)
}
