package diff

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/loader"
)

// rightAgainstLinux are the shared cases that Linux 6.18 refuses and bpfcheck
// proves safe, each with the reason why it is. docs/LINUX.md tells more.
var rightAgainstLinux = map[string]string{
	"expect/V13.5":              "the loop ends after two million rounds; Linux looks at one million instructions and gives up",
	"expect/V13.6":              "a counter to 10; Linux follows a mispredicted branch, which changes no register",
	"linux-6.1/bounds.c#12":     "w2 is 32, a 32-bit shift by it is a shift by 0, so the offset is 1",
	"linux-6.1/spill_fill.c#12": "the upper half of a stack slot holds the constant 20, which is compared with data_end",
	"linux-6.1/unpriv.c#17":     "the context is never null, so only the stack pointer arrives at the store",
}

// TestRightAgainstLinux runs every shared case that Linux refuses and bpfcheck
// proves safe: none may fault, and each must be explained above.
func TestRightAgainstLinux(t *testing.T) {
	c := config(t)
	c.MaxInsns = 0
	seen := map[string]bool{}
	for _, name := range []string{"expectations.jsonl", "linux-verifier.jsonl"} {
		f, err := os.Open(filepath.Join("../../../shared/cases", name))
		if err != nil {
			t.Skip("needs ../shared/cases, which a user's checkout does not have")
		}
		defer f.Close()
		for cs, err := range loader.LoadCases(f, name, loader.Options{Target: c.Target}) {
			if err != nil {
				t.Fatal(err)
			}
			id := cs.Program.ID
			if cs.Expect != "reject" || absint.Analyze(cs.Program, c).Verdict != absint.Safe {
				continue
			}
			seen[id] = true
			if rightAgainstLinux[id] == "" {
				t.Errorf("%s (%s): Linux refuses it (%s), bpfcheck proves it safe, and nobody said why", id, cs.Program.Descr, cs.Message)
			}
			run, err := exec.Interpreter{}.Load(cs.Program, exec.Options{Target: c.Target})
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			for _, in := range Inputs(cs.Program, 7, 60) {
				in.Fuel = 1 << 24
				if out := run.Run(in); out.Fault != exec.NoFault {
					t.Fatalf("%s, seed %d: %v at instruction %d", id, in.Seed, out.Fault, out.PC)
				}
			}
		}
	}
	for id := range rightAgainstLinux {
		if !seen[id] {
			t.Errorf("%s is no longer a disagreement", id)
		}
	}
}
