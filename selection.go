package bpfcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/loader"
)

// selection yields the programs that were asked for, and remembers which were there.
type selection struct {
	names []string // all if empty
	yield func(Input, error) bool
	seen  []string // names of programs that were not asked for
	hit   []string // names that were asked for and are there
}

const maxSeen = 1000 // names that are kept for an error message

func (s *selection) fail(err error) bool { return s.yield(Input{}, err) }

func (s *selection) objects(path string, objects []*loader.Object, err error) bool {
	if err != nil {
		for _, err := range each(err) {
			if !s.fail(err) {
				return false
			}
		}
	}
	for _, obj := range objects {
		if len(obj.Programs) == 0 && !s.fail(&loader.Error{File: obj.Path, Offset: -1, What: "the object has no programs",
			Fix: `put each program into a section that names its type: SEC("xdp")`}) {
			return false
		}
		for _, p := range obj.Programs {
			if !s.program(obj.Path, p) {
				return false
			}
		}
	}
	return true
}

func (s *selection) program(path string, p *loader.Program) bool {
	if len(s.names) > 0 && !slices.Contains(s.names, p.Name) {
		if len(s.seen) < maxSeen {
			s.seen = append(s.seen, p.Name)
		}
		return true
	}
	if len(s.names) > 0 && !slices.Contains(s.hit, p.Name) {
		s.hit = append(s.hit, p.Name)
	}
	return s.yield(Input{path, p}, nil)
}

// end complains of names that no program has.
func (s *selection) end(paths []string) {
	for _, name := range s.names {
		if slices.Contains(s.hit, name) {
			continue
		}
		fix := ""
		if len(s.seen) > 0 {
			fix = "there are " + list(s.seen, 8)
		}
		if !s.fail(&loader.Error{File: list(paths, 3), Offset: -1, What: fmt.Sprintf("no program is called %q", name), Fix: fix}) {
			return
		}
	}
}

// list joins names, the first n of them.
func list(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
