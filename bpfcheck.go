// Package bpfcheck proves eBPF programs safe before any kernel sees them.
//
// The idea: a Checker knows a target, a domain and a strategy; it loads files,
// analyses each program in them and reports a verdict, the rules that could not
// be shown to hold and the source lines they concern. The command bpfcheck and
// package vet are built on nothing else.
//
// The trap: only the verdict safe is a claim. Unknown and unsupported say
// that the analysis, not the program, fell short.
package bpfcheck

import (
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

// DefaultTarget is the target that programs are judged for unless told otherwise.
const DefaultTarget = "linux-6.18"

// HostBTF is where a Linux host keeps its kernel's BTF.
const HostBTF = "/sys/kernel/btf/vmlinux"

// Options configure a Checker. The zero value is the default configuration.
type Options struct {
	// Target is a platform and version; DefaultTarget if empty.
	Target string
	// Domains are the abstract domains to combine; all if empty.
	Domains []string
	// Strategy is fixpoint, explore or ladder; ladder if empty.
	Strategy string
	// ProgType overrides the program type that section names stand for.
	ProgType string
	// BTF is a file with the BTF of the kernel that programs are relocated
	// against; HostBTF if empty and there; "none" for none.
	BTF string
	// Functions restricts the check to programs of these names; all if empty.
	Functions []string
	// MaxInsns, MaxStates and MaxTime bound the analysis of one program; 0 takes
	// the default.
	MaxInsns, MaxStates int
	MaxTime             time.Duration
}

// Checker checks programs. It may be used by several goroutines.
type Checker struct {
	opts   Options
	target platform.Target
	domain func(w isa.Width, n int) domains.Numeric

	kernelOnce sync.Once
	kernelRaw  []byte
	kernel     *btfcheck.Spec
	kernelErr  error
}

// New returns a Checker, or an error that says which option is wrong.
func New(o Options) (*Checker, error) {
	if o.Target == "" {
		o.Target = DefaultTarget
	}
	if len(o.Domains) == 0 {
		o.Domains = all.Names()
	}
	target, err := linux.Lookup(o.Target)
	if err != nil {
		return nil, err
	}
	domain, err := all.Select(o.Domains)
	if err != nil {
		return nil, err
	}
	switch absint.Strategy(o.Strategy) {
	case "", absint.Fixpoint, absint.Explore, absint.Ladder:
	default:
		return nil, fmt.Errorf("unknown strategy %q: choose fixpoint, explore or ladder", o.Strategy)
	}
	if o.ProgType != "" {
		if _, ok := target.ProgType(o.ProgType); !ok {
			return nil, fmt.Errorf("%s has no program type %q", o.Target, o.ProgType)
		}
	}
	c := &Checker{opts: o, target: target, domain: domain}
	if o.BTF != "" && o.BTF != "none" { // a file that the user names has to be there
		if c.loadKernel(); c.kernelErr != nil {
			return nil, c.kernelErr
		}
	}
	return c, nil
}

// loadKernel reads the kernel's BTF, once.
func (c *Checker) loadKernel() {
	c.kernelOnce.Do(func() {
		path := c.opts.BTF
		switch path {
		case "none":
			return
		case "":
			path = HostBTF
		}
		raw, err := readBTF(path)
		if err != nil {
			if c.opts.BTF != "" {
				c.kernelErr = err
			}
			return
		}
		spec, err := btfcheck.Parse(raw, nil)
		if err != nil {
			c.kernelErr = fmt.Errorf("%s: %w", path, err)
			return
		}
		c.kernelRaw, c.kernel = raw, spec
	})
}

// Check loads a file and yields a report for each program in it, or one error
// for the file.
func (c *Checker) Check(path string) iter.Seq2[*Report, error] {
	return func(yield func(*Report, error) bool) {
		c.loadKernel()
		objects, err := loader.Load(path, c.loadOptions())
		if err != nil {
			yield(nil, err)
			return
		}
		for _, obj := range objects {
			for _, p := range obj.Programs {
				if !c.wanted(p) {
					continue
				}
				if !yield(c.program(obj.Path, p), nil) {
					return
				}
			}
		}
	}
}

// CheckCases reads a case file and yields a report for each case; a malformed
// line yields an error and the other lines still come.
func (c *Checker) CheckCases(r io.Reader, name string) iter.Seq2[*Report, error] {
	return func(yield func(*Report, error) bool) {
		c.loadKernel()
		for cs, err := range loader.LoadCases(r, name, c.loadOptions()) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !yield(c.program(name, cs.Program), nil) {
				return
			}
		}
	}
}

func (c *Checker) loadOptions() loader.Options {
	return loader.Options{Target: c.target, Type: c.opts.ProgType, KernelBTF: c.kernelRaw}
}

func (c *Checker) wanted(p *loader.Program) bool {
	if len(c.opts.Functions) == 0 {
		return true
	}
	for _, f := range c.opts.Functions {
		if f == p.Name {
			return true
		}
	}
	return false
}

// program analyses one program.
func (c *Checker) program(path string, p *loader.Program) *Report {
	res := absint.Analyze(p, absint.Config{
		Target: c.target, Domains: c.domain, Strategy: absint.Strategy(c.opts.Strategy), Types: c.kernel,
		MaxInsns: c.opts.MaxInsns, MaxStates: c.opts.MaxStates, MaxTime: c.opts.MaxTime,
	})
	return newReport(path, c.target.Name(), p, res)
}

// readBTF reads a raw BTF file of sane size.
func readBTF(path string) ([]byte, error) {
	const limit = 256 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(raw) > limit {
		return nil, fmt.Errorf("%s: larger than %d MiB, which no BTF is", path, limit>>20)
	}
	return raw, nil
}
