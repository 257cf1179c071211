package linux

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/bpfcheck/bpfcheck/platform"
)

// TestKernelEnums compares names, numbers and versions with the enumerations in the
// BTF of distribution kernels.
func TestKernelEnums(t *testing.T) {
	for _, v := range []string{"5.10", "6.1", "6.12", "6.18", "7.3"} {
		z, err := gzip.NewReader(shared(t, "btf/linux-"+v+"-debian-cloud.btf.gz"))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := btf.LoadSpecFromReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		tg := target(t, "linux-"+v)
		n := 0
		for _, e := range enumerators(t, spec, "bpf_func_id", "BPF_FUNC_") {
			if tg.HelperName(int32(e.Value)) != e.Name {
				t.Errorf("%s: helper %d is %s, not %q", v, e.Value, e.Name, tg.HelperName(int32(e.Value)))
			}
			n = max(n, int(e.Value))
		}
		if tg.HelperName(int32(n)+1) != "" {
			t.Errorf("%s: helper %d exists", v, n+1)
		}
		for _, e := range enumerators(t, spec, "bpf_map_type", "BPF_MAP_TYPE_") {
			m, ok := tg.MapTypeByID(uint32(e.Value))
			if !strings.HasSuffix(e.Name, "_deprecated") && (!ok || m.Name != e.Name) {
				t.Errorf("%s: map type %d is %s, not %v", v, e.Value, e.Name, m)
			}
			n = max(n, int(e.Value))
		}
		for _, e := range enumerators(t, spec, "bpf_prog_type", "BPF_PROG_TYPE_") {
			if p, ok := tg.ProgType(e.Name); !ok || p.ID != uint32(e.Value) {
				t.Errorf("%s: program type %d is %s, not %v", v, e.Value, e.Name, p)
			}
		}
		types := len(enumerators(t, spec, "bpf_prog_type", "BPF_PROG_TYPE_"))
		if len(tg.ProgTypes()) != types {
			t.Errorf("%s: %d program types, want %d", v, len(tg.ProgTypes()), types)
		}
		compareAttach(t, tg.version, enumerators(t, spec, "bpf_attach_type", "BPF_"))
	}
}

func compareAttach(t *testing.T, v platform.Version, want []btf.EnumValue) {
	t.Helper()
	n := 0
	for _, a := range loaded().attach {
		if a.since <= v {
			n++
		}
	}
	if n != len(want) {
		t.Errorf("%x: %d attach types, want %d", v, n, len(want))
	}
	for _, e := range want {
		if a, ok := loaded().attach[e.Name]; !ok || a.id != uint32(e.Value) || a.since > v {
			t.Errorf("%x: attach type %d is %s, not %v", v, e.Value, e.Name, a)
		}
	}
}

// enumerators lists an enumeration's values in lower case without the prefix, but
// not the limits that it ends with, nor its "unspecified".
func enumerators(t *testing.T, spec *btf.Spec, name, prefix string) []btf.EnumValue {
	t.Helper()
	var e *btf.Enum
	if err := spec.TypeByName(name, &e); err != nil {
		t.Fatal(err)
	}
	var out []btf.EnumValue
	for _, v := range e.Values {
		if strings.HasPrefix(v.Name, "__") || strings.HasSuffix(v.Name, "_unspec") || strings.HasSuffix(v.Name, "_UNSPEC") {
			continue
		}
		v.Name = strings.ToLower(strings.TrimPrefix(v.Name, prefix))
		out = append(out, v)
	}
	return out
}
