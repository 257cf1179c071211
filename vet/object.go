package vet

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/btfcheck/objcheck"
	"github.com/bpfcheck/bpfcheck/loader"
)

// object is an embedded object: what it holds by name, and what is wrong with it.
type object struct {
	name     string // of the file
	big      bool
	types    *btfcheck.Spec // nil without BTF
	programs []string
	maps     map[string]*loader.Map
	vars     map[string]variable
	report   *objcheck.Report
	programsOf
}

// programsOf are the programs as they are verified.
type programsOf struct {
	inputs []bpfcheck.Input
	err    error
}

// variable is a global variable that Go code can see. id is its VAR, 0 if unknown.
type variable struct {
	size uint64
	id   btfcheck.TypeID
}

// load opens the object of a directive, or reports that it cannot be read.
func (p *pkg) load(e *embed) error {
	if o, ok := p.objects[e.path]; ok {
		e.obj = o
		return nil
	}
	o, err := p.read(e.path)
	if err != nil {
		p.report(e.pos, "object", "%v", err)
		return nil
	}
	p.objects[e.path], e.obj = o, o
	for i, d := range o.report.Diagnostics {
		if i == maxObjectFindings {
			p.report(e.pos, "object", "object %s: and %d more findings: see bpfcheck btf", o.name, len(o.report.Diagnostics)-i)
			break
		}
		p.report(e.pos, d.Rule, "object %s: %s [%s]", o.name, d.Message, d.Rule)
	}
	return nil
}

const maxObjectFindings = 5

// read reads an object with all that is needed to compare names and types.
func (p *pkg) read(path string) (*object, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("object %s cannot be read: %w", filepath.Base(path), err)
	}
	if st.Size() > maxObject {
		return nil, fmt.Errorf("object %s has %d bytes, more than any BPF object", filepath.Base(path), st.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("object %s cannot be read: %w", filepath.Base(path), err)
	}
	c, err := p.open()
	if err != nil {
		return nil, err
	}
	o := &object{name: filepath.Base(path), maps: map[string]*loader.Map{}, vars: map[string]variable{}}
	o.report = objcheck.Bytes(o.name, b, objcheck.Options{Strict: p.strict, Target: c.Target()})
	o.types = o.report.Types
	objs, err := loader.LoadBytes(o.name, b, loader.Options{Target: c.Target()})
	if err != nil || len(objs) == 0 {
		if o.report.Valid { // otherwise it has been said better
			o.err = err
		}
		return o, nil
	}
	for _, m := range objs[0].Maps {
		o.maps[m.Name] = m
	}
	if len(objs[0].Programs) > 0 { // there are objects of maps or of struct_ops alone
		o.load(c, b)
	}
	if f, err := loader.ReadELF(o.name, b); err == nil {
		o.big = f.BigEndian
		o.variables(f)
	}
	slices.Sort(o.programs)
	return o, nil
}

// load makes the programs as they are to be verified, relocated for the kernel.
func (o *object) load(c *bpfcheck.Checker, b []byte) {
	for in, err := range c.LoadBytes(o.name, b) {
		if err != nil {
			o.err = err
			continue
		}
		o.inputs = append(o.inputs, in)
		o.programs = append(o.programs, in.Program.Name)
	}
}

// variables lists the global variables of data sections, as loaders show them: those
// that are neither static nor hidden.
func (o *object) variables(f *loader.File) {
	types := map[string]btfcheck.TypeID{}
	if o.types != nil {
		for t := range o.types.Types() {
			if t.Kind == btfcheck.KindVar && t.Name() != "" {
				types[t.Name()] = t.ID
			}
		}
	}
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Section <= 0 || s.Section >= len(f.Sections) || s.Bind == loader.BindLocal || s.Hidden() || s.Name == "" || s.Name[0] == '.' {
			continue
		}
		for _, base := range []string{".data", ".bss", ".rodata"} {
			if rest, ok := strings.CutPrefix(f.Sections[s.Section].Name, base); ok && (rest == "" || rest[0] == '.') {
				o.vars[s.Name] = variable{s.Size, types[s.Name]}
			}
		}
	}
}

// kind is what a tag can name.
type kind string

// The kinds.
const (
	isProgram  kind = "program"
	isMap      kind = "map"
	isVariable kind = "variable"
)

// names lists what the object has of a kind, sorted.
func (o *object) names(k kind) []string {
	var out []string
	switch k {
	case isProgram:
		return o.programs
	case isMap:
		for n := range o.maps {
			out = append(out, n)
		}
	case isVariable:
		for n := range o.vars {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}

func (o *object) has(k kind, name string) bool { return slices.Contains(o.names(k), name) }

// verify verifies the programs of an embedded object. What two objects for different
// byte orders share is said once.
func (p *pkg) verify(e *embed) {
	o := e.obj
	if o == nil || p.said["verified "+e.path] {
		return
	}
	p.said["verified "+e.path] = true
	if o.err != nil {
		p.report(e.pos, "object", "object %s: %s", o.name, strings.TrimPrefix(o.err.Error(), o.name+": "))
	}
	for _, in := range o.inputs {
		r := p.checker.Verify(in)
		if r.Safe() {
			continue
		}
		rule, text := describe(r)
		if key := in.Program.Name + "\x00" + text; p.said[key] {
			continue
		} else {
			p.said[key] = true
		}
		pos := e.pos
		if t := e.file.tagOf(isProgram, in.Program.Name); t != nil {
			pos = t.pos
		}
		p.report(pos, rule, "program %s of %s %s", in.Program.Name, o.name, text)
	}
}

// describe puts a report that is not safe into a sentence.
func describe(r *bpfcheck.Report) (rule, text string) {
	switch {
	case r.Verdict == "unsupported":
		return "unsupported", fmt.Sprintf("cannot be judged for %s: %s", r.Target, r.Reason)
	case len(r.Diagnostics) == 0:
		return r.Verdict, fmt.Sprintf("is not proved safe for %s: %s", r.Target, r.Reason)
	}
	d := r.Diagnostics[0]
	verdict := "is not proved safe"
	if r.Verdict == "unsafe" {
		verdict = "is unsafe"
	}
	text = fmt.Sprintf("%s for %s: %s", verdict, r.Target, d.Message)
	if title := bpfcheck.RuleTitle(d.Rule); title != "" {
		text += fmt.Sprintf(" [%s %s]", d.Rule, title)
	} else {
		text += fmt.Sprintf(" [%s]", d.Rule)
	}
	if d.File != "" {
		text += fmt.Sprintf(", at %s:%d", d.File, d.Line)
	} else {
		text += fmt.Sprintf(", at instruction %d", d.PC)
	}
	if n := len(r.Diagnostics) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more: see bpfcheck verify)", n)
	}
	return d.Rule, text
}
