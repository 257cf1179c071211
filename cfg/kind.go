package cfg

import "github.com/bpfcheck/bpfcheck/isa"

// kind is what matters about an opcode to the flow of values and of control. The
// zero value is an opcode that no instruction has.
type kind uint8

const (
	kindUnknown kind = iota
	kindNone         // jumps and exits, which move no value; second slots of LD_IMM64
	kindALU
	kindLdImm64
	kindPacket // legacy packet loads
	kindLoad
	kindStoreImm
	kindStore
	kindAtomic
	kindCall
)

// kinds gives the kind of each opcode.
var kinds = func() (t [256]kind) {
	for op := range t {
		t[op] = kindOf(isa.Instruction{Op: uint8(op)})
	}
	return t
}()

func kindOf(i isa.Instruction) kind {
	switch c, m := i.Class(), i.Mode(); {
	case i.Op == 0, i.IsExit(), i.IsGoto(), i.IsCondJump():
		return kindNone
	case i.IsALU():
		return kindALU
	case i.IsLdImm64():
		return kindLdImm64
	case i.IsPacketLoad():
		return kindPacket
	case i.IsCall():
		return kindCall
	case c == isa.ClassLDX && (m == isa.ModeMEM || m == isa.ModeMEMSX):
		return kindLoad
	case c == isa.ClassST && m == isa.ModeMEM:
		return kindStoreImm
	case c == isa.ClassSTX && m == isa.ModeMEM:
		return kindStore
	case i.IsAtomic():
		return kindAtomic
	}
	return kindUnknown
}

// accessBase returns the register whose memory a load, store or atomic accesses.
func accessBase(i isa.Instruction) (r isa.Reg, ok bool) {
	switch kinds[i.Op] {
	case kindLoad:
		return i.Src, true
	case kindStoreImm, kindStore:
		return i.Dst, true
	case kindAtomic:
		if i.Imm == isa.AtomicLoadAcq {
			return i.Src, true
		}
		return i.Dst, true
	}
	return 0, false
}
