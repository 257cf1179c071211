package zone

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Assume keeps the assignments in which isa.Holds(c, w, v, operand).
func (z *State) Assume(c isa.Cond, w isa.Width, v domains.Var, o domains.Operand) {
	if z.bottom {
		return
	}
	z.clearTouched()
	z.ask(v)
	a, b := z.vars[v], z.operand(o)
	switch {
	case a.node == zero && b.node == zero:
		if !isa.Holds(c, w, a.delta, b.delta) {
			z.SetBottom()
		}
		return
	case o.IsVar && o.Var == v:
		z.assumeSelf(c, v, w)
		return
	case a.node == b.node && a.extra == b.extra && a.node != none && w.Full() && z.assumeShared(c, v, b.delta-a.delta):
		return
	}
	wa, wb := z.wordOf(a), z.wordOf(b)
	oldA, oldB := wa, wb
	if assumeWords(c, w, &wa, &wb); wa != oldA {
		z.refine(v, wa)
	}
	if !o.IsVar {
		return
	}
	z.ask(o.Var)
	if wb != oldB {
		z.refine(o.Var, wb)
	}
	z.relate(c, w, v, o.Var)
}

// assumeSelf compares v with itself.
func (z *State) assumeSelf(c isa.Cond, v domains.Var, w isa.Width) {
	switch c {
	case isa.NE, isa.GT, isa.LT, isa.SGT, isa.SLT:
		z.SetBottom()
	case isa.SET:
		z.Assume(isa.NE, w, v, domains.K(0))
	case isa.NSET:
		z.Assume(isa.EQ, w, v, domains.K(0))
	}
}

// assumeShared compares v with u = v + k modulo 2^w, exactly where that can be
// said: v < v + k unless the sum wraps. It reports whether it did.
func (z *State) assumeShared(c isa.Cond, v domains.Var, k uint64) bool {
	k &= z.w.WordMask()
	room := z.w.WordMask() - k // the greatest v that does not wrap
	switch c {
	case isa.EQ:
		if k != 0 {
			z.SetBottom()
		}
	case isa.NE:
		if k == 0 {
			z.SetBottom()
		}
	case isa.LT, isa.LE:
		if k == 0 && c == isa.LT {
			z.SetBottom()
			return true
		}
		d := domains.TopWord(z.w)
		d.UMax = room
		z.refine(v, d)
	case isa.GT, isa.GE:
		if k == 0 {
			if c == isa.GT {
				z.SetBottom()
			}
			return true
		}
		d := domains.TopWord(z.w)
		d.UMin = room + 1
		z.refine(v, d)
	default:
		return false
	}
	return true
}

// relate records what a comparison says of the difference of v and u, where it
// is one of unsigned words: comparisons of subregisters are if both words fit,
// signed ones are if neither is negative.
func (z *State) relate(c isa.Cond, w isa.Width, v, u domains.Var) {
	if z.bottom {
		return
	}
	wv, wu := z.Word(v), z.Word(u)
	if z.vars[v].node == zero || z.vars[u].node == zero {
		// Either was constant before, or the refinement just made it so.
		if assumeWords(c, w, &wv, &wu); wv.Empty {
			z.SetBottom()
		}
		return
	}
	if !w.Full() && max(wv.UMax, wu.UMax) > w.Mask() {
		return
	}
	switch c {
	case isa.SGT, isa.SGE, isa.SLT, isa.SLE:
		if max(wv.UMax, wu.UMax) >= w.Sign() {
			return
		}
	}
	switch c {
	case isa.EQ:
		z.equate(v, u)
	case isa.NE:
		z.differ(v, u)
	case isa.LT, isa.SLT:
		z.bound(v, u, -1)
	case isa.LE, isa.SLE:
		z.bound(v, u, 0)
	case isa.GT, isa.SGT:
		z.bound(u, v, -1)
	case isa.GE, isa.SGE:
		z.bound(u, v, 0)
	case isa.SET, isa.NSET: // nothing about the difference
	default:
		panic("zone: Assume of no condition")
	}
}

// equate makes the numbers of v and u the same.
func (z *State) equate(v, u domains.Var) {
	a, b := z.vars[v], z.vars[u]
	switch {
	case a.node == none:
		z.set(v, z.ensure(u))
	case b.node == none:
		z.set(u, a)
	case a.node == b.node && a.extra == b.extra:
		if a.delta != b.delta {
			z.SetBottom()
		}
	default:
		z.detach(v)
		z.detach(u)
		z.union(v, u)
	}
}

// differ sharpens bounds of a difference that end at 0.
func (z *State) differ(v, u domains.Var) {
	if lo, hi := z.diff(z.vars[v], z.vars[u]); hi == 0 {
		z.bound(v, u, -1)
	} else if lo == 0 {
		z.bound(u, v, -1)
	}
}

