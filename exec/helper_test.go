package exec

import (
	"bytes"
	"encoding/binary"
	"sort"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// callable gives the arguments of a helper what its prototype asks for. ok is false
// if the maps of the tests have no fitting one.
func (m *Machine) callable(h *platform.Helper) (a [5]uint64, ok bool) {
	for i := range h.Args {
		arg := &h.Args[i]
		onStack := Address(idFrame, int64(96*i))
		switch arg.Kind {
		case platform.ArgMapPtr:
			var s *mapState
			for _, c := range m.maps {
				if h.Maps == nil || strings.Contains(" "+strings.Join(h.Maps, " ")+" ", " "+c.def.Type+" ") {
					if (c.def.Name == "timed") == (h.Name == "timer_init") {
						s = c
						break
					}
				}
			}
			if s == nil {
				return a, false
			}
			a[i] = Address(s.id, 0)
		case platform.ArgMapKey, platform.ArgMapValue, platform.ArgStack:
			a[i] = onStack
		case platform.ArgMem:
			a[i] = onStack
			if h.Name == "trace_printk" || h.Name == "trace_vprintk" || h.Name == "seq_printf" {
				copy(m.span(onStack, 8, true), "%d %x\n\x00")
			}
		case platform.ArgSize, platform.ArgAllocSize:
			a[i] = 8
		case platform.ArgCtx:
			a[i] = Address(idContext, 0)
		case platform.ArgSockCommon, platform.ArgBTFSockCommon, platform.ArgSocket:
			a[i] = m.socketAddress(platform.Sock, arg.Flags&platform.Release != 0)
		case platform.ArgBTF, platform.ArgPercpuBTF:
			a[i] = Address(m.add(object{kind: KindKernel, owned: arg.Flags&platform.Release != 0}, nil, nil), 0)
		case platform.ArgSpinLock:
			a[i] = m.expose(m.named("locked"), m.find(m.named("locked"), le32(0)), 0)
			if h.Name == "spin_unlock" {
				m.held = a[i]
			}
		case platform.ArgTimer:
			a[i] = m.expose(m.named("timed"), m.find(m.named("timed"), le32(0)), 0)
		case platform.ArgRingbufMem:
			a[i] = Address(m.record(m.named("ring"), 8), 0)
		case platform.ArgDynptr:
			a[i] = onStack
			if arg.Flags&platform.Uninit == 0 {
				d := &dynptr{addr: Address(idFrame, 480), size: 16}
				if arg.Flags&platform.Release != 0 {
					d.ring = m.record(m.named("ring"), 8)
				}
				m.setDynptr(onStack, d)
			}
		case platform.ArgFunc:
			a[i] = Address(idCode, 2)
		case platform.ArgConstStr:
			a[i] = m.expose(m.named("ro"), m.find(m.named("ro"), le32(0)), 0)
		case platform.ArgKptrDest, platform.ArgUnknown:
			return a, false
		}
	}
	return a, true
}

// TestEveryHelper calls each helper of each program type with arguments that its
// prototype allows: it must do so without a fault, and give what it promises.
func TestEveryHelper(t *testing.T) {
	modelled, contract, skipped, offered := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	calls := 0
	for _, typ := range []string{"socket_filter", "kprobe", "sched_cls", "xdp", "cgroup_skb", "lwt_xmit", "lwt_seg6local", "sock_ops", "sk_skb", "sk_msg", "raw_tracepoint", "perf_event", "tracing", "sk_reuseport", "cgroup_sysctl", "cgroup_sockopt", "cgroup_sock_addr", "syscall", "lirc_mode2", "lsm", "flow_dissector", "cgroup_sock", "cgroup_device", "netfilter", "sk_lookup"} {
		p := testProgram(t, typ, "r0 = 0\n exit\n r0 = 0\n exit")
		r, err := Interpreter{}.Load(p, Options{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		m := newMachine(r.(*program))
		m.prog.engine = straightLoop{}
		for id := int32(1); id <= 211; id++ {
			for seed := range uint64(5) {
				c := m.anyAttach(id)
				if c.proto == nil {
					break
				}
				offered[c.name] = true
				rep := &Report{}
				m.begin(&Input{Seed: seed, Lazy: seed > 2, Data: make([]byte, 80), Report: rep})
				m.setUp()
				a, ok := m.callable(c.proto)
				if !ok {
					skipped[c.name] = true
					break
				}
				copy(m.Regs[1:6], a[:])
				f := m.Call(&c)
				calls++
				if f != NoFault {
					t.Errorf("%s in %s, seed %d: %s: %s", c.name, typ, seed, f, m.detail)
					break
				}
				if c.model == nil && !byDesign[c.name] {
					contract[c.name] = true
				} else {
					modelled[c.name] = true
				}
				promised(t, m, &c, a)
			}
		}
	}
	t.Logf("%d calls; %d helpers with a model; %d by contract: %v; %d not called: %v", calls, len(modelled), len(contract), names(contract), len(skipped), names(skipped))
	if len(modelled) < 60 {
		t.Errorf("%d helpers have a model, want 60", len(modelled))
	}
	for name := range models {
		if !modelled[name] && !skipped[name] {
			if _, known := target.HelperID(name); !known {
				t.Errorf("model of a helper that does not exist: %s", name)
			} else if offered[name] {
				t.Errorf("the model of %s was not called", name)
			}
		}
	}
}

// anyAttach resolves a helper under the first attach type that offers it.
func (m *Machine) anyAttach(id int32) (c call) {
	for attach := range uint32(60) {
		if c = m.prog.resolve(id, attach); c.proto != nil {
			return c
		}
	}
	return c
}

func names(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// promised checks a result against the prototype.
func promised(t *testing.T, m *Machine, c *call, a [5]uint64) {
	t.Helper()
	h, v := c.proto, m.Regs[0]
	switch h.Ret {
	case platform.Scalar:
		hi := h.ResultMax
		if h.ResultMaxArg > 0 {
			hi = int64(a[h.ResultMaxArg-1])
		}
		if hi != 0 && (int64(v) < h.ResultMin || int64(v) > hi) && int64(v) > 0 {
			t.Errorf("%s returns %d, promised [%d, %d]", c.name, int64(v), h.ResultMin, hi)
		}
	case platform.Void, platform.NoValue:
	default:
		if v == 0 && !h.RetMaybeNull {
			t.Errorf("%s returns null", c.name)
		}
		if pl, ok := m.Resolve(v); v != 0 && (!ok || !pl.Live || pl.Offset != 0) {
			t.Errorf("%s returns %#x: %+v", c.name, v, pl)
		}
		if v != 0 && h.Acquire {
			if o, _, _ := m.at(v); !o.owned {
				t.Errorf("%s returns no reference", c.name)
			}
		}
	}
}

// TestFrequentHelpers: what the real programs of the case files call has a model.
func TestFrequentHelpers(t *testing.T) {
	raw := new(bytes.Buffer)
	if _, err := raw.ReadFrom(shared(t, "cases/realworld.tsv")); err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	n := map[string]bool{}
	for i, line := range strings.Split(strings.TrimSpace(raw.String()), "\n") {
		cells := strings.Split(line, "\t")
		if i == 0 || len(cells) < 23 || cells[22] == "" {
			continue
		}
		for _, h := range strings.Split(cells[22], ",") {
			name := snake(h)
			n[name] = true
			if models[name] == nil && !byDesign[name] {
				missing[name] = true
			}
		}
	}
	t.Logf("%d helpers", len(n))
	for _, name := range names(missing) {
		if name != "fib_lookup" { // routes: any result is as good as another
			t.Errorf("no model of %s", name)
		}
	}
}

// snake turns MapLookupElem into map_lookup_elem.
func snake(s string) string {
	var b strings.Builder
	for i, c := range s {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// TestHelpers runs small programs whose result shows what a helper did.
func TestHelpers(t *testing.T) {
	packet := make([]byte, 64)
	for i := range packet {
		packet[i] = byte(i)
	}
	const keyOne = "*(u32 *)(r10 - 4) = 1\n r2 = r10\n r2 += -4\n "
	for _, c := range []struct {
		name, typ, text string
		want            uint64
	}{
		{"lookup of nothing", "xdp", keyOne + "r1 = map[hash] ll\n call map_lookup_elem\n exit", 0},
		{"update, then lookup", "xdp", "*(u64 *)(r10 - 16) = 77\n" + keyOne + "r1 = map[hash] ll\n r3 = r10\n r3 += -16\n r4 = 0\n call map_update_elem\n" + keyOne + "r1 = map[hash] ll\n call map_lookup_elem\n r0 = *(u64 *)(r0 + 0)\n exit", 77},
		{"array element persists", "xdp", keyOne + "r1 = map[array] ll\n call map_lookup_elem\n *(u64 *)(r0 + 8) = 5\n" + keyOne + "r1 = map[array] ll\n call map_lookup_elem\n r0 = *(u64 *)(r0 + 8)\n exit", 5},
		{"push and pop", "xdp", "*(u64 *)(r10 - 8) = 6\n r1 = map[queue] ll\n r2 = r10\n r2 += -8\n r3 = 0\n call map_push_elem\n *(u64 *)(r10 - 8) = 0\n r1 = map[queue] ll\n r2 = r10\n r2 += -8\n call map_pop_elem\n r0 = *(u64 *)(r10 - 8)\n exit", 6},
		{"loop", "xdp", "*(u64 *)(r10 - 8) = 0\n r1 = 10\n r2 = func cb ll\n r3 = r10\n r3 += -8\n r4 = 0\n call loop\n r1 = *(u64 *)(r10 - 8)\n r0 *= 100\n r0 += r1\n exit\ncb: r3 = *(u64 *)(r2 + 0)\n r3 += r1\n *(u64 *)(r2 + 0) = r3\n r0 = 0\n exit", 1045},
		{"loop that stops", "xdp", "r1 = 10\n r2 = func cb ll\n r3 = 0\n r4 = 0\n call loop\n exit\ncb: r0 = 0\n if r1 != 3 goto +1\n r0 = 1\n exit", 4},
		{"loop of too many", "xdp", "r1 = 0x800001\n r2 = func cb ll\n r3 = 0\n r4 = 0\n call loop\n r0 = -r0\n exit\ncb: r0 = 0\n exit", eBIG},
		{"for each element", "xdp", "*(u64 *)(r10 - 8) = 0\n r1 = map[array] ll\n r2 = func cb ll\n r3 = r10\n r3 += -8\n r4 = 0\n call for_each_map_elem\n r1 = *(u64 *)(r10 - 8)\n r0 *= 10\n r0 += r1\n exit\ncb: r2 = *(u32 *)(r2 + 0)\n r5 = *(u64 *)(r3 + 8)\n r2 += r5\n r3 = *(u64 *)(r4 + 0)\n r3 += r2\n *(u64 *)(r4 + 0) = r3\n r0 = 0\n exit", 46},
		{"registers survive a callback", "xdp", "r6 = 6\n r9 = 9\n r1 = 2\n r2 = func cb ll\n r3 = 0\n r4 = 0\n call loop\n r0 = r6\n r0 += r9\n exit\ncb: r6 = 1\n r9 = 1\n r0 = 0\n exit", 15},
		{"load from the packet", "sched_cls", "r2 = 20\n r3 = r10\n r3 += -8\n r4 = 4\n call skb_load_bytes\n r0 = *(u32 *)(r10 - 8)\n exit", 0x17161514},
		{"load beyond the packet", "sched_cls", "*(u32 *)(r10 - 8) = 5\n r2 = 62\n r3 = r10\n r3 += -8\n r4 = 4\n call skb_load_bytes\n r1 = *(u32 *)(r10 - 8)\n r0 = -r0\n r0 += r1\n exit", eFAULT},
		{"load relative to the network header", "socket_filter", "r2 = 1\n r3 = r10\n r3 += -8\n r4 = 1\n r5 = 1\n call skb_load_bytes_relative\n r0 = *(u8 *)(r10 - 8)\n exit", 15},
		{"store into the packet", "sched_cls", "r6 = r1\n *(u32 *)(r10 - 8) = 0x55\n r2 = 3\n r3 = r10\n r3 += -8\n r4 = 1\n r5 = 0\n call skb_store_bytes\n r1 = *(u32 *)(r6 + 76)\n r0 = *(u8 *)(r1 + 3)\n exit", 0x55},
		{"shrink the tail", "sched_cls", "r6 = r1\n r2 = 20\n r3 = 0\n call skb_change_tail\n r0 = *(u32 *)(r6 + 0)\n exit", 20},
		{"grow the tail", "sched_cls", "r6 = r1\n r2 = 100\n r3 = 0\n call skb_change_tail\n r1 = *(u32 *)(r6 + 76)\n r2 = *(u32 *)(r6 + 80)\n r0 = r2\n r0 -= r1\n r1 = *(u8 *)(r1 + 99)\n r0 += r1\n exit", 100},
		{"adjust the head", "xdp", "r6 = r1\n r2 = 14\n call xdp_adjust_head\n r1 = *(u32 *)(r6 + 0)\n r0 = *(u8 *)(r1 + 0)\n exit", 14},
		{"adjust the head back", "xdp", "r6 = r1\n r2 = -8\n call xdp_adjust_head\n r1 = *(u32 *)(r6 + 0)\n r0 = *(u8 *)(r1 + 9)\n exit", 1},
		{"adjust the head too far", "xdp", "r2 = 60\n call xdp_adjust_head\n r0 = -r0\n exit", eINVAL},
		{"metadata", "xdp", "r6 = r1\n r2 = -8\n call xdp_adjust_meta\n r1 = *(u32 *)(r6 + 8)\n *(u64 *)(r1 + 0) = 3\n r2 = *(u32 *)(r6 + 0)\n r2 -= r1\n r0 = *(u64 *)(r1 + 0)\n r0 += r2\n exit", 11},
		{"adjust the tail", "xdp", "r6 = r1\n r2 = -10\n call xdp_adjust_tail\n r1 = r6\n call xdp_get_buff_len\n exit", 54},
		{"checksum difference", "sched_cls", "*(u32 *)(r10 - 8) = 0x0000ffff\n *(u32 *)(r10 - 4) = 2\n r1 = 0\n r2 = 0\n r3 = r10\n r3 += -8\n r4 = 8\n r5 = 0\n call csum_diff\n exit", 2},
		{"strtol", "cgroup_sysctl", "*(u64 *)(r10 - 8) = 0x2034322d\n r1 = r10\n r1 += -8\n r2 = 8\n r3 = 0\n r4 = r10\n r4 += -16\n call strtol\n r1 = *(u64 *)(r10 - 16)\n r1 = -r1\n r0 *= 100\n r0 += r1\n if r0 == 342 goto +1\n r0 = 0\n r0 &= 1\n exit", 0},
		{"strncmp", "xdp", "*(u64 *)(r10 - 8) = 0x2569\n r1 = r10\n r1 += -8\n r2 = 8\n r3 = map_value[ro] ll\n call strncmp\n r0 = -r0\n r0 &= 0\n exit", 0},
		{"print", "xdp", "*(u64 *)(r10 - 8) = 0x0a6425\n r1 = r10\n r1 += -8\n r2 = 8\n r3 = 42\n call trace_printk\n exit", 3},
		{"snprintf", "xdp", "*(u64 *)(r10 - 16) = 42\n *(u64 *)(r10 - 8) = 255\n r1 = r10\n r1 += -48\n r2 = 32\n r3 = map_value[ro] ll\n r4 = r10\n r4 += -16\n r5 = 16\n call snprintf\n r1 = *(u8 *)(r10 - 48)\n r0 *= 256\n r0 += r1\n exit", 9*256 + '4'},
		{"probe read of the stack", "kprobe", "*(u64 *)(r10 - 8) = 9\n r1 = r10\n r1 += -16\n r2 = 8\n r3 = r10\n r3 += -8\n call probe_read_kernel\n r1 = *(u64 *)(r10 - 16)\n r0 += r1\n exit", 9},
		{"probe read of nothing", "kprobe", "*(u64 *)(r10 - 16) = 9\n r1 = r10\n r1 += -16\n r2 = 8\n r3 = 0x1234\n call probe_read_kernel\n r1 = *(u64 *)(r10 - 16)\n r0 = -r0\n r0 += r1\n exit", eFAULT},
		{"ring buffer", "xdp", "r1 = map[ring] ll\n r2 = 100\n r3 = 0\n call ringbuf_reserve\n r1 = r0\n r2 = 0\n call ringbuf_submit\n r1 = map[ring] ll\n r2 = 0\n call ringbuf_query\n exit", 112},
		{"ring buffer that is full", "xdp", "r1 = map[ring] ll\n r2 = 4095\n r3 = 0\n call ringbuf_reserve\n exit", 0},
		{"redirect", "xdp", "r1 = 3\n r2 = 0\n call redirect\n exit", xdpRedirect},
		{"redirect to no device", "xdp", "r1 = map[devs] ll\n r2 = 1\n r3 = 2\n call redirect_map\n exit", 2},
		{"redirect in tc", "sched_cls", "r1 = 3\n r2 = 0\n call redirect\n exit", tcRedirect},
		{"timer", "sched_cls", "r6 = map_value[timed] ll\n r1 = r6\n r2 = map[timed] ll\n r3 = 1\n call timer_init\n r7 = r0\n r1 = r6\n r2 = func cb ll\n call timer_set_callback\n r7 += r0\n r1 = r6\n r2 = 100\n r3 = 0\n call timer_start\n r0 += r7\n exit\ncb: r0 = 0\n exit", 0},
		{"timer made twice", "sched_cls", "r6 = map_value[timed] ll\n r1 = r6\n r2 = map[timed] ll\n r3 = 1\n call timer_init\n r1 = r6\n r2 = map[timed] ll\n r3 = 1\n call timer_init\n r0 = -r0\n exit", eBUSY},
		{"tail call into nothing", "xdp", "r2 = map[progs] ll\n r3 = 0\n call tail_call\n r0 = 1\n exit", 1},
		{"may_goto runs out", "xdp", "r0 = 0\nl: may_goto +2\n r0 += 1\n goto l\n exit", 5},
		{"socket lookup and release", "sched_cls", "r6 = r1\n *(u64 *)(r10 - 16) = 0\n *(u64 *)(r10 - 8) = 0\n r2 = r10\n r2 += -16\n r3 = 12\n r4 = -1\n r5 = 0\n call sk_lookup_tcp\n if r0 == 0 goto +2\n r1 = r0\n call sk_release\n r0 = 4\n exit", 4},
		{"legacy load, big endian", "socket_filter", "r6 = r1\n r0 = *(u16 *)skb[2]\n exit", 0x1011},
		{"legacy load, indirect", "socket_filter", "r6 = r1\n r7 = 1\n r0 = *(u8 *)skb[r7 + 2]\n exit", 17},
		{"legacy load beyond the packet", "socket_filter", "r6 = r1\n r0 = *(u16 *)skb[60]\n r0 = 9\n exit", 0},
		{"legacy load of the link layer", "socket_filter", "r6 = r1\n r0 = *(u8 *)skb[-2097149]\n exit", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, rep := runText(t, c.typ, c.text, Input{Data: packet, MayGoto: 5})
			if o.Fault != NoFault {
				t.Fatalf("%s at %d: %s", o.Fault, o.PC, rep.Detail)
			}
			if o.R0 != c.want {
				t.Errorf("r0 = %d (%#x), want %d", o.R0, o.R0, c.want)
			}
		})
	}
}

// TestChecksumReplace: after the header's field and its checksum were replaced, the
// sum over the header is right again.
func TestChecksumReplace(t *testing.T) {
	packet := make([]byte, 64)
	h := packet[14:34]
	h[0], h[8], h[9] = 0x45, 64, 6
	copy(h[12:], []byte{10, 1, 2, 3, 192, 168, 1, 1})
	sum := func(h []byte) uint16 {
		s := uint64(0)
		for i := 0; i < len(h); i += 2 {
			s += uint64(binary.LittleEndian.Uint16(h[i:]))
		}
		return fold(s)
	}
	binary.LittleEndian.PutUint16(h[10:], ^sum(h))
	if sum(h) != 0xffff {
		t.Fatal("the packet of the test is wrong")
	}
	o, rep := runText(t, "sched_cls", `
	r6 = r1
	r2 = 24
	r3 = *(u32 *)(r10 - 8)
	r3 = 0x0302010a
	r4 = 0x09080706
	r5 = 4
	call l3_csum_replace
	r7 = r0
	*(u32 *)(r10 - 8) = 0x09080706
	r1 = r6
	r2 = 26
	r3 = r10
	r3 += -8
	r4 = 4
	r5 = 0
	call skb_store_bytes
	r0 += r7
	exit`, Input{Data: packet})
	if o.Fault != NoFault || o.R0 != 0 {
		t.Fatal(o, rep.Detail)
	}
	if got := rep.Packet[14:34]; sum(got) != 0xffff {
		t.Errorf("sum %#x over %x", sum(got), got)
	}
}

// TestFragments: what is not linear is beyond data_end until it is pulled in.
func TestFragments(t *testing.T) {
	const text = `
	r6 = r1
	r2 = %s
	call skb_pull_data
	r1 = *(u32 *)(r6 + 76)
	r2 = *(u32 *)(r6 + 80)
	r2 -= r1
	r0 = *(u32 *)(r6 + 0)
	r0 *= 1000
	r0 += r2
	exit`
	for pull, want := range map[string]uint64{"1": 64_020, "30": 64_030, "0": 64_064} {
		o, rep := runText(t, "sched_cls", strings.Replace(text, "%s", pull, 1), Input{Fragments: 44})
		if o.Fault != NoFault || o.R0 != want {
			t.Errorf("pull %s: %d, %s %s, want %d", pull, o.R0, o.Fault, rep.Detail, want)
		}
	}
	for n, want := range map[int]Fault{0: PacketBounds, 1: NoFault} {
		if o, _ := runText(t, "xdp", "r1 = *(u32 *)(r1 + 0)\n r0 = *(u8 *)(r1 + 0)\n exit", Input{Data: make([]byte, n)}); o.Fault != want {
			t.Errorf("packet of %d bytes: %q", n, o.Fault)
		}
	}
}

// TestResults: what the kernel decides can be given by the input, in order.
func TestResults(t *testing.T) {
	o, _ := runText(t, "xdp", "call ktime_get_ns\n r6 = r0\n call get_prandom_u32\n r0 += r6\n exit", Input{Results: []uint64{1000, 7}})
	if o.R0 != 1007 {
		t.Errorf("r0 = %d, want 1007", o.R0)
	}
	a, _ := runText(t, "xdp", "call ktime_get_ns\n exit", Input{Seed: 1})
	b, _ := runText(t, "xdp", "call ktime_get_ns\n exit", Input{Seed: 1})
	c, _ := runText(t, "xdp", "call ktime_get_ns\n exit", Input{Seed: 2})
	if a != b || a == c {
		t.Errorf("the same seed gives %d and %d, another %d", a.R0, b.R0, c.R0)
	}
}

// TestTailCalls: a tail call takes the place of its frame, 33 times at most.
func TestTailCalls(t *testing.T) {
	p := testProgram(t, "xdp", "r6 = r1\n call f\n r0 += 100\n exit\nf: r2 = map[progs] ll\n r3 = 0\n call tail_call\n r0 = 1\n exit")
	again := testProgram(t, "xdp", "r2 = map[progs] ll\n r3 = 0\n call tail_call\n r0 = 2\n exit")
	other := testProgram(t, "xdp", "r2 = *(u32 *)(r1 + 0)\n r0 = *(u8 *)(r2 + 0)\n exit")
	programs := map[string]*loader.Program{"again": again, "other": other}
	r, err := Interpreter{}.Load(p, Options{Target: target, Programs: programs})
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string) (Outcome, int) {
		main := 0
		o := r.Run(&Input{
			Data: bytes.Repeat([]byte{7}, 64), Maps: map[string][]Entry{"progs": {{Key: le32(0), Value: []byte(name)}}},
			Observe: func(o *Observation) {
				if o.Main {
					main++
				}
			},
		})
		return o, main
	}
	if o, main := run("other"); o.R0 != 107 || o.Fault != NoFault || main != 7 {
		t.Errorf("tail call: %+v, %d instructions of the main program", o, main)
	}
	if o, _ := run("again"); o.R0 != 102 || o.Steps != 2+3+33*3+2+2 {
		t.Errorf("tail calls without end: %+v", o)
	}
	if o, _ := run("nobody"); o.R0 != 101 {
		t.Errorf("no such program: %+v", o)
	}
}

// TestObservation: the observer sees every instruction, and pointers mean places.
func TestObservation(t *testing.T) {
	var pcs []int
	var places []Place
	o, _ := runText(t, "xdp", "*(u32 *)(r10 - 4) = 0\n r2 = r10\n r2 += -4\n r1 = map[array] ll\n call map_lookup_elem\n r1 = 3\n call f\n exit\nf: r0 = 0\n exit", Input{Observe: func(o *Observation) {
		pcs = append(pcs, o.PC)
		if p, ok := o.Resolve(o.Regs[isa.R0]); ok && p.Kind == KindValue {
			places = append(places, p)
		}
		if o.Map(0) != testMaps[0] || o.Map(-1) != nil || o.Map(99) != nil || o.PacketData() != 0 || o.PacketSize() != 64 {
			t.Errorf("map %v, packet at %d of %d bytes", o.Map(0), o.PacketData(), o.PacketSize())
		}
		if o.PC == 9 && (o.Frame != 1 || o.CallSite(0) != 7) {
			t.Errorf("frame %d, called from %d", o.Frame, o.CallSite(0))
		}
		if p, ok := o.Resolve(o.Regs[isa.R10]); !ok || p.Kind != KindStack || int(p.Object) != o.Frame || p.Offset != 512 || !p.Live {
			t.Errorf("r10 is %+v", p)
		}
	}})
	if want := []int{0, 1, 2, 3, 5, 6, 7, 9, 10, 8}; !equal(pcs, want) || o.Steps != int64(len(want)) {
		t.Errorf("instructions %v, %d steps, want %v", pcs, o.Steps, want)
	}
	if len(places) == 0 || places[0].Object != 0 || places[0].Offset != 0 {
		t.Errorf("map values at %+v", places)
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
