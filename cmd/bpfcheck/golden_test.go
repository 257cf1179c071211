package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// What differs between runs, and what changes with each refinement of the analysis.
var (
	times = regexp.MustCompile(`\d+(\.\d+)? (µs|ms|s)\b`)
	stats = regexp.MustCompile(`visited \d+, states \d+, at most \d+ at once \(\d+ KiB\)`)
)

func normal(s string) string {
	return stats.ReplaceAllString(times.ReplaceAllString(s, "TIME"), "visited N, states N, at most N at once (N KiB)")
}

// TestGolden compares what people read with what it should be. After a change
// that is meant: go test ./cmd/bpfcheck -run Golden -update, and read the diff.
func TestGolden(t *testing.T) {
	for name, args := range map[string]string{
		"source":  "verify " + safeObject + " " + unsafeObject,
		"cases":   "verify --cases testdata/cases.jsonl",
		"verbose": "verify --verbose --program lookup_unchecked " + unsafeObject,
		"quiet":   "verify --quiet --color always " + safeObject + " ../../corpus/c/scratch.o",
		"disasm":  "disasm " + safeObject,
		"help":    "help verify",
	} {
		t.Run(name, func(t *testing.T) {
			words := strings.Fields(args)
			if words[0] != "help" {
				words = append(words, "--btf", "none")
			}
			r := bpfcheckRun("", words...)
			got := "$ bpfcheck " + args + "\n" + normal(r.stdout) + r.stderr
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(readFile(t, path)), got); diff != "" {
				t.Errorf("the output differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFindingLength: a finding takes at most nine lines, whatever it is about.
func TestFindingLength(t *testing.T) {
	r := bpfcheckRun("", "verify", "--btf", "none", "../../corpus/c", "--cases", "testdata/cases.jsonl")
	n := 0
	for _, l := range strings.Split(r.stdout, "\n") {
		switch {
		case strings.HasPrefix(l, "    "):
			n++
		default:
			n = 0
		}
		if n > 8 {
			t.Fatalf("a finding of more than nine lines, at %q", l)
		}
	}
	if !strings.Contains(r.stdout, "not proved") {
		t.Error("nothing was found")
	}
}

// TestJSON: the fields that other programs rely on (DESIGN, section 8).
func TestJSON(t *testing.T) {
	r := bpfcheckRun("", "verify", "--btf", "none", "--format", "json", unsafeObject, "--cases", "testdata/cases.jsonl")
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if r.code != exitNotSafe || r.stderr != "" || len(lines) != 10 {
		t.Fatalf("status %d, %d lines, stderr %q", r.code, len(lines), r.stderr)
	}
	fields := []string{"object", "section", "program", "type", "target", "verdict", "insns", "visited", "states", "peak_states", "duration_us", "peak_bytes", "diagnostics"}
	for i, line := range lines {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		for _, f := range fields {
			if o[f] == nil {
				t.Errorf("line %d: no %s", i+1, f)
			}
		}
		if isCase := i < 7; isCase != (o["id"] != nil) {
			t.Errorf("line %d: id %v", i+1, o["id"])
		}
	}
	var o struct {
		Diagnostics []map[string]any
	}
	if err := json.Unmarshal([]byte(lines[7]), &o); err != nil || len(o.Diagnostics) != 1 {
		t.Fatalf("%v, %d diagnostics", err, len(o.Diagnostics))
	}
	for f, want := range map[string]any{"rule": "V5", "kind": "safety", "pc": 1.0, "file": "./packet_count_unsafe.c", "line": 20.0, "column": 14.0, "status": "open"} {
		if got := o.Diagnostics[0][f]; got != want {
			t.Errorf("%s is %v, want %v", f, got, want)
		}
	}
}

// TestReadme: the samples that the README shows are what the command prints.
func TestReadme(t *testing.T) {
	readme := normal(string(readFile(t, "../../README.md")))
	for _, args := range []string{"verify --btf none corpus/c/packet_count.o", "verify --btf none --program header_half_checked corpus/c/packet_count_unsafe.o"} {
		words := strings.Fields(args)
		words[len(words)-1] = "../../" + words[len(words)-1]
		r := bpfcheckRun("", words...)
		if text := strings.ReplaceAll(normal(r.stdout), "../../", ""); r.stdout == "" || !strings.Contains(readme, "```\n"+text+"```\n") {
			t.Errorf("README.md does not show what `bpfcheck %s` prints:\n%s", args, text)
		}
	}
}
