package linux

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
)

// helper is a helper's number and what each program type sees of it.
type helper struct {
	name   string
	since  platform.Version
	offers []offer          // the first that matches counts
	other  *platform.Helper // what extensions see: unsupported
}

// offer is a prototype and who sees it from a version on: the program types of
// all, and those of some under the attach types listed.
type offer struct {
	since platform.Version
	all   progSet
	some  map[uint32][]uint32
	proto *platform.Helper
}

func (o *offer) seenBy(prog, attach uint32) bool {
	return o.all.has(prog) || slices.Contains(o.some[prog], attach)
}

// Helper implements platform.Target.
func (t *Target) Helper(p *platform.ProgType, attach uint32, id int32) (h *platform.Helper, known bool) {
	if id < 1 || int(id) > len(t.t.helpers) || t.t.helpers[id-1].since > t.version {
		return nil, false
	}
	e := &t.t.helpers[id-1]
	if p.Name == "ext" {
		return e.other, true
	}
	attach = expectedAttach(p, attach)
	for i := range e.offers {
		if e.offers[i].since <= t.version && e.offers[i].seenBy(p.ID, attach) {
			return e.offers[i].proto, true
		}
	}
	return nil, true
}

// HelperID implements platform.Target.
func (t *Target) HelperID(name string) (int32, bool) {
	id, ok := t.t.helperIDs[name]
	if !ok || t.t.helpers[id-1].since > t.version {
		return 0, false
	}
	return id, true
}

// HelperName implements platform.Target.
func (t *Target) HelperName(id int32) string {
	if id < 1 || int(id) > len(t.t.helpers) || t.t.helpers[id-1].since > t.version {
		return ""
	}
	return t.t.helpers[id-1].name
}

// helperParser parses helpers.txt.
type helperParser struct {
	t    *tables
	sets map[string][]item // named sets of program types
}

// row: set, name, types; or number, name, since, result, arguments, flags,
// unsupported, types.
func (p *helperParser) row(cells []string) error {
	if cells[0] == "set" {
		if err := columns(cells, 3); err != nil {
			return err
		}
		items, err := p.items(cells[2])
		p.sets[cells[1]] = items
		return err
	}
	if err := columns(cells, 8); err != nil {
		return err
	}
	h, err := parsePrototype(cells)
	if err != nil {
		return err
	}
	if err := p.declare(h); err != nil {
		return err
	}
	return p.offer(&h, cells[7])
}

// declare makes the entry of a helper at its first row.
func (p *helperParser) declare(h platform.Helper) error {
	n := len(p.t.helpers)
	if int(h.ID) == n && p.t.helpers[n-1].name == h.Name {
		return nil // a further row
	}
	if int(h.ID) != n+1 {
		return fmt.Errorf("number %d after %d", h.ID, n)
	}
	p.t.helpers = append(p.t.helpers, helper{name: h.Name, since: h.Since, other: &platform.Helper{
		ID: h.ID, Name: h.Name, Since: h.Since, Unsupported: "helpers of an extension are those of the program that it replaces",
	}})
	p.t.helperIDs[h.Name] = h.ID
	return nil
}

// item is a program type, and the attach types under which it counts; none = all.
type item struct {
	prog   *progType
	attach []uint32
}

// items parses a list of program types.
func (p *helperParser) items(list string) ([]item, error) {
	var out []item
	for _, s := range strings.Split(list, ",") {
		name, cond, limited := strings.Cut(strings.TrimSuffix(s, ")"), "(")
		it := item{prog: p.t.progByName[name]}
		if it.prog == nil {
			return nil, fmt.Errorf("unknown program type %q", name)
		}
		if limited {
			var err error
			if it.attach, err = p.t.attachIDs(cond); err != nil {
				return nil, err
			}
		}
		out = append(out, it)
	}
	return out, nil
}

// offer offers a prototype to the program types of a list. Program types differ
// in the map types they may pass and in packet arguments, so that one row can
// become several prototypes.
func (p *helperParser) offer(h *platform.Helper, list string) error {
	if list == "-" {
		return nil
	}
	items := p.sets[list]
	if items == nil {
		var err error
		if items, err = p.items(list); err != nil {
			return err
		}
	}
	takesMap := slices.ContainsFunc(h.Args[:], func(a platform.Arg) bool { return a.Kind == platform.ArgMapPtr })
	limited := takesMap && slices.ContainsFunc(p.t.mapHelpers, func(u mapHelper) bool { return u.helper == h.Name && u.progs != 0 })
	var maps []string
	if takesMap && !limited {
		maps = p.t.mapsOf(h.Name, 0)
	}
	entry := &p.t.helpers[h.ID-1]
	begin := len(entry.offers)
	for _, it := range items {
		if limited {
			maps = p.t.mapsOf(h.Name, it.prog.ID)
		}
		o := entry.specialised(begin, h, it.prog, maps)
		if it.attach == nil {
			o.all |= 1 << it.prog.ID
			continue
		}
		if o.some == nil {
			o.some = map[uint32][]uint32{}
		}
		o.some[it.prog.ID] = append(o.some[it.prog.ID], it.attach...)
	}
	return nil
}

