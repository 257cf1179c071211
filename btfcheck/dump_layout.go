package btfcheck

import (
	"fmt"
	"strings"
)

// This file lays out structs as a C compiler for a 64-bit machine does (the System V
// ABI), and prints them so that the result is the layout in the BTF.

// layout is how a struct or union is printed.
type layout struct {
	align  uint32 // in bytes
	packed bool
}

// cField is a member as C sees it: bits is the width of a bit-field, else 0.
type cField struct {
	name       string
	id         TypeID
	off, bits  uint64 // in bits
	size       uint64 // of the type, in bits
	align      uint64 // of the type, in bits
	zeroLength bool
}

// fieldOf completes member i of t. Old producers describe bit-fields by an INT of an
// odd width.
func (d *cDumper) fieldOf(t Type, i, depth int) (cField, error) {
	m := t.Member(i)
	f := cField{name: m.Name, id: m.Type, off: uint64(m.BitOff), bits: uint64(m.BitSize)}
	in, _, err := d.s.Resolve(m.Type)
	if err != nil {
		return f, err
	}
	if in.Kind == KindInt && f.bits == 0 {
		if n := in.Int(); n.Bits != 8*in.Size() || n.Offset != 0 {
			f.bits, f.off = uint64(n.Bits), f.off+uint64(n.Offset)
		}
	}
	size, err := d.s.SizeOf(m.Type)
	if err != nil {
		return f, fmt.Errorf("type %d, member %s: %w", t.ID, m.Name, err)
	}
	align, err := d.alignOf(m.Type, depth)
	f.size, f.align, f.zeroLength = 8*uint64(size), 8*uint64(align), size == 0
	return f, err
}

// alignOf is the alignment of a type as it is printed, in bytes.
func (d *cDumper) alignOf(id TypeID, depth int) (uint32, error) {
	for range 4 * maxDepth {
		t, _, err := d.s.Resolve(id)
		switch {
		case err != nil:
			return 0, err
		case t.Kind == KindArray:
			id = t.Array().Elem
			continue
		case t.Kind.IsStruct():
			l, err := d.layoutOf(t, depth+1)
			return l.align, err
		case t.Kind == KindInt && sizedWord(t.Size()) == 0:
			return 1, nil // printed as bytes
		}
		return scalarAlign(t), nil
	}
	return 0, fmt.Errorf("type %d: chain of types without end", id)
}

func sizedWord(n uint32) uint32 {
	switch n {
	case 1, 2, 4, 8, 16:
		return n
	}
	return 0
}

// layoutOf decides how a struct or union is printed.
func (d *cDumper) layoutOf(t Type, depth int) (layout, error) {
	if l, ok := d.layouts[t.ID]; ok {
		return l, nil
	}
	if depth > maxDepth {
		return layout{}, fmt.Errorf("type %d is nested too deep", t.ID)
	}
	l := layout{align: 1}
	cur := uint64(0)
	for i := range int(t.Vlen) {
		f, err := d.fieldOf(t, i, depth)
		if err != nil {
			return l, err
		}
		if f.name != "" || f.bits == 0 {
			l.align = max(l.align, uint32(f.align/8))
		}
		if t.Kind == KindUnion {
			cur = 0
		}
		l.packed = l.packed || position(f, max(cur, f.off), false) != f.off
		cur = f.end()
	}
	if uint64(t.Size())%uint64(l.align) != 0 {
		l.packed = true
	}
	if l.packed {
		l.align = 1
	}
	d.layouts[t.ID] = l
	return l, nil
}

func (f cField) end() uint64 {
	if f.bits > 0 {
		return f.off + f.bits
	}
	return f.off + f.size
}

// position is where the compiler puts a member that follows bit cur.
func position(f cField, cur uint64, packed bool) uint64 {
	switch {
	case f.bits > 0 && packed:
		return cur
	case f.bits > 0: // a bit-field does not cross a unit of its type
		if f.size > 0 && cur/f.size != (cur+f.bits-1)/f.size {
			return (cur + f.size - 1) / f.size * f.size
		}
		return cur
	case packed:
		return (cur + 7) / 8 * 8
	}
	return (cur + f.align - 1) / f.align * f.align
}

// record prints a struct or union with its members.
func (d *cDumper) record(t Type, name string, depth int) (string, error) {
	l, err := d.layoutOf(t, depth)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	indent := strings.Repeat("\t", min(depth, 8))
	b.WriteString(strings.TrimSuffix(t.keyword()+" "+name, " ") + " {\n")
	cur := uint64(0)
	pad := func(to uint64) {
		for cur < to {
			n := to - cur
			if cur%8 != 0 || n < 8 {
				n = min(n, 8-cur%8)
				fmt.Fprintf(&b, "%s\tunsigned char : %d;\n", indent, n)
			} else {
				n -= n % 8
				fmt.Fprintf(&b, "%s\tunsigned char __pad%d[%d];\n", indent, d.pads, n/8)
				d.pads++
			}
			cur += n
		}
	}
	members := map[string]bool{}
	for i := range int(t.Vlen) {
		f, err := d.fieldOf(t, i, depth)
		if err != nil {
			return "", err
		}
		if t.Kind == KindUnion {
			cur = 0
		}
		if position(f, cur, l.packed) != f.off {
			pad(f.off)
		}
		if f.name != "" {
			f.name = unique(members, f.name)
		}
		if d.lines++; d.lines > maxLines {
			return "", fmt.Errorf("types that are printed inside others have over %d members", maxLines)
		}
		text, err := d.member(f, depth)
		if err != nil {
			return "", err
		}
		if f.bits > 0 {
			text += fmt.Sprintf(" : %d", f.bits)
		}
		fmt.Fprintf(&b, "%s\t%s;\n", indent, text)
		cur = f.end()
	}
	end, size := cur, 8*uint64(t.Size())
	if t.Kind == KindUnion {
		cur = 0
		if n, err := d.widest(t, depth); err != nil {
			return "", err
		} else {
			end = n
		}
	}
	if a := uint64(l.align) * 8; (end+a-1)/a*a < size {
		pad(size)
	}
	b.WriteString(indent + "}")
	if l.packed {
		b.WriteString(" __attribute__((packed))")
	}
	return b.String(), nil
}

// maxLines bounds the members that are printed: anonymous types are printed wherever
// they are used.
const maxLines = 1 << 22

// member declares a member. One of a named struct, but without a name of its own, is
// an extension that compilers have to be asked for: its members are printed instead.
func (d *cDumper) member(f cField, depth int) (string, error) {
	if f.name == "" && f.bits == 0 {
		if t, _, err := d.s.Resolve(f.id); err == nil && t.Kind.IsStruct() && t.Name() != "" {
			return d.record(t, "", depth+1)
		}
	}
	return d.declare(f.id, f.name, depth)
}

// widest is the bits of the largest member of a union.
func (d *cDumper) widest(t Type, depth int) (uint64, error) {
	end := uint64(0)
	for i := range int(t.Vlen) {
		f, err := d.fieldOf(t, i, depth)
		if err != nil {
			return 0, err
		}
		end = max(end, f.end())
	}
	return end, nil
}
