package btfcheck

import (
	"compress/gzip"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared finds the folder of facts beside the repository.
func shared(t testing.TB, path string) string {
	t.Helper()
	p := filepath.Join("..", "..", "shared", path)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no %s beside the repository", filepath.Join("shared", path))
	}
	return p
}

// kernelBTF is a kernel's BTF from the shared folder.
func kernelBTF(t testing.TB, version string) []byte {
	t.Helper()
	f, err := os.Open(shared(t, "btf/linux-"+version+"-debian-cloud.btf.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// objects calls f with the BTF sections of every shared object.
func objects(t testing.TB, f func(name string, btf, ext []byte)) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(shared(t, "objects"), "*.o"))
	for _, name := range names {
		file, err := elf.Open(name)
		if err != nil {
			continue
		}
		var btf, ext []byte
		for _, s := range file.Sections {
			switch {
			case s.Type != elf.SHT_PROGBITS:
			case s.Name == ".BTF":
				btf, _ = s.Data()
			case s.Name == ".BTF.ext":
				ext, _ = s.Data()
			}
		}
		file.Close()
		if btf != nil {
			f(filepath.Base(name), btf, ext)
		}
	}
}

func TestKernelServices(t *testing.T) {
	for _, v := range []string{"5.10", "6.1", "6.12", "6.18", "7.3"} {
		s, err := Parse(kernelBTF(t, v), nil)
		if err != nil {
			t.Fatal(err)
		}
		task, ok := s.ByName(KindStruct, "task_struct")
		if !ok {
			t.Fatal("no task_struct")
		}
		m, off, ok := s.FindMember(task, "mm")
		if !ok {
			t.Fatal("no mm")
		}
		a, err := s.Walk(task, int32(off/8), 8)
		mm, _ := s.Type(a.Type)
		if err != nil || a.Kind != AccessPointer || mm.Name() != "mm_struct" || a.Field != m.Name {
			t.Errorf("%s: task->mm: %+v %v", v, a, err)
		}
		if v != "5.10" {
			p, err := s.Tracepoint("sched_switch")
			if err != nil || len(p.Params) < 3 {
				t.Errorf("%s: sched_switch %+v %v", v, p, err)
			}
			t.Log(v, p.Params)
		}
		it, err := s.Iterator("task")
		if err != nil || len(it.Params) != 2 {
			t.Errorf("%s: bpf_iter_task %+v %v", v, it, err)
		}
		n, bad := 0, 0
		for ty := range s.Types() {
			if ty.Kind.IsStruct() {
				n++
				if _, err := s.AlignOf(ty.ID); err != nil {
					bad++
				}
				if _, err := s.Fields(ty.ID); err != nil {
					t.Logf("%s: %v", ty.Name(), err)
				}
			}
		}
		t.Log(v, s.Next(), "types,", n, "structs,", bad, "without alignment")
	}
}

func TestObjects(t *testing.T) {
	n, exts, lines := 0, 0, 0
	objects(t, func(name string, btf, ext []byte) {
		s, err := Parse(btf, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		n++
		if ext == nil {
			return
		}
		e, err := ParseExt(ext, s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		exts++
		if got := e.Check(func(string) (uint32, bool) { return 1 << 20, true }); len(got) > 0 {
			t.Errorf("%s: %v", name, &got[0])
		}
		for _, sec := range e.Sections {
			lines += len(sec.Lines)
		}
	})
	t.Log(n, "objects,", exts, "with .BTF.ext,", lines, "lines")
}

func BenchmarkParse(b *testing.B) {
	raw := kernelBTF(b, "6.18")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(raw, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNames(b *testing.B) {
	s, _ := Parse(kernelBTF(b, "6.18"), nil)
	b.ReportAllocs()
	for b.Loop() {
		s.build()
	}
}

// TestSafeFields: each field that the running kernel vouches for is a pointer
// that Walk finds where the struct has it.
func TestSafeFields(t *testing.T) {
	raw, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Skip(err)
	}
	s, err := Parse(raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for list := range s.Types() {
		of, suffix, ok := strings.Cut(list.Name(), "__safe_")
		if !ok || !list.Kind.IsStruct() {
			continue
		}
		id, _ := s.ByName(list.Kind, of)
		for i := range int(list.Vlen) {
			m := list.Member(i)
			_, off, _ := s.FindMember(id, m.Name)
			a, err := s.Walk(id, int32(off/8), 8)
			if err != nil || a.Kind != AccessPointer || !s.SafeField(id, "__safe_"+suffix, a.Field, a.Type) {
				t.Errorf("%s.%s: %+v %v", list.Name(), m.Name, a, err)
			}
			n++
		}
	}
	t.Log(n, "fields")
}
