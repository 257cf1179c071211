package exec

import (
	"fmt"
)

// Fault says how a run ended. The zero value is a run that ended well.
type Fault uint8

// The faults. Each stands for a rule of the checklist, or for a limit of the run.
const (
	NoFault        Fault = iota
	Uninitialised        // a register was read that was never written
	StackBounds          // outside of the frame, or a frame that is gone
	ContextAccess        // no such field, or not in this direction
	PacketBounds         // outside of the packet, or a stale pointer
	NullPointer          // an access at, or close to, address 0
	MapBounds            // outside of the map value
	MapObject            // an access to the map itself
	BadPointer           // an address of no object
	Misaligned           // an atomic operation on an unaligned address
	Reference            // leaked, released twice, or used after its release
	OutOfFuel            // Input.Fuel instructions were run
	ControlFlow          // left the program, or met what is no instruction
	NoHelper             // a helper or kernel function that the target does not have
	BadArgument          // an argument that the helper's contract forbids
	ExitValue            // R0 outside of the program type's range
	CallDepth            // too many frames
	CallbackResult       // a callback returned what it may not
	PacketLoad           // LD_ABS or LD_IND without the context in R6
	ReadOnly             // a write to memory that is only readable
	Locking              // a spin lock held twice, at exit, or released without being held
	SpecialField         // a plain access to a lock, timer or kptr of a map value
	MemoryBounds         // outside of a ring buffer record or another block of memory
	Dynptr               // a dynptr that was not constructed
	ObjectBounds         // outside of a kernel object
	Exhausted            // more objects than a run may make
	NotModelled          // the interpreter cannot go on: says nothing of the program

	numFaults
)

// faultRows gives each fault its text and rule, 0 for a limit of the run itself.
var faultRows = [numFaults]struct {
	text string
	rule uint8
}{
	NoFault:        {"", 0},
	Uninitialised:  {"uninitialised register", 1},
	StackBounds:    {"stack out of bounds", 2},
	ContextAccess:  {"bad context access", 4},
	PacketBounds:   {"packet out of bounds", 5},
	NullPointer:    {"null pointer", 6},
	MapBounds:      {"map value out of bounds", 7},
	MapObject:      {"access to a map object", 8},
	BadPointer:     {"bad pointer", 9},
	Misaligned:     {"misaligned atomic operation", 11},
	Reference:      {"reference not released, or used after its release", 12},
	OutOfFuel:      {"out of fuel", 13},
	ControlFlow:    {"bad control flow", 14},
	NoHelper:       {"no such helper", 15},
	BadArgument:    {"bad helper argument", 16},
	ExitValue:      {"exit value out of range", 17},
	CallDepth:      {"too many frames", 18},
	CallbackResult: {"bad result of a callback", 20},
	PacketLoad:     {"packet load without the context in r6", 22},
	ReadOnly:       {"write to read-only memory", 25},
	Locking:        {"lock misused", 29},
	SpecialField:   {"access to a special field", 33},
	MemoryBounds:   {"memory out of bounds", 7},
	Dynptr:         {"bad dynptr", 34},
	ObjectBounds:   {"kernel object out of bounds", 39},
	Exhausted:      {"too many objects", 0},
	NotModelled:    {"not modelled", 0},
}

// String describes the fault, "" for none.
func (f Fault) String() string {
	if f >= numFaults {
		return fmt.Sprintf("fault %d", uint8(f))
	}
	return faultRows[f].text
}

// Rule returns the number n of the rule Vn that the run broke, 0 for no fault and
// for the limits of a run (Exhausted, NotModelled).
func (f Fault) Rule() int {
	if f >= numFaults {
		return 0
	}
	return int(faultRows[f].rule)
}

// MarshalText gives JSON the name of the rule and the text: "V7: map value out of
// bounds", "" for no fault.
func (f Fault) MarshalText() ([]byte, error) {
	if r := f.Rule(); r > 0 {
		return fmt.Appendf(nil, "V%d: %s", r, f), nil
	}
	return []byte(f.String()), nil
}

// Kind is what an object of the memory model is. The zero value is no object.
type Kind uint8

// The kinds of objects.
const (
	KindNone     Kind = iota
	KindContext       // the context; Place.Object 0
	KindStack         // a frame; Object is its depth, offset 512 is its frame pointer
	KindPacket        // Offset 0 is the start of the metadata before the packet
	KindMap           // a map itself; Object is its number in the run
	KindValue         // a map value; Object is the map, Element says which value
	KindMemory        // raw memory, and memory that a helper gave
	KindRecord        // a ring buffer record
	KindKernel        // a kernel object behind a BTF pointer
	KindSocket        // an object with an own layout; Object is its platform.ValueKind
	KindFunction      // a subprogram; Offset is its first instruction
	KindCtxData       // memory that belongs to the context: flow keys, a tracepoint's buffer
)

// Place is what an address means.
type Place struct {
	Kind    Kind
	Object  int32
	Element uint64
	// Offset from the start of the object in bytes.
	Offset int64
	// Live is false for an object that is gone: a frame that was left, a released
	// reference, a packet that moved.
	Live bool
}

// bounds is the fault of an access that leaves an object of kind k.
func (k Kind) bounds() Fault {
	switch k {
	case KindContext:
		return ContextAccess
	case KindStack:
		return StackBounds
	case KindPacket:
		return PacketBounds
	case KindMap:
		return MapObject
	case KindValue:
		return MapBounds
	case KindMemory, KindRecord, KindCtxData:
		return MemoryBounds
	case KindKernel, KindSocket:
		return ObjectBounds
	case KindNone, KindFunction:
		return BadPointer
	}
	return BadPointer
}

// dead is the fault of an access to an object of kind k that is gone.
func (k Kind) dead() Fault {
	switch k {
	case KindStack:
		return StackBounds
	case KindPacket:
		return PacketBounds
	}
	return Reference
}
