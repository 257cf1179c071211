package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// TestRoots: which findings are causes. A program is text; "; V5" is an open
// finding at the instruction, "; V5!" a broken rule, "root" marks those to print.
func TestRoots(t *testing.T) {
	for name, text := range map[string]string{
		"one missing check": `
			r2 = *(u32 *)(r1 + 0)
			r3 = *(u8 *)(r2 + 0)    ; V5 root
			r4 = *(u8 *)(r2 + 1)    ; V5
			r5 = r2
			r5 += 4
			r0 = *(u8 *)(r5 + 0)    ; V5
			exit`,
		"another rule of the same pointer": `
			r3 = *(u8 *)(r2 + 0)    ; V6 root
			r4 = *(u8 *)(r2 + 99)   ; V7 root
			exit`,
		"another pointer": `
			r3 = *(u8 *)(r2 + 0)    ; V5 root
			r2 = r6
			r4 = *(u8 *)(r2 + 1)    ; V5 root
			exit`,
		"what a failed operation leaves": `
			r2 *= 3                 ; V9 root
			r3 = r2
			r0 = *(u8 *)(r3 + 0)    ; V9
			r3 = 0
			r0 = *(u8 *)(r3 + 0)    ; V9 root
			exit`,
		"several of one instruction": `
			call 6                  ; V16 V1 root
			exit`,
		"a broken rule first": `
			r0 = 0                  ; V1 V14! root
			exit`,
		"a release that failed": `
			r1 = r6
			call 86                 ; V16 root
			r0 = 0
			exit                    ; V12`,
		"a leak alone": `
			r0 = 0
			exit                    ; V12 root`,
		"the frame pointer is shared": `
			r0 = *(u64 *)(r10 - 520) ; V2 root
			r3 = *(u64 *)(r10 + 8)   ; V2 root
			exit`,
		"another function": `
			call f
			r3 = *(u8 *)(r2 + 0)    ; V5 root
			exit
			f: r4 = *(u8 *)(r2 + 0) ; V5 root
			exit`,
	} {
		src, err := isa.Assemble(text, isa.AsmOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := &loader.Program{Insns: src.Insns, Funcs: []loader.Func{{Name: "main"}}}
		for _, l := range src.Labels {
			p.Funcs = append(p.Funcs, loader.Func{Insn: l.PC, Name: l.Name})
		}
		r := &bpfcheck.Report{Prog: p}
		var want []string
		for pc := range src.Insns {
			words := strings.Fields(src.Comments[src.Lines[pc]-1])
			for _, w := range words {
				if w == "root" {
					want = append(want, fmt.Sprintf("%d %s", pc, words[len(words)-2]))
					continue
				}
				d := absint.Diagnostic{Rule: strings.TrimSuffix(w, "!"), PC: pc, Status: absint.Open, Class: absint.Safety}
				if strings.HasSuffix(w, "!") {
					d.Status = absint.Refuted
				}
				r.Diagnostics = append(r.Diagnostics, bpfcheck.Diagnostic{Diagnostic: d})
			}
		}
		var got []string
		for _, d := range roots(r) {
			bang := ""
			if d.Status == absint.Refuted {
				bang = "!"
			}
			got = append(got, fmt.Sprintf("%d %s%s", d.PC, d.Rule, bang))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: roots %q, want %q", name, got, want)
		}
	}
}

// TestRootsOutside: findings that belong to no instruction are not lost.
func TestRootsOutside(t *testing.T) {
	r := &bpfcheck.Report{Prog: &loader.Program{}, Diagnostics: []bpfcheck.Diagnostic{
		{Diagnostic: absint.Diagnostic{Rule: "V14", PC: 0}}, {Diagnostic: absint.Diagnostic{Rule: "V46", PC: 12}},
	}}
	if got := roots(r); len(got) != 2 {
		t.Errorf("%d roots, want 2", len(got))
	}
}
