package diff

import (
	"os"
	"strconv"
	"testing"

	"github.com/bpfcheck/bpfcheck/corpus/gen"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/exec/kernel"
	"github.com/bpfcheck/bpfcheck/loader"
)

// TestGenerated is a short campaign; BPFCHECK_PROGRAMS makes it longer.
func TestGenerated(t *testing.T) {
	n := uint64(150)
	if s := os.Getenv("BPFCHECK_PROGRAMS"); s != "" {
		n, _ = strconv.ParseUint(s, 10, 64)
	}
	c := config(t)
	c.MaxInsns = 20_000
	h := Harness{Config: c, Inputs: 4, Kernel: os.Getenv("BPFCHECK_KERNEL") != "" && kernel.Available() == nil}
	var total Figures
	h.Loop(t.Context(), 1, func(k uint64) (Task, bool) {
		task, _ := Generated(1)(k)
		return task, k < n && !t.Failed()
	}, func(task Task, f *Figures, found *Finding) {
		total.Add(f)
		if found != nil {
			t.Errorf("%v\n%s", found, Text(found.Program, "finding", "safe"))
		}
	})
	t.Logf("%+v", total)
	if total.Accepted < total.Programs/2 && !t.Failed() {
		t.Errorf("only %d of %d programs are accepted", total.Accepted, total.Programs)
	}
}

// FuzzGenerated lets a fuzzer choose what the generator does.
func FuzzGenerated(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(gen.Choices(seed, 60*int(seed+1)), uint64(seed))
	}
	f.Fuzz(func(t *testing.T, choices []byte, seed uint64) {
		if len(choices) > 4*gen.DefaultChoices {
			t.Skip()
		}
		c := config(t)
		c.MaxInsns = 3000 // many states at a point make the oracle slow
		p := gen.New(choices)
		if _, bad := Contain(p.Program, c, Inputs(p.Program, seed, 3)); bad != nil {
			t.Fatalf("%v\n%s", bad, Text(p.Program, "finding", "safe"))
		}
	})
}

// TestMinimise shrinks a program to the two instructions that matter.
func TestMinimise(t *testing.T) {
	p := gen.FromSeed(3).Program
	has := func(op uint8) bool {
		for _, i := range p.Insns {
			if i.Op == op {
				return true
			}
		}
		return false
	}
	if !has(0x95) || !has(0xbf) {
		t.Fatal("the program does not have what the test looks for")
	}
	small := Minimise(p, func(q *loader.Program) bool {
		exit, mov := false, false
		for _, i := range q.Insns {
			exit, mov = exit || i.Op == 0x95, mov || i.Op == 0xbf
		}
		return exit && mov
	})
	if len(small.Insns) != 2 {
		t.Errorf("%d instructions are left, want 2\n%s", len(small.Insns), Text(small, "small", "safe"))
	}
}

// TestInputFile writes inputs and reads them back.
func TestInputFile(t *testing.T) {
	p := gen.FromSeed(5).Program
	for _, in := range Inputs(p, 5, 8) {
		f := NewInputFile(in)
		back, err := f.Input()
		if err != nil {
			t.Fatal(err)
		}
		opts := exec.Options{Target: config(t).Target}
		run, err := exec.Interpreter{}.Load(p, opts)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := run.Run(in), run.Run(back); a != b {
			t.Errorf("%+v, read back %+v", a, b)
		}
	}
}
