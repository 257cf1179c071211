package loader

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/platform"
)

// setType fills the fields that the section's name decides. A leading "?" only
// says that libbpf shall not load the program by itself.
func setType(p *Program, opts Options) {
	if s, ok := findSection(strings.TrimPrefix(p.Section, "?"), opts.Target); ok {
		p.Type, p.Attach, p.AttachTo, p.Sleepable = s.ProgType, s.Attach, s.AttachName, s.Sleepable
		if strings.HasPrefix(s.Def, "xdp.frags") {
			p.Flags |= flagFrags
		}
	}
	if opts.Type != "" && opts.Type != p.Type {
		p.Type, p.Attach, p.Sleepable, p.Flags = opts.Type, 0, false, 0
	}
	if p.Sleepable {
		p.Flags |= flagSleepable
	}
}

// Load flags of the bpf(2) call.
const (
	flagStrict    = 1 << 0
	flagSleepable = 1 << 4
	flagFrags     = 1 << 5
)

// findSection asks the platform and, if it does not know the name, for the longest
// beginning of it that it knows: "socket/main" and "socket_filter" are sockets for
// libbpf before 1.0 and for other loaders, and old objects use such names.
func findSection(name string, t platform.Target) (platform.Section, bool) {
	if s, ok := t.Section(name); ok {
		return s, true
	}
	for n := min(len(name)-1, maxSectionName); n > 1; n-- {
		if s, ok := t.Section(name[:n]); ok && s.AttachName == "" {
			return s, true
		}
	}
	return platform.Section{}, false
}

// maxSectionName is longer than any platform's section definition.
const maxSectionName = 64

// mapTypeName returns the platform's name of a map type. A number that the
// platform does not know has no name there; the one made up here is in no table,
// so that nothing is allowed on such a map.
func mapTypeName(t platform.Target, id uint32) string {
	if m, ok := t.MapTypeByID(id); ok {
		return m.Name
	}
	return fmt.Sprintf("type_%d", id)
}

// kernelVersion reads the version of a target's name, as LINUX_KERNEL_VERSION
// has it: major<<16 | minor<<8.
func kernelVersion(t platform.Target) (uint32, bool) {
	_, v, ok := strings.Cut(t.Name(), "-")
	if !ok {
		return 0, false
	}
	var major, minor uint32
	if n, err := fmt.Sscanf(v, "%d.%d", &major, &minor); n != 2 || err != nil || major > 255 || minor > 255 {
		return 0, false
	}
	return major<<16 | minor<<8, true
}
