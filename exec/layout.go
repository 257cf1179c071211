package exec

import "unsafe"

// Layout tells an Engine that generates machine code where a Machine keeps the state
// that plain instructions, calls of subprograms and exits work on. All fields are
// distances in bytes, from the Machine unless said otherwise.
//
// What native code may change: Regs, the bytes of regions, the lengths of the
// regions of frames, frames, Depth and MayGoto. None of these words is a pointer, so
// that the garbage collector need not know of it.
type Layout struct {
	Regs    int32 // of R0, eight bytes a register
	MayGoto int32 // int64: how often may_goto may still fall through
	Depth   int32 // int64: of the current frame
	Base    int32 // int64: depth at which execution began; an exit there is the machine's
	Stack   int32 // of the bytes of the frames, StackBytes each, by depth

	Frames, FrameSize int32 // what calls save, by the depth of the caller
	FrameRet          int32 // in a frame: int32, insnSize times the instruction to go on with; R6-R9 are at 0
	FrameOuter        int32 // in a frame: not 0 if another program's code called it

	Regions, RegionSize int32 // slice of Region
	Objects, ObjectSize int32 // slice; at ObjectKind of each its Kind, a byte
	ObjectKind          int32
}

// StackBytes is the size of a frame, MaxFrames how many there are, FirstFrame the
// object of the first; the others follow.
const (
	StackBytes = stackBytes
	MaxFrames  = maxFrames
	FirstFrame = idFrame
	// ReturnUnit is what FrameRet counts an instruction as.
	ReturnUnit = insnSize
)

// Native is the layout of a Machine of this build.
var Native = Layout{
	Regs:       int32(unsafe.Offsetof(Machine{}.Regs)),
	MayGoto:    int32(unsafe.Offsetof(Machine{}.mayGoto)),
	Depth:      int32(unsafe.Offsetof(Machine{}.depth)),
	Base:       int32(unsafe.Offsetof(Machine{}.base)),
	Stack:      int32(unsafe.Offsetof(Machine{}.stack)),
	Frames:     int32(unsafe.Offsetof(Machine{}.frames)),
	FrameSize:  int32(unsafe.Sizeof(frame{})),
	FrameRet:   int32(unsafe.Offsetof(frame{}.ret)),
	FrameOuter: int32(unsafe.Offsetof(frame{}.outer)),
	Regions:    int32(unsafe.Offsetof(Machine{}.Memory) + unsafe.Offsetof(Memory{}.regions)),
	RegionSize: int32(unsafe.Sizeof(Region{})),
	Objects:    int32(unsafe.Offsetof(Machine{}.Memory) + unsafe.Offsetof(Memory{}.objects)),
	ObjectSize: int32(unsafe.Sizeof(object{})),
	ObjectKind: int32(unsafe.Offsetof(object{}.kind)),
}
