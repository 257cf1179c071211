// Package jit compiles eBPF programs to machine code of x86-64 and runs them: an
// exec.Executor several times as fast as the interpreter.
//
// The idea: native code does what exec.Engine asks of an engine, arithmetic, jumps,
// accesses to plain memory, calls of subprograms, and nothing else. At everything
// else (helpers, contexts, faults, exhausted fuel) it returns to Go with the number of
// the instruction that it did not run; the machine of package exec runs that one, and
// native code goes on behind it. So maps, helpers, faults and their rule numbers exist
// once, and both executors give equal outcomes.
//
// Accesses are checked: an address names an object, and the code looks its bytes up
// in the run's table of regions as the interpreter does. The last object that an
// instruction's base register led to is remembered (slots.go), so that the usual check is
// one subtraction and one comparison. Stack accesses at constant offsets need none, nor
// do inner loops of programs that are said to carry a checked proof (loops.go).
//
// Steps are counted a block at a time in a register that counts down, and looked at
// where code goes backwards. It never starts with more than a slice of the fuel: the
// Go scheduler cannot interrupt native code, so that a garbage collection waits for
// the end of the slice, well under a millisecond.
//
// Native code runs on the goroutine's stack, in the frame of the assembly function
// enter, and never calls Go. It leaves R14 (Go's g) and the stack pointer as they
// were. A signal that lands in it runs on the signal stack, where the runtime finds a
// program counter of no Go function: it does not preempt there, and profiles call
// it external code.
//
// Memory for code is never writable and executable at once. One run has one thread,
// so atomic operations need no lock prefix.
//
// The trap: the interpreter and this package must agree to the step, also on runs
// that fault. A check that is cheaper because it is a little different is wrong.
//
// Source: RFC 9669 by way of isa.Eval and isa.Holds; Intel's and AMD's manuals for
// encodings.
package jit