// specialised finds, among the offers from begin on, the one with the prototype as
// a program type sees it, or adds it.
func (e *helper) specialised(begin int, h *platform.Helper, prog *progType, maps []string) *offer {
	packet := h.PacketArgs
	switch prog.Name {
	case "sock_ops": // packet pointers are never arguments
		packet = false
	case "cgroup_sockopt": // the option's value may be any memory argument
		packet = true
	}
	for i := begin; i < len(e.offers); i++ {
		o := &e.offers[i]
		if o.proto.PacketArgs == packet && slices.Equal(o.proto.Maps, maps) {
			return o
		}
	}
	own := *h
	own.PacketArgs, own.Maps = packet, maps
	own.Since = e.since
	e.offers = append(e.offers, offer{since: h.Since, proto: &own})
	return &e.offers[len(e.offers)-1]
}

// parsePrototype parses everything but the program types.
func parsePrototype(cells []string) (h platform.Helper, err error) {
	id, err := strconv.ParseInt(cells[0], 10, 32)
	if err != nil {
		return h, err
	}
	h = platform.Helper{ID: int32(id), Name: cells[1]}
	if h.Since, err = parseVersion(cells[2]); err != nil {
		return h, err
	}
	ret, mark, _ := strings.Cut(cells[3], ":")
	f, err := parseField(ret)
	if err != nil {
		return h, err
	}
	h.Ret, h.RetMaybeNull, h.RetBTF, h.RetTrusted, h.RetReadOnly = f.Kind, f.MaybeNull, f.BTF, f.Trusted, mark == "r"
	if cells[6] != "-" {
		h.Unsupported = cells[6]
	}
	if cells[4] != "-" {
		for i, a := range strings.Split(cells[4], " ") {
			if i == len(h.Args) {
				return h, fmt.Errorf("more than %d arguments", len(h.Args))
			}
			if h.Args[i], err = parseArg(a); err != nil {
				return h, err
			}
			if h.Args[i].Kind == platform.ArgUnknown && h.Unsupported == "" {
				h.Unsupported = fmt.Sprintf("argument %d is not understood", i+1)
			}
		}
	}
	if cells[5] != "-" {
		for _, f := range strings.Split(cells[5], " ") {
			if err := helperFlag(&h, f); err != nil {
				return h, err
			}
		}
	}
	return h, nil
}

// argKinds are the names of argument kinds in the table.
var argKinds = map[string]platform.ArgKind{
	"any": platform.ArgAnything, "map": platform.ArgMapPtr, "key": platform.ArgMapKey, "value": platform.ArgMapValue,
	"mem": platform.ArgMem, "size": platform.ArgSize, "allocsize": platform.ArgAllocSize, "ctx": platform.ArgCtx,
	"sock_common": platform.ArgSockCommon, "btf_sock": platform.ArgBTFSockCommon, "socket": platform.ArgSocket,
	"btf": platform.ArgBTF, "percpu": platform.ArgPercpuBTF, "spinlock": platform.ArgSpinLock, "timer": platform.ArgTimer,
	"kptr": platform.ArgKptrDest, "ringbuf": platform.ArgRingbufMem, "dynptr": platform.ArgDynptr,
	"func": platform.ArgFunc, "stack": platform.ArgStack, "str": platform.ArgConstStr, "unknown": platform.ArgUnknown,
}

// argFlags are the letters of argument flags in the table.
var argFlags = map[rune]platform.ArgFlag{
	'n': platform.MaybeNull, 'r': platform.ReadOnly, 'u': platform.Uninit, 'w': platform.Write, 'a': platform.Aligned,
	'z': platform.ZeroAllowed, 'x': platform.Release, 'l': platform.DynptrLocal, 'b': platform.DynptrRingbuf,
	'c': platform.ConstZero,
}

// parseArg parses KIND, KIND=SIZE or btf=TYPE, with flags after a colon.
func parseArg(s string) (a platform.Arg, err error) {
	head, marks, _ := strings.Cut(s, ":")
	name, extra, _ := strings.Cut(head, "=")
	kind, ok := argKinds[name]
	if !ok {
		return a, fmt.Errorf("unknown argument %q", s)
	}
	a.Kind = kind
	switch {
	case kind == platform.ArgMem && extra != "":
		if a.Size, err = strconv.Atoi(extra); err != nil {
			return a, err
		}
	case kind == platform.ArgBTF && extra != "*":
		a.BTF = extra
	}
	for _, m := range marks {
		f, ok := argFlags[m]
		if !ok {
			return a, fmt.Errorf("unknown flag %q of argument %q", m, s)
		}
		a.Flags |= f
	}
	return a, nil
}

// helperFlag sets one flag of helpers.txt.
func helperFlag(h *platform.Helper, s string) (err error) {
	name, text, _ := strings.Cut(s, "=")
	switch name {
	case "gpl":
		h.GPLOnly = true
	case "pkt":
		h.PacketArgs = true
	case "sleep":
		h.MightSleep = true
	case "fastcall":
		h.Fastcall = true
	case "moves":
		h.ChangesPacket = true
	case "acquire":
		h.Acquire = true
	case "derived":
		h.DerivedFrom, err = strconv.Atoi(text)
	case "min":
		h.ResultMin, err = strconv.ParseInt(text, 10, 64)
	case "max":
		if arg, ok := strings.CutPrefix(text, "arg"); ok {
			h.ResultMaxArg, err = strconv.Atoi(arg)
		} else {
			h.ResultMax, err = strconv.ParseInt(text, 10, 64)
		}
	default:
		return fmt.Errorf("unknown flag %q", s)
	}
	return err
}
