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
	"github.com/bpfcheck/bpfcheck/loader"
)

// The seven programs of the speed targets, as assembly. Raw programs: r1 is the
// memory, r2 its length.
var speedPrograms = []struct {
	name  string
	bytes int
	text  string
}{
	{"alu64", 0, `
	r0 = 0
	r1 = 1
	r2 = 2
	r4 = 4
	r5 = 5
	r6 = 6
	r7 = 7
	r8 = 8
	r3 = 30000
loop:
	r0 += r3
	r1 ^= r3
	r2 += 7
	r4 |= r3
	r5 += r0
	r6 ^= r2
	r7 += r1
	r8 -= r3
	r3 += -1
	if r3 != 0 goto loop
	r0 += r8
	exit`},
	{"divmod32", 0, `
	r0 = 0
	r1 = 20000
	r4 = 0
loop:
	w2 = w1
	w3 = w1
	w2 += 1000
	w2 /= 7
	w3 %= 13
	w0 += w2
	w1 -= 1
	if w1 != 0 goto loop
	exit`},
	{"checksum2k", 2048, `
	r0 = 0
	r3 = r1
	r3 += r2
loop:
	r4 = *(u16 *)(r1 + 0)
	r0 += r4
	r1 += 2
	r5 = r0
	r5 >>= 16
	r0 &= 0xffff
	if r1 < r3 goto loop
	exit`},
	{"copy2k", 2048, `
	r3 = r1
	r3 += 1024
	r4 = 1024
	r0 = 0
loop:
	r5 = *(u8 *)(r1 + 0)
	*(u8 *)(r3 + 0) = r5
	r1 += 1
	r3 += 1
	r4 += -1
	if r4 != 0 goto loop
	exit`},
	{"fnv", 2048, `
	r0 = 0xcbf29ce484222325 ll
	r5 = 0x100000001b3 ll
	r3 = r1
	r3 += r2
loop:
	r4 = *(u8 *)(r1 + 0)
	r0 ^= r4
	r0 *= r5
	r1 += 1
	r6 = r0
	r6 >>= 7
	if r1 != r3 goto loop
	exit`},
	{"sieve", 2048, `
	r0 = 0
	r3 = 2
outer:
	r4 = r1
	r4 += r3
	r5 = *(u8 *)(r4 + 0)
	if r5 != 0 goto next
	r0 += 1
	r5 = r3
	r5 += r3
	if r5 >= r2 goto next
inner:
	r4 = r1
	r4 += r5
	*(u8 *)(r4 + 0) = 1
	r5 += r3
	if r5 < r2 goto inner
next:
	r3 += 1
	if r3 < r2 goto outer
	exit`},
	{"calls", 0, `
	r6 = 3000
	r7 = 0
loop:
	r1 = r6
	r2 = r7
	call add
	r7 = r0
	r6 += -1
	if r6 != 0 goto loop
	r0 = r7
	exit
add:
	r0 = r1
	r0 += r2
	r0 ^= 5
	r0 += 1
	exit`},
}

// inputFor is the memory of a speed program.
func inputFor(name string, bytes int) *exec.Input {
	in := &exec.Input{Data: make([]byte, bytes)}
	for i := range in.Data {
		if name != "sieve" {
			in.Data[i] = byte(i * 7)
		}
	}
	return in
}

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
	for _, p := range speedPrograms {
		b.Run(p.name, func(b *testing.B) {
			in := inputFor(p.name, p.bytes)
			load := func(e exec.Executor, text string) exec.Runnable {
				return mustLoad(b, e, &loader.Program{Insns: assemble(b, text)})
			}
			times := least(in, load(JIT{}, "r0 = 0\nexit"), load(JIT{}, p.text), load(JIT{Proved: true}, p.text), load(exec.Interpreter{}, p.text))
			setup := times[0]
			jit, proved, interp := times[1]-setup, times[2]-setup, times[3]-setup
			for b.Loop() { // timed above
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(setup, "setup-ns")
			b.ReportMetric(jit, "jit-ns")
			b.ReportMetric(proved, "proved-ns")
			b.ReportMetric(interp, "interp-ns")
			if n := native[p.name]; n > 0 {
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
