package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/cfg"
)

// visitsPerInsn is how much work the fixpoint may take, in visits of an
// instruction of the program, before path exploration takes over.
const visitsPerInsn = 20

// solve runs the strategy and leaves in the ledger what stays open.
func (a *analysis) solve(c Config, r *Result) {
	if a.unsupported != "" {
		return
	}
	switch c.Strategy {
	case Fixpoint:
		a.runFixpoint(r, 0)
	case Explore:
		a.runExplore(r, nil)
	default:
		ended := a.runFixpoint(r, visitsPerInsn*len(a.insns)+2000)
		if a.unsupported != "" || ended && len(a.led.open) == 0 {
			break
		}
		targets := a.led.open
		if !ended {
			targets = nil
		} else if a.hopeless(targets) {
			break
		}
		a.runExplore(r, targets)
	}
	if a.unsupported == "" {
		a.checkStackUse()
	}
}

// hopeless reports that walking paths cannot help: a loop without a way out has
// no last path.
func (a *analysis) hopeless(targets map[obligation]*Diagnostic) bool {
	for o := range targets {
		if b := a.g.BlockAt(int(o.pc)); o.rule == Termination && a.g.IsHead(b) && a.noWayOut(&a.g.Loops[a.g.LoopOf(b)]) {
			return true
		}
	}
	return false
}

// runFixpoint runs F. It reports whether it reached a fixpoint; the ledger then
// holds the obligations it could not discharge.
func (a *analysis) runFixpoint(r *Result, limit int) bool {
	f := &fixpoint{analysis: a, limit: limit}
	f.work.a = a
	r.Strategy = Fixpoint
	a.counting = true
	if !f.run() {
		a.led = newLedger(len(a.insns))
		a.led.refuse("the fixpoint was not reached within the budget")
		a.account(r, f.states, f.states)
		a.forgetCuts()
		return false
	}
	f.checkLoops(f.live)
	const passes = 3
	for i := 0; i < passes && len(a.led.open) > 0 && a.unsupported == ""; i++ {
		a.led.explain = i == passes-1
		f.descend()
	}
	if r.keep && a.unsupported == "" {
		a.recordFixpoint(f, r)
	}
	a.account(r, f.states, f.states)
	a.forgetCuts()
	return true
}

// recordFixpoint runs every entry once more and keeps what instructions see.
func (a *analysis) recordFixpoint(f *fixpoint, r *Result) {
	a.record = &Invariants{at: make([][]*State, len(a.insns))}
	f.discard = true
	for _, e := range f.live {
		if e.st != nil {
			f.chain(e)
		}
	}
	f.discard = false
	r.Invariants, a.record = a.record, nil
}

// forgetCuts returns the states of the fixpoint to the pool.
func (a *analysis) forgetCuts() {
	for i := range a.strings {
		cuts := a.strings[i].cuts
		for j := range cuts {
			for _, e := range cuts[j].entries {
				if e.st != nil {
					a.put(e.st)
				}
			}
		}
		a.strings[i].cuts = nil
	}
}

// runExplore runs P towards targets, all obligations if nil.
func (a *analysis) runExplore(r *Result, targets map[obligation]*Diagnostic) {
	r.Strategy = Explore
	a.counting = false
	suspended := a.led.suspended
	a.led = newLedger(len(a.insns))
	a.led.explain = true
	clear(a.class)
	x := &explore{analysis: a}
	if targets != nil {
		a.led.only, a.led.suspended = targets, suspended
		x.reach = a.reachable(targets, suspended)
	}
	if r.keep && targets == nil {
		a.record = &Invariants{at: make([][]*State, len(a.insns))}
	}
	done := x.run()
	if done && a.record != nil && a.unsupported == "" {
		r.Invariants = a.record
	}
	a.record = nil
	a.account(r, x.states, x.peak)
	if done {
		return
	}
	// What was open before stays open.
	for o, d := range targets {
		if _, ok := a.led.open[o]; !ok {
			a.led.open[o] = d
		}
	}
	a.led.refuse(fmt.Sprintf("the budget ended after %d instructions were visited", a.visited))
}

// refuse makes sure that a run which did not finish proves nothing.
func (l *ledger) refuse(why string) {
	for _, d := range l.open {
		if d != nil {
			return
		}
	}
	l.open[obligation{0, Limits}] = &Diagnostic{Rule: Limits.String(), Class: Safety, Message: why, Status: Open,
		Help: "raise --max-insns or --max-time, or simplify the program"}
}

// account keeps the highest counts of the strategies that ran.
func (a *analysis) account(r *Result, states, peak int) {
	r.States += states
	r.PeakStates = max(r.PeakStates, peak)
	r.PeakBytes = max(r.PeakBytes, int64(peak)*int64(a.lay.n)*stateCellBytes)
}

// stateCellBytes estimates what one cell costs in a state: the cell itself and
// its numbers in the default domains.
const stateCellBytes = 128

// checkStackUse checks the stack of the deepest call chain with what the
// analysis saw each function use (V18, V19).
func (a *analysis) checkStackUse() {
	use := cfg.Stack{Round: a.limits.StackRound, Depths: a.depths}
	if bytes, chain := a.g.StackUse(use); bytes > a.limits.StackBytes {
		a.refuted(a.g.Funcs[chain[len(chain)-1]].Start, "V18", Policy,
			fmt.Sprintf("%d calls use %d bytes of stack together; the target allows %d", len(chain), bytes, a.limits.StackBytes))
	}
	if bytes, chain := a.g.TailCallUse(use); chain != nil && bytes >= tailCallStack {
		a.refuted(a.g.Funcs[chain[len(chain)-1]].Start, "V19", Policy,
			fmt.Sprintf("a tail call is made with %d bytes of stack below it; the target allows less than %d", bytes, tailCallStack))
	}
}

// tailCallStack is the stack that may lie below a subprogram that makes a tail call.
const tailCallStack = 256
