// Package exec runs eBPF programs: the reference interpreter over a checked memory
// model, with maps and helpers as executable models.
//
// The idea: an address is a number that names an object and an offset in it, so
// that pointer arithmetic is plain arithmetic, as on the machine, and every access
// is resolved to an object and checked against its size and permissions. A program
// that does what the verifier forbids ends with a typed Fault that carries the
// number of the rule. Everything that a run may depend on comes from its Input:
// packet, context, map contents and one seed for time, random numbers and whatever
// else a kernel would decide. The same Input gives the same Outcome, bit by bit, on
// every Executor.
//
// The parts: Memory holds the objects; Machine is a run's state with maps, frames
// and helpers, to be shared with other executors; compile translates a program to
// internal instructions; loop interprets them. Arithmetic is isa.Eval and isa.Holds:
// the common operations are written out in the loop for speed and compared with
// them by tests, the others call them.
//
// Sources: RFC 9669 for instructions, the rules S1-S27 and V1-V46 of the checklist;
// helpers and maps behave as their documentation says.
//
// The trap: a fault is a claim that the kernel's memory was violated, so a model
// that is stricter than the kernel makes a safe program look broken. Where the
// kernel tolerates an access (probe reads through untrusted kernel pointers, reads
// of stack bytes never written), so does the model.
package exec
