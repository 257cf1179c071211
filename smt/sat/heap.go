package sat

import "slices"

// heap orders the open variables by activity, the greatest first, older ones
// first among equals.
type heap struct {
	activity []float64
	at       []int32 // place in order, -1 if not there
	order    []uint32
	step     float64
}

// reserve makes room for n more variables.
func (h *heap) reserve(n int) {
	h.activity, h.at, h.order = slices.Grow(h.activity, n), slices.Grow(h.at, n), slices.Grow(h.order, n)
}

func (h *heap) grow() {
	h.activity = append(h.activity, 0)
	h.at = append(h.at, -1)
}

func (h *heap) before(a, b uint32) bool {
	x, y := h.activity[a], h.activity[b]
	return x > y || x == y && a < b
}

func (h *heap) insert(v uint32) {
	if h.at[v] >= 0 {
		return
	}
	h.at[v] = int32(len(h.order))
	h.order = append(h.order, v)
	h.up(len(h.order) - 1)
}

func (h *heap) up(i int) {
	v := h.order[i]
	for i > 0 {
		p := (i - 1) / 2
		if !h.before(v, h.order[p]) {
			break
		}
		h.order[i] = h.order[p]
		h.at[h.order[i]] = int32(i)
		i = p
	}
	h.order[i] = v
	h.at[v] = int32(i)
}

func (h *heap) down(i int) {
	v := h.order[i]
	for {
		c := 2*i + 1
		if c >= len(h.order) {
			break
		}
		if c+1 < len(h.order) && h.before(h.order[c+1], h.order[c]) {
			c++
		}
		if !h.before(h.order[c], v) {
			break
		}
		h.order[i] = h.order[c]
		h.at[h.order[i]] = int32(i)
		i = c
	}
	h.order[i] = v
	h.at[v] = int32(i)
}

// pop removes the first; the heap is not empty.
func (h *heap) pop() uint32 {
	v := h.order[0]
	last := h.order[len(h.order)-1]
	h.order = h.order[:len(h.order)-1]
	h.at[v] = -1
	if len(h.order) > 0 {
		h.order[0] = last
		h.down(0)
	}
	return v
}

// bump raises the activity of v. A growing step is the same as all others
// decaying; before it overflows, all are scaled.
func (h *heap) bump(v uint32) {
	h.activity[v] += h.step
	if h.activity[v] > 1e100 {
		for i := range h.activity {
			h.activity[i] *= 1e-100
		}
		h.step *= 1e-100
	}
	if h.at[v] >= 0 {
		h.up(int(h.at[v]))
	}
}
