package absint

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// words returns the tightest Words of all sets {x : lo <= x <= hi, x & m == v} of
// a tiny width that are not empty.
func words(w isa.Width) (ws []domains.Word, members [][]uint64) {
	for lo := uint64(0); lo <= w.WordMask(); lo++ {
		for hi := lo; hi <= w.WordMask(); hi++ {
			for low := uint64(0); low < 3; low++ { // the lowest bit: 0, 1, unknown
				var d domains.Word
				var xs []uint64
				for x := lo; x <= hi; x++ {
					if low < 2 && x&1 != low {
						continue
					}
					if xs == nil {
						d = domains.ConstWord(w, x)
					} else {
						d = hull(w, d, domains.ConstWord(w, x))
					}
					xs = append(xs, x)
				}
				if xs != nil {
					ws, members = append(ws, d), append(members, xs)
				}
			}
		}
	}
	return ws, members
}

func hull(w isa.Width, a, b domains.Word) domains.Word {
	mask := a.Mask | b.Mask | (a.Value ^ b.Value)
	return domains.Word{
		Mask: mask, Value: a.Value &^ mask,
		UMin: min(a.UMin, b.UMin), UMax: max(a.UMax, b.UMax), SMin: min(a.SMin, b.SMin), SMax: max(a.SMax, b.SMax),
		U32Min: min(a.U32Min, b.U32Min), U32Max: max(a.U32Max, b.U32Max),
		S32Min: min(a.S32Min, b.S32Min), S32Max: max(a.S32Max, b.S32Max),
	}
}

// TestDecide compares decide with all pairs of members at tiny widths.
func TestDecide(t *testing.T) {
	for _, w := range []isa.Width{{Word: 4, Op: 4}, {Word: 4, Op: 2}} {
		ws, members := words(w)
		for c := isa.EQ; c < isa.NumCond; c++ {
			decided := 0
			for i := range ws {
				for j := range ws {
					yes, no := false, false
					for _, x := range members[i] {
						for _, y := range members[j] {
							if isa.Holds(c, w, x, y) {
								yes = true
							} else {
								no = true
							}
						}
					}
					switch got := decide(c, w, ws[i], ws[j]); {
					case got == always && no, got == never && yes:
						t.Fatalf("%v at %v: decide says %d for %v and %v", c, w, got, members[i], members[j])
					case got != perhaps:
						decided++
					}
				}
			}
			if decided == 0 {
				t.Errorf("%v at %v: nothing is ever decided", c, w)
			}
		}
	}
}
