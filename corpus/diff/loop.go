package diff

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/bpfcheck/bpfcheck/corpus/gen"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Task is a program to check.
type Task struct {
	Program *loader.Program
	Source  string
	// Deterministic: its outcome depends on the input alone.
	Deterministic bool
	// Seed decides the inputs.
	Seed uint64
}

// Source returns the n-th task of a campaign; ok is false at its end.
type Source func(n uint64) (t Task, ok bool)

// Generated makes programs from the seeds from first on, without end.
func Generated(first uint64) Source {
	return func(n uint64) (Task, bool) {
		seed := first + n
		p := gen.FromSeed(seed)
		return Task{p.Program, fmt.Sprintf("seed %d", seed), p.Deterministic, seed}, true
	}
}

// Listed goes through programs, rounds times (0: without end), each time with other
// inputs. Nothing is said of what they ask the kernel for.
func Listed(programs []Task, first uint64, rounds int) Source {
	return func(n uint64) (Task, bool) {
		round := n / uint64(max(1, len(programs)))
		if len(programs) == 0 || rounds > 0 && round >= uint64(rounds) {
			return Task{}, false
		}
		t := programs[n%uint64(len(programs))]
		t.Seed = first + round
		return t, true
	}
}

// Loop checks tasks with a number of workers until the source ends or ctx is done,
// and hands the figures and finding of each to report, one at a time.
func (h *Harness) Loop(ctx context.Context, workers int, source Source, report func(Task, *Figures, *Finding)) {
	var next atomic.Uint64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range max(1, workers) {
		wg.Go(func() {
			for ctx.Err() == nil {
				t, ok := source(next.Add(1) - 1)
				if !ok {
					return
				}
				f, found := h.Check(t.Program, t.Source, t.Deterministic, t.Seed)
				mu.Lock()
				report(t, &f, found)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// ByName finds executors by what --executors calls them; interp is always run and
// gives none, kernel sets kernel.
func ByName(names []string, known []exec.Executor) (others []exec.Executor, live bool, err error) {
next:
	for _, name := range names {
		switch name {
		case "interp":
			continue
		case "kernel":
			live = true
			continue
		}
		for _, e := range known {
			if e.Name() == name {
				others = append(others, e)
				continue next
			}
		}
		return nil, false, fmt.Errorf("unknown executor %q", name)
	}
	return others, live, nil
}
