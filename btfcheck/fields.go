package btfcheck

import "strings"

// FieldKind is a kind of special field: a part of a map value or of an
// allocated object that only helpers and kfuncs may touch.
type FieldKind uint8

// The special fields.
const (
	FieldNone FieldKind = iota
	FieldSpinLock
	FieldResSpinLock
	FieldTimer
	FieldWorkqueue
	FieldTaskWork
	FieldListHead
	FieldListNode
	FieldRBRoot
	FieldRBNode
	FieldRefcount
	FieldKptrUntrusted
	FieldKptr
	FieldPercpuKptr
	FieldUptr
)

// fieldRow describes a special field that is recognised by its struct's name.
type fieldRow struct {
	kind        FieldKind
	name        string
	size, align uint32
	once        bool // at most one in a value (B137, B175)
	object      bool // makes a struct of program BTF an object to be checked
}

var fieldRows = [...]fieldRow{
	{FieldSpinLock, "bpf_spin_lock", 4, 4, true, true},
	{FieldResSpinLock, "bpf_res_spin_lock", 4, 4, true, false},
	{FieldTimer, "bpf_timer", 16, 8, true, false},
	{FieldWorkqueue, "bpf_wq", 16, 8, true, false},
	{FieldTaskWork, "bpf_task_work", 8, 8, true, false},
	{FieldListHead, "bpf_list_head", 16, 8, false, true},
	{FieldListNode, "bpf_list_node", 24, 8, false, true},
	{FieldRBRoot, "bpf_rb_root", 16, 8, false, true},
	{FieldRBNode, "bpf_rb_node", 32, 8, false, true},
	{FieldRefcount, "bpf_refcount", 4, 4, false, true},
}

// kptrTags are the special fields that are pointers with a type tag (B177).
var kptrTags = map[string]FieldKind{
	"kptr_untrusted": FieldKptrUntrusted, "kptr": FieldKptr, "percpu_kptr": FieldPercpuKptr, "uptr": FieldUptr,
}

// String is the name of the struct or of the tag.
func (k FieldKind) String() string {
	if r := k.row(); r.name != "" {
		return r.name
	}
	for name, kind := range kptrTags {
		if kind == k {
			return name
		}
	}
	return "none"
}

// row is the description of a field that has a struct, else the zero row.
func (k FieldKind) row() fieldRow {
	for _, r := range fieldRows {
		if r.kind == k {
			return r
		}
	}
	return fieldRow{}
}

// isKptr: k is a pointer with a tag.
func (k FieldKind) isKptr() bool { return k >= FieldKptrUntrusted }

// Field is one special field of a value.
type Field struct {
	Kind FieldKind
	// Offset and Size in bytes from the start of the value.
	Offset, Size uint32
	// Type is the struct that a kptr points to, and the struct that a list
	// head or tree root contains; else 0.
	Type TypeID
	// Node is the name of the member of Type that links the elements of a list
	// or tree, NodeOff its offset in bytes.
	Node    string
	NodeOff uint32
}

// maxFields is the number of special fields that a value may have (B175).
const maxFields = 11

// Fields lists the special fields of a map value type, in order of offset,
// also those in nested structs and arrays. The type may be a struct or a
// DATASEC; other types have none. Errors are of type *Diagnostic and name the
// rule that the layout breaks.
//
// The trap: Linux 6.18 creates a map whose value breaks a rule and then sees
// plain bytes in all of it. No field is protected, and every helper that wants
// one refuses the value. Only locks are checked earlier, when the BTF is loaded
// (Check).
func (s *Spec) Fields(id TypeID) ([]Field, error) {
	t, _, err := s.Resolve(id)
	if err != nil {
		return nil, err
	}
	budget := fieldBudget{left: maxAlignWork}
	out, d := s.findFields(t, allFields, false, &budget)
	if d == nil && len(out) > 0 {
		// Bitfields are wrong only beside special fields.
		budget = fieldBudget{left: maxAlignWork}
		out, d = s.findFields(t, allFields, true, &budget)
	}
	if d == nil {
		d = s.checkFields(t, out)
	}
	var have fieldSet
	for _, f := range out {
		// Linux counts in each nested struct anew, and warns at run time.
		if have.has(f.Kind) && d == nil && f.Kind.row().once {
			d = s.diagAt(t, "B137", "more than one %s", f.Kind)
		}
		have |= 1 << f.Kind
	}
	if d != nil {
		return nil, d
	}
	return out, nil
}

// fieldSet is a set of FieldKinds.
type fieldSet uint32

// allFields has every kind but FieldNone.
const allFields = ^fieldSet(1)

func (f fieldSet) has(k FieldKind) bool { return f>>k&1 != 0 }

