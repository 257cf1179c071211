package vet

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"

	"github.com/bpfcheck/bpfcheck/btfcheck"
)

// This file lays a Go type beside a C type. The Go side counts as the library turns
// values into bytes: fields one behind the other, without the compiler's padding,
// which is memory as it is if there is none.

// goLeaf is a number inside a Go type.
type goLeaf struct {
	off, size uint64 // in the encoded bytes
	name      string // "Addr.Port", "" for the type itself
	blank     bool
	pos       token.Pos // of the field
}

// goLayout is a Go type as bytes.
type goLayout struct {
	leaves  []goLeaf
	size    uint64 // encoded
	memory  uint64 // in Go memory
	padding string // where the two differ first: "after field A"
	padded  uint64
	padPos  token.Pos
	hidden  string // the first unexported field, into which nothing can be read
	opaque  bool   // too large to list; leaves are missing
	problem string // why it cannot be encoded
	probPos token.Pos
}

// maxLeaves bounds the numbers of a type that are compared one by one, and maxNesting
// the depth of types.
const (
	maxLeaves  = 1 << 14
	maxNesting = 64
)

// layoutOf lays out a Go type. It is false for types whose bytes are not known
// statically.
func layoutOf(t types.Type, sizes types.Sizes) (*goLayout, bool) {
	l := &goLayout{}
	if !l.add(t, "", token.NoPos, false, sizes, 0) {
		return nil, false
	}
	if l.problem == "" {
		l.memory = uint64(sizes.Sizeof(t))
	}
	return l, true
}

func (l *goLayout) fail(pos token.Pos, format string, args ...any) {
	if l.problem == "" {
		l.problem, l.probPos = fmt.Sprintf(format, args...), pos
	}
}

// add appends a type. It is false if the type's bytes cannot be known.
func (l *goLayout) add(t types.Type, name string, pos token.Pos, blank bool, sizes types.Sizes, depth int) bool {
	if depth > maxNesting {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return l.basic(u, t, name, pos, blank, sizes)
	case *types.Array:
		return l.array(u, name, pos, blank, sizes, depth)
	case *types.Struct:
		return l.structure(u, name, pos, blank, sizes, depth)
	case *types.Interface, *types.TypeParam:
		return false
	default:
		l.fail(pos, "%s cannot be turned into bytes", types.TypeString(t, types.RelativeTo(nil)))
		return true
	}
}

func (l *goLayout) basic(u *types.Basic, t types.Type, name string, pos token.Pos, blank bool, sizes types.Sizes) bool {
	switch {
	case u.Kind() == types.Invalid, u.Kind() == types.UnsafePointer:
		return false
	case u.Kind() == types.Int, u.Kind() == types.Uint, u.Kind() == types.Uintptr:
		l.fail(pos, "%s has no fixed size; use one that says its size, such as uint32 or uint64", t)
		return true
	case u.Info()&(types.IsInteger|types.IsFloat|types.IsBoolean) == 0 || u.Info()&types.IsUntyped != 0:
		l.fail(pos, "%s cannot be turned into bytes of a fixed number", t)
		return true
	}
	n := uint64(sizes.Sizeof(u))
	if len(l.leaves) < maxLeaves {
		l.leaves = append(l.leaves, goLeaf{l.size, n, name, blank, pos})
	} else {
		l.opaque = true
	}
	l.size += n
	return true
}

func (l *goLayout) array(u *types.Array, name string, pos token.Pos, blank bool, sizes types.Sizes, depth int) bool {
	n := u.Len()
	start, first := l.size, len(l.leaves)
	if n == 0 {
		return true
	}
	if !l.add(u.Elem(), elementName(name, 0), pos, blank, sizes, depth+1) {
		return false
	}
	elem := l.size - start
	list := l.leaves[first:]
	if n < 0 || elem > 0 && uint64(n) > 1<<32/elem {
		l.fail(pos, "an array of %d elements is too large", n)
		return true
	}
	if len(list)*int(min(n, maxLeaves)) > maxLeaves {
		l.opaque = true
		l.size = start + elem*uint64(n)
		return true
	}
	for i := int64(1); i < n; i++ {
		for _, leaf := range list {
			leaf.off += uint64(i) * elem
			leaf.name = strings.Replace(leaf.name, elementName(name, 0), elementName(name, i), 1)
			l.leaves = append(l.leaves, leaf)
		}
	}
	l.size = start + elem*uint64(n)
	return true
}

func elementName(name string, i int64) string { return fmt.Sprintf("%s[%d]", name, i) }

func (l *goLayout) structure(u *types.Struct, name string, pos token.Pos, blank bool, sizes types.Sizes, depth int) bool {
	var fields []*types.Var
	for f := range u.Fields() {
		fields = append(fields, f)
	}
	offsets := sizes.Offsetsof(fields)
	start := l.size
	for i, f := range fields {
		if isHostLayout(f.Type()) {
			continue
		}
		at := name
		if f.Name() != "_" {
			at = strings.TrimPrefix(name+"."+f.Name(), ".")
		}
		fpos := f.Pos()
		if depth > 0 && pos.IsValid() {
			fpos = pos // the outermost field is the one to mend
		}
		if !f.Exported() && f.Name() != "_" && l.hidden == "" {
			l.hidden = f.Name()
		}
		if l.padding == "" && i < len(offsets) && uint64(offsets[i]) != l.size-start && l.problem == "" {
			l.padding, l.padded, l.padPos = "before field "+at, uint64(offsets[i])-(l.size-start), fpos
		}
		if !l.add(f.Type(), at, fpos, blank || f.Name() == "_", sizes, depth+1) {
			return false
		}
	}
	if l.problem == "" && l.padding == "" {
		if n := uint64(sizes.Sizeof(u)); n != l.size-start {
			l.padding, l.padded = "at its end", n-(l.size-start)
			if len(fields) > 0 {
				l.padPos = fields[len(fields)-1].Pos()
			}
		}
	}
	return true
}

