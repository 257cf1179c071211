package btfcheck

import "io"

// DumpC prints C declarations of the types of s and its base.
func DumpC(w io.Writer, s *Spec) error { return nil }
