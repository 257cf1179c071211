package interval

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
)

var tiny = isa.Width{Word: 4, Op: 4}

// spansOf returns every span between two words, and the empty one.
func spansOf(lo, hi uint64) []Span {
	list := []Span{noSpan}
	for a := lo; a <= hi; a++ {
		for b := a; b <= hi; b++ {
			list = append(list, Span{a, b})
		}
	}
	return list
}

// TestCanonical counts out canonical at word 4: the result has exactly the words
// asked for, each of its bounds is attained, and it is its own canonical form.
func TestCanonical(t *testing.T) {
	for _, pos := range spansOf(0, 7) {
		for _, neg := range spansOf(8, 15) {
			for _, lowPos := range spansOf(0, 1) {
				for _, lowNeg := range spansOf(2, 3) {
					checkCanonical(t, Set{pos, neg}, Set{lowPos, lowNeg})
				}
			}
		}
	}
}

func checkCanonical(t *testing.T, word, low Set) {
	t.Helper()
	got := canonical(tiny, word, low)
	want := empty // the hull of the words, bound by bound
	for x := uint64(0); x < 16; x++ {
		if word.contains(x) && low.contains(x&3) {
			want = Join(want, constant(tiny, x))
		}
	}
	if got != want {
		t.Fatalf("canonical(%v, %v) is %+v, want %+v", word, low, got, want)
	}
	if again := canonical(tiny, got.word(), got.low()); again != got {
		t.Fatalf("canonical(%v, %v) is %+v, and again %+v", word, low, got, again)
	}
}

// TestBitwise counts out the bounds of and and or, which are exact, and of xor,
// which contain.
func TestBitwise(t *testing.T) {
	for _, x := range spansOf(0, 15) {
		for _, y := range spansOf(0, 15) {
			if x.isEmpty() || y.isEmpty() {
				continue
			}
			and, or, xor := noSpan, noSpan, noSpan
			for a := x.Lo; a <= x.Hi; a++ {
				for b := y.Lo; b <= y.Hi; b++ {
					and = and.join(Span{a & b, a & b})
					or = or.join(Span{a | b, a | b})
					xor = xor.join(Span{a ^ b, a ^ b})
				}
			}
			if got := (Span{minAnd(x, y), maxAnd(x, y)}); got != and {
				t.Errorf("%v & %v is %v, want %v", x, y, got, and)
			}
			if got := (Span{minOr(x, y), maxOr(x, y)}); got != or {
				t.Errorf("%v | %v is %v, want %v", x, y, got, or)
			}
			if lo, hi := xorBounds(x, y); lo > xor.Lo || hi < xor.Hi {
				t.Errorf("%v ^ %v is [%d,%d], want %v", x, y, lo, hi, xor)
			}
		}
	}
}

// bounds makes an interval of signed bounds of the word.
func bounds(lo, hi int64) Interval {
	return canonical(isa.W64, signedSet(isa.W64, lo, hi), fullSet(32))
}

// TestExamples are operations that verifiers have been wrong or weak about.
func TestExamples(t *testing.T) {
	top := Domain{}.Top(isa.W64)
	below := func(w isa.Width, e Interval, limit uint64) Interval {
		e, _ = Assume(isa.LT, w, e, constant(isa.W64, limit))
		return e
	}
	for _, test := range []struct {
		name      string
		got, want Interval
	}{
		{"a wrapped sum keeps both its ends", ALU(isa.Add, isa.W64, bounds(-1, 0), bounds(1, 1)), bounds(0, 1)},
		{"a difference of small numbers is signed", ALU(isa.Sub, isa.W64, bounds(0, 9), bounds(0, 9)), bounds(-9, 9)},
		{"products of mixed signs", ALU(isa.Mul, isa.W64, bounds(-3, 2), bounds(-5, 7)), bounds(-21, 15)},
		{"the smallest number over -1 wraps", ALU(isa.SDiv, isa.W64, bounds(-1<<63, -1<<63), bounds(-1, -1)), bounds(-1<<63, -1<<63)},
		{"a remainder has the sign of the dividend", ALU(isa.SMod, isa.W64, bounds(-20, -1), bounds(8, 8)), bounds(-7, 0)},
		{"a division by what may be zero", ALU(isa.Div, isa.W64, bounds(100, 200), bounds(0, 10)), bounds(0, 200)},
		{"an arithmetic shift", ALU(isa.Arsh, isa.W64, bounds(-16, 40), bounds(2, 3)), bounds(-4, 10)},
		{"a 32-bit comparison bounds a zero-extended word", below(isa.W32, ALU(isa.Mov, isa.W32, top, top), 64), bounds(0, 63)},
		{"a 64-bit comparison bounds the subregister", ALU(isa.Mov, isa.W32, top, below(isa.W64, top, 64)), bounds(0, 63)},
		{"a 32-bit addition of a negative constant wraps", ALU(isa.Add, isa.W32, bounds(8, 16), bounds(-8, -8)), bounds(0, 8)},
	} {
		if test.got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, test.got, test.want)
		}
	}
}
