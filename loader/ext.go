package loader

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// typeInfo is an object's .BTF and .BTF.ext. The types come from the library;
// the records are read here, because a library that ties them to decoded
// instructions loses those of instructions that it cannot decode.
type typeInfo struct {
	raw     []byte
	spec    *btf.Spec
	strings string
	order   binary.ByteOrder
	// By section name.
	funcs map[string][]funcRecord
	lines map[string][]lineRecord
	cores map[string][]coreRecord
}

type funcRecord struct{ off, typeID uint32 }

type lineRecord struct{ off, file, text, lineCol uint32 }

// coreRecord is a CO-RE relocation. insn is the byte offset in the section.
type coreRecord struct{ off, typeID, access, kind uint32 }

const (
	btfMagic      = 0xeb9f
	btfHeaderSize = 24
	// maxRecord bounds the record sizes that .BTF.ext claims.
	maxRecord = 256
)

// loadTypes reads raw BTF. The result is never nil.
func loadTypes(raw []byte, order binary.ByteOrder) (*typeInfo, error) {
	t := &typeInfo{raw: raw, order: order}
	if len(raw) < btfHeaderSize || order.Uint16(raw) != btfMagic {
		return t, fmt.Errorf("no BTF header in %d bytes", len(raw))
	}
	hdr, off, n := uint64(order.Uint32(raw[4:])), uint64(order.Uint32(raw[16:])), uint64(order.Uint32(raw[20:]))
	if hdr+off+n > uint64(len(raw)) {
		return t, fmt.Errorf("BTF strings of %d bytes at %#x lie outside the section", n, hdr+off)
	}
	t.strings = string(raw[hdr+off : hdr+off+n])
	spec, err := loadSpec(raw)
	if err != nil {
		return t, err
	}
	t.spec = spec
	return t, nil
}

// loadSpec is the library's reader behind a guard: it is given raw BTF only, and
// its panics, if it has any left, are errors.
func loadSpec(raw []byte) (spec *btf.Spec, err error) {
	defer func() {
		if r := recover(); r != nil {
			spec, err = nil, fmt.Errorf("BTF cannot be parsed: %v", r)
		}
	}()
	return btf.LoadSpecFromReader(bytes.NewReader(raw))
}

func (t *typeInfo) string(off uint32) string {
	s, _ := cString(t.strings, off)
	return s
}

// loadExt reads .BTF.ext: a header, then for functions, lines and CO-RE a record
// size and, for each section, its name, the number of records and the records.
func (t *typeInfo) loadExt(b []byte) error {
	o := t.order
	if len(b) < 24 || o.Uint16(b) != btfMagic {
		return fmt.Errorf("no BTF.ext header in %d bytes", len(b))
	}
	hdr := o.Uint32(b[4:])
	if hdr < 24 || uint64(hdr) > uint64(len(b)) {
		return fmt.Errorf("BTF.ext header of %d bytes", hdr)
	}
	t.funcs, t.lines, t.cores = map[string][]funcRecord{}, map[string][]lineRecord{}, map[string][]coreRecord{}
	err := t.records(b, hdr, 8, 8, func(sec string, r []byte) {
		t.funcs[sec] = append(t.funcs[sec], funcRecord{o.Uint32(r), o.Uint32(r[4:])})
	})
	if err != nil {
		return fmt.Errorf("function information: %w", err)
	}
	err = t.records(b, hdr, 16, 16, func(sec string, r []byte) {
		t.lines[sec] = append(t.lines[sec], lineRecord{o.Uint32(r), o.Uint32(r[4:]), o.Uint32(r[8:]), o.Uint32(r[12:])})
	})
	if err != nil {
		return fmt.Errorf("line information: %w", err)
	}
	if hdr < 32 {
		return nil
	}
	err = t.records(b, hdr, 24, 16, func(sec string, r []byte) {
		t.cores[sec] = append(t.cores[sec], coreRecord{o.Uint32(r), o.Uint32(r[4:]), o.Uint32(r[8:]), o.Uint32(r[12:])})
	})
	if err != nil {
		return fmt.Errorf("CO-RE relocations: %w", err)
	}
	return nil
}

// records calls f for each record of the part whose offset and length are at
// field of the header. need is the least size of a record in bytes.
func (t *typeInfo) records(b []byte, hdr uint32, field int, need uint32, f func(sec string, r []byte)) error {
	o := t.order
	off, n := uint64(hdr)+uint64(o.Uint32(b[field:])), uint64(o.Uint32(b[field+4:]))
	if n == 0 {
		return nil
	}
	if off+n > uint64(len(b)) || n < 4 {
		return fmt.Errorf("%d bytes at %#x lie outside the section", n, off)
	}
	p := b[off : off+n]
	size := o.Uint32(p)
	if size < need || size > maxRecord {
		return fmt.Errorf("records of %d bytes", size)
	}
	for p = p[4:]; len(p) >= 8; {
		name, count := t.string(o.Uint32(p)), uint64(o.Uint32(p[4:]))
		p = p[8:]
		if count*uint64(size) > uint64(len(p)) {
			return fmt.Errorf("%d records of section %q do not fit", count, name)
		}
		for range count {
			f(name, p[:size])
			p = p[size:]
		}
	}
	return nil
}

// sort orders the records of every section by offset, so that they can be searched.
func (t *typeInfo) sort() {
	for _, r := range t.funcs {
		slices.SortStableFunc(r, func(a, b funcRecord) int { return cmp.Compare(a.off, b.off) })
	}
	for _, r := range t.lines {
		slices.SortStableFunc(r, func(a, b lineRecord) int { return cmp.Compare(a.off, b.off) })
	}
	for _, r := range t.cores {
		slices.SortStableFunc(r, func(a, b coreRecord) int { return cmp.Compare(a.off, b.off) })
	}
}
