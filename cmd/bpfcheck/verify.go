package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/domains/all"
)

var verifyVerb = verb{
	name: "verify", synopsis: "[flags] PATH…", summary: "check programs in objects, folders and executables",
	about: `
PATH is a BPF object, an executable that embeds BPF objects, a folder (searched with
all folders below; files that are no ELF are passed over), or - for an object on
standard input. Each program gets a verdict:

  safe         every execution is covered, and no rule can be broken
  unsafe       a rule is broken for certain
  unknown      something could not be proved; the program may be fine
  unsupported  it uses a feature that bpfcheck does not model

Exit status: 0 all programs are safe, 1 some program is not, 2 wrong usage or input
that cannot be read (the other files are still checked), 130 interrupted.`,
	new: func() command { return &verify{} },
}

// verify is the verb's flags.
type verify struct {
	opts            bpfcheck.Options
	domains         string
	programs        string
	format          string
	color           string
	cases           string
	jobs            int
	verbose, quiet  bool
	checker         *bpfcheck.Checker
	notSafe, failed bool
}

func (v *verify) flags(fs *flag.FlagSet) {
	fs.StringVar(&v.format, "format", "text", "`FORMAT` of the output: text, or json for one object a program and line")
	fs.StringVar(&v.opts.Target, "target", bpfcheck.DefaultTarget, "judge for this `TARGET`, linux-MAJOR.MINOR; default "+bpfcheck.DefaultTarget)
	fs.StringVar(&v.domains, "domains", "", "abstract domains to combine, a comma-separated `LIST`; default "+strings.Join(all.Names(), ","))
	fs.StringVar(&v.opts.Strategy, "strategy", "", "`STRATEGY`: fixpoint, explore, or ladder (default), which tries them in turn")
	fs.StringVar(&v.opts.ProgType, "type", "", "program `TYPE` to use instead of the sections', such as xdp")
	fs.StringVar(&v.programs, "program", "", "check only the programs of these `NAMES`, separated by commas")
	fs.StringVar(&v.opts.BTF, "btf", "", "`FILE` with the kernel's BTF (raw, .gz or vmlinux), or none; default: this host's")
	fs.IntVar(&v.opts.MaxInsns, "max-insns", 0, "give up a program after visiting `N` instructions; 0 is the default limit")
	fs.IntVar(&v.opts.MaxStates, "max-states", 0, "give up a program at `N` kept states; 0 is the default limit")
	fs.DurationVar(&v.opts.MaxTime, "max-time", 0, "give up a program after `TIME`, such as 500ms; 0 is the default limit")
	fs.IntVar(&v.jobs, "j", 0, "check `N` programs at once; default: one a processor, but 1 with json, whose times are to be compared")
	fs.StringVar(&v.color, "color", "auto", "`WHEN` to colour text: auto (on terminals, unless NO_COLOR is set), always, never")
	fs.StringVar(&v.cases, "cases", "", "check raw programs from a case `FILE`, one JSON object a line; - is standard input")
	fs.BoolVar(&v.verbose, "verbose", false, "print all findings, the instructions around them, and statistics")
	fs.BoolVar(&v.quiet, "quiet", false, "print only programs that are not safe, and no summary")
}

func (v *verify) run(e *env, args []string) int {
	if err := v.check(args); err != nil {
		return e.fail("verify: %v; see 'bpfcheck help verify'", err)
	}
	checker, err := bpfcheck.New(v.opts)
	if err != nil {
		return e.fail("%v", err)
	}
	v.checker = checker
	programs, closeInputs := v.inputs(e, args)
	defer closeInputs()
	return v.loop(e, checker.VerifyAll(e.ctx, programs, v.jobs))
}

// check completes the flags.
func (v *verify) check(args []string) error {
	if v.domains != "" {
		v.opts.Domains = split(v.domains)
	}
	v.opts.Programs = split(v.programs)
	switch {
	case v.format != "text" && v.format != "json":
		return fmt.Errorf("--format %q: choose text or json", v.format)
	case v.color != "auto" && v.color != "always" && v.color != "never":
		return fmt.Errorf("--color %q: choose auto, always or never", v.color)
	case v.jobs < 0:
		return fmt.Errorf("-j %d: want at least 1", v.jobs)
	case len(args) == 0 && v.cases == "":
		return errors.New("no PATH is given: name an object file or a folder")
	case v.verbose && v.quiet:
		return errors.New("--verbose and --quiet exclude each other")
	}
	if v.jobs == 0 {
		v.jobs = runtime.GOMAXPROCS(0)
		if v.format == "json" {
			v.jobs = 1
		}
	}
	return nil
}

