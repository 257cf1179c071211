package linux

import (
	"strings"
	"testing"
)

// TestRealPrograms demands that what a kernel accepted, the tables of its version
// allow: for each real program, its program type and each helper that it calls.
func TestRealPrograms(t *testing.T) {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	ids := map[string]int32{} // by name without underscores, as the list has it
	for name, id := range loaded().helperIDs {
		ids[plain(name)] = id
	}
	types := map[string]string{"extension": "ext", "unspecifiedprogram": ""}
	for _, p := range loaded().progs {
		types[plain(p.Name)] = p.Name
	}
	accepted := map[string]map[string]bool{} // target, program
	for _, r := range tsv(t, "../cases/kernels-real.tsv") {
		for column, name := range map[string]string{"5.10.262": "linux-5.10", "6.1.192": "linux-6.1",
			"6.12.117": "linux-6.12", "6.18.44": "linux-6.18", "7.3.4": "linux-7.3"} {
			if accepted[name] == nil {
				accepted[name] = map[string]bool{}
			}
			accepted[name][r["key"]] = r[column] == "accept"
		}
	}
	programs, calls := 0, 0
	for _, r := range tsv(t, "../cases/realworld.tsv") {
		typ, ok := types[plain(r["type"])]
		if !ok {
			t.Errorf("%s: unknown type %s", r["section"], r["type"])
		}
		for name, keys := range accepted {
			if !keys[r["key"]] || typ == "" {
				continue
			}
			programs++
			tg := target(t, name)
			p := prog(t, tg, typ)
			s, ok := tg.Section(r["section"])
			if ok && s.ProgType != typ {
				t.Errorf("%s: section %s is %s, not %s", name, r["section"], s.ProgType, typ)
			}
			for _, h := range strings.Split(r["helpers"], ",") {
				if h == "" {
					continue
				}
				calls++
				if got, known := tg.Helper(p, s.Attach, ids[plain(h)]); got == nil || got.Unsupported != "" {
					t.Errorf("%s: %s in %s: known %v, %+v", name, h, r["section"], known, got)
				}
			}
		}
	}
	t.Logf("%d programs, %d calls", programs, calls)
	if programs < 1000 {
		t.Errorf("only %d programs compared", programs)
	}
}
