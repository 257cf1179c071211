package proofs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
)

// wholeLedger is set to prove, or to write anew, the whole of the ledger.
const wholeLedger = "BPFCHECK_PROOFS" // all or update

var loaded = sync.OnceValues(func() (*Prover, error) {
	return NewProver(context.Background(), ssaterm.Source{Dir: "."})
})

func prover(t *testing.T) *Prover {
	t.Helper()
	p, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// quick are theorems that take well under a second each, of every law that has one.
var quick = []string{
	"tnum/const/64", "tnum/bottom/64", "tnum/join/64", "tnum/meet/64", "tnum/leq/64", "tnum/word/64",
	"tnum/alu/or/64", "tnum/alu/and/32", "tnum/alu/xor/64", "tnum/alu/neg/32", "tnum/alu/mov/64",
	"tnum/alu/movsx8/64", "tnum/alu/movsx32/32", "tnum/alu/trunc16/64", "tnum/alu/bswap32/64",
	"tnum/assume/eq/64", "tnum/assume/set/32", "tnum/assume/nset/64",
	"interval/const/64", "interval/bottom/64", "interval/join/64", "interval/leq/64",
}

// TestLedger proves the quick part of the ledger again, and holds the file to it.
func TestLedger(t *testing.T) {
	mode := os.Getenv(wholeLedger)
	path := filepath.Join("testdata", "ledger.golden")
	old := map[string]Row{}
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		rows, err := ReadLedger(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			old[r.Name] = r
		}
	} else if mode != "update" {
		t.Fatal(err)
	}
	isQuick := map[string]bool{}
	for _, n := range quick {
		isQuick[n] = true
	}
	var list []Theorem
	for _, th := range All() {
		if mode != "" || isQuick[th.Name()] {
			list = append(list, th)
		}
		if _, ok := old[th.Name()]; !ok && mode != "update" {
			t.Errorf("%s is not in the ledger", th.Name())
		}
		delete(isQuick, th.Name())
	}
	for n := range isQuick {
		t.Errorf("%s is no theorem", n)
	}
	var out strings.Builder
	out.WriteString("# theorem, verdict, conflicts, how it was proved or why not; see proofs/ledger.go\n")
	jobs := 1
	var spent time.Duration
	err := prover(t).ProveAll(context.Background(), list, Options{Timeout: limit(t)}, jobs, func(r Result) {
		row := r.Row()
		spent += r.Time
		fmt.Fprintln(&out, row)
		t.Logf("%s %v", row, r.Time.Round(time.Millisecond))
		if want := old[row.Name]; mode != "update" && want.Verdict == "proved" && (row.Verdict != want.Verdict || row.How != want.How) {
			t.Errorf("%s\nthe ledger has\n%s", row, want)
		}
		if r.Verdict == Refuted {
			t.Errorf("%s: %v", row.Name, r.Example)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d theorems in %v", len(list), spent)
	if mode == "update" {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func limit(t *testing.T) time.Duration {
	d, err := time.ParseDuration(os.Getenv("BPFCHECK_PROOFS_TIMEOUT"))
	if err != nil {
		return 20 * time.Second
	}
	t.Logf("%v for each goal", d)
	return d
}

// planted are mistakes in operators, each as they were made in real verifiers.
var planted = []struct{ file, old, new, theorem string }{
	// The bits that a carry may change are got wrong.
	{"tnum/alu.go", "mask := (least ^ greatest) | a.Mask | b.Mask\n\treturn Tnum{least", "mask := (least & greatest) | a.Mask | b.Mask\n\treturn Tnum{least", "tnum/alu/add/64"},
	// Bits known to be one in either operand count as known to be one in both.
	{"tnum/alu.go", "ones := a.Value & b.Value", "ones := a.Value | b.Value", "tnum/alu/and/64"},
	// A 32-bit operation keeps the upper half (CVE-2020-27194, or32).
	{"tnum/alu.go", "(a.Mask | b.Mask) &^ ones}.and(w.Mask())", "(a.Mask | b.Mask) &^ ones}", "tnum/alu/or/32"},
	// A 32-bit MOV is not truncated (CVE-2017-16995, in its effect).
	{"tnum/domain.go", "return b.and(w.Mask())", "return b", "tnum/alu/mov/32"},
	// x < y is taken as x <= y - 1 of the least y.
	{"tnum/assume.go", "AtMost(x, y.Max()-1)", "AtMost(x, y.Min()-1)", "tnum/assume/lt/32"},
	// The join forgets bits in which the two differ.
	{"tnum/tnum.go", "mask := a.Mask | b.Mask | (a.Value ^ b.Value)", "mask := a.Mask | b.Mask", "tnum/join/64"},
	// The inclusion test that prunes states looks at one end only.
	{"interval/interval.go", "min(a.PosMin, b.PosMin), max(a.PosMax, b.PosMax)", "min(a.PosMin, b.PosMin), b.PosMax", "interval/leq/64"},
	// A sign extension reads the field without its sign.
	{"tnum/alu.go", "uint64(f.Signed(b.Value)), uint64(f.Signed(b.Mask))", "b.Value & f.Mask(), b.Mask & f.Mask()", "tnum/alu/movsx8/64"},
}

// plant returns the domains' files with all mistakes made. No two are in code that
// one theorem reads.
func plant(t *testing.T) map[string][]byte {
	overlay := map[string][]byte{}
	for _, m := range planted {
		path, err := filepath.Abs(filepath.Join("..", "domains", m.file))
		if err != nil {
			t.Fatal(err)
		}
		if overlay[path] == nil {
			if overlay[path], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		src := string(overlay[path])
		if strings.Count(src, m.old) != 1 {
			t.Fatalf("%s does not have %q once", m.file, m.old)
		}
		overlay[path] = []byte(strings.Replace(src, m.old, m.new, 1))
	}
	return overlay
}

// TestPlanted: each mistake makes its theorem fail, with inputs for which compiled
// isa.Eval and Contains find the result wrong, and a program that assembles.
func TestPlanted(t *testing.T) {
	if testing.Short() {
		t.Skip("loads the packages again, from source")
	}
	p, err := NewProver(context.Background(), ssaterm.Source{Dir: ".", Overlay: plant(t)})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Theorem{}
	for _, th := range All() {
		byName[th.Name()] = th
	}
	for _, m := range planted {
		r, err := p.Prove(context.Background(), byName[m.theorem], Options{})
		if err != nil || r.Verdict != Refuted || !r.Example.Confirmed {
			t.Errorf("%s: %v %s %v, %v", m.theorem, r.Verdict, r.Why, r.Example, err)
			continue
		}
		t.Logf("%s: %v\n%s", m.theorem, r.Example, r.Example.Program)
		if r.Example.Program == "" {
			continue
		}
		if _, err := isa.Assemble(r.Example.Program, isa.AsmOptions{}); err != nil {
			t.Errorf("%v in\n%s", err, r.Example.Program)
		}
	}
}

// TestProgramsAssemble: every operation and condition has a program.
func TestProgramsAssemble(t *testing.T) {
	for _, th := range All() {
		if th.Law != "alu" && th.Law != "assume" {
			continue
		}
		in := make([]any, 6)
		for i, typ := range paramTypes(th) {
			in[i] = zeroOf(typ)
		}
		if text := program(th, in); strings.Contains(text, "no instruction") {
			t.Errorf("%s: %s", th.Name(), text)
		} else if _, err := isa.Assemble(text, isa.AsmOptions{}); err != nil {
			t.Errorf("%s: %v in\n%s", th.Name(), err, text)
		}
	}
}

func paramTypes(th Theorem) []reflect.Type {
	f := reflect.TypeOf(th.native)
	var list []reflect.Type
	for i := range f.NumIn() {
		list = append(list, f.In(i))
	}
	return list
}

func zeroOf(t reflect.Type) any { return reflect.Zero(t).Interface() }

func TestSelect(t *testing.T) {
	for _, c := range []struct {
		doms, ops []string
		widths    []int
		want      string
	}{
		{[]string{"tnum"}, []string{"add"}, []int{64}, "1 tnum/alu/add/64"},
		{nil, []string{"join"}, nil, "2 tnum/join/64"},
		{[]string{"octagon"}, nil, nil, `no theorems about domain "octagon"; there are [tnum interval]`},
		{nil, []string{"ad"}, nil, `no theorems about "ad"`},
		{nil, []string{"join"}, []int{32}, "no theorem is left by these choices"},
	} {
		list, err := Select(All(), c.doms, c.ops, c.widths)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%d %s", len(list), list[0].Name())
		}
		if got != c.want {
			t.Errorf("%v %v %v: %s, want %s", c.doms, c.ops, c.widths, got, c.want)
		}
	}
}
