package linux

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
)

// layout says what each access to a structure does: one byte an offset, access
// size and direction, 0 = refused, else 1 + an index into fields.
type layout struct {
	cells  []uint8
	size   int64
	fields []versionedField
}

// versionedField is a field and the first version that has it.
type versionedField struct {
	platform.Field
	since platform.Version
}

// cell is the index of an access in layout.cells; ok is false if no access is like that.
func cell(off int64, size int, write bool) (i int, ok bool) {
	if off < 0 || off > 1<<16 || size < 1 || size > 8 || bits.OnesCount(uint(size)) != 1 {
		return 0, false
	}
	i = int(off)*8 + bits.TrailingZeros(uint(size))*2
	if write {
		i++
	}
	return i, true
}

// access looks an access up for a version.
func (l *layout) access(v platform.Version, off int64, size int, write bool) (platform.Field, bool) {
	i, ok := cell(off, size, write)
	if !ok || i >= len(l.cells) || l.cells[i] == 0 {
		return platform.Field{}, false
	}
	f := &l.fields[l.cells[i]-1]
	if f.since > v {
		return platform.Field{}, false
	}
	return f.Field, true
}

// add accepts accesses of a size at an offset.
func (l *layout) add(off, size int, write bool, f versionedField) error {
	i, ok := cell(int64(off), size, write)
	if !ok {
		return fmt.Errorf("bad access of %d bytes at %d", size, off)
	}
	n := len(l.fields) - 1 // neighbours mostly share a field
	for n >= 0 && l.fields[n] != f {
		n--
	}
	if n < 0 {
		n = len(l.fields)
		l.fields = append(l.fields, f)
	}
	if n > 254 {
		return fmt.Errorf("more than 255 fields")
	}
	if i >= len(l.cells) {
		l.cells = append(l.cells, make([]uint8, i+1024-len(l.cells))...)
	}
	l.cells[i] = uint8(n + 1)
	l.size = max(l.size, int64(off+size))
	return nil
}

// contextKey finds a layout: attach is anyAttach where the table says *.
type contextKey struct {
	prog   string
	attach uint32
}

const anyAttach = ^uint32(0)

// namedField is a field's name and place.
type namedField struct {
	name      string
	off, size int
	since     platform.Version
}

// layoutParser parses contexts.txt and structs.txt.
type layoutParser struct {
	t      *tables
	fields map[string][]namedField // by structure
	def    string                  // the structure that field rows belong to
	names  []namedField            // of the structure that the layout is of
	cur    *layout
}

func (p *layoutParser) row(cells []string) error {
	switch cells[0] {
	case "struct":
		if err := columns(cells, 2); err != nil {
			return err
		}
		p.def = cells[1]
		p.fields[p.def] = nil
		return nil
	case "field":
		return p.fieldRow(cells)
	case "layout":
		if err := columns(cells, 3); err != nil {
			return err
		}
		p.names = p.fields[cells[2]]
		p.cur = &layout{}
		p.t.layouts[cells[1]] = p.cur
		return nil
	case "read", "write":
		return p.accessRow(cells)
	case "context", "pointer":
		return p.useRow(cells)
	default:
		return fmt.Errorf("unknown row %q", cells[0])
	}
}

// fieldRow: field, name, offset, size, since.
func (p *layoutParser) fieldRow(cells []string) error {
	if err := columns(cells, 5); err != nil {
		return err
	}
	off, err1 := strconv.Atoi(cells[2])
	size, err2 := strconv.Atoi(cells[3])
	since, err3 := parseVersion(cells[4])
	if err1 != nil || err2 != nil || err3 != nil {
		return fmt.Errorf("bad field %q", cells[1])
	}
	p.fields[p.def] = append(p.fields[p.def], namedField{cells[1], off, size, since})
	return nil
}

