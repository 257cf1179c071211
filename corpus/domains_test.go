package corpus

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/domains/all"
)

// TestDomainsEarnTheirPlace names, for each domain, programs that are proved with
// it and not without.
func TestDomainsEarnTheirPlace(t *testing.T) {
	progs, err := All()
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(p *Program, domains ...string) absint.Verdict {
		f, err := all.Select(domains)
		if err != nil {
			t.Fatal(err)
		}
		c := config(t, nil)
		c.Domains = f
		return absint.Analyze(p.Load, c).Verdict
	}
	rest := map[string][]string{"tnum": {"interval", "zone"}, "interval": {"tnum", "zone"}, "zone": {"tnum", "interval"}}
	for domain, others := range rest {
		var earned []string
		for _, p := range progs {
			if p.Safe && p.Gap == "" && verdict(p, others...) != absint.Safe && verdict(p, all.Names()...) == absint.Safe {
				earned = append(earned, p.Name)
			}
		}
		t.Logf("%d programs need %s: %v", len(earned), domain, earned)
		if len(earned) < 2 {
			t.Errorf("%s: only %v need it", domain, earned)
		}
	}
}
