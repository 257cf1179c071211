package linux

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/bpfcheck/bpfcheck/platform"
)

//go:embed tables/*.txt
var files embed.FS

// tables are all tables, parsed. Slices are ordered by number.
type tables struct {
	attach     map[string]attachType
	progs      []progType // number - 1
	progByName map[string]*progType
	layouts    map[string]*layout
	contexts   map[contextKey]*layout
	structs    map[platform.ValueKind]*layout
	maps       []platform.MapType // number - 1
	mapHelpers []mapHelper
	helpers    []helper // number - 1
	helperIDs  map[string]int32
	sections   map[string]section
	kfuncs     map[string]*kfunc
	nullable   map[string]uint64 // arguments of trace events, a bit each
}

// attachType is an attach type's number and first version.
type attachType struct {
	id    uint32
	since platform.Version
}

// loaded parses the tables once. They are part of the program: an error in them is
// a mistake of ours that every test meets, hence the panic.
var loaded = sync.OnceValue(func() *tables {
	t, err := parseTables()
	if err != nil {
		panic("platform/linux: " + err.Error())
	}
	return t
})

// parseTables parses the files in the order in which they refer to each other.
func parseTables() (*tables, error) {
	t := &tables{
		attach:     map[string]attachType{},
		progByName: map[string]*progType{},
		layouts:    map[string]*layout{},
		contexts:   map[contextKey]*layout{},
		structs:    map[platform.ValueKind]*layout{},
		helpers:    make([]helper, 0, 256),
		helperIDs:  make(map[string]int32, 256),
		sections:   make(map[string]section, 128),
		kfuncs:     make(map[string]*kfunc, 256),
		nullable:   make(map[string]uint64, 64),
	}
	lp := layoutParser{t: t, fields: map[string][]namedField{}}
	hp := helperParser{t: t, sets: map[string][]item{}}
	kp := kfuncParser{t: t, sets: map[string]string{}}
	steps := []struct {
		file string
		row  func(cells []string) error
	}{
		{"attach.txt", t.attachRow},
		{"progtypes.txt", t.progRow},
		{"contexts.txt", lp.row},
		{"structs.txt", lp.row},
		{"maps.txt", t.mapRow},
		{"helpers.txt", hp.row},
		{"sections.txt", t.sectionRow},
		{"kfuncs.txt", kp.row},
		{"nullable.txt", t.nullableRow},
	}
	t.progs = make([]progType, 0, 64) // addresses into it are kept: it must not grow
	for _, s := range steps {
		if err := parseFile(s.file, s.row); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// parseFile calls row with the cells of each line that is no comment. The slice is
// used again for the next line: row may keep the cells, not the slice.
func parseFile(name string, row func(cells []string) error) error {
	data, err := files.ReadFile("tables/" + name)
	if err != nil {
		return err
	}
	n := 0
	var cells []string
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		cells = cells[:0]
		for tab := true; tab; {
			var cell string
			cell, line, tab = strings.Cut(line, "\t")
			cells = append(cells, cell)
		}
		if err := row(cells); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	return nil
}

// columns demands a number of cells.
func columns(cells []string, n int) error {
	if len(cells) != n {
		return fmt.Errorf("%d columns, want %d", len(cells), n)
	}
	return nil
}

// inOrder demands that rows come in the order of their numbers.
func inOrder(s string, have int) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return err
	}
	if n != have+1 {
		return fmt.Errorf("number %d, want %d", n, have+1)
	}
	return nil
}

// attachRow: number, name, since.
func (t *tables) attachRow(cells []string) error {
	if err := columns(cells, 3); err != nil {
		return err
	}
	if err := inOrder(cells[0], len(t.attach)-1); err != nil {
		return err
	}
	since, err := parseVersion(cells[2])
	if err != nil {
		return err
	}
	t.attach[cells[1]] = attachType{uint32(len(t.attach)), since}
	return nil
}

// attachIDs parses names of attach types joined by |.
func (t *tables) attachIDs(s string) ([]uint32, error) {
	var ids []uint32
	for _, name := range strings.Split(s, "|") {
		a, ok := t.attach[name]
		if !ok {
			return nil, fmt.Errorf("unknown attach type %q", name)
		}
		ids = append(ids, a.id)
	}
	return ids, nil
}
