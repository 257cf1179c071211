// Package platform is the contract of a target: what a kernel of a given version
// offers to programs and demands of them.
//
// The idea: everything a platform decides is data. Program types, contexts,
// helpers, map types and limits are tables behind Target; adding a helper, a map
// type or a kernel version touches tables, never the engine.
//
// Sources: shared by packages platform/linux and platform/windows, which name theirs.
//
// The trap: the zero value of every kind means forbidden, so that a table with a
// hole fails closed.
package platform

// Version is a kernel version, major<<8 | minor, comparable with <.
type Version uint32

// V returns the version major.minor.
func V(major, minor uint8) Version { return Version(major)<<8 | Version(minor) }

// Target is a platform at one version.
type Target interface {
	// Name is what --target calls it: "linux-6.18".
	Name() string
	// ProgType finds a program type by its name in lower case: "xdp", "sched_cls".
	ProgType(name string) (*ProgType, bool)
	// Helper returns the prototype that programs of type p see under id. known is
	// false if the platform has no such helper at all; h is nil if p may not call it.
	Helper(p *ProgType, attach uint32, id int32) (h *Helper, known bool)
	// HelperID finds a helper's number by its name without the bpf_ prefix.
	HelperID(name string) (id int32, ok bool)
	// HelperName returns the name of a helper without the bpf_ prefix, "" if unknown.
	HelperName(id int32) string
	// Kfunc returns what is known of a kernel function. known is false if nothing is;
	// k is nil if programs of type p may not call it.
	Kfunc(p *ProgType, attach uint32, name string) (k *Kfunc, known bool)
	// TraceArgMaybeNull reports whether an argument of a trace event, counted from 0,
	// may be null although its type does not say so.
	TraceArgMaybeNull(event string, arg int) bool
	// MapType finds a map type by its name in lower case: "hash", "percpu_array".
	MapType(name string) (*MapType, bool)
	// MapTypeByID finds a map type by the platform's number.
	MapTypeByID(id uint32) (*MapType, bool)
	// Section finds the program type that a section name stands for.
	Section(name string) (Section, bool)
	// Context returns the layout of the context of programs of type p attached as attach.
	Context(p *ProgType, attach uint32) Context
	// StructAccess says what an access of size bytes at offset off through a pointer
	// of the given kind does: SockCommon, Sock, TCPSock, XDPSock, FlowKeys, TPBuffer.
	// ok is false where it is refused, and for every other kind.
	StructAccess(kind ValueKind, off int64, size int, write bool) (f Field, ok bool)
	// Limits are the platform's resource limits.
	Limits() Limits
	// GPLCompatible reports whether a licence string allows GPL-only helpers.
	GPLCompatible(licence string) bool
}

// Limits are resource limits of a platform (rule V46).
type Limits struct {
	Insns             int // longest program, privileged
	InsnsUnprivileged int
	Frames            int // call depth, the main program included
	StackBytes        int // along any call chain
	StackRound        int // each frame's depth is rounded up to this
	Subprograms       int
	Maps              int
	PacketOffset      int64 // largest variable offset of a packet pointer
	PointerOffset     int64 // largest offset of any pointer, either sign
}

// ProgType is a program type.
type ProgType struct {
	Name string // "xdp"
	ID   uint32 // the platform's number
	// Since is the version the type appeared in.
	Since Version
	// CtxName is the C name of the context.
	CtxName string
	// PacketRead, PacketWrite: direct packet access is allowed.
	PacketRead, PacketWrite bool
	// LegacyPacketLoads: LD_ABS and LD_IND are allowed (V22).
	LegacyPacketLoads bool
	// Tracing: a tracing type: no spin locks, no timers.
	Tracing bool
	// SpinLocks: programs may take spin locks.
	SpinLocks bool
	// BTFContext: the context is an array of 8-byte arguments typed by BTF.
	BTFContext bool
	// RawContext: the context is RawContext words of 8 bytes that read as
	// scalars (raw tracepoints), 0 for none.
	RawContext int
	// PointerExit: a privileged program may return a pointer.
	PointerExit bool
	// Sleepable: a sleepable variant exists.
	Sleepable bool
}

// ExitRange bounds R0 at the end of a program (V17). The zero value allows 0 alone,
// Any allows all, Min above Max none.
type ExitRange struct {
	Any      bool
	Min, Max int64
	// Low32: only the low half of R0 is compared, read as signed.
	Low32 bool
}

// Context is the layout of a context (V4, V26).
type Context interface {
	// Access says what an access of size bytes at offset off does; ok is false
	// where it is refused.
	Access(off int64, size int, write bool) (f Field, ok bool)
	// Size is one more than the last byte that any access reaches.
	Size() int64
	// Exit bounds the value a program returns.
	Exit() ExitRange
}

// ValueKind is what a load from a context or a helper's result gives.
type ValueKind uint8

// The kinds. NoValue is refused everywhere.
const (
	NoValue ValueKind = iota
	Scalar
	PacketData
	PacketMeta
	PacketEnd
	SockCommon
	Sock
	TCPSock
	XDPSock
	FlowKeys
	TPBuffer   // writable raw tracepoint buffer
	BTFPointer // typed by Field.BTF
	MapValue   // helper results only: of the map in the map argument
	Mem        // helper results only: of the size in the constant size argument
	RingbufMem
	DynptrMem
	Void // helper results only: R0 is not set
)

// Field is the result of a context access.
type Field struct {
	Name string
	Kind ValueKind
	// MaybeNull: the pointer has to be tested first.
	MaybeNull bool
	// Trusted: a BTF pointer is trusted.
	Trusted bool
	// BTF is the C type name of a BTFPointer without "struct".
	BTF string
	// Signed is set where a narrow load sign-extends.
	Signed bool
}

