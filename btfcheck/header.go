package btfcheck

import (
	"encoding/binary"
	"fmt"
)

// Diagnostic is one broken rule. It is also the error that Parse and ParseExt
// return.
type Diagnostic struct {
	// Rule is the number of the rule: B1 to B180, with the letter or kind
	// of its variant.
	Rule string
	// Offset is the byte of the blob where the offending part starts.
	Offset uint32
	// Type is the type that breaks the rule, 0 if the rule is about the header
	// or a section.
	Type TypeID
	// Message says in plain words what is wrong.
	Message string
}

// Error is the diagnostic on one line.
func (d *Diagnostic) Error() string {
	if d.Type == 0 {
		return fmt.Sprintf("BTF byte %d: %s [%s]", d.Offset, d.Message, d.Rule)
	}
	return fmt.Sprintf("BTF byte %d, type %d: %s [%s]", d.Offset, d.Type, d.Message, d.Rule)
}

// header is the fixed part of a .BTF section; offsets count from its end.
type header struct {
	order     binary.ByteOrder
	big       bool
	magic     uint16
	version   uint8
	flags     uint8
	hdrLen    uint32
	typeOff   uint32
	typeLen   uint32
	strOff    uint32
	strLen    uint32
	layoutOff uint32 // of the 7.x header, 0 before
	layoutLen uint32
}

// readHeader decodes the header in the byte order that its magic shows. A
// header shorter than the known 24 bytes has zeros for what it leaves out, as
// in kernels.
func readHeader(raw []byte) (header, *Diagnostic) {
	var h header
	if len(raw) < 8 {
		return h, &Diagnostic{Rule: "B1", Message: fmt.Sprintf("%d bytes are too few to hold the header's length", len(raw))}
	}
	switch binary.LittleEndian.Uint16(raw) {
	case 0xeb9f:
		h.order = binary.LittleEndian
	case 0x9feb:
		h.order, h.big = binary.BigEndian, true
	default:
		// The length is checked before the magic: read it little endian.
		h.order = binary.LittleEndian
	}
	h.hdrLen = h.order.Uint32(raw[4:])
	if uint64(h.hdrLen) > uint64(len(raw)) {
		return h, &Diagnostic{Rule: "B2", Offset: 4, Message: fmt.Sprintf("header of %d bytes in a blob of %d", h.hdrLen, len(raw))}
	}
	var buf [32]byte
	copy(buf[:], raw[:h.hdrLen])
	word := func(i int) uint32 { return h.order.Uint32(buf[4*i:]) }
	h.typeOff, h.typeLen, h.strOff, h.strLen = word(2), word(3), word(4), word(5)
	h.layoutOff, h.layoutLen = word(6), word(7)
	h.magic, h.version, h.flags = h.order.Uint16(buf[:]), buf[2], buf[3]
	return h, nil
}

// identity checks that the blob says it is BTF of the known version.
func (h header) identity() *Diagnostic {
	switch {
	case h.magic != 0xeb9f:
		return &Diagnostic{Rule: "B3", Message: "no BTF magic"}
	case h.version != 1:
		return &Diagnostic{Rule: "B4", Offset: 2, Message: fmt.Sprintf("version %d is not 1", h.version)}
	case h.flags != 0:
		return &Diagnostic{Rule: "B5", Offset: 3, Message: fmt.Sprintf("flags %#x are not 0", h.flags)}
	}
	return nil
}

// inside checks that both sections lie inside a blob of n bytes, and nothing
// about how they lie there.
func (h header) inside(n int) *Diagnostic {
	data := uint64(n) - uint64(h.hdrLen)
	if h.hdrLen < headerSize {
		return &Diagnostic{Rule: "B2", Offset: 4, Message: fmt.Sprintf("header of %d bytes is too short", h.hdrLen)}
	}
	if uint64(h.typeOff)+uint64(h.typeLen) > data {
		return &Diagnostic{Rule: "B11", Offset: 8, Message: "type section is not inside the blob"}
	}
	if uint64(h.strOff)+uint64(h.strLen) > data {
		return &Diagnostic{Rule: "B11", Offset: 16, Message: "string section is not inside the blob"}
	}
	return nil
}

// layoutOf is the table of record sizes that newer producers append: four bytes
// a kind, of which the first two are the bytes after the record and the bytes an
// element. It is nil if there is none.
func layoutOf(raw []byte, h header) []byte {
	data := raw[h.hdrLen:]
	if uint64(h.layoutOff)+uint64(h.layoutLen) > uint64(len(data)) {
		return nil
	}
	return data[h.layoutOff:][:h.layoutLen]
}
