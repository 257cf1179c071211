package btfcheck

import (
	"fmt"
	"strings"
)

// This file prints single declarations. C writes a type around the name: what stands
// outermost in BTF is nearest to it.

// declare prints the declaration of name as a type. depth counts types printed
// inside each other.
func (d *cDumper) declare(id TypeID, name string, depth int) (string, error) {
	if depth > maxDepth {
		return "", fmt.Errorf("type %d is nested too deep", id)
	}
	inner, quals := name, ""
	pointer := false // the outermost part of inner is a pointer
	bind := func() {
		if pointer {
			inner, pointer = "("+inner+")", false
		}
	}
	for range 4 * maxDepth {
		t, ok := d.s.Type(id)
		if !ok {
			return "", fmt.Errorf("type %d does not exist", id)
		}
		switch t.Kind {
		case KindConst:
			quals += "const "
		case KindVolatile:
			quals += "volatile "
		case KindRestrict:
			if next, _, err := d.s.Resolve(t.Ref()); err == nil && next.Kind == KindPtr {
				quals += "restrict "
			}
		case KindTypeTag: // attributes of compilers differ; the layout is the same
		case KindPtr:
			inner, quals, pointer = "*"+strings.TrimSuffix(" "+quals, " ")+space(quals)+inner, "", true
			inner = strings.Replace(inner, "* ", "*", 1)
		case KindArray:
			bind()
			inner += fmt.Sprintf("[%d]", t.Array().Len)
			id = t.Array().Elem
			continue
		case KindFuncProto:
			bind()
			params, err := d.params(t, depth)
			if err != nil {
				return "", err
			}
			inner, quals = inner+"("+params+")", ""
		default:
			base, err := d.base(t, depth)
			if err != nil {
				return "", err
			}
			return strings.TrimSuffix(quals+base+" "+inner, " "), nil
		}
		id = t.Ref()
	}
	return "", fmt.Errorf("type %d: chain of types without end", id)
}

func space(quals string) string {
	if quals == "" {
		return ""
	}
	return " "
}

// params prints the parameters of a function.
func (d *cDumper) params(t Type, depth int) (string, error) {
	if t.Vlen == 0 {
		return "void", nil
	}
	var list []string
	for i := range int(t.Vlen) {
		p := t.Param(i)
		if p.Type == 0 && i == int(t.Vlen)-1 {
			if i == 0 {
				return "", nil // ISO C takes "..." behind a parameter only
			}
			list = append(list, "...")
			continue
		}
		text, err := d.declare(p.Type, "", depth+1)
		if err != nil {
			return "", err
		}
		list = append(list, text)
	}
	return strings.Join(list, ", "), nil
}

// base prints a type that is no pointer, array or function.
func (d *cDumper) base(t Type, depth int) (string, error) {
	switch t.Kind {
	case KindVoid:
		return "void", nil
	case KindInt:
		return intName(t), nil
	case KindFloat:
		return floatName(t), nil
	case KindTypedef:
		if t.Name() == "__builtin_va_list" {
			return t.Name(), nil
		}
		return d.name(t), nil
	case KindFwd:
		return t.keyword() + " " + d.name(t), nil
	case KindStruct, KindUnion:
		if t.Name() == "" {
			return d.record(t, "", depth+1)
		}
		return t.keyword() + " " + d.name(t), nil
	case KindEnum, KindEnum64:
		switch {
		case t.Name() != "":
			return "enum " + d.name(t), nil
		case !d.enums[t.ID]:
			d.enums[t.ID] = true
			return d.enum(t, ""), nil
		}
		return sized(t.Size(), t.Signed()), nil // its constants are there already
	default:
		return "", fmt.Errorf("type %d: %s is no type of a value", t.ID, t.Kind)
	}
}

// intWords are the words that C's names of integers are made of.
var intWords = map[string]bool{"char": true, "short": true, "int": true, "long": true, "signed": true, "unsigned": true, "__int128": true, "_Bool": true}

// intName prints an integer by its own name if C gives that the same size.
func intName(t Type) string {
	name, size := t.Name(), uint32(4)
	words := strings.Fields(name)
	for _, w := range words {
		switch {
		case !intWords[w]:
			return sized(t.Size(), t.Int().Signed)
		case w == "char", w == "_Bool":
			size = 1
		case w == "short":
			size = 2
		case w == "long":
			size = 8
		case w == "__int128":
			size = 16
		}
	}
	if len(words) == 0 || size != t.Size() {
		return sized(t.Size(), t.Int().Signed)
	}
	return name
}

// sized is an integer type of a size in bytes.
func sized(size uint32, signed bool) string {
	name := map[uint32]string{1: "char", 2: "short", 4: "int", 8: "long", 16: "__int128"}[size]
	switch {
	case name == "": // no integer of C has it
		return fmt.Sprintf("struct { unsigned char bytes[%d]; }", size)
	case signed:
		return "signed " + name
	}
	return "unsigned " + name
}

func floatName(t Type) string {
	switch t.Size() {
	case 2:
		return "_Float16"
	case 4:
		return "float"
	case 8:
		return "double"
	}
	return "long double"
}

// enum prints the definition of an enum.
func (d *cDumper) enum(t Type, name string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix("enum "+name, " ") + " {\n")
	for i := range int(t.Vlen) {
		v := t.Value(i)
		n := unique(d.idents, v.Name)
		switch {
		case t.Signed() || t.Kind == KindEnum && int64(v.Value) < 0 && d.oldSigned(t):
			fmt.Fprintf(&b, "\t%s = %s,\n", n, signedLiteral(int64(v.Value)))
		case t.Kind == KindEnum:
			fmt.Fprintf(&b, "\t%s = %d,\n", n, uint32(v.Value))
		default:
			fmt.Fprintf(&b, "\t%s = %dULL,\n", n, v.Value)
		}
	}
	if t.Vlen == 0 {
		fmt.Fprintf(&b, "\t%s,\n", unique(d.idents, name+"___none"))
	}
	b.WriteString("}")
	if mode := map[uint32]string{1: "byte", 2: "HI", 8: "DI"}[t.Size()]; mode != "" {
		b.WriteString(" __attribute__((mode(" + mode + ")))")
	}
	return b.String()
}

// oldSigned: producers from before the sign was recorded wrote negative values as they
// are; an enum with the largest 32-bit number alone is not told apart.
func (d *cDumper) oldSigned(t Type) bool {
	for i := range int(t.Vlen) {
		if v := int64(t.Value(i).Value); v < -1<<30 && v != -1<<31 {
			return false
		}
	}
	return t.Size() == 4
}

// signedLiteral prints a number; the smallest has no literal of its own.
func signedLiteral(v int64) string {
	switch {
	case v == -1<<63:
		return "-9223372036854775807LL - 1"
	case v < -1<<31 || v > 1<<31-1:
		return fmt.Sprintf("%dLL", v)
	}
	return fmt.Sprint(v)
}
