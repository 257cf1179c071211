package loader

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/cilium/ebpf/btf"
)

// This file finds the maps that are not described by BTF: global data, extern
// configuration and legacy definitions.

const (
	arenaSection = ".addr_space.1"

	kconfigSection = ".kconfig"
	ksymsSection   = ".ksyms"
	mapsSection    = ".maps"
)

// readMaps finds all maps, in the order of the sections.
func (l *linker) readMaps() error {
	for i := range l.f.sections {
		sec := &l.f.sections[i]
		switch {
		case sec.exec() || i == 0 || (sec.typ != shtProgbits && sec.typ != shtNobits):
		case isData(sec.name, ".rodata"):
			l.addData(sec, platform.MapRdonlyProg, true)
		case isData(sec.name, ".data"), isData(sec.name, ".bss"):
			l.addData(sec, platform.MapMmapable, false)
		case sec.name == mapsSection:
			l.readBTFMaps(sec)
		case isLegacyMaps(sec.name):
			if err := l.readLegacyMaps(sec); err != nil {
				return err
			}
		}
	}
	l.readExterns()
	for _, m := range l.obj.Maps {
		if m.Type == mapTypeName(l.opts.Target, mapArena) && l.arena == nil {
			l.arena = m
		}
	}
	return nil
}

// isData reports whether name is base or base followed by a dot and more.
func isData(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	return ok && (rest == "" || rest[0] == '.')
}

// isLegacyMaps knows libbpf's and tc's "maps", gobpf's "maps/name" and the
// "type/maps" of v4l-utils.
func isLegacyMaps(name string) bool {
	return name == "maps" || strings.HasPrefix(name, "maps/") || strings.HasSuffix(name, "/maps")
}

// The kernel's numbers of the map types that the loader itself makes or treats apart.
const (
	mapArray          = 2
	mapPerfEventArray = 4
	mapStructOps      = 26
	mapRingbuf        = 27
	mapUserRingbuf    = 31
	mapArena          = 33
)

// addData makes the map of a section of global variables: an array of one value.
func (l *linker) addData(sec *section, flags platform.MapFlag, frozen bool) {
	if sec.size == 0 || sec.size > 1<<31 {
		return
	}
	m := &Map{Name: sec.name, Type: mapTypeName(l.opts.Target, mapArray), KeySize: 4, ValueSize: uint32(sec.size), MaxEntries: 1, Flags: flags, Frozen: frozen, Data: sec.data}
	if frozen && sec.typ == shtNobits {
		m.Data = make([]byte, sec.size) // bounded by maxNobits
	}
	l.data[sec.index] = m
	l.obj.Maps = append(l.obj.Maps, m)
	l.dataTypes(sec, m)
}

// dataTypes finds the type of a data section in BTF and the special fields of its
// variables. Compilers leave the variables' offsets to the symbols.
func (l *linker) dataTypes(sec *section, m *Map) {
	ds, id := l.datasec(sec.name)
	if ds == nil {
		return
	}
	m.ValueTypeID = uint32(id)
	at := l.offsets(sec)
	for _, v := range ds.Vars {
		vt, ok := v.Type.(*btf.Var)
		if off, found := at[v.Type.TypeName()]; ok && found {
			m.Fields = appendFields(m.Fields, vt.Type, uint32(off))
		}
	}
	sortFields(m)
}

// offsets returns the places of the symbols of a section.
func (l *linker) offsets(sec *section) map[string]uint64 {
	at := map[string]uint64{}
	for i := range l.f.symbols {
		if s := &l.f.symbols[i]; s.shndx == sec.index && s.typ() != sttSection && s.name != "" && s.value < max(sec.size, 1) {
			at[s.name] = s.value
		}
	}
	return at
}

// datasec finds the BTF of a section, nil if there is none.
func (l *linker) datasec(name string) (*btf.Datasec, btf.TypeID) {
	if l.types.spec == nil {
		return nil, 0
	}
	all, err := l.types.spec.AnyTypesByName(name)
	if err != nil {
		return nil, 0
	}
	for _, t := range all {
		if ds, ok := t.(*btf.Datasec); ok && ds.Name == name {
			id, err := l.types.spec.TypeID(ds)
			if err != nil {
				return nil, 0
			}
			return ds, id
		}
	}
	return nil, 0
}

