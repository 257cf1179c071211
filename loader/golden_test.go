package loader

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// dump writes everything that a loaded object says, for golden files.
func dump(o *Object) string {
	var b strings.Builder
	fmt.Fprintf(&b, "license %q version %#x\n", o.License, o.Version)
	for _, n := range o.Notes {
		fmt.Fprintf(&b, "note %s\n", n)
	}
	for _, m := range o.Maps {
		dumpMap(&b, "map", m)
	}
	for _, p := range o.Programs {
		fmt.Fprintf(&b, "program %s section %q type %q attach %d %q", p.Name, p.Section, p.Type, p.Attach, p.AttachTo)
		if p.Sleepable {
			b.WriteString(" sleepable")
		}
		if p.HasFuncInfo {
			b.WriteString(" funcinfo")
		}
		fmt.Fprintf(&b, ", %d slots, %d lines\n", len(p.Insns), len(p.Lines))
		if p.Problem != "" {
			fmt.Fprintf(&b, "\tproblem %s\n", p.Problem)
		}
		for _, f := range p.Funcs {
			fmt.Fprintf(&b, "\t%d: func %s global %v type %v\n", f.Insn, f.Name, f.Global, f.TypeID != 0)
		}
		for _, r := range p.Refs {
			in := p.Insns[r.Insn]
			fmt.Fprintf(&b, "\t%d: ref %d", r.Insn, r.Kind)
			if r.Kind == RefMap || r.Kind == RefMapValue {
				fmt.Fprintf(&b, " map %s+%d", p.Maps[r.Map].Name, r.Offset)
			}
			fmt.Fprintf(&b, " %s src %d imm %d next %d", r.Name, in.Src, in.Imm, in.Next)
			if r.Weak {
				b.WriteString(" weak")
			}
			b.WriteByte('\n')
		}
		for pc, in := range p.Insns {
			switch {
			case in.IsCall() && in.Src == isa.CallKfunc:
				fmt.Fprintf(&b, "\t%d: kfunc %s imm %d\n", pc, p.Kfuncs[pc], in.Imm)
			case in.IsCall():
				fmt.Fprintf(&b, "\t%d: call src %d imm %d\n", pc, in.Src, in.Imm)
			}
		}
	}
	return b.String()
}

func dumpMap(b *strings.Builder, what string, m *Map) {
	fmt.Fprintf(b, "%s %s %s key %d value %d entries %d flags %#x extra %#x types %v %v", what, m.Name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags, m.Extra, m.KeyTypeID != 0, m.ValueTypeID != 0)
	if m.Frozen {
		b.WriteString(" frozen")
	}
	if m.Data != nil {
		fmt.Fprintf(b, " data %d bytes", len(m.Data))
	}
	fmt.Fprintf(b, " fields %v programs %v\n", m.Fields, m.Programs)
	if m.Inner != nil {
		dumpMap(b, "\tinner", m.Inner)
	}
}

// TestGolden compares what the objects of testdata say with golden files. The
// objects of both byte orders say the same.
func TestGolden(t *testing.T) {
	raw, err := os.ReadFile("testdata/kernel-el.o")
	if err != nil {
		t.Fatal(err)
	}
	rawBE, err := os.ReadFile("testdata/kernel-eb.o")
	if err != nil {
		t.Fatal(err)
	}
	kernels := map[bool][]byte{false: btfOf(t, raw), true: btfOf(t, rawBE)}
	paths, _ := filepath.Glob("testdata/*-el.o")
	bigs, _ := filepath.Glob("testdata/*-eb.o")
	paths = append(paths, bigs...)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".o")
		if strings.HasPrefix(name, "kernel") {
			continue
		}
		big := strings.HasSuffix(name, "-eb")
		var text string
		for _, kernel := range [][]byte{nil, kernels[big]} {
			opts := options
			opts.KernelBTF = kernel
			objs, err := Load(path, opts)
			if err != nil {
				t.Fatal(err)
			}
			if kernel != nil {
				text += "--- with a kernel\n"
			}
			if objs[0].BigEndian != big {
				t.Errorf("%s: big endian %v", name, !big)
			}
			text += dump(objs[0])
		}
		golden := "testdata/" + name[:len(name)-3] + ".golden"
		if *update && !big {
			if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), text); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func btfOf(t testing.TB, obj []byte) []byte {
	f, err := parseELF("kernel", obj)
	if err != nil {
		t.Fatal(err)
	}
	return f.section(".BTF").data
}
