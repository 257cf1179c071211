package exec

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

var target = linux.New(platform.V(6, 18))

// shared opens a file of the shared facts, or skips.
func shared(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "shared", filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("no shared facts beside this checkout: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestConformance runs every program of bpf_conformance.
func TestConformance(t *testing.T) {
	lines := bufio.NewScanner(shared(t, "cases/conformance.jsonl"))
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		var c struct{ ID, Mem, Insns, R0 string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		want, err := strconv.ParseUint(strings.TrimPrefix(c.R0, "0x"), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		got, err := RunHex(Interpreter{}, c.Mem, c.Insns, Options{Target: target})
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		if got.Fault != NoFault || got.R0 != want {
			t.Errorf("%s: r0 = %#x, fault %q at %d; want %#x", c.ID, got.R0, got.Fault, got.PC, want)
		}
		n++
	}
	if n != 313 {
		t.Errorf("%d programs, want 313", n)
	}
	t.Logf("%d programs", n)
}

// TestCaseRuns runs the programs of the case files on their inputs.
func TestCaseRuns(t *testing.T) {
	for _, name := range []string{"linux-verifier", "expectations"} {
		runs, good := 0, 0
		for r, err := range RunCases(Interpreter{}, shared(t, "cases/"+name+".jsonl"), name, Options{Target: target}) {
			if err != nil {
				t.Error(err)
				continue
			}
			if runs++; r.OK() {
				good++
			} else {
				t.Errorf("%s run %d: r0 = %d, fault %q at %d; want %d", r.ID, r.Run, r.R0, r.Fault, r.Outcome.PC, r.Want)
			}
		}
		t.Logf("%s: %d of %d runs", name, good, runs)
	}
}

// TestCaseSeeds runs the case files on seeded inputs. A program that Linux accepts
// must not fault; of those that it rejects for safety many must, or the faults would
// be worth nothing.
func TestCaseSeeds(t *testing.T) {
	for _, name := range []string{"linux-verifier", "expectations"} {
		accepted, rejected, caught, limits := 0, 0, 0, 0
		faults := map[string]int{}
		for c, err := range loader.LoadCases(shared(t, "cases/"+name+".jsonl"), name, loader.Options{Target: target}) {
			if err != nil || (c.Expect != "accept" && c.Expect != "reject") {
				continue
			}
			r, err := Interpreter{}.Load(c.Program, Options{Target: target})
			if err != nil {
				if c.Expect == "accept" {
					t.Error(c.Program.ID, err)
				}
				continue
			}
			var bad Outcome
			var rep Report
			for seed := uint64(0); seed < 16 && bad.Fault == NoFault; seed++ {
				data := make([]byte, seed*7)
				for i := range data {
					data[i] = byte(mix(seed<<20 + uint64(i)))
				}
				o := r.Run(&Input{Seed: seed, Lazy: seed&1 == 1, Data: data, Fragments: int(seed * 5 & 31), Fuel: 1 << 20, Report: &rep})
				if o.Fault == OutOfFuel || o.Fault == NotModelled || o.Fault == Exhausted {
					limits++
					break
				}
				bad = o
			}
			if c.Expect == "reject" {
				if rejected++; bad.Fault != NoFault {
					caught++
					faults[bad.Fault.String()]++
				}
				continue
			}
			if accepted++; bad.Fault != NoFault {
				t.Errorf("%s (%s): %s at %d: %s", c.Program.ID, c.Program.Descr, bad.Fault, bad.PC, rep.Detail)
			}
		}
		t.Logf("%s: %d accepted; of %d rejected %d fault; %d stopped at a limit; %v", name, accepted, rejected, caught, limits, faults)
	}
}
