package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

var disasmVerb = verb{
	name: "disasm", synopsis: "[flags] FILE…", summary: "print the instructions of objects or raw bytes",
	about: `
FILE is what verify takes: an object, an executable that embeds objects, a folder, or
- for standard input. With --raw it holds bare instructions of 8 bytes each; with
--hex each argument is such bytes as hexadecimal digits. Instructions are shown as
they would be loaded: linked, and relocated against the BTF of --btf.`,
	new: func() command { return &disasm{} },
}

type disasm struct {
	opts      bpfcheck.Options
	programs  string
	raw, hex  bool
	bigEndian bool
	plain     bool
}

func (d *disasm) flags(fs *flag.FlagSet) {
	fs.StringVar(&d.programs, "program", "", "print only the programs of these `NAMES`, separated by commas")
	fs.StringVar(&d.opts.BTF, "btf", "", "`FILE` with the kernel's BTF (raw, .gz or vmlinux), or none; default: this host's")
	fs.StringVar(&d.opts.Target, "target", bpfcheck.DefaultTarget, "name helpers as this `TARGET` does; default "+bpfcheck.DefaultTarget)
	fs.BoolVar(&d.raw, "raw", false, "files hold bare instructions")
	fs.BoolVar(&d.hex, "hex", false, "arguments are instructions as hexadecimal digits; blanks are passed over")
	fs.BoolVar(&d.bigEndian, "big-endian", false, "with --raw and --hex: fields are in big-endian order")
	fs.BoolVar(&d.plain, "plain", false, "print text that 'bpfcheck asm' reads, without numbers and source lines")
}

func (d *disasm) run(e *env, args []string) int {
	if len(args) == 0 {
		return e.fail("disasm: nothing to disassemble is given; see 'bpfcheck help disasm'")
	}
	if d.raw && d.hex {
		return e.fail("disasm: --raw and --hex exclude each other")
	}
	d.opts.Programs = split(d.programs)
	checker, err := bpfcheck.New(d.opts)
	if err != nil {
		return e.fail("%v", err)
	}
	out := bufio.NewWriterSize(e.stdout, 1<<16)
	l := &listing{out: out, checker: checker, plain: d.plain}
	code := exitSafe
	for _, arg := range args {
		if d.raw || d.hex {
			err = d.bare(e, l, arg)
		} else {
			err = d.objects(e, l, arg)
		}
		if err != nil {
			out.Flush()
			for _, err := range splitErrors(err) {
				code = e.fail("%v", err)
			}
		}
	}
	if err := out.Flush(); err != nil {
		return e.written(err)
	}
	return code
}

// objects lists the programs of a file or folder.
func (d *disasm) objects(e *env, l *listing, path string) error {
	programs := l.checker.Load(path)
	if path == "-" {
		b, err := readAll(e.stdin, "<stdin>")
		if err != nil {
			return err
		}
		programs = l.checker.LoadBytes("<stdin>", b)
	}
	var errs []error
	for in, err := range programs {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.program(in)
	}
	return errors.Join(errs...)
}

// bare lists instructions without an object around them.
func (d *disasm) bare(e *env, l *listing, arg string) error {
	var b []byte
	var err error
	name := arg
	switch {
	case d.hex:
		name = "<hex>"
		if b, err = hex.DecodeString(strings.Join(strings.Fields(arg), "")); err != nil {
			return fmt.Errorf("<hex>: %w; write the bytes as hexadecimal digits: b700000000000000", err)
		}
	case arg == "-":
		name = "<stdin>"
		b, err = readAll(e.stdin, name)
	default:
		var f *os.File
		if f, err = openFile(arg); err != nil {
			return err
		}
		defer f.Close()
		b, err = readAll(f, arg)
	}
	if err != nil {
		return err
	}
	insns, err := isa.Decode(b, d.bigEndian)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	l.program(bpfcheck.Input{Path: name, Program: &loader.Program{Insns: insns, BigEndian: d.bigEndian}})
	return nil
}

