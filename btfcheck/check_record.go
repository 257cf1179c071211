package btfcheck

import "math/bits"

// This file holds the rules that one record breaks by itself (B20 to B131),
// in the order in which Linux 6.18 tries them.

// infoMask has the bits of an info word that mean something (B21).
const infoMask = 0x9f00ffff

// records checks every record and builds the index of the Spec. One diagnostic
// a type; it stops where the next record cannot be found.
func (c *checker) records() {
	s := c.s
	end := uint32(len(s.types))
	s.offsets = make([]uint32, 0, end/24+1)
	for off := uint32(0); off < end; {
		id := s.first + TypeID(len(s.offsets))
		if id > maxTypes {
			c.add(s.diag("B179", off, id, "more than 0xfffff types"))
			return
		}
		left := end - off
		if left < recordSize {
			c.add(s.diag("B20", off, id, "record needs 12 bytes, %d are left", left))
			return
		}
		t := s.decode(id, off)
		size, ok := trailerSize(t.Kind, t.Vlen)
		switch w := s.u32(off + 4); {
		case w&^infoMask != 0:
			c.add(c.fail(t, 4, "B21", "reserved bits %#x are set", w&^infoMask))
		case !ok:
			c.add(c.fail(t, 4, "B22", "kind %d does not exist", uint8(t.Kind)))
			return
		case !c.s.has(t.nameOff):
			c.add(c.fail(t, 0, "B23", "name offset %#x is outside the string section", t.nameOff))
		case size > uint64(left-recordSize):
			c.add(c.fail(t, recordSize, roomRule[t.Kind], "%s needs %d more bytes, %d are left", t.Kind, size, left-recordSize))
		default:
			c.add(c.record(t))
		}
		if !ok || size > uint64(left-recordSize) {
			return
		}
		s.offsets = append(s.offsets, off)
		off += recordSize + uint32(size)
	}
}

// roomRule is the rule that a kind breaks whose trailer does not fit.
var roomRule = [maxKind + 1]string{
	KindInt: "B26", KindArray: "B47", KindStruct: "B59", KindUnion: "B59", KindEnum: "B80", KindEnum64: "B85",
	KindFuncProto: "B92", KindVar: "B105", KindDatasec: "B113", KindDeclTag: "B127",
}

// fail is a diagnostic about the part of t at a byte offset from its record.
func (c *checker) fail(t Type, at uint32, rule, format string, a ...any) *Diagnostic {
	return t.spec.diag(rule, t.off+at, t.ID, format, a...)
}

// record applies the rules of the type's kind.
func (c *checker) record(t Type) *Diagnostic {
	switch t.Kind {
	case KindInt:
		return c.intRecord(t)
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
		return c.refRecord(t)
	case KindArray:
		return c.arrayRecord(t)
	case KindStruct, KindUnion:
		return c.structRecord(t)
	case KindEnum, KindEnum64:
		return c.enumRecord(t)
	case KindFwd:
		return c.fwdRecord(t)
	case KindFunc:
		return c.funcRecord(t)
	case KindFuncProto:
		return c.protoRecord(t)
	case KindVar:
		return c.varRecord(t)
	case KindDatasec:
		return c.datasecRecord(t)
	case KindFloat:
		return c.floatRecord(t)
	case KindDeclTag:
		return c.tagRecord(t)
	default:
		return c.fail(t, 4, "B22", "kind %d does not exist", uint8(t.Kind))
	}
}

// plain checks that vlen and the kind flag are zero where they mean nothing.
func (c *checker) plain(t Type, vlen, flag string) *Diagnostic {
	if t.Vlen != 0 && vlen != "" {
		return c.fail(t, 4, vlen, "%s has vlen %d, must be 0", t.Kind, t.Vlen)
	}
	if t.KindFlag && flag != "" {
		return c.fail(t, 4, flag, "%s has the kind flag", t.Kind)
	}
	return nil
}

// intRecord: B27 to B32. Bits 8 to 15 of the trailer mean nothing and Linux does
// not look at them (B29, Strict does).
func (c *checker) intRecord(t Type) *Diagnostic {
	if d := c.plain(t, "B27", "B28"); d != nil {
		return d
	}
	w, i := t.at(0, 0, 0), t.Int()
	n := i.Bits + i.Offset
	switch {
	case w>>28 != 0:
		return c.fail(t, recordSize, "B29", "INT %s: reserved bits of %#x are set", t.short(), w)
	case n > 128:
		return c.fail(t, recordSize, "B30", "INT %s ends at bit %d, beyond 128", t.short(), n)
	case (n+7)/8 > t.word:
		return c.fail(t, recordSize, "B31", "INT %s of %d bytes ends at bit %d", t.short(), t.word, n)
	case bits.OnesCount32(w>>24&0xf) > 1 || w>>24 == 8:
		return c.fail(t, recordSize+3, "B32", "INT %s has encoding %d", t.short(), w>>24)
	}
	return nil
}

