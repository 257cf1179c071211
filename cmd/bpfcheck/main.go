// Command bpfcheck proves eBPF programs safe before any kernel sees them.
//
// The idea: flags, printing and exit statuses, nothing else; package bpfcheck does
// the work. Each verb is a file and a row of the table verbs. A verb gets what it
// reads and writes handed in, so that tests run it in their own process.
//
// The source: DESIGN, section 8, for the output that machines read; for the text
// that people read, what the compilers of Rust and Elm taught: one cause at a time,
// the line it is about, the values that matter, what would help.
//
// The trap: exit statuses. 0 means that all programs are safe, and nothing else
// may give it: 1 some program is not, 2 wrong usage or input that cannot be read
// (also if some program is not safe), 130 interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/bpfcheck/bpfcheck/vet"
)

// The exit statuses.
const (
	exitSafe        = 0
	exitNotSafe     = 1
	exitError       = 2
	exitInterrupted = 130
)

// env is what a verb reads and writes. ctx is done when the user interrupts.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
}

// command is a verb's flags and what it does with its arguments.
type command interface {
	flags(fs *flag.FlagSet)
	run(e *env, args []string) int
}

// verb is a row of the table of verbs. about is what help prints between the
// synopsis and the flags.
type verb struct {
	name, synopsis, summary, about string
	new                            func() command
}

// verbs is filled by init, since help reads it.
var verbs []verb

func init() {
	verbs = []verb{verifyVerb, runVerb, diffVerb, conformanceVerb, btfVerb, vetVerb, proveVerb, disasmVerb, asmVerb, helpVerb, versionVerb}
}

func main() {
	if vet.IsTool(os.Args[1:]) { // go vet -vettool
		vet.Tool(os.Args[1:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	done := make(chan int, 1)
	go func() { done <- runContext(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr) }()
	select {
	case code := <-done:
		os.Exit(code)
	case <-ctx.Done():
	}
	select { // verify ends itself and keeps what it has printed whole
	case code := <-done:
		os.Exit(code)
	case <-time.After(grace):
		os.Exit(exitInterrupted) // a verb that waits for its input
	}
}

// grace is how long a verb may take to end after an interrupt.
const grace = 300 * time.Millisecond

// run runs one command line and returns its exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runContext(context.Background(), args, stdin, stdout, stderr)
}

func runContext(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := &env{ctx, stdin, stdout, stderr}
	if len(args) == 0 {
		usage(stderr)
		return exitError
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	v, ok := findVerb(name)
	if !ok {
		return e.fail("unknown verb %q%s; see 'bpfcheck help'", name, didYouMean(name))
	}
	c := v.new()
	fs := flagSet(v, c)
	rest, err := parse(fs, args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return e.write(helpText(v))
	case err != nil:
		return e.fail("%s: %v; see 'bpfcheck help %s'", v.name, err, v.name)
	}
	return c.run(e, rest)
}

func findVerb(name string) (verb, bool) {
	for _, v := range verbs {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

func flagSet(v verb, c command) *flag.FlagSet {
	fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	c.flags(fs)
	return fs
}

// parse parses flags, which may stand before and behind other arguments, up to "--".
func parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if n := len(args) - len(left); n > 0 && args[n-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// fail prints one line on stderr and returns exitError.
func (e *env) fail(format string, args ...any) int {
	fmt.Fprintln(e.stderr, "bpfcheck:", printable(strings.TrimSpace(fmt.Sprintf(format, args...))))
	return exitError
}

// write prints text on stdout.
func (e *env) write(text string) int {
	_, err := io.WriteString(e.stdout, text)
	return e.written(err)
}

// written turns the error of a write into an exit status: a reader that has seen
// enough is no error.
func (e *env) written(err error) int {
	switch {
	case err == nil:
		return exitSafe
	case closedPipe(err):
		return exitError
	}
	return e.fail("cannot write: %v", err)
}

// closedPipe reports whether nobody reads what is written any more.
func closedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
