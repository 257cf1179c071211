package loader

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/isa"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// edit returns a copy of b after f.
func edit(b []byte, f func(b []byte)) []byte {
	c := bytes.Clone(b)
	f(c)
	return c
}

// sectionHeader returns the header of a section of a little-endian object.
func sectionHeader(t testing.TB, b []byte, name string) []byte {
	f, err := parseELF("x", b)
	if err != nil {
		t.Fatal(err)
	}
	at := binary.LittleEndian.Uint64(b[40:]) + uint64(f.section(name).index)*elfSectionSize
	return b[at : at+elfSectionSize]
}

// TestErrors: each unreadable input gives one line that says what and where.
func TestErrors(t *testing.T) {
	good := read(t, "maps-el.o")
	o := binary.LittleEndian
	resize := func(sec string, size uint64) []byte {
		return edit(good, func(b []byte) { o.PutUint64(sectionHeader(t, b, sec)[32:], size) })
	}
	legacy := read(t, "legacy-el.o")
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":           {nil, "the file is empty"},
		"text":            {[]byte("hello, this is no object file at all"), "not an ELF file; compile it with clang"},
		"identification":  {good[:20], "the ELF header ends early"},
		"ELF32":           {edit(good, func(b []byte) { b[4] = 1 }), "offset 0x4: ELF class 1"},
		"byte order":      {edit(good, func(b []byte) { b[5] = 9 }), "offset 0x5: ELF byte order 9"},
		"machine":         {edit(good, func(b []byte) { b[18] = 62 }), "offset 0x12: ELF machine 62 is not BPF (247)"},
		"executable":      {edit(good, func(b []byte) { b[16] = 2 }), "offset 0x10: ELF type 2"},
		"half":            {good[:len(good)/2], "section headers lie outside the file"},
		"last byte":       {good[:len(good)-1], "section headers lie outside the file"},
		"no headers":      {edit(good, func(b []byte) { o.PutUint64(b[40:], 0) }), "no section headers"},
		"header size":     {edit(good, func(b []byte) { b[58] = 32 }), "section headers of 32 bytes"},
		"names":           {edit(good, func(b []byte) { o.PutUint16(b[62:], 99) }), "section name table 99"},
		"section outside": {resize("xdp", 1<<40), "section xdp, offset 0x40: 1099511627776 bytes lie outside"},
		"code size":       {resize("xdp", 9), "section xdp, offset 0x40: 9 bytes of code are no multiple of 8"},
		"bss of 4 GiB":    {resize(".bss", 4<<30), "section .bss, offset 0x"},
		"stripped":        {edit(good, func(b []byte) { o.PutUint32(sectionHeader(t, b, ".symtab")[4:], 1) }), "no symbol table; do not strip"},
		"symbol section":  {edit(good, func(b []byte) { o.PutUint16(b[o.Uint64(sectionHeader(t, b, ".symtab")[24:])+24+6:], 77) }), "section .symtab, offset 0x"},
		"relocation":      {edit(good, func(b []byte) { o.PutUint32(b[o.Uint64(sectionHeader(t, b, ".relxdp")[24:])+12:], 7777) }), "section .relxdp, offset 0x"},
		"far relocation":  {edit(good, func(b []byte) { o.PutUint64(b[o.Uint64(sectionHeader(t, b, ".relxdp")[24:]):], 1<<33) }), "lies outside section xdp"},
		"BTF.ext":         {edit(good, func(b []byte) { b[o.Uint64(sectionHeader(t, b, ".BTF.ext")[24:])] = 1 }), "section .BTF.ext, offset 0x"},
		"legacy map":      {edit(legacy, func(b []byte) { o.PutUint64(sectionHeader(t, b, "maps")[32:], 24) }), "section maps, offset 0x"},
	} {
		start := time.Now()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		objs, err := LoadBytes("a.o", c.data, options)
		runtime.ReadMemStats(&after)
		if err == nil || len(objs) != 0 || !strings.HasPrefix(err.Error(), "a.o: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %d objects, error %v, want %q", name, len(objs), err, c.want)
		}
		if d, n := time.Since(start), after.TotalAlloc-before.TotalAlloc; d > time.Second || n > 100<<20 {
			t.Errorf("%s: took %v and %d bytes", name, d, n)
		}
	}
}

