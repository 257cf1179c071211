package absint

import (
	"fmt"
	"sort"
)

// Rule is the number of a verifier expectation: 5 stands for V5.
type Rule uint8

// String returns the rule's name.
func (r Rule) String() string { return fmt.Sprintf("V%d", uint8(r)) }

// The rules (docs/EXPECTATIONS.md).
const (
	Uninitialised   Rule = 1
	StackBounds     Rule = 2
	SpillIntegrity  Rule = 3
	ContextAccess   Rule = 4
	PacketBounds    Rule = 5
	NullCheck       Rule = 6
	MapBounds       Rule = 7
	MapObject       Rule = 8
	PointerArith    Rule = 9
	PointerLeak     Rule = 10
	Alignment       Rule = 11
	References      Rule = 12
	Termination     Rule = 13
	ControlFlow     Rule = 14
	HelperAvailable Rule = 15
	HelperArgs      Rule = 16
	ExitValue       Rule = 17
	Frames          Rule = 18
	TailCall        Rule = 19
	Callbacks       Rule = 20
	ArithSafety     Rule = 21
	PacketLoads     Rule = 22
	OnePointerClass Rule = 24
	ReadOnlyMemory  Rule = 25
	TracingArgs     Rule = 26
	CallClobbers    Rule = 27
	Locks           Rule = 29
	SpecialFields   Rule = 33
	Dynptrs         Rule = 34
	Iterators       Rule = 35
	Regions         Rule = 36
	Exceptions      Rule = 37
	Kfuncs          Rule = 38
	BTFPointers     Rule = 39
	GlobalFuncs     Rule = 41
	Sleeping        Rule = 44
	StructOps       Rule = 45
	Limits          Rule = 46
)

// Class tells what an obligation protects.
type Class string

// Safety obligations protect memory, types and termination; policy obligations
// are what a target demands beyond that.
const (
	Safety Class = "safety"
	Policy Class = "policy"
)

// Status says how sure a diagnostic is.
type Status string

// Refuted: the rule is broken for certain. Open: it could not be proved.
const (
	Refuted Status = "refuted"
	Open    Status = "open"
)

// Diagnostic is an obligation that was not discharged.
type Diagnostic struct {
	Rule    string `json:"rule"`
	Class   Class  `json:"kind"`
	PC      int    `json:"pc"`
	Message string `json:"message"`
	// Help says what would discharge the obligation, "" if nothing simple does.
	Help   string `json:"help,omitempty"`
	Status Status `json:"status"`
	// State lists the values that matter at the instruction.
	State []string `json:"state,omitempty"`
}

// obligation identifies what has to be shown at an instruction.
type obligation struct {
	pc   int32
	rule Rule
}

// ledger collects obligations that are not discharged. It formats messages only
// when told to, since a strategy may raise alarms that a later one takes back.
type ledger struct {
	open map[obligation]*Diagnostic
	// only, if not nil, restricts the ledger to these obligations and to those of
	// instructions in suspended.
	only map[obligation]*Diagnostic
	// suspended marks the instructions that were judged with a value that is the
	// result of a failed obligation: nothing is proved of them.
	suspended []bool
	explain   bool
}

func newLedger(insns int) *ledger {
	return &ledger{open: map[obligation]*Diagnostic{}, suspended: make([]bool, insns)}
}

// alarm records that the obligation is open. It returns a diagnostic for the
// caller to fill in, or nil where nobody will read it.
func (l *ledger) alarm(pc int, rule Rule, class Class) *Diagnostic {
	o := obligation{int32(pc), rule}
	if l.only != nil {
		if _, ok := l.only[o]; !ok && !l.suspended[pc] {
			return nil
		}
	}
	if _, ok := l.open[o]; ok {
		return nil
	}
	if !l.explain {
		l.open[o] = nil
		return nil
	}
	d := &Diagnostic{Rule: rule.String(), Class: class, PC: pc, Status: Open}
	l.open[o] = d
	return d
}

// suspend records that an instruction was not judged, because a value it uses
// is poisoned.
func (l *ledger) suspend(pc int) {
	if l.only == nil {
		l.suspended[pc] = true
	}
}

// suspendAll makes every instruction count as not judged.
func (l *ledger) suspendAll() {
	for pc := range l.suspended {
		l.suspend(pc)
	}
}

// sorted returns the filled diagnostics by instruction and rule.
func (l *ledger) sorted() []Diagnostic {
	var ds []Diagnostic
	for o, d := range l.open {
		if d == nil {
			d = &Diagnostic{Rule: o.rule.String(), Class: Safety, PC: int(o.pc), Status: Open,
				Message: "this could not be shown to hold"}
		}
		ds = append(ds, *d)
	}
	sort.Slice(ds, func(i, j int) bool {
		if ds[i].PC != ds[j].PC {
			return ds[i].PC < ds[j].PC
		}
		return ds[i].Rule < ds[j].Rule
	})
	return ds
}
