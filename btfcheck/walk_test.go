package btfcheck

import (
	"encoding/binary"
	"testing"
)

// shapes builds the types that the walks below go through.
func shapes(order binary.AppendByteOrder) (raw []byte, outer TypeID) {
	b := newBuilder()
	b.order = order
	u32 := b.integer("u32", 4)
	u64 := b.integer("u64", 8)
	u8 := b.integer("u8", 1)
	inner := b.structure(KindStruct, "inner", 16,
		field{"next", b.n + 2, 0, 0}, field{"count", u32, 8, 0}, field{"state", u32, 12, 0})
	pInner := b.ptr(inner)
	rcu := b.tagged("rcu", inner)
	pVoid := b.ptr(0)
	grid := b.array(b.array(inner, 2), 3)
	name := b.array(u8, 16)
	either := b.structure(KindUnion, "either", 8, field{"half", u32, 0, 0}, field{"whole", u64, 0, 0})
	one := b.structure(KindUnion, "one", 8, field{"p", pInner, 0, 0})
	ptrs := b.array(pInner, 2)
	bits := b.structure(KindStruct, "bits", 8, field{"a", u32, 0, 3}, field{"b", u32, 3, 29})
	tail := b.array(inner, 0)
	outer = b.structure(KindStruct, "outer", 240,
		field{"in", inner, 0, 0}, field{"rcu", rcu, 16, 0}, field{"any", pVoid, 24, 0}, field{"grid", grid, 32, 0},
		field{"name", name, 128, 0}, field{"either", either, 144, 0}, field{"one", one, 152, 0},
		field{"ptrs", ptrs, 160, 0}, field{"bits", bits, 176, 0}, field{"far", u64, 192, 0}, field{"tail", tail, 240, 0})
	return b.blob(), outer
}

func TestWalk(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		raw, outer := shapes(order)
		if d := Check(raw, Kernel); len(d) > 0 {
			t.Fatal(&d[0])
		}
		s, err := Parse(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		inner, _ := s.ByName(KindStruct, "inner")
		for _, c := range []struct {
			off   int32
			size  int
			kind  AccessKind
			to    TypeID
			tags  Tags
			union bool
			field string
		}{
			{0, 8, AccessPointer, inner, 0, false, "next"},
			{0, 4, AccessNone, 0, 0, false, ""}, // half a pointer
			{4, 8, AccessNone, 0, 0, false, ""},
			{8, 4, AccessScalar, 1, 0, false, "count"},
			{8, 2, AccessScalar, 1, 0, false, "count"},
			{9, 1, AccessScalar, 1, 0, false, "count"},
			{8, 8, AccessNone, 0, 0, false, ""}, // over two members
			{16, 8, AccessPointer, inner, TagRCU, false, "rcu"},
			{24, 8, AccessMemory, 0, 0, false, "any"},
			{32, 8, AccessPointer, inner, 0, false, "next"},
			{32 + 5*16, 8, AccessPointer, inner, 0, false, "next"},
			{32 + 5*16 + 12, 4, AccessScalar, 1, 0, false, "state"},
			{32 + 4, 4, AccessNone, 0, 0, false, ""},
			{130, 8, AccessScalar, 3, 0, false, "name"},
			{140, 8, AccessNone, 0, 0, false, ""}, // over the end of the array
			{144, 4, AccessScalar, 1, 0, true, "half"},
			{144, 8, AccessScalar, 1, 0, true, "half"},
			{152, 8, AccessPointer, inner, 0, false, "p"},
			{168, 8, AccessPointer, inner, 0, false, "ptrs"},
			{176, 4, AccessScalar, 1, 0, false, "a"},
			{184, 8, AccessNone, 0, 0, false, ""}, // a hole
			{236, 8, AccessNone, 0, 0, false, ""}, // reaches into the flexible array
			{240, 8, AccessPointer, inner, 0, false, "next"},
			{240 + 160 + 8, 4, AccessScalar, 1, 0, false, "count"},
			{-8, 8, AccessNone, 0, 0, false, ""},
			{0, 16, AccessNone, 0, 0, false, ""},
			{0, 0, AccessNone, 0, 0, false, ""},
		} {
			a, err := s.Walk(outer, c.off, c.size)
			if (err != nil) != (c.kind == AccessNone) || a.Kind != c.kind {
				t.Errorf("%v offset %d size %d: %+v %v", order, c.off, c.size, a, err)
				continue
			}
			if err == nil && (a.Type != c.to || a.Tags != c.tags || a.Union != c.union || a.Field != c.field) {
				t.Errorf("%v offset %d size %d: %+v, want %+v", order, c.off, c.size, a, c)
			}
		}
		if !s.Embeds(outer, 0, outer) || !s.Embeds(outer, 0, inner) || !s.Embeds(outer, 48, inner) || s.Embeds(outer, 16, inner) || s.Embeds(inner, 0, outer) {
			t.Error("Embeds is wrong")
		}
		if n, err := s.SizeOf(outer); n != 240 || err != nil {
			t.Errorf("size %d %v", n, err)
		}
		if n, err := s.AlignOf(outer); n != 8 || err != nil {
			t.Errorf("align %d %v", n, err)
		}
		if e, ok := s.String(0); !ok || e != "" {
			t.Error("string 0 is not empty")
		}
	}
}