// readExterns reads the declarations in .ksyms and .kconfig and lays out the
// latter as libbpf does: by falling alignment, falling size, name.
func (l *linker) readExterns() {
	if ds, _ := l.datasec(ksymsSection); ds != nil {
		for _, v := range ds.Vars {
			switch t := v.Type.(type) {
			case *btf.Func:
				l.externs[t.Name] = &extern{name: t.Name, fn: true}
			case *btf.Var:
				_, void := btf.UnderlyingType(t.Type).(*btf.Void)
				l.externs[t.Name] = &extern{name: t.Name, typeless: void}
			}
		}
	}
	ds, id := l.datasec(kconfigSection)
	if ds == nil {
		return
	}
	var list []*extern
	for _, v := range ds.Vars {
		t, ok := v.Type.(*btf.Var)
		if !ok {
			continue
		}
		n, err := btf.Sizeof(t.Type)
		if err != nil || n <= 0 || n > 4096 {
			l.note("extern %s of .kconfig has no size", t.Name)
			continue
		}
		list = append(list, &extern{name: t.Name, config: true, typ: t.Type, size: uint32(n), align: alignment(t.Type, uint32(n))})
	}
	if len(list) > 0 {
		l.addConfig(list, uint32(id))
	}
}

// alignment of a configuration value: that of its elements.
func alignment(t btf.Type, size uint32) uint32 {
	for range 32 {
		a, ok := btf.As[*btf.Array](t)
		if !ok {
			break
		}
		t = a.Type
		n, err := btf.Sizeof(t)
		if err != nil {
			return 1
		}
		size = uint32(n)
	}
	for _, a := range []uint32{8, 4, 2} {
		if size%a == 0 {
			return a
		}
	}
	return 1
}

// addConfig makes the .kconfig map. Its contents are known only if every value
// in it follows from the target's version.
func (l *linker) addConfig(list []*extern, typeID uint32) {
	slices.SortStableFunc(list, func(a, b *extern) int {
		return cmp.Or(cmp.Compare(b.align, a.align), cmp.Compare(b.size, a.size), cmp.Compare(a.name, b.name))
	})
	m := &Map{Name: kconfigSection, Type: mapTypeName(l.opts.Target, mapArray), KeySize: 4, MaxEntries: 1, Flags: platform.MapRdonlyProg, Frozen: true, ValueTypeID: typeID}
	var unknown []string
	var data []byte
	for _, e := range list {
		e.home, e.offset = m, (m.ValueSize+e.align-1)/e.align*e.align
		m.ValueSize = e.offset + e.size
		l.externs[e.name] = e
		data = append(data, make([]byte, int(m.ValueSize)-len(data))...)
		if v, ok := l.configValue(e.name); ok {
			l.putUint(data[e.offset:], e.size, v)
		} else {
			unknown = append(unknown, e.name)
		}
	}
	if len(unknown) == 0 {
		m.Data = data
	} else {
		l.note("values of %s depend on the kernel's configuration and are taken as unknown", strings.Join(unknown, ", "))
	}
	l.obj.Maps = append(l.obj.Maps, m)
}

// putUint stores a number of size bytes in the object's byte order.
func (l *linker) putUint(b []byte, size uint32, v uint64) {
	for i := range size {
		at := i
		if l.f.big {
			at = size - 1 - i
		}
		b[at] = byte(v)
		v >>= 8
	}
}

