package linux

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/platform"
)

// TestKfuncsComplete compares the table with the list of functions that the BTF of
// 6.18 tags as callable.
func TestKfuncsComplete(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "spec", "kfuncs_6_18.txt"))
	if err != nil {
		t.Skip("no folder shared beside the repository")
	}
	defer f.Close()
	target := New(platform.V(6, 18))
	known := map[string]bool{}
	for _, name := range target.Kfuncs() {
		known[name] = true
	}
	n := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		name := strings.TrimSpace(sc.Text())
		if name == "" || name[0] == '#' {
			continue
		}
		n++
		if !known[name] {
			t.Errorf("%s is missing", name)
		}
		delete(known, name)
	}
	if n < 200 || len(known) > 0 {
		t.Errorf("%d functions listed; not among them: %v", n, known)
	}
}

func TestKfuncCallers(t *testing.T) {
	target := New(platform.V(6, 18))
	for _, c := range []struct {
		prog, name  string
		attach      uint32
		ok, unknown bool
	}{
		{prog: "xdp", name: "bpf_dynptr_from_xdp", ok: true},
		{prog: "sched_cls", name: "bpf_dynptr_from_xdp"},
		{prog: "socket_filter", name: "bpf_task_from_pid"},
		{prog: "tracepoint", name: "bpf_task_from_pid", ok: true},
		{prog: "tracing", name: "bpf_sock_destroy", attach: 28, ok: true},
		{prog: "tracing", name: "bpf_sock_destroy", attach: 24},
		{prog: "socket_filter", name: "bpf_rcu_read_lock", ok: true},
		{prog: "xdp", name: "vfs_read", unknown: true},
	} {
		p, _ := target.ProgType(c.prog)
		k, known := target.Kfunc(p, c.attach, c.name)
		if (k != nil) != c.ok || known == c.unknown {
			t.Errorf("%s in %s/%d: allowed %v, known %v", c.name, c.prog, c.attach, k != nil, known)
		}
	}
	p, _ := target.ProgType("xdp")
	if _, known := New(platform.V(6, 3)).Kfunc(p, 0, "bpf_iter_num_new"); known {
		t.Error("6.3 has no iterators")
	}
}
