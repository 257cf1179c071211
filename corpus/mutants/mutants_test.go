package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// killer is a test that may notice a fault.
type killer struct {
	name, pkg, run string
	env            []string
}

// killers of every mutant, in the order in which they are asked.
var killers = []killer{
	{"campaign", "./corpus/diff", "Generated", []string{"BPFCHECK_PROGRAMS=400"}},
	{"containment in the corpus", "./corpus/diff", "TestCorpus", nil},
	{"corpus", "./corpus", "TestAnalysis|TestExpectations", nil},
}

// patched returns the file and text of a mutant.
func (m *mutant) patched(root string) (file, text string, err error) {
	files, err := filepath.Glob(filepath.Join(root, m.file))
	if err != nil || len(files) == 0 {
		return "", "", fmt.Errorf("no file %s", m.file)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			return "", "", err
		}
		text := string(b)
		n := 0
		for _, e := range m.edits {
			if strings.Count(text, e.old) == 1 {
				text = strings.Replace(text, e.old, e.new, 1)
				n++
			}
		}
		if n == len(m.edits) {
			return f, text, nil
		}
	}
	return "", "", errors.New("what it changes is not there exactly once: bring the table up to date")
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTable checks that every mutant can be planted. It is quick.
func TestTable(t *testing.T) {
	dir := root(t)
	rows := map[string]bool{}
	for i := range table {
		m := &table[i]
		rows[m.row] = true
		if _, _, err := m.patched(dir); err != nil {
			t.Errorf("row %s (%s): %s: %v", m.row, m.bug, m.file, err)
		}
	}
	if len(rows) < 25 {
		t.Errorf("%d rows of the list have a mutant, want 25", len(rows))
	}
}

// TestKill plants every mutant and prints who killed it.
func TestKill(t *testing.T) {
	if os.Getenv("BPFCHECK_MUTANTS") == "" {
		t.Skip("it takes some minutes: set BPFCHECK_MUTANTS=1")
	}
	only := regexp.MustCompile(os.Getenv("BPFCHECK_MUTANT_ROWS"))
	var lines []string
	killed, tried := 0, 0
	for i := range table {
		m := &table[i]
		if !only.MatchString(m.row) {
			continue
		}
		tried++
		start := time.Now()
		by, err := m.kill(t, root(t))
		switch {
		case err != nil:
			t.Errorf("row %s (%s): %v", m.row, m.bug, err)
			by = "not planted"
		case by == "":
			t.Errorf("row %s (%s) survives", m.row, m.bug)
			by = "SURVIVES"
		default:
			killed++
		}
		line := fmt.Sprintf("%-3s %-28s %-62s %s (%.0f s)", m.row, m.file, m.bug, by, time.Since(start).Seconds())
		t.Log(line)
		lines = append(lines, line)
	}
	t.Logf("%d of %d mutants killed\n%s", killed, tried, strings.Join(lines, "\n"))
}

// kill returns the name of the first test that fails with the mutant, "" for none.
func (m *mutant) kill(t *testing.T, dir string) (string, error) {
	file, text, err := m.patched(dir)
	if err != nil {
		return "", err
	}
	tmp := t.TempDir()
	changed := filepath.Join(tmp, filepath.Base(file))
	if err := os.WriteFile(changed, []byte(text), 0o666); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o666); err != nil {
		return "", err
	}
	if out, err := command(t, dir, nil, "build", "-overlay", list, "./corpus/diff"); err != nil {
		return "", fmt.Errorf("does not build: %s", out)
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil {
		return "", err
	}
	own := "./" + path.Dir(filepath.ToSlash(rel))
	all := append(slices.Clone(killers), killer{"tests of " + own[2:], own, ".", nil})
	if strings.HasPrefix(own, "./domains/") {
		all = append(all, killer{"laws of all domains", "./domains/all", ".", nil})
	}
	for _, k := range all {
		out, err := command(t, dir, k.env, "test", "-short", "-overlay", list, "-run", k.run, k.pkg)
		if err == nil {
			continue
		}
		if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") {
			return "", fmt.Errorf("%s: %s", k.name, out)
		}
		return k.name + ": " + first(out), nil
	}
	return "", nil
}

// command runs go with a limit of time.
func command(t *testing.T, dir string, env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir = dir
	c.Env = append(append(os.Environ(), "BPFCHECK_MUTANTS="), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

var place = regexp.MustCompile(`^\s*\w+_test\.go:\d+: `)

// first returns what a failing test says first, shortened.
func first(out string) string {
	name := ""
	for l := range strings.Lines(out) {
		l = strings.TrimRight(l, "\n")
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), "--- FAIL: "); ok {
			name, _, _ = strings.Cut(rest, " ")
		}
		if strings.HasPrefix(l, "panic:") {
			return short(l)
		}
		if place.MatchString(l) {
			return short(name + " " + place.ReplaceAllString(l, ""))
		}
	}
	return name
}

func short(s string) string {
	if len(s) > 110 {
		s = s[:110] + "…"
	}
	return s
}
