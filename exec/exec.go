package exec

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Executor runs programs. The interpreter, the compiler and the kernel are ones.
type Executor interface {
	// Name is what --executor calls it: "interp".
	Name() string
	// Load prepares a program. It fails if the executor cannot run it at all.
	Load(p *loader.Program, opts Options) (Runnable, error)
}

// Runnable is a program that was loaded. Run may be called by several goroutines
// at once.
type Runnable interface {
	Run(in *Input) Outcome
}

// Options steer loading.
type Options struct {
	// Target gives program types, helpers and map types. Nil is an error.
	Target platform.Target
	// Raw: the program takes a block of memory (Input.Data) and its length instead of
	// a context, and the helpers of the bpf_conformance suite instead of Target's.
	// A program without a type is raw.
	Raw bool
	// Programs are those that tail calls may go to, by name; nil: those of the same
	// object and type.
	Programs map[string]*loader.Program
}

// DefaultFuel is the number of instructions that a run may take by default.
const DefaultFuel = 1 << 26

// Input is everything that a run depends on. The zero value is a run over no data
// with seed 0.
type Input struct {
	// Seed decides what a kernel would: time, random numbers, identities, the
	// contents of kernel memory, results of helpers without a model.
	Seed uint64
	// Data is the packet from its link-layer header on, as bpf(2)'s test run takes it,
	// but of any length: kernels promise programs no minimum; raw memory of a raw program; the buffer of a syscall program.
	Data []byte
	// Fragments is how many of the last bytes of the packet lie outside of its linear
	// part: before data_end come only the others.
	Fragments int
	// Context is written over the start of the context where that holds plain fields.
	Context []byte
	// Maps gives maps their contents by name; the key of an array is its index in four
	// bytes. Later entries for the same key win. Maps without an entry start empty.
	Maps map[string][]Entry
	// Lazy: what Maps does not say of the contents the seed decides, element by
	// element when the program first asks: whether it exists, and its value. So a run
	// gets past lookups of keys that nobody could have foreseen.
	Lazy bool
	// Results are taken, one each, by the helpers whose scalar result the kernel
	// decides (time, random numbers, identities, no model); then the seed decides.
	Results []uint64
	// Fuel bounds the instructions of the run; 0 is DefaultFuel. It is looked at where
	// a jump goes backwards and at calls of subprograms and callbacks.
	Fuel int64
	// MayGoto is how often may_goto falls through; 0 is Linux's 2^23.
	MayGoto int
	// Observe is called before each instruction, if not nil.
	Observe func(*Observation)
	// Report is filled if not nil.
	Report *Report
}

// Entry is an element of a map before the run. The value of a per-CPU map may be
// one value, which all CPUs get. For a map that holds maps Inner is its contents.
type Entry struct {
	Key, Value []byte
	Inner      []Entry
}

// Outcome is what a run did. Two executors agree on an Input if their outcomes are
// equal with ==.
type Outcome struct {
	R0    uint64
	Fault Fault
	// PC is the slot of the last instruction run.
	PC int
	// Steps is the number of instructions run.
	Steps int64
	// Hash is over the memory that a run leaves: packet, context, maps.
	Hash uint64
}

// Report tells more of a run than its outcome.
type Report struct {
	// Notes say what was not modelled, each once: "helper fib_lookup: result by its
	// contract only". In order of appearance.
	Notes []string
	// Address is what the faulting access went to, 0 for other faults.
	Address uint64
	// Detail explains a fault in words, "" for none.
	Detail string
	// Packet is the packet after the run.
	Packet []byte
	// Values are the maps' contents after the run, by name, in a fixed order.
	Values map[string][]Entry
	// Log is what the program printed and sent: trace_printk, perf and ring buffers.
	Log []string
}

// maxReport bounds notes and log of a report.
const maxReport = 256

// Interpreter is the reference executor.
type Interpreter struct{}

var _ Executor = Interpreter{}

// Name implements Executor.
func (Interpreter) Name() string { return "interp" }

// program is a loaded program. What Load leaves is never changed, but for what mu
// guards, so that runs may go on at once.
type program struct {
	opts    Options
	main    *loader.Program
	kind    *platform.ProgType // nil: raw
	ctx     platform.Context
	maps    []*loader.Map
	mapNums map[*loader.Map]int
	tails   map[string]*loader.Program
	plain   *Code
	engine  Engine
	pool    sync.Pool // of *Machine

	mu    sync.Mutex
	codes map[codeKey]*Code // observed, and targets of tail calls
}

type codeKey struct {
	prog    *loader.Program
	observe bool
}

