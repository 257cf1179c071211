package jit

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/exec/speed"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

var target = linux.New(platform.V(6, 18))

// needJIT skips where there is no compiler.
func needJIT(tb testing.TB) {
	tb.Helper()
	if !Supported() {
		tb.Skip(ErrUnsupported)
	}
}

// shared opens a file of the shared facts, or skips.
func shared(tb testing.TB, name string) *os.File {
	tb.Helper()
	f, err := os.Open(filepath.Join("..", "..", "shared", filepath.FromSlash(name)))
	if err != nil {
		tb.Skipf("no shared facts beside this checkout: %v", err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

// both runs a program on both executors and compares the outcomes.
func both(tb testing.TB, p *loader.Program, opts exec.Options, inputs ...*exec.Input) exec.Outcome {
	tb.Helper()
	opts.Target = target
	want, err := exec.Interpreter{}.Load(p, opts)
	if err != nil {
		tb.Fatal(err)
	}
	got, err := JIT{}.Load(p, opts)
	if err != nil {
		tb.Fatal(err)
	}
	short, err := exec.LoadWith(engineWith(features{bmi2: hasBMI2}, 3), p, opts)
	if err != nil {
		tb.Fatal(err)
	}
	proved, err := JIT{Proved: true}.Load(p, opts)
	if err != nil {
		tb.Fatal(err)
	}
	var last exec.Outcome
	for n, in := range inputs {
		w, g := want.Run(in), got.Run(in)
		if w != g {
			tb.Errorf("input %d: interpreter %+v, jit %+v", n, w, g)
		}
		if s := short.Run(in); s != w {
			tb.Errorf("input %d: interpreter %+v, jit in short slices %+v", n, w, s)
		}
		if w.Fault == exec.NoFault {
			if u := proved.Run(in); u != w {
				tb.Errorf("input %d: interpreter %+v, jit without checks %+v", n, w, u)
			}
		}
		last = g
	}
	return last
}

func assemble(tb testing.TB, text string) []isa.Instruction {
	tb.Helper()
	src, err := isa.Assemble(text, isa.AsmOptions{Helper: target.HelperID})
	if err != nil {
		tb.Fatal(err)
	}
	return src.Insns
}

// TestConformance runs every program of bpf_conformance.
func TestConformance(t *testing.T) {
	needJIT(t)
	lines := bufio.NewScanner(shared(t, "cases/conformance.jsonl"))
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		var c struct{ ID, Mem, Insns, R0 string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		mem, err := hex.DecodeString(strings.ReplaceAll(c.Mem, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(c.Insns)
		if err != nil {
			t.Fatal(err)
		}
		insns, err := isa.Decode(raw, false)
		if err != nil {
			t.Fatal(err)
		}
		want, err := strconv.ParseUint(strings.TrimPrefix(c.R0, "0x"), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(c.ID, func(t *testing.T) {
			got := both(t, &loader.Program{Insns: insns}, exec.Options{Raw: true}, &exec.Input{Data: mem})
			if got.Fault != exec.NoFault || got.R0 != want {
				t.Errorf("r0 = %#x, fault %q at %d; want %#x", got.R0, got.Fault, got.PC, want)
			}
		})
		n++
	}
	if n != 313 {
		t.Errorf("%d programs, want 313", n)
	}
}

// TestCaseRuns runs the accepted programs of the case files on their inputs.
func TestCaseRuns(t *testing.T) {
	needJIT(t)
	const name = "linux-verifier"
	runs, good := 0, 0
	for c, err := range loader.LoadCases(shared(t, "cases/"+name+".jsonl"), name, loader.Options{Target: target}) {
		if err != nil {
			t.Error(err)
			continue
		}
		if c.Expect != "accept" {
			continue
		}
		opts := exec.Options{Target: target}
		want, err := exec.RunCase(exec.Interpreter{}, c, opts)
		if err != nil {
			t.Error(err)
		}
		got, err := exec.RunCase(JIT{}, c, opts)
		if err != nil {
			t.Error(err)
		}
		for n, r := range got {
			runs++
			if r.OK() && r.Outcome == want[n].Outcome {
				good++
				continue
			}
			t.Errorf("%s %s run %d (%s): r0 = %d, want %d; %+v, interpreter %+v", r.ID, c.Program.Descr, r.Run, c.Program.Type, r.R0, r.Want, r.Outcome, want[n].Outcome)
		}
	}
	if runs == 0 {
		t.Errorf("%s: no runs", name)
	}
	t.Logf("%s: %d of %d runs", name, good, runs)
}

// TestSpeedPrograms: the programs whose speed is measured give what the interpreter
// gives.
func TestSpeedPrograms(t *testing.T) {
	needJIT(t)
	for _, p := range speed.Programs {
		t.Run(p.Name, func(t *testing.T) {
			slow := &exec.Input{Data: p.Memory()}
			tired := *slow
			tired.Fuel = 1001
			both(t, &loader.Program{Insns: assemble(t, p.Text)}, exec.Options{}, slow, &tired)
		})
	}
}
