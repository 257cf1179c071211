package isa

import (
	"bytes"
	"reflect"
	"testing"
)

func TestDecode(t *testing.T) {
	b := []byte{
		0x18, 0x21, 0, 0, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
		0x7b, 0x1a, 0xf8, 0xff, 0, 0, 0, 0,
	}
	want := []Instruction{{Op: OpLdImm64, Dst: R1, Src: PseudoMapValue, Imm: 0x12345678, Next: -1}, {}, {Op: 0x7b, Dst: R10, Src: R1, Off: -8}}
	got, err := Decode(b, false)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got[0].Imm64() != 0xffffffff_12345678 {
		t.Errorf("Imm64 = %#x", got[0].Imm64())
	}
	if !bytes.Equal(Encode(got, false), b) {
		t.Errorf("encoded as %x", Encode(got, false))
	}
	big := []byte{
		0x18, 0x12, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
		0x7b, 0xa1, 0xff, 0xf8, 0, 0, 0, 0,
	}
	if got, err := Decode(big, true); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("big-endian: %+v, %v", got, err)
	}
	if !bytes.Equal(Encode(want, true), big) {
		t.Errorf("big-endian: encoded as %x", Encode(want, true))
	}
}

func TestDecodeLength(t *testing.T) {
	for n := 1; n < 24; n++ {
		_, err := Decode(make([]byte, n), false)
		if (err == nil) != (n%8 == 0) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if prog, err := Decode(nil, false); err != nil || len(prog) != 0 {
		t.Errorf("empty: %v, %v", prog, err)
	}
}

// TestMalformedPairs: what is wrong with a second slot survives, even if it looks
// like the start of another pair.
func TestMalformedPairs(t *testing.T) {
	for _, b := range [][]byte{
		{0x18, 0x01, 0, 0, 1, 0, 0, 0},
		{0x18, 0x01, 0, 0, 1, 0, 0, 0, 0x18, 0x32, 7, 8, 9, 10, 11, 12},
		{0x18, 0x01, 0, 0, 1, 0, 0, 0, 0x18, 0x32, 7, 8, 9, 10, 11, 12, 0x18, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0, 2, 0, 0, 0},
		{0x18, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0},
	} {
		prog, err := Decode(b, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := Encode(prog, false); !bytes.Equal(got, b) {
			t.Errorf("%x became %x", b, got)
		}
		if Validate(prog, Linux618) == nil {
			t.Errorf("%x is accepted", b)
		}
		src, err := Assemble(DisassembleProgram(prog, DisasmOptions{}), AsmOptions{})
		if err != nil || !reflect.DeepEqual(src.Insns, prog) {
			t.Errorf("%x: text gives %+v, %v", b, src, err)
		}
	}
}
