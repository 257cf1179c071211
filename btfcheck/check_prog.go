package btfcheck

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// ProgInfo is what comes with a program at load time: its instructions and the
// records about them, as bpf(2) takes them.
type ProgInfo struct {
	// Order of the words in records and instructions; nil is little endian.
	Order binary.ByteOrder
	// Insns is the program, 8 bytes a slot.
	Insns []byte
	// Subprogs has the first slot of each subprogram in increasing order,
	// the main program's 0 included.
	Subprogs []uint32
	// Offsets of functions and lines count slots, those of relocations bytes.
	Funcs, Lines, Relocs Records
}

// Records is an array of records of Size bytes each.
type Records struct {
	Data []byte
	Size uint32
}

// CheckProgram checks the records of a program against its BTF: B139 to B163
// and B180. Offset in a diagnostic counts bytes in the array of records that
// the message names. The order is that of Linux 6.18.
func CheckProgram(spec *Spec, p ProgInfo) []Diagnostic {
	if p.Order == nil {
		p.Order = binary.LittleEndian
	}
	c := progChecker{spec: spec, p: p}
	if spec == nil && (len(p.Funcs.Data)+len(p.Lines.Data)+len(p.Relocs.Data)) > 0 {
		return []Diagnostic{{Rule: "B163", Message: "records about the program come without BTF"}}
	}
	var out []Diagnostic
	for _, pass := range []func() *Diagnostic{c.funcs, c.lines, c.relocs} {
		if d := pass(); d != nil {
			out = append(out, *d)
		}
	}
	return out
}

type progChecker struct {
	spec *Spec
	p    ProgInfo
}

func (c *progChecker) slots() uint32 { return uint32(len(c.p.Insns) / 8) }

// each hands out records: the known words of each, after the checks that all
// kinds of records share (size, whole number of records, zero tail).
func (c *progChecker) each(what string, r Records, known uint32, rules [2]string, f func(i int, at uint32, w []uint32) *Diagnostic) *Diagnostic {
	if len(r.Data) == 0 {
		return nil
	}
	if r.Size < known || r.Size > 252 || r.Size%4 != 0 || uint32(len(r.Data))%r.Size != 0 {
		return &Diagnostic{Rule: rules[0], Message: fmt.Sprintf("%s: records of %d bytes in %d", what, r.Size, len(r.Data))}
	}
	w := make([]uint32, known/4)
	for i := range len(r.Data) / int(r.Size) {
		at := uint32(i) * r.Size
		rec := r.Data[at:][:r.Size]
		for j, b := range rec[known:] {
			if b != 0 {
				return &Diagnostic{Rule: rules[1], Offset: at + known + uint32(j), Message: what + ": unknown part of a record is not zero"}
			}
		}
		for j := range w {
			w[j] = c.p.Order.Uint32(rec[4*j:])
		}
		if d := f(i, at, w); d != nil {
			return d
		}
	}
	return nil
}

// funcs checks func_info (B139 to B145, B155, B180).
func (c *progChecker) funcs() *Diagnostic {
	fail := func(rule string, at uint32, format string, a ...any) *Diagnostic {
		return &Diagnostic{Rule: rule, Offset: at, Message: "func_info: " + fmt.Sprintf(format, a...)}
	}
	var starts []uint32
	d := c.each("func_info", c.p.Funcs, 8, [2]string{"B139", "B140"}, func(i int, at uint32, w []uint32) *Diagnostic {
		t, ok := c.spec.Type(TypeID(w[1]))
		switch {
		case i == 0 && w[0] != 0:
			return fail("B141", at, "the first record is about slot %d, not 0", w[0])
		case i > 0 && w[0] <= starts[i-1]:
			return fail("B142", at, "slot %d comes after slot %d", w[0], starts[i-1])
		case !ok || t.Kind != KindFunc:
			return fail("B143", at+4, "type %d is no FUNC", w[1])
		}
		starts = append(starts, w[0])
		if i > 0 && i < len(c.p.Subprogs) && c.legacy(i) {
			if ret, _, _ := c.spec.Arg(c.returns(t)); ret != ArgScalar {
				return fail("B155", at, "function %s loads from packets the old way or tail-calls, and does not return a number", t.short())
			}
		}
		return c.global(t, at)
	})
	switch {
	case d != nil:
		return d
	case len(starts) == 0:
		for i := range c.p.Subprogs {
			if i > 0 && c.legacy(i) {
				return fail("B155", 0, "subprogram %d loads from packets the old way or tail-calls, and has no BTF", i)
			}
		}
		return nil
	case len(starts) != len(c.p.Subprogs):
		return fail("B144", 0, "%d records for %d subprograms", len(starts), len(c.p.Subprogs))
	}
	for i, s := range c.p.Subprogs {
		if starts[i] != s {
			return fail("B145", uint32(i)*c.p.Funcs.Size, "subprogram %d starts at slot %d, not %d", i, s, starts[i])
		}
	}
	return nil
}