// refRecord: B24, B34 to B39. Only a TYPEDEF and a TYPE_TAG carry a name; the
// name of a tag is its value and may be any text.
func (c *checker) refRecord(t Type) *Diagnostic {
	flag := "B36"
	if t.Kind == KindTypeTag {
		flag = "" // B136: an attribute since 6.15
	}
	if d := c.plain(t, "B35", flag); d != nil {
		return d
	}
	if t.word > maxTypes {
		return c.fail(t, 8, "B24", "%s refers to type %d, beyond 0xfffff", t.Kind, t.word)
	}
	switch {
	case t.Kind == KindTypedef && !c.identifier(t.nameOff):
		return c.fail(t, 0, c.nameRule(t.nameOff, "B37"), "TYPEDEF needs an identifier as name")
	case t.Kind == KindTypeTag && t.short() == "":
		return c.fail(t, 0, "B39", "TYPE_TAG needs a value")
	case t.Kind != KindTypedef && t.Kind != KindTypeTag && t.nameOff != 0:
		return c.fail(t, 0, "B34", "%s has a name", t.Kind)
	}
	return nil
}

// nameRule tells the rule about length (B38) from the given one.
func (c *checker) nameRule(off uint32, rule string) string {
	if _, ok := c.s.within(off, maxName); !ok && c.s.has(off) {
		return "B38"
	}
	return rule
}

// short is the start of the name, for messages and for tests of emptiness.
func (t Type) short() string {
	if t.nameOff == 0 {
		return ""
	}
	if name, ok := t.spec.within(t.nameOff, 128); ok {
		return name
	}
	return "(long)"
}

// arrayRecord: B48 to B53. Whether element and index are fit to be that is known
// only when references are followed.
func (c *checker) arrayRecord(t Type) *Diagnostic {
	if t.nameOff != 0 {
		return c.fail(t, 0, "B48", "ARRAY has a name")
	}
	if d := c.plain(t, "B49", "B50"); d != nil {
		return d
	}
	a := t.Array()
	switch {
	case t.word != 0:
		return c.fail(t, 8, "B51", "ARRAY has a size field of %d, must be 0", t.word)
	case a.Elem == 0 || a.Elem > maxTypes:
		return c.fail(t, recordSize, "B52", "ARRAY of type %d", a.Elem)
	case a.Index == 0 || a.Index > maxTypes:
		return c.fail(t, recordSize+4, "B53", "ARRAY indexed by type %d", a.Index)
	}
	return nil
}

// structRecord: B60 to B66. Members of a struct come in order of offset, those of
// a union all start at 0; where they end depends on their types.
func (c *checker) structRecord(t Type) *Diagnostic {
	if t.nameOff != 0 && !c.identifier(t.nameOff) {
		return c.fail(t, 0, c.nameRule(t.nameOff, "B60"), "%s: the name is no identifier", t.Kind)
	}
	last := uint32(0)
	for i := range int(t.Vlen) {
		at := recordSize + 12*uint32(i)
		name := t.at(i, 12, 0)
		id, off, _ := t.memberAt(i)
		switch {
		case !c.s.has(name):
			return c.fail(t, at, "B61", "member %d has a bad name offset %d", i, name)
		case name != 0 && !c.identifier(name):
			return c.fail(t, at, c.nameRule(name, "B62"), "the name of member %d is no identifier", i)
		case id == 0 || id > maxTypes:
			return c.fail(t, at+4, "B63", "member %d has type %d", i, id)
		case t.Kind == KindUnion && off != 0:
			return c.fail(t, at+8, "B64", "member %d of a union is at bit %d", i, off)
		case off < last:
			return c.fail(t, at+8, "B65", "member %d is at bit %d, before the one before it", i, off)
		case off/8+min(off%8, 1) > t.word:
			return c.fail(t, at+8, "B66", "member %d is at bit %d of a struct of %d bytes", i, off, t.word)
		}
		last = off
	}
	return nil
}

// enumRecord: B81 to B88. An enumerator must have a name, the enum need not.
func (c *checker) enumRecord(t Type) *Diagnostic {
	size, value, each := "B81", "B82", uint32(8)
	if t.Kind == KindEnum64 {
		size, value, each = "B86", "B87", 12
	}
	switch {
	case t.word > 8 || bits.OnesCount32(t.word) != 1:
		return c.fail(t, 8, size, "%s of %d bytes", t.Kind, t.word)
	case t.nameOff != 0 && !c.identifier(t.nameOff):
		return c.fail(t, 0, c.nameRule(t.nameOff, "B84"), "%s: the name is no identifier", t.Kind)
	}
	for i := range int(t.Vlen) {
		at := recordSize + each*uint32(i)
		name := t.at(i, each, 0)
		if !c.s.has(name) {
			return c.fail(t, at, "B83", "enumerator %d has a bad name offset %d", i, name)
		}
		if !c.identifier(name) {
			return c.fail(t, at, c.nameRule(name, value), "enumerator %d needs an identifier as name", i)
		}
	}
	return nil
}

