// Package mutants shows that the tests can fail: it plants bugs that verifiers
// have had into the source, one at a time, and demands that a test kills each.
//
// The idea: a fault is a change of the source's text. Go's -overlay flag builds the
// tests as if the file were changed, so nothing in the tree is touched. The kill
// table says which test noticed first: the campaign over generated programs, the
// corpus, or the tests of the package with the fault. One command prints it:
//
//	BPFCHECK_MUTANTS=1 go test ./corpus/mutants -run Kill -v -timeout 60m
//
// Source: the list of historic verifier bugs (row numbers refer to it); mutation
// analysis is DeMillo, Lipton and Sayward 1978.
//
// The trap: a fault that changes nothing, because another part makes up for it.
// Such a mutant proves nothing; the edits here are kept to what must be noticed.
package mutants
