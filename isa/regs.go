package isa

import "strings"

// RegSet is a set of registers, bit r for register r. The zero value is empty.
type RegSet uint16

// AllRegs is every register of a frame.
const AllRegs RegSet = 1<<NumRegs - 1

// Sets that calls use and change.
const (
	argRegs  RegSet = 1<<R1 | 1<<R2 | 1<<R3 | 1<<R4 | 1<<R5
	callDefs        = argRegs | 1<<R0
)

// Has reports whether r is in s.
func (s RegSet) Has(r Reg) bool { return s>>r&1 != 0 }

// With returns s with r.
func (s RegSet) With(r Reg) RegSet { return s | 1<<r }

// Without returns s without r.
func (s RegSet) Without(r Reg) RegSet { return s &^ (1 << r) }

// String returns the registers as "r0 r6".
func (s RegSet) String() string {
	var b strings.Builder
	for r := R0; r < 16; r++ {
		if s.Has(r) {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(regName(r, 'r'))
		}
	}
	return b.String()
}

// Uses returns a superset of the registers whose value the instruction reads.
//
// Every call counts as reading R1-R5, because an instruction does not say how
// many arguments its callee takes; exit reads R0; packet loads read R6; a
// compare-and-exchange reads R0 besides its two registers. A partial write reads
// nothing: 32-bit operations define the whole register. An instruction of no
// known form reads everything.
func (i Instruction) Uses() RegSet {
	f := i.form()
	if f == nil {
		return AllRegs
	}
	var s RegSet
	if f.dst.kind == reads || f.dst.kind == updates {
		s = s.With(i.Dst)
	}
	if f.src.kind == reads || f.src.kind == updates {
		s = s.With(i.Src)
	}
	switch f.syn {
	case synCall, synCallX:
		s |= argRegs
	case synExit:
		s = s.With(R0)
	case synPacket:
		s = s.With(R6)
	case synCmpXchg:
		s = s.With(R0)
	}
	return s & AllRegs
}

// Defs returns the registers that the instruction gives a new value or destroys.
//
// Calls and packet loads define R0 and destroy R1-R5; fetching atomics define
// Src, a compare-and-exchange R0. After a call R1-R5 hold nothing that may be
// read; Defs has them, since their old values are dead. An instruction of no
// known form defines nothing.
func (i Instruction) Defs() RegSet {
	f := i.form()
	if f == nil {
		return 0
	}
	var s RegSet
	if f.dst.kind == writes || f.dst.kind == updates {
		s = s.With(i.Dst)
	}
	if f.src.kind == updates {
		s = s.With(i.Src)
	}
	switch f.syn {
	case synCall, synCallX, synPacket:
		s |= callDefs
	case synCmpXchg:
		s = s.With(R0)
	}
	return s & AllRegs
}

var regDigits = [16]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"}

// regName returns r as r3 or w3, by its letter.
func regName(r Reg, letter byte) string { return string(letter) + regDigits[r&15] }