func TestLoadPaths(t *testing.T) {
	for path, want := range map[string]string{
		"testdata":      "testdata: is a folder",
		"testdata/none": "no such file",
		"/dev/zero":     "/dev/zero: is no regular file",
	} {
		if _, err := Load(path, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	if _, err := LoadBytes("a.o", read(t, "maps-el.o"), Options{}); err == nil {
		t.Error("no error without a target")
	}
}

// TestEmbedded finds objects of both byte orders in another file, and reports one
// that is damaged without losing the others.
func TestEmbedded(t *testing.T) {
	maps, calls := read(t, "maps-el.o"), read(t, "calls-eb.o")
	var b []byte
	b = append(b, "\x7fELF\x02\x01 an executable, say"...)
	b = append(b, make([]byte, 100)...)
	at1 := len(b)
	b = append(b, maps...)
	b = append(b, "\x7fELF\x02 noise"...)
	at2 := len(b)
	b = append(b, edit(maps, func(b []byte) { b[58] = 32 })...)
	b = append(b, calls...)
	objs, err := LoadBytes("prog", b, options)
	if len(objs) != 2 || objs[0].BigEndian || !objs[1].BigEndian {
		t.Fatalf("%d objects", len(objs))
	}
	if want := "prog@0x" + hexOf(at1); objs[0].Path != want {
		t.Errorf("path %s, want %s", objs[0].Path, want)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "prog@0x"+hexOf(at2)+": ") {
		t.Errorf("error %v", err)
	}
	whole, err := LoadBytes("prog", maps, options)
	if err != nil || dump(whole[0]) != dump(objs[0]) {
		t.Errorf("an embedded object differs from the same object in a file: %v", err)
	}
}

func hexOf(n int) string {
	s := ""
	for ; n > 0; n /= 16 {
		s = string("0123456789abcdef"[n%16]) + s
	}
	return s
}

// TestInvalidSurvives: instructions that do not exist reach the analysis as they are.
func TestInvalidSurvives(t *testing.T) {
	objs, err := LoadBytes("a.o", read(t, "untyped-el.o"), options)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := objs[0].Programs[0].Insns[0], (isa.Instruction{Op: 0xff, Dst: 15, Src: 15, Imm: 7}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestOverride: a type given by hand wins over the section's.
func TestOverride(t *testing.T) {
	opts := options
	opts.Type = "sched_cls"
	objs, err := LoadBytes("a.o", read(t, "maps-el.o"), opts)
	if err != nil {
		t.Fatal(err)
	}
	if p := objs[0].Programs[0]; p.Type != "sched_cls" || p.Attach != 0 {
		t.Errorf("type %s attach %d", p.Type, p.Attach)
	}
}

// TestCORE checks the relocated instructions of core.c against kernel.c by hand.
func TestCORE(t *testing.T) {
	for _, end := range []string{"el", "eb"} {
		opts := options
		opts.KernelBTF = btfOf(t, read(t, "kernel-"+end+".o"))
		objs, err := LoadBytes("a.o", read(t, "core-"+end+".o"), opts)
		if err != nil {
			t.Fatal(err)
		}
		insns := map[string][]isa.Instruction{}
		for _, p := range objs[0].Programs {
			insns[p.Name] = p.Insns
		}
		shift := map[string]int32{"el": 44, "eb": 46}[end] // the bit-field is at bits 14 to 19 of 32
		for _, c := range []struct {
			prog      string
			pc        int
			got, want int32
		}{
			{"offsets", 0, int32(insns["offsets"][0].Off), 12},
			{"offsets", 1, int32(insns["offsets"][1].Off), 8},
			{"resized", 0, int32(insns["resized"][0].Off), 24},
			{"resized", 0, int32(insns["resized"][0].Size()), 8},
			{"element", 0, int32(insns["element"][0].Off), 56},
			{"guarded", 1, insns["guarded"][1].Imm, 0},
			{"field", 0, int32(insns["field"][0].Off), 40},
			{"field", 1, insns["field"][1].Imm, shift},
			{"field", 2, insns["field"][2].Imm, 58},
			{"types", 0, insns["types"][0].Imm, 1},
			{"types", 1, insns["types"][1].Imm, 0},
			{"types", 4, insns["types"][4].Imm, 48},
			{"enums", 0, insns["enums"][0].Imm, 3},
			{"enums", 2, insns["enums"][2].Imm, 0},
		} {
			if c.got != c.want {
				t.Errorf("%s %s %d: got %d, want %d", end, c.prog, c.pc, c.got, c.want)
			}
		}
	}
}