// configValue returns the values that follow from the target's version.
func (l *linker) configValue(name string) (uint64, bool) {
	v, ok := kernelVersion(l.opts.Target)
	switch {
	case !ok:
	case name == "LINUX_KERNEL_VERSION":
		return uint64(v), true
	case name == "LINUX_HAS_BPF_COOKIE":
		if v >= 5<<16|15<<8 {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// Fields of the legacy definitions, in words of 4 bytes. All begin with type, key
// size, value size, entries, flags. tc's bpf_elf_map goes on with id, pinning,
// inner id, inner index; the kernel samples' with inner index and NUMA node.
const (
	legacyWords = 5
	tcWords     = 9
	tcID        = 5
	tcInnerID   = 7
	tcInnerIdx  = 8
)

// readLegacyMaps reads a section of map definitions without BTF: one a symbol.
func (l *linker) readLegacyMaps(sec *section) error {
	var syms []*symbol
	for i := range l.f.symbols {
		if s := &l.f.symbols[i]; s.shndx == sec.index && s.typ() != sttSection && s.name != "" {
			syms = append(syms, s)
		}
	}
	slices.SortStableFunc(syms, func(a, b *symbol) int { return cmp.Compare(a.value, b.value) })
	ids := map[uint32]*Map{}
	var order []*Map
	var words [][]uint32
	for i, s := range syms {
		end := sec.size
		if i+1 < len(syms) {
			end = syms[i+1].value
		}
		if s.size != 0 {
			end = min(end, s.value+s.size)
		}
		if s.value > uint64(len(sec.data)) || end > uint64(len(sec.data)) || end < s.value+4*legacyWords {
			return l.f.fail(sec.name, int64(sec.off+min(s.value, sec.size)), "define it as struct bpf_map_def, or better in .maps with BTF", "map %s has no room for the %d bytes of a definition", s.name, 4*legacyWords)
		}
		w := make([]uint32, min((end-s.value)/4, tcWords))
		for j := range w {
			w[j] = l.f.order.Uint32(sec.data[s.value+4*uint64(j):])
		}
		m := &Map{Name: s.name, Type: mapTypeName(l.opts.Target, w[0]), KeySize: w[1], ValueSize: w[2], MaxEntries: w[3], Flags: w[4]}
		fixSizes(m, w[0])
		l.maps[slot{sec.index, s.value}] = m
		order, words = append(order, m), append(words, w)
		if len(w) == tcWords && w[tcID] != 0 {
			ids[w[tcID]] = m
		}
	}
	for i, m := range order {
		if mt, ok := l.opts.Target.MapType(m.Type); ok && mt.InnerMap {
			m.Inner = legacyInner(words[i], order, ids)
			if m.Inner == nil {
				l.note("map %s of maps: the definition of its inner maps was not found", m.Name)
			}
		}
	}
	l.annotateLegacy(order)
	l.obj.Maps = append(l.obj.Maps, order...)
	return nil
}

// fixSizes corrects sizes that loaders correct before they create a map: where a
// definition's types only document what is inside.
func fixSizes(m *Map, typ uint32) {
	switch typ {
	case mapRingbuf, mapUserRingbuf:
		m.KeySize, m.ValueSize = 0, 0
	case mapPerfEventArray: // its values are file descriptors
		m.KeySize, m.ValueSize = 4, 4
	}
}

// legacyInner finds the definition of a map's inner maps by number or by index.
func legacyInner(w []uint32, order []*Map, ids map[uint32]*Map) *Map {
	if len(w) == tcWords {
		if m := ids[w[tcInnerID]]; m != nil {
			return m
		}
		if idx := w[tcInnerIdx]; int64(idx) < int64(len(order)) && w[tcInnerID] != 0 {
			return order[idx]
		}
		return nil
	}
	if len(w) > legacyWords && int64(w[legacyWords]) < int64(len(order)) {
		return order[w[legacyWords]]
	}
	return nil
}

// annotateLegacy takes key and value types from the structures that the macro
// BPF_ANNOTATE_KV_PAIR leaves in BTF.
func (l *linker) annotateLegacy(maps []*Map) {
	if l.types.spec == nil {
		return
	}
	for _, m := range maps {
		var t *btf.Struct
		if l.types.spec.TypeByName(fmt.Sprintf("____btf_map_%s", m.Name), &t) != nil || len(t.Members) < 2 {
			continue
		}
		key, value := t.Members[0].Type, t.Members[1].Type
		if n, err := btf.Sizeof(value); err != nil || uint32(n) != m.ValueSize {
			continue
		}
		m.KeyTypeID, m.ValueTypeID = l.typeID(key), l.typeID(value)
		m.Fields = appendFields(nil, value, 0)
		sortFields(m)
	}
}

// typeID returns the number of a type in the object's BTF, 0 if it has none.
func (l *linker) typeID(t btf.Type) uint32 {
	id, err := l.types.spec.TypeID(t)
	if err != nil {
		return 0
	}
	return uint32(id)
}
