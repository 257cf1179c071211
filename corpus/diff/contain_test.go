package diff

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/corpus"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/loader"
)

func config(tb testing.TB) absint.Config {
	tb.Helper()
	domain, err := all.Select(all.Names())
	if err != nil {
		tb.Fatal(err)
	}
	return absint.Config{Target: corpus.Target(), Domains: domain, MaxInsns: 50_000}
}

// inputsFor is how many inputs each program runs on.
const inputsFor = 6

// TestCorpus holds the analysis of every program of the corpus against runs.
func TestCorpus(t *testing.T) {
	progs, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	c := config(t)
	var stats Stats
	for _, p := range progs {
		s, bad := Contain(p.Load, c, Inputs(p.Load, 1, inputsFor))
		stats.Add(s)
		if bad != nil {
			t.Errorf("%s: %v", p.Name, bad)
		}
	}
	t.Logf("%+v", stats)
}

// TestSharedCases does the same for the shared cases.
func TestSharedCases(t *testing.T) {
	c := config(t)
	for _, name := range []string{"expectations.jsonl", "linux-verifier.jsonl"} {
		f, err := os.Open(filepath.Join("../../../shared/cases", name))
		if err != nil {
			t.Skip("needs ../shared/cases, which a user's checkout does not have")
		}
		defer f.Close()
		var stats Stats
		for cs, err := range loader.LoadCases(f, name, loader.Options{Target: c.Target}) {
			if err != nil {
				t.Fatal(err)
			}
			if len(cs.Program.Insns) > 10_000 {
				continue
			}
			ins := Inputs(cs.Program, 1, inputsFor)
			for _, r := range cs.Runs {
				ins = append(ins, &exec.Input{Data: r.Data, Fuel: 1 << 11})
			}
			s, bad := Contain(cs.Program, c, ins)
			stats.Add(s)
			if bad != nil {
				t.Errorf("%s: %v", cs.Program.ID, bad)
			}
		}
		t.Logf("%s: %+v", name, stats)
	}
}
