package zone

import (
	"math"
	"math/bits"
)

const (
	// maxSlots bounds the nodes with edges; maxSlots*maxSlots bounds the edges.
	// An edge that does not fit is dropped, which is sound.
	maxSlots = 32
	noSlot   = -1

	// inf is the weight of an edge that is not there.
	inf = math.MaxInt64
	// limit bounds the weights, so that the sum of three does not overflow.
	limit = 1 << 60
)

// relation is a set of edges x - y <= c between slots: a matrix whose rows and
// columns in use are told by bit sets. The zero relation is empty.
type relation struct {
	used    uint64 // slots that have an owner
	owner   []nodeID
	out, in []uint64 // out[x] has y, and in[y] has x, if x - y <= c is known
	c       []int64  // c[x*stride+y]
}

func (r *relation) stride() int { return len(r.owner) }

func (r *relation) reset() { r.used = 0 }

// copyFrom overwrites r.
func (r *relation) copyFrom(o *relation) {
	r.used = o.used
	if o.used == 0 {
		return
	}
	r.owner = append(r.owner[:0], o.owner...)
	r.out = append(r.out[:0], o.out...)
	r.in = append(r.in[:0], o.in...)
	r.c = append(r.c[:0], o.c...)
}

// grow doubles the matrix.
func (r *relation) grow() {
	old, n := r.stride(), max(4, 2*r.stride())
	c := make([]int64, n*n)
	for x := range old {
		copy(c[x*n:], r.c[x*old:(x+1)*old])
	}
	r.c = c
	r.owner = append(r.owner, make([]nodeID, n-old)...)
	r.out = append(r.out, make([]uint64, n-old)...)
	r.in = append(r.in, make([]uint64, n-old)...)
}

// add gives id a slot, or returns noSlot if there is none left.
func (r *relation) add(id nodeID) int8 {
	s := bits.TrailingZeros64(^r.used)
	if s >= maxSlots {
		return noSlot
	}
	if s >= r.stride() {
		r.grow()
	}
	r.used |= 1 << s
	r.owner[s], r.out[s], r.in[s] = id, 0, 0
	return int8(s)
}

// edge returns the weight of x - y <= c, inf if there is none.
func (r *relation) edge(x, y int8) int64 {
	if r.out[x]>>y&1 == 0 {
		return inf
	}
	return r.c[int(x)*r.stride()+int(y)]
}

// put sets the weight of an edge.
func (r *relation) put(x, y int8, c int64) {
	r.out[x] |= 1 << y
	r.in[y] |= 1 << x
	r.c[int(x)*r.stride()+int(y)] = c
}

// cut removes an edge.
func (r *relation) cut(x, y int8) {
	r.out[x] &^= 1 << y
	r.in[y] &^= 1 << x
}

// pop takes the least slot out of a set.
func pop(set *uint64) int8 {
	s := bits.TrailingZeros64(*set)
	*set &= *set - 1
	return int8(s)
}

// sum adds weights, rounding up: inf stays, what is below the limit is raised to it.
func sum(a, b int64) int64 {
	if a == inf || b == inf {
		return inf
	}
	return clamp(a + b)
}

// clamp rounds a weight up to one that can be stored, or to inf.
func clamp(c int64) int64 {
	if c > limit {
		return inf
	}
	return max(c, -limit)
}

// less returns a - b as a weight, rounded up.
func less(a, b uint64) int64 {
	switch {
	case a >= b && a-b > limit:
		return inf
	case a >= b:
		return int64(a - b)
	case b-a > limit:
		return -limit
	}
	return -int64(b - a)
}
