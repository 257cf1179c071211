package corpus

import (
	"errors"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

// TestLiveKfuncs asks this machine's kernel, for every kernel function of the table
// and every program type, whether the one may call the other, and compares. It also
// compares which of them sleep.
func TestLiveKfuncs(t *testing.T) {
	needLinux(t)
	if testing.Short() {
		t.Skip("loads some thousands of programs")
	}
	target := linux.New(platform.V(6, 18))
	spec, err := hostBTF()
	if err != nil {
		t.Skip(err)
	}
	attach := map[string]uint32{
		"cgroup_sock": 2, "cgroup_sock_addr": 8, "cgroup_sockopt": 21, "sk_lookup": 36, "sk_reuseport": 39, "netfilter": 45,
		"tracing": 23,
	}
	asked := 0
	for _, pt := range target.ProgTypes() {
		p := &loader.Program{Type: pt.Name, Attach: attach[pt.Name], License: "GPL", Sleepable: pt.Name == "syscall"}
		if pt.Name == "tracing" {
			p.AttachTo = "task_newtask"
		}
		p.Insns = exitProgram(nil)
		if _, err := loadLive(p); err != nil {
			t.Logf("%s: not judged here: %v", pt.Name, err)
			continue
		}
		for _, name := range target.Kfuncs() {
			if _, err := spec.AnyTypesByName(name); err != nil {
				continue
			}
			p.Kfuncs = map[int]string{4: name}
			p.Insns = exitProgram([]isa.Instruction{{Op: isa.OpCall, Src: isa.CallKfunc}})
			log, err := loadLive(p)
			var env *envError
			if errors.As(err, &env) {
				t.Fatal(err)
			}
			asked++
			k, _ := target.Kfunc(pt, p.Attach, name)
			allowed := !strings.Contains(log, name+" is not allowed")
			if allowed != (k != nil) {
				t.Errorf("%s in %s: Linux says allowed=%v: %s", name, pt.Name, allowed, tail(log))
			}
			if k != nil && !p.Sleepable {
				if sleeps := strings.Contains(log, "program must be sleepable"); sleeps != k.Has(platform.KfuncSleepable) {
					t.Errorf("%s in %s: Linux says sleeps=%v: %s", name, pt.Name, sleeps, tail(log))
				}
			}
		}
	}
	t.Logf("%d calls", asked)
}

// exitProgram sets r2 to r5 to 0, runs the instructions and returns 0.
func exitProgram(insns []isa.Instruction) []isa.Instruction {
	var out []isa.Instruction
	for r := isa.R2; r <= isa.R5; r++ {
		out = append(out, isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV, Dst: r})
	}
	out = append(out, insns...)
	return append(out, isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV}, isa.Instruction{Op: isa.OpExit})
}
