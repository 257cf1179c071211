package isa

import (
	"reflect"
	"strings"
	"testing"
)

const walk = `
; sum the first words of a map value
	r6 = r1                     # context
	*(u32 *)(r10 - 4) = 0
	r2 = r10
	r2 += -4
	r1 = map[counts.v2] ll
	call bpf_map_lookup_elem
	if r0 == 0 goto out         ; want "maybe null"
	r7 = 0
	r1 = map_value[.data] + 16 ll
loop:	r8 = *(u32 *)(r0 + 0)
	r8 s/= 3
	w8 &= 0xff
	lock *(u64 *)(r1 + 0) += r8
	r7 += 1
	if r7 s< 10 goto loop       // bounded
	r1 = func visit ll
	call visit
	gotol out
out:	r0 = 0
	exit
visit:	w0 = (s8)w1
	exit
`

var walkNames = AsmOptions{Helper: func(name string) (int32, bool) { return 1, name == "bpf_map_lookup_elem" }}

func TestAssemble(t *testing.T) {
	src, err := Assemble(walk, walkNames)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(src.Insns); got != 25 || len(src.Lines) != got {
		t.Errorf("%d slots, %d lines", got, len(src.Lines))
	}
	wantRefs := []MapRef{{Insn: 4, Name: "counts.v2"}, {Insn: 9, Name: ".data", Value: true, Off: 16}}
	if !reflect.DeepEqual(src.MapRefs, wantRefs) {
		t.Errorf("map references %+v", src.MapRefs)
	}
	wantLabels := []Label{{"loop", 11, 12}, {"out", 21, 21}, {"visit", 23, 23}}
	if !reflect.DeepEqual(src.Labels, wantLabels) {
		t.Errorf("labels %+v", src.Labels)
	}
	if pc, ok := src.Label("out"); pc != 21 || !ok {
		t.Errorf("out is at %d, %v", pc, ok)
	}
	if _, ok := src.Label("in"); ok {
		t.Error("a label that is not there")
	}
	if src.Lines[4] != 7 || src.Lines[5] != 7 || src.Lines[7] != 9 {
		t.Errorf("lines %v", src.Lines)
	}
	if src.Comments[8] != `want "maybe null"` || src.Comments[2] != "context" || src.Comments[16] != "bounded" || src.Comments[20] != "" {
		t.Errorf("comments %q", src.Comments)
	}
	for pc, want := range map[int]Instruction{
		6:  {Op: OpCall, Imm: 1},
		7:  {Op: 0x15, Off: 13},
		9:  {Op: OpLdImm64, Dst: R1, Src: PseudoMapValue, Next: 16},
		16: {Op: 0xc5, Dst: R7, Off: -6, Imm: 10},
		17: {Op: OpLdImm64, Dst: R1, Src: PseudoFunc, Imm: 5},
		19: {Op: OpCall, Src: CallLocal, Imm: 3},
		20: {Op: OpGotol},
	} {
		if src.Insns[pc] != want {
			t.Errorf("slot %d is %+v, want %+v", pc, src.Insns[pc], want)
		}
	}
}

// TestDisassembleGolden pins readable text, with names and without.
func TestDisassembleGolden(t *testing.T) {
	src, err := Assemble(walk, walkNames)
	if err != nil {
		t.Fatal(err)
	}
	refs := map[int]string{}
	for _, r := range src.MapRefs {
		refs[r.Insn] = r.Name
	}
	named := DisasmOptions{
		CallName: func(_ int, i Instruction) (string, bool) { return "bpf_map_lookup_elem", i.Imm == 1 },
		MapName:  func(pc int, _ Instruction) (string, bool) { return refs[pc], refs[pc] != "" },
		Label:    func(pc int) (string, bool) { return "visit", pc == 23 },
	}
	text := DisassembleProgram(src.Insns, named)
	golden(t, "walk.golden", DisassembleProgram(src.Insns, DisasmOptions{})+"\n"+text)
	again, err := Assemble(text, walkNames)
	if err != nil || !reflect.DeepEqual(again.Insns, src.Insns) || !reflect.DeepEqual(again.MapRefs, src.MapRefs) {
		t.Errorf("text does not come back: %v", err)
	}
}

