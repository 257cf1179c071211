package loader

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/btf"
)

// This file reads maps that BTF defines: each variable of .maps is a structure
// whose members' types carry the numbers. A number n is the type "pointer to
// array of n ints".

// readBTFMaps makes a map of every variable in .maps. A definition that cannot be
// read is a note, and a Problem of the programs that refer to the map.
func (l *linker) readBTFMaps(sec *section) {
	ds, _ := l.datasec(sec.name)
	if ds == nil {
		if sec.size > 0 {
			l.note("section %s, offset %#x: its maps need BTF, which cannot be read or is not there; compile with -g", sec.name, sec.off)
		}
		return
	}
	at := l.offsets(sec)
	for _, v := range ds.Vars {
		name := v.Type.TypeName()
		vt, ok := v.Type.(*btf.Var)
		off, found := at[name]
		if !ok || !found {
			l.note("map %s: no symbol", name)
			continue
		}
		st, ok := btf.As[*btf.Struct](vt.Type)
		if !ok {
			l.note("map %s: its type is no structure", name)
			continue
		}
		m, err := l.btfMap(name, st)
		if err != nil {
			l.broken[slot{sec.index, off}] = fmt.Sprintf("map %s: %v", name, err)
			l.note("map %s: %v", name, err)
			continue
		}
		l.maps[slot{sec.index, off}] = m
		l.obj.Maps = append(l.obj.Maps, m)
	}
}

// btfMap reads the definition of a map and, if it holds maps, of those.
func (l *linker) btfMap(name string, st *btf.Struct) (*Map, error) {
	m, values, err := l.mapMembers(name, st)
	if err != nil || values == nil {
		return m, err
	}
	// Values are file descriptors, whatever the map holds.
	if m.ValueSize == 0 {
		m.ValueSize = 4
	}
	if m.KeySize == 0 {
		m.KeySize = 4
	}
	inner, ok := btf.As[*btf.Struct](values)
	if !ok {
		return m, nil // an array of functions: the programs of a tail-call map
	}
	in, deeper, err := l.mapMembers(name+".inner", inner)
	if err != nil {
		return nil, err
	}
	if deeper != nil {
		return nil, fmt.Errorf("its inner maps hold maps; only one level is possible")
	}
	m.Inner = in
	return m, nil
}

// mapMembers reads the members of a map's structure. values is what the member
// of this name points to, nil without one.
func (l *linker) mapMembers(name string, st *btf.Struct) (m *Map, values btf.Type, err error) {
	m = &Map{Name: name}
	typ := uint64(0)
	for _, mem := range st.Members {
		if mem.Name == "" {
			continue
		}
		if mem.Name == "key" || mem.Name == "value" {
			if err := l.mapContent(m, mem); err != nil {
				return nil, nil, err
			}
			continue
		}
		if mem.Name == "values" {
			a, ok := btf.As[*btf.Array](mem.Type)
			if !ok {
				return nil, nil, fmt.Errorf("member values is no array")
			}
			p, ok := btf.As[*btf.Pointer](a.Type)
			if !ok {
				return nil, nil, fmt.Errorf("member values holds no pointers")
			}
			values = p.Target
			continue
		}
		n, err := number(mem.Type)
		if err != nil {
			return nil, nil, fmt.Errorf("member %s: %w", mem.Name, err)
		}
		switch mem.Name {
		case "type":
			typ = n
		case "key_size":
			m.KeySize = uint32(n)
		case "value_size":
			m.ValueSize = uint32(n)
		case "max_entries":
			m.MaxEntries = uint32(n)
		case "map_flags":
			m.Flags = uint32(n)
		case "map_extra":
			m.Extra = n
		case "numa_node", "pinning":
		default:
			l.note("map %s: unknown member %s", name, mem.Name)
		}
	}
	if typ > math.MaxUint32 {
		return nil, nil, fmt.Errorf("type %d", typ)
	}
	m.Type = mapTypeName(l.opts.Target, uint32(typ))
	fixSizes(m, uint32(typ))
	return m, values, nil
}

// mapContent reads a member key or value, a pointer to the type that is meant.
func (l *linker) mapContent(m *Map, mem btf.Member) error {
	p, ok := btf.As[*btf.Pointer](mem.Type)
	if !ok {
		return fmt.Errorf("member %s is no pointer", mem.Name)
	}
	n, err := btf.Sizeof(p.Target)
	if err != nil || uint64(n) > math.MaxUint32 {
		return fmt.Errorf("the size of its %s is unknown", mem.Name)
	}
	size, id := &m.KeySize, &m.KeyTypeID
	if mem.Name == "value" {
		size, id = &m.ValueSize, &m.ValueTypeID
		m.Fields = appendFields(nil, p.Target, 0)
		sortFields(m)
	}
	if *size != 0 && *size != uint32(n) {
		return fmt.Errorf("its %s is %d bytes, but its size was given as %d", mem.Name, n, *size)
	}
	*size, *id = uint32(n), l.typeID(p.Target)
	return nil
}

// number reads what the macros __uint (pointer to array of n) and __ulong (an
// enumeration of one value) encode.
func number(t btf.Type) (uint64, error) {
	if e, ok := btf.As[*btf.Enum](t); ok && len(e.Values) == 1 {
		return e.Values[0].Value, nil
	}
	p, ok := btf.As[*btf.Pointer](t)
	if !ok {
		return 0, fmt.Errorf("is no number")
	}
	a, ok := btf.As[*btf.Array](p.Target)
	if !ok {
		return 0, fmt.Errorf("is no number")
	}
	return uint64(a.Nelems), nil
}

// initialValues reads the relocations of .maps: the programs that a tail-call map
// starts with. Those of maps of maps say nothing that Inner does not.
func (l *linker) initialValues() {
	sec := l.f.section(mapsSection)
	ds, _ := l.datasec(mapsSection)
	if sec == nil || ds == nil {
		return
	}
	at := l.offsets(sec)
	for _, v := range ds.Vars {
		vt, ok := v.Type.(*btf.Var)
		if !ok {
			continue
		}
		st, ok := btf.As[*btf.Struct](vt.Type)
		off, found := at[vt.Name]
		if !ok || !found {
			continue
		}
		m := l.maps[slot{sec.index, off}]
		for _, mem := range st.Members {
			if mem.Name == "values" && m != nil {
				l.initialMap(sec, m, off+uint64(mem.Offset/8), uint64(st.Size))
			}
		}
	}
}

// initialMap reads the relocations of one map's values, which start at a byte of
// the section. A definition's structure ends where its (empty) array begins, so
// that the next symbol bounds the values.
func (l *linker) initialMap(sec *section, m *Map, from, _ uint64) {
	end := sec.size
	for _, off := range l.offsets(sec) {
		if off >= from && off < end {
			end = off
		}
	}
	for _, r := range sec.rels {
		if r.off < from || r.off >= end {
			continue
		}
		sym := &l.f.symbols[r.sym]
		if sym.shndx <= 0 || sym.shndx >= len(l.f.sections) || !l.f.sections[sym.shndx].exec() {
			continue
		}
		if fn := l.byStart[slot{sym.shndx, sym.value / 8}]; fn != nil {
			if m.Programs == nil {
				m.Programs = map[uint32]string{}
			}
			m.Programs[uint32((r.off-from)/8)] = fn.name
		}
	}
}
