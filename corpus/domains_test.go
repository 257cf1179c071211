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
		c.Domains, c.MaxInsns = f, 20_000
		return absint.Analyze(p.Load, c).Verdict
	}
	rest := map[string][]string{"tnum": {"interval", "zone"}, "interval": {"tnum", "zone"}, "zone": {"tnum", "interval"}}
	least := map[string]int{"tnum": 1, "interval": 1, "zone": 2} // zone bounds the nodes it relates, and so most values
	for domain, others := range rest {
		var earned []string
		for _, p := range progs {
			if p.Safe && p.Gap == "" && verdict(p, others...) != absint.Safe && verdict(p, all.Names()...) == absint.Safe {
				earned = append(earned, p.Name)
			}
		}
		t.Logf("%d programs need %s: %v", len(earned), domain, earned)
		if len(earned) < least[domain] {
			t.Errorf("%s: only %v need it", domain, earned)
		}
	}
}
