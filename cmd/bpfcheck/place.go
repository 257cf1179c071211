package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

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
			t.line(fmt.Sprintf(" = pc %d: %s", pc, printable(isa.Disassemble(p.Insns[pc], pc, t.names(p)))))
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
	width := max(3, len(strconv.Itoa(starts[len(starts)-1])))
	for _, i := range starts {
		text := fmt.Sprintf(" %*d: %s", width, i, printable(isa.Disassemble(p.Insns[i], i, names)))
		if i == pc {
			t.line(t.style.paint(yellow, "->") + text)
		} else {
			t.line(t.style.paint(dim, "  "+text))
		}
	}
}
