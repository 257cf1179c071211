package btfcheck

import (
	"bufio"
	"fmt"
	"io"
)

// DumpRaw prints the types of s, without those of its base, one a line in the order
// of their ids, members and other parts indented below. The layout is that of
// bpftool's raw listing, so that the same scripts read it.
func DumpRaw(w io.Writer, s *Spec) error {
	out := bufio.NewWriter(w)
	for t := range s.Types() {
		fmt.Fprintf(out, "[%d] %s %s", t.ID, t.Kind, rawName(t.Name()))
		rawHead(out, t)
		out.WriteByte('\n')
		rawParts(out, s, t)
	}
	return out.Flush()
}

func rawName(name string) string {
	if name == "" {
		return "'(anon)'"
	}
	return "'" + name + "'"
}

// linkages names the linkage of functions and variables.
var linkages = [...]string{"static", "global", "extern"}

func linkage(n uint32) string {
	if n < uint32(len(linkages)) {
		return linkages[n]
	}
	return fmt.Sprintf("(unknown %d)", n)
}

func signedness(t Type) string {
	if t.Signed() {
		return "SIGNED"
	}
	return "UNSIGNED"
}

// rawHead prints what stands on a type's own line behind its name.
func rawHead(out *bufio.Writer, t Type) {
	switch t.Kind {
	case KindInt:
		i, enc := t.Int(), "(none)"
		switch {
		case i.Signed:
			enc = "SIGNED"
		case i.Char:
			enc = "CHAR"
		case i.Bool:
			enc = "BOOL"
		}
		fmt.Fprintf(out, " size=%d bits_offset=%d nr_bits=%d encoding=%s", t.Size(), i.Offset, i.Bits, enc)
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
		fmt.Fprintf(out, " type_id=%d", t.Ref())
	case KindArray:
		a := t.Array()
		fmt.Fprintf(out, " type_id=%d index_type_id=%d nr_elems=%d", a.Elem, a.Index, a.Len)
	case KindStruct, KindUnion, KindDatasec:
		fmt.Fprintf(out, " size=%d vlen=%d", t.Size(), t.Vlen)
	case KindEnum, KindEnum64:
		fmt.Fprintf(out, " encoding=%s size=%d vlen=%d", signedness(t), t.Size(), t.Vlen)
	case KindFwd:
		kind := "struct"
		if t.KindFlag {
			kind = "union"
		}
		fmt.Fprintf(out, " fwd_kind=%s", kind)
	case KindFunc:
		fmt.Fprintf(out, " type_id=%d linkage=%s", t.Ref(), linkage(t.Linkage()))
	case KindFuncProto:
		fmt.Fprintf(out, " ret_type_id=%d vlen=%d", t.Ref(), t.Vlen)
	case KindVar:
		fmt.Fprintf(out, " type_id=%d, linkage=%s", t.Ref(), linkage(t.Linkage()))
	case KindFloat:
		fmt.Fprintf(out, " size=%d", t.Size())
	case KindDeclTag:
		fmt.Fprintf(out, " type_id=%d component_idx=%d", t.Ref(), t.Component())
	default: // kinds that only the header's layout table knows
		fmt.Fprintf(out, " vlen=%d", t.Vlen)
	}
}

// rawParts prints members, values, parameters and variables.
func rawParts(out *bufio.Writer, s *Spec, t Type) {
	for i := range int(t.Vlen) {
		switch t.Kind {
		case KindStruct, KindUnion:
			m := t.Member(i)
			fmt.Fprintf(out, "\t%s type_id=%d bits_offset=%d", rawName(m.Name), m.Type, m.BitOff)
			if m.BitSize > 0 {
				fmt.Fprintf(out, " bitfield_size=%d", m.BitSize)
			}
		case KindEnum, KindEnum64:
			v := t.Value(i)
			switch {
			case t.Signed():
				fmt.Fprintf(out, "\t%s val=%d", rawName(v.Name), int64(v.Value))
			case t.Kind == KindEnum:
				fmt.Fprintf(out, "\t%s val=%d", rawName(v.Name), uint32(v.Value))
			default:
				fmt.Fprintf(out, "\t%s val=%d", rawName(v.Name), v.Value)
			}
		case KindFuncProto:
			p := t.Param(i)
			fmt.Fprintf(out, "\t%s type_id=%d", rawName(p.Name), p.Type)
		case KindDatasec:
			v := t.Var(i)
			fmt.Fprintf(out, "\ttype_id=%d offset=%d size=%d", v.Type, v.Offset, v.Size)
			if vt, ok := s.Type(v.Type); ok {
				fmt.Fprintf(out, " (%s '%s')", vt.Kind, vt.Name())
			}
		default:
			return
		}
		out.WriteByte('\n')
	}
}
