package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/btfcheck/objcheck"
	"github.com/bpfcheck/bpfcheck/corpus"
	"github.com/bpfcheck/bpfcheck/corpus/diff"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/exec/kernel"
	"github.com/bpfcheck/bpfcheck/loader"
)

var diffVerb = verb{
	name: "diff", synopsis: "[flags]", summary: "hold the analysis and the executors against each other",
	about: `
Runs programs, generated ones unless --corpus names others, and looks for what must
not be: at every instruction of every run the registers, the stack and their
relations have to lie in a state that the analysis found there; a program that was
judged safe must not fault; and all executors must end alike. With the executor
kernel, programs are also loaded into this machine's kernel (never attached), and
verdicts on which it differs are counted by reason.

A finding is made smaller and written to --out as a program in the form of corpus/
beside its input. A run with the same seeds finds the same.

Exit status: 0 nothing found, 1 something found, 2 wrong usage, 130 interrupted.`,
	new: func() command { return &diffCmd{} },
}

type diffCmd struct {
	seed      uint64
	duration  time.Duration
	programs  uint64
	workers   int
	inputs    int
	maxInsns  int
	rounds    int
	out       string
	executors string
	corpus    string
	generate  bool
	keepGoing bool
	noShrink  bool

	harness  diff.Harness
	total    diff.Figures
	findings int
	started  time.Time
	shown    time.Time
}

func (d *diffCmd) flags(fs *flag.FlagSet) {
	fs.Uint64Var(&d.seed, "seed", 1, "`N`, the first seed; program k has seed N+k")
	fs.DurationVar(&d.duration, "duration", 10*time.Second, "stop after `TIME`; 0: when the programs end")
	fs.Uint64Var(&d.programs, "programs", 0, "stop after `N` programs; 0: no limit")
	fs.IntVar(&d.workers, "workers", 1, "check `N` programs at once")
	fs.IntVar(&d.inputs, "inputs", 6, "run each program on `N` inputs")
	fs.IntVar(&d.maxInsns, "max-insns", 20_000, "give up a program after visiting `N` instructions")
	fs.IntVar(&d.rounds, "rounds", 0, "go through a corpus `N` times; 0: until the time is over")
	fs.StringVar(&d.out, "out", "", "write findings to this `FOLDER`")
	fs.StringVar(&d.executors, "executors", "", "executors to compare, a comma-separated `LIST` of interp, jit, kernel; default: interp and, where there is one, jit")
	fs.StringVar(&d.corpus, "corpus", "", "take programs from this `PATH`: .o, .bpf and .jsonl files in it and below")
	fs.BoolVar(&d.generate, "generate", false, "generate programs (the default without --corpus)")
	fs.BoolVar(&d.keepGoing, "keep-going", false, "go on after a finding")
	fs.BoolVar(&d.noShrink, "no-shrink", false, "write findings as they are")
}

func (d *diffCmd) run(e *env, args []string) int {
	if err := d.prepare(args); err != nil {
		return e.fail("diff: %v; see 'bpfcheck help diff'", err)
	}
	source, err := d.source(e)
	if err != nil {
		return e.fail("diff: %v", err)
	}
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	if d.duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, d.duration)
		defer cancel()
	}
	d.started = time.Now()
	counted := func(n uint64) (diff.Task, bool) {
		if d.programs > 0 && n >= d.programs {
			return diff.Task{}, false
		}
		return source(n)
	}
	d.harness.Loop(ctx, d.workers, counted, func(t diff.Task, f *diff.Figures, found *diff.Finding) {
		d.total.Add(f)
		if found != nil {
			d.found(e, t, found)
			if !d.keepGoing {
				cancel()
			}
		}
		d.progress(e)
	})
	if isTerminal(e.stderr) {
		fmt.Fprint(e.stderr, "\r\x1b[K")
	}
	code := e.write(d.summary())
	switch {
	case code != exitSafe:
		return code
	case e.ctx.Err() != nil:
		return exitInterrupted
	case d.findings > 0:
		return exitNotSafe
	}
	return exitSafe
}

// prepare reads the flags.
func (d *diffCmd) prepare(args []string) error {
	switch {
	case len(args) > 0:
		return fmt.Errorf("no argument is expected, found %q", args[0])
	case d.corpus != "" && d.generate:
		return fmt.Errorf("--corpus and --generate exclude each other")
	case d.workers < 1 || d.inputs < 1 || d.maxInsns < 1 || d.rounds < 0 || d.duration < 0:
		return fmt.Errorf("a number is too small")
	}
	others, live, err := diff.ByName(split(d.executors), compilers())
	if err != nil {
		return err
	}
	if d.executors == "" {
		others = compilers()
	}
	if live {
		if err := kernel.Available(); err != nil {
			return err
		}
	}
	domain, err := all.Select(all.Names())
	if err != nil {
		return err
	}
	d.harness = diff.Harness{
		Config: absint.Config{Target: corpus.Target(), Domains: domain, MaxInsns: d.maxInsns},
		Others: others, Kernel: live, Inputs: d.inputs,
	}
	return nil
}