// split splits a list at commas and drops blanks.
func split(list string) []string {
	var out []string
	for _, s := range strings.Split(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// inputs yields the programs to check, cases first.
func (v *verify) inputs(e *env, args []string) (programs iter.Seq2[bpfcheck.Input, error], done func()) {
	var parts []iter.Seq2[bpfcheck.Input, error]
	done = func() {}
	switch v.cases {
	case "":
	case "-":
		parts = append(parts, v.checker.LoadCases(e.stdin, "<stdin>"))
	default:
		f, err := openFile(v.cases)
		if err != nil {
			parts = append(parts, failing(err))
			break
		}
		done = func() { f.Close() }
		parts = append(parts, v.checker.LoadCases(f, v.cases))
	}
	var paths []string
	flush := func() {
		if len(paths) > 0 {
			parts = append(parts, v.checker.Load(paths...))
			paths = nil
		}
	}
	for _, a := range args {
		if a != "-" {
			paths = append(paths, a)
			continue
		}
		flush()
		if b, err := readAll(e.stdin, "<stdin>"); err != nil {
			parts = append(parts, failing(err))
		} else {
			parts = append(parts, v.checker.LoadBytes("<stdin>", b))
		}
	}
	flush()
	return func(yield func(bpfcheck.Input, error) bool) {
		for _, part := range parts {
			for in, err := range part {
				if !yield(in, err) {
					return
				}
			}
		}
	}, done
}

// failing is a source of programs that has only an error.
func failing(err error) iter.Seq2[bpfcheck.Input, error] {
	return func(yield func(bpfcheck.Input, error) bool) { yield(bpfcheck.Input{}, err) }
}

// loop prints the reports as they come and returns the exit status.
func (v *verify) loop(e *env, reports iter.Seq2[*bpfcheck.Report, error]) int {
	out := bufio.NewWriterSize(e.stdout, 1<<16)
	show := v.printer(out, e.stdout)
	bar := newProgress(e.stderr)
	defer bar.stop()
	checked := 0
	for r, err := range reports {
		bar.hide()
		if errors.Is(err, context.Canceled) {
			e.fail("interrupted")
			return exitInterrupted
		}
		if err != nil {
			v.failed = true
			out.Flush()
			e.fail("%v", err)
		} else {
			checked++
			v.notSafe = v.notSafe || !r.Safe()
			show.report(r)
		}
		if err := out.Flush(); err != nil {
			return e.written(err)
		}
		bar.next(r)
	}
	bar.hide()
	show.summary()
	if err := out.Flush(); err != nil {
		return e.written(err)
	}
	switch {
	case v.failed:
		return exitError
	case checked == 0: // status 0 is a claim about programs
		return e.fail("verify: nothing was checked")
	case v.notSafe:
		return exitNotSafe
	}
	return exitSafe
}

// printer is a format of the output.
type printer interface {
	report(*bpfcheck.Report)
	summary()
}

func (v *verify) printer(out *bufio.Writer, to io.Writer) printer {
	if v.format == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return jsonPrinter{enc}
	}
	return &textPrinter{out: out, names: v.checker.Names, style: style{wantColor(v.color, to)}, verbose: v.verbose, quiet: v.quiet}
}

type jsonPrinter struct{ enc *json.Encoder }

// report prints an object and a newline; a write error stays in the writer below.
func (p jsonPrinter) report(r *bpfcheck.Report) { _ = p.enc.Encode(r) }

func (jsonPrinter) summary() {}

// maxStdin bounds what is read from standard input.
const maxStdin = 1 << 30

func readAll(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxStdin+1))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, err)
	}
	if len(b) > maxStdin {
		return nil, fmt.Errorf("%s: more than %d bytes", name, maxStdin)
	}
	return b, nil
}

// openFile opens a regular file or a pipe; the error names the file once.
func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err == nil {
		var st os.FileInfo
		if st, err = f.Stat(); err == nil && st.IsDir() {
			err = errors.New("is a folder")
		}
		if err != nil {
			f.Close()
		}
	}
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%s: %w; check the path", path, err)
	}
	return f, nil
}
