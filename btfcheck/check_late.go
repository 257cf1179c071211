package btfcheck

// This file holds the rules that come after all references are known: the order
// of type tags (B40), special fields (B137, B138, B175 to B177), and what only
// Strict asks for.

// tagOrder checks that no TYPE_TAG comes after another modifier in a chain.
func (c *checker) tagOrder() *Diagnostic {
	for t := range c.s.Types() {
		if !t.Kind.IsModifier() {
			continue
		}
		// A chain that reaches a smaller id goes on as that one did, which has
		// been looked at: it only matters whether it starts with a tag.
		tags := t.Kind == KindTypeTag
		next := t
		for left := maxResolve; next.Kind.IsModifier(); left-- {
			if left == 0 {
				return c.fail(t, 8, "B46", "more than %d modifiers in a chain", maxResolve)
			}
			switch {
			case next.Kind != KindTypeTag:
				tags = false
			case !tags:
				return c.fail(next, 0, "B40", "TYPE_TAG comes after another modifier in the chain of type %d", t.ID)
			}
			if next.ID < t.ID {
				break
			}
			next, _ = c.s.Type(TypeID(next.word))
		}
	}
	return nil
}

// maxFieldWork bounds the members that the search for special fields looks at in
// one blob.
const maxFieldWork = 1 << 24

// objects checks the structs that have special fields as members: what a program
// allocates with bpf_obj_new, or stores in a map.
func (c *checker) objects() *Diagnostic {
	special := map[TypeID]bool{}
	for _, r := range fieldRows {
		if !r.object {
			continue
		}
		if id, ok := c.s.ByName(KindStruct, r.name); ok {
			special[id] = true
		}
	}
	for t := range c.s.Types() {
		kind, target, ok := c.s.kptr(t)
		if ok && objectFields.has(kind) && t.Kind == KindPtr && target.Kind.IsStruct() {
			special[t.ID] = true
		}
	}
	if len(special) == 0 {
		return nil
	}
	budget := fieldBudget{left: maxFieldWork}
	found := map[TypeID][]Field{}
	var order []Type
	for t := range c.s.Types() {
		if t.Kind != KindStruct || !hasMember(t, special) {
			continue
		}
		fields, d := c.s.findFields(t, objectFields, true, &budget)
		if d == nil && len(fields) == 0 {
			d = c.fail(t, 0, "B175", "a member has the name of a special field and not its size or alignment")
		}
		if d == nil {
			d = c.s.checkFields(t, fields)
		}
		if d != nil {
			return d
		}
		found[t.ID], order = fields, append(order, t)
	}
	for _, t := range order {
		if d := c.ownership(t, found); d != nil {
			return d
		}
	}
	return nil
}

// ownership checks that no chain of lists and trees of objects can become a
// circle: an object that is itself an element may hold elements, but those may
// not hold any (B176).
func (c *checker) ownership(t Type, found map[TypeID][]Field) *Diagnostic {
	root, node := holds(found[t.ID])
	if !root || !node {
		return nil
	}
	for _, f := range found[t.ID] {
		if f.Node == "" {
			continue
		}
		if inner, _ := holds(found[f.Type]); inner {
			return c.fail(t, 0, "B176", "an element that holds elements holds type %d, which holds elements", f.Type)
		}
	}
	return nil
}

// holds reports whether fields have a list head or tree root, and a list or tree
// node.
func holds(fields []Field) (root, node bool) {
	for _, f := range fields {
		root = root || f.Kind == FieldListHead || f.Kind == FieldRBRoot
		node = node || f.Kind == FieldListNode || f.Kind == FieldRBNode
	}
	return root, node
}

// objectFields are the fields that Linux looks for in structs of program BTF.
const objectFields = fieldSet(1<<FieldSpinLock | 1<<FieldResSpinLock | 1<<FieldListHead | 1<<FieldListNode |
	1<<FieldRBRoot | 1<<FieldRBNode | 1<<FieldRefcount | 1<<FieldKptrUntrusted | 1<<FieldKptr | 1<<FieldPercpuKptr)

func hasMember(t Type, of map[TypeID]bool) bool {
	for i := range int(t.Vlen) {
		if id, _, _ := t.memberAt(i); of[id] {
			return true
		}
	}
	return false
}

// strict adds what the format forbids and Linux 6.18 lets pass.
func (c *checker) strict(h header) {
	if h.hdrLen < headerSize {
		c.add(&Diagnostic{Rule: "B2", Offset: 4, Message: "header is shorter than its 24 bytes"})
	}
	for t := range c.s.Types() {
		c.add(c.strictType(t))
	}
}

func (c *checker) strictType(t Type) *Diagnostic {
	switch {
	case t.Kind == KindInt:
		i := t.Int()
		switch w := t.at(0, 0, 0); {
		case w>>8&0xff != 0:
			return c.fail(t, recordSize, "B29", "INT %s: reserved bits of %#x are set", t.short(), w)
		case t.short() == "":
			return c.fail(t, 0, "B33", "INT has no name")
		case i.regular() && i.Bits != 8*t.word:
			return c.fail(t, recordSize, "B178", "INT %s has %d bits in %d bytes", t.short(), i.Bits, t.word)
		}
	case t.Kind == KindPtr || t.Kind.IsModifier():
		if to, _ := c.s.Type(TypeID(t.word)); to.Kind == KindFunc {
			return c.fail(t, 8, "B45", "%s refers to a FUNC, not to its prototype", t.Kind)
		}
	case t.Kind == KindEnum || t.Kind == KindEnum64:
		return c.duplicates(t)
	case t.Kind == KindDatasec:
		for i := range int(t.Vlen) {
			v := t.Var(i)
			if size, err := c.s.SizeOf(v.Type); err == nil && v.Size < size && t.word != 0 {
				return c.fail(t, recordSize+12*uint32(i)+8, "B123", "entry %d of %s has %d bytes for a variable of %d", i, t.short(), v.Size, size)
			}
		}
	}
	return nil
}

// duplicates finds an enumerator that comes twice in one enum (B88).
func (c *checker) duplicates(t Type) *Diagnostic {
	seen := make(map[string]bool, t.Vlen)
	for i := range int(t.Vlen) {
		name := t.Value(i).Name
		if seen[name] {
			return c.fail(t, recordSize, "B88", "%s %s: enumerator %s comes twice", t.Kind, t.short(), name)
		}
		seen[name] = true
	}
	return nil
}
