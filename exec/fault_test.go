package exec

import (
	"bytes"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// testMaps are the maps that the programs of the tests may name.
var testMaps = []*loader.Map{
	{Name: "array", Type: "array", KeySize: 4, ValueSize: 16, MaxEntries: 4},
	{Name: "one", Type: "array", KeySize: 4, ValueSize: 16, MaxEntries: 1},
	{Name: "ro", Type: "array", KeySize: 4, ValueSize: 16, MaxEntries: 1, Flags: flagRdonlyProg, Frozen: true, Data: append([]byte("%d is %x"), 0)},
	{Name: "hash", Type: "hash", KeySize: 4, ValueSize: 8, MaxEntries: 2},
	{Name: "lru", Type: "lru_hash", KeySize: 4, ValueSize: 8, MaxEntries: 2},
	{Name: "percpu", Type: "percpu_array", KeySize: 4, ValueSize: 8, MaxEntries: 2},
	{Name: "lpm", Type: "lpm_trie", KeySize: 8, ValueSize: 8, MaxEntries: 8, Flags: 1},
	{Name: "ring", Type: "ringbuf", MaxEntries: 4096},
	{Name: "perf", Type: "perf_event_array", KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "progs", Type: "prog_array", KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "outer", Type: "array_of_maps", KeySize: 4, ValueSize: 4, MaxEntries: 2, Inner: &loader.Map{Name: "inner", Type: "array", KeySize: 4, ValueSize: 8, MaxEntries: 2}},
	{Name: "queue", Type: "queue", ValueSize: 8, MaxEntries: 2},
	{Name: "stack", Type: "stack", ValueSize: 8, MaxEntries: 2},
	{Name: "bloom", Type: "bloom_filter", ValueSize: 8, MaxEntries: 8},
	{Name: "locked", Type: "array", KeySize: 4, ValueSize: 16, MaxEntries: 1, Fields: []loader.MapField{{Kind: "spin_lock", Offset: 0, Size: 4}}},
	{Name: "timed", Type: "array", KeySize: 4, ValueSize: 24, MaxEntries: 1, Fields: []loader.MapField{{Kind: "timer", Offset: 0, Size: 16}}},
	{Name: "devs", Type: "devmap", KeySize: 4, ValueSize: 4, MaxEntries: 4},
	{Name: "stacks", Type: "stack_trace", KeySize: 4, ValueSize: 80, MaxEntries: 16},
	{Name: "socks", Type: "sockmap", KeySize: 4, ValueSize: 4, MaxEntries: 2},
	{Name: "sk_local", Type: "sk_storage", KeySize: 4, ValueSize: 8, Flags: 1},
	{Name: "groups", Type: "cgroup_array", KeySize: 4, ValueSize: 4, MaxEntries: 2},
	{Name: "xsks", Type: "xskmap", KeySize: 4, ValueSize: 4, MaxEntries: 2},
}

// program assembles a program of a type that uses testMaps.
func testProgram(tb testing.TB, typ, text string) *loader.Program {
	tb.Helper()
	src, err := isa.Assemble(text, isa.AsmOptions{Helper: target.HelperID})
	if err != nil {
		tb.Fatalf("%v\n%s", err, text)
	}
	p := &loader.Program{Name: "test", Type: typ, License: "GPL", Insns: src.Insns, Maps: testMaps}
	for _, r := range src.MapRefs {
		ref := loader.Ref{Insn: r.Insn, Kind: loader.RefMap, Map: -1, Offset: int32(r.Off)}
		if r.Value {
			ref.Kind = loader.RefMapValue
		}
		for i, m := range testMaps {
			if m.Name == r.Name {
				ref.Map = i
			}
		}
		if ref.Map < 0 {
			tb.Fatalf("no map %q", r.Name)
		}
		p.Refs = append(p.Refs, ref)
	}
	return p
}

// runText assembles, loads and runs; the report says more.
func runText(tb testing.TB, typ, text string, in Input) (Outcome, Report) {
	tb.Helper()
	r, err := Interpreter{}.Load(testProgram(tb, typ, text), Options{Target: target})
	if err != nil {
		tb.Fatal(err)
	}
	var rep Report
	in.Report = &rep
	if in.Data == nil {
		in.Data = bytes.Repeat([]byte{0xab}, 64)
	}
	return r.Run(&in), rep
}

// faultCases has each fault, and beside it the nearest program without one.
var faultCases = []struct {
	name, typ string
	fault     Fault
	bad, good string
}{
	{"register never written", "xdp", Uninitialised, "r0 = r3\n exit", "r3 = 0\n r0 = r3\n exit"},
	{"register destroyed by a call", "xdp", Uninitialised, "call ktime_get_ns\n r0 = r1\n exit", "r6 = r1\n call ktime_get_ns\n r0 = r6\n r0 = 0\n exit"},
	{"no result", "xdp", Uninitialised, "exit", "r0 = 0\n exit"},
	{"one path without a result", "xdp", Uninitialised, "r1 = 1\n if r1 == 1 goto +1\n r0 = 0\n exit", "r1 = 1\n if r1 == 2 goto +1\n r0 = 0\n exit"},
	{"callee reads the caller's r6", "xdp", Uninitialised, "r6 = 1\n call f\n exit\nf: r0 = r6\n exit", "r1 = 1\n call f\n exit\nf: r6 = 2\n r0 = r6\n exit"},
	{"callee without a result", "xdp", Uninitialised, "r0 = 1\n r1 = 1\n call f\n exit\nf: r1 = 1\n exit", "r0 = 1\n r1 = 1\n call f\n exit\nf: r0 = 1\n exit"},
	{"above the frame", "xdp", StackBounds, "*(u64 *)(r10 + 0) = 1\n r0 = 0\n exit", "*(u64 *)(r10 - 8) = 1\n r0 = 0\n exit"},
	{"below the frame", "xdp", StackBounds, "r0 = *(u64 *)(r10 - 520)\n exit", "r0 = *(u64 *)(r10 - 512)\n exit"},
	{"across the top", "xdp", StackBounds, "r0 = *(u64 *)(r10 - 4)\n exit", "r0 = *(u32 *)(r10 - 4)\n exit"},
	{"a frame that was left", "xdp", StackBounds, "call f\n r0 = *(u64 *)(r0 + 0)\n exit\nf: *(u64 *)(r10 - 8) = 1\n r0 = r10\n r0 += -8\n exit",
		"r1 = r10\n r1 += -8\n call f\n r0 = *(u64 *)(r10 - 8)\n exit\nf: *(u64 *)(r1 + 0) = 1\n r0 = 0\n exit"},
	{"context field", "xdp", ContextAccess, "r0 = *(u32 *)(r1 + 64)\n exit", "r0 = *(u32 *)(r1 + 12)\n exit"},
	{"context write", "xdp", ContextAccess, "*(u32 *)(r1 + 16) = 1\n r0 = 0\n exit", "r0 = *(u32 *)(r1 + 16)\n exit"},
	{"beyond the packet", "xdp", PacketBounds, "r2 = *(u32 *)(r1 + 0)\n r0 = *(u8 *)(r2 + 64)\n exit", "r2 = *(u32 *)(r1 + 0)\n r0 = *(u8 *)(r2 + 63)\n exit"},
	{"before the packet", "xdp", PacketBounds, "r2 = *(u32 *)(r1 + 0)\n r0 = *(u8 *)(r2 - 1)\n exit", "r2 = *(u32 *)(r1 + 0)\n r0 = *(u8 *)(r2 + 0)\n exit"},
	{"at data_end", "xdp", PacketBounds, "r2 = *(u32 *)(r1 + 4)\n r0 = *(u8 *)(r2 + 0)\n exit", "r2 = *(u32 *)(r1 + 4)\n r0 = *(u8 *)(r2 - 1)\n exit"},
	{"a packet that moved", "xdp", PacketBounds, "r6 = *(u32 *)(r1 + 0)\n r2 = 0\n call xdp_adjust_head\n r0 = *(u8 *)(r6 + 0)\n exit",
		"r6 = r1\n r2 = 0\n call xdp_adjust_head\n r6 = *(u32 *)(r6 + 0)\n r0 = *(u8 *)(r6 + 0)\n exit"},
	{"read-only packet", "cgroup_skb", ReadOnly, "r2 = *(u32 *)(r1 + 76)\n *(u8 *)(r2 + 0) = 1\n r0 = 1\n exit", "r2 = *(u32 *)(r1 + 76)\n r0 = *(u8 *)(r2 + 0)\n r0 = 1\n exit"},
	{"null", "xdp", NullPointer, "*(u32 *)(r10 - 4) = 1\n r2 = r10\n r2 += -4\n r1 = map[hash] ll\n call map_lookup_elem\n r0 = *(u8 *)(r0 + 0)\n exit",
		"*(u32 *)(r10 - 4) = 1\n r2 = r10\n r2 += -4\n r1 = map[hash] ll\n call map_lookup_elem\n if r0 == 0 goto +1\n r0 = *(u8 *)(r0 + 0)\n exit"},
	{"map value", "xdp", MapBounds, "r1 = map_value[one] ll\n r0 = *(u8 *)(r1 + 16)\n exit", "r1 = map_value[one] ll\n r0 = *(u8 *)(r1 + 15)\n exit"},
	{"before a map value", "xdp", MapBounds, "r1 = map_value[one] ll\n r0 = *(u8 *)(r1 - 1)\n exit", "r1 = map_value[one]+8 ll\n r0 = *(u8 *)(r1 - 8)\n exit"},
	{"map itself", "xdp", MapObject, "r1 = map[hash] ll\n *(u64 *)(r1 + 0) = 1\n r0 = 0\n exit", "r1 = map[hash] ll\n r0 = *(u32 *)(r1 + 24)\n r0 = 0\n exit"},
	{"a number as an address", "xdp", BadPointer, "r1 = 0x123456789a ll\n r0 = *(u8 *)(r1 + 0)\n exit", "r1 = r10\n r0 = *(u8 *)(r1 - 1)\n exit"},
	{"far away from a value", "xdp", BadPointer, "r1 = map_value[one] ll\n r2 = 0x100000000 ll\n r1 += r2\n r0 = *(u8 *)(r1 + 0)\n exit", "r1 = map_value[one] ll\n r2 = 8\n r1 += r2\n r0 = *(u8 *)(r1 + 0)\n exit"},
	{"misaligned atomic", "xdp", Misaligned, "r1 = 1\n lock *(u32 *)(r10 - 6) += r1\n r0 = 0\n exit", "r1 = 1\n lock *(u32 *)(r10 - 8) += r1\n r0 = 0\n exit"},
	{"leaked record", "xdp", Reference, "r1 = map[ring] ll\n r2 = 8\n r3 = 0\n call ringbuf_reserve\n r0 = 0\n exit",
		"r1 = map[ring] ll\n r2 = 8\n r3 = 0\n call ringbuf_reserve\n if r0 == 0 goto +3\n r1 = r0\n r2 = 0\n call ringbuf_submit\n r0 = 0\n exit"},
	{"record used after submit", "xdp", Reference, "r1 = map[ring] ll\n r2 = 8\n r3 = 0\n call ringbuf_reserve\n if r0 == 0 goto +5\n r6 = r0\n r1 = r0\n r2 = 0\n call ringbuf_submit\n *(u8 *)(r6 + 0) = 1\n r0 = 0\n exit",
		"r1 = map[ring] ll\n r2 = 8\n r3 = 0\n call ringbuf_reserve\n if r0 == 0 goto +4\n *(u8 *)(r0 + 7) = 1\n r1 = r0\n r2 = 0\n call ringbuf_discard\n r0 = 0\n exit"},
	{"record submitted twice", "xdp", Reference, "r1 = map[ring] ll\n r2 = 8\n r3 = 0\n call ringbuf_reserve\n if r0 == 0 goto +7\n r6 = r0\n r1 = r0\n r2 = 0\n call ringbuf_submit\n r1 = r6\n r2 = 0\n call ringbuf_submit\n r0 = 0\n exit", ""},
	{"beyond a record", "xdp", MemoryBounds, "r1 = map[ring] ll\n r2 = 8\n r3 = 0\n call ringbuf_reserve\n if r0 == 0 goto +4\n *(u8 *)(r0 + 8) = 1\n r1 = r0\n r2 = 0\n call ringbuf_discard\n r0 = 0\n exit", ""},
	{"no end", "xdp", OutOfFuel, "goto -1\n exit", "r0 = 1\n exit"},
	{"jump out of the program", "xdp", ControlFlow, "r0 = 0\n goto +5\n exit", "r0 = 0\n goto +0\n exit"},
	{"falls off the end", "xdp", ControlFlow, "r0 = 0", "r0 = 0\n exit"},
	{"jump into an LD_IMM64", "xdp", ControlFlow, "goto +1\n r0 = 5 ll\n exit", "goto +0\n r0 = 5 ll\n exit"},
	{"no instruction", "xdp", ControlFlow, "r0 = 0\n .insn 0xff, 0, 0, 0, 0\n exit", "r0 = 0\n .insn 0x95, 0, 0, 0, 0"},
	{"no such helper", "xdp", NoHelper, "call 9999\n r0 = 0\n exit", "call 5\n r0 = 0\n exit"},
	{"another type's helper", "xdp", NoHelper, "call 26\n r0 = 0\n exit", "call 8\n r0 = 0\n exit"},
	{"key too short", "xdp", BadArgument, "r2 = r10\n r2 += -2\n r1 = map[hash] ll\n call map_lookup_elem\n r0 = 0\n exit", "*(u32 *)(r10 - 4) = 0\n r2 = r10\n r2 += -4\n r1 = map[hash] ll\n call map_lookup_elem\n r0 = 0\n exit"},
	{"no map", "xdp", BadArgument, "r2 = r10\n r2 += -8\n r1 = r10\n call map_lookup_elem\n r0 = 0\n exit", ""},
	{"map of another type", "xdp", BadArgument, "r2 = r10\n r2 += -8\n r1 = map[ring] ll\n call map_lookup_elem\n r0 = 0\n exit", ""},
	{"exit value", "cgroup_skb", ExitValue, "r0 = 7\n exit", "r0 = 1\n exit"},
	{"nine frames", "xdp", CallDepth, "f: call f\n r0 = 0\n exit", "call f\n exit\nf: r0 = 0\n exit"},
	{"callback result", "xdp", CallbackResult, "r1 = 3\n r2 = func cb ll\n r3 = 0\n r4 = 0\n call loop\n r0 = 0\n exit\ncb: r0 = 2\n exit",
		"r1 = 3\n r2 = func cb ll\n r3 = 0\n r4 = 0\n call loop\n r0 = 0\n exit\ncb: r0 = 1\n exit"},
	{"packet load without context", "socket_filter", PacketLoad, "r6 = 0\n r0 = *(u8 *)skb[0]\n exit", "r6 = r1\n r0 = *(u8 *)skb[0]\n exit"},
	{"read-only map", "xdp", ReadOnly, "r1 = map_value[ro] ll\n *(u8 *)(r1 + 0) = 1\n r0 = 0\n exit", "r1 = map_value[ro] ll\n r0 = *(u8 *)(r1 + 0)\n exit"},
	{"lock held at the end", "xdp", Locking, "r1 = map_value[locked] ll\n call spin_lock\n r0 = 0\n exit", "r6 = map_value[locked] ll\n r1 = r6\n call spin_lock\n r1 = r6\n call spin_unlock\n r0 = 0\n exit"},
	{"lock taken twice", "xdp", Locking, "r6 = map_value[locked] ll\n r1 = r6\n call spin_lock\n r1 = r6\n call spin_lock\n r0 = 0\n exit", ""},
	{"unlock without lock", "xdp", Locking, "r1 = map_value[locked] ll\n call spin_unlock\n r0 = 0\n exit", ""},
	{"the lock's bytes", "xdp", SpecialField, "r1 = map_value[locked] ll\n r0 = *(u32 *)(r1 + 0)\n exit", "r1 = map_value[locked] ll\n r0 = *(u32 *)(r1 + 4)\n exit"},
	{"dynptr that is none", "xdp", Dynptr, "*(u64 *)(r10 - 16) = 0\n *(u64 *)(r10 - 8) = 0\n r1 = r10\n r1 += -16\n r2 = 0\n r3 = 1\n call dynptr_data\n r0 = 0\n exit",
		"r1 = map_value[one] ll\n r2 = 16\n r3 = 0\n r4 = r10\n r4 += -16\n call dynptr_from_mem\n r1 = r10\n r1 += -16\n r2 = 0\n r3 = 1\n call dynptr_data\n if r0 == 0 goto +1\n r0 = *(u8 *)(r0 + 0)\n exit"},
	{"atomic on the packet", "xdp", PacketBounds, "r2 = *(u32 *)(r1 + 0)\n r1 = 1\n lock *(u32 *)(r2 + 0) += r1\n r0 = 0\n exit", ""},
	{"beyond a socket", "sched_cls", ObjectBounds, "r0 = 1\n r2 = *(u64 *)(r1 + 168)\n if r2 == 0 goto +1\n r0 = *(u32 *)(r2 + 84)\n exit", "r0 = 0\n r2 = *(u64 *)(r1 + 168)\n if r2 == 0 goto +1\n r0 = *(u32 *)(r2 + 0)\n exit"},
}

// TestFaults runs each faulty program and its harmless neighbour.
func TestFaults(t *testing.T) {
	seen := map[Fault]bool{}
	for _, c := range faultCases {
		t.Run(c.name, func(t *testing.T) {
			o, rep := runText(t, c.typ, c.bad, Input{Fuel: 1000, Seed: 6})
			if o.Fault != c.fault {
				t.Errorf("fault %q at %d (%s), want %q", o.Fault, o.PC, rep.Detail, c.fault)
			}
			if o.R0 != 0 {
				t.Errorf("r0 = %d after a fault", o.R0)
			}
			if c.good == "" {
				return
			}
			if o, rep := runText(t, c.typ, c.good, Input{Fuel: 1000, Seed: 6}); o.Fault != NoFault {
				t.Errorf("the neighbour faults: %q at %d (%s)", o.Fault, o.PC, rep.Detail)
			}
		})
		seen[c.fault] = true
	}
	for f := NoFault + 1; f < numFaults; f++ {
		if !seen[f] && f.Rule() != 0 {
			t.Errorf("no program for %q", f)
		}
		if f.String() == "" {
			t.Errorf("fault %d has no text", f)
		}
	}
}

// TestDerivedObjects: what was cast from a reference dies with it, also at one
// remove, and nothing else does.
func TestDerivedObjects(t *testing.T) {
	m := machineWith(t, &Input{})
	kin := func(of ID, owned bool) ID { return m.add(object{kind: KindSocket, owned: owned, of: of}, nil, nil) }
	ref, other := kin(0, true), kin(0, true)
	a, b := kin(0, false), kin(0, false)
	m.dependOn(a, ref)
	m.dependOn(b, a)
	c := kin(other, false)
	m.release(Address(ref, 0))
	for id, want := range map[ID]bool{ref: true, a: true, b: true, other: false, c: false} {
		if m.objects[id].dead != want {
			t.Errorf("object %d dead: %v, want %v", id, m.objects[id].dead, want)
		}
	}
	if m.release(Address(ref, 0)); m.fault != Reference {
		t.Errorf("second release: %q", m.fault)
	}
}

// TestHelperWork: a loop of costly helper calls ends long before its fuel.
func TestHelperWork(t *testing.T) {
	o, _ := runText(t, "sched_cls", "r6 = r1\nl: r1 = r6\n r2 = 60000\n r3 = 0\n call skb_change_tail\n goto l\n exit", Input{Fuel: 1 << 40})
	if o.Fault != Exhausted {
		t.Errorf("%+v", o)
	}
}
