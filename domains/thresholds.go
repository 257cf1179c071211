package domains

import "sort"

// Thresholds are the numbers that a widening may stop at: the constants that the
// loop's own comparisons name, and their neighbours. Nil stands for none.
type Thresholds struct{ sorted []uint64 }

// NewThresholds returns the set of the given words, each with the two next to it.
func NewThresholds(words []uint64) *Thresholds {
	t := &Thresholds{}
	for _, x := range words {
		t.sorted = append(t.sorted, x-1, x, x+1)
	}
	sort.Slice(t.sorted, func(i, j int) bool { return t.sorted[i] < t.sorted[j] })
	return t
}

// Above returns the least threshold that is at least x, taken as unsigned, and limit if there is none.
func (t *Thresholds) Above(x, limit uint64) uint64 {
	if t == nil {
		return limit
	}
	i := sort.Search(len(t.sorted), func(i int) bool { return t.sorted[i] >= x })
	if i == len(t.sorted) || t.sorted[i] > limit {
		return limit
	}
	return t.sorted[i]
}

// Below returns the greatest threshold that is at most x, taken as unsigned, and limit if there is none.
func (t *Thresholds) Below(x, limit uint64) uint64 {
	if t == nil {
		return limit
	}
	i := sort.Search(len(t.sorted), func(i int) bool { return t.sorted[i] > x })
	if i == 0 || t.sorted[i-1] < limit {
		return limit
	}
	return t.sorted[i-1]
}

// AboveSigned is Above on signed numbers, BelowSigned is Below.
func (t *Thresholds) AboveSigned(x, limit int64) int64 {
	if t == nil {
		return limit
	}
	best := limit
	for _, y := range t.sorted {
		if s := int64(y); s >= x && s < best {
			best = s
		}
	}
	return best
}

// BelowSigned returns the greatest threshold that is at most x, taken as signed, and limit if there is none.
func (t *Thresholds) BelowSigned(x, limit int64) int64 {
	if t == nil {
		return limit
	}
	best := limit
	for _, y := range t.sorted {
		if s := int64(y); s <= x && s > best {
			best = s
		}
	}
	return best
}
