package corpus

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Parse reads the programs of one text file. Names of helpers are the target's.
// An error says file and line.
func Parse(file, text string, target platform.Target) ([]*Program, error) {
	var ps []*Program
	lines := strings.Split(text, "\n")
	for n := 0; n < len(lines); {
		end := n + 1
		for end < len(lines) && !isStart(lines[end]) {
			end++
		}
		switch {
		case isStart(lines[n]):
			p, err := parseProgram(file, n+1, lines[n:end], target)
			if err != nil {
				return nil, fmt.Errorf("%s:%w", file, err)
			}
			ps = append(ps, p)
		default:
			for k, l := range lines[n:end] {
				if s := strings.TrimSpace(l); s != "" && s[0] != '#' && !strings.HasPrefix(s, "//") {
					return nil, fmt.Errorf("%s:%d: expected a comment or \"; program NAME\"", file, n+k+1)
				}
			}
		}
		n = end
	}
	return ps, nil
}

func isStart(line string) bool {
	d, ok := directive(line)
	word, _, _ := strings.Cut(d, " ")
	return ok && word == "program"
}

// directive returns the text after the ";" of a line that holds nothing else.
func directive(line string) (string, bool) {
	s, ok := strings.CutPrefix(strings.TrimSpace(line), ";")
	return strings.TrimSpace(s), ok
}

// header collects the directives of a program.
type header struct {
	p      *Program
	maps   map[string]*loader.Map
	inner  map[string]string // of map, by name
	expect string
	linux  string
}

// parseProgram reads the program whose first line has number first. Its errors
// start with a line number.
func parseProgram(file string, first int, lines []string, target platform.Target) (*Program, error) {
	h := &header{
		p: &Program{File: file, Line: first, Load: &loader.Program{
			Type: "socket_filter", License: "GPL",
		}},
		maps: map[string]*loader.Map{}, inner: map[string]string{},
	}
	for n, line := range lines {
		if d, ok := directive(line); ok {
			if err := h.directive(d); err != nil {
				return nil, fmt.Errorf("%d: %w", first+n, err)
			}
		}
	}
	prefix, _, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".bpf"), "_")
	if !strings.HasPrefix(prefix, "v") {
		prefix = strings.TrimSuffix(path.Base(file), ".bpf")
	}
	h.p.Name = prefix + "/" + h.p.Name
	h.p.Load.Name, h.p.Load.ID = h.p.Name, h.p.Name
	if err := h.finish(); err != nil {
		return nil, fmt.Errorf("%d: %w", first, err)
	}
	if err := h.code(first, lines, target); err != nil {
		return nil, err
	}
	return h.p, h.check(first)
}

// directive reads one line of the header.
func (h *header) directive(d string) error {
	word, rest, _ := strings.Cut(d, " ")
	rest = strings.TrimSpace(rest)
	l := h.p.Load
	if flag := word == "unprivileged" || word == "strict-alignment" || word == "sleepable"; flag != (rest == "") {
		return fmt.Errorf("directive %q: wrong number of words", word)
	}
	var err error
	switch word {
	case "program":
		h.p.Name = rest
	case "type":
		l.Type = rest
	case "attach":
		var v uint64
		v, err = strconv.ParseUint(rest, 0, 32)
		l.Attach = uint32(v)
	case "attach_to":
		l.AttachTo = rest
	case "license":
		l.License = rest
	case "unprivileged":
		l.Unprivileged = true
	case "sleepable":
		l.Sleepable = true
	case "strict-alignment":
		l.StrictAlignment = true
	case "map":
		err = h.mapDef(rest)
	case "expect":
		h.expect = rest
	case "linux":
		h.linux, rest, _ = strings.Cut(rest, " ")
		h.p.Linux.Message, err = message(rest)
	case "because":
		h.p.Linux.Because = rest
	case "gap":
		h.p.Gap = rest
	default:
		err = fmt.Errorf("unknown directive %q", word)
	}
	return err
}

// message reads a regular expression between quotes, or nothing.
func message(s string) (*regexp.Regexp, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	q, err := strconv.Unquote(s)
	if err != nil {
		return nil, fmt.Errorf("expected a regular expression between quotes, found %s", s)
	}
	return regexp.Compile(q)
}

