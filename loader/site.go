package loader

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Site is one CO-RE relocation and what became of it.
type Site struct {
	Section string
	Slot    int    // of the instruction, in the section
	Func    string // the function that it is in
	// Kind is what is asked for: "field_offset", "type_exists", …
	Kind string
	// Type and Field name what is asked about: "struct task_struct", "mm.pgd";
	// Field is "" where the question is about the whole type.
	Type, Field string
	Outcome     SiteOutcome
	// Old is the answer at compile time, New that of the kernel.
	Old, New uint64
	// NewSize is the bytes of the access, if the field's size has changed, else 0.
	NewSize int
	// Why says what is wrong with a site that is poisoned or malformed.
	Why string
	// At are the places in programs that the site was linked into, in order.
	At []Place

	insn int // in the function
}

// Place is an instruction of a program of an object.
type Place struct{ Program, Insn int }

// SiteOutcome is what became of a CO-RE relocation.
type SiteOutcome uint8

// The outcomes.
const (
	SiteUnknown SiteOutcome = iota
	// SitePatched: the instruction holds the kernel's answer.
	SitePatched
	// SiteAbsent: the question was whether something exists or how large it is, and
	// it does not exist: the instruction holds 0.
	SiteAbsent
	// SitePoisoned: the kernel has no answer; the program fails if it gets there.
	SitePoisoned
	// SiteMalformed: the record or its instruction is wrong, whatever the kernel.
	SiteMalformed
)

var outcomeNames = [...]string{"unknown", "patched", "absent", "impossible", "malformed"}

// String is the outcome as output has it.
func (o SiteOutcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

var coreNames = [coreKinds]string{
	"field_offset", "field_size", "field_exists", "field_signed", "field_lshift", "field_rshift", "type_id_local",
	"type_id_target", "type_exists", "type_size", "enum_exists", "enum_value", "type_matches",
}

// String is the kind as libraries name it.
func (k coreKind) String() string {
	if k < coreKinds {
		return coreNames[k]
	}
	return fmt.Sprintf("kind_%d", uint32(k))
}

func (s *Site) fail(fn *function, format string, args ...any) {
	fn.fail(s.insn, format, args...)
	s.Outcome, s.Why = SiteMalformed, fmt.Sprintf(format, args...)
}

func (s *Site) poison(fn *function, why string) {
	fn.poison(s.insn, why)
	s.Outcome, s.Why = SitePoisoned, why
}

// newSite describes a relocation. Without kernel BTF nobody reads it.
func (l *linker) newSite(fn *function, insn int, r coreRecord) *Site {
	s := &Site{insn: insn}
	if l.kernel == nil {
		return s
	}
	s.Section, s.Slot, s.Func, s.Kind = fn.sec.name, int(fn.start)+insn, fn.name, coreKind(r.kind).String()
	s.Type, s.Field = l.describeAccess(r)
	return s
}

// keepSite files a site that has an outcome.
func (l *linker) keepSite(fn *function, s *Site) {
	if l.kernel != nil {
		fn.sites = append(fn.sites, len(l.obj.Sites))
		l.obj.Sites = append(l.obj.Sites, *s)
	}
}

// describeAccess names the type and the path of a relocation as C does.
func (l *linker) describeAccess(r coreRecord) (typ, field string) {
	if l.types.spec == nil {
		return "", ""
	}
	root, err := l.types.spec.TypeByID(btf.TypeID(r.typeID))
	if err != nil {
		return fmt.Sprintf("type %d", r.typeID), ""
	}
	typ = cName(root)
	kind := coreKind(r.kind)
	path, err := parseAccess(l.types.string(r.access))
	if err != nil || (!kind.field() && !kind.enum()) {
		return typ, ""
	}
	local, err := localSpec(btf.QualifiedType(root), path, kind)
	if err != nil {
		return typ, l.types.string(r.access)
	}
	if kind.enum() {
		return typ, local.enumName
	}
	var b strings.Builder
	for i, step := range local.steps {
		switch {
		case step.name != "":
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step.name)
		case i > 0 || step.index > 0:
			fmt.Fprintf(&b, "[%d]", step.index)
		}
	}
	return typ, b.String()
}

// cName is a type's name as C spells it.
func cName(t btf.Type) string {
	name := t.TypeName()
	if name == "" {
		name = "(anonymous)"
	}
	switch t := t.(type) {
	case *btf.Struct:
		return "struct " + name
	case *btf.Union:
		return "union " + name
	case *btf.Enum:
		return "enum " + name
	case *btf.Fwd:
		return t.Kind.String() + " " + name
	}
	return name
}
