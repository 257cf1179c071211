package diff

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/exec/kernel"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Class is a kind of finding.
type Class string

// The classes. Containment and Fault are faults of the analysis (or of the
// interpreter that it is held against), Mismatch of an executor.
const (
	Containment Class = "containment"
	SafeFault   Class = "safe-but-faults"
	Mismatch    Class = "mismatch"
)

// Finding is something that must not be.
type Finding struct {
	Class   Class
	Program *loader.Program
	Input   *exec.Input
	PC      int
	Why     string
	// Source says where the program comes from: "seed 12", "a.o: f".
	Source string
}

// String is one line.
func (f *Finding) String() string {
	return fmt.Sprintf("%s: %s: instruction %d: %s", f.Source, f.Class, f.PC, strings.ReplaceAll(f.Why, "\n", " "))
}

// Harness holds programs against runs. Its methods may be called by several
// goroutines at once.
type Harness struct {
	Config absint.Config
	// Others are compared with the interpreter.
	Others []exec.Executor
	// Kernel: compare verdicts and outcomes with the kernel's.
	Kernel bool
	// Inputs is how many inputs each program runs on.
	Inputs int
}

// Figures are what a campaign did.
type Figures struct {
	Stats
	// Accepted by the analysis; Linux by the kernel, of those it was Asked about.
	Accepted, Asked, Linux int
	// Compared are runs compared, by executor.
	Compared map[string]int
	// OnlyUs and OnlyLinux count programs that one accepts, by the other's reason.
	OnlyUs, OnlyLinux map[string]int
	// Example has a source for each of these reasons.
	Example map[string]string
}

// Add adds g to f.
func (f *Figures) Add(g *Figures) {
	f.Stats.Add(g.Stats)
	f.Accepted += g.Accepted
	f.Asked += g.Asked
	f.Linux += g.Linux
	f.Compared = addAll(f.Compared, g.Compared)
	f.OnlyUs = addAll(f.OnlyUs, g.OnlyUs)
	f.OnlyLinux = addAll(f.OnlyLinux, g.OnlyLinux)
	if f.Example == nil {
		f.Example = map[string]string{}
	}
	for why, source := range g.Example {
		if _, ok := f.Example[why]; !ok {
			f.Example[why] = source
		}
	}
}

func addAll(a, b map[string]int) map[string]int {
	if a == nil {
		a = map[string]int{}
	}
	for k, n := range b {
		a[k] += n
	}
	return a
}

// Reasons lists a count by reason, most frequent first.
func Reasons(counts map[string]int) []string {
	keys := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
	return keys
}

// Check analyses a program and runs it. Deterministic programs are compared with
// the kernel's runs too. The first finding ends it.
func (h *Harness) Check(p *loader.Program, source string, deterministic bool, seed uint64) (Figures, *Finding) {
	f := Figures{Example: map[string]string{}, Compared: map[string]int{}}
	c := h.Config
	c.Strategy = absint.Ladder
	verdict := absint.Analyze(p, c)
	if verdict.Verdict == absint.Safe {
		f.Accepted = 1
	}
	inputs := Inputs(p, seed, h.Inputs)
	stats, bad := Contain(p, h.Config, inputs)
	f.Stats = stats
	if bad != nil {
		class := Containment
		if bad.Faults {
			class = SafeFault
		}
		return f, &Finding{class, p, bad.Input, bad.PC, bad.Why + " (" + string(bad.Strategy) + ")", source}
	}
	if found := h.compare(&f, p, inputs, source, verdict.Verdict == absint.Safe); found != nil {
		return f, found
	}
	if h.Kernel {
		if found := h.askKernel(&f, p, &verdict, inputs, source, deterministic); found != nil {
			return f, found
		}
	}
	return f, nil
}

