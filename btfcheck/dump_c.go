package btfcheck

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// This file prints types as C. Structs are laid out by the compiler that reads them,
// so that each is laid out here as well, and where the two would differ it gets
// padding, or is packed (dump_layout.go).

// DumpC prints declarations of the types of s, and of those of its base that they
// need, as C17 with GNU extensions for a 64-bit machine: sizes and offsets of members
// are those of the BTF. Functions and variables are not declared.
//
// Names that C does not take, or that two types share, are changed: "x___2" is the
// second x. It fails for types that are no C, such as a struct that contains itself.
func DumpC(w io.Writer, s *Spec) error {
	_, err := dumpC(w, s)
	return err
}

// dumpC is DumpC that shows how it has named the types.
func dumpC(w io.Writer, s *Spec) (*cDumper, error) {
	d := &cDumper{s: s, out: bufio.NewWriter(w), done: map[TypeID]bool{}, open: map[TypeID]bool{}, names: map[TypeID]string{},
		tags: map[string]bool{}, idents: map[string]bool{}, layouts: map[TypeID]layout{}, enums: map[TypeID]bool{}}
	for _, k := range cKeywords {
		d.idents[k] = true
	}
	d.forward()
	for t := range s.Types() {
		switch t.Kind {
		case KindStruct, KindUnion:
			if t.Name() == "" {
				continue // printed where it is used
			}
		case KindTypedef:
		case KindEnum, KindEnum64:
			if t.Name() == "" {
				continue // where it is used, or at the end
			}
		default:
			continue
		}
		if err := d.define(t.ID); err != nil {
			return nil, err
		}
	}
	for t := range s.Types() {
		if (t.Kind == KindEnum || t.Kind == KindEnum64) && t.Name() == "" && !d.enums[t.ID] {
			fmt.Fprintf(d.out, "%s;\n\n", d.enum(t, ""))
		}
	}
	return d, d.out.Flush()
}

type cDumper struct {
	s   *Spec
	out *bufio.Writer
	// done: the definition is printed. open: it is being prepared.
	done, open map[TypeID]bool
	names      map[TypeID]string
	tags       map[string]bool // names of structs, unions and enums
	idents     map[string]bool // names of typedefs and enumerators
	layouts    map[TypeID]layout
	enums      map[TypeID]bool // anonymous enums that are printed
	pads       int             // members that are padding
	lines      int             // members printed
}

// cKeywords cannot be names of types or members.
var cKeywords = strings.Fields(`auto break case char const continue default do double else enum extern float for goto if
	inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
	while _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local asm typeof`)

var isKeyword = func() map[string]bool {
	m := map[string]bool{}
	for _, k := range cKeywords {
		m[k] = true
	}
	return m
}()

// cIdent makes a name that C takes.
func cIdent(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' && c < 0x80, i > 0 && c >= '0' && c <= '9':
			b.WriteByte(c)
		case i == 0 && c >= '0' && c <= '9':
			b.WriteByte('_')
			b.WriteByte(c)
		default:
			b.WriteByte('_')
		}
	}
	if isKeyword[b.String()] {
		b.WriteByte('_')
	}
	return b.String()
}

// unique claims a name in a name space.
func unique(space map[string]bool, name string) string {
	name = cIdent(name)
	out := name
	for n := 2; space[out]; n++ {
		out = fmt.Sprintf("%s___%d", name, n)
	}
	space[out] = true
	return out
}

// name is what a struct, union, enum, forward declaration or typedef is called.
func (d *cDumper) name(t Type) string {
	if n, ok := d.names[t.ID]; ok {
		return n
	}
	space := d.tags
	switch t.Kind {
	case KindTypedef:
		space = d.idents
	case KindFwd:
		kind := KindStruct
		if t.KindFlag {
			kind = KindUnion
		}
		if id, ok := d.s.ByName(kind, t.Name()); ok { // it stands for that one
			full, _ := d.s.Type(id)
			d.names[t.ID] = d.name(full)
			return d.names[t.ID]
		}
	}
	d.names[t.ID] = unique(space, t.Name())
	return d.names[t.ID]
}

// keyword is what stands before the name of a type with a tag.
func (t Type) keyword() string {
	switch {
	case t.Kind == KindUnion, t.Kind == KindFwd && t.KindFlag:
		return "union"
	case t.Kind == KindEnum, t.Kind == KindEnum64:
		return "enum"
	}
	return "struct"
}

