package isa

import (
	"bytes"
	"reflect"
	"testing"
)

// FuzzDecode: any bytes decode, validate, print and come back from text to the
// same slots and bytes; nothing panics.
func FuzzDecode(f *testing.F) {
	// Small seeds only: the fuzzer spends its time minimising large ones.
	eachForm(func(r *form) {
		f.Add(Encode(program(r.sample()), false), false)
		f.Add(Encode(program(r.sample()), true), true)
	})
	f.Fuzz(func(t *testing.T, b []byte, bigEndian bool) {
		prog, err := Decode(b, bigEndian)
		if err != nil {
			if len(b)%SlotSize == 0 {
				t.Fatal(err)
			}
			return
		}
		if got := Encode(prog, bigEndian); !bytes.Equal(got, b) {
			t.Fatalf("%x became %x", b, got)
		}
		rfc, linux := Validate(prog, RFC9669), Validate(prog, Linux618)
		if Validate(prog, Profile{}) == nil && rfc != nil {
			t.Fatalf("valid for the first eBPF, not for the RFC: %+v", rfc)
		}
		if rfc == nil {
			for _, p := range linux {
				if !p.Policy {
					t.Fatalf("valid for the RFC, malformed for Linux: %+v", p)
				}
			}
		}
		for pc, i := range prog {
			if i.Uses()|i.Defs() > AllRegs {
				t.Fatalf("registers of %+v", i)
			}
			Disassemble(i, pc, DisasmOptions{})
		}
		Groups(prog)
		text := DisassembleProgram(prog, DisasmOptions{})
		src, err := Assemble(text, AsmOptions{})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if len(prog) > 0 && !reflect.DeepEqual(src.Insns, prog) {
			t.Fatalf("%s\nwas %+v\n is %+v", text, prog, src.Insns)
		}
	})
}

// FuzzAssemble: any text assembles or is refused; what assembles encodes, decodes
// and prints to the same slots.
func FuzzAssemble(f *testing.F) {
	f.Add(walk)
	f.Add("a:b:goto a;x\n.insn 0x18,1,2,3,4\n.insn 0,0,0,0,0xffffffff")
	f.Add("r1 = map_value[a#b] + 4294967295 ll # c\ncall kfunc#-1 module -1\nr0=*(u8*)skb[r1-2147483648]")
	eachForm(func(r *form) { f.Add(Disassemble(r.sample(), 0, DisasmOptions{})) })
	f.Fuzz(func(t *testing.T, text string) {
		src, err := Assemble(text, walkNames)
		if err != nil {
			if _, ok := err.(*SyntaxError); !ok {
				t.Fatalf("%T", err)
			}
			return
		}
		if len(src.Lines) != len(src.Insns) || len(src.Comments) == 0 {
			t.Fatalf("%d lines, %d slots, %d comments", len(src.Lines), len(src.Insns), len(src.Comments))
		}
		back, err := Decode(Encode(src.Insns, false), false)
		if err != nil || !(len(back) == 0 || reflect.DeepEqual(back, src.Insns)) {
			t.Fatalf("%+v became %+v, %v", src.Insns, back, err)
		}
		printed := DisassembleProgram(src.Insns, DisasmOptions{})
		again, err := Assemble(printed, AsmOptions{})
		if err != nil || !reflect.DeepEqual(again.Insns, src.Insns) {
			t.Fatalf("%q: %v", printed, err)
		}
	})
}
