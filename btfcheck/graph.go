package btfcheck

import "strings"

// contains gives the text after "contains:" of the DECL_TAG on member i of
// struct t: what a list head or tree root holds.
func (s *Spec) contains(t Type, i int) (string, *Diagnostic) {
	value, n := "", 0
	for _, tag := range s.declTags(t.ID) {
		if tag.Component() != int32(i) {
			continue
		}
		if v, ok := strings.CutPrefix(tag.Name(), "contains:"); ok {
			value = v
			n++
		}
	}
	if n != 1 {
		return "", s.diagAt(t, "B138", "member %s needs exactly one tag \"contains:struct:member\", has %d", t.Member(i).Name, n)
	}
	return value, nil
}

// DeclTags lists the tags on a type, a member or parameter of it (component), or
// on the whole (component -1).
func (s *Spec) DeclTags(id TypeID, component int) []string {
	var out []string
	for _, tag := range s.declTags(id) {
		if tag.Component() == int32(component) {
			out = append(out, tag.Name())
		}
	}
	return out
}

// declTags gives the DECL_TAGs of a type in order of id.
func (s *Spec) declTags(id TypeID) []Type {
	var out []Type
	for at := s; at != nil; at = at.base {
		at.tagOnce.Do(at.indexTags)
		for _, tid := range at.tags[id] {
			t, _ := at.Type(tid)
			out = append(out, t)
		}
	}
	return out
}

// indexTags finds the DECL_TAGs of every type.
func (s *Spec) indexTags() {
	s.tags = map[TypeID][]TypeID{}
	for t := range s.Types() {
		if t.Kind == KindDeclTag {
			s.tags[t.Ref()] = append(s.tags[t.Ref()], t.ID)
		}
	}
}

// checkFields judges the fields of one value together.
func (s *Spec) checkFields(t Type, fields []Field) *Diagnostic {
	var have fieldSet
	end := uint32(0)
	for i := range fields {
		f := &fields[i]
		if i > 0 && f.Offset < end {
			return s.diagAt(t, "B175", "special fields overlap at offset %d", f.Offset)
		}
		end = f.Offset + f.Size
		have |= 1 << f.Kind
		if f.Node != "" {
			if d := s.findNode(t, f); d != nil {
				return d
			}
		}
	}
	locked := have.has(FieldSpinLock) || have.has(FieldResSpinLock)
	switch {
	case have.has(FieldSpinLock) && have.has(FieldResSpinLock):
		return s.diagAt(t, "B175", "bpf_spin_lock and bpf_res_spin_lock in one value")
	case (have.has(FieldListHead) || have.has(FieldRBRoot)) && !locked:
		return s.diagAt(t, "B176", "list head or tree root without a lock beside it")
	case have.has(FieldListNode) && have.has(FieldRBNode) && !have.has(FieldRefcount):
		return s.diagAt(t, "B176", "list node and tree node in one object need a bpf_refcount")
	}
	return nil
}

// findNode finds the member that links the elements of a list or tree.
func (s *Spec) findNode(t Type, f *Field) *Diagnostic {
	row := FieldListNode.row()
	if f.Kind == FieldRBRoot {
		row = FieldRBNode.row()
	}
	in, _ := s.Type(f.Type)
	for i := range int(in.Vlen) {
		m := in.Member(i)
		if m.Name != f.Node {
			continue
		}
		node, _ := s.Type(m.Type)
		if !node.Kind.IsStruct() || node.Name() != row.name || m.BitOff%(8*row.align) != 0 {
			return s.diagAt(t, "B176", "member %s of struct %s is no %s", f.Node, in.Name(), row.name)
		}
		f.NodeOff = m.BitOff / 8
		return nil
	}
	return s.diagAt(t, "B176", "struct %s has no member %s", in.Name(), f.Node)
}
