package proofs

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
)

func TestScratch(t *testing.T) {
	start := time.Now()
	p, err := NewProver(context.Background(), ssaterm.Source{Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("load %v", time.Since(start))
	want := os.Getenv("THEOREM")
	if want == "" {
		t.Skip("THEOREM names no theorem")
	}
	for _, th := range All() {
		if !strings.Contains(th.Name(), want) {
			continue
		}
		r, err := p.Prove(context.Background(), th, Options{Timeout: 10 * time.Second, Backend: os.Getenv("BACKEND")})
		t.Logf("%-25s %v %d %d %v %s %+v %v", th.Name(), r.Verdict, r.Conflicts, r.Terms, r.Time.Round(time.Millisecond), r.Why, r.Example, err)
	}
}