// TestSpellings: other ways to write what Disassemble prints in one.
func TestSpellings(t *testing.T) {
	for _, c := range [][2]string{
		{"r1 = 0x10", "r1 = 16"},
		{"r0=*(u8*)(r1+4)", "r0 = *(u8 *)(r1 + 4)"},
		{"r0 = *(u8 *)(r1 +4)", "r0 = *(u8 *)(r1 + 4)"},
		{"r0 = *(u8 *)(r1)", "r0 = *(u8 *)(r1 + 0)"},
		{"w0 = *(u32 *)(r1 + 0x10)", "r0 = *(u32 *)(r1 + 16)"},
		{"*(u16 *)(r10 - 0x8) = w1", "*(u16 *)(r10 - 8) = r1"},
		{"lock *(u32 *)(r1 + 0) |= r2", "lock *(u32 *)(r1 + 0) |= w2"},
		{"r0 = *(u16 *)skb[r7]", "r0 = *(u16 *)skb[r7 + 0]"},
		{"goto pc-2", "goto -2"},
		{"if w1 & 0xffffffff goto pc+3", "if w1 & -1 goto +3"},
		{"call +3", "call pc+3"},
		{"call -1", "call pc-1"},
		{"call 0xffffffff", "call 4294967295"},
		{"r1 = -1 ll", "r1 = 0xffffffffffffffff ll"},
		{"r1 = -9223372036854775808 ll", "r1 = 0x8000000000000000 ll"},
		{"w1 = 4294967295", "w1 = -1"},
		{"r1 = -2147483648", "r1 = -2147483648"},
		{"*(u32 *)(r1 + 0) = 0xdeadbeef", "*(u32 *)(r1 + 0) = -559038737"},
		{"r1 = map_value[x] ll", "r1 = map_value_fd(0) ll"},
		{"here: there: goto here", "goto -1"},
		{"exit//done", "exit"},
	} {
		if got := Disassemble(one(t, c[0]), 0, DisasmOptions{}); got != c[1] {
			t.Errorf("%q reads as %q, want %q", c[0], got, c[1])
		}
	}
}

