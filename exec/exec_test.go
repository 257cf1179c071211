package exec

import (
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// TestLoadRefuses: what cannot be run gives one clear error.
func TestLoadRefuses(t *testing.T) {
	exit := []isa.Instruction{{Op: isa.OpExit}}
	for want, c := range map[string]struct {
		p *loader.Program
		o Options
	}{
		"no target":         {&loader.Program{Insns: exit}, Options{}},
		"no instructions":   {&loader.Program{}, Options{Target: target}},
		"big-endian":        {&loader.Program{Insns: exit, BigEndian: true}, Options{Target: target}},
		`program type "xd"`: {&loader.Program{Insns: exit, Type: "xd"}, Options{Target: target}},
		"broken relocation": {&loader.Program{Insns: exit, Problem: "broken relocation"}, Options{Target: target}},
	} {
		if _, err := (Interpreter{}).Load(c.p, c.o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestFaultText: faults name their rule.
func TestFaultText(t *testing.T) {
	for f, want := range map[Fault]string{NoFault: "", MapBounds: "V7: map value out of bounds", Exhausted: "too many objects"} {
		if b, _ := f.MarshalText(); string(b) != want {
			t.Errorf("%q, want %q", b, want)
		}
	}
	if s := numFaults.String(); !strings.HasPrefix(s, "fault ") || numFaults.Rule() != 0 {
		t.Errorf("unknown fault: %q", s)
	}
}
