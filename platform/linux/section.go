package linux

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
)

// section is a definition of sections.txt.
type section struct {
	platform.Section
	extra bool // NAME/EXTRA stands for it as well
	since platform.Version
}

// sectionRow: name, program type, attach type, sleep, since.
func (t *tables) sectionRow(cells []string) error {
	if err := columns(cells, 5); err != nil {
		return err
	}
	p := t.progByName[cells[1]]
	if p == nil {
		return fmt.Errorf("unknown program type %q", cells[1])
	}
	since, err := parseVersion(cells[4])
	if err != nil {
		return err
	}
	name, extra := strings.CutSuffix(cells[0], "+")
	s := section{
		Section: platform.Section{ProgType: cells[1], Sleepable: cells[3] == "sleep", Def: cells[0]},
		extra:   extra,
		since:   max(since, p.Since),
	}
	if cells[2] != "-" {
		ids, err := t.attachIDs(cells[2])
		if err != nil {
			return err
		}
		s.Attach = ids[0]
	}
	if _, ok := t.sections[name]; ok {
		return fmt.Errorf("section %q defined twice", name)
	}
	t.sections[name] = s
	return nil
}

// Section implements platform.Target. A leading ? (not loaded on its own) is no
// part of the name. The exact name wins over NAME/EXTRA, the longest NAME first.
func (t *Target) Section(name string) (platform.Section, bool) {
	name = strings.TrimPrefix(name, "?")
	for cut := len(name); cut > 0; cut = strings.LastIndexByte(name[:cut], '/') {
		s, ok := t.t.sections[name[:cut]]
		if !ok || s.since > t.version || (cut < len(name) && !s.extra) {
			continue
		}
		if cut < len(name) {
			s.AttachName = name[cut+1:]
		}
		return s.Section, true
	}
	return platform.Section{}, false
}
