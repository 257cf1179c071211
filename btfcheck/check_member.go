package btfcheck

// This file holds the rules about members of structs (B66 to B79): whether the
// member's type fits where it lies.

// stepStruct checks the members that can be checked and asks for the first that
// has to be walked before.
func (c *checker) stepStruct(v *vertex) step {
	t := v.t
	if v.next > 0 {
		// The walk has come back from this member.
		if d := c.member(t, v.next-1); d != nil {
			return step{d: d}
		}
	}
	for ; v.next < int(t.Vlen); v.next++ {
		id, _, _ := t.memberAt(v.next)
		mt, ok := c.s.Type(id)
		if !ok || mt.Kind.unsized() || mt.Kind.sourceOnly() {
			return step{d: c.missing(t, recordSize+12*uint32(v.next)+4, id, ok, "B68", "member")}
		}
		if c.waits(mt) {
			v.next++
			return step{push: id}
		}
		if d := c.member(t, v.next); d != nil {
			return step{d: d}
		}
	}
	return step{}
}

// place is where a member lies in its struct. bits is the bit offset, width
// that of a bitfield or 0, room the size of the struct in bytes.
type place struct {
	t           Type
	i           int
	bits, width uint32
	room        uint32
}

func (c *checker) misplaced(p place, rule, format string, a ...any) *Diagnostic {
	d := c.fail(p.t, recordSize+12*uint32(p.i)+8, rule, format, a...)
	if name, ok := c.s.within(p.t.at(p.i, 12, 0), 128); ok && name != "" {
		d.Message = "member " + name + ": " + d.Message
	}
	return d
}

// member checks member i of t, whose type has been resolved.
func (c *checker) member(t Type, i int) *Diagnostic {
	id, off, width := t.memberAt(i)
	p := place{t: t, i: i, bits: off, width: width, room: t.word}
	mt, size, ok := c.sizeOf(id)
	if !ok {
		return c.misplaced(p, "B68", "its type %d has no size", id)
	}
	switch mt.Kind {
	case KindInt:
		if t.KindFlag {
			return c.intField(p, mt.Int())
		}
		return c.intMember(p, mt.Int())
	case KindEnum, KindEnum64:
		if t.KindFlag {
			return c.enumField(p)
		}
		return c.plainMember(p, size, "B77", "B77")
	case KindFloat, KindPtr, KindArray, KindStruct, KindUnion:
		if width != 0 {
			return c.misplaced(p, "B73", "a %s cannot be a bitfield", mt.Kind)
		}
	}
	switch mt.Kind {
	case KindFloat:
		return c.floatMember(p, size)
	case KindPtr:
		return c.plainMember(p, 8, "B69", "B67")
	case KindArray, KindStruct, KindUnion:
		return c.plainMember(p, size, "B69", "B79")
	default:
		return c.misplaced(p, "B68", "a %s cannot be a member", mt.Kind)
	}
}

// plainMember checks a member of whole bytes.
func (c *checker) plainMember(p place, size uint32, align, fit string) *Diagnostic {
	switch {
	case p.bits%8 != 0:
		return c.misplaced(p, align, "it starts at bit %d, inside a byte", p.bits)
	case p.bits/8 > p.room || p.room-p.bits/8 < size:
		return c.misplaced(p, fit, "%d bytes at %d end beyond the struct's %d", size, p.bits/8, p.room)
	}
	return nil
}

// span checks that n bits from the start of the byte that holds bit p.bits fit.
func (c *checker) span(p place, start, n uint64) *Diagnostic {
	n += start % 8
	switch at := start / 8; {
	case n > 128:
		return c.misplaced(p, "B76", "it spans %d bits, more than 128", n)
	case uint64(p.room) < at || uint64(p.room)-at < (n+7)/8:
		return c.misplaced(p, "B67", "%d bits at bit %d end beyond the struct's %d bytes", n-start%8, start, p.room)
	}
	return nil
}

// intMember checks an integer that is no bitfield, or one by virtue of an INT
// with an odd size, as old producers write them.
func (c *checker) intMember(p place, i Int) *Diagnostic {
	if p.bits > ^uint32(0)-i.Offset {
		return c.misplaced(p, "B67", "its bits start at %d + %d", p.bits, i.Offset)
	}
	return c.span(p, uint64(p.bits)+uint64(i.Offset), uint64(i.Bits))
}

// intField checks an integer of a struct with the kind flag.
func (c *checker) intField(p place, i Int) *Diagnostic {
	n := p.width
	switch {
	case !i.regular():
		return c.misplaced(p, "B71", "its integer of %d bits is no ordinary one", i.Bits)
	case n == 0 && p.bits%8 != 0:
		return c.misplaced(p, "B72", "it is no bitfield and starts at bit %d, inside a byte", p.bits)
	case n == 0:
		n = i.Bits
	case n > i.Bits:
		return c.misplaced(p, "B70", "a bitfield of %d bits in an integer of %d", n, i.Bits)
	}
	return c.span(p, uint64(p.bits), uint64(n))
}

// enumField checks an enum of a struct with the kind flag. Its width counts as
// 32 bits, whatever its size.
func (c *checker) enumField(p place) *Diagnostic {
	n := p.width
	switch {
	case n == 0 && p.bits%8 != 0:
		return c.misplaced(p, "B77", "it is no bitfield and starts at bit %d, inside a byte", p.bits)
	case n == 0:
		n = 32
	case n > 32:
		return c.misplaced(p, "B74", "a bitfield of %d bits in an enum", n)
	}
	if (p.bits+n+7)/8 > p.room {
		return c.misplaced(p, "B67", "%d bits at bit %d end beyond the struct's %d bytes", n, p.bits, p.room)
	}
	return nil
}

// floatMember checks that a FLOAT lies at a multiple of its size, at most 8.
func (c *checker) floatMember(p place, size uint32) *Diagnostic {
	if p.bits%(8*min(size, 8)) != 0 {
		return c.misplaced(p, "B78", "a FLOAT of %d bytes at bit %d", size, p.bits)
	}
	if uint64(p.bits/8)+uint64(size) > uint64(p.room) {
		return c.misplaced(p, "B67", "%d bytes at %d end beyond the struct's %d", size, p.bits/8, p.room)
	}
	return nil
}
