package btfcheck

import (
	"math/rand/v2"
	"testing"
)

// FuzzCheck: no blob makes the reader, the validator or the services panic or
// hang, and what the validator passes the reader takes.
func FuzzCheck(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		f.Add(generate(r))
		f.Add(generateSpecial(r))
	}
	raw, _ := shapes(newBuilder().order)
	f.Add(raw)
	f.Add(progTypesForFuzz)
	f.Fuzz(func(t *testing.T, raw []byte) {
		kernel := Check(raw, Kernel)
		if object := Check(raw, Object); len(kernel) == 0 && len(object) > 0 {
			t.Errorf("loadable, and not as an object: %v", &object[0])
		}
		if strict := Check(raw, Strict); len(strict) < len(kernel) {
			t.Errorf("Strict finds less than Kernel: %d < %d", len(strict), len(kernel))
		}
		s, err := Parse(raw, nil)
		if err != nil {
			if len(kernel) == 0 && raw[4] >= headerSize {
				t.Errorf("Check passes what Parse refuses: %v", err)
			}
			return
		}
		for id := range min(s.Next()+1, 64) {
			touch(s, id)
		}
		ParseExt(raw, s)
	})
}

// FuzzExt: no .BTF.ext section makes the reader panic, and its records lie in
// order.
func FuzzExt(f *testing.F) {
	s, err := Parse(progTypesForFuzz, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(extOf(words(8, 1, 1, 0, 3), words(16, 1, 1, 0, 1, 1, 7<<10), words(16, 1, 1, 8, 5, 1, 8)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ParseExt(raw, s)
		if err != nil {
			return
		}
		for _, sec := range e.Sections {
			for i := range sec.Lines {
				if i > 0 && sec.Lines[i].Insn < sec.Lines[i-1].Insn {
					t.Error("lines are not in order")
				}
			}
			sec.LineAt(0)
		}
	})
}

var progTypesForFuzz = progTypes()
