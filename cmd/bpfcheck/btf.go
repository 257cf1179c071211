package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/btfcheck/objcheck"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

var btfVerb = verb{
	name: "btf", synopsis: "[flags] FILE…", summary: "check types and objects, answer CO-RE relocations, print types",
	about: `
FILE is a BPF object, a kernel image or module with a section .BTF, or raw BTF, also
compressed by gzip. Types are held against the rules B1 to B180 of docs/BTF.md, objects
also against the conventions E1 to E33 of docs/OBJECTS.md.

With --against, each CO-RE relocation of an object is answered from the types of a
kernel: patched (to what), absent (the kernel lacks what is asked for, and the answer is
no), or impossible; an impossible one is an error unless no program gets there.

Exit status: 0 all files are valid, 1 some file is not, 2 wrong usage or a file that
cannot be read (the other files are still checked).`,
	new: func() command { return &btfCommand{} },
}

type btfCommand struct {
	mode, format, dump, target string
	against, base              string
	opts                       objcheck.Options
	invalid, failed            bool
}

func (c *btfCommand) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.mode, "mode", "kernel", "`MODE`: kernel (what Linux 6.18 and loaders refuse) or strict (also what they let pass)")
	fs.StringVar(&c.format, "format", "text", "`FORMAT` of the output: text, or json for one object a file and line")
	fs.StringVar(&c.dump, "dump", "", "print the types as `LANG` instead: c (declarations that compile) or raw (a line a type)")
	fs.StringVar(&c.against, "against", "", "answer CO-RE relocations from the BTF in `FILE`, such as "+bpfcheck.HostBTF)
	fs.StringVar(&c.base, "base", "", "`FILE` with the kernel's BTF that the BTF of modules continues")
	fs.StringVar(&c.target, "target", bpfcheck.DefaultTarget, "hold maps, helpers and section names against this `TARGET`")
}

func (c *btfCommand) run(e *env, args []string) int {
	if err := c.check(args); err != nil {
		return e.fail("btf: %v; see 'bpfcheck help btf'", err)
	}
	if err := c.open(); err != nil {
		return e.fail("%v", err)
	}
	out := bufio.NewWriterSize(e.stdout, 1<<16)
	for _, path := range args {
		r, err := objcheck.File(path, c.opts)
		if err != nil {
			c.failed = true
			out.Flush()
			e.fail("%v", err)
			continue
		}
		c.invalid = c.invalid || !r.Valid
		if err := c.print(out, r); err != nil {
			c.failed = true
			out.Flush()
			e.fail("%s: %v", path, err)
		}
		if err := out.Flush(); err != nil {
			return e.written(err)
		}
	}
	switch {
	case c.failed:
		return exitError
	case c.invalid:
		return exitNotSafe
	}
	return exitSafe
}

func (c *btfCommand) check(args []string) error {
	switch {
	case c.mode != "kernel" && c.mode != "strict":
		return fmt.Errorf("--mode %q: choose kernel or strict", c.mode)
	case c.format != "text" && c.format != "json":
		return fmt.Errorf("--format %q: choose text or json", c.format)
	case c.dump != "" && c.dump != "c" && c.dump != "raw":
		return fmt.Errorf("--dump %q: choose c or raw", c.dump)
	case len(args) == 0:
		return errors.New("no FILE is given")
	}
	return nil
}

// open reads what the flags name.
func (c *btfCommand) open() error {
	target, err := linux.Lookup(c.target)
	if err != nil {
		return err
	}
	c.opts = objcheck.Options{Strict: c.mode == "strict", Target: target}
	if c.against != "" {
		if c.opts.Against, err = objcheck.ReadBTF(c.against); err != nil {
			return err
		}
		if _, err := btfcheck.Parse(c.opts.Against, nil); err != nil {
			return fmt.Errorf("%s: %w", c.against, err)
		}
	}
	if c.base != "" {
		raw, err := objcheck.ReadBTF(c.base)
		if err == nil {
			c.opts.Base, err = btfcheck.Parse(raw, nil)
		}
		if err != nil {
			return fmt.Errorf("--base: %w", err)
		}
	}
	return nil
}

func (c *btfCommand) print(out *bufio.Writer, r *objcheck.Report) error {
	switch {
	case c.dump != "":
		return c.printTypes(out, r)
	case c.format == "json":
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	verdict := "valid"
	if !r.Valid {
		verdict = "invalid"
	}
	fmt.Fprintf(out, "%s: %s\n", printable(r.File), verdict)
	for _, d := range r.Diagnostics {
		at := fmt.Sprintf("byte %#x", d.Offset)
		if d.TypeID != 0 {
			at += fmt.Sprintf(", type %d", d.TypeID)
		}
		fmt.Fprintf(out, "  [%s] %s: %s\n", d.Rule, at, printable(d.Message))
	}
	for _, s := range r.Relocations {
		printSite(out, s)
	}
	return nil
}

// printSite prints a CO-RE relocation on a line.
func printSite(out *bufio.Writer, s objcheck.Relocation) {
	subject := s.Type
	if s.Field != "" {
		subject += "." + s.Field
	}
	answer := fmt.Sprintf("%s, %d to %d", s.Outcome, int64(s.Old), int64(s.New))
	switch s.Outcome {
	case "impossible", "malformed":
		answer = s.Outcome
		if s.Guarded {
			answer += ", guarded"
		}
		answer += ": " + s.Why
	case "absent":
		answer = "absent, 0"
	}
	fmt.Fprintf(out, "  %s:%d (%s) %s of %s: %s\n", printable(s.Section), s.Insn, printable(s.Func), s.Kind, printable(subject), printable(answer))
}

// printTypes prints the types of a file.
func (c *btfCommand) printTypes(out *bufio.Writer, r *objcheck.Report) error {
	if r.Types == nil {
		return errors.New("no types that can be read")
	}
	if c.dump == "raw" {
		return btfcheck.DumpRaw(out, r.Types)
	}
	return btfcheck.DumpC(out, r.Types)
}
