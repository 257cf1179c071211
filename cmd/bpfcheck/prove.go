package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/bpfcheck/bpfcheck/proofs"
	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
	"github.com/bpfcheck/bpfcheck/smt/z3"
)

var proveVerb = verb{
	name: "prove", synopsis: "[flags]", summary: "prove the abstract operators from their source",
	about: `
Proves that the operators of the abstract domains are sound, for all inputs, from the Go
source of this module: run it in a checkout (or name one with --source). It needs the go
command. A theorem that fails comes with inputs and a BPF program that show it.

Exit status: 0 all theorems that were asked for are proved, 1 some is not (refuted,
unknown within the time, or conditional: proved from what is not proved here), 2 wrong usage or source that cannot be read, 130 interrupted.`,
	new: func() command { return &proveCommand{} },
}

type proveCommand struct {
	domains, ops, widths, backend, format, source string
	timeout                                       time.Duration
	jobs                                          int
	list                                          bool
}

func (c *proveCommand) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.domains, "domain", "", "`DOMAINS` to prove, separated by commas: "+strings.Join(proofs.Domains, ", "))
	fs.StringVar(&c.ops, "op", "", "`NAMES` of operations, conditions or laws, separated by commas, such as add, slt, join")
	fs.StringVar(&c.widths, "width", "", "`BITS` that operations work on: 64, 32 or both")
	fs.StringVar(&c.backend, "backend", "go", "`SOLVER`: go, with proofs that are checked, or z3 (a build with the tag z3)")
	fs.StringVar(&c.format, "format", "text", "`FORM` of the output: text or json, one object a line")
	fs.StringVar(&c.source, "source", "", "`FOLDER` inside the module's source")
	fs.DurationVar(&c.timeout, "timeout", 20*time.Second, "`TIME` for each question to the solver")
	fs.IntVar(&c.jobs, "j", runtime.NumCPU(), "prove `N` theorems at a time")
	fs.BoolVar(&c.list, "list", false, "only list the theorems")
}

func (c *proveCommand) run(e *env, args []string) int {
	switch {
	case len(args) > 0:
		return e.fail("prove: no argument is expected, found %q", args[0])
	case c.format != "text" && c.format != "json":
		return e.fail("prove: --format %q: choose text or json", c.format)
	case c.backend != "go" && c.backend != "z3":
		return e.fail("prove: --backend %q: choose go or z3", c.backend)
	case c.backend == "z3" && !z3.Available:
		return e.fail("prove: %v", z3.ErrNotBuiltIn)
	case c.timeout <= 0:
		return e.fail("prove: --timeout %v: want more than 0", c.timeout)
	case c.jobs < 1:
		return e.fail("prove: -j %d: want at least 1", c.jobs)
	}
	list, err := c.theorems()
	if err != nil {
		return e.fail("prove: %v", err)
	}
	if c.list {
		var b strings.Builder
		for _, t := range list {
			fmt.Fprintln(&b, t.Name())
		}
		return e.write(b.String())
	}
	return c.prove(e, list)
}

// theorems are those that the flags choose.
func (c *proveCommand) theorems() ([]proofs.Theorem, error) {
	var widths []int
	for _, s := range commaList(c.widths) {
		n, err := strconv.Atoi(s)
		if err != nil || n != 64 && n != 32 {
			return nil, fmt.Errorf("--width %q: choose 64 or 32", s)
		}
		widths = append(widths, n)
	}
	return proofs.Select(proofs.All(), commaList(c.domains), commaList(c.ops), widths)
}

// commaList splits at commas; nothing has no parts.
func commaList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func (c *proveCommand) prove(e *env, list []proofs.Theorem) int {
	start := time.Now()
	p, err := proofs.NewProver(e.ctx, ssaterm.Source{Dir: c.source})
	if err != nil {
		return e.fail("prove: %v", err)
	}
	bar := isTerminal(e.stderr)
	var counts [proofs.NumVerdicts]int
	done := 0
	var writeErr error
	print := func(s string) {
		if _, err := fmt.Fprint(e.stdout, s); err != nil && writeErr == nil {
			writeErr = err
		}
	}
	o := proofs.Options{Backend: c.backend, Timeout: c.timeout}
	err = p.ProveAll(e.ctx, list, o, c.jobs, func(r proofs.Result) {
		counts[r.Verdict]++
		done++
		if bar {
			fmt.Fprint(e.stderr, "\r\x1b[K")
		}
		if c.format == "json" {
			print(proveJSON(r))
		} else {
			print(proveText(r))
		}
		if bar && done < len(list) {
			fmt.Fprintf(e.stderr, "bpfcheck: %d of %d theorems, next %s", done, len(list), list[done].Name())
		}
	})
	if bar {
		fmt.Fprint(e.stderr, "\r\x1b[K")
	}
	switch {
	case e.ctx.Err() != nil:
		return exitInterrupted
	case errors.Is(err, ssaterm.ErrRefused):
		return e.fail("prove: source that cannot be read as a formula: %v", err)
	case err != nil:
		return e.fail("prove: %v", err)
	case writeErr != nil:
		return e.written(writeErr)
	}
	if c.format == "text" {
		print(fmt.Sprintf("\n%s: %d proved, %d conditional, %d refuted, %d unknown in %s\n", plural(len(list), "theorem"),
			counts[proofs.Proved], counts[proofs.Conditional], counts[proofs.Refuted], counts[proofs.Unknown], duration(time.Since(start).Microseconds())))
	}
	if counts[proofs.Proved] != len(list) {
		return exitNotSafe
	}
	return e.written(writeErr)
}

// proveText is a line of the table, and what shows a theorem to be wrong.
func proveText(r proofs.Result) string {
	row := r.Row()
	s := fmt.Sprintf("%-28s %-11s %9s  %s\n", row.Name, row.Verdict, duration(r.Time.Microseconds()), row.How)
	if x := r.Example; x != nil {
		s += "  " + x.String() + "\n" + x.Program
	}
	return s
}

// proveJSON is a theorem as one line of JSON.
func proveJSON(r proofs.Result) string {
	type example struct {
		Text      string `json:"text"`
		Confirmed bool   `json:"confirmed"`
		Program   string `json:"program,omitempty"`
	}
	out := struct {
		Theorem   string   `json:"theorem"`
		Domain    string   `json:"domain"`
		Law       string   `json:"law"`
		Op        string   `json:"op,omitempty"`
		Width     uint8    `json:"width"`
		Verdict   string   `json:"verdict"`
		How       string   `json:"how,omitempty"`
		Why       string   `json:"why,omitempty"`
		Conflicts int64    `json:"conflicts"`
		Terms     int      `json:"terms"`
		Seconds   float64  `json:"seconds"`
		Example   *example `json:"counterexample,omitempty"`
	}{
		r.Theorem.Name(), r.Theorem.Domain, r.Theorem.Law, r.Theorem.Op, r.Theorem.Width.Op,
		r.Verdict.String(), r.How, r.Why, r.Conflicts, r.Terms, r.Time.Seconds(), nil,
	}
	if x := r.Example; x != nil {
		out.Example = &example{x.String(), x.Confirmed, x.Program}
	}
	b, err := json.Marshal(out)
	if err != nil { // only for values that have no JSON, of which there are none
		panic(err)
	}
	return string(b) + "\n"
}
