package loader

import (
	"strings"

	"github.com/cilium/ebpf/btf"
)

// flagLink marks struct_ops maps that are attached through a link.
const flagLink = 1 << 13

// structOps makes the maps of .struct_ops sections, one a variable, and ties the
// programs that their function pointers name to the member: a program's AttachTo
// becomes "structure:member".
func (l *linker) structOps() {
	for i := range l.f.sections {
		sec := &l.f.sections[i]
		if !strings.HasPrefix(strings.TrimPrefix(sec.name, "?"), ".struct_ops") || sec.exec() {
			continue
		}
		ds, _ := l.datasec(sec.name)
		if ds == nil {
			continue
		}
		at := l.offsets(sec)
		for _, v := range ds.Vars {
			vt, ok := v.Type.(*btf.Var)
			if !ok {
				continue
			}
			st, ok := btf.As[*btf.Struct](vt.Type)
			off, found := at[vt.Name]
			if !ok || !found || off+uint64(st.Size) > uint64(len(sec.data)) {
				l.note("variable %s of section %s is no structure of operations", vt.Name, sec.name)
				continue
			}
			flags := uint32(0)
			if strings.HasSuffix(sec.name, ".link") {
				flags = flagLink
			}
			l.obj.Maps = append(l.obj.Maps, &Map{
				Flags: flags, Name: vt.Name, Type: mapTypeName(l.opts.Target, mapStructOps), KeySize: 4, ValueSize: st.Size, MaxEntries: 1,
				ValueTypeID: l.typeID(st), Data: sec.data[off : off+uint64(st.Size)],
			})
			l.operations(sec, st, off)
		}
	}
}

// operations finds the programs in the function pointers of one structure.
func (l *linker) operations(sec *section, st *btf.Struct, off uint64) {
	for _, r := range sec.rels {
		if r.off < off || r.off >= off+uint64(st.Size) {
			continue
		}
		sym := &l.f.symbols[r.sym]
		fn := l.byStart[slot{sym.shndx, sym.value / 8}]
		if fn == nil {
			continue
		}
		for _, m := range st.Members {
			if uint64(m.Offset) != (r.off-off)*8 {
				continue
			}
			for _, p := range l.obj.Programs {
				if p.Name == fn.name && p.Section == fn.sec.name {
					p.AttachTo = essential(st.Name) + ":" + m.Name
				}
			}
		}
	}
}
