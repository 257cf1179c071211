// Command gen writes the tables of package linux that come from the collected
// specification: helpers, context layouts and section names.
//
// The idea: the specification is broad and wordy, one row a fact as it was found.
// The product wants a small text that a person can read and change: prototypes in a
// short notation, equal prototypes of different program types folded into one row,
// context accesses folded into runs. What the specification does not say (the
// version a helper appeared in, which helpers move the packet) is in facts.go.
//
// Source: shared/spec beside the repository. Run by go generate in platform/linux.
//
// The trap: a prototype that is not understood must not vanish. It stays in the
// table as "unknown", which the package turns into Unsupported.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen SPEC-FOLDER TABLE-FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes every generated table into the folder out.
func run(spec, out string) error {
	tables := []struct {
		name  string
		build func(spec string) (string, error)
	}{
		{"helpers.txt", helpers},
		{"contexts.txt", contexts},
		{"sections.txt", sections},
	}
	for _, t := range tables {
		text, err := t.build(spec)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if err := os.WriteFile(filepath.Join(out, t.name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// row is a line of a tab-separated file, by column name.
type row map[string]string

// readTSV reads a file with a comment line, a line of column names and rows.
func readTSV(path string) ([]row, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var names []string
	var rows []row
	for n, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if names == nil {
			names = cells
			continue
		}
		if len(cells) != len(names) {
			return nil, fmt.Errorf("%s:%d: %d columns, want %d", path, n+1, len(cells), len(names))
		}
		r := make(row, len(names))
		for i, c := range cells {
			r[names[i]] = strings.TrimSpace(c)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// sections turns the table of section names into: section, program type, attach
// type or "-", "sleep" or "-", first version.
func sections(spec string) (string, error) {
	rows, err := readTSV(filepath.Join(spec, "sections.tsv"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("# Written by internal/gen. Section names: name (+ = alone or followed by /extra), program type,\n# attach type or -, sleep or -, first version that has the type.\n")
	for _, r := range rows {
		attach := "-"
		if a := r["expected_attach_type"]; a != "-" {
			attach = attachName(a)
		}
		sleep := "-"
		if r["sleepable"] == "yes" {
			sleep = "sleep"
		}
		since := "0.0"
		if strings.HasPrefix(r["era"], "newer") {
			since = "7.0"
		}
		typ := strings.ToLower(strings.TrimPrefix(r["prog_type"], "BPF_PROG_TYPE_"))
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", r["section"], typ, attach, sleep, since)
	}
	return b.String(), nil
}

// attachName turns BPF_XDP into xdp.
func attachName(s string) string { return strings.ToLower(strings.TrimPrefix(s, "BPF_")) }
