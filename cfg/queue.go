package cfg

import "math/bits"

// queue is a set of small numbers that yields its least member: bits in a tree
// of 64-bit words, so that adding and taking cost the height, at most four.
type queue struct {
	levels [][]uint64 // levels[0] has a bit for each number, levels[k+1] one for each word of levels[k]
}

// newQueue returns an empty set of numbers below n.
func newQueue(n int) *queue {
	q := &queue{}
	for {
		n = (n + 63) / 64
		q.levels = append(q.levels, make([]uint64, max(n, 1)))
		if n <= 1 {
			return q
		}
	}
}

func (q *queue) add(x int) {
	for _, l := range q.levels {
		w := &l[x/64]
		full := *w != 0
		*w |= 1 << (x % 64)
		if full {
			return
		}
		x /= 64
	}
}

// take removes and returns the least member, -1 if there is none.
func (q *queue) take() int {
	if q.levels[len(q.levels)-1][0] == 0 {
		return -1
	}
	x := 0
	for k := len(q.levels) - 1; k >= 0; k-- {
		x = x*64 + bits.TrailingZeros64(q.levels[k][x])
	}
	for k, i := 0, x; k < len(q.levels); k++ {
		w := &q.levels[k][i/64]
		*w &^= 1 << (i % 64)
		if *w != 0 {
			break
		}
		i /= 64
	}
	return x
}
