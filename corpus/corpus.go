// Package corpus is the project's own programs, with the verdict that each must get.
//
// The idea: a rule of the verifier is worth what tells it from its neighbours, so
// each has programs that must be refused and, next to them, programs that differ
// in as little as possible and must be proved. Small ones are text (asm/*.bpf, one
// file a rule), whole ones are C with their objects (c/). Whatever is in those
// folders is in the lists that All and Objects return, and whatever is in the
// lists is tested: against the analysis, and against the Linux of the machine
// where bpf(2) is permitted.
//
// The source: the rules are those of docs/EXPECTATIONS.md; the programs are our own.
//
// The trap: a program that is refused for another reason than the one it was
// written for tests nothing. An expected diagnostic therefore stands at its
// instruction, expectations are exact both ways, and one at an instruction that
// cannot be reached is an error.
//
// # Text files
//
// A file holds several programs in the syntax of isa.Assemble. "#" and "//" start
// prose. ";" starts a directive and nothing else. A program begins with
//
//	; program NAME
//
// and goes on with lines that say how it is loaded and judged, in any order:
//
//	; type xdp                    the default is socket_filter
//	; attach 8                    expected attach type, the kernel's number
//	; attach_to task_newtask      the traced function or event
//	; license Proprietary         the default is GPL
//	; unprivileged                without CAP_PERFMON
//	; strict-alignment
//	; sleepable
//	; map NAME TYPE key=4 value=8 entries=16 flags=0x80 inner=NAME frozen data=HEX
//	                              spin_lock=0 or timer=8: a special field of the value, at this offset
//	; expect safe                 or reject; required
//	; linux reject "REGEXP"       what Linux 6.18 does, and its message
//	; because TEXT                why Linux is wrong, where it differs
//	; gap TEXT                    safe, but not proved yet, and why
//
// and ends with its instructions. A call of a name that is no label and no helper is
// one of a kernel function, whose number is looked up where the program is loaded.
// Each instruction may carry
//
//	; want V7 "REGEXP"            a diagnostic of this rule; V7|V9: of one of these;
//	                              I10 and its like are rules of the instruction set
//	; inv r2 in [0, 63]           before the instruction r2 is in these bounds, which
//	                              the analysis has to know as well or better
//
// Without "; linux", Linux is expected to agree.
package corpus

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"sync"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

//go:embed asm/*.bpf
var asmFiles embed.FS

// Target is the platform that the expectations are written for.
func Target() platform.Target { return linux.New(platform.V(6, 18)) }

// Program is one program of a text file and what is expected of it.
type Program struct {
	// File and Line say where it begins, Name is unique: "v01/read_unset".
	File string
	Line int
	Name string
	// Load is the program as an analysis takes it. It is shared: do not change it.
	Load *loader.Program

	// Safe: it must be proved safe; otherwise it must not be.
	Safe bool
	// Gap says why a safe program is not proved yet, "" if it is.
	Gap string
	// Linux is what Linux 6.18 makes of it.
	Linux Linux
	Wants []Want
	Invs  []Inv
	// Lines has the line of each slot in File.
	Lines []int
}

// Linux is a verdict of the kernel.
type Linux struct {
	Accept bool
	// Message matches the kernel's log of a rejection, nil if nothing is said of it.
	Message *regexp.Regexp
	// Because says why the kernel differs from us, "" if it agrees.
	Because string
}

// Want is an expected diagnostic.
type Want struct {
	PC, Line int
	// Rules are the acceptable rules: "V5".
	Rules []string
	// Message matches the diagnostic's, nil if any will do.
	Message *regexp.Regexp
}

// Inv is a fact that holds before the instruction at PC and that the analysis has
// to find: Reg is in [Min, Max], compared as signed if Signed.
type Inv struct {
	PC, Line int
	Reg      isa.Reg
	Min, Max uint64
	Signed   bool
}

// All returns the programs of all text files, by file and line.
func All() ([]*Program, error) { return parseAll() }

var parseAll = sync.OnceValues(func() ([]*Program, error) {
	entries, err := asmFiles.ReadDir("asm")
	if err != nil {
		return nil, err
	}
	var all []*Program
	names := map[string]string{}
	for _, e := range entries {
		file := path.Join("asm", e.Name())
		text, err := asmFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		ps, err := Parse(file, string(text), Target())
		if err != nil {
			return nil, err
		}
		for _, p := range ps {
			if at, twice := names[p.Name]; twice {
				return nil, fmt.Errorf("%s:%d: program %s is in %s too", p.File, p.Line, p.Name, at)
			}
			names[p.Name] = p.File
			all = append(all, p)
		}
	}
	return all, nil
})