// ArgKind is what a helper's argument must be (checklist table 2.2).
type ArgKind uint8

// The kinds. NoArg means that the register is not read.
const (
	NoArg ArgKind = iota
	ArgAnything
	ArgMapPtr
	ArgMapKey
	ArgMapValue
	ArgMem  // its size is the next argument's, unless Arg.Size is set
	ArgSize // size of the memory in the argument before
	ArgAllocSize
	ArgCtx
	ArgSockCommon
	ArgBTFSockCommon
	ArgSocket
	ArgBTF // typed by Arg.BTF
	ArgPercpuBTF
	ArgSpinLock
	ArgTimer
	ArgKptrDest
	ArgRingbufMem
	ArgDynptr
	ArgFunc
	ArgStack
	ArgConstStr
	ArgUnknown // in the tables, but not understood: unsupported
)

// ArgFlag refines an ArgKind.
type ArgFlag uint16

// The flags.
const (
	MaybeNull   ArgFlag = 1 << iota // the null pointer is accepted
	ReadOnly                        // the helper only reads the memory
	Uninit                          // the memory need not be initialised
	Write                           // the helper writes the memory
	Aligned                         // the memory must be aligned to its size
	ZeroAllowed                     // ArgSize, ArgAllocSize: zero is accepted
	Release                         // ends the reference
	DynptrLocal                     // kinds of dynptr
	DynptrRingbuf
	ConstZero // ArgAnything: must be the constant 0 (flags of get_local_storage)
)

// Arg is one argument of a helper.
type Arg struct {
	Kind  ArgKind
	Flags ArgFlag
	Size  int    // bytes of a fixed-size memory argument
	BTF   string // C type name of an ArgBTF
}

// Helper is a helper's prototype (V15, V16).
type Helper struct {
	ID   int32
	Name string // without the bpf_ prefix
	Args [5]Arg
	Ret  ValueKind
	// RetMaybeNull: the result has to be tested first. RetReadOnly: its memory must not be written.
	RetMaybeNull, RetReadOnly bool
	RetBTF                    string
	// RetTrusted: a BTFPointer result is trusted.
	RetTrusted bool
	// DerivedFrom is the number (1..5) of the argument whose object the result
	// belongs to and with whose reference it dies (socket casts, dynptr slices), or 0.
	DerivedFrom   int
	GPLOnly       bool
	PacketArgs    bool // memory arguments may be packet memory
	MightSleep    bool
	Fastcall      bool // bpf_fastcall: R1-R5 survive unless they are arguments' registers as the contract says
	ChangesPacket bool // packet pointers die (H3)
	Acquire       bool // the result is a reference that must be released
	// ResultMax bounds a scalar result: 0 unknown; else the result is in [ResultMin, ResultMax].
	ResultMin, ResultMax int64
	// ResultMaxArg: the result is at most the value of the size argument with this
	// number (1..5), and at least ResultMin, which is negative.
	ResultMaxArg int
	// Maps lists the map types a map argument may have; nil where any is allowed.
	Maps []string
	// Since is the version the helper appeared in.
	Since Version
	// Unsupported says why the engine must not judge a call, "" if it may.
	Unsupported string
}

// MapFlag is a map creation flag that the analysis needs to know.
type MapFlag = uint32

// Linux's numbers, used in objects and case files.
const (
	MapNoPrealloc MapFlag = 1 << 0
	MapRdonly     MapFlag = 1 << 3 // user space
	MapWronly     MapFlag = 1 << 4
	MapRdonlyProg MapFlag = 1 << 7
	MapWronlyProg MapFlag = 1 << 8
	MapMmapable   MapFlag = 1 << 10
	MapInnerMap   MapFlag = 1 << 12
)

// MapType is a map type.
type MapType struct {
	Name string // "hash"
	ID   uint32 // the platform's number
	// Helpers lists, by name without prefix, the helpers that take this type.
	Helpers []string
	// Lookup is what map_lookup_elem returns: MapValue, or Sock (sockmap), XDPSock, or NoValue.
	Lookup ValueKind
	// InnerMap: lookup returns an inner map (array_of_maps, hash_of_maps).
	InnerMap bool
	// LookupReadOnly: the value must not be written (devmap).
	LookupReadOnly bool
	// LookupAcquires: lookup returns a reference (sockmap, sockhash).
	LookupAcquires bool
	// DirectValue: LD_IMM64 may take the address of a value, if MaxEntries is 1.
	DirectValue bool
	// ArrayIndexed: the key is an index below MaxEntries and a lookup in range never fails.
	ArrayIndexed bool
	// PerCPU: each CPU has its own value.
	PerCPU bool
	// Value is what an ArgMapValue of this type must be: ArgMapValue, or
	// ArgBTFSockCommon (sockmap, sockhash); NoArg where no value passes through a helper.
	Value ArgKind
	// PeekUninit: map_peek_elem only writes its value argument (queue, stack); without
	// it the value has to be initialised although the prototype says Uninit (bloom_filter).
	PeekUninit bool
	// Sleepable: sleepable programs may use this type (V44).
	Sleepable bool
	Since     Version
}

// Section says what a section name stands for.
type Section struct {
	ProgType string
	Attach   uint32 // expected attach type
	// AttachName is the part after the slash: the traced function or event.
	AttachName string
	Sleepable  bool
	// Exact section definition matched, for messages: "kprobe+".
	Def string
}
