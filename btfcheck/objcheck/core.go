package objcheck

import "github.com/bpfcheck/bpfcheck/loader"

// This file reports what became of CO-RE relocations on the target (E31, E32).

// relocations lists the sites, and reports those that are wrong.
func (c *checker) relocations() {
	if c.obj == nil || c.o.Against == nil {
		return
	}
	reached := make([][]bool, len(c.obj.Programs))
	c.r.Relocations = make([]Relocation, 0, len(c.obj.Sites))
	for _, s := range c.obj.Sites {
		r := Relocation{Section: s.Section, Insn: s.Slot, Func: s.Func, Kind: s.Kind, Type: s.Type, Field: s.Field,
			Outcome: s.Outcome.String(), Old: s.Old, New: s.New, Why: s.Why}
		offset := uint64(s.Slot) * 8
		if sec := c.index.sections[s.Section]; sec != nil {
			offset += sec.Offset
		}
		switch s.Outcome {
		case loader.SitePatched, loader.SiteAbsent:
		case loader.SitePoisoned:
			r.New = 0
			r.Guarded = c.guarded(s, reached)
			if !r.Guarded {
				c.add(E32, offset, 0, "section %s, slot %d: %s of %s: %s, and nothing keeps the program from getting there", s.Section, s.Slot, s.Kind, subject(s), s.Why)
			}
		default:
			c.add(E31, offset, 0, "section %s, slot %d of %s %s", s.Section, s.Slot, s.Func, s.Why)
		}
		c.r.Relocations = append(c.r.Relocations, r)
	}
}

// subject is what a site asks about.
func subject(s loader.Site) string {
	if s.Field == "" {
		return s.Type
	}
	return s.Type + "." + s.Field
}

// guarded reports whether no program reaches an impossible site. Code that no
// program was linked with is not loaded. reached is filled as needed.
func (c *checker) guarded(s loader.Site, reached [][]bool) bool {
	for _, at := range s.At {
		if reached[at.Program] == nil {
			reached[at.Program] = reachable(c.obj.Programs[at.Program])
		}
		if at.Insn < len(reached[at.Program]) && reached[at.Program][at.Insn] {
			return false
		}
	}
	return true
}
