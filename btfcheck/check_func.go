package btfcheck

// This file holds the rules about functions and their prototypes (B95 to B99,
// B103, B104).

// stepFunc checks that a FUNC has a prototype whose parameters have names.
func (c *checker) stepFunc(t Type) step {
	proto, ok := c.s.Type(TypeID(t.word))
	if !ok || proto.Kind != KindFuncProto {
		return step{d: c.fail(t, 8, "B103", "FUNC %s is of type %d, no FUNC_PROTO", t.short(), t.word)}
	}
	if i := c.unnamed(proto); i > 0 && (c.mode&Object == 0 || t.Vlen != 2) {
		return step{d: c.fail(t, 8, "B104", "parameter %d of FUNC %s has no name", i, t.short())}
	}
	return step{to: proto.ID}
}

// unnamed is the number of the first parameter without a name, 0 if all have
// one. It is kept, as many functions may share a prototype.
func (c *checker) unnamed(proto Type) int {
	if n, ok := c.res.unnamed[proto.ID]; ok {
		return n
	}
	n := 0
	for i := range int(proto.Vlen) {
		if proto.at(i, 8, 0) == 0 && proto.at(i, 8, 1) != 0 {
			n = i + 1
			break
		}
	}
	if proto.Vlen > 16 { // shorter ones are looked at faster than found
		c.res.unnamed[proto.ID] = n
	}
	return n
}

// checkProto checks what a FUNC_PROTO takes and returns.
func (c *checker) checkProto(t Type) *Diagnostic {
	if ret := TypeID(t.word); ret != 0 {
		if d := c.checkValue(t, 8, ret, "return type", "B95", "B96"); d != nil {
			return d
		}
	}
	n := int(t.Vlen)
	if n > 0 && t.at(n-1, 8, 1) == 0 {
		n--
		if t.at(n, 8, 0) != 0 {
			return c.fail(t, recordSize+8*uint32(n), "B97", "the variable arguments have a name")
		}
	}
	for i := range n {
		at := recordSize + 8*uint32(i)
		name, id := t.at(i, 8, 0), TypeID(t.at(i, 8, 1))
		pt, ok := c.s.Type(id)
		if id == 0 {
			return c.fail(t, at+4, "B97", "parameter %d is void and not the last", i+1)
		}
		if ok && !pt.Kind.sourceOnly() && name != 0 && !c.identifier(name) {
			return c.fail(t, at, c.nameRule(name, "B99"), "the name of parameter %d is no identifier", i+1)
		}
		if d := c.checkValue(t, at+4, id, "parameter", "B98", "B98"); d != nil {
			return d
		}
	}
	return nil
}

// checkValue checks that a type of a prototype exists and has a size.
func (c *checker) checkValue(t Type, at uint32, id TypeID, what, missing, unsized string) *Diagnostic {
	vt, ok := c.s.Type(id)
	switch {
	case !ok:
		return c.fail(t, at, missing, "%s is type %d, which does not exist", what, id)
	case vt.Kind.sourceOnly():
		return c.fail(t, at, unsized, "%s is a %s", what, vt.Kind)
	}
	if vt.Kind.needsResolve() && !c.done(id) {
		if d := c.resolve(vt); d != nil {
			return d
		}
	}
	if _, _, ok := c.sizeOf(id); !ok {
		return c.fail(t, at, unsized, "%s is type %d, which has no size", what, id)
	}
	return nil
}