// compare holds the other executors against the interpreter. A program that the
// analysis does not accept may do what the executors need not agree on.
func (h *Harness) compare(f *Figures, p *loader.Program, inputs []*exec.Input, source string, safe bool) *Finding {
	if len(h.Others) == 0 {
		return nil
	}
	opts := exec.Options{Target: h.Config.Target}
	ref, err := exec.Interpreter{}.Load(p, opts)
	if err != nil {
		return nil
	}
	for _, e := range h.Others {
		other, err := e.Load(p, opts)
		if err != nil {
			if safe && !strings.Contains(err.Error(), "not compiled") {
				return &Finding{Mismatch, p, nil, 0, fmt.Sprintf("%s cannot load it: %v", e.Name(), err), source}
			}
			continue
		}
		for _, in := range inputs {
			plain := *in
			plain.Observe, plain.Report = nil, nil
			a, b := ref.Run(&plain), other.Run(&plain)
			f.Compared[e.Name()]++
			if a != b {
				return &Finding{Mismatch, p, &plain, a.PC, fmt.Sprintf("interp ends with %+v, %s with %+v", a, e.Name(), b), source}
			}
		}
	}
	return nil
}

// askKernel compares verdict and outcomes with the kernel's.
func (h *Harness) askKernel(f *Figures, p *loader.Program, v *absint.Result, inputs []*exec.Input, source string, deterministic bool) *Finding {
	opts := exec.Options{Target: h.Config.Target}
	live, err := kernel.Executor{}.Load(p, opts)
	var refused *kernel.Rejected
	switch {
	case err == nil:
		defer kernel.Close(live)
	case !errors.As(err, &refused):
		return nil // it could not be asked
	}
	f.Asked = 1
	if err != nil {
		if v.Verdict == absint.Safe {
			f.differ(&f.OnlyUs, refused.Message(), source)
		}
		return nil
	}
	f.Linux = 1
	if v.Verdict != absint.Safe {
		why := string(v.Verdict) + ": " + v.Unsupported
		if len(v.Diagnostics) > 0 {
			d := &v.Diagnostics[0]
			why = fmt.Sprintf("%s %s: %s", d.Status, d.Rule, d.Message)
		}
		f.differ(&f.OnlyLinux, why, source)
	}
	if !deterministic || h.leaks(p) {
		return nil
	}
	ref, err := exec.Interpreter{}.Load(p, opts)
	if err != nil {
		return nil
	}
	for _, in := range inputs {
		if found := compareKernel(f, p, ref, live, in, source); found != nil {
			return found
		}
	}
	return nil
}

// leaks reports whether the program's outcome may depend on addresses or on stack
// that was never written, which an analysis without privileges tells.
func (h *Harness) leaks(p *loader.Program) bool {
	q := *p
	q.Unprivileged = true
	c := h.Config
	c.Strategy = absint.Ladder
	res := absint.Analyze(&q, c)
	for i := range res.Diagnostics {
		d := &res.Diagnostics[i]
		switch d.Rule {
		case absint.Uninitialised.String(), absint.PointerLeak.String(), absint.PointerArith.String(), absint.SpillIntegrity.String():
			return true
		}
		if strings.Contains(d.Message, "written") {
			return true
		}
	}
	return res.Unsupported != ""
}

// compareKernel holds a run of the kernel against the interpreter's. What the
// kernel decides is 0 in both for seed 0.
func compareKernel(f *Figures, p *loader.Program, ref, live exec.Runnable, in *exec.Input, source string) *Finding {
	var ours, theirs exec.Report
	a := exec.Input{Data: in.Data, Maps: in.Maps, Report: &ours}
	b := exec.Input{Data: in.Data, Maps: in.Maps, Report: &theirs}
	x, y := ref.Run(&a), live.Run(&b)
	if y.Fault != exec.NoFault {
		return nil // no run: the packet does not suit the kernel
	}
	if !isFault(x.Fault) && x.Fault != exec.NoFault || len(ours.Notes) > 0 {
		return nil // fuel, or not modelled
	}
	f.Compared["kernel"]++
	a.Report = nil
	finding := func(why string, args ...any) *Finding {
		return &Finding{Mismatch, p, &a, x.PC, fmt.Sprintf(why, args...), source}
	}
	switch {
	case x.Fault != exec.NoFault:
		return finding("Linux accepts and runs it, interp faults: %s", x.Fault)
	case uint32(x.R0) != uint32(y.R0):
		return finding("r0 is %#x for interp, %#x for the kernel", uint32(x.R0), uint32(y.R0))
	case exec.Digest(p, ours.Packet, nil) != exec.Digest(p, theirs.Packet, nil):
		return finding("the packets after the run differ: %x for interp, %x for the kernel", ours.Packet, theirs.Packet)
	case exec.Digest(p, nil, dataMaps(p, ours.Values)) != exec.Digest(p, nil, dataMaps(p, theirs.Values)):
		return finding("the maps after the run differ: %x for interp, %x for the kernel", ours.Values, theirs.Values)
	}
	return nil
}

