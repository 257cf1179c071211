package exec

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/loader"
)

// TestRealPrograms runs the real programs that Linux accepts: none may fault, since
// a fault is a claim that the kernel's memory was violated.
func TestRealPrograms(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 2
	}
	accepted := map[string]bool{}
	lines := bufio.NewScanner(shared(t, "cases/realworld.tsv"))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		if c[14] == "accepted" {
			accepted[c[6]+".o/"+c[8]] = true
		}
	}
	dir := filepath.Join("..", "..", "shared", "objects")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Skip(err)
	}
	programs, runs, faults := 0, 0, map[string]int{}
	var steps int64
	notes := map[string]int{}
	for _, f := range files {
		objs, err := loader.Load(filepath.Join(dir, f.Name()), loader.Options{Target: target})
		if err != nil {
			continue
		}
		for _, o := range objs {
			for _, p := range o.Programs {
				if !accepted[f.Name()+"/"+p.Name] || p.Problem != "" || p.Type == "" {
					continue
				}
				r, err := Interpreter{}.Load(p, Options{Target: target})
				if err != nil {
					t.Errorf("%s %s: %v", f.Name(), p.Name, err)
					continue
				}
				programs++
				for seed := range seeds {
					var rep Report
					data := make([]byte, seed*17)
					for i := range data {
						data[i] = byte(mix(seed<<20 + uint64(i)))
					}
					out := r.Run(&Input{Seed: seed, Lazy: seed > 0, Fragments: int(seed * 5 & 31), Data: data, Fuel: 1 << 22, Report: &rep})
					runs++
					steps += out.Steps
					for _, n := range rep.Notes {
						notes[n]++
					}
					if out.Fault != NoFault && out.Fault != OutOfFuel && out.Fault != NotModelled {
						key := fmt.Sprintf("%s %s(%s) seed %d: %s at %d: %s %#x", f.Name(), p.Name, p.Type, seed, out.Fault, out.PC, rep.Detail, rep.Address)
						faults[key]++
					} else if out.Fault != NoFault {
						notes[out.Fault.String()+": "+rep.Detail]++
					}
				}
			}
		}
	}
	t.Logf("%d programs, %d runs, %d instructions, %d faults", programs, runs, steps, len(faults))
	for _, m := range []map[string]int{faults, notes} {
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			t.Log(m[k], k)
		}
	}
	if len(faults) > 0 {
		t.Errorf("%d faults of accepted programs", len(faults))
	}
}