// splitErrors returns the errors that err joins.
func splitErrors(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// listing prints programs as annotated text.
type listing struct {
	out     *bufio.Writer
	checker *bpfcheck.Checker
	plain   bool
	object  string
}

func (l *listing) program(in bpfcheck.Input) {
	p := in.Program
	if in.Path != l.object {
		if l.object != "" {
			fmt.Fprintln(l.out)
		}
		l.object = in.Path
		l.header(in)
	} else {
		fmt.Fprintln(l.out)
	}
	if p.Name != "" {
		fmt.Fprintf(l.out, "; program %s, SEC(%q), type %s, %s\n", printable(p.Name), printable(p.Section), orNone(p.Type), plural(len(p.Insns), "instruction"))
	}
	if p.Problem != "" {
		fmt.Fprintf(l.out, "; problem: %s\n", printable(p.Problem))
	}
	names := l.checker.Names(p)
	if l.plain {
		names.Label = func(pc int) (string, bool) {
			f, ok := bpfcheck.FuncAt(p, pc)
			return f.Name, ok && f.Insn == pc && pc > 0
		}
		fmt.Fprint(l.out, isa.DisassembleProgram(p.Insns, names))
		return
	}
	l.annotated(p, names)
}

// header prints what an object has beside programs.
func (l *listing) header(in bpfcheck.Input) {
	fmt.Fprintf(l.out, "; %s", printable(in.Path))
	obj := in.Object
	if obj == nil {
		fmt.Fprintf(l.out, ": %s\n", plural(len(in.Insns), "instruction"))
		return
	}
	order := "little"
	if obj.BigEndian {
		order = "big"
	}
	fmt.Fprintf(l.out, ": %s, licence %q, %s-endian\n", plural(len(obj.Programs), "program"), printable(obj.License), order)
	for _, m := range obj.Maps {
		fmt.Fprintf(l.out, "; map %s: %s, key %d, value %d, entries %d\n", printable(m.Name), m.Type, m.KeySize, m.ValueSize, m.MaxEntries)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// annotated prints a program with the number of each slot, labels, the source
// line where it changes, and the symbols that instructions refer to.
func (l *listing) annotated(p *loader.Program, names isa.DisasmOptions) {
	targets := jumpTargets(p.Insns)
	var last loader.Line
	for pc := 0; pc < len(p.Insns); pc += p.Insns[pc].Slots() {
		ins := p.Insns[pc]
		if f, ok := bpfcheck.FuncAt(p, pc); ok && f.Insn == pc {
			fmt.Fprintf(l.out, "%s:\n", printable(f.Name))
		} else if targets[pc] {
			fmt.Fprintf(l.out, "L%d:\n", pc)
		}
		if s, ok := bpfcheck.LineAt(p, pc); ok && s.Line > 0 && (s.File != last.File || s.Line != last.Line) {
			fmt.Fprintf(l.out, "      ; %s:%d  %s\n", printable(s.File), s.Line, printable(strings.TrimSpace(s.Text)))
			last = s
		}
		note := ""
		if ref, ok := bpfcheck.RefAt(p, pc); ok && ref.Name != "" {
			note = "  ; " + printable(ref.Name)
		}
		fmt.Fprintf(l.out, "%5d: %s%s\n", pc, printable(isa.Disassemble(ins, pc, names)), note)
	}
}

// jumpTargets marks the slots that jumps go to.
func jumpTargets(insns []isa.Instruction) []bool {
	to := make([]bool, len(insns))
	for pc := 0; pc < len(insns); pc += insns[pc].Slots() {
		if i := insns[pc]; i.IsCondJump() || i.IsGoto() {
			if t := int64(pc) + 1 + int64(i.JumpOffset()); t >= 0 && t < int64(len(to)) {
				to[t] = true
			}
		}
	}
	return to
}
