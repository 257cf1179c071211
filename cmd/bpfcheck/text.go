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
// values of each, and bytes of a source line.
const (
	maxFindings = 4
	maxValues   = 2
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
	t.line(t.style.paint(dim, fmt.Sprintf("visited %d, states %d, at most %d at once (%d bytes), strategy %s",
		r.Visited, r.States, r.PeakStates, r.PeakBytes, r.Strategy)))
}

// findings prints what keeps a program from being safe, root causes first.
func (t *textPrinter) findings(r *bpfcheck.Report) {
	shown := r.Diagnostics
	hidden, follow := 0, 0
	if r.Reason != "" {
		t.unsupported(r)
		if r.Verdict == string(absint.Unsupported) && !t.verbose {
			return // what was found before the analysis gave up says little
		}
	}
	if !t.verbose {
		shown = roots(r)
		follow = len(r.Diagnostics) - len(shown)
		if len(shown) > maxFindings {
			shown, hidden = shown[:maxFindings], len(shown)-maxFindings
		}
	}
	for i := range shown {
		t.finding(r, &shown[i])
	}
	switch {
	case hidden > 0:
		t.printf("  %s\n", t.style.paint(dim, fmt.Sprintf("and %s; --verbose shows all", plural(hidden+follow, "more finding"))))
	case follow > 0:
		t.printf("  %s\n", t.style.paint(dim, fmt.Sprintf("and %s that may follow from these; --verbose shows all", plural(follow, "more finding"))))
	}
}

// unsupported prints what is not modelled and where it is used.
func (t *textPrinter) unsupported(r *bpfcheck.Report) {
	t.printf("  %s %s\n", t.style.paint(magenta, "not modelled:"), printable(r.Reason))
	if r.ReasonPC > 0 {
		t.place(r, r.ReasonPC)
	}
}

// finding prints one diagnostic in at most eight lines.
func (t *textPrinter) finding(r *bpfcheck.Report, d *bpfcheck.Diagnostic) {
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
}

// place prints where an instruction comes from: its source line, and the
// instruction; or else the instructions around it.
func (t *textPrinter) place(r *bpfcheck.Report, pc int) {
	p := r.Prog
	l, ok := bpfcheck.LineAt(p, pc)
	if ok && l.Line > 0 {
		at := printable(l.File) + ":" + strconv.Itoa(l.Line)
		if l.Column > 0 {
			at += ":" + strconv.Itoa(l.Column)
		}
		t.line(t.style.paint(cyan, "-->") + " " + at + t.inFunction(p, pc))
		ok = t.source(l)
	} else if f := t.inFunction(p, pc); f != "" {
		t.line(t.style.paint(cyan, "-->") + f)
		ok = false
	}
	if ok && !t.verbose {
		if pc >= 0 && pc < len(p.Insns) {
			t.line(fmt.Sprintf(" = %d: %s", pc, printable(isa.Disassemble(p.Insns[pc], pc, t.names(p)))))
		}
		return
	}
	before, after := 2, 1
	if t.verbose {
		before, after = 5, 3
	}
	t.around(p, pc, before, after)
}

// inFunction names the subprogram that pc is in, "" for the main program.
func (t *textPrinter) inFunction(p *loader.Program, pc int) string {
	if f, ok := bpfcheck.FuncAt(p, pc); ok && f.Insn > 0 {
		return " in " + printable(f.Name)
	}
	return ""
}

// source prints a source line with a mark under the word at its column. It
// returns false if the compiler recorded no text.
func (t *textPrinter) source(l loader.Line) bool {
	text := strings.TrimRight(l.Text, " \t\r\n")
	lead := len(text) - len(strings.TrimLeft(text, " \t"))
	col := l.Column - 1 - lead // in bytes of what is printed
	text = text[lead:]
	if text == "" {
		return false
	}
	if len(text) > maxSource {
		text = text[:maxSource] + "…"
	}
	num := strconv.Itoa(l.Line)
	bar := t.style.paint(cyan, "|")
	t.line(t.style.paint(cyan, fmt.Sprintf("%4s", num)) + " " + bar + " " + printable(text))
	if col < 0 || col >= min(len(text), maxSource) {
		return true
	}
	n := 1
	for col+n < len(text) && isWord(text[col]) && isWord(text[col+n]) {
		n++
	}
	blank := strings.Repeat(" ", len([]rune(text[:col])))
	t.line(strings.Repeat(" ", max(4, len(num))) + " " + bar + " " + blank + t.style.paint(yellow, strings.Repeat("^", n)))
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// around prints the instructions around pc, with an arrow.
func (t *textPrinter) around(p *loader.Program, pc, before, after int) {
	if pc < 0 || pc >= len(p.Insns) {
		return
	}
	var starts []int // of the instructions up to pc, the last before+1
	for i := 0; i <= pc; i += p.Insns[i].Slots() {
		starts = append(starts, i)
	}
	starts = starts[max(0, len(starts)-before-1):]
	for i := pc + p.Insns[pc].Slots(); i < len(p.Insns) && after > 0; i += p.Insns[i].Slots() {
		starts = append(starts, i)
		after--
	}
	names := t.names(p)
	for _, i := range starts {
		text := fmt.Sprintf("%4d: %s", i, printable(isa.Disassemble(p.Insns[i], i, names)))
		if i == pc {
			t.line(t.style.paint(yellow, "->") + text[2:])
		} else {
			t.line(t.style.paint(dim, text))
		}
	}
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
