package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Bounds on what one unreadable file may cost.
const (
	maxErrorTime  = time.Second
	maxErrorAlloc = 200 << 20
)

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withSectionSize returns an object whose section claims a size.
func withSectionSize(t *testing.T, object []byte, section string, size uint64) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(f.Sections, func(s *elf.Section) bool { return s.Name == section })
	if i < 0 {
		t.Fatalf("no section %s", section)
	}
	b := bytes.Clone(object)
	headers := binary.LittleEndian.Uint64(b[0x28:])
	binary.LittleEndian.PutUint64(b[headers+uint64(i)*64+0x20:], size)
	return b
}

// emptyObject returns an object that has a symbol table and nothing else.
func emptyObject() []byte {
	names := "\x00.symtab\x00.strtab\x00"
	b := make([]byte, 64+3*64+24+len(names))
	o := binary.LittleEndian
	copy(b, "\x7fELF\x02\x01\x01")
	o.PutUint16(b[16:], uint16(elf.ET_REL))
	o.PutUint16(b[18:], uint16(elf.EM_BPF))
	o.PutUint32(b[20:], 1)
	o.PutUint64(b[40:], 64) // section headers
	o.PutUint16(b[52:], 64)
	o.PutUint16(b[58:], 64)
	o.PutUint16(b[60:], 3)
	o.PutUint16(b[62:], 2)
	header := func(i int, name uint32, typ elf.SectionType, off, size uint64, link, info uint32, entry uint64) {
		h := b[64+64*i:]
		o.PutUint32(h, name)
		o.PutUint32(h[4:], uint32(typ))
		o.PutUint64(h[24:], off)
		o.PutUint64(h[32:], size)
		o.PutUint32(h[40:], link)
		o.PutUint32(h[44:], info)
		o.PutUint64(h[48:], 1)
		o.PutUint64(h[56:], entry)
	}
	header(1, 1, elf.SHT_SYMTAB, 256, 24, 2, 1, 24)
	header(2, 9, elf.SHT_STRTAB, 280, uint64(len(names)), 0, 0, 0)
	copy(b[280:], names)
	return b
}

// TestUnreadable: each file that cannot be read gets one line and status 2, soon
// and in little memory, and the files around it are checked all the same.
func TestUnreadable(t *testing.T) {
	good := readFile(t, safeObject)
	globals := readFile(t, "../../corpus/c/globals.o")
	files := map[string][]byte{
		"empty.o":      {},
		"text.o":       []byte("int main(void) { return 0; }\n"),
		"magic.o":      []byte("\x7fELF"),
		"bss-4G.o":     withSectionSize(t, globals, ".bss", 4<<30),
		"bss-huge.o":   withSectionSize(t, globals, ".bss", 1<<62),
		"xdp-4G.o":     withSectionSize(t, globals, "xdp", 4<<30),
		"BTF-4G.o":     withSectionSize(t, globals, ".BTF", 4<<30),
		"symtab-4G.o":  withSectionSize(t, globals, ".symtab", 4<<30),
		"noprograms.o": emptyObject(),
	}
	for _, n := range []int{1, 16, 63, 64, 100, len(good) / 4, len(good) / 2, len(good) - 64, len(good) - 1} {
		files[fmt.Sprintf("cut-at-%d.o", n)] = good[:n]
	}
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	empty := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(empty, "below"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(empty, "below", "notes.txt"), []byte("no object"), 0o666); err != nil {
		t.Fatal(err)
	}
	names := []string{"missing.o", "folder"}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := filepath.Join(dir, name)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		r := bpfcheckRun("", "verify", "--btf", "none", safeObject, path, unsafeObject)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if r.code != exitError || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "bpfcheck: "+path+": ") {
			t.Errorf("%s: status %d, stderr %q", name, r.code, r.stderr)
		}
		if !strings.Contains(r.stdout, "4 programs in 2 files: 1 safe, 3 unknown") {
			t.Errorf("%s: the other files were not checked: %q", name, r.stdout)
		}
		if n := after.TotalAlloc - before.TotalAlloc; took > maxErrorTime || n > maxErrorAlloc {
			t.Errorf("%s: took %v and %d bytes", name, took, n)
		}
		t.Logf("%s", strings.ReplaceAll(r.stderr, dir, ""))
	}
}

// TestUnreadablePermission: a file that may not be read is an error, also in a folder.
func TestUnreadablePermission(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("the superuser may read everything")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "secret.o")
	if err := os.WriteFile(path, readFile(t, safeObject), 0); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{path, dir} {
		if r := bpfcheckRun("", "verify", "--btf", "none", arg); r.code != exitError || !strings.Contains(r.stderr, path+": cannot be") {
			t.Errorf("%s: %+v", arg, r)
		}
	}
}

// TestFolder: files that have nothing to do with BPF are passed over, the others
// come in the order of their names, folders after files.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	good := readFile(t, safeObject)
	host := make([]byte, 64) // an ELF file for another machine
	copy(host, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(host[18:], uint16(elf.EM_X86_64))
	for name, data := range map[string][]byte{
		"b.o": good, "a/z.o": good, "c.o": good[:100], "readme.md": []byte("text"), "tool": host,
		"embeds": append(bytes.Clone(host), good...), "a/empty": {},
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(dir, filepath.Join(dir, "a", "loop")); err != nil {
		t.Fatal(err)
	}
	for _, jobs := range []string{"1", "4"} {
		r := bpfcheckRun("", "verify", "--btf", "none", "-j", jobs, dir)
		var order []string
		for _, l := range strings.Split(r.stdout, "\n") {
			if path, ok := strings.CutPrefix(l, dir+"/"); ok {
				order = append(order, path)
			}
		}
		if want := []string{"b.o", "embeds@0x40", "a/z.o"}; !slices.Equal(order, want) {
			t.Errorf("-j %s: files %q, want %q", jobs, order, want)
		}
		if r.code != exitError || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "/c.o: ") {
			t.Errorf("-j %s: status %d, stderr %q", jobs, r.code, r.stderr)
		}
	}
	if r := bpfcheckRun("", "verify", "--btf", "none", filepath.Join(dir, "tool")); r.code != exitError || !strings.Contains(r.stderr, "machine") {
		t.Errorf("an executable without objects, named: %+v", r)
	}
}
