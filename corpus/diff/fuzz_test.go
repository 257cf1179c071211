package diff

import (
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/corpus"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// fuzzTypes are the program types that the first byte of an input chooses.
var fuzzTypes = []string{"socket_filter", "xdp", "sched_cls", "tracepoint", "cgroup_skb", "kprobe"}

// FuzzContain mutates programs: whatever their instructions are, the analysis ends
// without panic, and what it finds contains what runs do.
func FuzzContain(f *testing.F) {
	progs, err := corpus.All()
	if err != nil {
		f.Fatal(err)
	}
	for i, p := range progs {
		if len(p.Load.Insns) <= 40 && len(p.Load.Maps) <= 1 {
			f.Add(byte(i), isa.Encode(p.Load.Insns, false))
		}
	}
	m := &loader.Map{Name: "m", Type: "array", KeySize: 4, ValueSize: 64, MaxEntries: 4}
	c := config(f)
	c.MaxInsns, c.MaxTime = 20_000, 5*time.Second
	f.Fuzz(func(t *testing.T, kind byte, code []byte) {
		if len(code) > 8*200 {
			return
		}
		insns, err := isa.Decode(code[:len(code)/8*8], false)
		if err != nil {
			return
		}
		p := &loader.Program{Name: "fuzz", Type: fuzzTypes[int(kind)%len(fuzzTypes)], License: "GPL", Insns: insns,
			Unprivileged: kind&0x80 != 0, HasFuncInfo: true, Maps: []*loader.Map{m}}
		for pc := 0; pc < len(insns); pc += insns[pc].Slots() {
			if ins := insns[pc]; ins.IsLdImm64() && ins.Src == isa.PseudoMapFD {
				p.Refs = append(p.Refs, loader.Ref{Insn: pc, Kind: loader.RefMap})
			}
		}
		if _, bad := Contain(p, c, Inputs(p, uint64(kind), 6)); bad != nil {
			t.Fatalf("%v\n%s", bad, isa.DisassembleProgram(insns, isa.DisasmOptions{}))
		}
	})
}
