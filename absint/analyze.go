package absint

import (
	"fmt"
	"time"

	"github.com/bpfcheck/bpfcheck/cfg"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Verdict is the result for one program.
type Verdict string

// The verdicts. Only Safe is a claim that nothing can go wrong.
const (
	Safe        Verdict = "safe"
	Unsafe      Verdict = "unsafe"      // a rule is broken for certain
	Unknown     Verdict = "unknown"     // safety could not be proved
	Unsupported Verdict = "unsupported" // the program uses what is not modelled
)

// Strategy names how states are visited.
type Strategy string

// The strategies.
const (
	Fixpoint Strategy = "fixpoint"
	Explore  Strategy = "explore"
	Ladder   Strategy = "ladder"
)

// Config says how to analyse. Target and Domains must be set.
type Config struct {
	Target   platform.Target
	Domains  func(w isa.Width, n int) domains.Numeric
	Strategy Strategy // Ladder if empty
	// Types is the kernel's BTF, nil if there is none.
	Types Types
	// MaxInsns bounds the instructions visited, MaxTime the time, MaxStates the
	// states kept at once; 0 takes the default.
	MaxInsns  int
	MaxStates int
	MaxTime   time.Duration
	// Record keeps the states in front of every instruction in Result.Invariants. For
	// tests: it is slow and takes memory. The ladder then keeps those of its fixpoint.
	Record bool
}

// The default budget.
const (
	DefaultMaxInsns  = 1_000_000
	DefaultMaxStates = 60_000
	DefaultMaxTime   = 8 * time.Second
)

// Result is what an analysis found.
type Result struct {
	Verdict     Verdict
	Diagnostics []Diagnostic
	// Unsupported names the feature that is not modelled, UnsupportedPC where.
	Unsupported   string
	UnsupportedPC int
	// Insns is the program's length, Visited how many instructions the strategies
	// ran, States how many states they kept in all, PeakStates at once.
	Insns, Visited, States, PeakStates int
	Duration                           time.Duration
	// PeakBytes estimates the memory of the kept states.
	PeakBytes int64
	// Strategy is the last one that was needed.
	Strategy Strategy
	// Invariants are the states found, if Config.Record is set and the strategy
	// came to its end.
	Invariants *Invariants
	keep       bool
}

// Analyze judges one program. It never panics on hostile programs and always
// ends: an exhausted budget gives Unknown.
func Analyze(p *loader.Program, c Config) Result {
	start := time.Now()
	r := Result{Insns: len(p.Insns), keep: c.Record}
	a := newAnalysis(p, c, start)
	if a.prepare(c) {
		a.solve(c, &r)
	}
	r.Diagnostics = a.led.sorted()
	r.Verdict = a.verdict(&r)
	r.Visited = a.visited
	r.Duration = time.Since(start)
	return r
}

func (a *analysis) verdict(r *Result) Verdict {
	for _, d := range r.Diagnostics {
		if d.Status == Refuted {
			return Unsafe
		}
	}
	switch {
	case a.unsupported != "":
		r.Unsupported, r.UnsupportedPC = a.unsupported, a.unsupportedPC
		return Unsupported
	case len(r.Diagnostics) > 0:
		return Unknown
	}
	return Safe
}

func newAnalysis(p *loader.Program, c Config, start time.Time) *analysis {
	a := &analysis{
		prog: p, insns: p.Insns, target: c.Target, types: c.Types, limits: c.Target.Limits(),
		priv: !p.Unprivileged, strict: p.StrictAlignment, bigEndian: p.BigEndian,
		led: newLedger(len(p.Insns)), stringID: map[[2]int32]int32{},
		budget: budget{insns: c.MaxInsns, states: c.MaxStates},
	}
	if a.budget.insns == 0 {
		a.budget.insns = DefaultMaxInsns
	}
	if a.budget.states == 0 {
		a.budget.states = DefaultMaxStates
	}
	d := c.MaxTime
	if d == 0 {
		d = DefaultMaxTime
	}
	a.deadline = start.Add(d)
	return a
}

// refuted records a rule that is broken whatever the program's input is.
func (a *analysis) refuted(pc int, rule string, class Class, message string) {
	o := obligation{int32(pc), ruleNumber(rule)}
	if a.led.open[o] == nil {
		a.led.open[o] = &Diagnostic{Rule: rule, Class: class, PC: pc, Message: message, Status: Refuted}
	}
}

// ruleNumber maps the names of rules of other rooms (I7, V14) to a number that
// is theirs alone in the ledger.
func ruleNumber(name string) Rule {
	n := 0
	fmt.Sscanf(name[1:], "%d", &n)
	if name[0] == 'I' {
		n += 100
	}
	return Rule(n)
}

// prepare checks what needs no analysis (rules I1 to I12, V14, V18) and builds
// what the analysis needs. It reports whether there is anything left to analyse.
func (a *analysis) prepare(c Config) bool {
	if a.prog.Problem != "" {
		a.refuted(0, "V14", Safety, a.prog.Problem)
		return false
	}
	pt, ok := a.target.ProgType(a.prog.Type)
	if !ok {
		what := fmt.Sprintf("program type %q", a.prog.Type)
		if a.prog.Type == "" {
			what = fmt.Sprintf("section %q names no program type; choose one with --type", a.prog.Section)
		}
		a.giveUp(0, "%s", what)
		return false
	}
	a.pt, a.ctx = pt, a.target.Context(pt, a.prog.Attach)
	// Unprivileged here is without CAP_PERFMON but with CAP_BPF: the long limit holds.
	limit := a.limits.Insns
	if len(a.insns) > limit {
		a.refuted(0, "V46", Policy, fmt.Sprintf("the program has %d instructions; the target takes %d", len(a.insns), limit))
		return false
	}
	ok = true
	for _, p := range isa.Validate(a.insns, isa.Linux618) {
		class := Safety
		if p.Policy {
			class = Policy
		}
		a.refuted(p.PC, p.Rule, class, p.Message)
		ok = false
	}
	if !ok || !a.buildGraph() {
		return false
	}
	a.tables()
	a.checkSleeping()
	a.layout(c)
	return len(a.led.open) == 0
}

// buildGraph builds the control flow graph and checks its shape.
func (a *analysis) buildGraph() bool {
	starts := make([]int, 0, len(a.prog.Funcs))
	for _, f := range a.prog.Funcs {
		starts = append(starts, f.Insn)
	}
	a.splits = make([]bool, len(a.insns))
	for pc := 0; pc < len(a.insns); pc += a.insns[pc].Slots() {
		a.splits[pc] = a.runsCallback(pc)
	}
	g, problems := cfg.BuildWith(a.insns, cfg.Options{Starts: starts,
		Splits:   func(pc int) bool { return a.splits[pc] },
		NoReturn: func(pc int) bool { return a.kfuncName(pc) == "bpf_throw" },
	})
	for _, p := range problems {
		class := Safety
		if p.Policy {
			class = Policy
		}
		a.refuted(p.PC, p.Rule, class, p.Message)
	}
	if len(problems) > 0 || g == nil {
		return false
	}
	a.g = g
	a.live = g.Liveness(a.argRegs)
	if n := len(g.Funcs); n > a.limits.Subprograms {
		a.refuted(0, "V46", Policy, fmt.Sprintf("%d subprograms; the target takes %d", n, a.limits.Subprograms))
		return false
	}
	if frames, chain := g.CallDepth(nil); frames > a.limits.Frames {
		a.refuted(g.Funcs[chain[len(chain)-1]].Start, "V18", Safety, fmt.Sprintf("calls nest %d frames deep; the target allows %d", frames, a.limits.Frames))
		return false
	}
	a.depths = make([]int, len(g.Funcs))
	for i := range g.Funcs {
		a.depths[i] = g.Funcs[i].StackDepth
	}
	return true
}

// helperAt returns the prototype of the helper called at pc, nil if it is none
// that the program may call.
func (a *analysis) helperAt(pc int) *platform.Helper {
	if ins := a.insns[pc]; ins.IsCall() && ins.Src == isa.CallHelper {
		h, _ := a.target.Helper(a.pt, a.prog.Attach, ins.Imm)
		return h
	}
	return nil
}

// argRegs returns the registers that the helper called at pc reads.
func (a *analysis) argRegs(pc int) isa.RegSet {
	var regs isa.RegSet
	h := a.helperAt(pc)
	if h == nil {
		return 0x3e // R1 to R5
	}
	for i := range h.Args {
		if h.Args[i].Kind != platform.NoArg {
			regs = regs.With(isa.R1 + isa.Reg(i))
		}
	}
	return regs
}

// tables indexes references and maps by number.
func (a *analysis) tables() {
	a.refs = make([]int32, len(a.insns))
	for i := range a.refs {
		a.refs[i] = -1
	}
	for i, r := range a.prog.Refs {
		if r.Insn >= 0 && r.Insn < len(a.refs) {
			a.refs[r.Insn] = int32(i)
		}
	}
	a.maps = append(a.maps, a.prog.Maps...)
	a.inner = make([]int32, len(a.maps))
	for i := range a.prog.Maps {
		a.inner[i] = -1
		if in := a.prog.Maps[i].Inner; in != nil {
			a.inner[i] = int32(len(a.maps))
			a.maps = append(a.maps, in)
		}
	}
	a.class = make([]Kind, len(a.insns))
	a.strings = []callString{{parent: -1, site: -1}}
	a.exitRange = a.ctx.Exit()
	if a.pt.BTFContext {
		to := btfTarget(a.prog, a.target, a.types, a.exitRange)
		if to.absent {
			rule := TracingArgs
			if a.pt.Name == "struct_ops" {
				rule = StructOps
			}
			a.refuted(0, rule.String(), Policy, to.missing)
		} else if to.missing != "" {
			a.giveUp(0, "%s", to.missing)
		}
		a.args, a.exitRange, a.noResult = to.args, to.exit, to.noResult
	}
}

// layout sizes the states.
func (a *analysis) layout(c Config) {
	frames, _ := a.g.CallDepth(nil)
	deepest, ghosts := 0, 0
	for i := range a.g.Funcs {
		deepest = max(deepest, a.g.Funcs[i].StackDepth)
	}
	for i := range a.g.Loops {
		ghosts = max(ghosts, a.g.Loops[i].Depth)
	}
	deepest = max(deepest, a.indirectDepth())
	words := (min(deepest, stackBytes) + 7) / 8 * 2
	a.lay = newLayout(max(frames, 1), words, min(ghosts, maxGhosts))
	a.budget.states = min(a.budget.states, max(maxStateBytes/(a.lay.n*stateCellBytes), 100))
	a.newNum = func(n int) domains.Numeric { return c.Domains(isa.W64, n) }
	a.findThresholds()
}

// indirectDepth guesses how deep below a frame pointer the program goes through
// copies of it: the sum of the largest step down and the largest negative offset.
// A wrong guess costs precision: words that are not tracked read as unknown.
func (a *analysis) indirectDepth() int {
	step, off := 0, 0
	for pc := 0; pc < len(a.insns); pc += a.insns[pc].Slots() {
		ins := a.insns[pc]
		switch c := ins.Class(); {
		case c == isa.ClassALU64 && ins.Code() == isa.CodeADD && !ins.UsesSrcReg() && ins.Imm < 0 && ins.Imm >= -stackBytes:
			step = max(step, -int(ins.Imm))
		case (c == isa.ClassSTX || c == isa.ClassST) && ins.Dst != isa.FP, c == isa.ClassLDX && ins.Src != isa.FP:
			off = max(off, -int(ins.Off))
		}
	}
	return min(step+off, stackBytes)
}

// maxStateBytes bounds the memory of all states of an analysis.
const maxStateBytes = 320 << 20

// maxGhosts is the deepest loop nest whose iterations are counted.
const maxGhosts = 16

// findThresholds collects the constants that each loop compares with.
func (a *analysis) findThresholds() {
	a.thresholds = make([]*domains.Thresholds, len(a.g.Loops))
	for i := range a.g.Loops {
		var words []uint64
		for _, b := range a.g.Loops[i].Blocks {
			blk := &a.g.Blocks[b]
			for pc := blk.Start; pc < blk.End; pc += a.insns[pc].Slots() {
				ins := a.insns[pc]
				if ins.IsCondJump() && !ins.UsesSrcReg() {
					words = append(words, uint64(int64(ins.Imm)), uint64(uint32(ins.Imm)))
				}
			}
			if len(words) > 200 {
				break
			}
		}
		a.thresholds[i] = domains.NewThresholds(words)
	}
}

// spent reports whether the budget is used up.
func (a *analysis) spent() bool {
	a.ticks++
	return a.visited > a.budget.insns || a.made > a.budget.states || a.ticks&0x3f == 0 && time.Now().After(a.deadline)
}
