// Package isa is the eBPF instruction set: encoding, validation, text syntax
// and the one definition of what arithmetic and comparisons mean.
//
// The idea: an instruction is one 8-byte slot, a program is a slice of slots,
// and a program counter is an index into that slice. LD_IMM64 takes two slots;
// the second stays in the slice (opcode 0) so that jump offsets, line
// information and verifier messages all count the same unit.
//
// Eval and Holds are the only concrete semantics in bpfcheck. The interpreter
// calls them, the abstract domains are tested and proved against them, the JIT
// is compared with them.
//
// Sources: RFC 9669; Linux additions are marked where they are defined.
//
// The trap: DIV, MOD and MOV change meaning with the offset field, and le/be
// with the byte order of the program. Ask Instruction.ALU for the operation
// instead of looking at the opcode's high nibble.
package isa

// Reg is a register number. R0 to R10 exist.
type Reg uint8

// The registers. R10 is the frame pointer and cannot be written.
const (
	R0 Reg = iota
	R1
	R2
	R3
	R4
	R5
	R6
	R7
	R8
	R9
	R10

	// NumRegs is the number of registers of a frame.
	NumRegs = 11
	// FP is the frame pointer.
	FP = R10
)

// Instruction is one decoded slot. The zero value is the second slot of an
// LD_IMM64 and nothing else.
type Instruction struct {
	Op  uint8 // the opcode byte
	Dst Reg
	Src Reg
	Off int16
	Imm int32
	// Next is the immediate of the second slot of an LD_IMM64, else 0.
	Next int32
}

// Classes, the low three bits of an opcode (RFC 9669 section 3).
const (
	ClassLD    = 0x00
	ClassLDX   = 0x01
	ClassST    = 0x02
	ClassSTX   = 0x03
	ClassALU   = 0x04
	ClassJMP   = 0x05
	ClassJMP32 = 0x06
	ClassALU64 = 0x07
)

// SourceX is the source bit of ALU and jump opcodes: set for a register.
const SourceX = 0x08

// Codes of the ALU classes, the high four bits of an opcode.
const (
	CodeADD  = 0x00
	CodeSUB  = 0x10
	CodeMUL  = 0x20
	CodeDIV  = 0x30
	CodeOR   = 0x40
	CodeAND  = 0x50
	CodeLSH  = 0x60
	CodeRSH  = 0x70
	CodeNEG  = 0x80
	CodeMOD  = 0x90
	CodeXOR  = 0xa0
	CodeMOV  = 0xb0
	CodeARSH = 0xc0
	CodeEND  = 0xd0
)

// Codes of the jump classes.
const (
	CodeJA    = 0x00
	CodeJEQ   = 0x10
	CodeJGT   = 0x20
	CodeJGE   = 0x30
	CodeJSET  = 0x40
	CodeJNE   = 0x50
	CodeJSGT  = 0x60
	CodeJSGE  = 0x70
	CodeCALL  = 0x80
	CodeEXIT  = 0x90
	CodeJLT   = 0xa0
	CodeJLE   = 0xb0
	CodeJSLT  = 0xc0
	CodeJSLE  = 0xd0
	CodeJCOND = 0xe0 // may_goto, Linux 6.9
)

// Access sizes and modes of the load and store classes.
const (
	SizeW  = 0x00
	SizeH  = 0x08
	SizeB  = 0x10
	SizeDW = 0x18

	ModeIMM    = 0x00
	ModeABS    = 0x20
	ModeIND    = 0x40
	ModeMEM    = 0x60
	ModeMEMSX  = 0x80
	ModeATOMIC = 0xc0
)

// Whole opcodes that have a name of their own.
const (
	OpLdImm64 = 0x18
	OpJA      = 0x05
	OpGotol   = 0x06 // 32-bit displacement in Imm
	OpCall    = 0x85
	OpCallX   = 0x8d // not in RFC 9669; refused by Linux
	OpExit    = 0x95
	OpMayGoto = 0xe5
	OpMovX    = 0xbf
)

// Values of Src in an LD_IMM64 (RFC 9669 section 5.4).
const (
	PseudoImm       Reg = 0
	PseudoMapFD     Reg = 1
	PseudoMapValue  Reg = 2
	PseudoVar       Reg = 3 // platform variable, a BTF id
	PseudoFunc      Reg = 4
	PseudoMapIdx    Reg = 5
	PseudoMapIdxVal Reg = 6
)

// Values of Src in a CALL.
const (
	CallHelper Reg = 0
	CallLocal  Reg = 1
	CallKfunc  Reg = 2
)

