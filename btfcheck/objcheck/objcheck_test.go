package objcheck

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

func strict(t testing.TB) Options {
	t.Helper()
	target, err := linux.Lookup("linux-6.18")
	if err != nil {
		t.Fatal(err)
	}
	return Options{Strict: true, Target: target}
}

// parts reads the object that tests break.
func parts(t testing.TB) *loader.File {
	t.Helper()
	b, err := os.ReadFile("testdata/parts.o")
	if err != nil {
		t.Fatal(err)
	}
	f, err := loader.ReadELF("parts.o", bytes.Clone(b))
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.Sections {
		f.Sections[i].Data = bytes.Clone(f.Sections[i].Data)
	}
	return f
}

func symbol(t *testing.T, f *loader.File, name string) *loader.Symbol {
	t.Helper()
	i := slices.IndexFunc(f.Symbols, func(s loader.Symbol) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no symbol %s", name)
	}
	return &f.Symbols[i]
}

func symbolIndex(f *loader.File, name string) int {
	return slices.IndexFunc(f.Symbols, func(s loader.Symbol) bool { return s.Name == name })
}

// reloc finds the first relocation of code against a symbol.
func reloc(t *testing.T, f *loader.File, name string) (*loader.Section, *loader.ELFReloc) {
	t.Helper()
	for i := range f.Sections {
		for j := range f.Sections[i].Relocs {
			if r := &f.Sections[i].Relocs[j]; f.Symbols[r.Symbol].Name == name {
				return &f.Sections[i], r
			}
		}
	}
	t.Fatalf("nothing refers to %s", name)
	return nil, nil
}

