package linux

import "github.com/bpfcheck/bpfcheck/platform"

// rule is a context, or memory behind a pointer, that is no structure: every access
// between two offsets with the right size and alignment does the same.
type rule struct {
	first, end int64 // bytes that accesses may touch: [first, end)
	sizes      int   // accepted sizes in bytes, or-ed
	align      int64 // offsets are multiples of this; 0 = of the access's size, 1 = any
	write      bool  // writes are accepted as well
	field      platform.Field
}

func (r *rule) access(off int64, size int, write bool) (platform.Field, bool) {
	switch {
	case size < 1 || size > 8 || size&(size-1) != 0 || size&r.sizes == 0:
	case off < r.first || off > r.end-int64(size):
	case write && !r.write:
	case r.align == 0 && off%int64(size) != 0, r.align > 0 && off%r.align != 0:
	default: // every condition that refuses has been asked
		return r.field, true
	}
	return platform.Field{}, false
}

// Contexts that are rules.
var (
	// A tracepoint's record: the first word is the kernel's own, the record's true
	// size is compared when the program is attached.
	tracepointRule = rule{first: 8, end: 8192, sizes: 15, field: platform.Field{Name: "record", Kind: platform.Scalar}}
	// A buffer given by the caller, whose true size is compared when the program is run.
	syscallRule = rule{end: 65535, sizes: 15, write: true, field: platform.Field{Name: "args", Kind: platform.Scalar}}
	// The arguments of a traced function, hook or member. Their types come from BTF:
	// BTFPointer without a type is what the engine has to replace. Only scalars take
	// the narrow sizes.
	btfRule  = rule{end: 12 * 8, sizes: 15, align: 8, field: platform.Field{Name: "argument", Kind: platform.BTFPointer}}
	lircRule = rule{end: 4, sizes: 4, field: platform.Field{Name: "sample", Kind: platform.Scalar}}
	noRule   = rule{}
	// A writable raw tracepoint's buffer: its true size is compared when the program is attached.
	bufferRule = rule{end: 1 << 29, sizes: 15, align: 1, write: true, field: platform.Field{Name: "buffer", Kind: platform.Scalar}}
)

// context is the layout or the rule of a program type's context.
type context struct {
	layout  *layout // nil: rule
	rule    *rule
	version platform.Version
	exit    platform.ExitRange
}

// Context implements platform.Target. Under an attach type that the program type
// does not have, everything is refused.
func (t *Target) Context(p *platform.ProgType, attach uint32) platform.Context {
	attach = expectedAttach(p, attach)
	c := context{rule: &noRule, version: t.version, exit: platform.ExitRange{Min: 1, Max: 0}}
	own := t.t.progByName[p.Name]
	if own == nil {
		return c
	}
	c.exit = own.exitRange(attach)
	switch {
	case p.Name == "ext": // that of the program replaced
	case p.BTFContext:
		c.rule = &btfRule
	case p.Name == "tracepoint":
		c.rule = &tracepointRule
	case p.Name == "syscall":
		c.rule = &syscallRule
	case p.Name == "lirc_mode2":
		c.rule = &lircRule
	default: // refused unless the table has it
		c.layout = t.t.contexts[contextKey{p.Name, attach}]
		if c.layout == nil {
			c.layout = t.t.contexts[contextKey{p.Name, anyAttach}]
		}
	}
	return c
}

// Access implements platform.Context.
func (c context) Access(off int64, size int, write bool) (platform.Field, bool) {
	if c.layout != nil {
		return c.layout.access(c.version, off, size, write)
	}
	return c.rule.access(off, size, write)
}

// Size implements platform.Context.
func (c context) Size() int64 {
	if c.layout != nil {
		return c.layout.size
	}
	return c.rule.end
}

// Exit implements platform.Context.
func (c context) Exit() platform.ExitRange { return c.exit }

// StructAccess implements platform.Target.
func (t *Target) StructAccess(kind platform.ValueKind, off int64, size int, write bool) (platform.Field, bool) {
	if kind == platform.TPBuffer {
		return bufferRule.access(off, size, write)
	}
	l := t.t.structs[kind]
	if l == nil {
		return platform.Field{}, false
	}
	return l.access(t.version, off, size, write)
}
