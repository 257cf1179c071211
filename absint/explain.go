package absint

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// explainVar describes the value of a cell for a diagnostic.
func (a *analysis) explainVar(s *State, v domains.Var) []string {
	return []string{a.cellName(s, v) + ": " + a.describe(s, v)}
}

// cellName is the register or stack word that a variable stands for.
func (a *analysis) cellName(s *State, v domains.Var) string {
	i := int(v) % s.lay.stride
	if i < isa.NumRegs {
		return fmt.Sprintf("r%d", i)
	}
	return fmt.Sprintf("stack[%d]", -4*(i-isa.NumRegs+1))
}

// describe says in words what a cell holds.
func (a *analysis) describe(s *State, v domains.Var) string {
	c := s.cells[v]
	switch {
	case c.Kind == Scalar:
		return describeNumber(s.num.Word(v))
	case !c.Kind.isPointer():
		return c.Kind.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s pointer", c.Kind)
	switch c.Kind {
	case MapValue, MapPtr:
		fmt.Fprintf(&b, " (map %q)", a.mapOf(c).Name)
	case Mem:
		fmt.Fprintf(&b, " (%s)", bytes(int64(c.Region)))
	}
	if c.Off != 0 {
		fmt.Fprintf(&b, " %+d", c.Off)
	}
	if c.has(HasVar) {
		fmt.Fprintf(&b, " + %s", describeNumber(s.num.Word(v)))
	}
	if c.has(MaybeNull) {
		b.WriteString(", may be null")
	}
	if c.Kind == Packet || c.Kind == PacketMeta {
		fmt.Fprintf(&b, ", %s proved", bytes(int64(s.packetRange(c))))
	}
	return b.String()
}

// bytes counts bytes in words.
func bytes(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// areBytes is bytes with the verb that goes with it.
func areBytes(n int64) string {
	if n == 1 {
		return "1 byte is"
	}
	return bytes(n) + " are"
}

// describeNumber prints what is known of a number.
func describeNumber(d domains.Word) string {
	top := domains.TopWord(isa.W64)
	if x, ok := d.Const(); ok {
		if int64(x) < 0 || x < 1000 {
			return fmt.Sprint(int64(x))
		}
		return fmt.Sprintf("%#x", x)
	}
	var parts []string
	unsigned := d.UMin > 0 || d.UMax < top.UMax
	switch {
	case unsigned && (d.SMin >= 0 || d.SMin == top.SMin && d.SMax == top.SMax):
		parts = append(parts, fmt.Sprintf("%d to %s", d.UMin, describeMax(d.UMax)))
	case d.SMin > top.SMin || d.SMax < top.SMax:
		parts = append(parts, bound{clampOffset(d.SMin), clampOffset(d.SMax)}.String())
	}
	if d.Mask != top.Mask && d.Value|d.Mask != d.UMax {
		parts = append(parts, fmt.Sprintf("bits %#x/%#x", d.Value, ^d.Mask))
	}
	if len(parts) == 0 && (d.U32Min > 0 || d.U32Max < top.U32Max) {
		parts = append(parts, fmt.Sprintf("low half %d to %d", d.U32Min, d.U32Max))
	}
	if len(parts) == 0 {
		return "any number"
	}
	return strings.Join(parts, ", ")
}

func describeMax(x uint64) string {
	if x > 1<<32 {
		return fmt.Sprintf("%#x", x)
	}
	return fmt.Sprint(x)
}