// isHostLayout knows structs.HostLayout, which takes no room.
func isHostLayout(t types.Type) bool {
	if n, ok := types.Unalias(t).(*types.Named); ok {
		return n.Obj().Name() == "HostLayout"
	}
	b, ok := t.Underlying().(*types.Basic) // in a file whose imports were not read
	return ok && b.Kind() == types.Invalid
}

// cLeaf is a number inside a C type. Members of unions overlap.
type cLeaf struct {
	off, size uint64
	name      string
	bitfield  bool
}

// cLayout lists the numbers of a C type. It is false for types that are too large or
// have no layout.
func cLayout(spec *btfcheck.Spec, id btfcheck.TypeID) ([]cLeaf, bool) {
	type item struct {
		id    btfcheck.TypeID
		off   uint64
		name  string
		depth int
	}
	var out []cLeaf
	for todo := []item{{id: id}}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		t, _, err := spec.Resolve(at.id)
		if err != nil || at.depth > maxNesting || len(out)+len(todo) > maxLeaves {
			return nil, false
		}
		switch {
		case t.Kind == btfcheck.KindVar:
			todo = append(todo, item{t.Ref(), at.off, at.name, at.depth + 1})
		case t.Kind.IsStruct():
			for i := int(t.Vlen) - 1; i >= 0; i-- {
				m := t.Member(i)
				name := strings.Trim(at.name+"."+m.Name, ".")
				if m.BitSize > 0 {
					first, last := uint64(m.BitOff)/8, (uint64(m.BitOff)+uint64(m.BitSize)+7)/8
					out = append(out, cLeaf{at.off + first, last - first, name, true})
					continue
				}
				todo = append(todo, item{m.Type, at.off + uint64(m.BitOff)/8, name, at.depth + 1})
			}
		case t.Kind == btfcheck.KindArray:
			a := t.Array()
			n, err := spec.SizeOf(a.Elem)
			if err != nil || uint64(a.Len)+uint64(len(todo)+len(out)) > maxLeaves {
				return nil, false
			}
			for i := int(a.Len) - 1; i >= 0; i-- {
				todo = append(todo, item{a.Elem, at.off + uint64(i)*uint64(n), fmt.Sprintf("%s[%d]", at.name, i), at.depth + 1})
			}
		default:
			n, err := spec.SizeOf(t.ID)
			if err != nil {
				return nil, false
			}
			out = append(out, cLeaf{off: at.off, size: uint64(n), name: at.name})
		}
	}
	return out, true
}

// mismatch is a difference between a Go type and a C type; pos is of the field to
// blame, if it is one field.
type mismatch struct {
	pos  token.Pos
	text string
}

// against compares a Go layout with a C type of size bytes; id 0 compares sizes only.
func (l *goLayout) against(spec *btfcheck.Spec, id btfcheck.TypeID, size uint64) *mismatch {
	switch {
	case l.problem != "":
		return &mismatch{l.probPos, l.problem}
	case l.size != size && l.memory == size:
		return &mismatch{l.padPos, fmt.Sprintf("has %s of implicit padding %s, left out when it is turned into bytes; add a field _ [%d]byte there", count(l.padded), l.padding, l.padded)}
	case l.size != size:
		return &mismatch{token.NoPos, fmt.Sprintf("has %s instead of %d", count(l.size), size)}
	case spec == nil || id == 0 || l.opaque:
		return nil
	}
	leaves, ok := cLayout(spec, id)
	if !ok {
		return nil
	}
	for _, g := range l.leaves {
		if why := g.against(leaves); why != "" {
			return &mismatch{g.pos, why}
		}
	}
	return nil
}

// against says why a Go number is not where C has one, "" if it is.
func (g goLeaf) against(leaves []cLeaf) string {
	if g.blank {
		return ""
	}
	var over *cLeaf // the first that shares a byte
	bytes := uint64(0)
	for i := range leaves {
		c := &leaves[i]
		if c.off >= g.off+g.size || c.off+c.size <= g.off {
			continue
		}
		switch {
		case c.off == g.off && c.size == g.size, g.size == 1, c.bitfield:
			return ""
		case c.size == 1: // a number made of C bytes
			bytes++
		}
		if over == nil || c.off < over.off {
			over = c
		}
	}
	switch {
	case bytes >= g.size:
		return ""
	case over == nil:
		return fmt.Sprintf("has field %s at offset %d, where C has padding", g.name, g.off)
	}
	mine, theirs := "number", "number"
	if g.name != "" {
		mine = "field " + g.name
	}
	if over.name != "" {
		theirs = "member " + over.name
	}
	return fmt.Sprintf("has %s of %s at offset %d, where C has %s of %s at offset %d", mine, count(g.size), g.off, theirs, count(over.size), over.off)
}

// count is "1 byte", "2 bytes".
func count(n uint64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
