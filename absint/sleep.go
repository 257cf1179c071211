package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/loader"
)

// Programs that may sleep (V44): only some kinds can, one kind must, and they may
// not use maps whose memory only RCU keeps from being freed.

// checkSleeping checks what can be told from the program as a whole.
func (a *analysis) checkSleeping() {
	refuse := func(pc int, format string, args ...any) {
		a.refuted(pc, Sleeping.String(), Policy, fmt.Sprintf(format, args...))
	}
	switch {
	case !a.prog.Sleepable && a.pt.Name == "syscall":
		refuse(0, "programs of type syscall have to be loaded as ones that may sleep")
	case !a.prog.Sleepable:
	case !a.maySleepAt():
		refuse(0, "programs of type %s, attached like this, may not sleep", a.pt.Name)
	default:
		for _, r := range a.prog.Refs {
			if r.Kind != loader.RefMap && r.Kind != loader.RefMapValue {
				continue
			}
			if t, ok := a.target.MapType(a.maps[r.Map].Type); ok && !t.Sleepable {
				refuse(r.Insn, "programs that may sleep may not use map %q of type %s", a.maps[r.Map].Name, t.Name)
			}
		}
	}
}

// maySleepAt reports whether programs of this type and attach type can sleep.
func (a *analysis) maySleepAt() bool {
	if a.pt.Name == "tracing" {
		switch a.prog.Attach {
		case attachFentry, attachFexit, attachModifyReturn, attachIter:
			return true
		}
		return false
	}
	return a.pt.Sleepable
}
