package all

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/domaintest"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
)

type exchange = domains.Exchange[tnum.Tnum, interval.Interval, tnum.Domain, interval.Domain]

// genericPair reduces by Words, as any two Scalars can.
type genericPair = domains.Pair[tnum.Tnum, interval.Interval, tnum.Domain, interval.Domain, exchange]

func TestScalars(t *testing.T) {
	t.Run("tnum", func(t *testing.T) { domaintest.Scalar[tnum.Tnum](t, tnum.Domain{}) })
	t.Run("interval", func(t *testing.T) { domaintest.Scalar[interval.Interval](t, interval.Domain{}) })
	t.Run("pair", func(t *testing.T) {
		domaintest.Scalar[domains.Both[tnum.Tnum, interval.Interval]](t, TnumInterval{})
	})
	t.Run("generic pair", func(t *testing.T) {
		domaintest.Scalar[domains.Both[tnum.Tnum, interval.Interval]](t, genericPair{})
	})
}
