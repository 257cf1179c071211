package isa

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// sample returns an instruction of form f with every field that may vary set to
// something that shows.
func (f *form) sample() Instruction {
	pick := func(c field, v int32) int32 {
		switch c.kind {
		case exact:
			return c.val
		case unused:
			return 0
		}
		return v
	}
	i := Instruction{Op: f.op, Dst: Reg(pick(f.dst, 1)), Src: Reg(pick(f.src, 2)), Off: int16(pick(f.off, -8)), Imm: pick(f.imm, 5)}
	if i.IsLdImm64() && i.Src == PseudoImm {
		i.Next = 1
	}
	return i
}

// program returns i as a program of its own.
func program(i Instruction) []Instruction {
	if i.IsLdImm64() {
		return []Instruction{i, {}}
	}
	return []Instruction{i}
}

func eachForm(do func(f *form)) {
	for op := range forms {
		for k := range forms[op] {
			do(&forms[op][k])
		}
	}
}

// TestFormsGolden pins every form: its bytes, group, where it exists and its text.
func TestFormsGolden(t *testing.T) {
	var b strings.Builder
	eachForm(func(f *form) {
		i := f.sample()
		in := func(p Profile) string {
			if Validate(program(i), p) == nil {
				return p.Name
			}
			return "-"
		}
		fmt.Fprintf(&b, "%x\t%s\t%s\t%s\t%s\t%s\n", Encode(program(i), false), f.name, f.group,
			in(RFC9669), in(Linux618), Disassemble(i, 0, DisasmOptions{}))
	})
	golden(t, "forms.golden", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for k := range max(len(g), len(w)) {
		if k >= len(g) || k >= len(w) || g[k] != w[k] {
			t.Fatalf("%s differs from line %d on:\n got %q\nwant %q", path, k+1, lineAt(g, k), lineAt(w, k))
		}
	}
}

func lineAt(lines []string, k int) string {
	if k < len(lines) {
		return lines[k]
	}
	return ""
}

// TestFormsRoundTrip takes each form through text with corner values in every
// field that may vary.
func TestFormsRoundTrip(t *testing.T) {
	n := 0
	eachForm(func(f *form) {
		for _, dst := range choices(f.dst, 0, 1, 9, 10) {
			for _, src := range choices(f.src, 0, 3, 10) {
				for _, off := range choices(f.off, 0, 1, -1, 32767, -32768) {
					for _, imm := range choices(f.imm, 0, 1, -1, 10, 255, 1<<31-1, -1<<31) {
						i := Instruction{Op: f.op, Dst: Reg(dst), Src: Reg(src), Off: int16(off), Imm: imm}
						roundTrip(t, program(i))
						n++
						if i.IsLdImm64() {
							i.Next = -0x12345678
							roundTrip(t, program(i))
						}
					}
				}
			}
		}
	})
	if n < 5000 {
		t.Errorf("only %d instructions tried", n)
	}
}

func choices(c field, vs ...int32) []int32 {
	switch c.kind {
	case exact:
		return []int32{c.val}
	case unused:
		return []int32{0}
	}
	return vs
}

// roundTrip checks instruction -> text -> instruction, for the single and the
// whole-program form, and text -> instruction -> text.
func roundTrip(t *testing.T, prog []Instruction) {
	t.Helper()
	one := Disassemble(prog[0], 0, DisasmOptions{})
	if strings.HasPrefix(one, ".insn") {
		t.Fatalf("%+v has no text but %s", prog[0], one)
	}
	for _, text := range []string{one, DisassembleProgram(prog, DisasmOptions{})} {
		src, err := Assemble(text, AsmOptions{})
		if err != nil {
			t.Fatalf("%+v: %q: %v", prog[0], text, err)
		}
		if !bytes.Equal(Encode(src.Insns, false), Encode(prog, false)) || src.Insns[0] != prog[0] {
			t.Fatalf("%q: got %+v, want %+v", text, src.Insns[0], prog[0])
		}
		if again := Disassemble(src.Insns[0], 0, DisasmOptions{}); again != one {
			t.Fatalf("%q became %q", one, again)
		}
	}
}

// sharedFile reads a file of the shared folder beside the repository, or skips.
func sharedFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("no shared facts beside this checkout: %v", err)
	}
	return string(b)
}

// tsvRow is one row of the instruction table of the shared facts.
type tsvRow struct {
	op                 uint8
	name, origin       string
	group              string
	src, dst, off, imm string
	verdict, mutations string
}

