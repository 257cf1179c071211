package absint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/domains/all"
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
