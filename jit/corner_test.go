package jit

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// corners are programs at which native code could differ from the interpreter in a
// way that random programs seldom show. Raw programs over 64 bytes of memory that
// begin with 1, 2, 3, ….
var corners = []struct {
	name  string
	fault exec.Fault
	r0    uint64
	text  string
}{
	{"a frame that is gone, through the register that it was accessed with", exec.StackBounds, 0, `
	call f
	r1 = *(u64 *)(r0 - 8)
	r0 = r1
	exit
f:
	r0 = r10
	r2 = 7
	*(u64 *)(r0 - 8) = r2
	r2 = *(u64 *)(r0 - 8)
	exit`},
	{"the caller's frame, and one's own of the same depth", exec.NoFault, 12, `
	r6 = 0
	*(u64 *)(r10 - 8) = r6
	r1 = r10
	call f
	r1 = r10
	call f
	r0 = *(u64 *)(r10 - 8)
	exit
f:
	r2 = r10
	r3 = *(u64 *)(r1 - 8)
	r3 += 6
	*(u64 *)(r1 - 8) = r3
	*(u64 *)(r2 - 8) = r3
	r0 = *(u64 *)(r2 - 8)
	exit`},
	{"calls keep r6 to r9", exec.NoFault, 1234, `
	r6 = 4
	r7 = 30
	r8 = 200
	r9 = 1000
	r1 = r10
	call f
	call g
	r0 = r6
	r0 += r7
	r0 += r8
	r0 += r9
	exit
f:
	r6 = 0
	r7 = 0
	r8 = 0
	r9 = 0
	r2 = 5
	*(u64 *)(r1 - 8) = r2
	r0 = 0
	exit
g:
	r6 = 9
	r7 = 9
	r8 = 9
	r9 = 9
	*(u64 *)(r10 - 16) = r9
	r0 = r6
	if r0 != 9 goto +1
	r0 = 3
	exit`},
	{"arithmetic of 64 bits, a comparison of 32", exec.NoFault, 2, `
	r0 = 1
	r1 = 0x100000000 ll
	r1 += 0
	if w1 != 0 goto +1
	r0 = 2
	exit`},
	{"arithmetic of 32 bits, a comparison of 64", exec.NoFault, 2, `
	r0 = 1
	r1 = 0x100000000 ll
	w1 += 0
	if r1 != 0 goto +1
	r0 = 2
	exit`},
	{"arithmetic on one register, a comparison of another", exec.NoFault, 2, `
	r0 = 1
	r1 = 0
	r2 = 5
	r1 += 0
	if r2 == 0 goto +1
	r0 = 2
	exit`},
	{"one byte too far", exec.MemoryBounds, 0, `
	r2 = *(u32 *)(r1 + 60)
	r0 = *(u32 *)(r1 + 61)
	exit`},
	{"one byte too early", exec.MemoryBounds, 0, `
	r2 = *(u16 *)(r1 + 0)
	r1 += -1
	r0 = *(u16 *)(r1 + 0)
	exit`},
	{"another object through the same register", exec.NoFault, 0x0807060504030201, `
	r2 = r10
	r3 = 3
	r6 = 3
	*(u64 *)(r10 - 8) = r3
loop:
	r0 = *(u64 *)(r2 - 8)
	r2 = r1
	r2 += 8
	r6 += -1
	if r6 != 0 goto loop
	exit`},
	{"a loop over a pointer that starts before its object", exec.NoFault, 10, `
	r2 = r1
	r2 += -8
	r0 = 0
	r3 = 4
loop:
	r4 = *(u8 *)(r2 + 8)
	r0 += r4
	r2 += 1
	r3 += -1
	if r3 != 0 goto loop
	exit`},
	{"a loop over two pointers that change places", exec.NoFault, 16, `
	r2 = r1
	r3 = r10
	r3 += -8
	r4 = 5
	*(u64 *)(r3 + 0) = r4
	r0 = 0
	r6 = 4
loop:
	r4 = *(u8 *)(r2 + 1)
	r0 += r4
	r5 = *(u8 *)(r3 + 0)
	r0 += r5
	r4 = r2
	r2 = r3
	r3 = r4
	r6 += -1
	if r6 != 0 goto loop
	exit`},
	{"a loop without end, of exactly as many steps as there is fuel", exec.OutOfFuel, 0, `
	r0 = 0
loop:
	r0 += 1
	goto loop`},
	{"calls without end", exec.OutOfFuel, 0, `
	r6 = 0
loop:
	r1 = r6
	call f
	r6 = r0
	goto loop
f:
	r0 = r1
	r0 += 1
	exit`},
	{"recursion", exec.CallDepth, 0, `
	r1 = 1
f:
	*(u64 *)(r10 - 8) = r1
	call f
	exit`},
}

