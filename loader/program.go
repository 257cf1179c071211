// Package loader turns bytes into programs: ELF objects as clang and gcc write
// them, executables that embed such objects, and case files.
//
// The idea: a loader is a deterministic function of bytes (and optionally of a
// kernel's BTF). It does what libbpf does before the bpf(2) call - static
// linking of subprograms, relocation, CO-RE - and hands over programs whose
// references to maps are symbolic, so that no kernel is needed.
//
// Sources: checklist section 4; libbpf's documented behaviour and section names.
// ELF, .BTF.ext, linking and CO-RE are read here, because what is loaded has to be
// exact to the slot and must keep instructions that do not exist; the types of BTF
// come from github.com/cilium/ebpf/btf, which sees raw BTF only.
//
// The trap: sizes in hostile files. Sections are bounded by the file's length
// before anything is allocated (SHT_NOBITS sections claim memory for free), and
// what programs share is bounded for all of them together.
package loader

import (
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Object is everything read from one file.
type Object struct {
	// Path as given by the user; for an embedded object "file@offset".
	Path      string
	License   string
	BigEndian bool
	Programs  []*Program
	Maps      []*Map
	// BTF is the raw .BTF section, nil if the object has none.
	BTF []byte
	// Version is the value of a legacy version section.
	Version uint32
	// Notes are facts that a user may want to know and that decide nothing.
	Notes []string
	// Sites are the CO-RE relocations of all functions, in the order in which the
	// functions were linked; nil if no kernel BTF was given.
	Sites []Site
}

// Program is one program as it would be given to bpf(2).
type Program struct {
	Name    string // the function's name, or the case's id
	Section string
	// ID and Descr are a case's (DESIGN section 8).
	ID, Descr string
	// Type is the platform's name of the program type, "" if the section names none.
	Type string
	// Attach is the expected attach type, the kernel's number. AttachTo names the
	// traced function or event.
	Attach    uint32
	AttachTo  string
	Sleepable bool
	License   string
	// StrictAlignment is BPF_F_STRICT_ALIGNMENT. Flags are the other load flags.
	StrictAlignment bool
	Flags           uint32
	// Unprivileged: judged as without CAP_PERFMON.
	Unprivileged bool
	BigEndian    bool

	// Insns has a slot per instruction slot. Second slots of LD_IMM64 are kept.
	Insns []isa.Instruction
	// Refs are sorted by Insn.
	Refs []Ref
	// Funcs are sorted by Insn; the main program is first, at 0. Nil if nothing
	// is known of functions (a raw case): subprograms then follow from calls.
	Funcs []Func
	// Lines are sorted by Insn.
	Lines []Line
	// HasFuncInfo: every function has BTF function information.
	HasFuncInfo bool
	// BTF is the raw BTF that Func.TypeID and Map.BTFValue refer to, nil without.
	BTF []byte
	// Kfuncs names the kernel function that a CALL with src 2 calls, by instruction.
	Kfuncs map[int]string
	// Object is where the program comes from, nil for a case.
	Object *Object
	// Maps are the maps that Refs point to.
	Maps []*Map
	// Problem, if not "", says why the program could not be prepared (a relocation
	// to an unknown symbol, an impossible CO-RE site outside of dead code); it is
	// then reported and not analysed.
	Problem string
}

// RefKind says what an LD_IMM64 or call refers to.
type RefKind uint8

// The kinds of references.
const (
	RefMap      RefKind = iota + 1 // a map object
	RefMapValue                    // the address of a map's first value, plus Offset
	// RefKsym is a kernel symbol: Name; Offset unused. With src 3 it is the address of
	// a typed symbol, with src 0 a number of which nothing is known (or 0, if Weak).
	RefKsym
	RefFunc   // the address of a subprogram; Insns already hold the displacement
	RefPoison // a CO-RE site that cannot be relocated: must not be reached; Name says why
)

// Ref ties an instruction to what it refers to.
type Ref struct {
	Insn   int
	Kind   RefKind
	Map    int // index in Program.Maps
	Offset int32
	Name   string
	// Weak: a weak symbol that nothing defines; its address is 0.
	Weak bool
}

// Func is one function of a program.
type Func struct {
	Insn   int
	Name   string
	Global bool
	// TypeID of the BTF FUNC, 0 if unknown.
	TypeID uint32
}

// Line is where an instruction comes from.
type Line struct {
	Insn   int
	File   string
	Line   int
	Column int
	// Text is the source line, as recorded by the compiler.
	Text string
}

// Map is a map definition.
type Map struct {
	Name       string
	Type       string // the platform's name: "hash"
	KeySize    uint32
	ValueSize  uint32
	MaxEntries uint32
	Flags      uint32
	Extra      uint64
	Inner      *Map // definition of the maps it holds
	// Fields are the special fields of its value (V33).
	Fields []MapField
	// KeyTypeID and ValueTypeID in the program's BTF, 0 if unknown.
	KeyTypeID, ValueTypeID uint32
	// Data is the initial contents of a global data section, nil for .bss and
	// other maps. Frozen: neither side may change it (.rodata, .kconfig).
	Data   []byte
	Frozen bool
	// Programs of a tail-call map, by index, where the object initialises it.
	Programs map[uint32]string
}

// MapField is a special field of a map value.
type MapField struct {
	Kind   string // "spin_lock", "timer", "kptr", …
	Offset uint32
	Size   uint32
}

// Options steer loading.
type Options struct {
	// Target decides section names and map type numbers. Nil is an error.
	Target platform.Target
	// Type overrides the program type that sections name.
	Type string
	// KernelBTF is a raw vmlinux BTF to relocate against; nil: CO-RE sites keep what
	// the compiler put there, and a note says so. It is parsed once for as long as
	// the same slice is given, which must not change.
	KernelBTF []byte
}
