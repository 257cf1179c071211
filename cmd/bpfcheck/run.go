package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/btfcheck/objcheck"
	"github.com/bpfcheck/bpfcheck/corpus/diff"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

var runVerb = verb{
	name: "run", synopsis: "[flags] OBJ PROG  |  --cases FILE", summary: "run a program on a packet and map contents",
	about: `
OBJ is a BPF object or a text file of programs (.bpf), PROG one of its programs. The
run depends on nothing but the flags: everything that a kernel would decide comes
from --seed. The executor kernel loads the program into this machine's kernel and
test-runs it; nothing is attached.

With --cases every entry of "runs" of each case is run; --format json prints
{"id","run","r0","fault","steps"} a line.

A map's file has a line an element: key and value as hexadecimal digits.

Exit status: 0 the runs end without a fault and as the cases say, 1 some does not,
2 wrong usage or input that cannot be read.`,
	new: func() command { return &runCmd{maps: map[string]string{}} },
}

type runCmd struct {
	executor, format, target, cases string
	data, pcap, input, context      string
	maps                            map[string]string
	seed                            uint64
	fuel                            int64
	verbose                         bool

	bad bool
}

func (r *runCmd) flags(fs *flag.FlagSet) {
	fs.StringVar(&r.executor, "executor", "interp", "run on this `EXECUTOR`: interp, jit or kernel")
	fs.StringVar(&r.format, "format", "text", "`FORMAT` of the output: text, or json for one object a run and line")
	fs.StringVar(&r.target, "target", bpfcheck.DefaultTarget, "run as on this `TARGET`; default "+bpfcheck.DefaultTarget)
	fs.StringVar(&r.cases, "cases", "", "run the cases of this `FILE`, one JSON object a line; - is standard input")
	fs.StringVar(&r.data, "data", "", "`FILE` with the bytes of the packet, from its link-layer header on")
	fs.StringVar(&r.pcap, "pcap", "", "run on each packet of this `FILE` in pcap format")
	fs.StringVar(&r.context, "context", "", "`FILE` with the first bytes of the context")
	fs.StringVar(&r.input, "input", "", "`FILE` with a whole input, as the verb diff writes it")
	fs.Func("map", "`NAME=FILE`: contents of a map; may be repeated", func(s string) error {
		name, file, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want NAME=FILE")
		}
		r.maps[name] = file
		return nil
	})
	fs.Uint64Var(&r.seed, "seed", 0, "`N` decides what a kernel would: time, random numbers, identities")
	fs.Int64Var(&r.fuel, "fuel", 0, "stop a run after `N` instructions; 0 is the default limit")
	fs.BoolVar(&r.verbose, "verbose", false, "print the packet, the maps and what was not modelled")
}

func (r *runCmd) run(e *env, args []string) int {
	if r.format != "text" && r.format != "json" {
		return e.fail("run: --format %q: choose text or json", r.format)
	}
	ex, err := executor(r.executor)
	if err != nil {
		return e.fail("run: %v", err)
	}
	target, err := linux.Lookup(r.target)
	if err != nil {
		return e.fail("%v", err)
	}
	opts := exec.Options{Target: target}
	switch {
	case r.cases != "" && len(args) > 0:
		return e.fail("run: --cases and OBJ exclude each other")
	case r.cases != "":
		return r.runCases(e, ex, opts)
	case len(args) != 2:
		return e.fail("run: want OBJ and PROG, found %d arguments; see 'bpfcheck help run'", len(args))
	}
	p, err := findProgram(args[0], args[1], target)
	if err != nil {
		return e.fail("%v", err)
	}
	inputs, err := r.inputs()
	if err != nil {
		return e.fail("run: %v", err)
	}
	run, err := ex.Load(p, opts)
	if err != nil {
		return e.fail("%s: %s: %v", args[0], p.Name, err)
	}
	for i, in := range inputs {
		var report exec.Report
		in.Report = &report
		out := run.Run(in)
		if code := r.print(e, exec.CaseRun{ID: p.Name, Run: i, R0: out.R0, Fault: out.Fault, Steps: out.Steps, Outcome: out}, &report); code != exitSafe {
			return code
		}
	}
	return r.status()
}

func (r *runCmd) status() int {
	if r.bad {
		return exitNotSafe
	}
	return exitSafe
}

