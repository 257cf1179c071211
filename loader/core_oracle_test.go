package loader

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// TestCOREAgainstLibrary applies every relocation of every real program with the
// library, one at a time, and compares the instruction.
func TestCOREAgainstLibrary(t *testing.T) {
	versions := []string{"6.18"}
	if !testing.Short() {
		versions = []string{"5.10", "6.1", "6.12", "6.18", "7.3"}
	}
	for _, v := range versions {
		t.Run(v, func(t *testing.T) { compareSites(t, kernelBTF(t, v)) })
	}
	t.Run("host", func(t *testing.T) {
		raw, err := os.ReadFile("/sys/kernel/btf/vmlinux")
		if err != nil {
			t.Skipf("this host shows no BTF: %v", err)
		}
		compareSites(t, raw)
	})
}

func compareSites(t *testing.T, raw []byte) {
	opts := options
	opts.KernelBTF = raw
	kernel, err := btf.LoadSpecFromReader(bytes.NewReader(opts.KernelBTF))
	if err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob(filepath.Join(shared(t, "objects"), "*.o"))
	sites, poisoned := 0, 0
	for _, path := range paths {
		b, _ := os.ReadFile(path)
		objs, err := LoadBytes(path, b, opts)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(b))
		if err != nil {
			continue
		}
		for name, ps := range spec.Programs {
			p := objs[0].Programs[slices.IndexFunc(objs[0].Programs, func(p *Program) bool { return p.Name == name })]
			at := map[string]int{}
			for _, f := range p.Funcs {
				at[f.Name] = f.Insn
			}
			pc := 0
			for _, in := range ps.Instructions {
				if s := in.Symbol(); s != "" {
					pc = at[s]
				}
				if relo := btf.CORERelocationMetadata(&in); relo != nil {
					sites++
					poison := p.Insns[pc].Op == isa.OpCall && p.Insns[pc].Imm == poisonCall
					if poison {
						poisoned++
					}
					if d := compareSite(relo, in, p.Insns[pc], poison, kernel); d != "" {
						t.Errorf("%.8s %s %d: %s", filepath.Base(path), name, pc, d)
					}
				}
				pc += slotsOf(in)
			}
		}
	}
	t.Logf("%d sites, %d poisoned", sites, poisoned)
}

func slotsOf(in asm.Instruction) int {
	if in.OpCode.IsDWordLoad() {
		return 2
	}
	return 1
}

func compareSite(relo *btf.CORERelocation, in asm.Instruction, got isa.Instruction, poison bool, kernel *btf.Spec) string {
	fix, err := btf.CORERelocate([]*btf.CORERelocation{relo}, []*btf.Spec{kernel}, binary.LittleEndian, func(btf.Type) (btf.TypeID, error) { return btf.TypeID(in.Constant), nil })
	if err == nil {
		err = fix[0].Apply(&in)
	}
	if err != nil {
		if poison {
			return ""
		}
		return fmt.Sprintf("%v: library: %v, here %+v", relo, err, got)
	}
	want := in.Constant
	if want == btf.COREBadRelocationSentinel {
		// libbpf answers 0 to questions about a whole type that is not there; the library does not.
		whole := strings.HasPrefix(relo.String(), "CORERelocation(type_size") || strings.HasPrefix(relo.String(), "CORERelocation(target_type_id")
		if !poison && !(whole && got.Imm == 0) {
			return fmt.Sprintf("%v: the library poisons %v, here %+v", relo, in, got)
		}
		return ""
	}
	imm := int64(got.Imm)
	if got.IsLdImm64() {
		imm = int64(got.Imm64())
	}
	if poison || got.Off != in.Offset || (imm != want && uint32(imm) != uint32(want)) {
		return fmt.Sprintf("%v: library %v off %d imm %d, here %+v", relo, in, in.Offset, want, got)
	}
	return ""
}