// fieldBudget is shared by the searches over one blob. It bounds the members
// looked at, and remembers structs without special fields by their height (1 for
// a struct without structs in it), so that each of those is entered once.
type fieldBudget struct {
	left  int
	plain map[TypeID]int
}

// fieldScan is the state of one search. Its frames replace recursion over
// nested structs.
type fieldScan struct {
	s      *Spec
	want   fieldSet
	whole  bool
	budget *fieldBudget
	out    []Field
	frames []fieldFrame
}

// fieldFrame is a struct whose members are being looked at. When it is left,
// the fields found from mark on are repeated for the other elements of the array
// that it is in.
type fieldFrame struct {
	t     Type
	next  int
	off   uint32 // of the struct in the value
	mark  int    // len(out) on entry
	count uint32 // elements of the array, 1 without one
	seen  fieldSet
	below int // height of the highest struct inside
}

// findFields looks for the fields of the wanted kinds in a struct or DATASEC.
// whole refuses members that start inside a byte, bitfields too, as Linux does.
func (s *Spec) findFields(t Type, want fieldSet, whole bool, b *fieldBudget) ([]Field, *Diagnostic) {
	if t.Kind != KindStruct && t.Kind != KindUnion && t.Kind != KindDatasec {
		return nil, nil
	}
	f := fieldScan{s: s, want: want, whole: whole, budget: b}
	f.frames = append(f.frames, fieldFrame{t: t, count: 1})
	for len(f.frames) > 0 {
		top := &f.frames[len(f.frames)-1]
		if top.next == int(top.t.Vlen) {
			if d := f.leave(); d != nil {
				return nil, d
			}
			continue
		}
		if b.left--; b.left < 0 {
			return nil, s.diagAt(t, "B175", "too many members to search for special fields")
		}
		i := top.next
		top.next++
		if d := f.member(top, i); d != nil {
			return nil, d
		}
	}
	return f.out, nil
}

// member looks at member i of the struct at hand.
func (f *fieldScan) member(top *fieldFrame, i int) *Diagnostic {
	var id TypeID
	var off, room uint32
	if top.t.Kind == KindDatasec {
		v := top.t.Var(i)
		vt, _ := f.s.Type(v.Type)
		id, off, room = vt.Ref(), v.Offset, v.Size
	} else {
		var bits uint32
		id, bits, _ = top.t.memberAt(i)
		off = bits / 8
		switch {
		case bits%8 != 0 && f.whole:
			return f.s.diagAt(top.t, "B175", "member %d starts inside a byte, beside special fields", i)
		case bits%8 != 0:
			return nil
		}
	}
	t, count, ok := f.s.elements(id)
	if !ok {
		return f.s.diagAt(top.t, "B175", "array of more dimensions than %d", maxDepth)
	}
	if count == 0 {
		return nil
	}
	row, verdict, d := f.classify(top, t, off)
	if d != nil {
		return d
	}
	if verdict == isSpecial && (off%row.align != 0 || room != 0 && uint64(room) != uint64(row.size)*uint64(count)) {
		return nil // not laid out as the kernel's: an ordinary struct
	}
	off += top.off
	switch verdict {
	case isNested:
		height, plain := f.budget.plain[t.ID]
		if len(f.frames)+max(height, 1) > maxResolve {
			return f.s.diagAt(top.t, "B175", "structs nested deeper than %d", maxResolve)
		}
		if plain {
			top.below = max(top.below, height)
			return nil
		}
		f.frames = append(f.frames, fieldFrame{t: t, off: off, mark: len(f.out), count: count})
		return nil
	case isOrdinary:
		return nil
	}
	found := Field{Kind: row.kind, Offset: off, Size: row.size}
	if d := f.describe(top.t, i, t, &found); d != nil {
		return d
	}
	f.out = append(f.out, found)
	return f.repeat(top.t, len(f.out)-1, count, row.size)
}

// elements looks through arrays: the innermost element and the number of all.
func (s *Spec) elements(id TypeID) (t Type, count uint32, ok bool) {
	count = 1
	for range maxDepth {
		t, _ = s.Type(id)
		if t.Kind != KindArray {
			return t, count, true
		}
		a := t.Array()
		count *= a.Len
		id = a.Elem
	}
	return Type{}, 0, false
}

// finding is what a member's type turned out to be.
type finding uint8

const (
	isOrdinary finding = iota
	isNested           // a struct to look into
	isSpecial
)

