package loader

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
)

// realProgram is a row of the list of real programs.
type realProgram struct {
	object, section, name, typ, attach, attachTo string
	reason                                       string
	insns                                        int
	guessed                                      bool
}

func realPrograms(t testing.TB) []realProgram {
	f, err := os.Open(shared(t, "cases", "realworld.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []realProgram
	var head []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		c := strings.Split(sc.Text(), "\t")
		if head == nil {
			head = c
			continue
		}
		get := func(name string) string {
			for i, h := range head {
				if h == name {
					return c[i]
				}
			}
			t.Fatalf("no column %s", name)
			return ""
		}
		n, err := strconv.Atoi(get("insns"))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, realProgram{get("object_sha256"), get("section"), get("program"), get("type"), get("attach_type"), get("attach_to"), get("reason"), n, get("type_guessed") == "true"})
	}
	return rows
}

// typeNames gives the platform's names to those of the list.
var typeNames = map[string]string{
	"CGroupSKB": "cgroup_skb", "Extension": "ext", "Kprobe": "kprobe", "LircMode2": "lirc_mode2", "PerfEvent": "perf_event", "RawTracepoint": "raw_tracepoint",
	"SchedCLS": "sched_cls", "SkLookup": "sk_lookup", "SockOps": "sock_ops", "SocketFilter": "socket_filter", "StructOps": "struct_ops", "Syscall": "syscall",
	"TracePoint": "tracepoint", "Tracing": "tracing", "XDP": "xdp",
}

// TestRealObjects loads every real object and compares what the list says.
func TestRealObjects(t *testing.T) {
	objects := map[string]*Object{}
	var slowest time.Duration
	differ := 0
	for _, r := range realPrograms(t) {
		obj := objects[r.object]
		if obj == nil {
			start := time.Now()
			objs, err := Load(shared(t, "objects", r.object+".o"), options)
			if err != nil || len(objs) != 1 {
				t.Errorf("%s: %v", r.object, err)
				objects[r.object] = &Object{}
				continue
			}
			slowest = max(slowest, time.Since(start))
			obj, objects[r.object] = objs[0], objs[0]
		}
		var p *Program
		for _, q := range obj.Programs {
			if q.Name == r.name && q.Section == r.section {
				p = q
			}
		}
		if p == nil {
			differ++
			t.Errorf("%.8s %s %s: not found", r.object, r.section, r.name)
			continue
		}
		want := typeNames[r.typ]
		if r.guessed {
			want = ""
		}
		if strings.Contains(p.Problem, "which nothing defines") && r.reason == "unresolved-extern-function" {
			continue // half of a pair of objects that are to be linked first
		}
		attach := ebpf.AttachType(p.Attach).String()
		if r.attach != "" && attach != r.attach {
			t.Errorf("%.8s %s %s: attach type %s (%d), want %s", r.object, r.section, r.name, attach, p.Attach, r.attach)
		}
		if p.Type != want || len(p.Insns) != r.insns || p.AttachTo != r.attachTo || p.Problem != "" {
			differ++
			t.Errorf("%.8s %s %s: type %q want %q, %d instructions want %d, attached to %q want %q, problem %q", r.object, r.section, r.name, p.Type, want, len(p.Insns), r.insns, p.AttachTo, r.attachTo, p.Problem)
		}
	}
	t.Logf("%d objects, %d programs differ, slowest object %v", len(objects), differ, slowest)
}

// BenchmarkLoad loads all real objects, as is and against a kernel that has been
// parsed before.
func BenchmarkLoad(b *testing.B) {
	paths, _ := filepath.Glob(filepath.Join(shared(b, "objects"), "*.o"))
	relocate := options
	relocate.KernelBTF = kernelBTF(b, "6.18")
	for name, opts := range map[string]Options{"plain": options, "relocated": relocate} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range paths {
					if _, err := Load(p, opts); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(paths)), "µs/object")
		})
	}
}
