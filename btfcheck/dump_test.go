package btfcheck

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compile compiles C with asserts about the size of each struct and the offset of
// each member that has one.
func compile(t *testing.T, s *Spec) {
	t.Helper()
	cc := ""
	for _, name := range []string{"gcc", "clang", "clang-19", "cc"} {
		if path, err := exec.LookPath(name); err == nil {
			cc = path
			break
		}
	}
	if cc == "" {
		t.Skip("no C compiler on PATH")
	}
	var b bytes.Buffer
	d, err := dumpC(&b, s)
	if err != nil {
		t.Fatal(err)
	}
	asserts := 0
	for ty := range s.Types() {
		if !ty.Kind.IsStruct() || ty.Name() == "" {
			continue
		}
		name := ty.keyword() + " " + d.name(ty)
		fmt.Fprintf(&b, "_Static_assert(sizeof(%s) == %d, \"size of %s\");\n", name, ty.Size(), name)
		seen := map[string]bool{}
		for i := range int(ty.Vlen) {
			m := ty.Member(i)
			f, err := d.fieldOf(ty, i, 0)
			if err != nil {
				t.Fatal(err)
			}
			if m.Name == "" || f.bits > 0 || seen[m.Name] {
				continue
			}
			seen[m.Name] = true
			fmt.Fprintf(&b, "_Static_assert(__builtin_offsetof(%s, %s) == %d, \"%s in %s\");\n", name, cIdent(m.Name), m.BitOff/8, m.Name, name)
			asserts++
		}
	}
	file := filepath.Join(t.TempDir(), "types.c")
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(cc, "-std=gnu17", "-w", "-fsyntax-only", file).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%.2000s", cc, err, out)
	}
	t.Logf("%d members", asserts)
}

// TestDumpC compiles the types of kernels and of objects, with their layout.
func TestDumpC(t *testing.T) {
	versions := []string{"6.18"}
	if !testing.Short() {
		versions = []string{"6.18", "7.3"}
	}
	for _, v := range versions {
		t.Run(v, func(t *testing.T) {
			s, err := Parse(kernelBTF(t, v), nil)
			if err != nil {
				t.Fatal(err)
			}
			compile(t, s)
		})
	}
	n := 0
	objects(t, func(name string, btf, _ []byte) {
		if n++; n%4 != 0 {
			return
		}
		s, err := Parse(btf, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name[:8], func(t *testing.T) { compile(t, s) })
	})
}

// TestDumpHostile prints types that are no C: an error, and no more.
func TestDumpHostile(t *testing.T) {
	objects(t, func(name string, raw, _ []byte) {
		if len(raw) > 8<<10 {
			return
		}
		for i := 24; i < len(raw); i += 31 {
			bad := bytes.Clone(raw)
			bad[i] ^= byte(1 + i%255)
			s, err := Parse(bad, nil)
			if err != nil {
				continue
			}
			var c, r bytes.Buffer
			_ = DumpC(&c, s)
			if err := DumpRaw(&r, s); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDumpRaw(t *testing.T) {
	s, err := Parse(kernelBTF(t, "6.18"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := DumpRaw(&b, s); err != nil {
		t.Fatal(err)
	}
	heads := 0
	for l := range strings.Lines(b.String()) {
		if l[0] == '[' {
			heads++
		}
	}
	if want := int(s.Next() - 1); heads != want {
		t.Errorf("%d types are listed, of %d", heads, want)
	}
	for _, want := range []string{
		" INT 'unsigned int' size=4 bits_offset=0 nr_bits=32 encoding=(none)\n", " STRUCT 'list_head' size=16 vlen=2\n\t'next' type_id=",
		" FUNC 'bpf_prog_alloc' type_id=", " linkage=static\n", " FWD '", "PTR '(anon)' type_id=", " ENUM '", "encoding=UNSIGNED size=4 vlen=",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q", want)
		}
	}
}
