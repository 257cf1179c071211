package btfcheck

import (
	"slices"
	"testing"
	"time"
)

// TestStrict: what Linux lets pass and the format forbids.
func TestStrict(t *testing.T) {
	rows, _ := ruleRows(t)
	want := map[string]string{"B29": "B29", "B33": "B33", "B45": "B45", "B45b": "B45", "B88": "B88"}
	for _, r := range rows {
		if !r.accept {
			continue
		}
		got := Check(r.blob, Strict)
		rule := want[r.id]
		delete(want, r.id)
		if rule == "" && len(got) > 0 || rule != "" && (len(got) != 1 || got[0].Rule != rule) {
			t.Errorf("%s: strict mode says %v, want %q", r.id, got, rule)
		}
	}
	for id := range want {
		t.Errorf("no row %s", id)
	}

	b := newBuilder()
	b.add("wide", KindInt, 0, false, 8, 32)
	if got := Check(b.blob(), Strict); len(got) != 1 || got[0].Rule != "B178" {
		t.Errorf("32 bits in 8 bytes: %v", got)
	}
	// Linux does not compare the sizes of variables that come after their
	// section.
	b = newBuilder()
	b.add(".data", KindDatasec, 1, false, 4, 3, 0, 2)
	b.integer("int", 4)
	b.add("v", KindVar, 0, false, 2, 1)
	if got := Check(b.blob(), Strict); len(got) != 1 || got[0].Rule != "B123" {
		t.Errorf("small entry: %v", got)
	}
}

func TestLimits(t *testing.T) {
	b := newBuilder()
	b.integer("int", 4)
	if got := Check(append(b.blob(), make([]byte, 17<<20)...), Kernel); len(got) != 1 || got[0].Rule != "B19" {
		t.Errorf("17 MiB: %v", got)
	}
	raw := blobOf(slices.Repeat(words(0, uint32(KindPtr)<<24, 0), 0x100000), []byte{0})
	if got := Check(raw, Kernel); len(got) != 1 || got[0].Rule != "B179" {
		t.Errorf("too many types: %v", got)
	}
	if _, err := Parse(raw, nil); err == nil {
		t.Error("too many types were parsed")
	}
}

// TestHostileCost: blobs that would cost the product of their parts cost their
// sum.
func TestHostileCost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const many = 900_000
	shared := newBuilder() // one prototype, many functions
	shared.integer("int", 4)
	name := shared.str("p")
	var params []uint32
	for range 60_000 {
		params = append(params, name, 1)
	}
	shared.add("", KindFuncProto, 60_000, false, 1, params...)
	shared.types = append(shared.types, slices.Repeat(words(name, uint32(KindFunc)<<24, 2), many)...)

	long := newBuilder() // one long name, many types
	long.integer("int", 4)
	at := long.str(string(slices.Repeat([]byte("n"), 4<<20)))
	long.types = append(long.types, slices.Repeat(words(at, uint32(KindTypeTag)<<24, 1), many)...)

	dag := newBuilder() // each struct holds the one before it twice, beside a lock
	dag.integer("int", 4)
	last := dag.structure(KindStruct, "bpf_spin_lock", 4)
	for i := range 20 {
		size := uint32(4) << i
		last = dag.structure(KindStruct, "s", 2*size, field{"a", last, 0, 0}, field{"b", last, size, 0})
		if i == 0 {
			last = dag.structure(KindStruct, "s", 4, field{"a", 1, 0, 0})
		}
	}
	for range 200_000 {
		dag.structure(KindStruct, "", 64<<20, field{"l", 2, 0, 0}, field{"s", last, 8, 0})
	}

	for _, raw := range [][]byte{shared.blob(), long.blob(), dag.blob()} {
		start := time.Now()
		Check(raw, Kernel|Strict)
		s, err := Parse(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.ByName(KindStruct, "absent")
		s.Fields(s.Next() - 1)
		// Generous, as machines are shared: the products would take minutes.
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%d bytes took %v", len(raw), d)
		} else {
			t.Logf("%d bytes, %d types: %v", len(raw), s.Next()-1, d)
		}
	}
}
