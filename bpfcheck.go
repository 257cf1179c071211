// Package bpfcheck proves eBPF programs safe before any kernel sees them.
//
// The idea: a Checker knows a target, a domain and a strategy. It loads files,
// analyses each program in them and reports a verdict, the rules that could not
// be shown to hold and the source lines they concern. The command bpfcheck and
// package vet are built on nothing else:
//
//	c, err := bpfcheck.New(bpfcheck.Options{})
//	for report, err := range c.Check("prog.o") {
//
// The source: rules and their numbers are those of docs/EXPECTATIONS.md.
//
// The trap: only the verdict safe is a claim. Unknown and unsupported say
// that the analysis, not the program, fell short.
package bpfcheck

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/btfcheck/objcheck"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/isa"
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
	// against (raw or compressed by gzip); HostBTF if empty and there; "none" for none.
	BTF string
	// Programs restricts the check to programs of these names; all if empty.
	Programs []string
	// MaxInsns, MaxStates and MaxTime bound the analysis of one program; 0 takes
	// the default.
	MaxInsns, MaxStates int
	MaxTime             time.Duration
}

// Checker loads and checks programs. It may be used by several goroutines.
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
	if o.MaxInsns < 0 || o.MaxStates < 0 || o.MaxTime < 0 {
		return nil, fmt.Errorf("a limit of the analysis is negative: use 0 for the default")
	}
	c := &Checker{opts: o, target: target, domain: domain}
	if o.ProgType != "" {
		if _, ok := target.ProgType(o.ProgType); !ok {
			return nil, fmt.Errorf("%s has no program type %q: choose one of %s", o.Target, o.ProgType, strings.Join(c.ProgTypes(), ", "))
		}
	}
	if o.BTF != "" && o.BTF != "none" { // a file that the user names has to be there
		if c.loadKernel(); c.kernelErr != nil {
			return nil, c.kernelErr
		}
	}
	return c, nil
}

// Target returns what programs are judged for.
func (c *Checker) Target() platform.Target { return c.target }

// ProgTypes lists the program types of the target, sorted.
func (c *Checker) ProgTypes() []string {
	var names []string
	if t, ok := c.target.(interface{ ProgTypes() []*platform.ProgType }); ok {
		for _, p := range t.ProgTypes() {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
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
		raw, err := objcheck.ReadBTF(path)
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