// bound adds v - u <= c over ℤ, rebasing nodes if need be. The bounds have been told already.
func (z *State) bound(v, u domains.Var, c int64) {
	a, b := z.ensure(v), z.ensure(u)
	if a.node == b.node && a.extra == b.extra {
		return
	}
	z.detach(v)
	z.detach(u)
	a, b = z.vars[v], z.vars[u]
	if a.node == b.node || a.node < firstNode || b.node < firstNode {
		return
	}
	_, okA := z.based(a)
	_, okB := z.based(b)
	if okA && okB {
		z.edge(z.vars[v], z.vars[u], c)
	}
}

// edge adds a - b <= c over ℤ if both have nodes and the bounds say what their offsets are.
func (z *State) edge(a, b ref, c int64) {
	if z.bottom || a.node == b.node || a.node < firstNode || b.node < firstNode {
		return
	}
	ea, okA := offset(z.w, &z.nodes[a.node].word, a.delta)
	eb, okB := offset(z.w, &z.nodes[b.node].word, b.delta)
	if okA && okB {
		z.addEdge(a.node, b.node, sum(c, eb-ea))
	}
}

// assumeWords is Assume on words alone.
func assumeWords(c isa.Cond, w isa.Width, a, b *domains.Word) {
	switch c {
	case isa.GT, isa.GE, isa.SGT, isa.SGE:
		c, a, b = c.Swap(), b, a
	}
	switch c {
	case isa.EQ:
		equateWords(w, a, b)
	case isa.NE:
		differWords(w, a, b)
		differWords(w, b, a)
	case isa.LT, isa.LE:
		alo, _ := unsigned(w, a)
		_, bhi := unsigned(w, b)
		if c == isa.LT {
			if bhi == 0 || alo == w.Mask() {
				a.Empty, b.Empty = true, true
				return
			}
			alo, bhi = alo+1, bhi-1
		}
		meetU(w, a, 0, bhi)
		meetU(w, b, alo, w.Mask())
	case isa.SLT, isa.SLE:
		least, most := w.Signed(w.Sign()), int64(w.Mask()>>1)
		alo, _ := signed(w, a)
		_, bhi := signed(w, b)
		if c == isa.SLT {
			if bhi == least || alo == most {
				a.Empty, b.Empty = true, true
				return
			}
			alo, bhi = alo+1, bhi-1
		}
		meetS(w, a, least, bhi)
		meetS(w, b, alo, most)
	case isa.SET, isa.NSET:
		testWords(c, w, a, b)
		testWords(c, w, b, a)
	default:
		panic("zone: Assume of no condition")
	}
	a.Empty, b.Empty = a.Empty || b.Empty, a.Empty || b.Empty
}

func equateWords(w isa.Width, a, b *domains.Word) {
	if w.Full() {
		*a = a.Meet(*b)
		*b = *a
		return
	}
	alo, ahi := unsigned(w, a)
	aslo, ashi := signed(w, a)
	av, am := a.Value, a.Mask
	blo, bhi := unsigned(w, b)
	bslo, bshi := signed(w, b)
	meetU(w, a, blo, bhi)
	meetS(w, a, bslo, bshi)
	meetBits(a, b.Value, b.Mask|^w.Mask())
	meetU(w, b, alo, ahi)
	meetS(w, b, aslo, ashi)
	meetBits(b, av, am|^w.Mask())
}

// differWords takes the only value of b off the ends of a.
func differWords(w isa.Width, a, b *domains.Word) {
	k, hi := unsigned(w, b)
	if k != hi || b.Empty {
		return
	}
	lo, hi := unsigned(w, a)
	switch {
	case lo == k && hi == k:
		a.Empty = true
		return
	case lo == k:
		meetU(w, a, lo+1, hi)
	case hi == k:
		meetU(w, a, lo, hi-1)
	}
	slo, shi := signed(w, a)
	switch s := w.Signed(k); {
	case slo == s && shi == s:
		a.Empty = true
	case slo == s:
		meetS(w, a, slo+1, shi)
	case shi == s:
		meetS(w, a, slo, shi-1)
	}
}

// testWords applies a & b != 0, or == 0, to a where b is constant.
func testWords(c isa.Cond, w isa.Width, a, b *domains.Word) {
	k, ok := b.Const()
	k &= w.Mask()
	switch {
	case !ok:
	case c == isa.NSET:
		meetBits(a, 0, ^k)
	case k == 0:
		a.Empty = true
	case bits.OnesCount64(k) == 1:
		meetBits(a, k, ^k)
	}
}
