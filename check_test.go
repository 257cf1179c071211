package bpfcheck

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/btfcheck/objcheck"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func Example() {
	c, err := New(Options{BTF: "none"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for r, err := range c.Check("corpus/c/packet_count_unsafe.o") {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s: %s\n", r.Program, r.Verdict)
		for _, d := range r.Diagnostics[:1] {
			fmt.Printf("  line %d: %s (%s)\n", d.Line, RuleTitle(d.Rule), d.Rule)
		}
	}
	// Output:
	// header_unchecked: unknown
	//   line 20: packet bounds (V5)
	// lookup_unchecked: unknown
	//   line 29: null check (V6)
	// header_half_checked: unknown
	//   line 42: packet bounds (V5)
}

func newChecker(t *testing.T, o Options) *Checker {
	t.Helper()
	if o.BTF == "" {
		o.BTF = "none"
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestVerifyAll: any number of jobs gives the same reports and errors in the same order.
func TestVerifyAll(t *testing.T) {
	c := newChecker(t, Options{})
	paths := []string{"corpus/c", "nowhere.o", "corpus/c/packet_count.o"}
	collect := func(jobs int) (out []any) {
		for r, err := range c.VerifyAll(context.Background(), c.Load(paths...), jobs) {
			if err != nil {
				out = append(out, err.Error())
			} else {
				out = append(out, r)
			}
		}
		return out
	}
	same := cmp.Options{cmpopts.IgnoreFields(Report{}, "DurationUS", "Prog"), cmpopts.IgnoreFields(Diagnostic{}, "State")}
	want := collect(1)
	if len(want) < 10 || !slices.Contains(want, any("nowhere.o: no such file or directory; check the path")) {
		t.Fatalf("%d results", len(want))
	}
	for _, jobs := range []int{0, 2, 7} {
		if diff := cmp.Diff(want, collect(jobs), same); diff != "" {
			t.Errorf("%d jobs: (-one +several)\n%s", jobs, diff)
		}
	}
}

// TestVerifyAllEnds: a caller that has enough, and one that is interrupted.
func TestVerifyAllEnds(t *testing.T) {
	c := newChecker(t, Options{})
	for _, jobs := range []int{1, 3} {
		n := 0
		for range c.VerifyAll(context.Background(), c.Load("corpus/c"), jobs) {
			if n++; n == 3 {
				break
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		var last error
		n = 0
		for _, err := range c.VerifyAll(ctx, c.Load("corpus/c"), jobs) {
			if n++; n == 2 {
				cancel()
			}
			last = err
		}
		cancel()
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%d jobs: the last error is %v after %d results", jobs, last, n)
		}
	}
}

// TestVerifyPanic: a fault of the analysis is no verdict on the program, and no crash.
func TestVerifyPanic(t *testing.T) {
	c := newChecker(t, Options{})
	c.domain = func(isa.Width, int) domains.Numeric { panic("the domain is out of order") }
	for r, err := range c.Check("corpus/c/packet_count.o") {
		if err != nil {
			t.Fatal(err)
		}
		if r.Safe() || r.Verdict != "unsupported" || r.Insns == 0 || !strings.Contains(r.Reason, "internal error: the domain is out of order") {
			t.Errorf("verdict %s, reason %q", r.Verdict, r.Reason)
		}
	}
}

// TestSelection: programs by name, and names that do not exist.
func TestSelection(t *testing.T) {
	c := newChecker(t, Options{Programs: []string{"lookup_unchecked", "nothing"}})
	var got []string
	for in, err := range c.Load("corpus/c/packet_count_unsafe.o", "corpus/c/packet_count.o") {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, in.Name)
		}
	}
	want := []string{"lookup_unchecked", "corpus/c/packet_count_unsafe.o, corpus/c/packet_count.o: no program is called \"nothing\"; " +
		"there are header_unchecked, header_half_checked, packet_count"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestCases: a malformed line is an error and the lines around it still come; so is a
// file without a case.
func TestCases(t *testing.T) {
	c := newChecker(t, Options{})
	const good = `{"id":"a","prog_type":"xdp","license":"GPL","insns":"b7000000020000009500000000000000"}`
	var got []string
	for in, err := range c.LoadCases(strings.NewReader(good+"\n{broken\n"+good+"\n"), "f") {
		if err != nil {
			got = append(got, "error")
		} else {
			got = append(got, in.ID)
		}
	}
	if want := []string{"a", "error", "a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, err := range c.LoadCases(strings.NewReader("\n \n"), "f") {
		if err == nil || !strings.Contains(err.Error(), "f: no case in this file") {
			t.Errorf("error %v", err)
		}
	}
}

// TestReadBTF: the BTF of a kernel may be raw, compressed, or in an ELF file.
func TestReadBTF(t *testing.T) {
	const object = "corpus/c/packet_count.o"
	raw, err := objcheck.ReadBTF(object)
	if err != nil || len(raw) == 0 {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, c := range map[string]struct {
		data []byte
		want string // part of the error of New, "" if there is none
	}{
		"raw":       {raw, ""},
		"gz":        {zipped.Bytes(), ""},
		"cut.gz":    {zipped.Bytes()[:zipped.Len()/2], "unexpected EOF"},
		"empty":     {nil, "less than 4 bytes"},
		"text":      {[]byte("this is no BTF"), "text: "},
		"cut":       {raw[:len(raw)/2], "cut: "},
		"magic.elf": {[]byte("\x7fELF and nothing more"), "no kernel image"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := New(Options{BTF: path})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestRuleTitles: each rule has a short title, and the analysis names no other.
func TestRuleTitles(t *testing.T) {
	if len(ruleTitles) != 46+12 {
		t.Errorf("%d titles, want 46 of V and 12 of I", len(ruleTitles))
	}
	name := regexp.MustCompile(`^[VI][1-9][0-9]?$`)
	for rule, title := range ruleTitles {
		if !name.MatchString(rule) || title == "" || len(title) > 40 || strings.ContainsAny(title, ".\n") {
			t.Errorf("%s: %q", rule, title)
		}
	}
	if RuleTitle("V99") != "" {
		t.Error("a rule that does not exist has a title")
	}
	for r, err := range newChecker(t, Options{}).Check("corpus/c") {
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Diagnostics {
			if RuleTitle(d.Rule) == "" {
				t.Errorf("%s: rule %q has no title", r.Program, d.Rule)
			}
		}
	}
}

// TestLines: a source line reaches to the next one, but not into the next function.
func TestLines(t *testing.T) {
	p := &loader.Program{
		Lines: []loader.Line{{Insn: 1, Line: 10}, {Insn: 3, Line: 11}, {Insn: 7, Line: 20}},
		Funcs: []loader.Func{{Insn: 0, Name: "main"}, {Insn: 5, Name: "sub"}},
		Refs:  []loader.Ref{{Insn: 2, Name: "x"}, {Insn: 4, Name: "y"}},
	}
	for pc, want := range []int{0, 10, 10, 11, 11, 0, 0, 20, 20} {
		if l, ok := LineAt(p, pc); l.Line != want || ok != (want > 0) {
			t.Errorf("LineAt(%d) = %d, %v, want %d", pc, l.Line, ok, want)
		}
	}
	if f, ok := FuncAt(p, 6); !ok || f.Name != "sub" {
		t.Errorf("FuncAt(6) = %+v, %v", f, ok)
	}
	if _, ok := FuncAt(&loader.Program{}, 0); ok {
		t.Error("a function in a program without functions")
	}
	if r, ok := RefAt(p, 4); !ok || r.Name != "y" {
		t.Errorf("RefAt(4) = %+v, %v", r, ok)
	}
	if _, ok := RefAt(p, 3); ok {
		t.Error("RefAt(3): there is none")
	}
}
