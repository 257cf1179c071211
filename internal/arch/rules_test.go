package arch

import (
	"strings"
	"testing"
)

// TestRulesBite shows each rule a graph that breaks it, and one that does not.
func TestRulesBite(t *testing.T) {
	for _, c := range []struct {
		name string
		g    graph
		want string // part of the only violation; "" for none
	}{
		{"down", graph{"absint": {code: []string{"domains", "isa"}}}, ""},
		{"root above the corpus", graph{".": {code: []string{"corpus", "absint"}}}, ""},
		{"command above all", graph{"cmd/bpfcheck": {code: []string{".", "vet"}}}, ""},
		{"same level, same room", graph{"domains/all": {code: []string{"domains/tnum"}}}, ""},
		{"a contract below its tables", graph{"platform/linux": {code: []string{"platform"}}}, ""},
		{"deep in a room", graph{"platform/linux/tables": {code: []string{"isa"}}}, ""},
		{"tests down", graph{"absint": {tests: []string{"domains/all"}}}, ""},

		{"up", graph{"isa": {code: []string{"cfg"}}}, "isa (level 0) imports cfg"},
		{"same level, other room", graph{"exec": {code: []string{"absint"}}}, "exec (level 3) imports absint"},
		{"contract to domain", graph{"domains": {code: []string{"domains/tnum"}}}, "domains (level 1) imports domains/tnum"},
		{"unknown package", graph{"misc": {}}, "misc has no level"},
		{"unknown internal package", graph{"internal/util": {}}, "internal/util has no level"},
		{"unknown import", graph{"exec": {code: []string{"misc"}}}, "exec (level 3) imports misc"},
		{"tests up, not listed", graph{"isa": {tests: []string{"exec"}}}, "the tests of isa"},

		{"concrete domain", graph{"absint": {code: []string{"domains/zone"}}}, "generic in its domains"},
		{"concrete domain at one remove", graph{
			"absint/engine": {code: []string{"absint/state"}}, "absint/state": {code: []string{"isa", "domains/all"}},
		}, "absint/engine imports absint/state imports domains/all"},
		{"contract to solver", graph{"domains": {code: []string{"smt"}}}, "lives in proofs"},
		{"domain to Z3", graph{"domains/tnum": {code: []string{"smt/z3"}}}, "lives in proofs"},
		{"interpreter to compiler", graph{"exec": {code: []string{"jit"}}}, "an executor does not know"},
		{"checker to engine", graph{"proofs/check": {code: []string{"absint"}}}, "proofs/check imports absint"},
		{"checker to solver through its writer", graph{
			"proofs/certcheck": {code: []string{"proofs"}}, "proofs": {code: []string{"smt"}},
		}, "proofs/certcheck imports proofs imports smt"},
		{"checker to proof checker", graph{"proofs/check": {code: []string{"smt/lrat", "isa", "domains/all"}}}, ""},
		{"writer to solver", graph{"proofs": {code: []string{"smt", "absint"}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.g.violations()
			if c.want == "" {
				if len(got) != 0 {
					t.Errorf("violations: %q, want none", got)
				}
				return
			}
			for _, v := range got {
				if strings.Contains(v, c.want) {
					return
				}
			}
			t.Errorf("violations: %q, want one with %q", got, c.want)
		})
	}
}

// TestLevelsCover pins the levels that the other rules rest on.
func TestLevelsCover(t *testing.T) {
	for pkg, want := range map[string]int{
		"isa": 0, "smt/z3": 0, "domains": 1, "domains/tnum": 2, "platform/linux": 2, "exec/kernel": 3,
		"proofs/check": 4, "corpus": 5, ".": 6, "vet": 7, "cmd/bpfcheck": 8, "paper": 9, "internal/arch": 9,
	} {
		if got, ok := levelOf(pkg); !ok || got != want {
			t.Errorf("levelOf(%q) = %d, %v, want %d", pkg, got, ok, want)
		}
	}
}
