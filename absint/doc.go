// Package absint proves programs safe by abstract interpretation.
//
// The idea: one transfer function says what an instruction does to an abstract
// machine state and which obligations it has to meet; strategies decide which
// states are visited and where they are merged. A State is dense: an array of
// cells (registers and 4-byte stack words of each frame) beside one
// domains.Numeric over the same indices. A cell says what kind of value it is
// and, for pointers, of which region and at which fixed offset; the numeric
// state knows the scalar itself or the variable part of the pointer's offset.
//
//   - fixpoint (F) merges states of the same shape at cut points, in weak
//     topological order, and widens at loop heads. Near-linear.
//   - explore (P) walks paths depth first and prunes states that are included in
//     one whose paths were all walked.
//   - ladder runs F, and P only towards the obligations that F left open.
//
// Loops end by a fact, not by unrolling: each loop has a ghost variable that
// counts its iterations; if the invariant at the loop's head bounds the ghost,
// the loop terminates. The zone domain ties the ghost to the program's counter.
//
// Sources: Cousot and Cousot 1977; Bourdoncle 1993 (weak topological orders);
// Gershuni et al. 2019 (PREVAIL, ghost counters); the rules V1-V46 are numbered
// in docs/EXPECTATIONS.md.
//
// The trap: whatever a strategy forgets or merges must be forgotten in the state
// that it goes on with, not only in the comparison.
package absint
