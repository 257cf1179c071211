package all

import (
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/domaintest"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
)

// genericPair reduces by Words, as any two Scalars can.
type genericPair = domains.Pair[tnum.Tnum, interval.Interval, tnum.Domain, interval.Domain,
	domains.Exchange[tnum.Tnum, interval.Interval, tnum.Domain, interval.Domain]]

// product runs the two domains as separate members, as Select never does.
func product(w isa.Width, n int) domains.Numeric {
	return domains.NewProduct(w, newTnum(w, n), newInterval(w, n))
}

func TestScalars(t *testing.T) {
	t.Run("tnum", func(t *testing.T) { domaintest.Scalar[tnum.Tnum](t, tnum.Domain{}) })
	t.Run("interval", func(t *testing.T) { domaintest.Scalar[interval.Interval](t, interval.Domain{}) })
	t.Run("pair", func(t *testing.T) { domaintest.Scalar[both](t, TnumInterval{}) })
	t.Run("generic pair", func(t *testing.T) { domaintest.Scalar[both](t, genericPair{}) })
}

// TestRegistered holds every domain of the list to what a Numeric owes, and so
// their product.
func TestRegistered(t *testing.T) {
	for _, e := range All {
		t.Run(e.Name, func(t *testing.T) { domaintest.Numeric(t, e.New) })
	}
	t.Run("all", func(t *testing.T) { domaintest.Numeric(t, whole) })
	t.Run("product", func(t *testing.T) { domaintest.Numeric(t, product) })
}

func TestNoAllocations(t *testing.T) {
	t.Run("tnum", func(t *testing.T) { domaintest.NoAllocations(t, newTnum) })
	t.Run("interval", func(t *testing.T) { domaintest.NoAllocations(t, newInterval) })
	t.Run("pair", func(t *testing.T) { domaintest.NoAllocations(t, newTnumInterval) })
	t.Run("product", func(t *testing.T) { domaintest.NoAllocations(t, product) })
	t.Run("all", func(t *testing.T) { domaintest.NoAllocations(t, whole) })
}

func TestSelect(t *testing.T) {
	for _, bad := range []string{"", "nosuch", "tnum tnum", "tnum nosuch"} {
		if f, err := Select(strings.Fields(bad)); err == nil || f != nil {
			t.Errorf("Select of %q gives no error", bad)
		}
	}
	for _, names := range []string{"tnum", "interval", "tnum interval", "interval tnum"} {
		f, err := Select(strings.Fields(names))
		if err != nil {
			t.Fatal(err)
		}
		s := f(isa.W64, 2)
		s.Assume(isa.LE, isa.W64, 1, domains.K(7))
		if got := s.Word(1).UMax; got != 7 {
			t.Errorf("%s: at most %d, want 7", names, got)
		}
	}
}