// findProgram loads one program of an object or a text file.
func findProgram(path, name string, target platform.Target) (*loader.Program, error) {
	opts := loader.Options{Target: target}
	if raw, err := objcheck.ReadBTF(bpfcheck.HostBTF); err == nil {
		opts.KernelBTF = raw
	}
	var names []string
	match := func(p *loader.Program, short string) bool {
		names = append(names, short)
		return short == name || p.Name == name
	}
	if filepath.Ext(path) == ".bpf" {
		tasks, err := readTasks(path, opts)
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			if _, short, _ := strings.Cut(t.Program.Name, "/"); match(t.Program, short) {
				return t.Program, nil
			}
		}
		return nil, fmt.Errorf("%s: no program %q: choose one of %s", path, name, strings.Join(names, ", "))
	}
	objects, err := loader.Load(path, opts)
	if err != nil && len(objects) == 0 {
		return nil, err
	}
	for _, o := range objects {
		for _, p := range o.Programs {
			if match(p, p.Name) {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("%s: no program %q: choose one of %s", path, name, strings.Join(names, ", "))
}

// maxInput bounds the files that a run reads.
const maxInput = 64 << 20

// inputs reads packet, context and maps.
func (r *runCmd) inputs() ([]*exec.Input, error) {
	in := &exec.Input{Seed: r.seed, Fuel: r.fuel}
	if r.input != "" {
		b, err := readInput(r.input)
		if err != nil {
			return nil, err
		}
		var f diff.InputFile
		if err := json.Unmarshal(b, &f); err != nil {
			return nil, fmt.Errorf("%s: %w", r.input, err)
		}
		if in, err = f.Input(); err != nil {
			return nil, fmt.Errorf("%s: %w", r.input, err)
		}
	}
	var err error
	if r.data != "" {
		if in.Data, err = readInput(r.data); err != nil {
			return nil, err
		}
	}
	if r.context != "" {
		if in.Context, err = readInput(r.context); err != nil {
			return nil, err
		}
	}
	for name, file := range r.maps {
		entries, err := readMap(file)
		if err != nil {
			return nil, err
		}
		if in.Maps == nil {
			in.Maps = map[string][]exec.Entry{}
		}
		in.Maps[name] = entries
	}
	if r.pcap == "" {
		return []*exec.Input{in}, nil
	}
	packets, err := readPcap(r.pcap)
	var all []*exec.Input
	for _, data := range packets {
		one := *in
		one.Data = data
		all = append(all, &one)
	}
	return all, err
}

func readInput(name string) ([]byte, error) {
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("%s: more than %d bytes", name, maxInput)
	}
	return b, err
}

// readMap reads lines of key and value.
func readMap(name string) (entries []exec.Entry, err error) {
	b, err := readInput(name)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxInput)
	for n := 1; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if len(f) == 0 {
			continue
		}
		if len(f) != 2 {
			return nil, fmt.Errorf("%s:%d: want a key and a value", name, n)
		}
		key, err := hex.DecodeString(f[0])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: key: %w", name, n, err)
		}
		value, err := hex.DecodeString(f[1])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: value: %w", name, n, err)
		}
		entries = append(entries, exec.Entry{Key: key, Value: value})
	}
	return entries, lines.Err()
}

// readPcap reads the packets of a file in the classic pcap format, of either byte
// order.
func readPcap(name string) (packets [][]byte, err error) {
	b, err := readInput(name)
	if err != nil {
		return nil, err
	}
	const header, record = 24, 16
	if len(b) < header {
		return nil, fmt.Errorf("%s: no pcap file: it has %d bytes", name, len(b))
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch magic := order.Uint32(b); magic {
	case 0xa1b2c3d4, 0xa1b23c4d:
	case 0xd4c3b2a1, 0x4d3cb2a1:
		order = binary.BigEndian
	default:
		return nil, fmt.Errorf("%s: no pcap file: it begins with %#x", name, magic)
	}
	for off := header; off < len(b); {
		if len(b)-off < record {
			return packets, fmt.Errorf("%s: offset %#x: the file ends within a packet's header", name, off)
		}
		n := int64(order.Uint32(b[off+8:]))
		off += record
		if n > int64(len(b)-off) {
			return packets, fmt.Errorf("%s: offset %#x: a packet of %d bytes, but the file ends", name, off, n)
		}
		packets = append(packets, b[off:off+int(n)])
		off += int(n)
	}
	return packets, nil
}

// runCases runs the cases of a file.
func (r *runCmd) runCases(e *env, ex exec.Executor, opts exec.Options) int {
	in, name := e.stdin, "<stdin>"
	if r.cases != "-" {
		f, err := openFile(r.cases)
		if err != nil {
			return e.fail("%v", err)
		}
		defer f.Close()
		in, name = f, r.cases
	}
	failed := false
	for c, err := range loader.LoadCases(in, name, loader.Options{Target: opts.Target}) {
		if err != nil {
			e.fail("%v", err)
			failed = true
			continue
		}
		runs, err := exec.RunCase(ex, c, opts)
		if err != nil {
			e.fail("%v", err)
			failed = true
			continue
		}
		for i := range runs {
			if code := r.print(e, runs[i], nil); code != exitSafe {
				return code
			}
		}
	}
	if failed {
		return exitError
	}
	return r.status()
}

// print writes one run.
func (r *runCmd) print(e *env, c exec.CaseRun, report *exec.Report) int {
	r.bad = r.bad || !c.OK()
	if r.format == "json" {
		b, err := json.Marshal(c)
		if err != nil {
			return e.fail("%v", err)
		}
		return e.write(string(b) + "\n")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: run %d: ", printable(c.ID), c.Run)
	switch {
	case c.Fault != exec.NoFault:
		fmt.Fprintf(&b, "fault at instruction %d after %d: %s", c.Outcome.PC, c.Steps, c.Fault)
		if report != nil && report.Detail != "" && report.Detail != c.Fault.String() {
			fmt.Fprintf(&b, " (%s)", printable(report.Detail))
		}
	case c.Checked && c.R0 != c.Want:
		fmt.Fprintf(&b, "r0 = %d (%#x) after %d instructions, but %d (%#x) is expected", c.R0, c.R0, c.Steps, c.Want, c.Want)
	case c.Steps == 0: // the kernel does not count
		fmt.Fprintf(&b, "r0 = %d (%#x)", c.R0, c.R0)
	default:
		fmt.Fprintf(&b, "r0 = %d (%#x) after %d instructions", c.R0, c.R0, c.Steps)
	}
	b.WriteString("\n")
	if r.verbose && report != nil {
		writeReport(&b, report)
	}
	return e.write(b.String())
}

func writeReport(b *strings.Builder, r *exec.Report) {
	if len(r.Packet) > 0 {
		fmt.Fprintf(b, "  packet %x\n", r.Packet)
	}
	var names []string
	for name := range r.Values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, x := range r.Values[name] {
			fmt.Fprintf(b, "  %s %x %x\n", printable(name), x.Key, x.Value)
		}
	}
	for _, l := range r.Log {
		fmt.Fprintf(b, "  log %s\n", printable(l))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "  note: %s\n", printable(n))
	}
}