// Immediates of atomic operations (RFC 9669 section 5.3). Load-acquire and
// store-release are Linux 6.15.
const (
	AtomicAdd     = 0x00
	AtomicOr      = 0x40
	AtomicAnd     = 0x50
	AtomicXor     = 0xa0
	AtomicFetch   = 0x01
	AtomicXchg    = 0xe1
	AtomicCmpXchg = 0xf1
	AtomicLoadAcq = 0x100
	AtomicStRel   = 0x110
)

// AddrSpaceCast marks, in Off of an OpMovX, an arena address space cast (Linux 6.9).
const AddrSpaceCast = 1

// Class returns the class bits of the opcode.
func (i Instruction) Class() uint8 { return i.Op & 0x07 }

// Code returns the operation bits of an ALU or jump opcode.
func (i Instruction) Code() uint8 { return i.Op & 0xf0 }

// Mode returns the mode bits of a load or store opcode.
func (i Instruction) Mode() uint8 { return i.Op & 0xe0 }

// UsesSrcReg reports whether an ALU or jump instruction takes its second operand from Src.
func (i Instruction) UsesSrcReg() bool { return i.Op&SourceX != 0 }

// IsALU reports whether i is in the ALU or ALU64 class.
func (i Instruction) IsALU() bool { c := i.Class(); return c == ClassALU || c == ClassALU64 }

// IsLdImm64 reports whether i is the first slot of a two-slot instruction.
func (i Instruction) IsLdImm64() bool { return i.Op == OpLdImm64 }

// IsAtomic reports whether i is in the atomic mode of the STX class.
func (i Instruction) IsAtomic() bool { return i.Class() == ClassSTX && i.Mode() == ModeATOMIC }

// IsCall reports whether i calls a helper, a subprogram or a kernel function.
func (i Instruction) IsCall() bool { return i.Op == OpCall }

// IsLocalCall reports whether i calls a subprogram of the same program.
func (i Instruction) IsLocalCall() bool { return i.Op == OpCall && i.Src == CallLocal }

// IsExit reports whether i leaves its frame.
func (i Instruction) IsExit() bool { return i.Op == OpExit }

// IsAddrSpaceCast reports whether i is an arena address space cast.
func (i Instruction) IsAddrSpaceCast() bool { return i.Op == OpMovX && i.Off == AddrSpaceCast }

// IsPacketLoad reports whether i is a legacy LD_ABS or LD_IND.
func (i Instruction) IsPacketLoad() bool {
	return i.Class() == ClassLD && (i.Mode() == ModeABS || i.Mode() == ModeIND)
}

// IsCondJump reports whether i is a conditional jump, may_goto included.
func (i Instruction) IsCondJump() bool {
	switch c := i.Class(); c {
	case ClassJMP, ClassJMP32:
		switch i.Code() {
		case CodeJEQ, CodeJGT, CodeJGE, CodeJSET, CodeJNE, CodeJSGT, CodeJSGE, CodeJLT, CodeJLE, CodeJSLT, CodeJSLE:
			return true
		case CodeJCOND:
			return c == ClassJMP
		}
	}
	return false
}

// IsGoto reports whether i is an unconditional jump, short or long.
func (i Instruction) IsGoto() bool { return i.Op == OpJA || i.Op == OpGotol }

// JumpOffset returns the displacement of a jump in slots, relative to the next
// slot. It is 0 for other instructions.
func (i Instruction) JumpOffset() int32 {
	switch {
	case i.Op == OpGotol:
		return i.Imm
	case i.Op == OpJA, i.IsCondJump():
		return int32(i.Off)
	}
	return 0
}

// Slots returns how many slots the instruction takes: 2 for LD_IMM64, else 1.
func (i Instruction) Slots() int {
	if i.IsLdImm64() {
		return 2
	}
	return 1
}

// Imm64 returns the 64-bit immediate of an LD_IMM64.
func (i Instruction) Imm64() uint64 { return uint64(uint32(i.Next))<<32 | uint64(uint32(i.Imm)) }

// Size returns the bytes that a load or store instruction moves: 1, 2, 4 or 8.
func (i Instruction) Size() int {
	switch i.Op & 0x18 {
	case SizeB:
		return 1
	case SizeH:
		return 2
	case SizeW:
		return 4
	}
	return 8
}

// Width returns the operation width of an ALU or jump instruction. Byte swaps
// and truncations say their width in the operation and work on the whole register.
func (i Instruction) Width() Width {
	switch c := i.Class(); {
	case c == ClassALU && i.Code() != CodeEND, c == ClassJMP32:
		return W32
	}
	return W64
}