// forward declares all structs and unions, so that pointers to them can be used.
func (d *cDumper) forward() {
	printed := map[string]bool{}
	for s := d.s; s != nil; s = s.base {
		for t := range s.Types() {
			if !t.Kind.IsStruct() && t.Kind != KindFwd || t.Name() == "" {
				continue
			}
			line := t.keyword() + " " + d.name(t) + ";\n"
			if !printed[line] {
				printed[line] = true
				d.out.WriteString(line)
			}
		}
	}
	d.out.WriteByte('\n')
}

// define prints a type after all that it needs. The stack holds types whose needs
// are being printed.
func (d *cDumper) define(id TypeID) error {
	type frame struct {
		id    TypeID
		needs []need
	}
	start := func(id TypeID) (frame, error) {
		d.open[id] = true
		needs, err := d.needs(id)
		return frame{id, needs}, err
	}
	if d.done[id] {
		return nil
	}
	top, err := start(id)
	stack := []frame{top}
	for err == nil && len(stack) > 0 {
		f := &stack[len(stack)-1]
		if len(f.needs) == 0 {
			if err := d.print(f.id); err != nil {
				return err
			}
			d.done[f.id], d.open[f.id] = true, false
			stack = stack[:len(stack)-1]
			continue
		}
		n := f.needs[len(f.needs)-1]
		f.needs = f.needs[:len(f.needs)-1]
		if d.done[n.id] {
			continue
		}
		if d.open[n.id] {
			return fmt.Errorf("type %d contains itself", n.id)
		}
		var next frame
		next, err = start(n.id)
		stack = append(stack, next)
	}
	return err
}

// need is a named type that has to be printed before another.
type need struct{ id TypeID }

// needs lists what has to be printed before a type: the types of members, also inside
// anonymous types, and typedefs wherever they are used. whole is false behind
// pointers, where the name of a struct will do.
func (d *cDumper) needs(id TypeID) ([]need, error) {
	type item struct {
		id    TypeID
		whole bool
		depth int
	}
	t, ok := d.s.Type(id)
	if !ok {
		return nil, fmt.Errorf("type %d does not exist", id)
	}
	var todo []item
	add := func(id TypeID, whole bool, depth int) { todo = append(todo, item{id, whole, depth}) }
	inside := func(t Type, depth int) {
		for i := range int(t.Vlen) {
			add(t.Member(i).Type, true, depth)
		}
	}
	switch t.Kind {
	case KindStruct, KindUnion:
		inside(t, 0)
	case KindTypedef:
		add(t.Ref(), false, 0)
	}
	var out []need
	seen := map[item]bool{}
	for n := 0; n < len(todo); n++ {
		at := todo[n]
		t, ok := d.s.Type(at.id)
		switch {
		case !ok:
			return nil, fmt.Errorf("type %d does not exist", at.id)
		case at.depth > 2*maxDepth:
			return nil, fmt.Errorf("type %d is nested too deep", id)
		case seen[item{at.id, at.whole, 0}]:
			continue
		}
		seen[item{at.id, at.whole, 0}] = true
		switch t.Kind {
		case KindStruct, KindUnion:
			switch {
			case t.Name() == "":
				inside(t, at.depth+1)
			case at.whole:
				out = append(out, need{at.id})
			}
		case KindEnum, KindEnum64:
			if t.Name() != "" {
				out = append(out, need{at.id})
			}
		case KindTypedef:
			out = append(out, need{at.id})
			if at.whole {
				add(t.Ref(), true, at.depth+1)
			}
		case KindPtr:
			add(t.Ref(), false, at.depth+1)
		case KindVolatile, KindConst, KindRestrict, KindTypeTag:
			add(t.Ref(), at.whole, at.depth+1)
		case KindArray:
			add(t.Array().Elem, true, at.depth+1)
		case KindFuncProto:
			add(t.Ref(), false, at.depth+1)
			for i := range int(t.Vlen) {
				add(t.Param(i).Type, false, at.depth+1)
			}
		}
	}
	return out, nil
}

// print prints a definition.
func (d *cDumper) print(id TypeID) error {
	t, _ := d.s.Type(id)
	switch t.Kind {
	case KindStruct, KindUnion:
		text, err := d.record(t, d.name(t), 0)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "%s;\n\n", text)
	case KindEnum, KindEnum64:
		fmt.Fprintf(d.out, "%s;\n\n", d.enum(t, d.name(t)))
	case KindTypedef:
		name := d.name(t)
		if t.Name() == "__builtin_va_list" { // the compiler has its own
			return nil
		}
		text, err := d.declare(t.Ref(), name, 0)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "typedef %s;\n\n", text)
	}
	return nil
}
