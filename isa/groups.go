package isa

import (
	"math/bits"
	"strings"
)

// Group is a conformance group of RFC 9669 section 2.4, or a group of
// instructions that the RFC does not have. The zero value is no group.
type Group uint8

// The groups.
const (
	NoGroup Group = iota
	Base32
	Base64 // includes Base32
	Atomic32
	Atomic64 // includes Atomic32
	DivMul32
	DivMul64 // includes DivMul32
	Packet   // historical
	CallX    // not in RFC 9669
	// LinuxOnly holds may_goto, address space casts, load-acquire and store-release.
	LinuxOnly
	// UnknownGroup is needed by a program with an instruction that has no form.
	UnknownGroup

	numGroups
)

var groupNames = [numGroups]string{
	"none", "base32", "base64", "atomic32", "atomic64", "divmul32", "divmul64", "packet", "callx", "linux", "unknown",
}

// includes maps a group to the smaller one that it contains.
var includes = [numGroups]Group{Base64: Base32, Atomic64: Atomic32, DivMul64: DivMul32}

// String returns the group's name as RFC 9669 spells it.
func (g Group) String() string {
	if g < numGroups {
		return groupNames[g]
	}
	return groupNames[UnknownGroup]
}

// GroupSet is a set of groups, closed under inclusion.
type GroupSet uint16

// With returns s with g and the groups that g includes.
func (s GroupSet) With(g Group) GroupSet {
	s |= 1 << g
	if sub := includes[g]; sub != NoGroup {
		s |= 1 << sub
	}
	return s
}

// Has reports whether g is in s.
func (s GroupSet) Has(g Group) bool { return s>>g&1 != 0 }

// Groups returns the groups that an implementation must have to run prog (rule
// I11). Base32 is always among them. It looks at every slot that starts an
// instruction, reachable or not.
func Groups(prog []Instruction) GroupSet {
	s := GroupSet(0).With(Base32)
	for pc := 0; pc < len(prog); pc += prog[pc].Slots() {
		s = s.With(prog[pc].Group())
	}
	return s
}

// Group returns the smallest conformance group that has the instruction.
func (i Instruction) Group() Group {
	if f := i.form(); f != nil {
		return f.group
	}
	return UnknownGroup
}

// Names returns the members of s in the order of the constants.
func (s GroupSet) Names() []string {
	names := make([]string, 0, bits.OnesCount16(uint16(s)))
	for g := Base32; g < numGroups; g++ {
		if s.Has(g) {
			names = append(names, g.String())
		}
	}
	return names
}

// String returns the members of s that no other member includes, as "base64,divmul32".
func (s GroupSet) String() string {
	top := s
	for g := Base32; g < numGroups; g++ {
		if s.Has(g) && includes[g] != NoGroup {
			top &^= 1 << includes[g]
		}
	}
	return strings.Join(top.Names(), ",")
}
