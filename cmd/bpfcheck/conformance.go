package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

var conformanceVerb = verb{
	name: "conformance", synopsis: "[flags] [MEMORY]", summary: "run a program as a plugin of bpf_conformance",
	about: `
MEMORY is the program's memory as hexadecimal digits, which may have spaces between
bytes. The program is read from standard input as hexadecimal digits. It starts
with r1 = memory, r2 = its length, and its r0 is printed in hexadecimal.

Exit status: 0 the program ended, 1 it faulted, 2 wrong usage.`,
	new: func() command { return &conformance{} },
}

type conformance struct {
	executor, program string
	debug, elf        bool
}

func (c *conformance) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.executor, "executor", "interp", "run on this `EXECUTOR`: interp or jit")
	fs.StringVar(&c.program, "program", "", "the program as `HEX` digits, instead of standard input")
	fs.BoolVar(&c.debug, "debug", false, "print the program and how it ended on standard error")
	fs.BoolVar(&c.elf, "elf", false, "the program is an ELF object")
}

func (c *conformance) run(e *env, args []string) int {
	ex, err := executor(c.executor)
	if err != nil || c.executor == "kernel" {
		return e.fail("conformance: --executor %q: choose interp or jit", c.executor)
	}
	memory, err := unhex(strings.Join(args, " "))
	if err != nil {
		return e.fail("conformance: MEMORY: %v", err)
	}
	text := c.program
	if text == "" {
		b, err := io.ReadAll(io.LimitReader(e.stdin, maxInput+1))
		if err != nil {
			return e.fail("conformance: <stdin>: %v", err)
		}
		if len(b) > maxInput {
			return e.fail("conformance: <stdin>: more than %d bytes", maxInput)
		}
		text = string(b)
	}
	code, err := unhex(text)
	if err != nil {
		return e.fail("conformance: program: %v", err)
	}
	target, err := linux.Lookup(bpfcheck.DefaultTarget)
	if err != nil {
		return e.fail("%v", err)
	}
	opts := exec.Options{Target: target}
	insns, err := c.decode(code, opts)
	if err != nil {
		return e.fail("conformance: program: %v", err)
	}
	out, err := exec.RunRaw(ex, insns, memory, opts)
	if err != nil {
		return e.fail("conformance: %v", err)
	}
	if c.debug {
		fmt.Fprint(e.stderr, isa.DisassembleProgram(insns, isa.DisasmOptions{}))
		fmt.Fprintf(e.stderr, "%d instructions run, the last at %d, fault %q\n", out.Steps, out.PC, out.Fault.String())
	}
	if out.Fault != exec.NoFault {
		e.fail("conformance: instruction %d: %s", out.PC, out.Fault)
		return exitNotSafe
	}
	return e.write(fmt.Sprintf("%x\n", out.R0))
}

// decode reads the instructions, of an object those of its first program.
func (c *conformance) decode(code []byte, opts exec.Options) ([]isa.Instruction, error) {
	if !c.elf || !bytes.HasPrefix(code, []byte("\x7fELF")) {
		return isa.Decode(code, false)
	}
	objects, err := loader.LoadBytes("<program>", code, loader.Options{Target: opts.Target})
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if len(o.Programs) == 0 {
			continue
		}
		if p := o.Programs[0]; p.Problem != "" {
			return nil, errors.New(p.Problem)
		}
		return o.Programs[0].Insns, nil
	}
	return nil, errors.New("the object has no programs")
}

// unhex reads hexadecimal digits with blanks anywhere between bytes.
func unhex(s string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(s), ""))
}