// source returns where programs come from.
func (d *diffCmd) source(e *env) (diff.Source, error) {
	if d.corpus == "" {
		return diff.Generated(d.seed), nil
	}
	opts := loader.Options{Target: d.harness.Config.Target}
	if raw, err := objcheck.ReadBTF(bpfcheck.HostBTF); err == nil {
		if types, err := btfcheck.Parse(raw, nil); err == nil {
			opts.KernelBTF, d.harness.Config.Types = raw, types
		}
	}
	var tasks []diff.Task
	err := filepath.WalkDir(d.corpus, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		more, err := readTasks(path, opts)
		if err != nil {
			e.fail("%v", err) // the others are still checked
		}
		tasks = append(tasks, more...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(tasks) == 0 {
		return nil, fmt.Errorf("no programs in %s", d.corpus)
	}
	rounds := d.rounds
	if rounds == 0 && d.duration == 0 {
		rounds = 1
	}
	return diff.Listed(tasks, d.seed, rounds), nil
}

// readTasks reads the programs of one file; files of other kinds have none.
func readTasks(path string, opts loader.Options) (tasks []diff.Task, err error) {
	add := func(p *loader.Program, name string) {
		if p.Problem == "" && p.Type != "" {
			tasks = append(tasks, diff.Task{Program: p, Source: name})
		}
	}
	switch filepath.Ext(path) {
	case ".bpf":
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		programs, err := corpus.Parse(path, string(text), opts.Target)
		if err != nil {
			return nil, err
		}
		for _, p := range programs {
			add(p.Load, p.Name)
		}
	case ".jsonl":
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		for c, err := range loader.LoadCases(f, path, opts) {
			if err != nil {
				return tasks, err
			}
			add(c.Program, c.Program.ID)
		}
	case ".o":
		objects, err := loader.Load(path, opts)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			for _, p := range o.Programs {
				add(p, filepath.Base(path)+": "+p.Name)
			}
		}
	}
	return tasks, nil
}

// found reports a finding, made smaller, and writes it.
func (d *diffCmd) found(e *env, t diff.Task, f *diff.Finding) {
	d.findings++
	if isTerminal(e.stderr) {
		fmt.Fprint(e.stderr, "\r\x1b[K")
	}
	if !d.noShrink {
		f = d.harness.Shrink(f, t.Deterministic)
	}
	fmt.Fprintln(e.stdout, printable(f.String()))
	if d.out == "" {
		fmt.Fprint(e.stdout, diff.Text(f.Program, "finding", "safe"))
		return
	}
	path, err := f.Save(d.out, fmt.Sprintf("finding_%d", d.findings))
	if err != nil {
		e.fail("diff: %v", err)
		return
	}
	fmt.Fprintln(e.stdout, "  written to", printable(path))
}

// progress shows where the campaign is, on a terminal.
func (d *diffCmd) progress(e *env) {
	if now := time.Now(); isTerminal(e.stderr) && now.Sub(d.shown) > 500*time.Millisecond {
		d.shown = now
		fmt.Fprintf(e.stderr, "\r\x1b[K%v: %d programs, %d accepted, %d runs, %d points checked, %d findings",
			now.Sub(d.started).Round(time.Second), d.total.Programs, d.total.Accepted, d.total.Runs, d.total.Points, d.findings)
	}
}

// summary is the figures as text.
func (d *diffCmd) summary() string {
	var b strings.Builder
	f := &d.total
	fmt.Fprintf(&b, "%d programs in %v, %d accepted; %d runs, %d instructions, %d points checked\n",
		f.Programs, time.Since(d.started).Round(time.Second), f.Accepted, f.Runs, f.Instructions, f.Points)
	for _, name := range diff.Reasons(f.Compared) {
		fmt.Fprintf(&b, "%d runs compared with %s\n", f.Compared[name], name)
	}
	if f.Asked > 0 {
		fmt.Fprintf(&b, "the kernel accepts %d of the %d programs it was asked about\n", f.Linux, f.Asked)
		d.reasons(&b, "accepted here, refused by the kernel:", f.OnlyUs)
		d.reasons(&b, "accepted by the kernel, not here:", f.OnlyLinux)
	}
	fmt.Fprintf(&b, "%d findings\n", d.findings)
	return b.String()
}

func (d *diffCmd) reasons(b *strings.Builder, title string, counts map[string]int) {
	if len(counts) == 0 {
		return
	}
	fmt.Fprintln(b, title)
	for _, why := range diff.Reasons(counts) {
		fmt.Fprintf(b, "  %6d  %s (%s)\n", counts[why], printable(why), printable(d.total.Example[why]))
	}
}
