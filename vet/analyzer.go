// Package vet is a go/analysis analyzer for Go packages that embed BPF objects.
//
// The idea: the Go compiler sees an object as bytes. What ties it to the program is
// text - names in struct tags, types that have to look like those of C - and nothing
// checks it before the program runs as root. Here the object is opened: each of its
// programs is verified, each tag is looked up, and each Go type that meets a map or a
// variable is laid beside its C type.
//
// Sources: the conventions of github.com/cilium/ebpf and its generator bpf2go: what
// the tag `ebpf:"name"` means, and how keys and values become bytes (memory where a
// type has no padding, encoding/binary where it has, which leaves the padding out).
//
// The trap: what cannot be known statically is passed over in silence, here alone: a
// map behind an interface or a parameter, a value of interface type. Verdicts about
// programs are loud as everywhere: what is not proved safe is reported.
package vet

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"sync"

	"github.com/bpfcheck/bpfcheck"
	"golang.org/x/tools/go/analysis"
)

// Analyzer is the analyzer with its flags -target, -btf and -strict.
var Analyzer = New(Settings{})

// Settings are what the flags of the analyzer say before they are parsed.
type Settings struct {
	// Target is what programs are judged for; the default target if empty.
	Target string `json:"target"`
	// BTF is a file with a kernel's BTF, none, or empty for this host's.
	BTF string `json:"btf"`
	// Strict also reports what objects do that only some loaders let pass.
	Strict bool `json:"strict"`
}

// settings are the flags of one analyzer.
type settings struct {
	target, btf, stamp string
	strict             bool

	once    sync.Once
	checker *bpfcheck.Checker
	err     error
}

// New returns an analyzer of its own, whose flags start with what set says.
func New(set Settings) *analysis.Analyzer {
	if set.Target == "" {
		set.Target = bpfcheck.DefaultTarget
	}
	s := &settings{}
	a := &analysis.Analyzer{
		Name: "bpfcheck",
		Doc: `verify embedded BPF objects and hold Go code against them

Objects that a package embeds (//go:embed x.o, as bpf2go writes it) are verified program
by program. Struct tags ebpf:"name" have to name a program, map or variable of the object,
and Go types used as keys, values and variables have to have its layout.`,
		URL: "https://github.com/bpfcheck/bpfcheck",
	}
	a.Flags.StringVar(&s.target, "target", set.Target, "judge programs for this `target`")
	a.Flags.StringVar(&s.btf, "btf", set.BTF, "`file` with the kernel's BTF, or none; default: this host's")
	a.Flags.BoolVar(&s.strict, "strict", set.Strict, "also report what objects do that only some loaders let pass")
	a.Flags.StringVar(&s.stamp, "stamp", "", "`text` that changes when results have to be computed anew; otherwise without effect")
	a.Run = func(pass *analysis.Pass) (any, error) { return nil, s.run(pass) }
	return a
}

// open makes the checker, once a process.
func (s *settings) open() (*bpfcheck.Checker, error) {
	s.once.Do(func() {
		s.checker, s.err = bpfcheck.New(bpfcheck.Options{Target: s.target, BTF: s.btf})
	})
	return s.checker, s.err
}

// run checks one package.
func (s *settings) run(pass *analysis.Pass) error {
	p := &pkg{settings: s, pass: pass, objects: map[string]*object{}, said: map[string]bool{}, bad: map[token.Pos]bool{}}
	for _, f := range pass.Files {
		p.files = append(p.files, &file{ast: f, name: pass.Fset.Position(f.FileStart).Filename, typed: true})
	}
	// Files for other byte orders and machines: bpf2go writes one for each.
	for _, name := range pass.IgnoredFiles {
		src, err := pass.ReadFile(name)
		if err != nil {
			continue
		}
		f, err := parser.ParseFile(pass.Fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || f.Name.Name != pass.Pkg.Name() {
			continue // not part of any build of this package, or not for us to complain about
		}
		p.files = append(p.files, &file{ast: f, name: name})
	}
	for _, f := range p.files {
		p.embeds(f)
	}
	if len(p.all) > 0 {
		if _, err := s.open(); err != nil {
			return err
		}
		for _, e := range p.all {
			if err := p.load(e); err != nil {
				return err
			}
		}
		for _, f := range p.files {
			p.tags(f)
			p.generated(f)
		}
		for _, e := range p.all {
			p.verify(e)
		}
	}
	return p.uses()
}

// pkg is the check of one package.
type pkg struct {
	*settings
	pass    *analysis.Pass
	files   []*file
	all     []*embed           // in the order of files and directives
	objects map[string]*object // by path
	said    map[string]bool    // findings about programs, which files share
	bad     map[token.Pos]bool // declarations of types that have been reported
}

// file is a Go file. typed: it belongs to this build and has type information.
type file struct {
	ast    *ast.File
	name   string
	typed  bool
	embeds []*embed
	tags   []tag
}

func (p *pkg) report(pos token.Pos, category, format string, args ...any) {
	p.pass.Report(analysis.Diagnostic{Pos: pos, Category: category, Message: fmt.Sprintf(format, args...)})
}
