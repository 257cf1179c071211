package loader

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/cilium/ebpf/btf"
)

// Case is a line of a case file: a program and what is expected of it.
type Case struct {
	Program *Program
	Line    int
	// Expect is "accept", "reject" or "" if the line does not say.
	Expect string
	// Message is the reason of a rejection.
	Message string
	Rule    string
	Runs    []Run
}

// Run is an input of a case and the result that it must give.
type Run struct {
	Data []byte
	R0   uint64
	// NoR0: the line says nothing of the result.
	NoR0 bool
}

// Bounds on case files: bytes of a line, and of a program that was compressed.
const (
	maxLine  = 64 << 20
	maxInsns = 1 << 24
)

// jsonCase is a line as DESIGN section 8 has it.
type jsonCase struct {
	ID              string      `json:"id"`
	Descr           string      `json:"descr"`
	Rule            string      `json:"rule"`
	ProgType        string      `json:"prog_type"`
	AttachType      uint32      `json:"attach_type"`
	ProgFlags       uint32      `json:"prog_flags"`
	License         string      `json:"license"`
	StrictAlignment bool        `json:"strict_alignment"`
	Privileged      *bool       `json:"privileged"`
	Insns           *string     `json:"insns"`
	InsnsGz         string      `json:"insns_gz"`
	Maps            []jsonMap   `json:"maps"`
	MapRefs         []jsonRef   `json:"map_refs"`
	FuncInfo        [][2]uint32 `json:"func_info"`
	FuncInfoPresent bool        `json:"func_info_present"`
	BTFTypes        []uint32    `json:"btf_types"`
	BTFStrings      string      `json:"btf_strings"`
	Expect          string      `json:"expect"`
	LinuxMessage    string      `json:"linux_message"`
	Runs            []struct {
		Data string       `json:"data"`
		R0   *json.Number `json:"r0"`
	} `json:"runs"`
}

type jsonMap struct {
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	KeySize    uint32      `json:"key_size"`
	ValueSize  uint32      `json:"value_size"`
	MaxEntries uint32      `json:"max_entries"`
	Flags      uint32      `json:"flags"`
	Inner      *jsonMap    `json:"inner"`
	Fields     []jsonField `json:"fields"`
}

type jsonField struct {
	Kind   string `json:"kind"`
	Offset uint32 `json:"offset"`
	Size   uint32 `json:"size"`
}

type jsonRef struct {
	Insn int    `json:"insn"`
	Map  string `json:"map"`
}

// LoadCases reads a case file line by line. A line that cannot be read gives an
// error that names file and line, and no case; the lines after it still come.
// Empty lines are passed over. Reading ends early only if r fails.
func LoadCases(r io.Reader, name string, opts Options) iter.Seq2[*Case, error] {
	return func(yield func(*Case, error) bool) {
		br := bufio.NewReaderSize(r, 1<<16)
		for n := 1; ; n++ {
			line, err := readLine(br)
			end := errors.Is(err, io.EOF)
			if end && len(line) == 0 {
				return
			}
			if err != nil && !end && !errors.Is(err, errLongLine) {
				yield(nil, fmt.Errorf("%s:%d: %w", name, n, err))
				return
			}
			if text := bytes.TrimSpace(line); len(text) > 0 || errors.Is(err, errLongLine) {
				var c *Case
				if err == nil || end {
					c, err = parseCase(text, opts)
				}
				if err != nil {
					c, err = nil, fmt.Errorf("%s:%d: %w", name, n, err)
				} else {
					c.Line = n
				}
				if !yield(c, err) {
					return
				}
			}
			if end {
				return
			}
		}
	}
}

var errLongLine = fmt.Errorf("line of over %d bytes", maxLine)

// readLine reads up to a newline. It passes over the rest of a line that is too long.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := br.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > maxLine {
			line, long = nil, true
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			return nil, errLongLine
		}
		return line, err
	}
}

