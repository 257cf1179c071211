package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// mode says what an access does.
type mode uint8

const (
	reads mode = 1 << iota
	writes
	atomically
	// byHelper: a helper makes the access; its size may be a range.
	byHelper
)

func (m mode) String() string {
	switch {
	case m&atomically != 0:
		return "atomic operation"
	case m&writes != 0:
		return "write"
	}
	return "read"
}

// span is the memory of one access: it starts anywhere in off from the base of
// the pointer and takes size bytes.
type span struct {
	off  bound
	size int64
}

// access checks an access through pointer v (rules V2, V4 to V9, V11, V24, V25)
// and reports whether it is allowed. Offsets are relative to the pointer's object.
// The value it reads is the caller's business.
func (a *analysis) access(s *State, pc int, v domains.Var, sp span, m mode) bool {
	c := s.cells[v]
	switch {
	case c.Kind == Poison:
		a.led.suspend(pc)
		return false
	case !c.Kind.isPointer():
		return a.notPointer(s, pc, v, m)
	case c.has(MaybeNull):
		if d := a.alarm(pc, NullCheck, Safety); d != nil {
			d.Message = fmt.Sprintf("%s through a %s pointer that may be null", m, c.Kind)
			d.Help = "compare the pointer with 0 first, and use it only where it is not"
			d.State = a.explainVar(s, v)
		}
		return false
	}
	switch c.Kind {
	case StackPtr:
		return a.accessStack(s, pc, v, sp, m)
	case Packet, PacketMeta:
		return a.accessPacket(s, pc, v, sp, m)
	case MapValue:
		return a.accessMapValue(s, pc, v, sp, m)
	case Mem:
		if m&writes != 0 && c.has(ReadOnly) {
			return a.readOnly(pc, c, m)
		}
		return a.within(s, pc, v, sp, int64(c.Region), MapBounds, m)
	case TPBuffer:
		// Its length is known to whoever attaches, who is told the largest constant offset.
		if c.has(HasVar) {
			a.refuse(pc, TracingArgs, fmt.Sprintf("%s of a %s at a variable offset", m, c.Kind))
			return false
		}
		return a.within(s, pc, v, sp, 1<<29, TracingArgs, m)
	}
	// The rest are objects whose fields are known: one place at a time.
	return a.accessObject(s, pc, v, sp, m)
}

func (a *analysis) notPointer(s *State, pc int, v domains.Var, m mode) bool {
	if d := a.alarm(pc, PointerArith, Safety); d != nil {
		d.Message = fmt.Sprintf("%s through a number, not a pointer", m)
		d.Help = "the address must come from the context, a map, a helper or the stack, and reach this instruction unchanged"
		d.State = a.explainVar(s, v)
	}
	return false
}

func (a *analysis) readOnly(pc int, c Cell, m mode) bool {
	if d := a.alarm(pc, ReadOnlyMemory, Safety); d != nil {
		d.Message = fmt.Sprintf("%s to read-only memory (%s)", m, c.Kind)
	}
	return false
}

// within checks that the span lies in [0, limit).
func (a *analysis) within(s *State, pc int, v domains.Var, sp span, limit int64, rule Rule, m mode) bool {
	if sp.off.lo >= 0 && sp.off.hi <= limit-sp.size {
		return a.aligned(s, pc, v, sp, a.strict || m&atomically != 0, 0)
	}
	if d := a.alarm(pc, rule, Safety); d != nil {
		what := s.cells[v].Kind.String()
		d.Message = fmt.Sprintf("%s of %s at offset %s of a %s of %s", m, bytes(sp.size), sp.off, what, bytes(limit))
		switch {
		case sp.off.lo < 0:
			d.Help = "show that the offset is not negative: mask it, or compare it as an unsigned number"
		case sp.off.exact():
			d.Help = "the object ends before this access does"
		default:
			d.Help = fmt.Sprintf("show that the offset is at most %d before the access", limit-sp.size)
		}
		d.State = a.explainVar(s, v)
	}
	return false
}

// String prints the interval.
func (b bound) String() string {
	switch {
	case b.exact():
		return fmt.Sprint(b.lo)
	case b.lo <= -infinite && b.hi >= infinite:
		return "anything"
	case b.hi >= infinite:
		return fmt.Sprintf("%d or more", b.lo)
	case b.lo <= -infinite:
		return fmt.Sprintf("at most %d", b.hi)
	}
	return fmt.Sprintf("%d to %d", b.lo, b.hi)
}

