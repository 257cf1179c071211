package exec

// op is an internal operation. X forms take their second operand from a register,
// K forms from the instruction. Operations of neither form read both, r[src]+imm,
// where src is zeroReg for constants.
type op uint8

// The operations. The order of the arithmetic and of the conditions is that of
// aluFast and condFast.
const (
	opMovK op = iota // also LD_IMM64
	opMovX
	opMov32X
	opAddK
	opAddX
	opSubX
	opMulK
	opMulX
	opDivX
	opModX
	opOrK
	opOrX
	opAndK
	opAndX
	opXorK
	opXorX
	opLshK
	opLshX
	opRshK
	opRshX
	opArshK
	opArshX
	opAdd32
	opSub32
	opMul32
	opDiv32
	opMod32
	opOr32
	opAnd32
	opXor32
	opLsh32
	opRsh32
	opArsh32
	opGoto
	opJump   // isa.Holds of condition aux at 64 bits
	opJump32 // at 32 bits
	opJeqK
	opJeqX
	opJneK
	opJneX
	opJgtK
	opJgtX
	opJgeK
	opJgeX
	opJltK
	opJltX
	opJleK
	opJleX
	opJsgt
	opJsge
	opJslt
	opJsle
	opJset
	opJeq32
	opJne32
	opJgt32
	opJge32
	opJlt32
	opJle32
	opLoad8
	opLoad16
	opLoad32
	opLoad64
	opLoadSX // aux bytes, sign-extended
	opStore8
	opStore16
	opStore32
	opStore64
	opAtomic // operation imm on aux bytes
	opPacket // legacy packet load of aux bytes at r[src]+imm
	opMayGoto
	opCall  // helper number imm of the program
	opCallX // helper whose id is in dst
	opLocal
	opExit
	// Two instructions that the loop runs at once; the second keeps its own place.
	opAddKAddK
	opAddKAddX
	opAddKXorX
	opAddKOrX
	opAddKSubX
	opAddXAddK
	opAddXAddX
	opAddXXorX
	opAddXOrX
	opAddXSubX
	opXorXAddK
	opXorXAddX
	opXorXXorX
	opXorXOrX
	opXorXSubX
	opOrXAddK
	opOrXAddX
	opOrXXorX
	opOrXOrX
	opOrXSubX
	opSubXAddK
	opSubXAddX
	opSubXXorX
	opSubXOrX
	opSubXSubX
	opAddKJneK
	opAddKJneX
	opAddKJltX
	opMovXAddK
	opLshKRshK
	opLshKArshK
	opRshKAndK
	opAndKJneK
	opAndKJeqK
	opLocalGuarded // in code that may read unwritten registers
	opExitGuarded
	opTrap    // fault imm
	opObserve // call Input.Observe; no step
	opCheck   // the registers of the set imm must be written; no step
	opALU     // isa.Eval of operation aux at 64 bits
	opALU32
)

// zeroReg holds 0: the second operand of an operation on a constant.
const zeroReg = 11

// insn is an internal instruction: 16 bytes, so that four fit a cache line.
type insn struct {
	op            op
	dst, src, aux uint8
	off           int32 // displacement of an access; distance of a jump or call in bytes
	imm           uint64
}
