// Package zone is the domain of differences of variables: v - u <= c beside the
// bounds of each variable.
//
// The idea has two layers. The lower one is value numbering: a variable is a
// node, a scale and an offset, v = scale * node + delta modulo 2^w. Copies and
// additions of constants only touch the offset, so they cost nothing and stay
// exact when they wrap around; constants are offsets of the node Zero, variables
// about which nothing is known have no node. Whatever is learned of a variable is
// kept at its node, so all that is computed from it learns it too. Two states are
// joined by numbering again: variables that differ by the same amount on both
// sides share a node of the result, which keeps i == count across a loop's back
// edge though both change; and variables that are constants on either side are on
// one line, which keeps off == 4*i + 14, or what a status code says of a length.
//
// The upper layer is a sparse zone over the nodes in split normal form: bounds
// are kept apart, in the node, and an edge x - y <= c, over ℤ on the unsigned
// values of the nodes, is kept only where comparisons or operations relate x and
// y. Edges are closed under paths as they are added, bounds under edges. They
// come from comparisons of registers, from sums and differences that do not
// wrap, and from operations that cannot increase their operand. Only values of
// scale 1 have edges: a comparison of others gives up their scale.
//
// Sources: zones, their closure and their widening are Miné's (A New Numerical
// Abstract Domain Based on Difference-Bound Matrices, PADO 2001; the second trap
// below from his thesis, 2004). Edges apart from bounds is the split normal form
// of Gange, Navas and others (Exploiting Sparsity in Difference-Bound Matrices,
// SAS 2016; A Fresh Look at Zones and Octagons, TOPLAS 2021). Nodes with scales
// and offsets are a union-find with labels on its links (Lesbre, Lemerre,
// Ait-El-Hara and Bobot, Relational Abstractions Based on Labeled Union-Find,
// PLDI 2025), and so the equalities of two variables among Karr's (Affine
// Relationships Among Variables of a Program, 1976); joins of equalities by pairs
// of names go back to Gulwani and Necula (A Polynomial-Time Algorithm for Global
// Value Numbering, SAS 2004).
//
// The traps. An offset is a fact modulo 2^w and an edge is one over ℤ: to carry an
// edge from a node to a variable is sound only where the bounds show that the
// offset does not wrap, or always does (shift.go). The result of a widening must
// not be closed again before the next one, or it may not end. And the Word of a
// multiple does not tell all: 3 * n is fewer numbers than its bounds and bits.
package zone
