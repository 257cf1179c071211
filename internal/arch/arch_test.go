// Package arch holds the test that keeps the packages' layers.
//
// The idea: every package has a level, and code imports only packages of a
// lower level, or of its own level inside its own room (domains/all may import
// domains/tnum). A few imports that levels would allow are forbidden by name,
// because a promise rests on them: see the prohibitions.
//
// Test code is exempt from levels, but each exemption is listed, so that a
// cycle of test dependencies is a decision and not an accident.
//
// The trap: go test caches a result by the files that the test process itself
// opened. go list is another process; watch opens the tree for the cache.
package arch

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the import path of the root package.
const module = "github.com/bpfcheck/bpfcheck"

// levels gives each package its level. A name is relative to the module, the
// root being "."; "x/*" covers everything below x that has no line of its own.
var levels = map[string]int{
	"isa": 0, "isa/*": 0,
	"smt": 0, "smt/*": 0,

	"cfg": 1, "cfg/*": 1,
	"domains":  1, // the contracts; the domains themselves are one up
	"platform": 1, // likewise, above its tables

	"domains/*":  2,
	"platform/*": 2,
	"loader":     2, "loader/*": 2,
	"btfcheck": 2, "btfcheck/*": 2,
	"btfcheck/objcheck": 3, // it reads objects through loader

	"exec": 3, "exec/*": 3,
	"absint": 3, "absint/*": 3,

	"jit": 4, "jit/*": 4,
	"proofs": 4, "proofs/*": 4,

	"corpus": 5, "corpus/*": 5,
	".":   6,
	"vet": 7, "vet/*": 7,
	"cmd/*": 8,
	"paper": 9, "paper/*": 9,
	"internal/arch": 9,
}

// testExemptions lists the imports that only the tests of a package make and
// that its level forbids.
var testExemptions = map[string][]string{
	"domains": {"domains/interval", "domains/tnum"}, // Lift and Product over real scalars
	"loader":  {"platform/linux"},                   // section names and map types of a real target
}

// A prohibition forbids what levels allow, through any number of imports.
type prohibition struct {
	why  string
	from func(pkg string) bool
	to   func(pkg string) bool
}

var prohibitions = []prohibition{
	{"the engine is generic in its domains; domains/all or a flag picks them", under("absint"), below("domains")},
	{"the SMT meaning of a domain lives in proofs", under("domains"), under("smt")},
	{"an executor does not know the others", under("exec"), under("jit")},
	{"a certificate is worth what its checker does not trust: no engine, no solver", isChecker, isEngineOrSolver},
}

// under accepts a package and everything in its folder, below only the latter.
func under(root string) func(string) bool {
	return func(pkg string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") }
}

func below(root string) func(string) bool {
	return func(pkg string) bool { return strings.HasPrefix(pkg, root+"/") }
}

// isChecker accepts the packages of proofs that check certificates; they are
// told by their names: proofs/check, proofs/certcheck, proofs/checker.
func isChecker(pkg string) bool {
	return under("proofs")(pkg) && strings.Contains(pkg[strings.LastIndex(pkg, "/")+1:], "check")
}

// isEngineOrSolver accepts all of absint, and all of smt but the parts that
// find nothing: a term language and the proof checker.
func isEngineOrSolver(pkg string) bool {
	return under("absint")(pkg) || under("smt")(pkg) && pkg != "smt/term" && pkg != "smt/lrat"
}

// imports are the packages of this module that one package imports, relative to
// the module: by its code, and by its tests alone.
type imports struct{ code, tests []string }

// graph has one entry for each package of the module.
type graph map[string]imports

// levelOf returns the level of a package, by its own line or the nearest "x/*".
func levelOf(pkg string) (level int, ok bool) {
	if level, ok = levels[pkg]; ok {
		return level, true
	}
	for i := len(pkg); i > 0; {
		if i = strings.LastIndex(pkg[:i], "/"); i < 0 {
			break
		}
		if level, ok = levels[pkg[:i]+"/*"]; ok {
			return level, true
		}
	}
	return 0, false
}

// room is the first element of a package's path.
func room(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

// descends reports whether levels allow the import.
func descends(from, to string) bool {
	a, okA := levelOf(from)
	b, okB := levelOf(to)
	return okA && okB && (b < a || b == a && room(from) == room(to))
}

// violations returns what is wrong with the graph, one sentence each, sorted.
func (g graph) violations() []string {
	var bad []string
	complain := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	for _, pkg := range slices.Sorted(maps.Keys(g)) {
		level, ok := levelOf(pkg)
		if !ok {
			complain("%s has no level: give it one in the table of internal/arch", pkg)
			continue
		}
		for _, to := range g[pkg].code {
			if !descends(pkg, to) {
				complain("%s (level %d) imports %s, which is not below it", pkg, level, to)
			}
		}
		for _, to := range g[pkg].tests {
			if !descends(pkg, to) && !slices.Contains(testExemptions[pkg], to) {
				complain("the tests of %s (level %d) import %s, which is not below it: list it in testExemptions or move the test up", pkg, level, to)
			}
		}
		for _, p := range prohibitions {
			if path := g.path(pkg, p); path != nil {
				complain("%s: %s", strings.Join(path, " imports "), p.why)
			}
		}
	}
	return bad
}

// path returns a chain of imports of code, not of tests, that p forbids, and nil
// if pkg has none. A package that p is about may import others that it is about.
func (g graph) path(pkg string, p prohibition) []string {
	if !p.from(pkg) {
		return nil
	}
	parent := map[string]string{pkg: ""}
	for queue := []string{pkg}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at != pkg && p.to(at) {
			var chain []string
			for ; at != ""; at = parent[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, to := range g[at].code {
			if _, seen := parent[to]; !seen {
				parent[to] = at
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// stale returns the exemptions that nothing needs: the package exists, and its
// tests do not import it, or levels allow it.
func (g graph) stale() []string {
	var bad []string
	for _, pkg := range slices.Sorted(maps.Keys(testExemptions)) {
		in, exists := g[pkg]
		for _, to := range testExemptions[pkg] {
			if exists && (!slices.Contains(in.tests, to) || descends(pkg, to)) {
				bad = append(bad, fmt.Sprintf("testExemptions lists %s -> %s, which nothing needs", pkg, to))
			}
		}
	}
	return bad
}

// TestImportDirection judges this module, with and without the tag z3.
func TestImportDirection(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command on PATH: it lists the imports")
	}
	root := watch(t)
	for _, tags := range []string{"", "z3"} {
		t.Run("tags="+tags, func(t *testing.T) {
			g, err := list(root, tags)
			if err != nil && tags != "" {
				t.Skipf("go list -tags %s: %v", tags, err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := g["isa"]; !ok {
				t.Fatal("isa is not in the list: it does not list this module")
			}
			for _, v := range append(g.violations(), g.stale()...) {
				t.Error(v)
			}
			for i, p := range prohibitions {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(g)), p.from) {
					t.Logf("prohibition %d has no package to judge yet", i+1)
				}
			}
		})
	}
}
