package bpfcheck

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/corpus"
)

// TestTitlesAgree compares titles with those of docs/EXPECTATIONS.md.
func TestTitlesAgree(t *testing.T) {
	for _, e := range corpus.Expectations {
		if got := RuleTitle(e.Rule); got != e.Title {
			t.Errorf("%s is %q here and %q in docs/EXPECTATIONS.md", e.Rule, got, e.Title)
		}
	}
}
