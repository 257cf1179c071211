package bpfcheck

import (
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Input is a program to check.
type Input struct {
	// Path is the file it comes from, "file@offset" for an embedded object.
	Path string
	*loader.Program
}

// Check checks the programs of a file, or of all files in a folder, one after the
// other. What cannot be read gives an error in place of its reports.
func (c *Checker) Check(path string) iter.Seq2[*Report, error] {
	return func(yield func(*Report, error) bool) {
		for in, err := range c.Load(path) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
			} else if !yield(c.Verify(in), nil) {
				return
			}
		}
	}
}

// Load reads objects, executables that embed objects, and folders of these. It
// yields their programs in the order of the paths, of the files by name, and of
// the programs in a file. What cannot be read gives an error, and the others still
// come: so does a file or a folder without programs, and a name in
// Options.Programs that no program has. Files in folders that have nothing to do
// with BPF are passed over.
func (c *Checker) Load(paths ...string) iter.Seq2[Input, error] {
	return func(yield func(Input, error) bool) {
		c.loadKernel()
		s := selection{names: c.opts.Programs, yield: yield}
		for _, path := range paths {
			if !c.loadPath(path, &s) {
				return
			}
		}
		s.end(paths)
	}
}

// loadPath yields the programs of one path. It returns false if the caller has enough.
func (c *Checker) loadPath(path string, s *selection) bool {
	found := 0
	for f, err := range files(path) {
		if err != nil {
			found++
			if !s.fail(err) {
				return false
			}
			continue
		}
		objects, err := loader.Load(f.path, c.loadOptions())
		if f.inFolder && len(objects) == 0 && len(each(err)) == 1 && otherMachine(f.path) {
			continue
		}
		found++
		if !s.objects(f.path, objects, err) {
			return false
		}
	}
	if found == 0 {
		return s.fail(&loader.Error{File: path, Offset: -1, What: "no BPF object in this folder or below",
			Fix: "name the folder that the build writes to"})
	}
	return true
}

// LoadBytes is Load of a file whose contents are at hand.
func (c *Checker) LoadBytes(name string, b []byte) iter.Seq2[Input, error] {
	return func(yield func(Input, error) bool) {
		c.loadKernel()
		s := selection{names: c.opts.Programs, yield: yield}
		objects, err := loader.LoadBytes(name, b, c.loadOptions())
		if s.objects(name, objects, err) {
			s.end([]string{name})
		}
	}
}

// LoadCases reads a case file, one program a line (DESIGN, section 8). A malformed
// line gives an error and the other lines still come.
func (c *Checker) LoadCases(r io.Reader, name string) iter.Seq2[Input, error] {
	return func(yield func(Input, error) bool) {
		c.loadKernel()
		s := selection{names: c.opts.Programs, yield: yield}
		lines := 0
		for cs, err := range loader.LoadCases(r, name, c.loadOptions()) {
			lines++
			if err != nil {
				if !s.fail(err) {
					return
				}
			} else if !s.program(name, cs.Program) {
				return
			}
		}
		if lines == 0 && !s.fail(&loader.Error{File: name, Offset: -1, What: "no case in this file", Fix: "write one JSON object a line"}) {
			return
		}
		s.end([]string{name})
	}
}

func (c *Checker) loadOptions() loader.Options {
	return loader.Options{Target: c.target, Type: c.opts.ProgType, KernelBTF: c.kernelRaw}
}

// Verify analyses one program. It never panics: a fault of the analysis gives the
// verdict unsupported.
func (c *Checker) Verify(in Input) (r *Report) {
	c.loadKernel()
	defer func() {
		if v := recover(); v != nil {
			r = newReport(in, c.target.Name(), absint.Result{Verdict: absint.Unsupported, Insns: len(in.Insns),
				Unsupported: fmt.Sprintf("internal error: %v%s; please report it with the program", v, panicSite())})
		}
	}()
	res := absint.Analyze(in.Program, absint.Config{
		Target: c.target, Domains: c.domain, Strategy: absint.Strategy(c.opts.Strategy), Types: c.kernel,
		MaxInsns: c.opts.MaxInsns, MaxStates: c.opts.MaxStates, MaxTime: c.opts.MaxTime,
	})
	return newReport(in, c.target.Name(), res)
}

// panicSite names the function of this module that panicked, while it unwinds.
func panicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if i := strings.LastIndex(f.Function, "bpfcheck/bpfcheck/"); i >= 0 {
			return fmt.Sprintf(" in %s, line %d", f.Function[i+len("bpfcheck/bpfcheck/"):], f.Line)
		}
		if !more {
			return ""
		}
	}
}