// TestHostileTypes: whatever is asked about types that refer to themselves or
// to nothing, the answer is an error and comes at once.
func TestHostileTypes(t *testing.T) {
	b := newBuilder()
	b.add("self", KindTypedef, 0, false, 1)                                          // 1
	b.array(2, 1<<31)                                                                // 2
	b.structure(KindStruct, "loop", 8, field{"loop", 3, 0, 0})                       // 3
	b.structure(KindStruct, "lost", 8, field{"lost", 999, 0, 0})                     // 4
	b.structure(KindStruct, "tail", 8, field{"tail", b.array(5, 0) + 1, 0, 0})       // 5, 6
	b.add("f", KindFunc, 0, false, 7)                                                // 7
	b.ptr(8)                                                                         // 8
	b.structure(KindStruct, "zero", 0, field{"zero", 9, 0, 0}, field{"z2", 9, 0, 0}) // 9
	s, err := Parse(b.blob(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for id := range TypeID(12) {
		touch(s, id)
	}
	if _, err := s.Walk(3, 0, 8); err == nil {
		t.Error("a struct that contains itself was walked")
	}
	if _, _, err := s.Resolve(1); err == nil {
		t.Error("a typedef of itself was resolved")
	}
	var none *Spec
	touch(none, 0)
	touch(none, 1)
}

// touch asks everything about a type.
func touch(s *Spec, id TypeID) {
	t, _ := s.Type(id)
	_, _, _ = t.Name(), t.Size(), t.Ref()
	_, _, _, _, _ = t.Array(), t.Int(), t.Signed(), t.Linkage(), t.Component()
	for _, i := range []int{-1, 0, int(t.Vlen)} {
		_, _, _, _ = t.Member(i), t.Param(i), t.Value(i), t.Var(i)
	}
	s.Resolve(id)
	s.SizeOf(id)
	s.AlignOf(id)
	s.Proto(id)
	s.Arg(id)
	s.Pointee(id)
	s.Fields(id)
	s.Walk(id, 0, 8)
	s.Walk(id, 1<<30, 8)
	s.Embeds(id, 0, id+1)
	s.FindMember(id, "absent")
	s.DeclTags(id, 0)
	s.SafeField(id, "__safe_rcu", "x", 1)
	s.CheckAccess(id, "0:0:0", RelocFieldOffset)
	s.ByName(t.Kind, t.Name())
}

func TestFields(t *testing.T) {
	b := newBuilder()
	b.integer("u32", 4)
	lock := b.structure(KindStruct, "bpf_spin_lock", 4)
	timer := b.structure(KindStruct, "bpf_timer", 16)
	head := b.structure(KindStruct, "bpf_list_head", 16)
	node := b.structure(KindStruct, "bpf_list_node", 24)
	elem := b.structure(KindStruct, "elem", 32, field{"pad", 1, 0, 0}, field{"node", node, 8, 0})
	kptr := b.tagged("kptr", elem)
	nest := b.structure(KindStruct, "nest", 24, field{"t", timer, 0, 0}, field{"p", kptr, 16, 0})
	b.structure(KindStruct, "value", 88, field{"lock", lock, 0, 0}, field{"nest", nest, 8, 0},
		field{"heads", b.array(head, 2), 32, 0}, field{"ptrs", b.array(kptr, 2), 64, 0})
	// The arrays were written before the struct, but its id was taken after.
	value := b.n
	b.add("contains:elem:node", KindDeclTag, 0, false, uint32(value), 2)
	twice := b.structure(KindStruct, "twice", 8, field{"a", lock, 0, 0}, field{"b", lock, 4, 0})
	bare := b.structure(KindStruct, "bare", 24, field{"lock", lock, 0, 0}, field{"head", head, 8, 0})
	b.structure(KindStruct, "free", 8, field{"p", b.tagged("rcu", elem), 0, 0})
	free := b.n
	bits := b.structure(KindStruct, "bits", 24, field{"b", 1, 3, 5}, field{"t", timer, 64, 0})
	plain := b.structure(KindStruct, "plain", 24, field{"b", 1, 3, 5})
	s, err := Parse(b.blob(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Fields(plain); len(got) > 0 || err != nil {
		t.Errorf("plain bytes: %v %v", got, err)
	}
	got, err := s.Fields(value)
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{
		{Kind: FieldSpinLock, Offset: 0, Size: 4},
		{Kind: FieldTimer, Offset: 8, Size: 16},
		{Kind: FieldKptr, Offset: 24, Size: 8, Type: elem},
		{Kind: FieldListHead, Offset: 32, Size: 16, Type: elem, Node: "node", NodeOff: 8},
		{Kind: FieldListHead, Offset: 48, Size: 16, Type: elem, Node: "node", NodeOff: 8},
		{Kind: FieldKptr, Offset: 64, Size: 8, Type: elem},
		{Kind: FieldKptr, Offset: 72, Size: 8, Type: elem},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("field %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	for id, rule := range map[TypeID]string{twice: "B137", bare: "B138", free: "B177", bits: "B175"} {
		_, err := s.Fields(id)
		if d, _ := err.(*Diagnostic); d == nil || d.Rule != rule {
			t.Errorf("type %d: %v, want %s", id, err, rule)
		}
	}
}

func TestSplit(t *testing.T) {
	base := newBuilder()
	base.integer("int", 4)
	base.structure(KindStruct, "both", 4, field{"a", 1, 0, 0})
	bs, err := Parse(base.blob(), nil)
	if err != nil {
		t.Fatal(err)
	}
	split := newBuilder()
	split.strs, split.n, split.first = nil, base.n, uint32(len(base.strs))
	own := split.structure(KindStruct, "own", 8, field{"b", 2, 0, 0}, field{"c", 1, 4, 0})
	split.structure(KindStruct, "both", 4, field{"a", 1, 0, 0})
	raw := split.blob()
	if d := CheckSplit(raw, bs, Kernel); len(d) > 0 {
		t.Fatal(&d[0])
	}
	s, err := Parse(raw, bs)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := s.ByName(KindStruct, "own"); !ok || id != own || s.First() != 3 || s.Next() != 5 {
		t.Errorf("own is %d, want %d; ids %d..%d", id, own, s.First(), s.Next())
	}
	n := 0
	for id := range s.AllByName(KindStruct, "both") {
		if n++; id != []TypeID{2, 4}[n-1] {
			t.Errorf("both %d is type %d", n, id)
		}
	}
	if a, err := s.Walk(own, 0, 4); err != nil || a.Field != "a" || a.Struct != 2 {
		t.Errorf("%+v %v", a, err)
	}
}

func BenchmarkWalk(b *testing.B) {
	s, err := Parse(kernelBTF(b, "6.18"), nil)
	if err != nil {
		b.Fatal(err)
	}
	task, _ := s.ByName(KindStruct, "task_struct")
	_, off, _ := s.FindMember(task, "cgroups")
	b.ReportAllocs()
	for b.Loop() {
		if a, err := s.Walk(task, int32(off/8), 8); err != nil || a.Kind != AccessPointer {
			b.Fatal(a, err)
		}
	}
}