// classify says which special field t is. Kernels compare the name of the
// member's own type: a typedef or a qualifier hides it, and a typedef that has
// the name counts, although it is no field. They count in each struct anew. off
// is the member's offset in its struct.
func (f *fieldScan) classify(top *fieldFrame, t Type, off uint32) (fieldRow, finding, *Diagnostic) {
	in := top.t
	for _, r := range fieldRows {
		if !f.want.has(r.kind) || t.short() != r.name {
			continue
		}
		if r.once && top.seen.has(r.kind) {
			return r, isOrdinary, f.s.diagAt(in, "B137", "more than one %s", r.name)
		}
		top.seen |= 1 << r.kind
		if t.Kind != KindStruct || t.Size() != r.size {
			return r, isOrdinary, nil
		}
		return r, isSpecial, nil
	}
	if t.Kind == KindStruct {
		return fieldRow{}, isNested, nil
	}
	kind, target, ok := f.s.kptr(t)
	switch {
	case off%8 != 0:
		return fieldRow{}, isOrdinary, nil
	case !ok:
		return fieldRow{}, isOrdinary, f.s.diagAt(in, "B177", "a pointer's tag is no kptr, or not its only tag")
	case !f.want.has(kind):
		return fieldRow{}, isOrdinary, nil
	case !target.Kind.IsStruct():
		return fieldRow{}, isOrdinary, f.s.diagAt(in, "B177", "a %s does not point to a struct", kind)
	}
	return fieldRow{kind: kind, size: 8, align: 8}, isSpecial, nil
}

// kptr recognises a pointer with a kptr tag. kind is FieldNone for a pointer
// without a tag and for other types; ok is false for tags that kernels refuse in
// a value.
func (s *Spec) kptr(t Type) (kind FieldKind, target Type, ok bool) {
	if t.Kind == KindVolatile {
		t, _ = s.Type(t.Ref())
	}
	if t.Kind != KindPtr {
		return FieldNone, Type{}, true
	}
	tag, _ := s.Type(t.Ref())
	if tag.Kind != KindTypeTag || tag.KindFlag {
		return FieldNone, Type{}, true
	}
	kind = kptrTags[tag.Name()]
	if under, _ := s.Type(tag.Ref()); under.Kind == KindTypeTag || kind == FieldNone {
		return FieldNone, Type{}, false
	}
	target, _, err := s.Resolve(tag.Ref())
	return kind, target, err == nil
}

// describe fills in what a kptr, list head or tree root refers to.
func (f *fieldScan) describe(in Type, i int, t Type, out *Field) *Diagnostic {
	switch {
	case out.Kind.isKptr():
		_, target, _ := f.s.kptr(t)
		out.Type = target.ID
	case out.Kind == FieldListHead || out.Kind == FieldRBRoot:
		value, d := f.s.contains(in, i)
		if d != nil {
			return d
		}
		name, node, ok := strings.Cut(value, ":")
		id, found := f.s.ByName(KindStruct, name)
		if !ok || node == "" || !found {
			return f.s.diagAt(in, "B176", "tag contains:%q does not name a struct and a member", value)
		}
		out.Type, out.Node = id, node
	}
	return nil
}

// repeat copies the fields from mark on for the elements 1..count-1 of an array
// whose elements have size bytes.
func (f *fieldScan) repeat(in Type, mark int, count, size uint32) *Diagnostic {
	n := len(f.out) - mark
	if n == 0 {
		return nil
	}
	if uint64(n)*uint64(count) > maxFields || len(f.out)+n*int(count-1) > maxFields {
		return f.s.diagAt(in, "B175", "more than %d special fields", maxFields)
	}
	for c := uint32(1); c < count; c++ {
		for _, field := range f.out[mark : mark+n] {
			// Each lock, timer or node has one place: only kptrs, list
			// heads and roots may come in arrays.
			if !field.Kind.isKptr() && field.Kind != FieldListHead && field.Kind != FieldRBRoot {
				return f.s.diagAt(in, "B175", "array of %s", field.Kind)
			}
			field.Offset += c * size
			f.out = append(f.out, field)
		}
	}
	return nil
}

// leave finishes the innermost struct.
func (f *fieldScan) leave() *Diagnostic {
	top := f.frames[len(f.frames)-1]
	f.frames = f.frames[:len(f.frames)-1]
	height := top.below + 1
	if n := len(f.frames); n > 0 {
		f.frames[n-1].below = max(f.frames[n-1].below, height)
	}
	if top.mark == len(f.out) {
		if f.budget.plain == nil {
			f.budget.plain = map[TypeID]int{}
		}
		f.budget.plain[top.t.ID] = height
	}
	return f.repeat(top.t, top.mark, top.count, top.t.Size())
}

// diagAt is a diagnostic about a type.
func (s *Spec) diagAt(t Type, rule, format string, a ...any) *Diagnostic {
	if t.spec == nil {
		return s.diag(rule, 0, 0, format, a...)
	}
	return t.spec.diag(rule, t.off, t.ID, format, a...)
}
