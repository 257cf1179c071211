package isa

import (
	"strings"
	"testing"
)

// TestRules gives each rule a program that breaks it beside one that does not.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		rule      string
		bad, good string
		p         Profile
		message   string
	}{
		{"I2", ".insn 0x07, 1, 2, 0, 5", "r1 += 5", RFC9669, "source of add is 2, must be 0"},
		{"I2", ".insn 0x0f, 1, 2, 0, 5", "r1 += r2", Linux618, "immediate of add is 5, must be 0"},
		{"I2", ".insn 0x95, 0, 0, 3, 0", "exit", RFC9669, "offset of exit is 3, must be 0"},
		{"I2", ".insn 0x95, 0, 0, 0, 3", ".insn 0x95, 0, 0, 3, 0", Linux618, "immediate of exit is 3, must be 0"},
		{"I2", "call kfunc#1 module 2", "call kfunc#1", RFC9669, "offset of kfunc call is 2, must be 0 in RFC 9669"},
		{"I2", ".insn 0x85, 1, 2, 0, 1", "call kfunc#1 module 2", Linux618, "destination of kfunc call is 1, must be 0"},
		{"I2", ".insn 0x06, 0, 0, 1, 5", "gotol +5", RFC9669, "offset of gotol is 1, must be 0"},
		{"I3", ".insn 0xbf, 11, 1, 0, 0", "r9 = r1", RFC9669, "destination of mov is r11, registers are r0 to r10"},
		{"I3", ".insn 0xbf, 1, 15, 0, 0", "r1 = r10", Linux618, "source of mov is r15, registers are r0 to r10"},
		{"I3", "r10 = 1", "*(u64 *)(r10 - 8) = 1", RFC9669, "mov writes r10, the frame pointer is read-only"},
		{"I3", "r10 = *(u64 *)(r1 + 0)", "*(u64 *)(r1 + 0) = r10", RFC9669, "ldxdw writes r10"},
		{"I3", "r10 = atomic_fetch_add((u64 *)(r1 + 0), r10)", "lock *(u64 *)(r1 + 0) += r10", RFC9669, "atomic_fetch_add64 writes r10"},
		{"I3", "r10 = 5 ll", "r9 = 5 ll", RFC9669, "ld_imm64 writes r10"},
		{"I4", ".insn 0x18, 1, 0, 0, 5\n.insn 0x07, 0, 0, 0, 1", ".insn 0x18, 1, 0, 0, 5\n.insn 0, 0, 0, 0, 1", RFC9669, "opcode of the second slot of a 64-bit immediate load is 7, must be 0"},
		{"I4", ".insn 0x18, 1, 0, 0, 5", "r1 = 5 ll", RFC9669, "program ends inside a 64-bit immediate load"},
		{"I5", ".insn 0x8f, 1, 2, 0, 0", "r1 = -r1", RFC9669, "opcode 0x8f is not an instruction"},
		{"I5", ".insn 0, 0, 0, 0, 0", "exit", RFC9669, "opcode 0x00 is not an instruction"},
		{"I5", "may_goto +1", "goto +1", RFC9669, "may_goto is not an instruction of RFC 9669"},
		{"I5", "callx r3", "call 3", Linux618, "callx is not an instruction of Linux 6.18"},
		{"I5", "gotol +1", "goto +1", Profile{}, "gotol is not an instruction of this target"},
		{"I5", ".insn 0x85, 0, 3, 0, 1", "call 1", RFC9669, "source field of call is 3"},
		{"I5", ".insn 0x18, 1, 7, 0, 0\n.insn 0, 0, 0, 0, 0", "r1 = map_value_idx(1) ll", RFC9669, "source field of a 64-bit immediate load is 7"},
		{"I6", ".insn 0xbc, 1, 2, 32, 0", "r1 = (s32)r2", RFC9669, "offset of mov32 is 32, must be one of 0 8 16"},
		{"I6", ".insn 0xb7, 1, 0, 8, 1", "r1 = (s8)r2", RFC9669, "offset of mov is 8, must be 0"},
		{"I6", ".insn 0x37, 1, 0, 2, 3", "r1 s/= 3", RFC9669, "offset of div is 2, must be one of 0 1"},
		{"I6", ".insn 0x2f, 1, 2, 1, 0", "r1 *= r2", RFC9669, "offset of mul is 1, must be 0"},
		{"I6", "r1 = addr_space_cast(r2, 0, 1)", "r1 = r2", RFC9669, "addr_space_cast is not an instruction of RFC 9669"},
		{"I6", "r1 = addr_space_cast(r2, 0, 2)", "r1 = addr_space_cast(r2, 1, 0)", Linux618, "immediate of addr_space_cast is 2, must be 1 or 65536"},
		{"I6", "r1 s%= r2", "r1 %= r2", Profile{}, "smod is not an instruction of this target"},
		{"I7", ".insn 0xd7, 1, 0, 0, 8", "r1 = bswap16 r1", RFC9669, "width of a byte swap is 8, must be 16, 32 or 64"},
		{"I7", ".insn 0xdc, 1, 2, 0, 16", "r1 = be16 r1", RFC9669, "source of be16 is 2, must be 0"},
		{"I8", ".insn 0xdb, 1, 2, 0, 0xe0", "r2 = xchg_64(r1 + 0, r2)", RFC9669, "atomic operation 0xe0 is undefined"},
		{"I8", ".insn 0xd3, 1, 2, 0, 0", "w1 = load_acquire((u8 *)(r2 + 0))", Linux618, "atomic operation 0x00 on 1 bytes is undefined"},
		{"I8", "r1 = load_acquire((u64 *)(r2 + 0))", "lock *(u64 *)(r1 + 0) += r2", RFC9669, "load_acquire dw is not an instruction of RFC 9669"},
		{"I10", "r1 <<= 64", "r1 <<= 63", Linux618, "Linux 6.18 refuses a shift by 64, wants 0 to 63"},
		{"I10", "w1 s>>= -1", "w1 s>>= 31", Linux618, "refuses a shift by -1, wants 0 to 31"},
		{"I10", "w1 >>= 32", "r1 >>= 32", Linux618, "refuses a shift by 32, wants 0 to 31"},
		{"I10", "r1 s%= 0", "r1 s%= -1", Linux618, "refuses division by the constant 0"},
		{"I10", "r1 = map_fd(3, 1) ll", "r1 = map_value_fd(3, 1) ll", Linux618, "refuses a map reference with second immediate 1"},
	} {
		bad := Validate(asm(t, c.bad), c.p)
		if len(bad) != 1 || bad[0].Rule != c.rule || bad[0].Policy != (c.rule == "I10") || !strings.Contains(bad[0].Message, c.message) {
			t.Errorf("%s: %q gives %+v, want %q", c.rule, c.bad, bad, c.message)
		}
		if good := Validate(asm(t, c.good), c.p); good != nil {
			t.Errorf("%s: %q gives %+v", c.rule, c.good, good)
		}
	}
}

