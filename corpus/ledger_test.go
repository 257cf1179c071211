package corpus

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/loader"
)

var update = flag.Bool("update", false, "write testdata/verdicts.golden anew")

const ledgerFile = "testdata/verdicts.golden"

// judged is a program of the ledger and, once it ran, its line.
type judged struct {
	set, id string
	load    *loader.Program
	line    string
	took    time.Duration
}

// TestLedger judges every shared program and compares with testdata/verdicts.golden,
// so that a verdict changes in a diff that somebody reads, or not at all. A line is
// "set id verdict rule": the rule of the first diagnostic, for an unsupported program
// the feature.
func TestLedger(t *testing.T) {
	if sharedDir() == "" {
		t.Skip("no folder shared beside the repository: its programs are not judged")
	}
	if testing.Short() {
		t.Skip("judges a thousand programs")
	}
	list := sharedPrograms(t)
	judge(t, list)
	lines := make([]string, len(list))
	for k, j := range list {
		lines[k] = j.line
		if j.took > 2*time.Second {
			t.Logf("%s %s took %v", j.set, j.id, j.took)
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.MkdirAll(filepath.Dir(ledgerFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ledgerFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(ledgerFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := ledgerDiff(string(old), got); diff != "" {
		t.Errorf("verdicts changed; if each change is meant: go test ./corpus -run Ledger -update\n%s", diff)
	}
}

// ledgerDiff lists changed lines, "" if there are none.
func ledgerDiff(old, now string) string {
	read := func(s string) (m map[string]string, keys []string) {
		m = map[string]string{}
		for l := range strings.Lines(s) {
			if f := strings.SplitN(strings.TrimSuffix(l, "\n"), " ", 3); len(f) == 3 {
				key := f[0] + " " + f[1]
				m[key] = f[2]
				keys = append(keys, key)
			}
		}
		return m, keys
	}
	was, oldKeys := read(old)
	is, newKeys := read(now)
	keys := append(oldKeys, newKeys...)
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range slices.Compact(keys) {
		switch a, b1 := was[k], is[k]; {
		case a == b1:
		case a == "":
			fmt.Fprintf(&b, "  new   %s: %s\n", k, b1)
		case b1 == "":
			fmt.Fprintf(&b, "  gone  %s: %s\n", k, a)
		default:
			fmt.Fprintf(&b, "  was   %s: %s\n  is    %s: %s\n", k, a, k, b1)
		}
	}
	return b.String()
}

// judge fills in the lines, on all processors.
func judge(t *testing.T, list []*judged) {
	_, types := kernelBTF(t)
	c := config(t, types)
	c.MaxTime = time.Hour // a verdict must not depend on the clock
	work := make(chan *judged)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for j := range work {
				start := time.Now()
				j.line = j.set + " " + j.id + " " + verdictOf(j.load, c)
				j.took = time.Since(start)
			}
		})
	}
	for _, j := range list {
		work <- j
	}
	close(work)
	wg.Wait()
}

// verdictOf returns "verdict rule".
func verdictOf(p *loader.Program, c absint.Config) string {
	if p.Problem != "" {
		return "problem " + p.Problem
	}
	r := absint.Analyze(p, c)
	rule := "-"
	switch {
	case r.Verdict == absint.Unsupported:
		rule = r.Unsupported
	case len(r.Diagnostics) > 0:
		rule = r.Diagnostics[0].Rule
	}
	return string(r.Verdict) + " " + rule
}

// sharedPrograms lists the cases and the real programs, in no special order.
func sharedPrograms(t *testing.T) []*judged {
	t.Helper()
	raw, _ := kernelBTF(t)
	opts := loader.Options{Target: Target(), KernelBTF: raw}
	var list []*judged
	for _, set := range []string{"expectations", "linux-verifier"} {
		f, err := os.Open(filepath.Join(sharedDir(), "cases", set+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for c, err := range loader.LoadCases(f, set, opts) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, &judged{set: set, id: c.Program.ID, load: c.Program})
		}
	}
	objects := map[string][]*loader.Object{}
	for _, r := range realRows(t) {
		objs, ok := objects[r.object]
		if !ok {
			var err error
			if objs, err = loader.Load(filepath.Join(sharedDir(), "objects", r.object+".o"), opts); err != nil {
				t.Fatal(err)
			}
			objects[r.object] = objs
		}
		id := fmt.Sprintf("%.12s:%s:%s", r.object, r.section, r.program)
		found := false
		for _, o := range objs {
			for _, p := range o.Programs {
				if p.Section == r.section && p.Name == r.program {
					list = append(list, &judged{set: "realworld", id: id, load: p})
					found = true
				}
			}
		}
		if !found {
			t.Errorf("realworld: no program %s", id)
		}
	}
	return list
}

type realRow struct{ object, section, program string }

// realRows reads the list of real programs.
func realRows(t *testing.T) []realRow {
	t.Helper()
	f, err := os.Open(filepath.Join(sharedDir(), "cases", "realworld.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []realRow
	var object, section, program int
	sc := bufio.NewScanner(f)
	for first := true; sc.Scan(); first = false {
		cells := strings.Split(sc.Text(), "\t")
		if first {
			object, section, program = slices.Index(cells, "object_sha256"), slices.Index(cells, "section"), slices.Index(cells, "program")
			continue
		}
		rows = append(rows, realRow{cells[object], cells[section], cells[program]})
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}
