package btfcheck

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"
)

// ruleRow is one row of btf_rules.tsv that has a blob.
type ruleRow struct {
	id, rule, message string
	accept            bool
	blob              []byte
}

// number is a rule id without the letter or kind of its variant.
var number = regexp.MustCompile(`^B[0-9]+`)

func ruleRows(t testing.TB) (rows []ruleRow, others []string) {
	t.Helper()
	text, err := os.ReadFile(shared(t, "spec/btf_rules.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 7 {
			t.Fatalf("%d columns in %q", len(f), line)
		}
		blob, err := hex.DecodeString(f[6])
		if err != nil {
			others = append(others, f[0])
			continue
		}
		rows = append(rows, ruleRow{id: f[0], rule: f[1], message: f[5], accept: f[3] == "accept", blob: blob})
	}
	return rows, others
}

func TestRules(t *testing.T) {
	rows, others := ruleRows(t)
	matched := 0
	for _, r := range rows {
		got := Check(r.blob, Kernel)
		switch {
		case r.accept && len(got) > 0:
			t.Errorf("%s (%s): Linux accepts, got %v", r.id, r.rule, &got[0])
		case !r.accept && len(got) == 0:
			t.Errorf("%s (%s): Linux refuses, got nothing", r.id, r.rule)
		case !r.accept && got[0].Rule != number.FindString(r.id):
			t.Errorf("%s (%s): got rule %v; Linux says %q", r.id, r.rule, &got[0], r.message)
		default:
			matched++
		}
	}
	t.Logf("%d of %d rows with a blob agree in verdict and rule; %d rows are about other inputs: %v",
		matched, len(rows), len(others), others)
}

func TestRealBlobs(t *testing.T) {
	check := func(name string, raw []byte, mode Mode) {
		t.Helper()
		if got := Check(raw, mode); len(got) > 0 {
			t.Errorf("%s: %v", name, &got[0])
		}
		strict := map[string]int{}
		for _, d := range Check(raw, mode|Strict) {
			strict[d.Rule]++
		}
		if len(strict) > 0 {
			t.Logf("%s: strict %v", name, strict)
		}
	}
	if raw, err := os.ReadFile("/sys/kernel/btf/vmlinux"); err == nil {
		check("vmlinux", raw, Kernel)
	}
	n, loads := 0, 0
	objects(t, func(name string, btf, ext []byte) {
		n++
		check(name, btf, Object)
		if len(Check(btf, Kernel)) == 0 {
			loads++
		}
	})
	t.Logf("%d objects, %d of them loadable without a loader's changes", n, loads)
}

func BenchmarkCheck(b *testing.B) {
	raw := kernelBTF(b, "6.18")
	b.ReportAllocs()
	for b.Loop() {
		if d := Check(raw, Kernel); len(d) > 0 {
			b.Fatal(&d[0])
		}
	}
}