func parseCase(text []byte, opts Options) (*Case, error) {
	var j jsonCase
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, fmt.Errorf("not a case: %w", err)
	}
	raw, err := j.code()
	if err != nil {
		return nil, err
	}
	p := &Program{
		Name: j.ID, ID: j.ID, Descr: j.Descr, Type: cmp.Or(opts.Type, j.ProgType), Attach: j.AttachType, License: j.License,
		StrictAlignment: j.StrictAlignment || j.ProgFlags&flagStrict != 0, Flags: j.ProgFlags &^ flagStrict, Sleepable: j.ProgFlags&flagSleepable != 0, Unprivileged: j.Privileged != nil && !*j.Privileged, HasFuncInfo: j.FuncInfoPresent,
	}
	if p.Insns, err = isa.Decode(raw, false); err != nil {
		return nil, fmt.Errorf("insns: %w", err)
	}
	if err := j.maps(p); err != nil {
		return nil, err
	}
	if err := j.funcs(p); err != nil {
		return nil, err
	}
	c := &Case{Program: p, Expect: j.Expect, Message: j.LinuxMessage, Rule: j.Rule}
	return c, j.runs(c)
}

// code returns the bytes of the program. A program of no instructions is a case
// (the kernel refuses it), a line without the key is none.
func (j *jsonCase) code() ([]byte, error) {
	switch {
	case j.Insns == nil && j.InsnsGz == "":
		return nil, errors.New("neither insns nor insns_gz gives a program")
	case j.Insns != nil && j.InsnsGz != "":
		return nil, errors.New("both insns and insns_gz are given")
	case j.Insns != nil:
		b, err := hex.DecodeString(*j.Insns)
		if err != nil {
			return nil, fmt.Errorf("insns: %w", err)
		}
		return b, nil
	}
	z, err := base64.StdEncoding.DecodeString(j.InsnsGz)
	if err != nil {
		return nil, fmt.Errorf("insns_gz: %w", err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		return nil, fmt.Errorf("insns_gz: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(gz, maxInsns+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("insns_gz: %w", err)
	case len(b) > maxInsns:
		return nil, fmt.Errorf("insns_gz: over %d bytes", maxInsns)
	case len(b) == 0:
		return nil, errors.New("insns_gz: no program")
	}
	return b, nil
}

// maps fills Maps and Refs. An LD_IMM64 that says that it refers to a map, without
// a reference to say which, is left to the analysis to refuse.
func (j *jsonCase) maps(p *Program) error {
	index := map[string]int{}
	for i := range j.Maps {
		m, err := j.Maps[i].convert()
		if err != nil {
			return err
		}
		if _, ok := index[m.Name]; ok {
			return fmt.Errorf("map %q is defined twice", m.Name)
		}
		index[m.Name] = len(p.Maps)
		p.Maps = append(p.Maps, m)
	}
	for _, r := range j.MapRefs {
		m, ok := index[r.Map]
		switch {
		case !ok:
			return fmt.Errorf("map_refs: no map %q", r.Map)
		case r.Insn < 0 || r.Insn >= len(p.Insns):
			return fmt.Errorf("map_refs: instruction %d of %d", r.Insn, len(p.Insns))
		}
		in := p.Insns[r.Insn]
		ref := Ref{Insn: r.Insn, Kind: RefMap, Map: m}
		switch {
		case !in.IsLdImm64():
			return fmt.Errorf("map_refs: instruction %d is no 64-bit immediate load", r.Insn)
		case in.Src == isa.PseudoMapFD || in.Src == isa.PseudoMapIdx:
		case in.Src == isa.PseudoMapValue || in.Src == isa.PseudoMapIdxVal:
			ref.Kind, ref.Offset = RefMapValue, in.Next
		default:
			return fmt.Errorf("map_refs: instruction %d has subtype %d, which refers to no map", r.Insn, in.Src)
		}
		p.Refs = append(p.Refs, ref)
	}
	slices.SortStableFunc(p.Refs, func(a, b Ref) int { return cmp.Compare(a.Insn, b.Insn) })
	for i := 1; i < len(p.Refs); i++ {
		if p.Refs[i].Insn == p.Refs[i-1].Insn {
			return fmt.Errorf("map_refs: instruction %d is named twice", p.Refs[i].Insn)
		}
	}
	return nil
}

func (j *jsonMap) convert() (*Map, error) {
	m := &Map{Name: j.Name, Type: j.Type, KeySize: j.KeySize, ValueSize: j.ValueSize, MaxEntries: j.MaxEntries, Flags: j.Flags}
	for _, f := range j.Fields {
		size := cmp.Or(f.Size, specialSize(f.Kind))
		if size == 0 {
			return nil, fmt.Errorf("map %q: field of unknown kind %q", j.Name, f.Kind)
		}
		m.Fields = append(m.Fields, MapField{f.Kind, f.Offset, size})
	}
	sortFields(m)
	if j.Inner == nil {
		return m, nil
	}
	if j.Inner.Inner != nil {
		return nil, fmt.Errorf("map %q: its inner maps hold maps; only one level is possible", j.Name)
	}
	in := *j.Inner
	in.Name = cmp.Or(in.Name, j.Name+".inner")
	var err error
	m.Inner, err = in.convert() // does not call itself again: there is no deeper level
	return m, err
}

// funcs fills Funcs and BTF from func_info.
func (j *jsonCase) funcs(p *Program) error {
	if len(j.BTFTypes) > 0 {
		strs, err := hex.DecodeString(j.BTFStrings)
		if err != nil {
			return fmt.Errorf("btf_strings: %w", err)
		}
		p.BTF = rawBTF(j.BTFTypes, strs)
	}
	if len(j.FuncInfo) == 0 {
		return nil
	}
	if j.FuncInfo[0][0] != 0 {
		return fmt.Errorf("func_info: the first function starts at %d instead of 0", j.FuncInfo[0][0])
	}
	t, err := loadTypes(p.BTF, binary.LittleEndian)
	for i, fi := range j.FuncInfo {
		if uint64(fi[0]) >= uint64(len(p.Insns)) || (i > 0 && fi[0] <= j.FuncInfo[i-1][0]) {
			return fmt.Errorf("func_info: instruction %d is out of range or order", fi[0])
		}
		f := Func{Insn: int(fi[0]), Name: fmt.Sprintf("func_%d", fi[0]), TypeID: fi[1]}
		if err == nil {
			typ, err := t.spec.TypeByID(btf.TypeID(fi[1]))
			if fn, ok := typ.(*btf.Func); err == nil && ok {
				f.Name, f.Global = fn.Name, fn.Linkage == btf.GlobalFunc
			}
		}
		p.Funcs = append(p.Funcs, f)
	}
	p.HasFuncInfo = true
	return nil
}

// rawBTF puts a header before types and strings.
func rawBTF(types []uint32, strs []byte) []byte {
	o := binary.LittleEndian
	n := uint32(4 * len(types))
	b := o.AppendUint16(nil, btfMagic)
	b = append(b, 1, 0)
	for _, v := range []uint32{btfHeaderSize, 0, n, n, uint32(len(strs))} {
		b = o.AppendUint32(b, v)
	}
	for _, v := range types {
		b = o.AppendUint32(b, v)
	}
	return append(b, strs...)
}

func (j *jsonCase) runs(c *Case) error {
	for i, r := range j.Runs {
		data, err := hex.DecodeString(r.Data)
		if err != nil {
			return fmt.Errorf("run %d: data: %w", i, err)
		}
		run := Run{Data: data, NoR0: r.R0 == nil}
		if r.R0 != nil {
			if run.R0, err = unsigned(*r.R0); err != nil {
				return fmt.Errorf("run %d: r0: %w", i, err)
			}
		}
		c.Runs = append(c.Runs, run)
	}
	return nil
}

// unsigned reads a result that may be written with a sign.
func unsigned(n json.Number) (uint64, error) {
	if u, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return u, nil
	}
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no 64-bit number", n)
	}
	return uint64(i), nil
}
