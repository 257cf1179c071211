package bpfcheck

import (
	"strings"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Report is the result for one program. Its JSON form is stable.
type Report struct {
	Object  string `json:"object"`
	ID      string `json:"id,omitempty"`
	Section string `json:"section"`
	Program string `json:"program"`
	Type    string `json:"type"`
	Target  string `json:"target"`
	// Verdict is safe, unsafe, unknown or unsupported; Reason says what is
	// unsupported.
	Verdict    string `json:"verdict"`
	Reason     string `json:"reason,omitempty"`
	Insns      int    `json:"insns"`
	Visited    int    `json:"visited"`
	States     int    `json:"states"`
	PeakStates int    `json:"peak_states"`
	// DurationUS is the time of the analysis alone, in microseconds.
	DurationUS  int64        `json:"duration_us"`
	PeakBytes   int64        `json:"peak_bytes"`
	Strategy    string       `json:"strategy,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`

	// ReasonPC is the instruction that Reason is about, 0 also for the whole program.
	ReasonPC int `json:"-"`
	// Prog is the program that was analysed.
	Prog *loader.Program `json:"-"`
}

// Diagnostic is one rule that could not be shown to hold.
type Diagnostic struct {
	absint.Diagnostic
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Source is the text of the source line, if the compiler recorded it.
	Source string `json:"source,omitempty"`
}

// Safe reports whether the program was proved safe.
func (r *Report) Safe() bool { return r.Verdict == string(absint.Safe) }

func newReport(in Input, target string, res absint.Result) *Report {
	p := in.Program
	r := &Report{
		Object: in.Path, ID: p.ID, Section: p.Section, Program: p.Name, Type: p.Type, Target: target,
		Verdict: string(res.Verdict), Reason: res.Unsupported, ReasonPC: res.UnsupportedPC,
		Insns: res.Insns, Visited: res.Visited, States: res.States, PeakStates: res.PeakStates,
		DurationUS: res.Duration.Microseconds(), PeakBytes: res.PeakBytes, Strategy: string(res.Strategy),
		Diagnostics: make([]Diagnostic, 0, len(res.Diagnostics)), Prog: p,
	}
	for _, d := range res.Diagnostics {
		rd := Diagnostic{Diagnostic: d}
		if l, ok := LineAt(p, d.PC); ok {
			rd.File, rd.Line, rd.Column, rd.Source = l.File, l.Line, l.Column, strings.TrimSpace(l.Text)
		}
		r.Diagnostics = append(r.Diagnostics, rd)
	}
	return r
}
