package linux

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
)

// kfunc is a kernel function and the program types that may call it.
type kfunc struct {
	platform.Kfunc
	all  progSet
	some map[uint32][]uint32 // under these attach types alone
}

// Kfunc implements platform.Target.
func (t *Target) Kfunc(p *platform.ProgType, attach uint32, name string) (k *platform.Kfunc, known bool) {
	e := t.t.kfuncs[name]
	if e == nil || e.Since > t.version {
		return nil, false
	}
	if e.all.has(p.ID) || slices.Contains(e.some[p.ID], expectedAttach(p, attach)) {
		return &e.Kfunc, true
	}
	return nil, true
}

// Kfuncs lists the names of the kernel functions that this version is known to have.
func (t *Target) Kfuncs() []string {
	var names []string
	for name, k := range t.t.kfuncs {
		if k.Since <= t.version {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// kfuncParser parses kfuncs.txt.
type kfuncParser struct {
	t    *tables
	sets map[string]string // lists of program types by name
}

// row: set, name, types; or name, since, flags, types, unsupported.
func (p *kfuncParser) row(cells []string) error {
	if cells[0] == "set" {
		if err := columns(cells, 3); err != nil {
			return err
		}
		p.sets[cells[1]] = cells[2]
		return nil
	}
	if err := columns(cells, 5); err != nil {
		return err
	}
	since, err := parseVersion(cells[1])
	if err != nil {
		return err
	}
	k := &kfunc{Kfunc: platform.Kfunc{Name: cells[0], Since: since}}
	if cells[4] != "-" {
		k.Unsupported = cells[4]
	}
	if cells[2] != "-" {
		for f := range strings.SplitSeq(cells[2], " ") {
			flag, ok := kfuncFlags[f]
			if !ok {
				return fmt.Errorf("unknown flag %q", f)
			}
			k.Flags |= flag
		}
	}
	if p.t.kfuncs[k.Name] != nil {
		return fmt.Errorf("%s is there twice", k.Name)
	}
	p.t.kfuncs[k.Name] = k
	return p.callers(k, cells[3])
}

// kfuncFlags are the names of flags in the table.
var kfuncFlags = map[string]platform.KfuncFlag{
	"acquire": platform.KfuncAcquire, "release": platform.KfuncRelease, "null": platform.KfuncMaybeNull,
	"trusted": platform.KfuncTrusted, "rcu": platform.KfuncRCU, "sleep": platform.KfuncSleepable,
	"destructive": platform.KfuncDestructive, "protected": platform.KfuncProtected,
	"new": platform.KfuncIterNew, "next": platform.KfuncIterNext, "destroy": platform.KfuncIterDestroy,
	"moves": platform.KfuncMovesPacket, "fastcall": platform.KfuncFastcall,
}

// callers parses the program types that may call k.
func (p *kfuncParser) callers(k *kfunc, list string) error {
	switch list {
	case "-":
		return nil
	case "*":
		for i := range p.t.progs {
			k.all |= 1 << p.t.progs[i].ID
		}
		return nil
	}
	for s := range strings.SplitSeq(list, ",") {
		if set, ok := p.sets[s]; ok {
			for name := range strings.SplitSeq(set, ",") {
				if err := p.caller(k, name); err != nil {
					return err
				}
			}
		} else if err := p.caller(k, s); err != nil {
			return err
		}
	}
	return nil
}

// caller adds one program type: name, or name(attach|attach).
func (p *kfuncParser) caller(k *kfunc, s string) error {
	name, cond, limited := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	prog := p.t.progByName[name]
	if prog == nil {
		return fmt.Errorf("unknown program type %q", name)
	}
	if !limited {
		k.all |= 1 << prog.ID
		return nil
	}
	ids, err := p.t.attachIDs(cond)
	if k.some == nil {
		k.some = map[uint32][]uint32{}
	}
	k.some[prog.ID] = append(k.some[prog.ID], ids...)
	return err
}
