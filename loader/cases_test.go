package loader

import (
	"os"
	"strings"
	"testing"
)

// TestCaseFiles reads the case files in full.
func TestCaseFiles(t *testing.T) {
	for name, want := range map[string]int{"expectations.jsonl": 184, "linux-verifier.jsonl": 527} {
		f, err := os.Open(shared(t, "cases", name))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for c, err := range LoadCases(f, name, options) {
			if err != nil {
				t.Error(err)
				continue
			}
			if c.Program.ID == "" || c.Expect == "" || c.Program.Type == "" {
				t.Errorf("%s:%d: incomplete: %+v", name, c.Line, c)
			}
			n++
		}
		f.Close()
		if n != want {
			t.Errorf("%s: %d cases, want %d", name, n, want)
		}
	}
}

// TestCaseErrors: each bad line gives one error with its number, and the good
// lines around it still come.
func TestCaseErrors(t *testing.T) {
	const good = `{"id":"a","prog_type":"xdp","insns":"b7000000000000009500000000000000"}`
	bad := map[string]string{
		`{`:                   "not a case",
		`{"insns":"zz"}`:      "insns: encoding/hex",
		`{"insns":"b700"}`:    "multiple of 8",
		`{"id":"x"}`:          "neither insns nor insns_gz",
		`{"insns_gz":"AAAA"}`: "insns_gz",
		`{"insns":"9500000000000000","map_refs":[{"insn":0,"map":"m"}]}`:                        `no map "m"`,
		`{"insns":"9500000000000000","maps":[{"name":"m"}],"map_refs":[{"insn":0,"map":"m"}]}`:  "no 64-bit immediate load",
		`{"insns":"9500000000000000","maps":[{"name":"m"}],"map_refs":[{"insn":7,"map":"m"}]}`:  "instruction 7 of 1",
		`{"insns":"9500000000000000","maps":[{"name":"m","inner":{"inner":{}}}]}`:               "only one level",
		`{"insns":"9500000000000000","maps":[{"name":"m"},{"name":"m"}]}`:                       "defined twice",
		`{"insns":"9500000000000000","maps":[{"name":"m","fields":[{"kind":"x","offset":0}]}]}`: "unknown kind",
		`{"insns":"9500000000000000","func_info":[[0,1],[3,1]]}`:                                "out of range or order",
		`{"insns":"9500000000000000","func_info":[[3,1]]}`:                                      "starts at 3",
		`{"insns":"9500000000000000","runs":[{"data":"","r0":99999999999999999999999}]}`:        "no 64-bit number",
	}
	for line, want := range bad {
		var errs []error
		n := 0
		for c, err := range LoadCases(strings.NewReader(good+"\n"+line+"\n\n"+good), "f", options) {
			if err != nil {
				errs = append(errs, err)
			} else {
				n++
				if c.Line != 1 && c.Line != 4 {
					t.Errorf("line %d", c.Line)
				}
			}
		}
		if n != 2 || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "f:2: ") || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %d cases, errors %v, want one with %q", line, n, errs, want)
		}
	}
}
