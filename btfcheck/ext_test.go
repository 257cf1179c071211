package btfcheck

import (
	"encoding/binary"
	"slices"
	"testing"
)

func TestExtRules(t *testing.T) {
	s, err := Parse(progTypes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sec := strAt("main")
	funcs := words(8, sec, 1, 0, 3)
	lines := words(16, sec, 2, 0, 1, 1, 7<<10|3, 8, 1, 1, 8<<10)
	relocs := words(16, sec, 1, 8, 5, strAt("0"), 8)
	change := func(b []byte, at int, v uint32) []byte {
		b = slices.Clone(b)
		binary.LittleEndian.PutUint32(b[4*at:], v)
		return b
	}
	valid := extOf(funcs, lines, relocs)
	e, err := ParseExt(valid, s)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := e.Section("main")
	if !ok || len(got.Funcs) != 1 || len(got.Relocs) != 1 || len(got.Lines) != 2 || got.Relocs[0].Insn != 1 {
		t.Fatalf("sections %+v", e)
	}
	if l, ok := got.LineAt(5); !ok || l.Line != 8 {
		t.Errorf("line at 5: %+v %v", l, ok)
	}
	if l, ok := got.LineAt(0); !ok || l.Line != 7 || l.Column != 3 {
		t.Errorf("line at 0: %+v %v", l, ok)
	}
	for i, c := range []struct {
		rule string
		raw  []byte
	}{
		{"B164", nil},
		{"B164", change(valid, 0, 0x00029f9f)},
		{"B164", change(valid, 0, 0x0002eb9f)},
		{"B164", change(valid, 0, 0x0101eb9f)},
		{"B164", change(valid, 1, 8)},
		{"B164", change(valid, 1, 4000)},
		{"B165", change(valid, 2, 2)},
		{"B165", change(valid, 3, 4000)},
		{"B166", extOf(change(funcs, 0, 4), lines, relocs)},
		{"B166", extOf(change(funcs, 0, 10), lines, relocs)},
		{"B167", extOf(words(8), lines, relocs)},
		{"B167", extOf(change(funcs, 2, 0), lines, relocs)},
		{"B167", extOf(change(funcs, 2, 2), lines, relocs)},
		{"B168", extOf(change(funcs, 3, 4), lines, relocs)},
		{"B169", extOf(funcs, lines, change(relocs, 3, 4))},
		{"B171", extOf(funcs, change(lines, 3, 16), relocs)},
		{"B172", extOf(change(funcs, 1, 9999), lines, relocs)},
		{"B143", extOf(change(funcs, 4, 1), lines, relocs)},
		{"B152", extOf(funcs, change(lines, 4, 9999), relocs)},
		{"B159", extOf(funcs, lines, change(relocs, 4, 99))},
		{"B161", extOf(funcs, lines, change(relocs, 6, 13))},
	} {
		_, err := ParseExt(c.raw, s)
		d, _ := err.(*Diagnostic)
		if d == nil || d.Rule != c.rule {
			t.Errorf("case %d: %v, want %s", i, err, c.rule)
		}
	}
	rules := func(n uint32, ok bool) (out []string) {
		for _, d := range e.Check(func(string) (uint32, bool) { return n, ok }) {
			out = append(out, d.Rule)
		}
		return out
	}
	if got := rules(2, true); got != nil {
		t.Errorf("two slots: %v", got)
	}
	if got := rules(1, true); !slices.Equal(got, []string{"B150", "B158"}) {
		t.Errorf("one slot: %v", got)
	}
	if got := rules(0, false); !slices.Equal(got, []string{"B170"}) {
		t.Errorf("no section: %v", got)
	}
}
