package corpus

import (
	"fmt"
	"slices"
	"strings"
)

// Status says how far the analysis takes a rule.
type Status string

// The statuses. What is not complete has a Gap.
const (
	Complete Status = "complete"
	Partial  Status = "partial"
	Missing  Status = "missing"
)

// Expectation is one rule of the verifier: the one source of docs/EXPECTATIONS.md.
type Expectation struct {
	Rule, Title string
	// Means is the rule in our words, Linux and Windows what is particular to Linux
	// 6.18 and to eBPF for Windows.
	Means, Linux, Windows string
	Status                Status
	// Gap says what is missing or different here, "" if nothing is.
	Gap string
	// Objects are C sources of the folder c that test the rule beside the text files.
	Objects []string
}

// tests lists the text programs that must fail under a rule and those that must pass.
func (e *Expectation) tests(all []*Program) (fail, pass []string) {
	n := 0
	fmt.Sscanf(e.Rule, "V%d", &n)
	own := fmt.Sprintf("v%02d/", n)
	for _, p := range all {
		mine := strings.HasPrefix(p.Name, own)
		wanted := slices.ContainsFunc(p.Wants, func(w Want) bool { return slices.Contains(w.Rules, e.Rule) })
		switch {
		case p.Safe && mine:
			pass = append(pass, p.Name)
		case !p.Safe && (mine || wanted):
			fail = append(fail, p.Name)
		}
	}
	own2 := func(a, b string) int { // programs of the rule's own file come first
		x, y := strings.HasPrefix(a, own), strings.HasPrefix(b, own)
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	}
	slices.SortStableFunc(fail, own2)
	return fail, pass
}

// named is how many tests of each kind the document names.
const named = 4

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, n := range names {
		if i == named && len(names) > named+1 {
			fmt.Fprintf(&b, " and %d more", len(names)-named)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "`%s`", n)
	}
	return b.String()
}

const expectationsHead = `# What is expected of a program

The rules that Linux and eBPF for Windows hold programs to, by the numbers that diagnostics name. A rule that is *complete* is checked as
Linux 6.18 checks it; where one is *partial* or *missing*, its text says what is not, and what then becomes of a program.

This page is written by a test from corpus/expectations.go (go test ./corpus -run Expectations -update). The tests it names are
programs of the folder corpus: each is judged by the analysis, and by the Linux of the machine where that is permitted.

`

// Document renders docs/EXPECTATIONS.md.
func Document() (string, error) {
	all, err := All()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(expectationsHead)
	b.WriteString("| rule | about | status | must fail | must pass |\n|---|---|---|---|---|\n")
	for i := range Expectations {
		e := &Expectations[i]
		fail, pass := e.tests(all)
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %d | %d |\n", e.Rule, strings.ToLower(e.Rule), e.Title, e.Status, len(fail), len(pass))
	}
	for i := range Expectations {
		e := &Expectations[i]
		fail, pass := e.tests(all)
		fmt.Fprintf(&b, "\n<a name=\"%s\"></a>\n\n## %s: %s\n\n%s\n\n", strings.ToLower(e.Rule), e.Rule, e.Title, e.Means)
		row := func(what, text string) {
			if text != "" {
				fmt.Fprintf(&b, "- **%s:** %s\n", what, text)
			}
		}
		row("Linux 6.18", e.Linux)
		row("eBPF for Windows", e.Windows)
		here := string(e.Status)
		if e.Gap != "" {
			here += ". " + e.Gap
		}
		row("Here", here)
		row("Must fail", list(fail))
		row("Must pass", list(pass))
		if len(e.Objects) > 0 {
			row("Compiled programs", list(e.Objects))
		}
	}
	return b.String(), nil
}
