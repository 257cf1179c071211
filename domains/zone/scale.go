package zone

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// maxScale bounds |scale|, so that a scale times a difference of bounds that is
// looked at does not overflow silently.
const maxScale = 1 << 20

// scaled returns scale * node + delta.
func scaled(id nodeID, scale int64, delta uint64) ref {
	return ref{node: id, extra: int32(scale - 1), delta: delta}
}

// scale is the factor of the node.
func (r ref) scale() int64 { return int64(r.extra) + 1 }

// plain reports whether the scale is 1: only such values have edges.
func (r ref) plain() bool { return r.extra == 0 }

// at returns the value where the node has value x.
func (r ref) at(w isa.Width, x uint64) uint64 {
	return (uint64(r.scale())*x + r.delta) & w.WordMask()
}

// scaleWord returns what is known of s * x modulo 2^w if d is known of x.
func scaleWord(w isa.Width, d *domains.Word, s int64) domains.Word {
	r := domains.TopWord(w)
	arcs(w.Whole(), d.UMin, d.UMax, s, &r)
	arcs(w.Whole(), uint64(d.SMin), uint64(d.SMax), s, &r)
	arcs(w.Sub(), uint64(d.U32Min), uint64(d.U32Max), s, &r)
	arcs(w.Sub(), uint64(int64(d.S32Min)), uint64(int64(d.S32Max)), s, &r)
	// A product has as many low bits known as both factors together, and the zeros of s.
	known := bits.TrailingZeros64(d.Mask) + bits.TrailingZeros64(uint64(s))
	meetBits(&r, d.Value*uint64(s)&w.WordMask(), ^low(min(known, 64)))
	tighten(w, &r)
	return r
}

// arcs is arc for the multiples by s of the numbers from lo to hi, if they do
// not go all the way round.
func arcs(w isa.Width, lo, hi uint64, s int64, r *domains.Word) {
	k := uint64(max(s, -s))
	switch {
	case hi-lo > w.Mask()/k:
	case s > 0:
		arc(w, lo*k, hi*k, r)
	default:
		arc(w, -hi*k, -lo*k, r)
	}
}

// unscaleWord returns what is known of x, of which n is known already, if d is
// known of s * x modulo 2^w: the bounds of the quotient, signed and unsigned, where
// the product does not wrap around.
func unscaleWord(w isa.Width, d domains.Word, s int64, n *domains.Word) domains.Word {
	product := scaleWord(w, n, s)
	d = d.Meet(product)
	if s < 0 && !d.Empty {
		d, s = scaleWord(w, &d, -1), -s
	}
	if tighten(w, &d); d.Empty {
		return d
	}
	r, k := domains.TopWord(w), uint64(s)
	if n.UMax <= w.WordMask()/k {
		lo := d.UMin / k
		if d.UMin%k != 0 {
			lo++
		}
		meetU(w.Whole(), &r, lo, d.UMax/k)
	}
	if most := int64(w.WordMask()>>1) / s; n.SMin >= -most && n.SMax <= most {
		lo, hi := d.SMin/s, d.SMax/s // rounded towards 0
		if d.SMin > 0 && d.SMin%s != 0 {
			lo++
		}
		if d.SMax < 0 && d.SMax%s != 0 {
			hi--
		}
		meetS(w.Whole(), &r, lo, hi)
	}
	tighten(w, &r)
	return r
}

// multiply makes k times v the value of v, which is known not to wrap around, and
// reports whether it kept the node: not if nobody else has it.
func (z *State) multiply(v domains.Var, k uint64) bool {
	r := z.vars[v]
	if r.node < firstNode || z.nodes[r.node].refs < 2 || k > maxScale || !z.spans(r.node, r.scale()*int64(k)) {
		return false
	}
	z.set(v, scaled(r.node, r.scale()*int64(k), r.delta*k&z.w.WordMask()))
	return true
}

// spans reports whether s is a scale, and multiples by it of the node do not wrap around.
func (z *State) spans(id nodeID, s int64) bool {
	k := max(s, -s)
	return k != 0 && k <= maxScale && z.nodes[id].word.UMax <= z.w.WordMask()/uint64(k)
}

// detach gives v and all variables of the same scale of the same node a node of
// their own, so that it can have edges.
func (z *State) detach(v domains.Var) {
	r := z.vars[v]
	if r.plain() {
		return
	}
	d := scaleWord(z.w, &z.nodes[r.node].word, r.scale())
	id := z.fresh(d)
	if z.nodes[r.node].touched {
		z.touch(id)
	}
	for u := range z.vars {
		if x := z.vars[u]; x.node == r.node && x.extra == r.extra {
			z.set(domains.Var(u), ref{node: id, delta: x.delta})
		}
	}
}