// breaks has, for each rule, ways to break it. What a change breaks besides is not
// looked at.
var breaks = []struct {
	rule Rule
	name string
	do   func(t *testing.T, f *loader.File)
	want string // part of the message
}{
	{E2, "types of another order", func(t *testing.T, f *loader.File) {
		b, err := os.ReadFile("../../corpus/c/packet_count.be.o")
		if err != nil {
			t.Fatal(err)
		}
		big, err := loader.ReadELF("", b)
		if err != nil {
			t.Fatal(err)
		}
		f.Section(".BTF").Data = big.Section(".BTF").Data
	}, "another byte order"},
	{E3, "no .BTF", func(t *testing.T, f *loader.File) { f.Section(".BTF").Name = ".BTX" }, "no section .BTF"},
	{E4, "half an instruction", func(t *testing.T, f *loader.File) { symbol(t, f, "classify").Size -= 4 }, "cut instructions"},
	{E4, "outside", func(t *testing.T, f *loader.File) { symbol(t, f, "classify").Size += 8 }, "leave section tc"},
	{E5, "overlap", func(t *testing.T, f *loader.File) { symbol(t, f, "unguarded").Value -= 8 }, "unguarded starts inside function guarded"},
	{E6, "static program", func(t *testing.T, f *loader.File) { symbol(t, f, "classify").Bind = loader.BindLocal }, "is static"},
	{E7, "code without function", func(t *testing.T, f *loader.File) { symbol(t, f, "classify").Size -= 8 }, "outside of its functions"},
	{E8, "type of data", func(t *testing.T, f *loader.File) { _, r := reloc(t, f, "seen"); r.Type = loader.RelocAbs64 }, "does not belong on code"},
	{E8, "type of calls", func(t *testing.T, f *loader.File) { _, r := reloc(t, f, "seen"); r.Type = loader.RelocCall }, "does not take it"},
	{E8, "second half", func(t *testing.T, f *loader.File) { _, r := reloc(t, f, "seen"); r.Offset += 8 }, "inside an instruction"},
	{E8, "twice", func(t *testing.T, f *loader.File) { s, r := reloc(t, f, "seen"); s.Relocs = append(s.Relocs, *r) }, "relocated twice"},
	{E9, "RELA", func(t *testing.T, f *loader.File) { _, r := reloc(t, f, "seen"); r.Explicit, r.Addend = true, 4 }, "addend of its own"},
	{E10, "into the licence", func(t *testing.T, f *loader.File) {
		_, r := reloc(t, f, "seen")
		r.Symbol = symbolIndex(f, "licence_text")
	}, "no code, variables or maps"},
	{E10, "common", func(t *testing.T, f *loader.File) { symbol(t, f, "seen").Section = loader.SectionCommon }, "-fno-common"},
	{E10, "into a function", func(t *testing.T, f *loader.File) {
		s, r := reloc(t, f, "count")
		binary.LittleEndian.PutUint32(s.Data[r.Offset+4:], 0)
	}, "calls byte 8 of section .text, where no function starts"},
	{E11, "behind the variables", func(t *testing.T, f *loader.File) {
		s, r := reloc(t, f, "seen")
		binary.LittleEndian.PutUint32(s.Data[r.Offset+4:], 4096)
	}, "refers to byte 4096 of section .data"},
	{E11, "inside a map", func(t *testing.T, f *loader.File) {
		s, r := reloc(t, f, "plain")
		binary.LittleEndian.PutUint32(s.Data[r.Offset+4:], 8)
	}, "inside of map plain"},
	{E12, "address in data", func(t *testing.T, f *loader.File) {
		s := f.Section(".data")
		s.Relocs = append(s.Relocs, loader.ELFReloc{Type: loader.RelocAbs64, Symbol: symbolIndex(f, "seen")})
	}, "holds the address of seen"},
	{E13, "no NUL", func(t *testing.T, f *loader.File) { f.Section("license").Data = []byte("GPL!") }, "does not end with NUL"},
	{E14, "licence", func(t *testing.T, f *loader.File) {
		f.Section("license").Data = []byte("MIT\x00")
		s := f.Section("tp_btf/task_newtask")
		for i := 0; i < len(s.Data); i += 8 {
			if s.Data[i] == 0x85 { // ktime_ns becomes trace_printk
				binary.LittleEndian.PutUint32(s.Data[i+4:], 6)
			}
		}
	}, "program unguarded calls bpf_trace_printk"},
	{E15, "no licence", func(t *testing.T, f *loader.File) { f.Section("license").Name = "licence" }, "no section license"},
	{E16, "version", func(t *testing.T, f *loader.File) {
		s := f.Section(".rodata")
		s.Name, s.Size = "version", 4
		s.Data = make([]byte, 8)
	}, "8 bytes instead of 4"},
	{E17, "outside", func(t *testing.T, f *loader.File) { symbol(t, f, "dropped").Size = 5 }, "leave section .data of 8 bytes"},
	{E18, "short", func(t *testing.T, f *loader.File) { symbol(t, f, "seen").Size = 2 }, "has 2 bytes in section .data, and its type 4"},
	{E19, "name", func(t *testing.T, f *loader.File) { typesOf(t, f).rename("LINUX_KERNEL_VERSION", "KERNEL_VERSION") }, "CONFIG_… and LINUX_… names only"},
	{E20, "name", func(t *testing.T, f *loader.File) { f.Section("tc").Name = "tcc" }, "knows no section name tcc"},
	{E21, "large", func(t *testing.T, f *loader.File) {
		b := typesOf(t, f)
		proto := b.word(b.record(12, "count") + 8)
		at, id := 24, uint32(1)
		for ; id < proto; id++ {
			info := b.word(at + 4)
			at += 12 + map[uint32]int{1: 4, 14: 4, 17: 4, 3: 12}[info>>24&31] + int(info&0xffff)*map[uint32]int{4: 12, 5: 12, 19: 12, 15: 12, 6: 8, 13: 8}[info>>24&31]
		}
		skb, spec := uint32(0), strictSpec(t, f)
		for ty := range spec.Types() {
			if ty.Name() == "__sk_buff" {
				skb = uint32(ty.ID)
			}
		}
		b.set(at+12+8+4, skb)
	}, "parameter 2 does not fit in registers"},
	{E22, "no function information", func(t *testing.T, f *loader.File) {
		s := f.Section(".BTF.ext")
		info := binary.LittleEndian.Uint32(s.Data[8:]) + binary.LittleEndian.Uint32(s.Data[4:])
		binary.LittleEndian.PutUint32(s.Data[info+4+8:], 8) // the first record is about slot 1 then
	}, "has no type information"},
	{E23, "maps without types", func(t *testing.T, f *loader.File) { f.Section(".BTF").Name, f.Section(".BTF.ext").Name = ".a", ".b" }, "compile with -g"},
	{E23, "arena variables without arena", func(t *testing.T, f *loader.File) { f.Section(".data").Name = ".addr_space.1" }, "map of type arena"},
	{E24, "type", func(t *testing.T, f *loader.File) { typesOf(t, f).array(2, 200) }, "no map type 200"},
	{E25, "key", func(t *testing.T, f *loader.File) { typesOf(t, f).array(4, 6) }, "6 bytes of key of array should be 4"},
	{E25, "queue", func(t *testing.T, f *loader.File) { typesOf(t, f).array(2, 22) }, "4 bytes of key of queue should be none"},
	{E25, "ring", func(t *testing.T, f *loader.File) { typesOf(t, f).array(2, 27) }, "power of two"},
	{E26, "flags", func(t *testing.T, f *loader.File) {
		b := typesOf(t, f)
		b.rename("value_size", "map_flags")
		b.array(8, 2)
	}, "type array does not take the flags NO_COMMON_LRU"},
	{E26, "trie", func(t *testing.T, f *loader.File) { typesOf(t, f).array(2, 11) }, "needs the flag NO_PREALLOC"},
	{E27, "spin lock", func(t *testing.T, f *loader.File) { b := typesOf(t, f); b.array(1, 9) }, "spin_lock has no place in values of type lru_hash"},
	{E28, "section maps", func(t *testing.T, f *loader.File) {
		f.Section(".rodata").Name = "maps"
		f.Section("maps").Data = []byte{2, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}
		symbol(t, f, "limit").Size = 20
	}, "libbpf 1.0 and later refuse"},
	{E28, "unknown member", func(t *testing.T, f *loader.File) { typesOf(t, f).rename("max_entries", "max_entry") }, "unknown member max_entry"},
	{E29, "values", func(t *testing.T, f *loader.File) { typesOf(t, f).rename("max_entries", "values") }, "member values"},
	{E31, "access string", func(t *testing.T, f *loader.File) {
		b := typesOf(t, f)
		str, n := b.header()
		i := bytes.Index(b.sec.Data[str:str+n], []byte("\x000:1\x00"))
		b.sec.Data[str+i+3] = '9'
	}, "has no part 9"},
	{E32, "unguarded", func(t *testing.T, f *loader.File) {}, "task_struct.no_such_member"},
	{E33, "undefined", func(t *testing.T, f *loader.File) { symbol(t, f, "seen").Section = loader.SectionUndef }, "seen, which nothing here defines"},
	{E33, "entries", func(t *testing.T, f *loader.File) { typesOf(t, f).array(4, 0) }, ""},
}