// TestRFCAllowsWhatLinuxRefuses: rule I10 is policy, not instruction set; I12
// keeps the MEMSX loads.
func TestRFCAllowsWhatLinuxRefuses(t *testing.T) {
	prog := asm(t, "r1 <<= 64\nw1 >>= -5\nr1 /= 0\nr1 %= 0\nr1 = map_fd(3, 1) ll\nr1 = *(s32 *)(r2 + 0)\nr1 = *(s8 *)(r2 + 0)")
	if got := Validate(prog, RFC9669); got != nil {
		t.Errorf("RFC 9669: %+v", got)
	}
	if got := Validate(prog, Linux618); len(got) != 5 {
		t.Errorf("Linux 6.18: %+v", got)
	}
}

func asm(t testing.TB, text string) []Instruction {
	t.Helper()
	src, err := Assemble(text, AsmOptions{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return src.Insns
}

// TestValidateCost: nothing is allocated without a problem, and a hostile
// program gets a bounded answer.
func TestValidateCost(t *testing.T) {
	good := everyForm()
	if n := testing.AllocsPerRun(10, func() {
		if Validate(good, all) != nil {
			t.Fatal("every form: ", Validate(good, all))
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	bad := make([]Instruction, 100_000)
	for k := range bad {
		bad[k].Op = 0xff
	}
	if got := Validate(bad, RFC9669); len(got) != MaxProblems {
		t.Errorf("%d problems", len(got))
	}
}

// all accepts every form.
var all = Profile{Name: "all", Features: ^Feature(0)}

// everyForm returns a program of one instruction a form.
func everyForm() (prog []Instruction) {
	eachForm(func(f *form) { prog = append(prog, program(f.sample())...) })
	return prog
}

func BenchmarkValidate(b *testing.B) {
	prog := everyForm()
	b.ReportAllocs()
	for b.Loop() {
		Validate(prog, all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(prog)), "ns/insn")
}