// accessRow: read or write, size, kind, runs.
func (p *layoutParser) accessRow(cells []string) error {
	if err := columns(cells, 4); err != nil {
		return err
	}
	if p.cur == nil {
		return fmt.Errorf("%s before any layout", cells[0])
	}
	size, err := strconv.Atoi(cells[1])
	if err != nil {
		return err
	}
	write := cells[0] == "write"
	f := platform.Field{Kind: platform.Scalar}
	if !write {
		if f, err = parseField(cells[2]); err != nil {
			return err
		}
	}
	for run := range strings.FieldsSeq(cells[3]) {
		first, last, step, err := parseRun(run, size)
		if err != nil {
			return err
		}
		for off := first; off <= last; off += step {
			if err := p.cur.add(off, size, write, p.name(off, f)); err != nil {
				return err
			}
		}
	}
	return nil
}

// name gives a field the name of the smallest field at an offset.
func (p *layoutParser) name(off int, f platform.Field) versionedField {
	var best *namedField
	for i := range p.names {
		n := &p.names[i]
		if n.off <= off && off < n.off+n.size && (best == nil || n.size < best.size) {
			best = n
		}
	}
	if best == nil {
		return versionedField{Field: f}
	}
	f.Name = best.name
	return versionedField{f, best.since}
}

// parseRun parses OFFSET, FIRST-LAST or FIRST-LAST/STEP.
func parseRun(s string, size int) (first, last, step int, err error) {
	step = size
	if head, text, ok := strings.Cut(s, "/"); ok {
		s = head
		if step, err = strconv.Atoi(text); err != nil {
			return
		}
	}
	lo, hi, ok := strings.Cut(s, "-")
	if !ok {
		hi = lo
	}
	if first, err = strconv.Atoi(lo); err != nil {
		return
	}
	if last, err = strconv.Atoi(hi); err != nil {
		return
	}
	if step <= 0 || last < first {
		err = fmt.Errorf("bad run %q", s)
	}
	return
}

// useRow: context, program type, attach types, layout; or pointer, kind, layout.
func (p *layoutParser) useRow(cells []string) error {
	l := p.t.layouts[cells[len(cells)-1]]
	if l == nil {
		return fmt.Errorf("unknown layout %q", cells[len(cells)-1])
	}
	if cells[0] == "pointer" {
		if err := columns(cells, 3); err != nil {
			return err
		}
		f, err := parseField(cells[1])
		if err != nil {
			return err
		}
		p.t.structs[f.Kind] = l
		return nil
	}
	if err := columns(cells, 4); err != nil {
		return err
	}
	if p.t.progByName[cells[1]] == nil {
		return fmt.Errorf("unknown program type %q", cells[1])
	}
	ids := []uint32{anyAttach}
	if cells[2] != "*" {
		var err error
		if ids, err = p.t.attachIDs(cells[2]); err != nil {
			return err
		}
	}
	for _, id := range ids {
		p.t.contexts[contextKey{cells[1], id}] = l
	}
	return nil
}

// valueKinds are the names of kinds in the tables.
var valueKinds = map[string]platform.ValueKind{
	"scalar": platform.Scalar, "pkt": platform.PacketData, "pkt_meta": platform.PacketMeta,
	"pkt_end": platform.PacketEnd, "sock_common": platform.SockCommon, "sock": platform.Sock,
	"tcp_sock": platform.TCPSock, "xdp_sock": platform.XDPSock, "flow_keys": platform.FlowKeys,
	"tp_buffer": platform.TPBuffer, "btf": platform.BTFPointer,
	"int": platform.Scalar, "void": platform.Void, "map_value": platform.MapValue,
	"ringbuf_mem": platform.RingbufMem, "dynptr_mem": platform.DynptrMem,
}

// parseField parses a kind: NAME or btf=TYPE, then ! if trusted, ? if it may be null.
func parseField(s string) (f platform.Field, err error) {
	text, null := strings.CutSuffix(s, "?")
	text, trusted := strings.CutSuffix(text, "!")
	name, btf, _ := strings.Cut(text, "=")
	kind, ok := valueKinds[name]
	if !ok {
		return f, fmt.Errorf("unknown kind %q", s)
	}
	if btf == "*" {
		btf = ""
	}
	return platform.Field{Kind: kind, MaybeNull: null, Trusted: trusted, BTF: btf}, nil
}
