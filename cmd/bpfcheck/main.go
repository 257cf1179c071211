// Command bpfcheck proves eBPF programs safe before any kernel sees them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/bpfcheck/bpfcheck"
)

func main() {
	fs := flag.NewFlagSet("verify", flag.ExitOnError)
	cases := fs.String("cases", "", "")
	format := fs.String("format", "text", "")
	strategy := fs.String("strategy", "", "")
	doms := fs.String("domains", "", "")
	btf := fs.String("btf", "", "")
	fs.Parse(os.Args[2:])
	o := bpfcheck.Options{Strategy: *strategy, BTF: *btf}
	if *doms != "" {
		o.Domains = strings.Split(*doms, ",")
	}
	c, err := bpfcheck.New(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	enc := json.NewEncoder(os.Stdout)
	code := 0
	show := func(r *bpfcheck.Report, err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 2
			return
		}
		if !r.Safe() && code == 0 {
			code = 1
		}
		if *format == "json" {
			enc.Encode(r)
		} else {
			fmt.Printf("%s %s: %s %s %dus\n", r.Program, r.ID, r.Verdict, r.Reason, r.DurationUS)
			for _, d := range r.Diagnostics {
				fmt.Printf("   %s pc %d %s:%d %s  %v\n", d.Rule, d.PC, d.File, d.Line, d.Message, d.State)
			}
		}
	}
	if *cases != "" {
		f, err := os.Open(*cases)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		for r, err := range c.CheckCases(f, *cases) {
			show(r, err)
		}
	}
	for _, p := range fs.Args() {
		for r, err := range c.Check(p) {
			show(r, err)
		}
	}
	os.Exit(code)
}
