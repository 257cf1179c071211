package diff

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/corpus"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Text writes a program in the form of the corpus. Comment lines stand first.
func Text(p *loader.Program, name, expect string, comments ...string) string {
	var b strings.Builder
	for _, c := range comments {
		for l := range strings.Lines(c) {
			fmt.Fprintf(&b, "# %s\n", strings.TrimRight(l, "\n"))
		}
	}
	fmt.Fprintf(&b, "; program %s\n; type %s\n", name, p.Type)
	if p.Attach != 0 {
		fmt.Fprintf(&b, "; attach %d\n", p.Attach)
	}
	if p.License != "GPL" {
		fmt.Fprintf(&b, "; license %s\n", p.License)
	}
	for _, m := range p.Maps {
		writeMap(&b, m)
	}
	fmt.Fprintf(&b, "; expect %s\n", expect)
	refs := map[int]loader.Ref{}
	for _, r := range p.Refs {
		refs[r.Insn] = r
	}
	insns := slices.Clone(p.Insns)
	for pc, r := range refs {
		if r.Kind == loader.RefMapValue {
			insns[pc].Next = r.Offset
		}
	}
	target := corpus.Target()
	b.WriteString(isa.DisassembleProgram(insns, isa.DisasmOptions{
		CallName: func(_ int, i isa.Instruction) (string, bool) {
			name := target.HelperName(i.Imm)
			return name, name != "" && i.Src == isa.CallHelper
		},
		MapName: func(pc int, _ isa.Instruction) (string, bool) {
			r, ok := refs[pc]
			return mapName(p, r), ok
		},
	}))
	return b.String()
}

// mapName is a name that the assembler takes.
func mapName(p *loader.Program, r loader.Ref) string {
	if r.Map >= len(p.Maps) {
		return "none"
	}
	return plainName(p.Maps[r.Map].Name)
}

func plainName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
	if s == "" {
		return "map"
	}
	return s
}

func writeMap(b *strings.Builder, m *loader.Map) {
	if m.Inner != nil {
		inner := *m.Inner
		inner.Name = plainName(m.Name) + "_inner"
		writeMap(b, &inner)
	}
	fmt.Fprintf(b, "; map %s %s key=%d value=%d entries=%d", plainName(m.Name), m.Type, m.KeySize, m.ValueSize, m.MaxEntries)
	if m.Flags != 0 {
		fmt.Fprintf(b, " flags=%#x", m.Flags)
	}
	if m.Inner != nil {
		fmt.Fprintf(b, " inner=%s_inner", plainName(m.Name))
	}
	if m.Frozen {
		b.WriteString(" frozen")
	}
	if len(m.Data) > 0 {
		fmt.Fprintf(b, " data=%x", m.Data)
	}
	b.WriteString("\n")
}

// InputFile is the form of an input in a file: JSON with bytes in hexadecimal.
type InputFile struct {
	Seed    uint64             `json:"seed"`
	Data    string             `json:"data"`
	Context string             `json:"context,omitempty"`
	Maps    map[string][]KVHex `json:"maps,omitempty"`
	Results []uint64           `json:"results,omitempty"`
	Fuel    int64              `json:"fuel,omitempty"`
	MayGoto int                `json:"may_goto,omitempty"`
	Lazy    bool               `json:"lazy,omitempty"`
}

// KVHex is an element of a map.
type KVHex struct {
	Key   string  `json:"key"`
	Value string  `json:"value,omitempty"`
	Inner []KVHex `json:"inner,omitempty"`
}

// NewInputFile gives an input the form of a file.
func NewInputFile(in *exec.Input) InputFile {
	f := InputFile{Seed: in.Seed, Data: hex.EncodeToString(in.Data), Context: hex.EncodeToString(in.Context),
		Results: in.Results, Fuel: in.Fuel, MayGoto: in.MayGoto, Lazy: in.Lazy}
	for name, es := range in.Maps {
		if f.Maps == nil {
			f.Maps = map[string][]KVHex{}
		}
		f.Maps[name] = toHex(es)
	}
	return f
}

func toHex(es []exec.Entry) (out []KVHex) {
	for _, e := range es {
		out = append(out, KVHex{hex.EncodeToString(e.Key), hex.EncodeToString(e.Value), toHex(e.Inner)})
	}
	return out
}

// Input reads the form of a file back. Maps of maps go one level deep.
func (f *InputFile) Input() (*exec.Input, error) {
	in := &exec.Input{Seed: f.Seed, Results: f.Results, Fuel: f.Fuel, MayGoto: f.MayGoto, Lazy: f.Lazy}
	var err error
	if in.Data, err = hex.DecodeString(f.Data); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if in.Context, err = hex.DecodeString(f.Context); err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	for name, kv := range f.Maps {
		es, err := fromHex(kv, true)
		if err != nil {
			return nil, fmt.Errorf("map %q: %w", name, err)
		}
		if in.Maps == nil {
			in.Maps = map[string][]exec.Entry{}
		}
		in.Maps[name] = es
	}
	return in, nil
}

func fromHex(kv []KVHex, outer bool) (es []exec.Entry, err error) {
	for _, x := range kv {
		var e exec.Entry
		if e.Key, err = hex.DecodeString(x.Key); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		if e.Value, err = hex.DecodeString(x.Value); err != nil {
			return nil, fmt.Errorf("value: %w", err)
		}
		if len(x.Inner) > 0 && !outer {
			return nil, fmt.Errorf("maps of maps of maps do not exist")
		}
		if len(x.Inner) > 0 {
			if e.Inner, err = fromHex(x.Inner, false); err != nil {
				return nil, err
			}
		}
		es = append(es, e)
	}
	return es, nil
}

// Save writes a finding as NAME.bpf and NAME.input.json into a folder and returns
// the name of the first.
func (f *Finding) Save(dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".bpf")
	text := Text(f.Program, name, "safe", f.String(), "input: "+name+".input.json; the line \"expect\" is a placeholder")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		return "", err
	}
	if f.Input == nil {
		return path, nil
	}
	b, err := json.MarshalIndent(NewInputFile(f.Input), "", "  ")
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(filepath.Join(dir, name+".input.json"), append(b, '\n'), 0o666)
}
