package linux

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/platform"
)

func TestLookup(t *testing.T) {
	for _, n := range append(Names(), "linux-4.19", "linux-6.19", "linux-7.0") {
		tg, err := Lookup(n)
		if err != nil || tg.Name() != n {
			t.Errorf("Lookup(%q) = %v, %v", n, tg, err)
		}
	}
	for _, n := range []string{"", "linux", "linux-", "linux-6", "linux-06.1", "linux-6.01", "linux-6.1.2", "linux-+6.1", "linux-6.20", "linux-7.4", "linux-3.18", "windows", "linux-6.256"} {
		if _, err := Lookup(n); err == nil || !strings.Contains(err.Error(), "linux-6.18") {
			t.Errorf("Lookup(%q): %v", n, err)
		}
	}
}

func TestCounts(t *testing.T) {
	tb := loaded()
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"attach types", len(tb.attach), 62}, {"program types", len(tb.progs), 32}, {"map types", len(tb.maps), 35},
		{"helpers", len(tb.helpers), 211}, {"helper names", len(tb.helperIDs), 211}, {"structures behind pointers", len(tb.structs), 5},
	} {
		if c.got != c.want {
			t.Errorf("%d %s, want %d", c.got, c.what, c.want)
		}
	}
	gpl, unsupported := 0, []string{}
	for _, h := range tb.helpers {
		if slices.ContainsFunc(h.offers, func(o offer) bool { return o.proto.GPLOnly }) {
			gpl++
		}
		for _, o := range h.offers {
			if o.proto.Unsupported != "" && !slices.Contains(unsupported, h.name) {
				unsupported = append(unsupported, h.name)
			}
		}
	}
	t.Logf("%d helpers are GPL-only for some type; unsupported for some type: %v", gpl, unsupported)
}

// TestDeterministic parses twice: the results are equal, the order of maps included.
func TestDeterministic(t *testing.T) {
	a, err := parseTables()
	if err != nil {
		t.Fatal(err)
	}
	b, err := parseTables()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Error("two parses differ")
	}
}

// TestPrototypesSane demands of every prototype what the engine relies on.
func TestPrototypesSane(t *testing.T) {
	for _, h := range loaded().helpers {
		for _, o := range h.offers {
			p := o.proto
			if p.Ret == platform.NoValue {
				t.Errorf("%s: no result", p.Name)
			}
			ended := false
			for i, a := range p.Args {
				if ended && a.Kind != platform.NoArg {
					t.Errorf("%s: argument %d after the last", p.Name, i+1)
				}
				ended = a.Kind == platform.NoArg
				sized := a.Size > 0 || i+1 < len(p.Args) && p.Args[i+1].Kind == platform.ArgSize
				if a.Kind == platform.ArgMem && !sized {
					t.Errorf("%s: memory argument %d has no size", p.Name, i+1)
				}
				if a.Kind == platform.ArgSize && (i == 0 || p.Args[i-1].Kind != platform.ArgMem) {
					t.Errorf("%s: size argument %d follows no memory", p.Name, i+1)
				}
				if a.Flags&platform.Uninit != 0 && a.Flags&platform.Write == 0 {
					t.Errorf("%s: argument %d is uninitialised and not written", p.Name, i+1)
				}
				if a.Flags&platform.ReadOnly != 0 && a.Flags&platform.Write != 0 {
					t.Errorf("%s: argument %d is read only and written", p.Name, i+1)
				}
				if a.Kind == platform.ArgMapPtr && p.Maps == nil {
					t.Errorf("%s: any map would do", p.Name)
				}
				if a.Kind == platform.ArgUnknown && p.Unsupported == "" {
					t.Errorf("%s: argument %d unknown, yet supported", p.Name, i+1)
				}
			}
			if p.ResultMaxArg != 0 && p.Args[p.ResultMaxArg-1].Kind != platform.ArgSize {
				t.Errorf("%s: the result's bound is no size", p.Name)
			}
			for _, m := range p.Maps {
				i := slices.IndexFunc(loaded().maps, func(x platform.MapType) bool { return x.Name == m })
				if i < 0 || !slices.Contains(loaded().maps[i].Helpers, p.Name) {
					t.Errorf("%s takes %s, but not the other way round", p.Name, m)
				}
			}
		}
	}
	for _, u := range loaded().mapHelpers {
		if _, ok := loaded().helperIDs[u.helper]; !ok {
			t.Errorf("%s takes the unknown helper %s", u.mapType, u.helper)
		}
	}
}

