package all

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains/domaintest"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/precision.golden")

// TestPrecision compares the precision ledger: domain, operation, % of pairs whose
// result is best at operation widths 4 and 2. A loss or a gain shows as a diff;
// `go test -run Precision -update` accepts it.
func TestPrecision(t *testing.T) {
	got := domaintest.Precision[tnum.Tnum](tnum.Domain{}) +
		domaintest.Precision[interval.Interval](interval.Domain{}) +
		domaintest.Precision[both](TnumInterval{})
	file := filepath.Join("testdata", "precision.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("precision changed (-want +got):\n%s", diff)
	}
}
