package smt_test

import (
	"context"
	"fmt"

	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// A tour: is there an index below 16 that a bounds check in 32 bits lets through,
// and that is at least 16 in 64 bits?
func Example() {
	ctx := context.Background()
	s := term.NewStore()
	index := s.Var("index", 64)
	low := s.Extract(31, 0, index)

	solver := smt.New(s, smt.Options{})
	solver.Assert(s.Ult(low, s.Word(32, 16)))          // the program's check
	outOfBounds := s.Not(s.Ult(index, s.Word(64, 16))) // what must not be
	zeroExtended := s.Eq(index, s.ZExt(32, low))       // the upper half is 0
	harmless := s.Ult(s.Word(64, 0), s.Add(index, s.Word(64, 1)))

	fmt.Println(solver.CheckSat(ctx, outOfBounds))
	x := solver.Model().Get(s.VarNumber(index))
	fmt.Println("upper half set:", x.Lo>>32 != 0)

	fmt.Println(solver.CheckSat(ctx, harmless, zeroExtended, outOfBounds))
	for _, t := range solver.Core() {
		fmt.Println("needed:", t == zeroExtended || t == outOfBounds)
	}
	fmt.Println("proof:", solver.Proof().Check())
	// Output:
	// sat
	// upper half set: true
	// unsat
	// needed: true
	// needed: true
	// proof: <nil>
}