func instructionTable(t *testing.T) []tsvRow {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(sharedFile(t, "spec/isa.tsv")), "\n")
	var rows []tsvRow
	for _, l := range lines[1:] {
		c := strings.Split(l, "\t")
		if len(c) < 12 {
			t.Fatalf("row of %d columns: %q", len(c), l)
		}
		op, err := hex.DecodeString(strings.TrimPrefix(c[0], "0x"))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, tsvRow{op[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[10], c[11]})
	}
	return rows
}

func (r tsvRow) nominal() Instruction {
	num := func(s string, free int32) int32 {
		switch s {
		case "reg", "any":
			return free
		}
		var v int32
		if _, err := fmt.Sscan(s, &v); err != nil {
			panic(err)
		}
		return v
	}
	return Instruction{Op: r.op, Dst: Reg(num(r.dst, 1)), Src: Reg(num(r.src, 2)), Off: int16(num(r.off, 0)), Imm: num(r.imm, 7)}
}

// TestTable checks every row of the shared instruction table: the form exists,
// its group and text agree, and both profiles judge it and its mutations as observed.
func TestTable(t *testing.T) {
	rows := instructionTable(t)
	if len(rows) != 174 {
		t.Errorf("%d rows, want 174", len(rows))
	}
	mutants := 0
	for _, r := range rows {
		i := r.nominal()
		wantGroup := strings.Fields(r.group)[0]
		if g := i.Group().String(); g != wantGroup {
			t.Errorf("%s: group %s, want %s", r.name, g, wantGroup)
		}
		roundTrip(t, program(i))
		if got := Validate(program(i), RFC9669); (got == nil) != (r.origin == "RFC") {
			t.Errorf("%s: RFC profile says %v", r.name, got)
		}
		if got := Validate(program(i), Linux618); got != nil {
			t.Errorf("%s: Linux profile says %v", r.name, got)
		}
		for _, m := range strings.Split(r.mutations, "; ") {
			what, verdict, ok := strings.Cut(m, ":")
			if !ok {
				t.Fatalf("%s: mutation %q", r.name, m)
			}
			got := Validate(mutate(t, i, what), Linux618)
			if (got == nil) != (verdict == "ACCEPTED") {
				t.Errorf("%s with %s: observed %s, we say %v", r.name, what, verdict, got)
			}
			mutants++
		}
	}
	t.Logf("%d rows, %d mutants", len(rows), mutants)
}

func mutate(t *testing.T, i Instruction, what string) []Instruction {
	p := program(i)
	switch what {
	case "src!=0":
		p[0].Src = 9
	case "dst!=0":
		p[0].Dst = 1
	case "off!=0":
		p[0].Off = 3
	case "imm!=0":
		p[0].Imm = 3
	case "off other":
		p[0].Off = 7
	case "imm other":
		p[0].Imm = 0x33
	case "dst>10":
		p[0].Dst = 11
	case "src>10":
		p[0].Src = 12
	case "2nd slot opcode":
		p[1].Op = 0x07
	case "2nd slot regs":
		p[1].Dst = 1
	case "2nd slot off":
		p[1].Off = 1
	default:
		t.Fatalf("unknown mutation %q", what)
	}
	return p
}

// TestInvalidOpcodes checks the list of unused opcode bytes. 0xcb and 0xd3 are in
// it because no form of RFC 9669 has them; Linux uses them for 2- and 1-byte
// load-acquire and store-release (rule I8).
func TestInvalidOpcodes(t *testing.T) {
	listed := map[uint8]bool{}
	for _, w := range strings.Fields(sharedFile(t, "spec/invalid_opcodes.txt")) {
		var op uint8
		if len(w) == 4 && strings.HasPrefix(w, "0x") {
			if _, err := fmt.Sscan(w, &op); err != nil {
				t.Fatal(err)
			}
			listed[op] = op != 0
		}
	}
	known := map[uint8]bool{}
	eachForm(func(f *form) { known[f.op] = true })
	for op := 1; op < 256; op++ {
		o := uint8(op)
		if o == 0xcb || o == 0xd3 || o == OpCallX {
			known[o] = false
		}
		if known[o] == listed[o] {
			t.Errorf("opcode %#02x: known %v, listed as unused %v", o, known[o], listed[o])
		}
	}
	for op := range 256 {
		if o := uint8(op); listed[o] {
			for _, p := range []Profile{RFC9669, Linux618, {}} {
				if Validate([]Instruction{{Op: o}}, p) == nil {
					t.Errorf("opcode %#02x accepted by %q", o, p.Name)
				}
			}
		}
	}
}
