package absint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

// sharedPrograms loads the real objects that stand beside the repository.
func sharedPrograms(tb testing.TB) ([]*loader.Program, absint.Config) {
	tb.Helper()
	paths, _ := filepath.Glob("../../shared/objects/*.o")
	if len(paths) == 0 {
		tb.Skip("needs the objects in ../shared/objects, which a user's checkout does not have")
	}
	target, err := linux.Lookup("linux-6.18")
	if err != nil {
		tb.Fatal(err)
	}
	domain, err := all.Select(all.Names())
	if err != nil {
		tb.Fatal(err)
	}
	opts := loader.Options{Target: target}
	cfg := absint.Config{Target: target, Domains: domain}
	if raw, err := os.ReadFile("/sys/kernel/btf/vmlinux"); err == nil {
		opts.KernelBTF = raw
		if cfg.Types, err = btfcheck.Parse(raw, nil); err != nil {
			tb.Fatal(err)
		}
	}
	var progs []*loader.Program
	for _, path := range paths {
		objs, err := loader.Load(path, opts)
		if err != nil {
			tb.Fatal(err)
		}
		for _, o := range objs {
			progs = append(progs, o.Programs...)
		}
	}
	return progs, cfg
}

// BenchmarkObjects analyses all real programs; ns/insn is per instruction visited.
func BenchmarkObjects(b *testing.B) {
	progs, cfg := sharedPrograms(b)
	only := os.Getenv("PROGRAM")
	visited := 0
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range progs {
			if only == "" || p.Name == only {
				visited += absint.Analyze(p, cfg).Visited
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(visited), "ns/insn")
	b.ReportMetric(float64(visited)/float64(b.N), "visited")
}

// BenchmarkTransfer runs straight-line code of each class through the transfer
// function: the state is made before, so that allocations are those of the loop.
func BenchmarkTransfer(b *testing.B) {
	target, err := linux.Lookup("linux-6.18")
	if err != nil {
		b.Fatal(err)
	}
	domain, err := all.Select(all.Names())
	if err != nil {
		b.Fatal(err)
	}
	body := `
		r2 = r3
		r2 += 4
		w4 = w2
		r4 &= 255
		r4 <<= 3
		*(u64 *)(r10 - 8) = r4
		r5 = *(u64 *)(r10 - 8)
		r5 ^= r3
		*(u32 *)(r10 - 16) = r5
		r3 = *(u32 *)(r10 - 16)
	`
	const times = 100
	src := "r3 = *(u32 *)(r1 + 0)\n" + strings.Repeat(body, times) + "r0 = 0\nexit\n"
	out, err := isa.Assemble(src, isa.AsmOptions{})
	if err != nil {
		b.Fatal(err)
	}
	p := &loader.Program{Type: "socket_filter", License: "GPL", Insns: out.Insns}
	t, err := absint.NewTransferBench(p, absint.Config{Target: target, Domains: domain})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		t()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(out.Insns)), "ns/insn")
}
