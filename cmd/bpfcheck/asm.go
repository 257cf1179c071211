package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/isa"
)

var asmVerb = verb{
	name: "asm", synopsis: "[flags] FILE", summary: "assemble text to raw instructions",
	about: `
FILE is text in the syntax of the Linux verifier and LLVM, one instruction a line, or
- for standard input:

  loop: r1 -= 1              ; a label, an instruction, a comment
  if r1 s> 0 goto loop
  r0 = *(u32 *)(r10 - 4)
  call bpf_ktime_get_ns
  exit

The result is 8 bytes an instruction. References to maps (r1 = map[NAME] ll) get the
file descriptor 0.`,
	new: func() command { return &asm{} },
}

type asm struct {
	out       string
	target    string
	hex       bool
	bigEndian bool
}

func (a *asm) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.out, "o", "", "write to this `FILE` instead of standard output")
	fs.StringVar(&a.target, "target", bpfcheck.DefaultTarget, "number helpers as this `TARGET` does; default "+bpfcheck.DefaultTarget)
	fs.BoolVar(&a.hex, "hex", false, "write hexadecimal digits, an instruction a line")
	fs.BoolVar(&a.bigEndian, "big-endian", false, "write fields in big-endian order")
}

// maxSourceText bounds the text of a program.
const maxSourceText = 64 << 20

func (a *asm) run(e *env, args []string) int {
	if len(args) != 1 {
		return e.fail("asm: want one FILE, found %d; see 'bpfcheck help asm'", len(args))
	}
	if a.out == "" && !a.hex && isTerminal(e.stdout) {
		return e.fail("asm: will not write raw bytes to a terminal; use --hex or -o FILE")
	}
	checker, err := bpfcheck.New(bpfcheck.Options{Target: a.target, BTF: "none"})
	if err != nil {
		return e.fail("%v", err)
	}
	name, in := args[0], e.stdin
	if name == "-" {
		name = "<stdin>"
	} else {
		f, err := openFile(name)
		if err != nil {
			return e.fail("%v", err)
		}
		defer f.Close()
		in = f
	}
	text, err := readAll(in, name)
	if err != nil {
		return e.fail("%v", err)
	}
	if len(text) > maxSourceText {
		return e.fail("%s: more than %d bytes of text", name, maxSourceText)
	}
	src, err := isa.Assemble(string(text), isa.AsmOptions{Helper: func(name string) (int32, bool) {
		return checker.Target().HelperID(strings.TrimPrefix(name, "bpf_"))
	}})
	if err != nil {
		return a.syntaxError(e, name, string(text), err)
	}
	return a.write(e, isa.Encode(src.Insns, a.bigEndian))
}

// syntaxError prints an error with its line and a mark under the place.
func (a *asm) syntaxError(e *env, name, text string, err error) int {
	var se *isa.SyntaxError
	if !errors.As(err, &se) {
		return e.fail("%s: %v", name, err)
	}
	e.fail("%s:%d:%d: %s", name, se.Line, se.Col, se.Msg)
	lines := strings.Split(text, "\n")
	if se.Line < 1 || se.Line > len(lines) {
		return exitError
	}
	line := strings.TrimRight(lines[se.Line-1], "\r")
	num := fmt.Sprintf("%4d", se.Line)
	fmt.Fprintf(e.stderr, "%s | %s\n", num, printable(line))
	if col := se.Col - 1; col >= 0 && col <= len(line) {
		fmt.Fprintf(e.stderr, "%s | %s^\n", strings.Repeat(" ", len(num)), strings.Repeat(" ", len([]rune(line[:col]))))
	}
	return exitError
}

// write writes the instructions as they were asked for.
func (a *asm) write(e *env, code []byte) int {
	if a.hex {
		var b strings.Builder
		for i := 0; i+8 <= len(code); i += 8 {
			b.WriteString(hex.EncodeToString(code[i:i+8]) + "\n")
		}
		code = []byte(b.String())
	}
	if a.out == "" {
		return e.write(string(code))
	}
	if err := os.WriteFile(a.out, code, 0o666); err != nil {
		return e.fail("%v", err)
	}
	return exitSafe
}