// fieldSizes are the bytes of the special fields that a map's value may have.
var fieldSizes = map[string]uint32{"spin_lock": 4, "timer": 16}

// mapDef reads "NAME TYPE key=4 value=8 …".
func (h *header) mapDef(s string) error {
	f := strings.Fields(s)
	if len(f) < 2 {
		return errors.New("a map needs a name and a type")
	}
	m := &loader.Map{Name: f[0], Type: f[1]}
	for _, o := range f[2:] {
		key, value, _ := strings.Cut(o, "=")
		var v uint64
		var err error
		switch key {
		case "frozen":
			m.Frozen = true
			continue
		case "inner":
			h.inner[m.Name] = value
			continue
		case "data":
			if m.Data, err = hex.DecodeString(value); err != nil {
				return err
			}
			continue
		}
		if v, err = strconv.ParseUint(value, 0, 32); err != nil {
			return err
		}
		switch key {
		case "key":
			m.KeySize = uint32(v)
		case "value":
			m.ValueSize = uint32(v)
		case "entries":
			m.MaxEntries = uint32(v)
		case "flags":
			m.Flags = uint32(v)
		case "spin_lock", "timer":
			m.Fields = append(m.Fields, loader.MapField{Kind: key, Offset: uint32(v), Size: fieldSizes[key]})
		default:
			return fmt.Errorf("map: unknown option %q", key)
		}
	}
	if h.maps[m.Name] != nil {
		return fmt.Errorf("map %s is defined twice", m.Name)
	}
	if len(m.Data) > int(m.ValueSize) {
		return fmt.Errorf("map %s: data is longer than its value", m.Name)
	}
	h.maps[m.Name] = m
	h.p.Load.Maps = append(h.p.Load.Maps, m)
	return nil
}

// finish checks that the header is complete.
func (h *header) finish() error {
	p := h.p
	for of, name := range h.inner {
		if h.maps[of].Inner = h.maps[name]; h.maps[name] == nil {
			return fmt.Errorf("map %s: no map %s", of, name)
		}
	}
	switch h.expect {
	case "safe":
		p.Safe = true
	case "reject":
	default:
		return fmt.Errorf("expected \"; expect safe\" or \"; expect reject\", found %q", h.expect)
	}
	p.Linux.Accept = p.Safe
	switch h.linux {
	case "":
	case "accept", "reject":
		p.Linux.Accept = h.linux == "accept"
	default:
		return fmt.Errorf("expected \"; linux accept\" or \"; linux reject\", found %q", h.linux)
	}
	if p.Linux.Accept && p.Linux.Message != nil {
		return errors.New("a message for a program that Linux accepts")
	}
	if (p.Linux.Accept != p.Safe) != (p.Linux.Because != "") {
		return errors.New("\"; because\" belongs where Linux differs, and only there")
	}
	if p.Gap != "" && !p.Safe {
		return errors.New("\"; gap\" is for safe programs")
	}
	return nil
}

