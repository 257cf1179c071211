package loader

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/platform"
)

// shared returns the path of the folder of facts beside the repository, or skips.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir, _ := os.Getwd()
	for range 6 {
		p := filepath.Join(dir, "..", "shared")
		if _, err := os.Stat(filepath.Join(p, "DESIGN.md")); err == nil {
			return filepath.Join(append([]string{p}, elem...)...)
		}
		dir = filepath.Dir(dir)
	}
	t.Skip("no folder shared beside the repository: real objects and facts are not tested")
	return ""
}

// stub is a target with just enough for the tests of this package.
type stub struct{ platform.Target }

func (stub) Name() string { return "linux-6.18" }

var stubMaps = map[uint32]string{1: "hash", 2: "array", 3: "prog_array", 4: "perf_event_array", 5: "percpu_hash", 6: "percpu_array", 7: "stack_trace", 8: "cgroup_array", 9: "lru_hash", 10: "lru_percpu_hash", 11: "lpm_trie", 12: "array_of_maps", 13: "hash_of_maps", 14: "devmap", 15: "sockmap", 16: "cpumap", 17: "xskmap", 18: "sockhash", 24: "sk_storage", 25: "devmap_hash", 26: "struct_ops", 27: "ringbuf", 29: "task_storage", 33: "arena"}

func (stub) MapTypeByID(id uint32) (*platform.MapType, bool) {
	n, ok := stubMaps[id]
	return &platform.MapType{Name: n, ID: id, InnerMap: id == 12 || id == 13}, ok
}

func (stub) MapType(name string) (*platform.MapType, bool) {
	for id, n := range stubMaps {
		if n == name {
			return &platform.MapType{Name: n, ID: id, InnerMap: id == 12 || id == 13}, true
		}
	}
	return nil, false
}

// stubSections: a section's first part, and its type.
var stubSections = map[string]string{
	"xdp": "xdp", "kprobe": "kprobe", "kretprobe": "kprobe", "uprobe": "kprobe", "uretprobe": "kprobe", "tracepoint": "tracepoint", "tp": "tracepoint",
	"raw_tp": "raw_tracepoint", "raw_tracepoint": "raw_tracepoint", "tp_btf": "tracing", "fentry": "tracing", "fexit": "tracing", "fmod_ret": "tracing", "iter": "tracing",
	"socket": "socket_filter", "sockops": "sock_ops", "tc": "sched_cls", "classifier": "sched_cls", "cgroup_skb": "cgroup_skb", "lirc_mode2": "lirc_mode2", "perf_event": "perf_event",
	"sk_lookup": "sk_lookup", "struct_ops": "struct_ops", "syscall": "syscall", "freplace": "ext",
}

func (stub) Section(name string) (platform.Section, bool) {
	head, rest, _ := strings.Cut(name, "/")
	typ, ok := stubSections[head]
	return platform.Section{ProgType: typ, AttachName: rest}, ok
}

var options = Options{Target: stub{}}
