package corpus

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
)

// TestAnalysis judges every program of the text files and compares verdict and
// diagnostics with what stands in them.
func TestAnalysis(t *testing.T) {
	ps, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			c := config(t, nil)
			if p.Load.AttachTo != "" || len(p.Load.Kfuncs) > 0 {
				_, c.Types = kernelBTF(t)
			}
			r := absint.Analyze(p.Load, c)
			for _, e := range compare(p, r) {
				t.Error(e)
			}
		})
	}
}

// compare lists what differs from p's expectations, each with file and line.
func compare(p *Program, r absint.Result) []string {
	var errs []string
	bad := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Sprintf("%s:%d: ", p.File, line)+fmt.Sprintf(format, args...))
	}
	if r.Verdict == absint.Unsupported {
		bad(p.Line, "unsupported at %d: %s", r.UnsupportedPC, r.Unsupported)
		return errs
	}
	switch proved := r.Verdict == absint.Safe; {
	case proved && !p.Safe:
		bad(p.Line, "UNSOUND or lax: proved safe, must be refused")
	case proved && p.Gap != "":
		bad(p.Line, "proved now: delete the gap %q", p.Gap)
	case !proved && p.Safe && p.Gap == "":
		bad(p.Line, "must be proved safe, verdict %s", r.Verdict)
	}
	if p.Gap != "" {
		return errs
	}
	met := make([]bool, len(p.Wants))
	for _, d := range r.Diagnostics {
		found := false
		for k, w := range p.Wants {
			if w.PC == d.PC && slices.Contains(w.Rules, d.Rule) && (w.Message == nil || w.Message.MatchString(d.Message)) {
				met[k], found = true, true
			}
		}
		if !found {
			bad(lineOf(p, d.PC), "unexpected %s %s: %s %v", d.Status, d.Rule, d.Message, d.State)
		}
	}
	for k, w := range p.Wants {
		if !met[k] {
			bad(w.Line, "no diagnostic of %v %v", w.Rules, w.Message)
		}
	}
	return errs
}

func lineOf(p *Program, pc int) int {
	if pc < 0 || pc >= len(p.Lines) {
		return p.Line
	}
	return p.Lines[pc]
}

// TestReachable refuses expectations at instructions that no path reaches: they
// would be met by nothing and miss nothing. Control flow itself (V14) is exempt.
func TestReachable(t *testing.T) {
	ps, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		reach := reachable(p)
		for _, w := range p.Wants {
			if !reach[w.PC] && !slices.Contains(w.Rules, "V14") {
				t.Errorf("%s:%d: a want where no path leads", p.File, w.Line)
			}
		}
		for _, v := range p.Invs {
			if !reach[v.PC] {
				t.Errorf("%s:%d: an inv where no path leads", p.File, v.Line)
			}
		}
	}
}

// reachable marks the slots that jumps, calls and falling through lead to.
func reachable(p *Program) []bool {
	insns := p.Load.Insns
	seen := make([]bool, len(insns))
	work := []int{0}
	for len(work) > 0 {
		pc := work[len(work)-1]
		work = work[:len(work)-1]
		if pc < 0 || pc >= len(insns) || seen[pc] {
			continue
		}
		seen[pc] = true
		i := insns[pc]
		if i.IsGoto() || i.IsCondJump() {
			work = append(work, pc+1+int(i.JumpOffset()))
		}
		if i.IsLocalCall() {
			work = append(work, pc+1+int(i.Imm))
		}
		if !i.IsGoto() && !i.IsExit() {
			work = append(work, pc+i.Slots())
		}
	}
	return seen
}
