package loader

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// functionsOf splits a program into functions by name, each a list of lines that
// leave out what a reference decides.
func functionsOf(p *Program) map[string][]string {
	out := map[string][]string{}
	refs := map[int]bool{}
	for _, r := range p.Refs {
		refs[r.Insn] = true
	}
	for i, f := range p.Funcs {
		end := len(p.Insns)
		if i+1 < len(p.Funcs) {
			end = p.Funcs[i+1].Insn
		}
		var lines []string
		for pc := f.Insn; pc < end; pc += p.Insns[pc].Slots() {
			in := p.Insns[pc]
			imm := fmt.Sprint(in.Imm)
			if in.IsLdImm64() {
				imm = fmt.Sprint(int64(in.Imm64()))
			}
			if refs[pc] || (in.IsCall() && in.Src != 0) {
				imm, in.Src = "ref", 0
			}
			lines = append(lines, fmt.Sprintf("%#x %d %d %d %s", in.Op, in.Dst, in.Src, in.Off, imm))
		}
		out[f.Name] = lines
	}
	return out
}

// libraryFunctions is functionsOf of what the library makes of the same program.
func libraryFunctions(insns asm.Instructions) map[string][]string {
	out := map[string][]string{}
	name := ""
	for _, in := range insns {
		if s := in.Symbol(); s != "" {
			name = s
		}
		off, imm := in.Offset, fmt.Sprint(in.Constant)
		src := in.Src
		if in.Reference() != "" || in.IsLoadFromMap() || in.IsFunctionCall() || in.IsKfuncCall() || in.IsLoadOfFunctionPointer() {
			imm, src = "ref", 0
		}
		op := uint16(in.OpCode)
		out[name] = append(out[name], fmt.Sprintf("%#x %d %d %d %s", op&0xff, in.Dst, src, off, imm))
	}
	return out
}

// staticallyLinked is an object that was linked from two. The library mixes up its
// lines, whose records are in two blocks a section; llvm-objdump agrees with ours.
const staticallyLinked = "65e113ea"

// TestAgainstLibrary compares the instructions of every program with those that
// github.com/cilium/ebpf makes of it, where it reads the object.
func TestAgainstLibrary(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(shared(t, "objects"), "*.o"))
	refused, same := 0, 0
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		objs, err := LoadBytes(path, b, options)
		if err != nil {
			t.Error(err)
			continue
		}
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(b))
		if err != nil {
			refused++
			t.Logf("%.8s: the library refuses it: %v", filepath.Base(path), err)
			continue
		}
		compareMaps(t, filepath.Base(path)[:8], objs[0], spec)
		for name, ps := range spec.Programs {
			i := slices.IndexFunc(objs[0].Programs, func(p *Program) bool { return p.Name == name })
			if i < 0 {
				t.Errorf("%.8s: no program %s", filepath.Base(path), name)
				continue
			}
			got, want := functionsOf(objs[0].Programs[i]), libraryFunctions(ps.Instructions)
			for fn, lines := range want {
				if !slices.Equal(got[fn], lines) {
					t.Errorf("%.8s %s %s:\n%s\nwant\n%s", filepath.Base(path), name, fn, strings.Join(got[fn], "\n"), strings.Join(lines, "\n"))
				}
			}
			if !strings.HasPrefix(filepath.Base(path), staticallyLinked) {
				compareLines(t, objs[0].Programs[i], ps.Instructions)
			}
			if len(got) != len(want) {
				t.Errorf("%.8s %s: %d functions, want %d", filepath.Base(path), name, len(got), len(want))
			}
			same++
		}
	}
	t.Logf("%d programs compared, %d objects refused by the library", same, refused)
}

// compareLines compares the source lines of the functions' instructions.
func compareLines(t *testing.T, p *Program, insns asm.Instructions) {
	at := map[string]int{}
	for _, f := range p.Funcs {
		at[f.Name] = f.Insn
	}
	lines := map[int]Line{}
	for _, ln := range p.Lines {
		lines[ln.Insn] = ln
	}
	pc := 0
	for _, in := range insns {
		if s := in.Symbol(); s != "" {
			pc = at[s]
		}
		got := lines[pc]
		if want, ok := in.Source().(*btf.Line); ok && (got.File != want.FileName() || got.Line != int(want.LineNumber()) || got.Column != int(want.LineColumn()) || strings.TrimSpace(got.Text) != strings.TrimSpace(want.Line())) {
			t.Errorf("%s %d: line %+v, want %s:%d:%d %q", p.Name, pc, got, want.FileName(), want.LineNumber(), want.LineColumn(), want.Line())
		}
		pc += slotsOf(in)
	}
}

// compareMaps compares the definitions of maps.
func compareMaps(t *testing.T, obj string, o *Object, spec *ebpf.CollectionSpec) {
	names := map[string]bool{}
	for _, m := range o.Maps {
		names[m.Name] = true
		want := spec.Maps[m.Name]
		if want == nil {
			t.Logf("%s: the library has no map %s", obj, m.Name)
			continue
		}
		id, _ := options.Target.MapType(m.Type)
		if want.Type == ebpf.PerfEventArray {
			want.KeySize, want.ValueSize = 4, 4 // the library does so when it creates the map
		}
		if id == nil || id.ID != uint32(want.Type) || m.KeySize != want.KeySize || m.ValueSize != want.ValueSize || m.MaxEntries != want.MaxEntries || m.Flags&^1024 != want.Flags&^1024 || m.Extra != want.MapExtra || (m.Inner != nil) != (want.InnerMap != nil) {
			t.Errorf("%s: map %+v, want %+v", obj, m, want)
		}
	}
	for name := range spec.Maps {
		if !names[name] {
			t.Errorf("%s: no map %s", obj, name)
		}
	}
}

func kernelBTF(t testing.TB, version string) []byte {
	f, err := os.Open(shared(t, "btf", "linux-"+version+"-debian-cloud.btf.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRelocateReal relocates every real object against a kernel. No program of
// theirs may have a site that cannot be read.
func TestRelocateReal(t *testing.T) {
	opts := options
	start := time.Now()
	opts.KernelBTF = kernelBTF(t, "6.18")
	t.Logf("read BTF: %v", time.Since(start))
	paths, _ := filepath.Glob(filepath.Join(shared(t, "objects"), "*.o"))
	var total, slowest time.Duration
	poisons := map[string]int{}
	for _, path := range paths {
		start := time.Now()
		objs, err := Load(path, opts)
		d := time.Since(start)
		total, slowest = total+d, max(slowest, d)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, p := range objs[0].Programs {
			if p.Problem != "" && !strings.Contains(p.Problem, "nothing defines") {
				t.Errorf("%.8s %s: %s", filepath.Base(path), p.Name, p.Problem)
			}
			for _, r := range p.Refs {
				if r.Kind == RefPoison {
					poisons[r.Name]++
					if in := p.Insns[r.Insn]; in.Op != isa.OpCall || in.Imm != poisonCall {
						t.Errorf("%s: poisoned instruction %d is %+v", p.Name, r.Insn, in)
					}
				}
			}
		}
	}
	t.Logf("%d objects in %v, slowest %v; poisoned: %v", len(paths), total, slowest, poisons)
}