// fwdRecord: B89 to B91. The kind flag says that a union is declared.
func (c *checker) fwdRecord(t Type) *Diagnostic {
	switch {
	case t.Vlen != 0:
		return c.fail(t, 4, "B89", "FWD has vlen %d, must be 0", t.Vlen)
	case t.word != 0:
		return c.fail(t, 8, "B90", "FWD has a type field of %d, must be 0", t.word)
	case !c.identifier(t.nameOff):
		return c.fail(t, 0, c.nameRule(t.nameOff, "B91"), "FWD needs an identifier as name")
	}
	return nil
}

// funcRecord: B100 to B102. vlen is the linkage; compilers mark extern functions
// with 2, which loaders replace.
func (c *checker) funcRecord(t Type) *Diagnostic {
	switch {
	case !c.identifier(t.nameOff):
		return c.fail(t, 0, c.nameRule(t.nameOff, "B100"), "FUNC needs an identifier as name")
	case t.Vlen > 2 || t.Vlen == 2 && c.mode&Object == 0:
		return c.fail(t, 4, "B101", "FUNC %s has linkage %d", t.short(), t.Vlen)
	case t.KindFlag:
		return c.fail(t, 4, "B102", "FUNC %s has the kind flag", t.short())
	}
	return nil
}

// protoRecord: B93, B94. Parameters and result are checked with the references.
func (c *checker) protoRecord(t Type) *Diagnostic {
	if t.nameOff != 0 {
		return c.fail(t, 0, "B93", "FUNC_PROTO has a name")
	}
	return c.plain(t, "", "B94")
}

// varRecord: B106 to B110. An extern variable of a kernel symbol may be void in
// an object file.
func (c *checker) varRecord(t Type) *Diagnostic {
	if d := c.plain(t, "B106", "B107"); d != nil {
		return d
	}
	linkage := t.Linkage()
	switch {
	case !c.identifier(t.nameOff):
		return c.fail(t, 0, c.nameRule(t.nameOff, "B108"), "VAR needs an identifier as name")
	case t.word == 0 && (c.mode&Object == 0 || linkage != 2), t.word > maxTypes:
		return c.fail(t, 8, "B109", "VAR %s has type %d", t.short(), t.word)
	case linkage > 2 || linkage == 2 && c.mode&Object == 0:
		return c.fail(t, recordSize, "B110", "VAR %s has linkage %d", t.short(), linkage)
	}
	return nil
}

// datasecRecord: B114 to B121. Compilers leave the section's size 0, and then
// neither offsets nor sizes of its entries mean anything yet (B174).
func (c *checker) datasecRecord(t Type) *Diagnostic {
	unsized := t.word == 0 && c.mode&Object != 0
	switch {
	case t.word == 0 && !unsized:
		return c.fail(t, 8, "B114", "DATASEC of size 0")
	case t.KindFlag:
		return c.fail(t, 4, "B115", "DATASEC has the kind flag")
	case !c.printable(t.nameOff):
		return c.fail(t, 0, "B116", "DATASEC needs a printable name")
	}
	last := uint64(0)
	for i := range int(t.Vlen) {
		at := recordSize + 12*uint32(i)
		v := t.Var(i)
		if v.Type == 0 || v.Type > maxTypes {
			return c.fail(t, at, "B117", "entry %d of %s has type %d", i, t.short(), v.Type)
		}
		if unsized {
			continue
		}
		switch {
		case uint64(v.Offset) < last:
			return c.fail(t, at+4, "B118", "entry %d of %s overlaps the one before it", i, t.short())
		case v.Offset >= t.word:
			return c.fail(t, at+4, "B119", "entry %d of %s starts at %d of %d bytes", i, t.short(), v.Offset, t.word)
		case v.Size == 0 || v.Size > t.word:
			return c.fail(t, at+8, "B120", "entry %d of %s has %d bytes of %d", i, t.short(), v.Size, t.word)
		}
		if last = uint64(v.Offset) + uint64(v.Size); last > uint64(t.word) {
			return c.fail(t, at+8, "B121", "entry %d of %s ends at %d of %d bytes", i, t.short(), last, t.word)
		}
	}
	return nil
}

// floatRecord: B124 to B126.
func (c *checker) floatRecord(t Type) *Diagnostic {
	if d := c.plain(t, "B124", "B125"); d != nil {
		return d
	}
	switch t.word {
	case 2, 4, 8, 12, 16:
		return nil
	default:
		return c.fail(t, 8, "B126", "FLOAT of %d bytes", t.word)
	}
}

// tagRecord: B128 to B130. The kind flag marks an attribute since 6.15 (B135).
func (c *checker) tagRecord(t Type) *Diagnostic {
	switch {
	case t.short() == "":
		return c.fail(t, 0, "B128", "DECL_TAG needs a value")
	case t.Vlen != 0:
		return c.fail(t, 4, "B129", "DECL_TAG has vlen %d, must be 0", t.Vlen)
	case t.Component() < -1:
		return c.fail(t, recordSize, "B130", "DECL_TAG is about component %d", t.Component())
	}
	return nil
}
