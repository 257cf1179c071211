//go:build !z3

package z3

import (
	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// Available reports whether Z3 is built in.
const Available = false

// New fails: Z3 is not built in.
func New(*term.Store, smt.Options) (smt.Solver, error) { return nil, ErrNotBuiltIn }
