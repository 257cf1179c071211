package loader

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad: any bytes give objects or an error, and what the objects' programs say
// is consistent.
func FuzzLoad(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.o")
	for _, p := range paths {
		b := read(f, filepath.Base(p))
		f.Add(b)
		if strings.Contains(p, "maps-el") {
			for n := 0; n < len(b); n += 997 {
				f.Add(b[:n])
			}
		}
	}
	opts := options
	opts.KernelBTF = btfOf(f, read(f, "kernel-el.o"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, o := range []Options{options, opts} {
			objs, err := LoadBytes("fuzz", b, o)
			if err != nil && strings.Contains(err.Error(), "panic") {
				t.Fatal(err)
			}
			for _, obj := range objs {
				for _, p := range obj.Programs {
					checkProgram(t, p)
				}
			}
		}
	})
}

// checkProgram checks what the analysis relies on.
func checkProgram(t *testing.T, p *Program) {
	if p.Problem != "" {
		return
	}
	for i, r := range p.Refs {
		if r.Insn < 0 || r.Insn >= len(p.Insns) || (i > 0 && r.Insn < p.Refs[i-1].Insn) {
			t.Fatalf("reference %d at %d of %d", i, r.Insn, len(p.Insns))
		}
		if (r.Kind == RefMap || r.Kind == RefMapValue) && (r.Map < 0 || r.Map >= len(p.Maps)) {
			t.Fatalf("reference to map %d of %d", r.Map, len(p.Maps))
		}
	}
	if len(p.Funcs) == 0 || p.Funcs[0].Insn != 0 {
		t.Fatal("no function at 0")
	}
	starts := map[int]bool{}
	for i, fn := range p.Funcs {
		if fn.Insn < 0 || fn.Insn >= len(p.Insns) || (i > 0 && fn.Insn <= p.Funcs[i-1].Insn) {
			t.Fatalf("function at %d of %d", fn.Insn, len(p.Insns))
		}
		starts[fn.Insn] = true
	}
	for i, ln := range p.Lines {
		if ln.Insn < 0 || ln.Insn >= len(p.Insns) || (i > 0 && ln.Insn <= p.Lines[i-1].Insn) {
			t.Fatalf("line at %d of %d", ln.Insn, len(p.Insns))
		}
	}
	for pc := 0; pc < len(p.Insns); pc += p.Insns[pc].Slots() {
		if in := p.Insns[pc]; in.IsLocalCall() && !starts[pc+1+int(in.Imm)] {
			t.Fatalf("call at %d reaches no function", pc)
		}
	}
}
