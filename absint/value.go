package absint

import "github.com/bpfcheck/bpfcheck/domains"

// Kind says what a cell holds. The zero value may not be read.
type Kind uint8

// The kinds of values.
const (
	NotInit Kind = iota
	// Poison is the result of an instruction that failed an obligation: it may be
	// anything, and its uses raise no further alarm.
	Poison
	Scalar
	CtxPtr
	MapPtr     // a map object; Region is the map
	MapValue   // Region is the map
	StackPtr   // Region is the frame; Off counts from its frame pointer
	Packet     // Off counts from the start of the packet or of the base ID
	PacketMeta // Off counts from data_meta
	PacketEnd
	Mem // Region bytes of plain memory
	Sock
	SockCommon
	TCPSock
	XDPSock
	FlowKeys
	TPBuffer
	BTFPtr    // Region is the BTF type id
	FuncPtr   // Region is the subprogram's first instruction
	KsymPtr   // the address of a kernel symbol of unknown type
	DynptrPtr // a dynptr that the program got; Region is its dynptrKind
	// The kinds from here on are objects on the stack, not pointers: see object.go.
	DynptrObj // Region is the dynptrKind
	IterObj   // Region is the BTF type id of the iterator
	IrqObj
	SharedMem // plain memory that somebody else has a pointer to

	numKinds
)

var kindNames = [numKinds]string{
	"uninitialised", "unknown", "scalar", "context", "map", "map value", "stack", "packet", "packet metadata",
	"packet end", "memory", "socket", "socket (common)", "TCP socket", "XDP socket", "flow keys", "tracepoint buffer",
	"kernel object", "function", "kernel symbol", "dynptr", "dynptr", "iterator", "interrupt flag", "shared memory",
}

// String names the kind as messages do.
func (k Kind) String() string { return kindNames[k] }

// isPointer reports whether values of kind k are addresses.
func (k Kind) isPointer() bool { return k > Scalar }

// Flag refines a kind.
type Flag uint16

// The flags of a cell.
const (
	// MaybeNull: the value may be the null pointer; all cells of the same ID are
	// null together.
	MaybeNull Flag = 1 << iota
	// ReadOnly memory.
	ReadOnly
	// HasVar: the offset has a variable part, which is the cell's numeric variable.
	HasVar
	// Untrusted BTF pointers may be dangling: loads are probe reads.
	Untrusted
	// HasLock: the map value holds a spin lock, so that its ID names it for ever.
	HasLock
	// Derived: the pointer dies with its reference, but is not what was acquired: that
	// it is null tells nothing of the reference.
	Derived
	// Inner: the map is the inner map of Region.
	Inner
	// RCU: the kernel object is there until the RCU section ends.
	RCU
	// Walked: the kernel object was reached through another one; it is neither
	// trusted nor known to dangle.
	Walked
	// PacketSlice: the memory is a slice of the packet and goes with it.
	PacketSlice
	// Element: what an iterator found; that it is not null is progress.
	Element
	// Drained: the iterator found no element the last time, and finds none any more.
	Drained
)

// Cell is what is known of a register or of a word of stack, apart from numbers.
// Cells are compared with ==.
type Cell struct {
	Kind Kind
	// Size is the number of bytes a stack cell holds: 1, 2, 4, 8; 0 if its bytes
	// are unknown. Registers have 0.
	Size  uint8
	Flags Flag
	// Off is the fixed part of a pointer's offset in bytes.
	Off int32
	// Region says which object a pointer is into; its meaning is the kind's.
	Region int32
	// ID ties maybe-null pointers that are null together, and packet pointers
	// that share their variable part; 0 for none.
	ID uint32
	// Range is the number of bytes from the base ID that are proved to lie inside
	// the packet. Pointers without ID use the state's instead.
	Range int32
	// Ref is the reference the pointer belongs to, 0 for none.
	Ref uint32
}

func (c Cell) has(f Flag) bool { return c.Flags&f != 0 }

// scalarCell is any number.
var scalarCell = Cell{Kind: Scalar}

// bound is a closed interval of offsets.
type bound struct{ lo, hi int64 }

// saturating arithmetic on offsets: a bound beyond ±2^62 is as good as infinite.
const infinite = int64(1) << 62

func clampOffset(x int64) int64 { return min(max(x, -infinite), infinite) }

func (b bound) add(k int64) bound { return bound{clampOffset(b.lo + k), clampOffset(b.hi + k)} }

func (b bound) exact() bool { return b.lo == b.hi }

// wordBound returns the signed bounds of a word.
func wordBound(d domains.Word) bound { return bound{clampOffset(d.SMin), clampOffset(d.SMax)} }
