package corpus

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/cilium/ebpf"
)

// TestObjectsFresh compares sources and objects with the sums that build.sh wrote.
func TestObjectsFresh(t *testing.T) {
	sums, err := cFiles.ReadFile("c/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for sc := bufio.NewScanner(bytes.NewReader(sums)); sc.Scan(); {
		sum, name, ok := strings.Cut(sc.Text(), "  ")
		if !ok {
			t.Fatalf("SHA256SUMS: %q", sc.Text())
		}
		want[name] = sum
	}
	entries, err := cFiles.ReadDir("c")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "SHA256SUMS" {
			continue
		}
		b, err := cFiles.ReadFile("c/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want[e.Name()] {
			t.Errorf("c/%s changed since the objects were built: run corpus/c/build.sh", e.Name())
		}
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("c/%s is in SHA256SUMS and is gone", name)
	}
}

// TestObjects judges every program of every object.
func TestObjects(t *testing.T) {
	raw, types := kernelBTF(t)
	objects, err := Objects()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		loaded, err := loader.LoadBytes(o.Name, o.Data, loader.Options{Target: Target(), KernelBTF: raw})
		if err != nil {
			t.Errorf("%s: %v", o.Name, err)
			continue
		}
		met := make([]bool, len(o.Wants))
		for _, e := range o.Programs {
			k := slices.IndexFunc(loaded[0].Programs, func(p *loader.Program) bool { return p.Name == e.Name })
			if k < 0 {
				t.Errorf("%s: no program %s", o.Name, e.Name)
				continue
			}
			t.Run(o.Name+"/"+e.Name, func(t *testing.T) {
				p := loaded[0].Programs[k]
				if p.Problem != "" {
					t.Fatal(p.Problem)
				}
				r := absint.Analyze(p, config(t, types))
				checkObject(t, o, e, p, r, met)
			})
		}
		if len(loaded[0].Programs) != len(o.Programs) {
			t.Errorf("%s has %d programs, c/%s speaks of %d", o.Name, len(loaded[0].Programs), o.Source, len(o.Programs))
		}
		gaps := slices.ContainsFunc(o.Programs, func(e ObjectProgram) bool { return e.Gap != "" })
		for k, w := range o.Wants {
			if !met[k] && !gaps {
				t.Errorf("c/%s:%d: no diagnostic of %v in %s", o.Source, w.Line, w.Rules, o.Name)
			}
		}
	}
}

// checkObject compares the result for one program and marks the wants that it met.
func checkObject(t *testing.T, o *Object, e ObjectProgram, p *loader.Program, r absint.Result, met []bool) {
	t.Helper()
	proved := r.Verdict == absint.Safe
	right := proved == e.Safe && r.Verdict != absint.Unsupported
	switch {
	case e.Gap != "":
		if right {
			t.Errorf("c/%s:%d: as expected now: delete the gap", o.Source, e.Line)
		}
		return
	case proved && !e.Safe:
		t.Errorf("c/%s:%d: UNSOUND or lax: proved safe, must be refused", o.Source, e.Line)
	case !right:
		t.Errorf("c/%s:%d: verdict %s %s", o.Source, e.Line, r.Verdict, r.Unsupported)
	}
	for _, d := range r.Diagnostics {
		line, found := sourceLine(p, d.PC), false
		for k, w := range o.Wants {
			if w.Line == line && slices.Contains(w.Rules, d.Rule) {
				met[k], found = true, true
			}
		}
		if !found {
			t.Errorf("c/%s:%d: unexpected %s %s: %s %v (instruction %d)", o.Source, line, d.Status, d.Rule, d.Message, d.State, d.PC)
		}
	}
}

// sourceLine returns the line that instruction pc comes from, 0 if nothing says.
func sourceLine(p *loader.Program, pc int) int {
	line := 0
	for _, l := range p.Lines {
		if l.Insn > pc {
			break
		}
		line = l.Line
	}
	return line
}

// TestLiveObjects loads the little-endian objects into this machine's kernel,
// program by program.
func TestLiveObjects(t *testing.T) {
	needLinux(t)
	objects, err := Objects()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.BigEndian() {
			continue
		}
		for _, e := range o.Programs {
			t.Run(o.Name+"/"+e.Name, func(t *testing.T) {
				spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(o.Data))
				if err != nil {
					t.Fatal(err)
				}
				for name := range spec.Programs {
					if name != e.Name {
						delete(spec.Programs, name)
					}
				}
				coll, err := ebpf.NewCollection(spec)
				if err == nil {
					coll.Close()
				}
				var ve *ebpf.VerifierError
				if err != nil && !errors.As(err, &ve) {
					t.Skipf("not judged here: %v", err)
				}
				switch {
				case (err == nil) != e.Safe:
					t.Errorf("c/%s:%d: Linux says %v", o.Source, e.Line, err)
				case err != nil && e.Linux != nil && !e.Linux.MatchString(strings.Join(ve.Log, "\n")):
					t.Errorf("c/%s:%d: the kernel's message does not match %q: %v", o.Source, e.Line, e.Linux, err)
				}
			})
		}
	}
}
