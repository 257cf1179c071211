package smt_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/internal/gen"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// scripts state their verdict.
var scripts = []string{
	// The average without overflow.
	`(set-logic QF_BV)(set-info :status unsat)
	(declare-fun x () (_ BitVec 32)) (declare-fun y () (_ BitVec 32))
	(define-fun mean () (_ BitVec 32) (bvadd (bvand x y) (bvlshr (bvxor x y) #x00000001)))
	(assert (distinct ((_ zero_extend 1) mean)
		(bvlshr (bvadd ((_ zero_extend 1) x) ((_ zero_extend 1) y)) (_ bv1 33))))
	(check-sat)(exit)`,
	// The average with overflow.
	`(set-info :status sat)
	(declare-const x (_ BitVec 32)) (declare-const y (_ BitVec 32))
	(assert (let ((mean (bvlshr (bvadd x y) (_ bv1 32)))) (and (bvult mean x) (bvult mean y))))`,
	// An absolute value may be negative.
	`(set-info :status sat)
	(declare-const x (_ BitVec 64))
	(assert (bvslt (ite (bvslt x (_ bv0 64)) (bvneg x) x) (_ bv0 64)))`,
	// A signed quotient that wraps around is the only one.
	`(set-info :status unsat)
	(declare-const x (_ BitVec 12)) (declare-const y (_ BitVec 12))
	(assert (and (distinct x #x800) (bvsgt x #x000) (bvsgt y #x000) (bvsgt (bvsdiv x y) x)))`,
	`(set-info :status unsat)
	(declare-const p Bool) (declare-const q Bool)
	(assert (=> p q)) (assert (=> q (not p))) (assert (xor p false))`,
}

func TestScripts(t *testing.T) {
	for _, src := range scripts {
		script, err := term.Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		solver := smt.New(script.Store, smt.Options{})
		for _, a := range script.Asserted {
			solver.Assert(a)
		}
		if got := solver.CheckSat(ctx); got.String() != script.Status {
			t.Errorf("%v (%v), want %s:\n%s", got, solver.Reason(), script.Status, src)
		}
	}
}

// A path condition has the same verdict when it has been written and read, and
// without proofs.
func TestScriptOfPathCondition(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 40 {
		s := term.NewStore()
		path := gen.PathCondition(r, s, 20)
		var text strings.Builder
		if err := s.WriteScript(&text, path...); err != nil {
			t.Fatal(err)
		}
		script, err := term.Parse(text.String())
		if err != nil {
			t.Fatal(err)
		}
		direct, read := smt.New(s, smt.Options{NoProof: true}), smt.New(script.Store, smt.Options{})
		a, b := direct.CheckSat(ctx, path...), read.CheckSat(ctx, script.Asserted...)
		if a != b || a == smt.Unknown {
			t.Fatalf("%v, and %v once read\n%s", a, b, text.String())
		}
		if direct.Proof() != nil || (read.Proof() != nil) != (b == smt.Unsat) {
			t.Fatal("a proof where there should be none, or none where there should be one")
		}
	}
}