func (c *progChecker) returns(f Type) TypeID {
	proto, _ := c.spec.Type(f.Ref())
	return proto.Ref()
}

// legacy reports whether subprogram i has an LD_ABS, LD_IND or tail call.
func (c *progChecker) legacy(i int) bool {
	end := c.slots()
	if i+1 < len(c.p.Subprogs) {
		end = min(end, c.p.Subprogs[i+1])
	}
	for pc := c.p.Subprogs[i]; pc < end; pc++ {
		insn := c.p.Insns[8*pc:][:8]
		switch op := insn[0]; {
		case op&0x07 == 0 && (op&0xe0 == 0x20 || op&0xe0 == 0x40):
			return true
		case op == 0x85 && insn[1] == 0 && c.p.Order.Uint32(insn[4:]) == 12:
			return true
		case op == 0x18:
			pc++
		}
	}
	return false
}

// global checks what can be said about a global function without knowing the
// program's type (B180).
func (c *progChecker) global(f Type, at uint32) *Diagnostic {
	p, err := c.spec.Proto(f.ID)
	if err != nil || f.Linkage() != 1 || at == 0 {
		return nil
	}
	fail := func(format string, a ...any) *Diagnostic {
		return &Diagnostic{Rule: "B180", Offset: at + 4, Type: f.ID, Message: "global function " + f.short() + ": " + fmt.Sprintf(format, a...)}
	}
	if len(p.Params) > 5 || p.Variadic {
		return fail("more than 5 parameters")
	}
	if kind, _, _ := c.spec.Arg(p.Return); kind != ArgScalar {
		return fail("does not return a number") // 6.18 refuses void too
	}
	for i, param := range p.Params {
		if kind, _, _ := c.spec.Arg(param.Type); kind == ArgUnknown || kind == ArgByValue {
			return fail("parameter %d is neither a number nor a pointer", i+1)
		}
	}
	return nil
}

// lines checks line_info (B147 to B153).
func (c *progChecker) lines() *Diagnostic {
	prev, sub, seen := uint32(0), 0, false
	fail := func(rule string, at uint32, format string, a ...any) *Diagnostic {
		return &Diagnostic{Rule: rule, Offset: at, Message: "line_info: " + fmt.Sprintf(format, a...)}
	}
	d := c.each("line_info", c.p.Lines, 16, [2]string{"B147", "B148"}, func(i int, at uint32, w []uint32) *Diagnostic {
		switch {
		case i > 0 && w[0] <= prev:
			return fail("B149", at, "slot %d comes after slot %d", w[0], prev)
		case w[0] >= c.slots():
			return fail("B150", at, "slot %d of %d", w[0], c.slots())
		case c.p.Insns[8*w[0]] == 0:
			return fail("B151", at, "slot %d is the second half of an instruction", w[0])
		case !c.spec.has(w[1]) || !c.spec.has(w[2]):
			return fail("B152", at+4, "bad string offset")
		}
		prev, seen = w[0], true
		if sub < len(c.p.Subprogs) {
			switch start := c.p.Subprogs[sub]; {
			case w[0] == start:
				sub++
			case start < w[0]:
				return fail("B153", at, "subprogram %d has no line at its start, slot %d", sub, start)
			}
		}
		return nil
	})
	if d == nil && seen && sub < len(c.p.Subprogs) {
		return fail("B153", 0, "subprogram %d has no line at its start, slot %d", sub, c.p.Subprogs[sub])
	}
	return d
}

