package exec

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// CaseRun is what one run entry of a case gave; one line of
// "bpfcheck run --cases FILE --format json".
type CaseRun struct {
	ID  string `json:"id"`
	Run int    `json:"run"`
	// R0 is what bpf(2)'s test run would return: the low half of the register.
	R0    uint64 `json:"r0"`
	Fault Fault  `json:"fault"`
	Steps int64  `json:"steps"`
	// Want is the result the case asks for, if Checked.
	Want    uint64 `json:"-"`
	Checked bool   `json:"-"`
	// Outcome is all of it.
	Outcome Outcome `json:"-"`
}

// OK reports whether the run gave what the case asks for.
func (r *CaseRun) OK() bool {
	return r.Fault == NoFault && (!r.Checked || r.R0 == r.Want)
}

// RunCase runs a case on every input that it has. A case without runs gives none.
func RunCase(e Executor, c *loader.Case, opts Options) ([]CaseRun, error) {
	if len(c.Runs) == 0 {
		return nil, nil
	}
	env := caseEnvironment(c.Program)
	opts.Programs = env.programs
	r, err := e.Load(c.Program, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Program.ID, err)
	}
	out := make([]CaseRun, 0, len(c.Runs))
	for i, run := range c.Runs {
		o := r.Run(&Input{Data: run.Data, Maps: env.maps})
		out = append(out, CaseRun{
			ID: c.Program.ID, Run: i, R0: low(o.R0), Fault: o.Fault, Steps: o.Steps,
			Want: low(run.R0), Checked: !run.NoR0, Outcome: o,
		})
	}
	return out, nil
}

// RunCases runs the cases of a file one after the other and yields a result for each
// entry of their runs. A line that cannot be read, and a case that cannot be loaded,
// yield an error and no result; what follows still comes.
func RunCases(e Executor, r io.Reader, name string, opts Options) iter.Seq2[CaseRun, error] {
	return func(yield func(CaseRun, error) bool) {
		for c, err := range loader.LoadCases(r, name, loader.Options{Target: opts.Target}) {
			var runs []CaseRun
			if err == nil {
				runs, err = RunCase(e, c, opts)
			}
			if err != nil && !yield(CaseRun{}, err) {
				return
			}
			for _, run := range runs {
				if !yield(run, nil) {
					return
				}
			}
		}
	}
}

// low is the half of R0 that a test run returns.
func low(x uint64) uint64 { return isa.Eval(isa.Mov, isa.W32, 0, x) }

// environment is what the runner of the case files sets up around their programs.
type environment struct {
	maps     map[string][]Entry
	programs map[string]*loader.Program
}

// Results of the programs that the runner puts into program arrays: a plain one, one
// that calls itself through the array until the limit of tail calls, and another
// plain one.
const (
	firstTail  = 42
	loopTail   = 41
	secondTail = 24
)

// caseEnvironment gives the maps of a case the contents that its recorded results
// were made with: the first value of an array of 48-byte values begins with 28 and
// has 0xabcdef12 at byte 28; indexes 0 to 2 of a program array hold programs.
func caseEnvironment(p *loader.Program) environment {
	env := environment{maps: map[string][]Entry{}, programs: map[string]*loader.Program{}}
	zero := make([]byte, 4)
	for i, m := range p.Maps {
		switch {
		case m.Type == "array" && m.ValueSize == 48:
			v := make([]byte, 48)
			binary.LittleEndian.PutUint32(v, 28)
			binary.LittleEndian.PutUint32(v[28:], 0xabcdef12)
			env.maps[m.Name] = []Entry{{Key: zero, Value: v}}
		case m.Type == "prog_array":
			for k, q := range tailPrograms(p, i) {
				q.Name = fmt.Sprintf("%s.%d", m.Name, k)
				env.programs[q.Name] = q
				env.maps[m.Name] = append(env.maps[m.Name], Entry{
					Key: binary.LittleEndian.AppendUint32(nil, uint32(k)), Value: []byte(q.Name),
				})
			}
		}
	}
	return env
}

// tailPrograms makes the three programs; array is the number of the program array
// among the maps of p.
func tailPrograms(p *loader.Program, array int) []*loader.Program {
	plain := func(r0 int32) *loader.Program {
		return &loader.Program{Type: p.Type, Insns: []isa.Instruction{
			{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R0, Imm: r0},
			{Op: isa.OpExit},
		}}
	}
	loop := &loader.Program{
		Type: p.Type, Maps: p.Maps, Refs: []loader.Ref{{Insn: 1, Kind: loader.RefMap, Map: array}},
		Insns: []isa.Instruction{
			{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R3, Imm: 1},
			{Op: isa.OpLdImm64, Dst: isa.R2, Src: isa.PseudoMapFD},
			{},
			{Op: isa.OpCall, Imm: 12},
			{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R0, Imm: loopTail},
			{Op: isa.OpExit},
		},
	}
	return []*loader.Program{plain(firstTail), loop, plain(secondTail)}
}

// RunRaw runs a program of the bpf_conformance suite: on memory, with the stack
// and nothing else.
func RunRaw(e Executor, insns []isa.Instruction, memory []byte, opts Options) (Outcome, error) {
	opts.Raw = true
	r, err := e.Load(&loader.Program{Insns: insns}, opts)
	if err != nil {
		return Outcome{}, err
	}
	return r.Run(&Input{Data: memory}), nil
}

// RunHex is RunRaw on the text that a bpf_conformance plugin gets: memory and
// program in hexadecimal, their bytes possibly separated by blanks.
func RunHex(e Executor, memory, program string, opts Options) (Outcome, error) {
	mem, err := parseHex(memory)
	if err != nil {
		return Outcome{}, fmt.Errorf("memory: %w", err)
	}
	raw, err := parseHex(program)
	if err != nil {
		return Outcome{}, fmt.Errorf("program: %w", err)
	}
	insns, err := isa.Decode(raw, false)
	if err != nil {
		return Outcome{}, err
	}
	return RunRaw(e, insns, mem, opts)
}

func parseHex(s string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(s), ""))
}
