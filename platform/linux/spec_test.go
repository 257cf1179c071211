package linux

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/platform"
)

// Comparison of the tables with the facts they were made from.

// shared opens a file of the collected specification, or skips the test.
func shared(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", name))
	if err != nil {
		t.Skipf("%s is not beside the repository", name)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// tsv reads a table of the specification, rows by column name.
func tsv(t *testing.T, name string) []map[string]string {
	t.Helper()
	data, err := os.ReadFile(shared(t, "spec/"+name).Name())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var rows []map[string]string
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		cells := strings.Split(line, "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case names == nil:
			names = cells
		default:
			r := map[string]string{}
			for i, c := range cells {
				r[names[i]] = c
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func target(t testing.TB, name string) *Target {
	t.Helper()
	tg, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return tg.(*Target)
}

func prog(t testing.TB, tg *Target, name string) *platform.ProgType {
	t.Helper()
	p, ok := tg.ProgType(strings.ToLower(name))
	if !ok {
		t.Fatalf("no program type %s", name)
	}
	return p
}

// attaches gives the attach types of the probe's variant names.
var attaches = map[string][]uint32{
	"ingress": {0}, "egress": {1}, "sock_create": {2, 0}, "sock_release": {34}, "post_bind4": {12}, "post_bind6": {13},
	"getsockopt": {21}, "setsockopt": {22}, "bind4": {8}, "bind6": {9}, "connect4": {10}, "connect6": {11},
	"getpeername4": {29}, "getpeername6": {30}, "getsockname4": {31}, "getsockname6": {32}, "recvmsg4": {19},
	"recvmsg6": {20}, "sendmsg4": {14}, "sendmsg6": {15}, "unix_connect": {49, 50, 51, 52, 53},
	"stream_parser": {4}, "verdict": {38, 5}, "devmap": {33}, "cpumap": {35}, "select": {39, 0}, "select_or_migrate": {40},
	"sleepable": {0}, "iter:task": {28}, "tp_btf:sched_switch": {23},
	"unix_sendmsg": {50},
}

func variantAttaches(typ, variant string) []uint32 {
	if variant == "" && typ == "XDP" {
		return []uint32{0, 37}
	}
	if variant == "" {
		return []uint32{0}
	}
	return attaches[variant]
}

type probe struct {
	off   int64
	size  int
	write bool
}

// TestContextsExhaustive demands for each probed program type and attach variant
// exactly the accesses that the live verifier accepted, with the kinds it gave.
func TestContextsExhaustive(t *testing.T) {
	z, err := gzip.NewReader(shared(t, "spec/ctx_access.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][6]any
	if err := json.NewDecoder(z).Decode(&rows); err != nil {
		t.Fatal(err)
	}
	got := map[[2]string]map[probe]string{}
	for _, r := range rows {
		k := [2]string{r[0].(string), r[1].(string)}
		if got[k] == nil {
			got[k] = map[probe]string{}
		}
		got[k][probe{int64(r[2].(float64)), int(r[3].(float64)), r[4] == "W"}], _, _ = strings.Cut(r[5].(string), "(")
	}
	tg := target(t, "linux-6.18")
	answered, refused := 0, 0
	for k, accepted := range got {
		p := prog(t, tg, k[0])
		list := variantAttaches(k[0], k[1])
		if len(list) == 0 {
			t.Errorf("%v: unknown variant", k)
		}
		for _, a := range list {
			c := tg.Context(p, a)
			for off := int64(-8); off < c.Size()+8; off++ {
				for size := 0; size <= 16; size++ {
					for _, write := range []bool{false, true} {
						f, ok := c.Access(off, size, write)
						kind, want := accepted[probe{off, size, write}]
						if want != ok && !beyondProbe(k[0], off, size) {
							t.Fatalf("%v attach %d: off %d size %d write %v: accepted %v, want %v", k, a, off, size, write, ok, want)
						}
						if !ok {
							refused++
							continue
						}
						if want && !write && p.Name != "tracing" && describe(f) != kind {
							t.Errorf("%v: off %d size %d: %s, want %s", k, off, size, describe(f), kind)
						}
						answered++
					}
				}
			}
		}
	}
	t.Logf("%d rows; %d accesses accepted, %d refused", len(rows), answered, refused)
}

// beyondProbe tells accesses that the probe sampled only: it stopped after 72 bytes
// of contexts of a program-given size, and tried typed arguments of one function.
func beyondProbe(typ string, off int64, size int) bool {
	switch typ {
	case "TRACEPOINT", "SYSCALL":
		return off+int64(size) > 72 && off%int64(size) == 0
	case "TRACING":
		return off%8 == 0
	}
	return false
}

// describe names a field's kind as the kernel's log does.
func describe(f platform.Field) string {
	for name, k := range valueKinds {
		if k != f.Kind || name == "int" {
			continue
		}
		if f.BTF != "" {
			name = "ptr_" + f.BTF
			if f.Trusted {
				name = "trusted_" + name
			}
		}
		if f.MaybeNull {
			name += "_or_null"
		}
		return name
	}
	return "?"
}

// TestSockCoversContext demands that a socket pointer reads whatever a cgroup
// program reads of the same structure as its context.
func TestSockCoversContext(t *testing.T) {
	tg := target(t, "linux-6.18")
	n := 0
	for _, a := range []uint32{2, 12, 13} {
		c := tg.Context(prog(t, tg, "cgroup_sock"), a)
		for off := int64(0); off < 80; off++ {
			for _, size := range []int{1, 2, 4, 8} {
				_, ctx := c.Access(off, size, false)
				if _, sock := tg.StructAccess(platform.Sock, off, size, false); ctx && !sock {
					t.Errorf("off %d size %d: context reads it, a socket pointer does not", off, size)
				}
				if ctx {
					n++
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d accesses compared", n)
	}
}

var condition = regexp.MustCompile(`^([A-Z_0-9]+)(?:\[[^]]*\])?(?:\(([^)]*)\))?$`)

// TestHelperAvailability demands for each helper and probed program type what the
// live verifier said.
func TestHelperAvailability(t *testing.T) {
	tg := target(t, "linux-6.18")
	rows := tsv(t, "helpers.tsv")
	type use struct {
		id   int32
		prog string
	}
	probed := map[use]string{} // conditions, "" = all attach types
	for _, r := range rows {
		id, err := strconv.Atoi(r["id"])
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range strings.Split(r["prog_types_probed_6_18"], ";") {
			if s = strings.TrimSpace(s); s == "" {
				continue
			}
			m := condition.FindStringSubmatch(s)
			if m == nil {
				t.Fatalf("helper %d: %q", id, s)
			}
			probed[use{int32(id), strings.ToLower(m[1])}] = m[2]
		}
	}
	unprobed := []string{"lirc_mode2", "struct_ops", "lsm", "ext"}
	yes, no := 0, 0
	for _, p := range tg.ProgTypes() {
		if slices.Contains(unprobed, p.Name) {
			continue
		}
		for id := int32(1); id <= 211; id++ {
			cond, want := probed[use{id, p.Name}]
			if tg.HelperName(id) == "get_func_ip" && p.Name != "kprobe" {
				want = false // refused after the lists of prototypes, which is what the probe saw
			}
			for attach := uint32(0); attach < 62; attach++ {
				h, known := tg.Helper(p, attach, id)
				if !known {
					t.Fatalf("helper %d is unknown", id)
				}
				if p.Name == "tracing" && attach != 23 && attach != 28 {
					continue // not probed
				}
				ok := want && (cond == "" || conditionHolds(cond, attach))
				if ok != (h != nil) {
					t.Errorf("%s for %s attach %d: allowed %v, want %v", tg.HelperName(id), p.Name, attach, h != nil, ok)
				}
				if ok {
					yes++
				} else {
					no++
				}
				if h != nil && (h.ID != id || h.Name != tg.HelperName(id)) {
					t.Errorf("helper %d: prototype of %s", id, h.Name)
				}
			}
		}
	}
	t.Logf("%d pairs in the probe; by attach type %d allowed, %d refused", len(probed), yes, no)
}

func conditionHolds(cond string, attach uint32) bool {
	for _, c := range strings.Split(cond, ",") {
		list := attaches[c]
		if c == "unix_connect" {
			list = []uint32{49}
		}
		if slices.Contains(list, attach) {
			return true
		}
	}
	return false
}

// TestSections demands every row of the section table.
func TestSections(t *testing.T) {
	rows := tsv(t, "sections.tsv")
	tg := target(t, "linux-6.18")
	if len(rows) != len(tg.t.sections) {
		t.Errorf("%d sections, want %d", len(tg.t.sections), len(rows))
	}
	for _, r := range rows {
		name, extra := strings.CutSuffix(r["section"], "+")
		s, ok := tg.Section(name)
		if newer := strings.HasPrefix(r["era"], "newer"); newer == ok {
			t.Errorf("%s: found %v", name, ok)
			continue
		} else if newer {
			continue
		}
		wantAttach := tg.t.attach[strings.ToLower(strings.TrimPrefix(r["expected_attach_type"], "BPF_"))].id
		if want := strings.ToLower(strings.TrimPrefix(r["prog_type"], "BPF_PROG_TYPE_")); s.ProgType != want ||
			s.Attach != wantAttach || s.Sleepable != (r["sleepable"] == "yes") || s.Def != r["section"] || s.AttachName != "" {
			t.Errorf("%s: %+v", name, s)
		}
		if s, ok = tg.Section("?" + name + "/some/where"); ok != extra && !strings.Contains(name, "/") {
			t.Errorf("%s/some/where: found %v", name, ok)
		} else if extra && (s.AttachName != "some/where" || s.Def != r["section"]) {
			t.Errorf("%s/some/where: %+v", name, s)
		}
		if _, ok := tg.Section(name + "x"); ok {
			t.Errorf("%sx found", name)
		}
	}
}

// TestProgTypes compares with the table of program types.
func TestProgTypes(t *testing.T) {
	tg := target(t, "linux-6.18")
	n := 0
	for _, r := range tsv(t, "progtypes.tsv") {
		id, err := strconv.Atoi(r["enum"])
		if err != nil {
			continue // another platform's
		}
		n++
		p := prog(t, tg, r["prog_type"])
		read := strings.HasPrefix(strings.ToLower(r["direct_packet_read"]), "y")
		if p.ID != uint32(id) || p.PacketRead != read || p.PacketWrite != (r["direct_packet_write"] == "yes") ||
			p.LegacyPacketLoads != (r["LD_ABS_IND"] == "yes") || p.PointerExit != (r["r0_pointer_exit_as_root"] == "allowed") {
			t.Errorf("%s: %+v", r["prog_type"], p)
		}
		if e := tg.Context(p, 0).Exit(); strings.HasPrefix(r["r0_at_exit"], "any") && !e.Any || r["r0_at_exit"] == "[0, 1]" && (e.Any || e.Min != 0 || e.Max != 1) {
			t.Errorf("%s: exit %+v, want %s", p.Name, e, r["r0_at_exit"])
		}
	}
	if n != 32 || len(tg.ProgTypes()) != 32 {
		t.Errorf("%d rows, %d types", n, len(tg.ProgTypes()))
	}
}

// inWords are the helpers that the table of map types, or its rules, tell in words:
// "timer fields", "inode_storage_get/delete", "as SOCKMAP".
var inWords = map[string][]string{
	"hash": {"timer_init"}, "lru_hash": {"timer_init"}, "array": {"timer_init"},
	"sockhash":      {"map_update_elem", "map_delete_elem"},
	"inode_storage": {"inode_storage_delete"}, "task_storage": {"task_storage_delete"}, "cgrp_storage": {"cgrp_storage_delete"},
}

// TestMapTypes compares with the table of map types.
func TestMapTypes(t *testing.T) {
	tg := target(t, "linux-6.18")
	pairs := 0
	for _, r := range tsv(t, "maps.tsv") {
		id, err := strconv.Atoi(r["linux_enum"])
		if err != nil {
			continue
		}
		m, ok := tg.MapTypeByID(uint32(id))
		if ok != (r["in_linux_6_18"] == "yes") {
			t.Errorf("%s: found %v", r["map_type"], ok)
		}
		if !ok {
			continue
		}
		if by, ok := tg.MapType(strings.ToLower(r["map_type"])); !ok || by != m {
			t.Errorf("%s: %v by name", r["map_type"], by)
		}
		for _, h := range strings.Split(r["probed_ok_6_18"], ",") {
			if h == "-" || h == "" {
				continue
			}
			pairs++
			if !slices.Contains(m.Helpers, h) {
				t.Errorf("%s does not take %s", h, m.Name)
			}
		}
		for _, h := range m.Helpers {
			if !strings.Contains(r["program_side_helpers"], h) && !slices.Contains(inWords[m.Name], h) {
				t.Errorf("%s takes %s, which the table lacks", m.Name, h)
			}
		}
	}
	t.Logf("%d probed pairs", pairs)
}
