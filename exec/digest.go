package exec

import (
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/loader"
)

// Digest is the Outcome.Hash of a run of p that left this packet and these map
// contents, as in Report, and did not change its context. It is for executors that
// share no Machine, and for comparing with them.
func Digest(p *loader.Program, packet []byte, values map[string][]Entry) uint64 {
	h := hash(1, packet)
	seen := map[*loader.Map]bool{}
	for _, m := range p.Maps {
		if seen[m] {
			continue
		}
		seen[m] = true
		entries := slices.Clone(values[m.Name])
		slices.SortStableFunc(entries, func(a, b Entry) int { return strings.Compare(string(a.Key), string(b.Key)) })
		for _, e := range entries {
			switch {
			case isArray(m.Type) && allZero(e.Value):
			case e.Key == nil: // of a queue
				h = hash(h, e.Value)
			default:
				h = hash(hash(h, e.Key), e.Value)
			}
		}
	}
	return h
}