// code assembles the instructions and reads what is said at them.
func (h *header) code(first int, lines []string, target platform.Target) error {
	var kfuncs []string
	src, err := isa.Assemble(strings.Join(lines, "\n"), isa.AsmOptions{
		Helper: func(name string) (int32, bool) { return target.HelperID(strings.TrimPrefix(name, "bpf_")) },
		// The id of a kernel function is the kernel's; until it is known, a number.
		Kfunc: func(name string) (int32, int16, bool) {
			kfuncs = append(kfuncs, name)
			return int32(len(kfuncs)), 0, true
		},
	})
	if err != nil {
		var se *isa.SyntaxError
		if errors.As(err, &se) {
			return fmt.Errorf("%d:%d: %s", first+se.Line-1, se.Col, se.Msg)
		}
		return err
	}
	l := h.p.Load
	l.Insns = src.Insns
	for pc, i := range l.Insns {
		if i.IsCall() && i.Src == isa.CallKfunc && i.Imm > 0 && int(i.Imm) <= len(kfuncs) {
			if l.Kfuncs == nil {
				l.Kfuncs = map[int]string{}
			}
			l.Kfuncs[pc] = kfuncs[i.Imm-1]
		}
	}
	for _, r := range src.MapRefs {
		k := 0
		for k < len(l.Maps) && l.Maps[k].Name != r.Name {
			k++
		}
		if k == len(l.Maps) {
			return fmt.Errorf("%d: no map %s", first+src.Lines[r.Insn]-1, r.Name)
		}
		ref := loader.Ref{Insn: r.Insn, Kind: loader.RefMap, Map: k}
		if r.Value {
			ref.Kind, ref.Offset = loader.RefMapValue, int32(r.Off)
		}
		l.Refs = append(l.Refs, ref)
	}
	for pc, n := range src.Lines {
		h.p.Lines = append(h.p.Lines, first+n-1)
		if pc > 0 && src.Lines[pc-1] == n {
			continue // the second slot of a wide instruction
		}
		raw := strings.TrimRight(lines[n-1], " \t\r")
		note := src.Comments[n-1]
		if code := strings.TrimRight(strings.TrimSuffix(raw, note), " \t"); note == "" || !strings.HasSuffix(code, ";") {
			continue // prose
		}
		if err := h.p.notes(pc, first+n-1, note); err != nil {
			return fmt.Errorf("%d: %w", first+n-1, err)
		}
	}
	return nil
}

var (
	wantForm = regexp.MustCompile(`^want ([VI]\d+(?:\|[VI]\d+)*)(?: +("(?:[^"\\]|\\.)*"))?(?: *; *|$)`)
	invForm  = regexp.MustCompile(`^inv r(\d+) in \[(-?\w+), (-?\w+)\](?: *; *|$)`)
)

// notes reads what stands behind an instruction: notes with ";" between them.
func (p *Program) notes(pc, line int, s string) error {
	for s != "" {
		m := wantForm.FindStringSubmatch(s)
		if m == nil {
			m = invForm.FindStringSubmatch(s)
			if m == nil {
				return fmt.Errorf("expected want or inv, found %q", s)
			}
			if err := p.inv(pc, line, m); err != nil {
				return err
			}
			s = s[len(m[0]):]
			continue
		}
		re, err := message(m[2])
		if err != nil {
			return err
		}
		p.Wants = append(p.Wants, Want{PC: pc, Line: line, Rules: strings.Split(m[1], "|"), Message: re})
		s = s[len(m[0]):]
	}
	return nil
}

// inv reads the matches of invForm.
func (p *Program) inv(pc, line int, m []string) error {
	reg, err := strconv.ParseUint(m[1], 10, 8)
	if err != nil || reg >= isa.NumRegs {
		return fmt.Errorf("no register r%s", m[1])
	}
	inv := Inv{PC: pc, Line: line, Reg: isa.Reg(reg), Signed: strings.HasPrefix(m[2]+m[3], "-") || m[3][0] == '-'}
	if inv.Min, err = bound(m[2]); err != nil {
		return err
	}
	if inv.Max, err = bound(m[3]); err != nil {
		return err
	}
	if inv.Signed && int64(inv.Min) > int64(inv.Max) || !inv.Signed && inv.Min > inv.Max {
		return fmt.Errorf("empty range [%s, %s]", m[2], m[3])
	}
	p.Invs = append(p.Invs, inv)
	return nil
}

func bound(s string) (uint64, error) {
	if strings.HasPrefix(s, "-") {
		v, err := strconv.ParseInt(s, 0, 64)
		return uint64(v), err
	}
	return strconv.ParseUint(s, 0, 64)
}

// check refuses what cannot be meant.
func (h *header) check(first int) error {
	switch p := h.p; {
	case len(p.Load.Insns) == 0:
		return fmt.Errorf("%d: a program without instructions", first)
	case !p.Safe && len(p.Wants) == 0:
		return fmt.Errorf("%d: a program to reject, and no want", first)
	case p.Safe && len(p.Wants) > 0 && p.Gap == "":
		return fmt.Errorf("%d: a want in a safe program", first)
	}
	return nil
}