// TestRules breaks each rule in an object that keeps them all.
func TestRules(t *testing.T) {
	o := strict(t)
	clean := Bytes("parts.o", writeELF(parts(t)), o)
	for _, d := range clean.Diagnostics {
		t.Fatalf("the object is not clean: %+v", d)
	}
	tested := map[string]bool{E1.ID: true, E30.ID: true} // tests of their own
	for _, b := range breaks {
		tested[b.rule.ID] = true
		t.Run(b.rule.ID+" "+b.name, func(t *testing.T) {
			f := parts(t)
			b.do(t, f)
			o := o
			if b.rule == E32 {
				o.Against = hostBTF(t)
			}
			raw := writeELF(f)
			r := Bytes("parts.o", raw, o)
			find := func(r *Report) bool {
				return slices.ContainsFunc(r.Diagnostics, func(d Diagnostic) bool {
					return d.Rule == b.rule.ID && strings.Contains(d.Message, b.want) && d.Offset < uint64(len(raw))
				})
			}
			if !find(r) || r.Valid {
				t.Errorf("rule %s with %q is not among %+v", b.rule.ID, b.want, r.Diagnostics)
			}
			o.Strict = false
			if r := Bytes("parts.o", raw, o); find(r) == b.rule.Strict {
				t.Errorf("in kernel mode: %+v", r.Diagnostics)
			}
		})
	}
	for _, r := range Rules {
		if !tested[r.ID] {
			t.Errorf("no test breaks rule %s", r.ID)
		}
	}
	page, err := os.ReadFile("../../docs/OBJECTS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Rules {
		if !strings.Contains(string(page), "| "+r.ID+" |") {
			t.Errorf("docs/OBJECTS.md does not describe rule %s", r.ID)
		}
	}
}

