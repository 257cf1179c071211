package jit

import (
	"io"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/exec/speed"
	"github.com/bpfcheck/bpfcheck/loader"
)

// slowLoop never ends, and its instructions are the slowest that there are: 64-bit
// divisions of large numbers, each waiting for the last.
const slowLoop = `
	r1 = -1 ll
	r2 = 3
	r3 = 0x123456789abcdef ll
loop:
	r1 = r3
	r1 /= r2
	r2 = r1
	r2 |= 1
	r1 = -1 ll
	r1 s/= r2
	r2 = r1
	r2 |= 0x10000001
	goto loop`

// timed is an engine that notes how much processor time each stay in native code takes.
type timed struct {
	exec.Engine
	mu    sync.Mutex
	stays []time.Duration
}

func (e *timed) Run(m *exec.Machine, c *exec.Code, i int32) int32 {
	start := cpuTime()
	i = e.Engine.Run(m, c, i)
	d := cpuTime() - start
	e.mu.Lock()
	e.stays = append(e.stays, d)
	e.mu.Unlock()
	return i
}

// stopping returns how often the world was stopped for a collection, by the time
// that this took to reach all goroutines.
func stopping() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64Histogram()
}

// TestCollection: a garbage collection does not wait for native code. The code
// returns to Go within a millisecond of processor time however slow its instructions.
// How long a collection waits for that also depends on what else the machine runs:
// all figures are logged, and asserted only where BPFCHECK_TIMING says that the
// machine has nothing else to do.
func TestCollection(t *testing.T) {
	needJIT(t)
	e := &timed{Engine: engineWith(features{bmi2: hasBMI2}, slice)}
	r, err := exec.LoadWith(e, &loader.Program{Insns: assemble(t, slowLoop)}, exec.Options{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	before := stopping()
	var running atomic.Bool
	running.Store(true)
	done := make(chan exec.Outcome)
	go func() {
		runtime.LockOSThread() // cpuTime is the thread's
		defer runtime.UnlockOSThread()
		o := r.Run(&exec.Input{Fuel: 40_000_000})
		running.Store(false)
		done <- o
	}()
	n := 0
	for running.Load() {
		runtime.GC()
		n++
	}
	if o := <-done; o.Fault != exec.OutOfFuel {
		t.Fatal(o)
	}
	after := stopping()
	var waits []float64 // upper bounds, one a stop
	for k := range after.Counts {
		for range after.Counts[k] - before.Counts[k] {
			waits = append(waits, after.Buckets[k+1])
		}
	}
	slices.Sort(waits)
	slices.Sort(e.stays)
	stay := e.stays[len(e.stays)/2]
	if n == 0 || len(waits) == 0 {
		t.Skipf("%d collections while native code ran: nothing to measure", n)
	}
	wait := waits[len(waits)/2]
	if high := e.stays[len(e.stays)*99/100]; os.Getenv("BPFCHECK_TIMING") != "" && (high > time.Millisecond || wait > 1e-3) {
		t.Errorf("the longest stays in native code take %v, the median wait of a collection is %g s", high, wait)
	}
	over := len(waits) - sortedBelow(waits, 1e-3)
	t.Logf("%d collections, %d stops: wait <= %.0f µs median, %.0f µs longest, %d over 1 ms; %d stays in native code: %v median, %v longest",
		n, len(waits), wait*1e6, slices.Max(waits)*1e6, over, len(e.stays), stay, slices.Max(e.stays))
}

func sortedBelow(s []float64, x float64) int {
	n, _ := slices.BinarySearch(s, math.Nextafter(x, 1))
	return n
}

// TestSignals runs native code on several goroutines while profiling signals,
// preemption signals and collections rain on them, on stacks that grow and move.
func TestSignals(t *testing.T) {
	needJIT(t)
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Skip(err) // somebody else profiles
	}
	defer pprof.StopCPUProfile()
	p := &loader.Program{Insns: assemble(t, speed.Programs[0].Text)}
	r, err := JIT{}.Load(p, exec.Options{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	want := r.Run(&exec.Input{})
	stop := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for time.Now().Before(stop) {
				if o := deep(40, func() exec.Outcome { return r.Run(&exec.Input{}) }); o != want {
					t.Errorf("%+v, want %+v", o, want)
				}
			}
		})
	}
	wg.Go(func() {
		for time.Now().Before(stop) {
			runtime.GC()
		}
	})
	wg.Wait()
}

// deep calls f at the end of a stack of n kilobytes.
func deep(n int, f func() exec.Outcome) exec.Outcome {
	var room [1024]byte
	if n == 0 {
		return f()
	}
	o := deep(n-1, f)
	room[n%len(room)]++
	runtime.KeepAlive(&room)
	return o
}