// Bounds on what a program may ask for.
const (
	maxMaps  = 1 << 10
	maxInsns = 1 << 24
)

// Load implements Executor.
func (Interpreter) Load(prog *loader.Program, opts Options) (Runnable, error) {
	return LoadWith(straightLoop{}, prog, opts)
}

// LoadWith prepares a program for an executor that has a fast engine of its own.
func LoadWith(e Engine, prog *loader.Program, opts Options) (Runnable, error) {
	p, err := newProgram(prog, opts)
	if err != nil {
		return nil, err
	}
	p.engine = e
	if err := e.Compile(p.plain); err != nil {
		return nil, err
	}
	return p, nil
}

func newProgram(prog *loader.Program, opts Options) (*program, error) {
	switch {
	case opts.Target == nil:
		return nil, errors.New("exec: no target")
	case prog.Problem != "":
		return nil, fmt.Errorf("exec: %s", prog.Problem)
	case prog.BigEndian:
		return nil, errors.New("exec: the program is for a big-endian machine")
	case len(prog.Insns) == 0:
		return nil, errors.New("exec: the program has no instructions")
	case len(prog.Insns) > maxInsns:
		return nil, fmt.Errorf("exec: %d instructions", len(prog.Insns))
	case len(prog.Maps) > maxMaps:
		return nil, fmt.Errorf("exec: %d maps", len(prog.Maps))
	}
	p := &program{opts: opts, main: prog, mapNums: map[*loader.Map]int{}, codes: map[codeKey]*Code{}}
	if !opts.Raw && prog.Type != "" {
		kind, ok := opts.Target.ProgType(prog.Type)
		if !ok {
			return nil, fmt.Errorf("exec: %s has no program type %q", opts.Target.Name(), prog.Type)
		}
		p.kind, p.ctx = kind, opts.Target.Context(kind, prog.Attach)
	}
	for _, m := range prog.Maps {
		p.mapNumber(m)
	}
	p.findTails()
	if len(p.maps) > maxMaps {
		return nil, fmt.Errorf("exec: %d maps", len(p.maps))
	}
	for _, m := range p.maps {
		if err := checkMap(m); err != nil {
			return nil, fmt.Errorf("exec: map %q: %w", m.Name, err)
		}
	}
	p.plain = p.compile(prog, false)
	return p, nil
}

// findTails collects the programs that tail calls may go to, and their maps.
func (p *program) findTails() {
	hasArray := false
	for _, m := range p.main.Maps {
		hasArray = hasArray || m.Type == "prog_array" || (m.Inner != nil && m.Inner.Type == "prog_array")
	}
	if !hasArray {
		return
	}
	p.tails = p.opts.Programs
	if p.tails == nil && p.main.Object != nil {
		p.tails = map[string]*loader.Program{}
		for _, q := range p.main.Object.Programs {
			if q.Type == p.main.Type {
				p.tails[q.Name] = q
			}
		}
	}
	names := make([]string, 0, len(p.tails))
	for name := range p.tails {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, m := range p.tails[name].Maps {
			p.mapNumber(m)
		}
	}
}

// mapNumber numbers the maps of a program.
func (p *program) mapNumber(m *loader.Map) int {
	n, ok := p.mapNums[m]
	if !ok {
		n = len(p.maps)
		p.mapNums[m] = n
		p.maps = append(p.maps, m)
	}
	return n
}

// code returns the internal form of a program, with or without observation.
func (p *program) code(prog *loader.Program, observe bool) *Code {
	if prog == p.main && !observe {
		return p.plain
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := codeKey{prog, observe}
	c := p.codes[key]
	if c == nil {
		c = p.compile(prog, observe)
		if p.engine.Compile(c) != nil { // a run that comes here ends loudly
			c = &Code{prog: prog, insns: []insn{trap(NotModelled)}, pcs: []int32{0}, index: make([]int32, len(prog.Insns)+1)}
		}
		p.codes[key] = c
	}
	return c
}

// tail returns the program of a given name that a tail call may go to, nil if
// there is none that could be loaded.
func (p *program) tail(name string, observe bool) *Code {
	q := p.tails[name]
	if q == nil || q.Problem != "" || len(q.Insns) == 0 || len(q.Insns) > maxInsns {
		return nil
	}
	return p.code(q, observe)
}

// Run implements Runnable.
func (p *program) Run(in *Input) Outcome {
	m, _ := p.pool.Get().(*Machine)
	if m == nil {
		m = newMachine(p)
	}
	defer p.pool.Put(m)
	return m.run(in)
}