// TestSyntaxErrors: each says where and what was expected.
func TestSyntaxErrors(t *testing.T) {
	far := "goto end\n" + strings.Repeat("r0 = 0\n", 40000) + "end: exit"
	for _, c := range [][2]string{
		{"r1", `line 1, column 3: expected =, += or another assignment, found the end of the line`},
		{"exit\n  r11 = 1", `line 2, column 3: expected an instruction or a label, found "r11"`},
		{"r1 += w2", `line 1, column 7: expected a register named r…, as wide as the first operand, found "w2"`},
		{"r1 = 0x80000000", `line 1, column 6: number 0x80000000 does not fit 32 bits; write ll after it to load 64`},
		{"r1 &= 0xffffffff", `line 1, column 7: number 0xffffffff is outside -2147483648 to 2147483647`},
		{"r1 = 18446744073709551616 ll", `column 6: expected a register, a number`},
		{"r1 = -9223372036854775809 ll", `column 6: -9223372036854775809 ll does not fit`},
		{"w1 = 5 ll", `column 6: 5 ll does not fit a register named w…`},
		{"r1 = 010", `column 6: expected a register, a number`},
		{"r0 = *(u8 *)(r1 + 32768)", `column 19: number 32768 is outside 0 to 32767`},
		{"r0 = *(u9 *)(r1 + 0)", `column 8: expected a size u8, u16, u32 or u64, or s8, s16 or s32, found "u9"`},
		{"r0 = *(s64 *)(r1 + 0)", `column 8: expected a size`},
		{"*(s8 *)(r1 + 0) = r2", `column 3: expected a size u8, u16, u32 or u64, found "s8"`},
		{"w0 = *(u64 *)(r1 + 0)", `column 7: expected u8, u16 or u32`},
		{"*(u64 *)(r1 + 0) = w2", `column 20: expected a 64-bit register r0 to r10, found "w2"`},
		{"lock *(u8 *)(r1 + 0) += r2", `column 7: expected (u32 *) or (u64 *)`},
		{"r2 = atomic_fetch_add((u64 *)(r1 + 0), r3)", `column 40: expected r2 again, found "r3"`},
		{"r1 = cmpxchg_64(r1 + 0, r0, r2)", `column 6: "cmpxchg_64" compares with register 0 and writes it`},
		{"r1 = xchg32_32(r1 + 0, r1)", `column 6: "xchg32_32" writes a register named w…`},
		{"r1 = (s32", `column 10: expected ")", found the end of the line`},
		{"w1 = (s32)w2", `column 7: expected s8, s16 or, for a 64-bit register, s32, found "s32"`},
		{"if r1 = 5 goto +1", `column 7: expected a comparison such as == or s>=, found "="`},
		{"if r1 == 5 jump +1", `column 12: expected "goto", found "jump"`},
		{"goto 3", `column 6: expected a label or a distance such as +3 or -2, found "3"`},
		{"goto +32768", `column 7: number 32768 is outside -32768 to 32767`},
		{"goto nowhere", `column 6: no label "nowhere"`},
		{"call nobody", `column 6: no label, helper or kernel function "nobody"`},
		{"a: exit\na: exit", `line 2, column 1: label "a" is defined twice`},
		{"r1: exit", `column 1: "r1" cannot be a label`},
		{far, `line 1, column 6: label "end" is 40000 slots away, more than 16 bits say; gotol reaches it`},
		{"r1 = map[x ll", `column 9: expected the name of a map between [ and ]`},
		{"r1 = map[x]", `column 12: expected "ll", found the end of the line`},
		{"exit exit", `column 6: expected the end of the instruction, found "exit"`},
		{".insn 256, 0, 0, 0, 0", `column 7: number 256 is outside 0 to 255`},
		{".insn 0x18, 0, 0, 0, 0\nexit", `line 2, column 5: expected .insn with the second slot`},
		{"frob r1", `column 1: expected an instruction or a label, found "frob"`},
		{"\x00", `column 1: expected an instruction or a label, found "\x00"`},
		{strings.Repeat("x", 1000), `found "xxxxxxxxxxxxxxxxxxxxxxxx"…`},
	} {
		_, err := Assemble(c[0], AsmOptions{})
		if err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%.40q: %v, want %s", c[0], err, c[1])
		}
	}
}

func TestResolvers(t *testing.T) {
	opts := AsmOptions{
		Helper: walkNames.Helper,
		Kfunc:  func(name string) (int32, int16, bool) { return 77, 2, name == "bpf_rcu_read_lock" },
		Map:    func(name string) (int32, bool) { return 9, name == "m" },
	}
	src, err := Assemble("call bpf_rcu_read_lock\nr1 = map[m] ll\ncall f\nf: exit", opts)
	if err != nil {
		t.Fatal(err)
	}
	want := []Instruction{{Op: OpCall, Src: CallKfunc, Off: 2, Imm: 77}, {Op: OpLdImm64, Dst: R1, Src: PseudoMapFD, Imm: 9}, {}, {Op: OpCall, Src: CallLocal}, {Op: OpExit}}
	if !reflect.DeepEqual(src.Insns, want) {
		t.Errorf("got %+v", src.Insns)
	}
	if _, err := Assemble("r1 = map[n] ll", opts); err == nil || !strings.Contains(err.Error(), `column 9: no map "n"`) {
		t.Errorf("unknown map: %v", err)
	}
}

// TestOddNames: names from a hostile object do not break the text.
func TestOddNames(t *testing.T) {
	prog := asm(t, "r1 = map_fd(3) ll\ncall 5\ngoto +0\nL4: goto L4\nexit")
	for _, name := range []string{"", "a b", "x\nexit", "r1", "]", "L5", "pc", "1", "é"} {
		bad := DisasmOptions{
			CallName: func(int, Instruction) (string, bool) { return name, !isLabelName(name) },
			MapName:  func(int, Instruction) (string, bool) { return name, !isMapName(name) },
			Label:    func(int) (string, bool) { return name, true },
		}
		src, err := Assemble(DisassembleProgram(prog, bad), AsmOptions{})
		if err != nil || !reflect.DeepEqual(src.Insns, prog) {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