func mustHelper(t *testing.T, tg *Target, typ string, attach uint32, name string) *platform.Helper {
	t.Helper()
	id, ok := tg.HelperID(name)
	if !ok {
		t.Fatalf("no helper %s", name)
	}
	h, _ := tg.Helper(prog(t, tg, typ), attach, id)
	if h == nil {
		t.Fatalf("%s may not call %s", typ, name)
	}
	return h
}

// TestSpotHelpers pins prototypes that the engine's soundness hangs on.
func TestSpotHelpers(t *testing.T) {
	tg := target(t, "linux-6.18")
	h := mustHelper(t, tg, "xdp", 0, "map_lookup_elem")
	if h.ID != 1 || h.Ret != platform.MapValue || !h.RetMaybeNull || h.Args[1].Kind != platform.ArgMapKey || !h.PacketArgs || slices.Contains(h.Maps, "ringbuf") {
		t.Errorf("%+v", h)
	}
	if mustHelper(t, tg, "sock_ops", 0, "map_lookup_elem").PacketArgs {
		t.Error("sock_ops passes packet memory")
	}
	h = mustHelper(t, tg, "kprobe", 0, "ringbuf_reserve")
	if h.Ret != platform.RingbufMem || !h.Acquire || !h.RetMaybeNull || h.Args[1].Kind != platform.ArgAllocSize || !slices.Equal(h.Maps, []string{"ringbuf"}) {
		t.Errorf("%+v", h)
	}
	h = mustHelper(t, tg, "kprobe", 0, "ringbuf_submit")
	if h.Ret != platform.Void || h.Args[0].Flags&platform.Release == 0 {
		t.Errorf("%+v", h)
	}
	h = mustHelper(t, tg, "kprobe", 0, "probe_read_kernel_str")
	if h.ResultMaxArg != 2 || h.ResultMin != -4095 || !h.GPLOnly {
		t.Errorf("%+v", h)
	}
	h = mustHelper(t, tg, "tracing", 23, "get_current_task_btf")
	if h.Ret != platform.BTFPointer || h.RetBTF != "task_struct" || !h.RetTrusted || h.RetMaybeNull {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "sched_cls", 0, "tcp_sock"); h.Acquire || h.DerivedFrom != 1 || h.Ret != platform.TCPSock {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "sched_cls", 0, "fib_lookup"); h.Args[1].Flags != platform.Write {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "xdp", 0, "get_smp_processor_id"); !h.Fastcall || h.ResultMax != 8191 {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "sk_msg", 0, "get_smp_processor_id"); h.Fastcall {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "perf_event", 0, "get_stackid"); h.GPLOnly {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "kprobe", 42, "get_func_ip"); h.GPLOnly {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "kprobe", 0, "get_func_ip"); !h.GPLOnly {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "tracing", 24, "per_cpu_ptr"); h.Unsupported == "" {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "ext", 0, "ktime_get_ns"); h.Unsupported == "" {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "sk_lookup", 0, "map_update_elem"); !slices.Contains(h.Maps, "sockmap") {
		t.Errorf("%+v", h)
	}
	if h = mustHelper(t, tg, "kprobe", 0, "map_update_elem"); slices.Contains(h.Maps, "sockmap") {
		t.Errorf("%+v", h)
	}
	moves := 0
	for _, h := range loaded().helpers {
		if h.offers != nil && h.offers[0].proto.ChangesPacket {
			moves++
		}
	}
	if moves != 23 {
		t.Errorf("%d helpers move the packet, want 23", moves)
	}
}

