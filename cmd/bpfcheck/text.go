package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Bounds on what is printed of one program without --verbose: findings, lines of
// values of each, instructions where the same is found, and bytes of a source line.
const (
	maxFindings = 4
	maxValues   = 2
	maxOthers   = 8
	maxSource   = 160
)

// textPrinter prints reports for people: a line for each program under its
// object, then what is wrong with it, then a summary.
type textPrinter struct {
	out            *bufio.Writer
	style          style
	names          func(*loader.Program) isa.DisasmOptions
	verbose, quiet bool

	object   string // the last one printed
	files    int
	programs int
	count    map[string]int // by verdict
	micros   int64
	gap      bool // an empty line is due before the next program
}

// verdicts in the order of the summary, with their colours.
var verdicts = []struct{ name, color string }{
	{string(absint.Safe), green}, {string(absint.Unsafe), red}, {string(absint.Unknown), yellow}, {string(absint.Unsupported), magenta},
}

func (t *textPrinter) printf(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

// line prints a line of a finding.
func (t *textPrinter) line(text string) { t.printf("    %s\n", text) }

func (t *textPrinter) report(r *bpfcheck.Report) {
	if t.count == nil {
		t.count = map[string]int{}
	}
	t.count[r.Verdict]++
	t.programs++
	t.micros += r.DurationUS
	if t.quiet && r.Safe() {
		return
	}
	if r.Object != t.object {
		if t.files > 0 {
			t.printf("\n")
		}
		t.object, t.gap = r.Object, false
		t.files++
		t.printf("%s\n", t.style.paint(bold, printable(r.Object)))
		t.notes(r.Prog.Object)
	}
	if t.gap {
		t.printf("\n")
	}
	t.verdict(r)
	t.findings(r)
	t.gap = !r.Safe() || t.verbose
}

// notes prints what the loader has to say about an object.
func (t *textPrinter) notes(obj *loader.Object) {
	if obj == nil || !t.verbose {
		return
	}
	for _, n := range obj.Notes {
		t.printf("  %s %s\n", t.style.paint(cyan, "note:"), printable(n))
	}
}

// verdict prints the line of a program.
func (t *textPrinter) verdict(r *bpfcheck.Report) {
	color := ""
	for _, v := range verdicts {
		if v.name == r.Verdict {
			color = v.color
		}
	}
	pad := strings.Repeat(" ", max(0, len("unsupported")-len(r.Verdict)))
	what := "type " + r.Type
	if r.Type == "" {
		what = "no type"
	}
	if r.Section != "" {
		what = fmt.Sprintf("SEC(%q) %s", r.Section, what)
	}
	t.printf("  %s%s  %s  %s\n", t.style.paint(color, r.Verdict), pad, t.style.paint(bold, printable(r.Program)),
		t.style.paint(dim, printable(fmt.Sprintf("%s, %s, %s", what, plural(r.Insns, "instruction"), duration(r.DurationUS)))))
	if !t.verbose {
		return
	}
	if r.Prog.Descr != "" {
		t.line(printable(r.Prog.Descr))
	}
	t.line(t.style.paint(dim, fmt.Sprintf("visited %d, states %d, at most %d at once (%d KiB), strategy %s",
		r.Visited, r.States, r.PeakStates, (r.PeakBytes+1023)/1024, orNone(r.Strategy))))
}

// findings prints what keeps a program from being safe, root causes first.
func (t *textPrinter) findings(r *bpfcheck.Report) {
	if r.Reason != "" {
		t.unsupported(r)
		if r.Verdict == string(absint.Unsupported) && !t.verbose {
			return // what was found before the analysis gave up says little
		}
	}
	if t.verbose {
		for i := range r.Diagnostics {
			t.finding(r, &r.Diagnostics[i], nil)
		}
		return
	}
	causes := roots(r)
	groups := group(causes)
	for _, g := range groups[:min(len(groups), maxFindings)] {
		t.finding(r, g.first, g.others)
	}
	var rest []string
	if n := len(groups) - maxFindings; n > 0 {
		rest = append(rest, plural(n, "more finding"))
	}
	if n := len(r.Diagnostics) - len(causes); n > 0 {
		rest = append(rest, plural(n, "finding")+" that may follow from these")
	}
	if len(rest) > 0 {
		t.printf("  %s\n", t.style.paint(dim, "and "+strings.Join(rest, ", ")+": see --verbose"))
	}
}

// unsupported prints what is not modelled and where it is used.
func (t *textPrinter) unsupported(r *bpfcheck.Report) {
	t.printf("  %s %s\n", t.style.paint(magenta, "not modelled:"), printable(r.Reason))
	if r.ReasonPC > 0 {
		t.place(r, r.ReasonPC)
	}
}

// finding prints one diagnostic in at most nine lines, others being the
// instructions where the same is found.
func (t *textPrinter) finding(r *bpfcheck.Report, d *bpfcheck.Diagnostic, others []int) {
	tag, color := "not proved", yellow
	if d.Status == absint.Refuted {
		tag, color = "broken", red
	}
	rule := strings.TrimSpace(d.Rule + " " + bpfcheck.RuleTitle(d.Rule))
	if d.Class == absint.Policy {
		rule += ", policy"
	}
	t.printf("  %s %s\n", t.style.paint(color, tag+" ["+rule+"]:"), t.style.paint(bold, printable(d.Message)))
	if d.Message == r.Prog.Problem { // of the whole program, wherever it says it is
		return
	}
	t.place(r, d.PC)
	values := d.State
	if !t.verbose && len(values) > maxValues {
		values = values[:maxValues]
	}
	for _, s := range values {
		t.line(" = " + printable(s))
	}
	if d.Help != "" {
		t.line(" = " + t.style.paint(cyan, "help:") + " " + printable(d.Help))
	}
	if len(others) > 0 {
		t.line(" = the same at pc " + pcs(others))
	}
}

// pcs lists the first instructions of a list.
func pcs(list []int) string {
	var b strings.Builder
	for i, pc := range list {
		if i == maxOthers {
			return b.String() + fmt.Sprintf(" and %d more", len(list)-i)
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(pc))
	}
	return b.String()
}

// summary prints the count of each verdict.
func (t *textPrinter) summary() {
	if t.quiet || t.programs == 0 {
		return
	}
	var parts []string
	for _, v := range verdicts {
		if n := t.count[v.name]; n > 0 {
			parts = append(parts, t.style.paint(v.color, fmt.Sprintf("%d %s", n, v.name)))
		}
	}
	t.printf("\n%s in %s: %s (%s of analysis)\n", plural(t.programs, "program"), plural(t.files, "file"), strings.Join(parts, ", "), duration(t.micros))
}
