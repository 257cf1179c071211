package kernel

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

var target = linux.New(platform.V(6, 18))

// assemble makes a program with an array m of 8-byte values and a hash h.
func assemble(t *testing.T, typ, text string) *loader.Program {
	t.Helper()
	src, err := isa.Assemble(text, isa.AsmOptions{Helper: target.HelperID})
	if err != nil {
		t.Fatal(err)
	}
	p := &loader.Program{Name: "t", Type: typ, License: "GPL", Insns: src.Insns, Maps: []*loader.Map{
		{Name: "m", Type: "array", KeySize: 4, ValueSize: 8, MaxEntries: 2},
		{Name: "h", Type: "hash", KeySize: 4, ValueSize: 4, MaxEntries: 8},
	}}
	for _, r := range src.MapRefs {
		ref := loader.Ref{Insn: r.Insn, Kind: loader.RefMap}
		if r.Name == "h" {
			ref.Map = 1
		}
		if r.Value {
			ref.Kind = loader.RefMapValue
		}
		p.Refs = append(p.Refs, ref)
	}
	return p
}

const update = `r2 = r10
r2 += -4
*(u32 *)(r10 - 4) = 1
r3 = r10
r3 += -8
*(u32 *)(r10 - 8) = 77
r4 = 0
r1 = map[h] ll
call map_update_elem
r2 = r10
r2 += -4
r1 = map[m] ll
call map_lookup_elem
if r0 == 0 goto +3
r1 = *(u64 *)(r0 + 0)
r1 += 1
*(u64 *)(r0 + 0) = r1
r0 = 2
exit`

// TestAgainstInterpreter runs programs in both; where the kernel may not be asked,
// only the digest is compared with the interpreter's own hash.
func TestAgainstInterpreter(t *testing.T) {
	why := Available()
	if why != nil {
		t.Logf("without the kernel: %v", why)
	}
	packet := append(make([]byte, 12), 8, 0)
	for i := range 26 { // less than an IP header the kernel refuses
		packet = append(packet, byte(i))
	}
	value := exec.Entry{Key: []byte{1, 0, 0, 0}, Value: []byte{9, 0, 0, 0, 0, 0, 0, 0}}
	for _, c := range []struct{ name, typ, text string }{
		{"maps", "socket_filter", update},
		{"maps of xdp", "xdp", update},
		{"packet written", "xdp", "r2 = *(u32 *)(r1 + 0)\n r3 = *(u32 *)(r1 + 4)\n r4 = r2\n r4 += 16\n r0 = 1\n if r4 > r3 goto +1\n *(u16 *)(r2 + 14) = 0x4142\n exit"},
		{"packet of a classifier", "sched_cls", "r2 = *(u32 *)(r1 + 76)\n r3 = *(u32 *)(r1 + 80)\n r4 = r2\n r4 += 16\n r0 = 1\n if r4 > r3 goto +1\n *(u8 *)(r2 + 15) = 7\n exit"},
		{"length of a filter", "socket_filter", "r0 = *(u32 *)(r1 + 0)\n exit"},
	} {
		p := assemble(t, c.typ, c.text)
		ref, err := exec.Interpreter{}.Load(p, exec.Options{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		var report exec.Report
		in := &exec.Input{Data: packet, Maps: map[string][]exec.Entry{"m": {value}}, Report: &report}
		want := ref.Run(in)
		if d := exec.Digest(p, report.Packet, report.Values); d != want.Hash {
			t.Errorf("%s: the digest of the report is %#x, the hash %#x", c.name, d, want.Hash)
		}
		if why != nil {
			continue
		}
		live, err := Executor{}.Load(p, exec.Options{Target: target})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for range 2 { // the second run starts with the same maps as the first
			var theirs exec.Report
			in.Report = &theirs
			got := live.Run(in)
			if got.R0 != want.R0 || got.Fault != want.Fault || got.Hash != want.Hash {
				t.Errorf("%s: %+v %q, the interpreter ends with %+v", c.name, got, theirs.Detail, want)
			}
			if !bytes.Equal(theirs.Packet, report.Packet) {
				t.Errorf("%s: packet %x, the interpreter leaves %x", c.name, theirs.Packet, report.Packet)
			}
		}
		if err := Close(live); err != nil {
			t.Error(err)
		}
		if got := live.Run(in); got.Fault != exec.NotModelled {
			t.Errorf("%s: a closed program ends with %+v", c.name, got)
		}
	}
}

// TestRefusals: what the kernel refuses, and what is not given to it.
func TestRefusals(t *testing.T) {
	load := func(p *loader.Program) error {
		r, err := Executor{}.Load(p, exec.Options{Target: target})
		if err == nil {
			Close(r)
		}
		return err
	}
	if err := Available(); err != nil {
		if err := load(assemble(t, "xdp", "r0 = 0\n exit")); !errors.Is(err, ErrPermission) {
			t.Errorf("%v, want ErrPermission", err)
		}
		t.Skip(err)
	}
	var refused *Rejected
	if err := load(assemble(t, "xdp", "r0 = r3\n exit")); !errors.As(err, &refused) || refused.Message() != "R3 !read_ok" {
		t.Errorf("%v, want the verifier's message", err)
	}
	for _, c := range []struct{ typ, want string }{
		{"kprobe", "no test run"}, {"", "no program type"}, {"nonsense", "no test run"},
	} {
		if err := load(assemble(t, c.typ, "r0 = 0\n exit")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.typ, err, c.want)
		}
	}
	p := assemble(t, "xdp", "r0 = 0\n exit")
	p.Insns = nil
	if err := load(p); err == nil {
		t.Error("a program without instructions was loaded")
	}
	p = assemble(t, "xdp", "r0 = 0\n exit")
	p.Maps[0].Type = "nonsense"
	if err := load(p); err == nil {
		t.Error("a map of an unknown type was made")
	}
}