// TestFailClosed asks for what does not exist.
func TestFailClosed(t *testing.T) {
	tg := target(t, "linux-6.18")
	xdp := prog(t, tg, "xdp")
	for _, id := range []int32{-1 << 31, -1, 0, 212, 1<<31 - 1} {
		if h, known := tg.Helper(xdp, 0, id); h != nil || known || tg.HelperName(id) != "" {
			t.Errorf("helper %d: %v", id, h)
		}
	}
	if h, _ := tg.Helper(xdp, 0, 67); h != nil {
		t.Error("xdp may call get_stack")
	}
	if h, known := tg.Helper(&platform.ProgType{Name: "strange", ID: 77}, 0, 1); h != nil || !known {
		t.Error("a strange program type may call helpers")
	}
	for _, id := range []uint32{0, 34, 35, 36, 1<<32 - 1} {
		if m, ok := tg.MapTypeByID(id); ok {
			t.Errorf("map type %d: %v", id, m)
		}
	}
	for _, c := range []platform.Context{
		tg.Context(&platform.ProgType{Name: "strange"}, 0), tg.Context(prog(t, tg, "ext"), 0),
		tg.Context(prog(t, tg, "cgroup_sock_addr"), 0), tg.Context(prog(t, tg, "cgroup_sockopt"), 7), context{rule: &noRule},
	} {
		for off := int64(-8); off < 200; off++ {
			for size := -1; size < 10; size++ {
				if f, ok := c.Access(off, size, false); ok {
					t.Fatalf("access %d of %d: %v", off, size, f)
				}
			}
		}
	}
	if e := tg.Context(&platform.ProgType{Name: "strange"}, 0).Exit(); e.Any || e.Min <= e.Max {
		t.Errorf("exit of a strange type: %+v", e)
	}
	for k := platform.NoValue; k <= platform.Void+3; k++ {
		_, read := tg.StructAccess(k, 0, 4, false)
		_, write := tg.StructAccess(k, 0, 4, true)
		memory := k >= platform.SockCommon && k <= platform.TPBuffer
		if read != memory || write != (k == platform.FlowKeys || k == platform.TPBuffer) {
			t.Errorf("kind %d: read %v write %v", k, read, write)
		}
	}
	for _, off := range []int64{-1 << 63, 1<<63 - 1, 1 << 40, -1} {
		for _, k := range []platform.ValueKind{platform.Sock, platform.TPBuffer, platform.FlowKeys} {
			if _, ok := tg.StructAccess(k, off, 8, false); ok {
				t.Errorf("kind %d: access at %d", k, off)
			}
		}
		if _, ok := tg.Context(prog(t, tg, "syscall"), 0).Access(off, 8, true); ok {
			t.Errorf("syscall: access at %d", off)
		}
	}
	if tg.GPLCompatible("") || tg.GPLCompatible("gpl") || tg.GPLCompatible("Proprietary") || !tg.GPLCompatible("Dual MIT/GPL") {
		t.Error("licences")
	}
}

// TestStructs pins accesses through socket pointers.
func TestStructs(t *testing.T) {
	tg := target(t, "linux-6.18")
	for _, c := range []struct {
		kind platform.ValueKind
		off  int64
		size int
		ok   bool
	}{
		{platform.SockCommon, 8, 4, false}, {platform.SockCommon, 4, 4, true}, {platform.SockCommon, 20, 4, false},
		{platform.SockCommon, 24, 4, true}, {platform.SockCommon, 72, 1, true},
		{platform.Sock, 8, 4, true}, {platform.Sock, 48, 2, true}, {platform.Sock, 48, 4, true}, {platform.Sock, 50, 2, false},
		{platform.Sock, 50, 1, false}, {platform.Sock, 80, 4, false}, {platform.Sock, 76, 4, true}, {platform.Sock, 0, 8, false},
		{platform.Sock, 16, 2, false}, {platform.Sock, 26, 2, true},
		{platform.TCPSock, 0, 4, true}, {platform.TCPSock, 80, 8, true}, {platform.TCPSock, 80, 4, false},
		{platform.TCPSock, 96, 8, false}, {platform.TCPSock, 108, 4, true}, {platform.TCPSock, 112, 4, false},
		{platform.XDPSock, 0, 4, true}, {platform.XDPSock, 4, 4, false},
		{platform.FlowKeys, 52, 4, true}, {platform.FlowKeys, 53, 4, false}, {platform.FlowKeys, 1, 8, true},
	} {
		if f, ok := tg.StructAccess(c.kind, c.off, c.size, false); ok != c.ok || ok && f.Kind != platform.Scalar {
			t.Errorf("kind %d off %d size %d: %v, want %v", c.kind, c.off, c.size, ok, c.ok)
		}
	}
}

