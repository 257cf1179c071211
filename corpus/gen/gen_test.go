package gen

import (
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/corpus"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/exec/kernel"
	"github.com/bpfcheck/bpfcheck/isa"
)

// TestAccepted counts how many programs are accepted, by us and by Linux where that
// may be asked: most have to be, or the generator tests nothing but rejections.
func TestAccepted(t *testing.T) {
	n := 300
	if s := os.Getenv("GEN_N"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	domain, err := all.Select(all.Names())
	if err != nil {
		t.Fatal(err)
	}
	target := corpus.Target()
	ours, theirs, insns := 0, 0, 0
	live := kernel.Available() == nil
	why := map[string]int{}
	for seed := range n {
		p := FromSeed(uint64(seed))
		insns += len(p.Insns)
		if problems := isa.Validate(p.Insns, isa.Linux618); len(problems) > 0 {
			t.Fatalf("seed %d: %v\n%s", seed, problems[0], isa.DisassembleProgram(p.Insns, isa.DisasmOptions{}))
		}
		res := absint.Analyze(p.Program, absint.Config{Target: target, Domains: domain, MaxInsns: 100_000})
		if res.Verdict == absint.Safe {
			ours++
		} else if testing.Verbose() && len(res.Diagnostics) > 0 {
			why["ours: "+res.Diagnostics[0].Message]++
		}
		if !live {
			continue
		}
		if err := kernel.Verify(p.Program, exec.Options{Target: target}); err == nil {
			theirs++
		} else {
			why["linux: "+err.Error()]++
		}
	}
	t.Logf("%d programs of %d instructions on average: accepted %d by us, %d by Linux", n, insns/n, ours, theirs)
	for w, k := range why {
		if k > 1 {
			t.Logf("%5d %s", k, w)
		}
	}
	if ours < n*6/10 || live && theirs < n*6/10 {
		t.Errorf("of %d programs only %d are accepted by us, %d by Linux", n, ours, theirs)
	}
}

// TestDeterministic makes programs twice.
func TestDeterministic(t *testing.T) {
	for seed := range uint64(50) {
		a, b := FromSeed(seed), FromSeed(seed)
		if !slices.Equal(a.Insns, b.Insns) || a.Type != b.Type || len(a.Maps) != len(b.Maps) || a.Deterministic != b.Deterministic {
			t.Fatalf("seed %d gives two programs", seed)
		}
	}
}

// TestShapes checks that what verifiers get wrong does come up.
func TestShapes(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(300) {
		p := FromSeed(seed)
		for pc, i := range p.Insns {
			switch {
			case i.IsLocalCall():
				seen["calls of subprograms"] = true
			case i.IsCall():
				seen["calls of helpers"] = true
			case i.IsAtomic():
				seen["atomic operations"] = true
			case i.IsPacketLoad():
				seen["packet loads"] = true
			case i.IsCondJump() && i.JumpOffset() < 0:
				seen["loops"] = true
			case i.IsCondJump() && i.Class() == isa.ClassJMP32:
				seen["32-bit comparisons"] = true
			case i.IsALU() && i.Code() == isa.CodeEND:
				seen["byte swaps"] = true
			case i.IsALU() && i.Code() == isa.CodeMOV && i.Off != 0 && pc > 0:
				seen["sign extension"] = true
			case i.IsALU() && (i.Code() == isa.CodeDIV || i.Code() == isa.CodeMOD) && i.Off == 1:
				seen["signed division"] = true
			case i.Class() == isa.ClassLDX && i.Mode() == isa.ModeMEMSX:
				seen["sign-extending loads"] = true
			}
		}
	}
	if len(seen) != 10 {
		t.Errorf("300 programs have only %v", seen)
	}
}
