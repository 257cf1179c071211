package btfcheck

import "fmt"

// Mode says which rules Check applies. The zero Mode applies those of Kernel:
// forgetting the mode must not let anything pass.
type Mode uint8

const (
	// Kernel: what Linux 6.18 refuses.
	Kernel Mode = 1 << iota
	// Strict: also what the format forbids and Linux lets pass. These
	// diagnostics come last.
	Strict
	// Object: the BTF of an object file before a loader has touched it.
	// Compilers leave the sizes and offsets of variables to the loader and
	// mark externs in ways that no kernel takes (B174); that is allowed.
	Object
)

// maxDiagnostics is the number of diagnostics after which Check stops.
const maxDiagnostics = 100

// maxKernelBlob is the largest blob that kernels take (B19).
const maxKernelBlob = 16 << 20

// Check validates a .BTF section. No diagnostics: no rule is broken. The first
// one is what Linux complains about; more follow where checking can go on.
//
// Both byte orders pass; a kernel takes its own alone. What depends on the types
// of the running kernel is not judged: a "kptr" to a struct of the kernel's that
// has no destructor is refused there and passes here.
//
// The work is linear in the size of the blob, apart from structs with special
// fields, whose search is bounded.
func Check(raw []byte, mode Mode) []Diagnostic { return CheckSplit(raw, nil, mode) }

// CheckSplit validates a split BTF over its base, which is taken to be valid.
func CheckSplit(raw []byte, base *Spec, mode Mode) []Diagnostic {
	c := checker{mode: mode}
	if len(raw) > maxKernelBlob {
		c.add(&Diagnostic{Rule: "B19", Message: fmt.Sprintf("blob of %d bytes; kernels take 16 MiB", len(raw))})
		return c.out
	}
	h, d := readHeader(raw)
	if d == nil {
		d = checkSections(raw, h, base != nil)
	}
	if d != nil {
		c.add(d)
		return c.out
	}
	c.open(raw, h, base)
	c.records()
	if len(c.out) > 0 {
		return c.out // references may not be followed
	}
	for _, pass := range []func() *Diagnostic{c.resolveAll, c.tagOrder, c.objects} {
		if d := pass(); d != nil {
			c.add(d)
			return c.out
		}
	}
	if mode&Strict != 0 {
		c.strict(h)
	}
	return c.out
}

// checker is one validation. Its Spec shares the caller's bytes: it dies with
// the call.
type checker struct {
	mode Mode
	s    *Spec
	out  []Diagnostic
	res  resolver
}

func (c *checker) add(d *Diagnostic) {
	if d != nil && len(c.out) < maxDiagnostics {
		c.out = append(c.out, *d)
	}
}

// open makes a Spec without an index; records fills it.
func (c *checker) open(raw []byte, h header, base *Spec) {
	data := raw[h.hdrLen:]
	c.s = &Spec{base: base, first: 1, order: h.order, big: h.big, typeOff: h.hdrLen + h.typeOff,
		types: data[h.typeOff:][:h.typeLen], strs: string(data[h.strOff:][:h.strLen])}
	if base != nil {
		c.s.first = base.Next()
		c.s.strBase = base.strBase + uint32(len(base.strs))
	}
}

// checkSections applies the rules about the header's tail and the sections
// (B6 to B18). The order is that of Linux 6.18, except that B13 goes before B14.
func checkSections(raw []byte, h header, split bool) *Diagnostic {
	fail := func(rule string, off uint32, format string, a ...any) *Diagnostic {
		return &Diagnostic{Rule: rule, Offset: off, Message: fmt.Sprintf(format, a...)}
	}
	for i := uint32(headerSize); i < h.hdrLen; i++ {
		if raw[i] != 0 {
			return fail("B6", i, "header goes on beyond 24 bytes and is not zero there")
		}
	}
	if d := h.identity(); d != nil {
		return d
	}
	total := uint32(len(raw)) - h.hdrLen
	if total == 0 && !split {
		return fail("B7", h.hdrLen, "nothing after the header")
	}
	secs := [2]section{{"type", h.typeOff, h.typeLen, 8}, {"string", h.strOff, h.strLen, 16}}
	// By offset, as a signed difference, then by length: an empty section may
	// share its offset with the one after it.
	if d := int32(secs[1].off - secs[0].off); d < 0 || d == 0 && int32(secs[1].len-secs[0].len) < 0 {
		secs[0], secs[1] = secs[1], secs[0]
	}
	at := uint32(0)
	for _, s := range secs {
		switch {
		case s.off > total:
			return fail("B8", s.field, "%s section starts at %d of %d bytes", s.name, s.off, total)
		case s.off > at:
			return fail("B9", s.field, "%d bytes before the %s section belong to no section", s.off-at, s.name)
		case s.off < at:
			return fail("B10", s.field, "%s section overlaps the one before it", s.name)
		case s.len > total-at:
			return fail("B11", s.field+4, "%s section of %d bytes; only %d are left", s.name, s.len, total-at)
		}
		at += s.len
	}
	if at != total {
		return fail("B12", h.hdrLen+at, "%d bytes after the last section", total-at)
	}
	strs := raw[h.hdrLen+h.strOff:][:h.strLen]
	switch n := len(strs); {
	case h.typeOff%4 != 0:
		return fail("B13", 8, "type section starts at %d, no multiple of 4", h.typeOff)
	case h.strOff+h.strLen != total:
		return fail("B14", 16, "string section is not the last")
	case n == 0 && split:
	case n == 0:
		return fail("B16", 20, "string section is empty")
	case n > 1<<24:
		return fail("B19", 20, "string section of %d bytes", n)
	case strs[n-1] != 0:
		return fail("B17", uint32(len(raw))-1, "string section does not end with NUL")
	case strs[0] != 0 && !split:
		return fail("B18", h.hdrLen+h.strOff, "the first string is not empty")
	}
	if h.typeLen == 0 && !split {
		return fail("B15", 12, "type section is empty")
	}
	return nil
}

// section is an extent that the header names; field is where it says so.
type section struct {
	name     string
	off, len uint32
	field    uint32
}

// Names.

// maxName is the longest identifier plus one (B38).
const maxName = 512

// alpha reports whether b is a letter in the character tables of kernels, which
// are those of Latin-1.
func alpha(b byte) bool {
	switch {
	case b|0x20 >= 'a' && b|0x20 <= 'z' && b < 0x80:
		return true
	default:
		return b >= 0xc0 && b != 0xd7 && b != 0xf7
	}
}

// identifier reports whether the string at off is a C identifier; dots count as
// letters, as section-like names need them.
func (c *checker) identifier(off uint32) bool {
	name, ok := c.s.within(off, maxName)
	if !ok || name == "" {
		return false
	}
	for i := range len(name) {
		b := name[i]
		if !alpha(b) && b != '_' && b != '.' && (i == 0 || b < '0' || b > '9') {
			return false
		}
	}
	return true
}

// printable reports whether the string at off is a section name: any printable
// characters (B116).
func (c *checker) printable(off uint32) bool {
	name, ok := c.s.within(off, maxName)
	if !ok || name == "" {
		return false
	}
	for i := range len(name) {
		if b := name[i]; b < 0x20 || b >= 0x7f && b < 0xa0 {
			return false
		}
	}
	return true
}
