package linux

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
)

// progType is a program type with its exit ranges.
type progType struct {
	platform.ProgType
	exit   platform.ExitRange
	exitAt map[uint32]platform.ExitRange // by attach type, before exit
}

// progRow: number, name, since, context, flags, exit ranges.
func (t *tables) progRow(cells []string) error {
	if err := columns(cells, 6); err != nil {
		return err
	}
	if err := inOrder(cells[0], len(t.progs)); err != nil {
		return err
	}
	since, err := parseVersion(cells[2])
	if err != nil {
		return err
	}
	p := progType{ProgType: platform.ProgType{
		Name: cells[1], ID: uint32(len(t.progs) + 1), Since: since, CtxName: cells[3],
	}}
	for f := range strings.SplitSeq(cells[4], ",") {
		if err := progFlag(&p.ProgType, f); err != nil {
			return err
		}
	}
	if err := t.exits(&p, cells[5]); err != nil {
		return err
	}
	t.progs = append(t.progs, p)
	t.progByName[p.Name] = &t.progs[len(t.progs)-1]
	return nil
}

// progFlag sets one flag of progtypes.txt.
func progFlag(p *platform.ProgType, f string) error {
	switch f {
	case "pktread":
		p.PacketRead = true
	case "pktwrite":
		p.PacketWrite = true
	case "legacy":
		p.LegacyPacketLoads = true
	case "tracing":
		p.Tracing = true
	case "spinlock":
		p.SpinLocks = true
	case "btf":
		p.BTFContext = true
	case "raw12":
		p.RawContext = 12
	case "ptrexit":
		p.PointerExit = true
	case "sleep":
		p.Sleepable = true
	default:
		return fmt.Errorf("unknown flag %q", f)
	}
	return nil
}

// exits parses the default exit range and those of attach types.
func (t *tables) exits(p *progType, text string) error {
	list := strings.Fields(text)
	if len(list) == 0 {
		return fmt.Errorf("no exit range")
	}
	var err error
	if p.exit, err = parseExit(list[0]); err != nil {
		return err
	}
	for _, e := range list[1:] {
		name, text, _ := strings.Cut(e, "=")
		ids, err := t.attachIDs(name)
		if err != nil {
			return err
		}
		if p.exitAt == nil {
			p.exitAt = map[uint32]platform.ExitRange{}
		}
		for _, id := range ids {
			if p.exitAt[id], err = parseExit(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseExit parses any, none, or MIN..MAX with an optional :low32.
func parseExit(s string) (platform.ExitRange, error) {
	text, low := strings.CutSuffix(s, ":low32")
	switch text {
	case "any":
		return platform.ExitRange{Any: true}, nil
	case "none": // an empty range: Min above Max
		return platform.ExitRange{Min: 1, Max: 0}, nil
	}
	lo, hi, _ := strings.Cut(text, "..")
	min, err1 := strconv.ParseInt(lo, 10, 64)
	max, err2 := strconv.ParseInt(hi, 10, 64)
	if err1 != nil || err2 != nil || min > max {
		return platform.ExitRange{}, fmt.Errorf("bad exit range %q", s)
	}
	return platform.ExitRange{Min: min, Max: max, Low32: low}, nil
}

// exitRange is the range of a program attached as attach.
func (p *progType) exitRange(attach uint32) platform.ExitRange {
	if e, ok := p.exitAt[attach]; ok {
		return e
	}
	return p.exit
}

// expectedAttach is what the kernel takes a missing attach type for.
func expectedAttach(p *platform.ProgType, attach uint32) uint32 {
	if attach != 0 {
		return attach
	}
	switch p.Name {
	case "cgroup_sock":
		return 2 // cgroup_inet_sock_create
	case "sk_reuseport":
		return 39 // sk_reuseport_select
	}
	return 0
}
