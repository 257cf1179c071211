package linux

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
)

// mapHelper says that a helper takes maps of a type, from programs of all types or
// of those in the set progs.
type mapHelper struct {
	helper, mapType string
	progs           progSet // 0 = all
}

// progSet is a set of program types: bit n stands for number n.
type progSet uint64

func (s progSet) has(id uint32) bool { return s>>id&1 == 1 }

// mapRow: number, name, since, flags, helpers.
func (t *tables) mapRow(cells []string) error {
	if err := columns(cells, 5); err != nil {
		return err
	}
	if err := inOrder(cells[0], len(t.maps)); err != nil {
		return err
	}
	since, err := parseVersion(cells[2])
	if err != nil {
		return err
	}
	m := platform.MapType{Name: cells[1], ID: uint32(len(t.maps) + 1), Since: since}
	for _, f := range strings.Split(cells[3], ",") {
		if err := mapFlag(&m, f); err != nil {
			return err
		}
	}
	for _, h := range strings.Fields(cells[4]) {
		if h == "-" {
			continue
		}
		name, list, limited := strings.Cut(strings.TrimSuffix(h, ")"), "(")
		use := mapHelper{helper: name, mapType: m.Name}
		if limited {
			for _, typ := range strings.Split(list, ",") {
				p := t.progByName[typ]
				if p == nil {
					return fmt.Errorf("unknown program type %q", typ)
				}
				use.progs |= 1 << p.ID
			}
		}
		m.Helpers = append(m.Helpers, name)
		t.mapHelpers = append(t.mapHelpers, use)
	}
	t.maps = append(t.maps, m)
	return nil
}

// mapFlag sets one flag of maps.txt.
func mapFlag(m *platform.MapType, f string) error {
	switch f {
	case "-":
	case "value":
		m.Lookup = platform.MapValue
	case "inner":
		m.Lookup, m.InnerMap = platform.MapValue, true
	case "sock":
		m.Lookup, m.LookupAcquires = platform.Sock, true
	case "xdp_sock":
		m.Lookup = platform.XDPSock
	case "rdonly":
		m.LookupReadOnly = true
	case "val":
		m.Value = platform.ArgMapValue
	case "sockval":
		m.Value = platform.ArgBTFSockCommon
	case "direct":
		m.DirectValue = true
	case "index":
		m.ArrayIndexed = true
	case "percpu":
		m.PerCPU = true
	case "peekuninit":
		m.PeekUninit = true
	case "sleep":
		m.Sleepable = true
	default:
		return fmt.Errorf("unknown flag %q", f)
	}
	return nil
}

// mapsOf lists the map types that programs of one type may pass to a helper. It is
// empty, not nil, where there is none: nil would mean any.
func (t *tables) mapsOf(helper string, prog uint32) []string {
	out := []string{}
	for _, u := range t.mapHelpers {
		if u.helper == helper && (u.progs == 0 || u.progs.has(prog)) {
			out = append(out, u.mapType)
		}
	}
	return out
}