// aligned checks natural alignment where it is demanded (V11). skew is what the
// platform adds to the object's own alignment.
func (a *analysis) aligned(s *State, pc int, v domains.Var, sp span, demanded bool, skew int64) bool {
	if !demanded || sp.size <= 1 || sp.size > 8 {
		return true
	}
	low := uint64(sp.size - 1)
	c := s.cells[v]
	ok := false
	if c.has(HasVar) {
		d := s.num.Word(v)
		fixed := sp.off.lo - clampOffset(d.SMin) // the constant part
		ok = d.Mask&low == 0 && (uint64(fixed+skew)+d.Value)&low == 0
	} else {
		ok = uint64(sp.off.lo+skew)&low == 0
	}
	if !ok {
		if d := a.alarm(pc, Alignment, Policy); d != nil {
			d.Message = fmt.Sprintf("access of %d bytes at offset %s of a %s is not aligned", sp.size, sp.off, c.Kind)
			d.Help = fmt.Sprintf("use an offset that is a multiple of %d, or smaller accesses", sp.size)
		}
	}
	return ok
}

func (a *analysis) accessStack(s *State, pc int, v domains.Var, sp span, m mode) bool {
	c := s.cells[v]
	if sp.off.lo < -stackBytes || sp.off.hi > -sp.size {
		if d := a.alarm(pc, StackBounds, Safety); d != nil {
			d.Message = fmt.Sprintf("%s of %s at offset %s from the frame pointer; the stack is [-%d, 0)", m, bytes(sp.size), sp.off, stackBytes)
			d.State = a.explainVar(s, v)
		}
		return false
	}
	if !a.clearOfObjects(s, pc, int(c.Region), sp, m) {
		return false
	}
	fn := s.frame[c.Region].fn
	a.depths[fn] = max(a.depths[fn], int(-sp.off.lo))
	if c.has(HasVar) && !a.priv {
		if d := a.alarm(pc, StackBounds, Policy); d != nil {
			d.Message = "stack access at a variable offset by an unprivileged program"
		}
		return false
	}
	return m&byHelper != 0 || a.aligned(s, pc, v, sp, true, 0)
}

func (a *analysis) accessPacket(s *State, pc int, v domains.Var, sp span, m mode) bool {
	c := s.cells[v]
	switch {
	case m&atomically != 0:
		return a.noAtomic(pc, c)
	case m&writes != 0 && !a.pt.PacketWrite:
		if d := a.alarm(pc, PacketBounds, Policy); d != nil {
			d.Message = fmt.Sprintf("programs of type %s may not write to the packet", a.pt.Name)
		}
		return false
	}
	// Linux measures from the base that pointers with the same variable part
	// share; the numbers may also show it from the packet's start.
	proved := s.packetRange(c)
	rel := sp.off
	if c.has(HasVar) {
		fixed := sp.off.lo - clampOffset(s.num.Word(v).SMin)
		rel = bound{fixed, fixed}
	}
	whole := s.packetRange(Cell{Kind: c.Kind})
	if sp.off.lo >= 0 && (rel.lo >= 0 && rel.hi+sp.size <= int64(proved) || sp.off.hi+sp.size <= int64(whole)) {
		return a.aligned(s, pc, v, sp, a.strict, 2)
	}
	if d := a.alarm(pc, PacketBounds, Safety); d != nil {
		d.Message = fmt.Sprintf("%s of %s at offset %s of the packet, of which %s known to exist", m, bytes(sp.size), rel, areBytes(int64(max(proved, whole))))
		d.Help = fmt.Sprintf("compare first: if (ptr + %d > data_end) return; with the same pointer and a 64-bit comparison", max(rel.hi+sp.size, 1))
		if sp.off.lo < 0 {
			d.Help = "show that the variable part of the offset is not negative"
		}
		d.State = a.explainVar(s, v)
	}
	return false
}

// packetRange returns the bytes proved to follow the pointer's base.
func (s *State) packetRange(c Cell) int32 {
	switch {
	case c.ID != 0:
		return c.Range
	case c.Kind == PacketMeta:
		return s.metaRange
	}
	return s.dataRange
}

func (a *analysis) noAtomic(pc int, c Cell) bool {
	if d := a.alarm(pc, ContextAccess, Policy); d != nil {
		if c.Kind == Packet || c.Kind == PacketMeta {
			d.Rule = PacketBounds.String()
		}
		d.Message = fmt.Sprintf("atomic operations are not allowed on a %s", c.Kind)
	}
	return false
}

func (a *analysis) accessMapValue(s *State, pc int, v domains.Var, sp span, m mode) bool {
	c := s.cells[v]
	def := a.mapOf(c)
	flags := def.Flags
	switch {
	case m&writes != 0 && (flags&platform.MapRdonlyProg != 0 || c.has(ReadOnly)):
		if d := a.alarm(pc, ReadOnlyMemory, Safety); d != nil {
			d.Message = fmt.Sprintf("%s to map %q, which programs may only read", m, def.Name)
		}
		return false
	case m&reads != 0 && flags&platform.MapWronlyProg != 0:
		if d := a.alarm(pc, MapBounds, Policy); d != nil {
			d.Message = fmt.Sprintf("read of map %q, which programs may only write", def.Name)
		}
		return false
	}
	if !a.within(s, pc, v, sp, int64(def.ValueSize), MapBounds, m) {
		return false
	}
	return a.clearOfFields(pc, def, sp)
}

