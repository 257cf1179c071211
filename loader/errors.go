package loader

import (
	"fmt"
	"strings"
)

// Error is what Load returns for a file that it cannot read: one line that says
// where, what, and what to do about it.
type Error struct {
	File    string
	Section string // "" if the file as a whole is meant
	Offset  int64  // in the file, bytes; negative if none is meant
	What    string
	Fix     string // an imperative sentence, "" if there is none
}

// Error formats e as "file: section s, offset 0x40: what; fix".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	sep := ": "
	if e.Section != "" {
		fmt.Fprintf(&b, "%ssection %s", sep, e.Section)
		sep = ", "
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, "%soffset %#x", sep, e.Offset)
	}
	b.WriteString(": " + e.What)
	if e.Fix != "" {
		b.WriteString("; " + e.Fix)
	}
	return b.String()
}

// The advice that several errors share.
const (
	fixTruncated = "the file is truncated or damaged: build or copy it again"
	fixMachine   = "compile it with clang -target bpf, or name an executable that embeds BPF objects"
)