// relocs checks CO-RE relocations (B156 to B162).
func (c *progChecker) relocs() *Diagnostic {
	fail := func(rule string, at uint32, format string, a ...any) *Diagnostic {
		return &Diagnostic{Rule: rule, Offset: at, Message: "core_relo: " + fmt.Sprintf(format, a...)}
	}
	return c.each("core_relo", c.p.Relocs, 16, [2]string{"B156", "B156"}, func(i int, at uint32, w []uint32) *Diagnostic {
		if w[0]%8 != 0 {
			return fail("B157", at, "no slot starts at byte %d", w[0])
		}
		if w[0]/8 >= c.slots() {
			return fail("B158", at, "slot %d of %d", w[0]/8, c.slots())
		}
		if _, ok := c.spec.Type(TypeID(w[1])); !ok || w[1] == 0 {
			return fail("B159", at+4, "type %d does not exist", w[1])
		}
		access, ok := c.spec.within(w[2], maxName)
		if !ok {
			return fail("B160", at+8, "bad access string")
		}
		if w[3] >= uint32(numRelocKinds) {
			return fail("B161", at+12, "kind %d does not exist", w[3])
		}
		if err := c.spec.CheckAccess(TypeID(w[1]), access, RelocKind(w[3])); err != nil {
			rule := "B160"
			if RelocKind(w[3]).aboutType() {
				rule = "B162"
			}
			return fail(rule, at+8, "%v", err)
		}
		if op, src := c.p.Insns[w[0]], c.p.Insns[w[0]+1]>>4; !patchable(op, src) {
			return fail("B162", at, "instruction %#02x at slot %d cannot be patched", op, w[0]/8)
		}
		return nil
	})
}

// patchable reports whether a relocation may change an instruction: arithmetic
// with an immediate, loads, stores, and LD_IMM64 without a pseudo source.
func patchable(op, src byte) bool {
	switch op & 0x07 {
	case 1, 2, 3: // LDX, ST, STX
		return true
	case 4, 7: // ALU, ALU64
		return op&0x08 == 0
	default:
		return op == 0x18 && src == 0
	}
}

// aboutType reports whether the relocation is about a type as a whole.
func (k RelocKind) aboutType() bool {
	switch k {
	case RelocTypeIDLocal, RelocTypeIDTarget, RelocTypeExists, RelocTypeSize, RelocTypeMatches:
		return true
	default:
		return false
	}
}

// maxAccess is the number of steps of an access string.
const maxAccess = 64

// CheckAccess checks that an access string leads somewhere (B160): "0" for a
// relocation about a type, the position of an enumerator, or an index into an
// imagined array of the type and then positions of members and elements.
func (s *Spec) CheckAccess(id TypeID, access string, kind RelocKind) error {
	if kind >= numRelocKinds {
		return fmt.Errorf("relocation kind %d does not exist", kind)
	}
	if kind.aboutType() {
		if access != "0" {
			return fmt.Errorf("access string %q of a relocation about a type is not \"0\"", access)
		}
		return nil
	}
	parts := strings.Split(access, ":")
	if len(parts) > maxAccess {
		return fmt.Errorf("access string has %d steps", len(parts))
	}
	enum := kind == RelocEnumExists || kind == RelocEnumValue
	for step, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return fmt.Errorf("access string %q is no list of numbers", access)
		}
		t, _, err := s.Resolve(id)
		if err != nil {
			return err
		}
		switch {
		case enum:
			if len(parts) != 1 || t.Kind != KindEnum && t.Kind != KindEnum64 || n >= uint64(t.Vlen) {
				return fmt.Errorf("access string %q does not name an enumerator of type %d", access, id)
			}
		case step == 0:
		case t.Kind.IsStruct() && n < uint64(t.Vlen):
			id, _, _ = t.memberAt(int(n))
		case t.Kind == KindArray && (n < uint64(t.Array().Len) || t.Array().Len == 0):
			id = t.Array().Elem
		default:
			return fmt.Errorf("access string %q: type %d has no part %d", access, t.ID, n)
		}
	}
	return nil
}