// clearOfFields checks that a span does not touch a special field of the value (V33).
func (a *analysis) clearOfFields(pc int, def *loader.Map, sp span) bool {
	for _, f := range def.Fields {
		size := int64(max(f.Size, fieldSizes[f.Kind]))
		if sp.off.hi+sp.size <= int64(f.Offset) || sp.off.lo >= int64(f.Offset)+size {
			continue
		}
		if d := a.alarm(pc, SpecialFields, Safety); d != nil {
			d.Message = fmt.Sprintf("the %s at offset %d of map %q must not be read or written directly", f.Kind, f.Offset, def.Name)
			d.Help = "use the helpers made for it"
		}
		return false
	}
	return true
}

// fieldSizes are the bytes that special fields take, where a definition does not say.
var fieldSizes = map[string]uint32{
	"spin_lock": 4, "res_spin_lock": 8, "timer": 16, "wq": 16, "task_work": 8, "kptr": 8, "list_head": 16, "rb_root": 16, "refcount": 4,
}

// mapOf returns the definition of the map that a cell refers to.
func (a *analysis) mapOf(c Cell) *loader.Map {
	i := c.Region
	if c.has(Inner) {
		i = a.inner[i]
	}
	return a.maps[i]
}

// accessObject checks an access to a context, socket, kernel object or map object.
func (a *analysis) accessObject(s *State, pc int, v domains.Var, sp span, m mode) bool {
	c := s.cells[v]
	if m&atomically != 0 {
		return a.noAtomic(pc, c)
	}
	if m&byHelper != 0 {
		if d := a.alarm(pc, HelperArgs, Safety); d != nil {
			d.Message = fmt.Sprintf("a helper is given a %s pointer where it expects plain memory", c.Kind)
		}
		return false
	}
	if !sp.off.exact() {
		rule := ContextAccess
		if c.Kind == BTFPtr {
			rule = BTFPointers
		}
		if d := a.alarm(pc, rule, Safety); d != nil {
			d.Message = fmt.Sprintf("%s of a %s at a variable offset (%s)", m, c.Kind, sp.off)
			d.Help = "fields of this object can only be reached at constant offsets"
		}
		return false
	}
	f, why, rule := a.field(s, c, sp, m)
	if why == "" {
		a.loaded = f
		return true
	}
	if d := a.alarm(pc, rule, Safety); d != nil {
		d.Message = why
	}
	return false
}

// field finds what an access to an object's field gives, or why it is refused.
func (a *analysis) field(s *State, c Cell, sp span, m mode) (f platform.Field, why string, rule Rule) {
	off, size, write := sp.off.lo, int(sp.size), m&writes != 0
	switch c.Kind {
	case CtxPtr:
		if c.Off != 0 && a.pt.Name != "syscall" {
			return f, fmt.Sprintf("the context is accessed through a pointer that was moved by %s", bytes(int64(c.Off))), ContextAccess
		}
		if a.pt.BTFContext {
			return a.btfArgument(off, size, write)
		}
		if f, ok := a.ctx.Access(off, size, write); ok {
			return f, "", 0
		}
		return f, fmt.Sprintf("programs of type %s may not %s %s at offset %d of their context (%s)",
			a.pt.Name, verb(write), bytes(int64(size)), off, a.pt.CtxName), ContextAccess
	case Sock, SockCommon, TCPSock, XDPSock, FlowKeys:
		if f, ok := a.target.StructAccess(valueKinds[c.Kind], off, size, write); ok {
			return f, "", 0
		}
		return f, fmt.Sprintf("a %s has no field that a program may %s with %s at offset %d", c.Kind, verb(write), bytes(int64(size)), off), ContextAccess
	case BTFPtr:
		return a.btfField(s, c, off, size, write)
	case MapPtr:
		return a.mapField(c, off, size, write)
	}
	return f, fmt.Sprintf("a %s pointer cannot be used to %s memory", c.Kind, verb(write)), ContextAccess
}

func verb(write bool) string {
	if write {
		return "write"
	}
	return "read"
}

var valueKinds = map[Kind]platform.ValueKind{
	Sock: platform.Sock, SockCommon: platform.SockCommon, TCPSock: platform.TCPSock, XDPSock: platform.XDPSock, FlowKeys: platform.FlowKeys,
}
