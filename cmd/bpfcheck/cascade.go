package main

import (
	"slices"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/isa"
)

// roots returns the diagnostics of a report that are not likely to follow from an
// earlier one, in the order of the program.
//
// A diagnostic follows from another if its instruction reads a register that the
// other left without a meaning, or if it breaks the same rule through the same
// pointer: one missing check makes each access behind it an alarm. The registers
// are followed down the text of each function, not along its paths. This decides
// what is printed and nothing else.
func roots(r *bpfcheck.Report) []bpfcheck.Diagnostic {
	at := map[int][]bpfcheck.Diagnostic{}
	for _, d := range r.Diagnostics {
		at[d.PC] = append(at[d.PC], d)
	}
	var out []bpfcheck.Diagnostic
	var marks stains
	last, failedCall := -1, false
	for pc := 0; pc < len(r.Prog.Insns); pc += r.Prog.Insns[pc].Slots() {
		if f, ok := bpfcheck.FuncAt(r.Prog, pc); ok && f.Insn == pc {
			marks = stains{}
		}
		ins := r.Prog.Insns[pc]
		uses := ins.Uses()
		ds := at[pc]
		root := bestOf(ds)
		switch {
		case root < 0:
		case ds[root].Rule == "V12" && ins.IsExit() && failedCall: // nothing was released
		case !marks.explain(uses, ds[root].Rule):
			out = append(out, ds[root])
		}
		marks.step(ins)
		for _, d := range ds {
			if d.Status == absint.Open {
				marks.result |= results(ins)
				marks.add(uses&^ins.Defs(), d.Rule)
				failedCall = failedCall || ins.IsCall()
			}
		}
		last = pc
	}
	for _, d := range r.Diagnostics { // of no instruction that there is
		if d.PC > last && !slices.ContainsFunc(out, func(o bpfcheck.Diagnostic) bool { return o.PC == d.PC }) {
			out = append(out, d)
		}
	}
	return out
}

// results are the registers that an instruction gives a value.
func results(ins isa.Instruction) isa.RegSet {
	if ins.IsCall() {
		return 0 // a refused call still gives what its helper returns
	}
	return ins.Defs()
}

// group puts diagnostics that say the same of several instructions together.
func group(ds []bpfcheck.Diagnostic) []*findingGroup {
	type key struct{ rule, message, help string }
	var groups []*findingGroup
	by := map[key]*findingGroup{}
	for i := range ds {
		k := key{ds[i].Rule, ds[i].Message, ds[i].Help}
		if g := by[k]; g != nil {
			g.others = append(g.others, ds[i].PC)
			continue
		}
		by[k] = &findingGroup{first: &ds[i]}
		groups = append(groups, by[k])
	}
	return groups
}

// findingGroup is a diagnostic and the other instructions it holds for.
type findingGroup struct {
	first  *bpfcheck.Diagnostic
	others []int
}

// bestOf chooses among the diagnostics of one instruction the one to print: a
// broken rule before an open one, what is wrong with the operands (V1) before
// what that makes of the operation. It returns -1 if there are none.
func bestOf(ds []bpfcheck.Diagnostic) int {
	best := -1
	for i, d := range ds {
		switch {
		case best < 0,
			d.Status == absint.Refuted && ds[best].Status != absint.Refuted,
			d.Status == ds[best].Status && d.Rule == "V1" && ds[best].Rule != "V1",
			d.Status == ds[best].Status && d.Class == absint.Safety && ds[best].Class == absint.Policy:
			best = i
		}
	}
	return best
}

// stains are the registers that earlier diagnostics touch.
type stains struct {
	result isa.RegSet // their results
	rules  []ruleStain
}

// ruleStain are the pointers, and copies of them, that a rule was not proved for.
type ruleStain struct {
	rule string
	regs isa.RegSet
}

// explain reports whether a diagnostic that reads these registers follows from
// earlier ones.
func (s *stains) explain(uses isa.RegSet, rule string) bool {
	uses = uses.Without(isa.FP) // all share the frame pointer
	if s.result&uses != 0 {
		return true
	}
	for _, r := range s.rules {
		if r.rule == rule && r.regs&uses != 0 {
			return true
		}
	}
	return false
}

func (s *stains) add(regs isa.RegSet, rule string) {
	for i := range s.rules {
		if s.rules[i].rule == rule {
			s.rules[i].regs |= regs
			return
		}
	}
	s.rules = append(s.rules, ruleStain{rule, regs})
}

// step follows the registers over one instruction.
func (s *stains) step(ins isa.Instruction) {
	flow := func(regs isa.RegSet) isa.RegSet {
		stained := ins.IsALU() && regs&ins.Uses() != 0
		regs &^= ins.Defs()
		if stained {
			regs |= ins.Defs()
		}
		return regs
	}
	s.result = flow(s.result)
	for i := range s.rules {
		s.rules[i].regs = flow(s.rules[i].regs)
	}
}