// TestCorners runs them, with several amounts of fuel.
func TestCorners(t *testing.T) {
	needJIT(t)
	data := make([]byte, 64)
	for i := range data {
		data[i] = byte(i + 1)
	}
	for _, c := range corners {
		t.Run(c.name, func(t *testing.T) {
			p := &loader.Program{Insns: assemble(t, c.text)}
			o := both(t, p, exec.Options{}, &exec.Input{Data: data, Fuel: 200_001})
			if o.Fault != c.fault || (o.R0 != c.r0 && c.r0 != 0) {
				t.Errorf("%+v; want %#x, %q", o, c.r0, c.fault)
			}
			for fuel := range int64(40) {
				both(t, p, exec.Options{}, &exec.Input{Data: data, Fuel: 1 + fuel}, &exec.Input{Data: data, Fuel: slice - 20 + fuel})
			}
		})
	}
}

// TestReadOnly: a register that reads an object may not write it.
func TestReadOnly(t *testing.T) {
	needJIT(t)
	p := &loader.Program{Type: "xdp", Maps: []*loader.Map{
		{Name: "ro", Type: "array", KeySize: 4, ValueSize: 16, MaxEntries: 1, Flags: platform.MapRdonlyProg, Frozen: true},
		{Name: "rw", Type: "array", KeySize: 4, ValueSize: 16, MaxEntries: 1},
	}}
	for k, want := range []exec.Fault{exec.ReadOnly, exec.NoFault} {
		p.Refs = []loader.Ref{{Insn: 0, Kind: loader.RefMapValue, Map: k}}
		p.Insns = append([]isa.Instruction{{Op: isa.OpLdImm64, Dst: isa.R6, Src: isa.PseudoMapValue}, {}}, assemble(t, `
	r0 = *(u64 *)(r6 + 0)
	r0 = 2
	*(u64 *)(r6 + 0) = r0
	exit`)...)
		if o := both(t, p, exec.Options{}, &exec.Input{Data: make([]byte, 64)}); o.Fault != want {
			t.Errorf("%s: %+v", p.Maps[k].Name, o)
		}
	}
}

// TestFrameOfEnter: the assembly function reserves what native code uses.
func TestFrameOfEnter(t *testing.T) {
	const reserved = 512 // in call_linux_amd64.s
	if localsSize > reserved {
		t.Errorf("native code uses %d bytes of %d", localsSize, reserved)
	}
}

// TestEntries: a callback may begin anywhere, also at a jump whose comparison the
// instruction before makes needless for those who come from there.
func TestEntries(t *testing.T) {
	needJIT(t)
	for _, code := range []uint8{isa.CodeJEQ, isa.CodeJNE} {
		insns := []isa.Instruction{
			{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R1, Imm: 4},
			{Op: isa.OpLdImm64, Dst: isa.R2, Src: isa.PseudoFunc, Imm: 7}, {},
			{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.R2, Imm: 1},
			{Op: isa.OpMovX, Dst: isa.R3, Src: isa.R10},
			{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R4},
			{Op: isa.OpCall, Imm: 181}, // bpf_loop
			{Op: isa.OpExit},
			{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R1, Imm: 3},
			{Op: isa.ClassALU64 | isa.CodeADD, Dst: isa.R1, Imm: 5}, // the address
			{Op: isa.ClassJMP | code, Dst: isa.R1, Off: 2},          // plus one
			{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R0},
			{Op: isa.OpExit},
			{Op: isa.ClassALU64 | isa.CodeMOV, Dst: isa.R0, Imm: 1},
			{Op: isa.OpExit},
		}
		want := map[uint8]uint64{isa.CodeJEQ: 1, isa.CodeJNE: 2}[code] // turns of the loop
		o := both(t, &loader.Program{Type: "xdp", License: "GPL", Insns: insns}, exec.Options{}, &exec.Input{})
		if o.R0 != want || (o.Fault != exec.NoFault && o.Fault != exec.ExitValue) {
			t.Errorf("code %#x: %+v, want %d", code, o, want)
		}
	}
}
