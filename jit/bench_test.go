package jit

import (
	"math"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/exec/speed"
	"github.com/bpfcheck/bpfcheck/loader"
)

// least returns the shortest times of a run of each of some programs, in nanoseconds,
// among many short batches that take turns: what the machine does when nothing else
// runs.
func least(in *exec.Input, programs ...exec.Runnable) []float64 {
	best := make([]float64, len(programs))
	for k := range best {
		best[k] = math.Inf(1)
	}
	for end := time.Now().Add(time.Second / 2); time.Now().Before(end); {
		for k, r := range programs {
			start := time.Now()
			n := 0
			for time.Since(start) < 50*time.Microsecond {
				r.Run(in)
				n++
			}
			best[k] = min(best[k], float64(time.Since(start).Nanoseconds())/float64(n))
		}
	}
	return best
}

// nativeTimes compiles and runs the same programs in C. It returns nil without a C
// compiler.
func nativeTimes(tb testing.TB) map[string]float64 {
	cc, err := osexec.LookPath("cc")
	if err != nil {
		return nil
	}
	bin := filepath.Join(tb.TempDir(), "native")
	if out, err := osexec.Command(cc, "-O2", "-o", bin, filepath.Join("testdata", "native.c")).CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	out, err := osexec.Command(bin).Output()
	if err != nil {
		tb.Fatal(err)
	}
	times := map[string]float64{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if times[f[0]], err = strconv.ParseFloat(f[1], 64); err != nil {
			tb.Fatal(err)
		}
	}
	return times
}

// BenchmarkBesideNative times each program in C, compiled and interpreted, in one
// run. What a run costs without its program (an exit over the same memory) is
// subtracted from both executors, and reported as setup-ns.
func BenchmarkBesideNative(b *testing.B) {
	needJIT(b)
	native := nativeTimes(b)
	for _, p := range speed.Programs {
		b.Run(p.Name, func(b *testing.B) {
			in := &exec.Input{Data: p.Memory()}
			load := func(e exec.Executor, text string) exec.Runnable {
				return mustLoad(b, e, &loader.Program{Insns: assemble(b, text)})
			}
			times := least(in, load(JIT{}, "r0 = 0\nexit"), load(JIT{}, p.Text), load(JIT{Proved: true}, p.Text), load(exec.Interpreter{}, p.Text))
			setup := times[0]
			jit, proved, interp := times[1]-setup, times[2]-setup, times[3]-setup
			for b.Loop() { // timed above
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(setup, "setup-ns")
			b.ReportMetric(jit, "jit-ns")
			b.ReportMetric(proved, "proved-ns")
			b.ReportMetric(interp, "interp-ns")
			if n := native[p.Name]; n > 0 {
				b.ReportMetric(n, "C-ns")
				b.ReportMetric(jit/n, "jit/C")
				b.ReportMetric(proved/n, "proved/C")
				b.ReportMetric(interp/n, "interp/C")
			}
		})
	}
}

// BenchmarkExit is the way to Go and back: a helper call in a loop, less the loop.
func BenchmarkExit(b *testing.B) {
	needJIT(b)
	const n = 1000
	loop := func(body string) exec.Runnable {
		text := "r6 = 1000\nloop:\n" + body + "\nr6 += -1\nif r6 != 0 goto loop\nr0 = 0\nexit"
		return mustLoad(b, JIT{}, &loader.Program{Type: "xdp", Insns: assemble(b, text)})
	}
	times := least(&exec.Input{Data: make([]byte, 64)}, loop("call get_prandom_u32"), loop("r0 = 1"))
	for b.Loop() { // timed above
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric((times[0]-times[1])/n, "ns/helper-call")
}

func mustLoad(tb testing.TB, e exec.Executor, p *loader.Program) exec.Runnable {
	tb.Helper()
	r, err := e.Load(p, exec.Options{Target: target})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}