// TestStructure breaks the file itself (E1).
func TestStructure(t *testing.T) {
	o := strict(t)
	raw := writeELF(parts(t))
	for name, b := range map[string][]byte{"cut": raw[:len(raw)/2], "header only": raw[:64], "class": set(raw, 4, 1), "type": set(raw, 16, 2)} {
		if r := Bytes(name, b, o); len(r.Diagnostics) != 1 || r.Diagnostics[0].Rule != "E1" {
			t.Errorf("%s: %+v", name, r.Diagnostics)
		}
	}
}

func set(b []byte, at int, v byte) []byte {
	b = bytes.Clone(b)
	b[at] = v
	return b
}

// TestManyMaps builds a program that refers to 65 maps (E30).
func TestManyMaps(t *testing.T) {
	const n = 65
	code := loader.Section{Name: "xdp", Type: 1, Flags: 6}
	maps := loader.Section{Name: "maps", Type: 1, Flags: 3}
	f := &loader.File{Symbols: []loader.Symbol{{}}}
	for i := range n {
		code.Relocs = append(code.Relocs, loader.ELFReloc{Offset: uint64(16 * i), Type: loader.Reloc64, Symbol: i + 1})
		code.Data = append(code.Data, 0x18, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		for _, w := range []uint32{2, 4, 4, 1, 0} {
			maps.Data = binary.LittleEndian.AppendUint32(maps.Data, w)
		}
		f.Symbols = append(f.Symbols, loader.Symbol{Name: "m" + string(rune('0'+i/10)) + string(rune('0'+i%10)), Bind: 1, Type: 1, Section: 2, Value: uint64(20 * i), Size: 20})
	}
	code.Data = append(code.Data, 0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)
	f.Symbols = append(f.Symbols, loader.Symbol{Name: "many", Bind: 1, Type: 2, Section: 1, Size: uint64(len(code.Data))})
	f.Sections = []loader.Section{{}, code, maps}
	o := strict(t)
	o.Strict = false
	r := Bytes("many.o", writeELF(f), o)
	if len(r.Diagnostics) != 1 || r.Diagnostics[0].Rule != "E30" {
		t.Errorf("%+v", r.Diagnostics)
	}
}

// TestSites answers relocations from the host's types.
func TestSites(t *testing.T) {
	o := strict(t)
	o.Against = hostBTF(t)
	r := Bytes("parts.o", writeELF(parts(t)), o)
	var got []string
	for _, s := range r.Relocations {
		line := s.Func + " " + s.Kind + " " + s.Type + "." + s.Field + " " + s.Outcome
		if s.Guarded {
			line += " guarded"
		}
		got = append(got, line)
	}
	want := []string{
		"guarded field_exists struct task_struct.no_such_member absent",
		"guarded field_offset struct task_struct.no_such_member impossible guarded",
		"unguarded field_offset struct task_struct.no_such_member impossible",
	}
	if !slices.Equal(got, want) {
		t.Errorf("sites:\n%s", strings.Join(got, "\n"))
	}
}

func hostBTF(t *testing.T) []byte {
	t.Helper()
	b, err := ReadBTF("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Skipf("this host shows no BTF: %v", err)
	}
	return b
}

// TestRealObjects holds all shared objects valid in kernel mode.
func TestRealObjects(t *testing.T) {
	paths, _ := filepath.Glob("../../../shared/objects/*.o")
	if len(paths) == 0 {
		t.Skip("no folder shared beside the repository: real objects are not checked")
	}
	o := strict(t)
	o.Strict = false
	for _, path := range paths {
		r, err := File(path, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Diagnostics {
			t.Errorf("%.8s: %+v", filepath.Base(path), d)
		}
	}
	t.Logf("%d objects", len(paths))
}

// FuzzObject checks that no file makes the checks panic.
func FuzzObject(f *testing.F) {
	f.Add(writeELF(parts(f)))
	o := strict(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 1<<16 {
			Bytes("fuzz", b, o)
		}
	})
}

// TestMutants checks the same on many small changes of a real object.
func TestMutants(t *testing.T) {
	raw := writeELF(parts(t))
	o := strict(t)
	for i := range raw {
		if i%7 == 0 || !testing.Short() && i%3 == 0 {
			Bytes("mutant", set(raw, i, raw[i]^byte(1+i%251)), o)
		}
	}
}

// strictSpec parses the types of an object under change.
func strictSpec(t *testing.T, f *loader.File) *btfcheck.Spec {
	t.Helper()
	s, err := btfcheck.Parse(f.Section(".BTF").Data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
