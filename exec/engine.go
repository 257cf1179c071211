package exec

import "github.com/bpfcheck/bpfcheck/isa"

// Engine runs the plain part of programs: arithmetic, jumps, loads and stores of
// plain memory. Everything else it leaves to the machine, so that all executors
// share one model of memory, maps and helpers. An Engine serves one program and is
// used by several goroutines at once.
type Engine interface {
	// Compile prepares code. It is called once for the program and again, possibly
	// during a run, for each program that tail calls go to and for observed code.
	Compile(c *Code) error
	// Run executes from internal instruction i on and returns the one that it stopped
	// at, which was not run; the machine runs it and comes back. It adds what it ran
	// to m.Steps. It may stop at any access, jump, call or exit, and has to stop at
	// every instruction of form ForMachine, at an access that the regions do not allow,
	// and before a jump backwards or a call with which Steps reaches Fuel. Code that it
	// was never given by Compile, or refused, it has to return from at once.
	Run(m *Machine, c *Code, i int32) int32
}

// Form is what an internal instruction is to an Engine.
type Form uint8

// The forms. The zero value is for the machine alone: calls, exits, checks, traps.
const (
	ForMachine Form = iota
	Plain           // Instruction says it: ALU, a jump, a plain load or store
	Const           // Dst gets Imm: an LD_IMM64, or a move of a constant
	Atomic          // an atomic operation; plain on frames, map values and other memory
	MayGoto         // falls through while Layout.MayGoto, which it decrements, is not negative
	Call            // of a subprogram, at Target: needs a free frame
	Exit            // of a frame above Layout.Base that the same code called
)

// Len returns the number of internal instructions. The last is a trap.
func (c *Code) Len() int { return len(c.insns) }

// Slot returns the slot of the program that internal instruction i comes from.
func (c *Code) Slot(i int32) int { return int(c.pcs[i]) }

// Form says what internal instruction i is.
func (c *Code) Form(i int32) Form {
	switch o := c.insns[i].op; {
	case o == opMovK:
		return Const
	case o == opAtomic:
		return Atomic
	case o == opMayGoto:
		return MayGoto
	case o == opLocal:
		return Call
	case o == opExit:
		return Exit
	case o < opLocal && o != opPacket && o != opCall && o != opCallX,
		o == opALU, o == opALU32:
		return Plain
	}
	return ForMachine
}

// Instruction returns the instruction of the program behind internal instruction i.
func (c *Code) Instruction(i int32) isa.Instruction {
	if pc := int(c.pcs[i]); pc < len(c.prog.Insns) {
		return c.prog.Insns[pc]
	}
	return isa.Instruction{}
}

// Imm returns the constant of an internal instruction of form Const: for references
// the address of the object.
func (c *Code) Imm(i int32) uint64 { return c.insns[i].imm }

// Target returns the internal instruction that a jump or call goes to.
func (c *Code) Target(i int32) int32 { return i + 1 + c.insns[i].off/insnSize }

// Regions returns the memory of the run by object number; Locate finds the number
// of an address. It changes with every instruction that the machine runs.
func (m *Machine) Regions() []Region { return m.regions }

// Locate takes an address apart: the number of its object and the offset in it,
// which is negative before the object's start.
func Locate(addr uint64) (id ID, off int64) { return split(addr) }
