package isa

import (
	"encoding/binary"
	"fmt"
)

// SlotSize is the number of bytes of a slot.
const SlotSize = 8

// Decode reads a program of 8-byte slots in the given byte order. It fails only
// when len(b) is not a multiple of 8 (rule I1); what the slots say is for
// Validate to judge. The result has one Instruction a slot.
//
// The immediate of the second slot of an LD_IMM64 moves to Next of the first.
// A well-formed second slot is then the zero Instruction; a malformed one keeps
// its opcode, registers and offset. Encode restores the same bytes in any case.
func Decode(b []byte, bigEndian bool) ([]Instruction, error) {
	if len(b)%SlotSize != 0 {
		return nil, fmt.Errorf("program is %d bytes long, not a multiple of %d", len(b), SlotSize)
	}
	prog := make([]Instruction, len(b)/SlotSize)
	for pc := range prog {
		prog[pc] = decodeSlot(b[pc*SlotSize:], bigEndian)
	}
	for pc := 0; pc < len(prog); pc += prog[pc].Slots() {
		if prog[pc].IsLdImm64() && pc+1 < len(prog) {
			prog[pc].Next, prog[pc+1].Imm = prog[pc+1].Imm, 0
		}
	}
	return prog, nil
}

func decodeSlot(b []byte, bigEndian bool) Instruction {
	i := Instruction{Op: b[0], Dst: Reg(b[1] & 15), Src: Reg(b[1] >> 4)}
	if bigEndian {
		i.Dst, i.Src = i.Src, i.Dst
		i.Off = int16(binary.BigEndian.Uint16(b[2:]))
		i.Imm = int32(binary.BigEndian.Uint32(b[4:]))
		return i
	}
	i.Off = int16(binary.LittleEndian.Uint16(b[2:]))
	i.Imm = int32(binary.LittleEndian.Uint32(b[4:]))
	return i
}

// Encode writes a program as Decode reads it. Registers above 15 lose their high
// bits; the immediate of a second slot comes from Next of the first.
func Encode(prog []Instruction, bigEndian bool) []byte {
	b := make([]byte, len(prog)*SlotSize)
	second := false
	for pc, i := range prog {
		if second {
			i.Imm, second = prog[pc-1].Next, false
		} else {
			second = i.IsLdImm64()
		}
		encodeSlot(b[pc*SlotSize:], i, bigEndian)
	}
	return b
}

func encodeSlot(b []byte, i Instruction, bigEndian bool) {
	b[0] = i.Op
	if bigEndian {
		b[1] = byte(i.Dst&15)<<4 | byte(i.Src&15)
		binary.BigEndian.PutUint16(b[2:], uint16(i.Off))
		binary.BigEndian.PutUint32(b[4:], uint32(i.Imm))
		return
	}
	b[1] = byte(i.Src&15)<<4 | byte(i.Dst&15)
	binary.LittleEndian.PutUint16(b[2:], uint16(i.Off))
	binary.LittleEndian.PutUint32(b[4:], uint32(i.Imm))
}
