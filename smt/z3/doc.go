// Package z3 is an smt.Solver over Microsoft's Z3 (de Moura & Bjørner, TACAS 2008),
// for cross-checking this module's own solver and for the queries that only Z3
// finishes. It is built with the tag z3 and needs cgo and libz3 (Debian:
// libz3-dev); without the tag, New says that it is not built in.
//
// Each question goes to a new Z3 solver over cached terms: only then does Z3 use
// its tactics for words, which are much faster than its incremental solver.
//
// The trap: there are no proofs and no cores here, for the binding has none. Core
// gives all assumptions back, which is correct and useless; an Unsat is Z3's word.
// Models are checked as everywhere.
package z3

import "errors"

// ErrNotBuiltIn is New's error without the build tag z3.
var ErrNotBuiltIn = errors.New("this program was built without Z3: build with -tags z3 (needs cgo and libz3-dev)")