// dataMaps leaves the maps out that the kernel's backend does not read, or whose
// order is the kernel's.
func dataMaps(p *loader.Program, values map[string][]exec.Entry) map[string][]exec.Entry {
	out := map[string][]exec.Entry{}
	for _, m := range p.Maps {
		if m.Type == "array" || m.Type == "hash" {
			out[m.Name] = values[m.Name]
		}
	}
	return out
}

func (f *Figures) differ(counts *map[string]int, why, source string) {
	why = normalise(why)
	if *counts == nil {
		*counts = map[string]int{}
	}
	(*counts)[why]++
	if _, ok := f.Example[why]; !ok {
		f.Example[why] = source
	}
}

var (
	registers = regexp.MustCompile(`\b[Rr]\d+\b`)
	numbers   = regexp.MustCompile(`-?\b(0x[0-9a-f]+|\d+)\b`)
)

// normalise makes a class of a message: registers and numbers are left out.
func normalise(s string) string {
	return numbers.ReplaceAllString(registers.ReplaceAllString(s, "R?"), "N")
}

// Shrink returns a finding of the same class with a smaller program and input.
func (h *Harness) Shrink(f *Finding, deterministic bool) *Finding {
	best := *f
	quick := *h
	quick.Kernel = h.Kernel && f.Class == Mismatch
	if f.Class != Mismatch {
		quick.Others = nil
	}
	again := func(p *loader.Program, in *exec.Input) *Finding {
		g := quick.on(p, in, f.Source, deterministic)
		if g == nil || g.Class != f.Class {
			return nil
		}
		return g
	}
	if f.Input == nil || again(f.Program, f.Input) == nil {
		return &best // it takes more than this input
	}
	for _, in := range simpler(f.Input) {
		if g := again(best.Program, in); g != nil {
			best = *g
		}
	}
	in := best.Input
	Minimise(best.Program, func(p *loader.Program) bool {
		g := again(p, in)
		if g != nil {
			best = *g
		}
		return g != nil
	})
	return &best
}

// simpler are inputs that say less.
func simpler(in *exec.Input) (out []*exec.Input) {
	a := *in
	a.Seed = 0
	b := *in
	b.Maps = nil
	c := *in
	c.Results = nil
	d := exec.Input{Data: make([]byte, len(in.Data)), Fuel: in.Fuel, MayGoto: in.MayGoto}
	e := exec.Input{Fuel: in.Fuel, MayGoto: in.MayGoto}
	return []*exec.Input{&a, &b, &c, &d, &e}
}

// on checks one program on one input.
func (h *Harness) on(p *loader.Program, in *exec.Input, source string, deterministic bool) *Finding {
	var f Figures
	f.Example, f.Compared = map[string]string{}, map[string]int{}
	inputs := []*exec.Input{in}
	_, bad := Contain(p, h.Config, inputs)
	if bad != nil {
		class := Containment
		if bad.Faults {
			class = SafeFault
		}
		return &Finding{class, p, bad.Input, bad.PC, bad.Why + " (" + string(bad.Strategy) + ")", source}
	}
	if len(h.Others) == 0 && !h.Kernel {
		return nil
	}
	v := absint.Analyze(p, h.Config)
	if found := h.compare(&f, p, inputs, source, v.Verdict == absint.Safe); found != nil || !h.Kernel {
		return found
	}
	return h.askKernel(&f, p, &v, inputs, source, deterministic)
}
