package objcheck

import (
	"bytes"
	"strings"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// This file checks what stands beside the code: licence, version, variables,
// externs, section names, and types where they are needed (E13 to E20, E23).

// datasec lists the VARs and FUNCs that the types declare for a section.
func (c *checker) datasec(name string) []btfcheck.Type {
	if c.spec == nil {
		return nil
	}
	id, ok := c.spec.ByName(btfcheck.KindDatasec, name)
	if !ok {
		return nil
	}
	ds, _ := c.spec.Type(id)
	out := make([]btfcheck.Type, 0, ds.Vlen)
	for i := range int(ds.Vlen) {
		if t, ok := c.spec.Type(ds.Var(i).Type); ok {
			out = append(out, t)
		}
	}
	return out
}

// licence applies E13 to E16.
func (c *checker) licence() {
	s := c.f.Section("license")
	switch {
	case s == nil:
		c.add(E15, 0, 0, "no section license: helpers that are GPL-only cannot be called, and some tools refuse the object")
	case !bytes.Contains(s.Data, []byte{0}):
		c.add(E13, s.Offset, 0, "section license does not end with NUL")
	}
	if v := c.f.Section("version"); v != nil && v.Size != 4 {
		c.add(E16, v.Offset, 0, "section version has %d bytes instead of 4", v.Size)
	}
	if c.obj == nil || c.o.Target.GPLCompatible(c.obj.License) {
		return
	}
	for _, p := range c.obj.Programs {
		if what := c.needsGPL(p); what != "" {
			c.add(E14, c.codeOffset(p), 0, "program %s %s, which needs a GPL-compatible licence; the object's is %q", p.Name, what, c.obj.License)
		}
	}
}

// needsGPL says what in a program needs a GPL-compatible licence, "" if nothing.
func (c *checker) needsGPL(p *loader.Program) string {
	if p.Type == "lsm" || p.Type == "struct_ops" {
		return "is of type " + p.Type
	}
	pt, ok := c.o.Target.ProgType(p.Type)
	if !ok {
		return ""
	}
	for _, in := range p.Insns {
		if in.Op != isa.OpCall || in.Src != isa.CallHelper {
			continue
		}
		if h, _ := c.o.Target.Helper(pt, p.Attach, in.Imm); h != nil && h.GPLOnly {
			return "calls bpf_" + h.Name
		}
	}
	return ""
}

// codeOffset is where a program starts in the file.
func (c *checker) codeOffset(p *loader.Program) uint64 {
	return c.index.code[[2]string{p.Section, p.Name}]
}

// data applies E17 to E19.
func (c *checker) data() {
	for i := range c.f.Sections {
		s := &c.f.Sections[i]
		if !isData(s.Name) || s.Exec() || c.index.sections[s.Name] != s {
			continue
		}
		sizes := map[string]uint64{}
		for _, sym := range c.index.symbols[i] {
			if sym.Type != loader.SymObject {
				continue
			}
			sizes[sym.Name] = sym.Size
			if sym.Value > s.Size || sym.Size > s.Size-sym.Value {
				c.add(E17, s.Offset+min(sym.Value, s.Size), 0, "variable %s: its %d bytes at %#x leave section %s of %d bytes", sym.Name, sym.Size, sym.Value, s.Name, s.Size)
			}
		}
		for _, v := range c.datasec(s.Name) {
			have, found := sizes[v.Name()]
			want, err := c.spec.SizeOf(v.ID)
			if err == nil && found && have != uint64(want) && !c.flexible(v) {
				c.add(E18, s.Offset, v.ID, "variable %s has %d bytes in section %s, and its type %d", v.Name(), have, s.Name, want)
			}
		}
	}
	c.externs()
}

// flexible reports whether a variable's type ends in an array without length, which
// an initialiser may fill.
func (c *checker) flexible(v btfcheck.Type) bool {
	t, _, err := c.spec.Resolve(v.Ref())
	for range 32 {
		if err != nil {
			return false
		}
		switch {
		case t.Kind == btfcheck.KindArray && t.Array().Len == 0:
			return true
		case t.Kind.IsStruct() && t.Vlen > 0:
			t, _, err = c.spec.Resolve(t.Member(int(t.Vlen) - 1).Type)
		default:
			return false
		}
	}
	return false
}

// externs applies E19.
func (c *checker) externs() {
	for _, v := range c.datasec(".kconfig") {
		name := v.Name()
		if v.Kind != btfcheck.KindVar {
			c.add(E19, 0, v.ID, "%s in .kconfig is no variable", name)
			continue
		}
		if !strings.HasPrefix(name, "CONFIG_") && !strings.HasPrefix(name, "LINUX_") {
			c.add(E19, 0, v.ID, "%s in .kconfig: loaders know CONFIG_… and LINUX_… names only", name)
		}
		if n, err := c.spec.SizeOf(v.ID); err != nil || n == 0 {
			c.add(E19, 0, v.ID, "%s in .kconfig has no size", name)
		}
	}
	for _, v := range c.datasec(".ksyms") {
		if v.Kind != btfcheck.KindVar && v.Kind != btfcheck.KindFunc {
			c.add(E19, 0, v.ID, "type %d in .ksyms is neither variable nor function", v.ID)
		}
	}
}

// names applies E20.
func (c *checker) names() {
	if c.obj == nil {
		return
	}
	for _, p := range c.obj.Programs {
		if _, ok := c.o.Target.Section(p.Section); !ok {
			c.add(E20, c.codeOffset(p), 0, "program %s: %s knows no section name %s", p.Name, c.o.Target.Name(), p.Section)
		}
	}
}

// features applies E23: what cannot work without types.
func (c *checker) features() {
	if s := c.f.Section(".maps"); s != nil && s.Size > 0 && c.spec == nil {
		c.add(E23, s.Offset, 0, "section .maps defines maps by their types, and the object has none: compile with -g and do not strip .BTF")
	}
	if s := c.f.Section(".addr_space.1"); s != nil && s.Size > 0 && c.obj != nil && !c.hasMap("arena") {
		c.add(E23, s.Offset, 0, "section .addr_space.1 needs a map of type arena")
	}
	if c.obj == nil {
		return
	}
	for _, p := range c.obj.Programs {
		if len(p.Kfuncs) > 0 && (c.spec == nil || len(p.BTF) == 0) {
			c.add(E23, c.codeOffset(p), 0, "program %s calls kernel functions, which needs type information", p.Name)
		}
		for _, r := range p.Refs {
			if r.Kind == loader.RefFunc && !p.HasFuncInfo {
				c.add(E23, c.codeOffset(p), 0, "program %s takes the address of %s, which needs type information for all its functions", p.Name, r.Name)
				break
			}
		}
	}
}

func (c *checker) hasMap(typ string) bool {
	for _, m := range c.obj.Maps {
		if m.Type == typ {
			return true
		}
	}
	return false
}
