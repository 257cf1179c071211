// Package linux is the platform of the Linux kernel, from linux-4.19 on: which
// program types, contexts, helpers, map types and section names a version has, and
// what each demands.
//
// The idea: everything is rows of text in the folder tables, embedded and parsed
// once. Each row carries the version that it appeared in; a Target is those tables
// seen from one version.
//
// Sources: the rows are facts observed on a live 6.18 x86-64 kernel (availability
// of helpers, contexts, exit ranges, maps) and, where that could not be probed
// (LSM, LIRC, struct_ops, fentry), what its source says. Helpers, contexts and
// sections are written by internal/gen; the others by hand.
//
// The trap: Since alone does not make an older version exact. A helper known to 5.10
// may since have been opened to more program types, a map type to more helpers; the
// rows know some of these dates (strtoul 5.19, the tracing helpers 6.16), for the
// rest the finer columns are 6.18's, and older versions err towards accepting.
package linux

//go:generate go run ./internal/gen ../../../shared/spec tables

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
)

// Target is Linux at one version. It is immutable and safe for concurrent use.
type Target struct {
	version platform.Version
	t       *tables
}

var _ platform.Target = (*Target)(nil)

// New returns Linux at the given version.
func New(version platform.Version) *Target { return &Target{version, loaded()} }

// Names lists the targets that the tables were made with, oldest first. Lookup takes
// the versions in between as well.
func Names() []string {
	return []string{"linux-5.10", "linux-5.15", "linux-6.1", "linux-6.6", "linux-6.12", "linux-6.18", "linux-7.3"}
}

// first and last bound the versions that Lookup takes; minors is the last minor
// version of each major one.
var (
	first  = platform.V(4, 19)
	last   = platform.V(7, 3)
	minors = map[uint8]uint8{4: 20, 5: 19, 6: 19, 7: 3}
)

// Lookup finds a target by its name: "linux-6.18".
func Lookup(name string) (platform.Target, error) {
	if num, ok := strings.CutPrefix(name, "linux-"); ok {
		v, err := parseVersion(num)
		if err == nil && v >= first && v <= last && uint8(v) <= minors[uint8(v>>8)] {
			return New(v), nil
		}
	}
	return nil, fmt.Errorf("unknown target %q: want one of %s, or another Linux version from 4.19 to 7.3",
		name, strings.Join(Names(), ", "))
}

// parseVersion parses MAJOR.MINOR without signs or leading zeros.
func parseVersion(s string) (platform.Version, error) {
	major, minor, ok := strings.Cut(s, ".")
	a, err1 := strconv.ParseUint(major, 10, 8)
	b, err2 := strconv.ParseUint(minor, 10, 8)
	padded := len(major) > 1 && major[0] == '0' || len(minor) > 1 && minor[0] == '0'
	if !ok || err1 != nil || err2 != nil || padded {
		return 0, fmt.Errorf("bad version %q", s)
	}
	return platform.V(uint8(a), uint8(b)), nil
}

// Version is the kernel version of the target.
func (t *Target) Version() platform.Version { return t.version }

// Name implements platform.Target.
func (t *Target) Name() string {
	return fmt.Sprintf("linux-%d.%d", t.version>>8, t.version&0xff)
}

// ProgType implements platform.Target.
func (t *Target) ProgType(name string) (*platform.ProgType, bool) {
	p, ok := t.t.progByName[name]
	if !ok || p.Since > t.version {
		return nil, false
	}
	return &p.ProgType, true
}

// ProgTypes lists the program types of this version by their numbers.
func (t *Target) ProgTypes() []*platform.ProgType {
	var out []*platform.ProgType
	for i := range t.t.progs {
		if p := &t.t.progs[i]; p.Since <= t.version {
			out = append(out, &p.ProgType)
		}
	}
	return out
}

// MapType implements platform.Target.
func (t *Target) MapType(name string) (*platform.MapType, bool) {
	i := slices.IndexFunc(t.t.maps, func(m platform.MapType) bool { return m.Name == name })
	return t.mapAt(i)
}

// MapTypeByID implements platform.Target.
func (t *Target) MapTypeByID(id uint32) (*platform.MapType, bool) {
	if id == 0 || id > uint32(len(t.t.maps)) {
		return nil, false
	}
	return t.mapAt(int(id) - 1)
}

func (t *Target) mapAt(i int) (*platform.MapType, bool) {
	if i < 0 || t.t.maps[i].Since > t.version {
		return nil, false
	}
	return &t.t.maps[i], true
}

// Limits implements platform.Target. The values are 6.18's; they have been the
// same since 5.2, except that shorter frames were not rounded to 16 but to 32 bytes
// before 6.8.
func (t *Target) Limits() platform.Limits {
	l := platform.Limits{
		Insns: 1_000_000, InsnsUnprivileged: 4096, Frames: 8, StackBytes: 512, StackRound: 16,
		Subprograms: 256, Maps: 64, PacketOffset: 0xffff, PointerOffset: 1 << 29,
	}
	if t.version < platform.V(6, 8) {
		l.StackRound = 32
	}
	if t.version < platform.V(5, 2) {
		l.Insns = 4096
	}
	return l
}

// GPLCompatible implements platform.Target.
func (t *Target) GPLCompatible(licence string) bool {
	switch licence {
	case "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL":
		return true
	}
	return false
}
