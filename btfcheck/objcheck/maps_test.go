package objcheck

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestShapes compares the rows with what Linux 6.18 was seen to accept.
func TestShapes(t *testing.T) {
	b, err := os.ReadFile("../../../shared/spec/maps.tsv")
	if err != nil {
		t.Skip("no folder shared beside the repository: the facts about maps are not compared")
	}
	bits := map[string]uint32{}
	for bit, name := range flagNames {
		bits[name] = bit
	}
	rows := 0
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(cells) < 6 || cells[0] == "linux_enum" || cells[0] == "-" || strings.HasPrefix(cells[0], "#") {
			continue
		}
		name := strings.ToLower(cells[1])
		sh, ok := shapes[name]
		if !ok {
			t.Errorf("no row for map type %s", name)
			continue
		}
		rows++
		flags, needed := uint32(0), uint32(0)
		for f := range strings.SplitSeq(cells[5], ",") {
			f, must := strings.CutSuffix(f, " (mandatory)")
			if f == "-" {
				continue
			}
			if bits[f] == 0 {
				t.Errorf("unknown flag %q", f)
			}
			flags |= bits[f]
			if must {
				needed |= bits[f]
			}
		}
		if cells[5] != "-" { // not probed: types that need BTF
			if name == "stack_trace" {
				flags |= buildID // takes another value size
			}
			if sh.flags != flags || sh.must != needed {
				t.Errorf("%s: flags %s, must %s; seen were %s", name, flagList(sh.flags), flagList(sh.must), cells[5])
			}
		}
		compareSize(t, name+" key", sh.key, sh.keyStep, cells[2])
		compareSize(t, name+" value", sh.value, sh.step, cells[3])
		if want := strings.HasPrefix(cells[4], ">=1"); want != (sh.entries == some) && cells[4] != "1" && name != "perf_event_array" && name != "cpumap" && name != "arena" {
			t.Errorf("%s: entries %d; seen was %q", name, sh.entries, cells[4])
		}
	}
	if rows != len(shapes) {
		t.Errorf("%d rows are compared, of %d", rows, len(shapes))
	}
}

// compareSize tries sizes that the text of a fact says something about.
func compareSize(t *testing.T, what string, s span, step uint32, fact string) {
	t.Helper()
	word, _, _ := strings.Cut(strings.TrimSuffix(fact, ","), " ")
	word = strings.TrimSuffix(word, ",")
	takes := func(n uint32, want bool) {
		if got := s.reject(n, step) == ""; got != want {
			t.Errorf("%s of %d bytes: taken is %v; the fact is %q", what, n, got, fact)
		}
	}
	switch n, err := strconv.ParseUint(word, 10, 32); {
	case err == nil && strings.Contains(fact, " or 8"):
		takes(4, true)
		takes(8, true)
		takes(6, false)
		takes(12, false)
	case err == nil && strings.Contains(fact, " or 16"):
		takes(8, true)
		takes(16, true)
		takes(12, false)
	case err == nil:
		takes(uint32(n), true)
		takes(uint32(n)+1, false)
	case word == ">=1":
		takes(0, false)
		takes(1, true)
		takes(4096, true)
	}
}
