package absint

import (
	"github.com/bpfcheck/bpfcheck/cfg"
	"github.com/bpfcheck/bpfcheck/isa"
)

// maxIterations bounds what counts as a loop that ends.
const maxIterations = 1 << 32

// descend makes one pass over a post-fixpoint: every entry's blocks run once on
// the states they have. The ledger then holds the obligations that these states
// leave open; what arrives at the cut points is a smaller post-fixpoint, which
// replaces the old one. Nothing is widened, so one pass undoes what a widening
// overshot.
func (f *fixpoint) descend() {
	old := f.live
	f.live, f.widen = nil, false
	for i := range f.strings {
		for j := range f.strings[i].cuts {
			f.strings[i].cuts[j].entries = nil
		}
	}
	clear(f.led.open)
	clear(f.led.suspended)
	clear(f.class)
	f.arrive(f.entry(), 0)
	for _, e := range old {
		if e.st != nil {
			f.chain(e)
		}
	}
	f.checkLoops(old)
	for _, e := range old {
		if e.st != nil {
			f.put(e.st)
		}
	}
}

// checkLoops checks that the invariant at each loop's head bounds the ghost that
// counts its iterations (V13).
func (f *fixpoint) checkLoops(entries []*entry) {
	for _, e := range entries {
		if e.st == nil || !f.g.IsHead(e.block) {
			continue
		}
		loop := &f.g.Loops[f.g.LoopOf(e.block)]
		if loop.Depth <= e.st.lay.ghosts &&
			e.st.num.Word(e.st.lay.ghost(e.st.depth, loop.Depth-1)).UMax <= maxIterations {
			continue
		}
		if d := f.alarm(f.g.Blocks[e.block].Start, Termination, Safety); d != nil {
			if f.noWayOut(loop) {
				d.Message = "this loop has no way out"
				d.Help = "leave it by a comparison, or by may_goto"
				continue
			}
			d.Message = "no bound was found for the number of times this loop runs"
			d.Help = "count with a variable that changes by a constant in every iteration and is compared with a bound"
		}
	}
}

// endless records that a path comes back to a state it was in (V13).
func (a *analysis) endless(s *State, pc int) {
	if d := a.alarm(pc, Termination, Safety); d != nil {
		d.Message = "the program can come back here in a state that it was in before, and so may never end"
		d.Help = "change something in every iteration that brings the loop's end nearer"
		for r := isa.R0; r < isa.FP; r++ {
			if v := s.reg(r); s.cells[v].Kind != NotInit {
				d.State = append(d.State, a.explainVar(s, v)...)
			}
		}
	}
}

// noWayOut reports that nothing leads out of a loop: whoever enters it stays.
func (a *analysis) noWayOut(l *cfg.Loop) bool {
	id := a.g.LoopOf(l.Head)
	for _, b := range l.Blocks {
		blk := &a.g.Blocks[b]
		if last := a.insns[blk.End-1]; last.IsExit() || len(blk.Succs) == 0 {
			return false
		}
		for _, s := range blk.Succs {
			if !a.g.InLoop(s, id) {
				return false
			}
		}
	}
	return true
}