func TestExit(t *testing.T) {
	tg := target(t, "linux-6.18")
	any := platform.ExitRange{Any: true}
	none := platform.ExitRange{Min: 1}
	for _, c := range []struct {
		prog   string
		attach uint32
		want   platform.ExitRange
	}{
		{"xdp", 37, any}, {"cgroup_skb", 0, platform.ExitRange{Max: 1}}, {"cgroup_skb", 1, platform.ExitRange{Max: 3}},
		{"cgroup_sock_addr", 8, platform.ExitRange{Max: 3}}, {"cgroup_sock_addr", 10, platform.ExitRange{Max: 1}},
		{"cgroup_sock_addr", 19, platform.ExitRange{Min: 1, Max: 1}}, {"cgroup_sock_addr", 51, platform.ExitRange{Min: 1, Max: 1}},
		{"tracing", 24, platform.ExitRange{}}, {"tracing", 25, platform.ExitRange{}}, {"tracing", 26, any}, {"tracing", 23, any},
		{"tracing", 28, platform.ExitRange{Max: 1}}, {"tracing", 0, none}, {"kprobe", 56, platform.ExitRange{Max: 1}}, {"kprobe", 0, any},
		{"lsm", 27, platform.ExitRange{Min: -4095, Low32: true}}, {"lsm", 43, platform.ExitRange{Max: 1}},
	} {
		if got := tg.Context(prog(t, tg, c.prog), c.attach).Exit(); got != c.want {
			t.Errorf("%s attach %d: %+v, want %+v", c.prog, c.attach, got, c.want)
		}
	}
}

// TestVersions pins what older and newer kernels have.
func TestVersions(t *testing.T) {
	old, now := target(t, "linux-5.10"), target(t, "linux-6.18")
	if _, ok := old.ProgType("syscall"); ok {
		t.Error("5.10 has syscall programs")
	}
	if _, ok := old.HelperID("loop"); ok {
		t.Error("5.10 has bpf_loop")
	}
	if _, ok := now.MapType("arena"); !ok {
		t.Error("6.18 has no arena")
	}
	if _, ok := old.MapType("arena"); ok {
		t.Error("5.10 has arenas")
	}
	if _, ok := old.Section("netfilter"); ok {
		t.Error("5.10 has netfilter programs")
	}
	skb := old.Context(prog(t, old, "sched_cls"), 0)
	if _, ok := skb.Access(184, 8, false); ok {
		t.Error("5.10 has hwtstamp")
	}
	if _, ok := skb.Access(76, 4, false); !ok {
		t.Error("5.10 has no packet data")
	}
	id, _ := old.HelperID("strtoul")
	if h, _ := old.Helper(prog(t, old, "socket_filter"), 0, id); h != nil {
		t.Error("5.10 has strtoul for socket filters")
	}
	if h := mustHelper(t, old, "cgroup_sysctl", 18, "strtoul"); h.Since != platform.V(5, 2) {
		t.Errorf("%+v", h)
	}
	if h := mustHelper(t, now, "socket_filter", 0, "strtoul"); h.Since != platform.V(5, 2) {
		t.Errorf("%+v", h)
	}
	if l := now.Limits(); l.Insns != 1_000_000 || l.Frames != 8 || l.StackBytes != 512 || l.StackRound != 16 || l.PacketOffset != 0xffff {
		t.Errorf("%+v", l)
	}
}

// TestNoAllocations demands that lookups on the engine's path do not allocate.
func TestNoAllocations(t *testing.T) {
	tg := target(t, "linux-6.18")
	p := prog(t, tg, "sched_cls")
	c := tg.Context(p, 0)
	if n := testing.AllocsPerRun(100, func() {
		c.Access(76, 4, false)
		tg.Helper(p, 0, 1)
		tg.StructAccess(platform.Sock, 4, 4, false)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
