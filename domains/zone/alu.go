package zone

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// link says how a result lies to an operand: result - operand <= up and
// operand - result <= down over ℤ. The zero link, noLink and anything with inf claim
// less; see State.result.
type link struct{ up, down int64 }

var (
	noLink  = link{inf, inf}
	notMore = link{0, inf} // the result is at most the operand
)

// ALU is the assignment v = isa.Eval(op, w, v, operand).
//
// Where an operation shows itself to leave its operand as it is, or to add a
// constant, the node is kept. Else the result is a new node, linked to the
// operands if it cannot have wrapped. Bounds are kept to what the links need; a
// product gets the rest from other domains.
func (z *State) ALU(op isa.ALUOp, w isa.Width, v domains.Var, o domains.Operand) {
	if z.bottom {
		return
	}
	z.clearTouched()
	x, y := z.vars[v], z.operand(o)
	switch op {
	case isa.Mov, isa.MovSX8, isa.MovSX16, isa.MovSX32:
		z.move(op, w, v, o)
		return
	case isa.Neg, isa.Trunc16, isa.Trunc32, isa.Trunc64, isa.Bswap16, isa.Bswap32, isa.Bswap64:
		o, y = domains.K(0), z.constant(0)
	}
	if x.node == zero && y.node == zero {
		z.set(v, z.constant(isa.Eval(op, w, x.delta, y.delta)))
		return
	}
	switch op {
	case isa.Add:
		z.add(w, v, o)
	case isa.Sub:
		z.sub(w, v, o)
	case isa.And, isa.Or, isa.Xor:
		z.bitwise(op, w, v, o)
	case isa.Lsh, isa.Rsh, isa.Arsh:
		z.shift(op, w, v, o)
	case isa.Mul, isa.Div, isa.Mod:
		z.divide(op, w, v, o)
	case isa.Trunc16, isa.Trunc32:
		z.truncate(w.Field(op), v)
	case isa.Trunc64:
	case isa.SDiv, isa.SMod, isa.Neg:
		z.define(v, z.wide(w))
	case isa.Bswap16, isa.Bswap32, isa.Bswap64:
		z.define(v, z.atMost(low(int(w.Field(op)))))
	default:
		panic("zone: ALU of no operation")
	}
}

// wide is what is known of any result of the width's operations.
func (z *State) wide(w isa.Width) domains.Word { return z.atMost(w.Mask()) }

func (z *State) atMost(hi uint64) domains.Word { return z.between(0, hi) }

func (z *State) between(lo, hi uint64) domains.Word {
	d := domains.TopWord(z.w)
	meetU(z.w, &d, lo, min(hi, d.UMax))
	tighten(z.w, &d)
	return d
}

// fits reports whether the operation reads all of a word of which d is known.
func fits(w isa.Width, d *domains.Word) bool { return d.UMax <= w.Mask() }

// operands returns what an operation of the width reads: the low parts, as words.
func (z *State) operands(w isa.Width, v domains.Var, o domains.Operand) (wx, wy domains.Word) {
	return z.part(w, z.wordOf(z.vars[v])), z.part(w, z.wordOf(z.operand(o)))
}

// times assigns k times the part of v that the operation reads, of which d is
// known; the product does not wrap around.
func (z *State) times(w isa.Width, v domains.Var, d domains.Word, k uint64) {
	if x := z.wordOf(z.vars[v]); !fits(w, &x) || !z.multiply(v, k) {
		z.define(v, z.between(d.UMin*k, d.UMax*k))
	}
}

// part returns what is known of x & w.Mask() if d is known of x.
func (z *State) part(w isa.Width, d domains.Word) domains.Word {
	if fits(w, &d) {
		return d
	}
	r := z.wide(w)
	meetU(w, &r, uint64(d.U32Min), uint64(d.U32Max))
	meetS(w, &r, int64(d.S32Min), int64(d.S32Max))
	meetBits(&r, d.Value&w.Mask(), d.Mask&w.Mask())
	tighten(z.w, &r)
	return r
}

// result gives v a value of which d is known, linked to its old one by lx and to the
// operand by ly. A value that nothing else uses or relates to gets no link.
func (z *State) result(v domains.Var, o domains.Operand, d domains.Word, lx, ly link) {
	if d.Empty {
		z.SetBottom() // d is sound, so nothing was possible before
		return
	}
	x := z.linkable(v, lx, false)
	y := ref{}
	if o.IsVar && o.Var != v {
		if ly != noLink {
			z.ensure(o.Var)
		}
		y = z.linkable(o.Var, ly, true)
		x = z.vars[v] // rebased with y if they share the node
		if x.node != none && !z.wanted(x, lx, false) {
			x = ref{}
		}
	}
	if x.node == none && y.node == none {
		z.define(v, d)
		return
	}
	z.hold(x)
	z.hold(y)
	z.set(v, ref{node: z.fresh(d)})
	z.link(v, x, lx)
	z.link(v, y, ly)
	z.settle()
	if !z.bottom {
		if r := z.vars[v]; r.node >= firstNode {
			z.settleNode(r.node)
		}
	}
	z.release(x)
	z.release(y)
}

// wanted reports whether linking to r can tell anything once v has its new value.
func (z *State) wanted(r ref, l link, stays bool) bool {
	if l == noLink || r.node < firstNode || !r.plain() {
		return false
	}
	n := &z.nodes[r.node]
	return stays || n.refs > 1 || n.slot != noSlot
}

// linkable returns the value of v, rebased so that edges can lead to it, or the unknown value.
func (z *State) linkable(v domains.Var, l link, stays bool) ref {
	if r := z.vars[v]; z.wanted(r, l, stays) {
		if _, ok := z.based(r); ok {
			return z.vars[v]
		}
	}
	return ref{}
}

func (z *State) link(v domains.Var, x ref, l link) {
	if x.node == none {
		return
	}
	z.edge(z.vars[v], x, l.up)
	z.edge(x, z.vars[v], l.down)
}

// move assigns o, or the sign extension of its low part, to v.
func (z *State) move(op isa.ALUOp, w isa.Width, v domains.Var, o domains.Operand) {
	y := z.operand(o)
	if y.node == zero {
		z.set(v, z.constant(isa.Eval(op, w, 0, y.delta)))
		return
	}
	if op == isa.Mov && w.Full() {
		z.set(v, z.ensure(o.Var))
		return
	}
	d := z.wordOf(y)
	if op == isa.Mov {
		if fits(w, &d) {
			z.set(v, z.ensure(o.Var))
			return
		}
		z.define(v, z.part(w, d))
		return
	}
	n := isa.Width{Word: w.Word, Op: w.Field(op)}
	least, most := n.Signed(n.Sign()), int64(n.Mask()>>1)
	switch {
	case d.UMax <= uint64(most), w.Full() && d.SMin >= least && d.SMax <= most:
		z.set(v, z.ensure(o.Var))
	case !w.Full():
		z.define(v, z.wide(w))
	default:
		r := domains.TopWord(z.w)
		meetS(z.w, &r, least, most)
		tighten(z.w, &r)
		z.define(v, r)
	}
}

// keep is the result of an operation that leaves the part it reads as it is.
func (z *State) keep(w isa.Width, v domains.Var) {
	if d := z.wordOf(z.vars[v]); !fits(w, &d) {
		z.result(v, domains.K(0), z.part(w, d), notMore, noLink)
	}
}

// truncate clears all but the n low bits of v.
func (z *State) truncate(n uint8, v domains.Var) {
	if d := z.wordOf(z.vars[v]); d.UMax > low(int(n)) {
		z.result(v, domains.K(0), z.atMost(low(int(n))), notMore, noLink)
	}
}

// add assigns v + o.
func (z *State) add(w isa.Width, v domains.Var, o domains.Operand) {
	x, y := z.vars[v], z.operand(o)
	switch {
	case y.node == zero:
		z.addConst(w, v, y.delta)
		return
	case x.node == zero && w.Full():
		z.addTo(v, z.ensure(o.Var), x.delta)
		return
	}
	wx, wy := z.wordOf(x), z.wordOf(y)
	if s := x.scale() + y.scale(); x.node == y.node && w.Full() && x.node >= firstNode {
		switch {
		case s == 0:
			z.set(v, z.constant(x.delta+y.delta))
			return
		case z.spans(x.node, s):
			z.set(v, scaled(x.node, s, (x.delta+y.delta)&z.w.WordMask()))
			return
		}
	}
	if !w.Full() && (!fits(w, &wx) || !fits(w, &wy)) || wx.UMax > w.Mask()-wy.UMax {
		z.define(v, z.sumWord(w, &wx, &wy))
		return
	}
	z.result(v, o, z.between(wx.UMin+wy.UMin, wx.UMax+wy.UMax),
		link{less(wy.UMax, 0), less(0, wy.UMin)}, link{less(wx.UMax, 0), less(0, wx.UMin)})
}

// sumWord is the Word of a sum that may wrap around as unsigned.
func (z *State) sumWord(w isa.Width, a, b *domains.Word) domains.Word {
	if !w.Full() {
		return z.wide(w)
	}
	d := domains.TopWord(z.w)
	lo, okLo := addSigned(a.SMin, b.SMin)
	hi, okHi := addSigned(a.SMax, b.SMax)
	if okLo && okHi && lo >= d.SMin && hi <= d.SMax {
		meetS(z.w, &d, lo, hi)
		tighten(z.w, &d)
	}
	return d
}

func addSigned(a, b int64) (int64, bool) {
	s := a + b
	return s, (s < a) == (b < 0)
}

// addTo makes r + k the value of v.
func (z *State) addTo(v domains.Var, r ref, k uint64) {
	z.set(v, ref{r.node, r.extra, (r.delta + k) & z.w.WordMask()})
}

// addConst assigns v + k. At full width that is always an offset; an operation on
// the subregister is the same one if it neither wraps around nor drops bits.
func (z *State) addConst(w isa.Width, v domains.Var, k uint64) {
	if w.Full() {
		if z.vars[v].node != none {
			z.addTo(v, z.vars[v], k)
		}
		return
	}
	d := z.wordOf(z.vars[v])
	k &= w.Mask()
	switch {
	case fits(w, &d) && d.UMax <= w.Mask()-k:
		z.addTo(v, z.ensure(v), k)
	case fits(w, &d) && d.UMin > w.Mask()-k: // always wraps: a subtraction
		z.addTo(v, z.ensure(v), k-w.Mask()-1)
	default:
		p := z.part(w, d)
		r := z.wide(w)
		arc(w, p.UMin+k, p.UMax+k, &r)
		tighten(z.w, &r)
		z.define(v, r)
	}
}

// sub assigns v - o.
func (z *State) sub(w isa.Width, v domains.Var, o domains.Operand) {
	x, y := z.vars[v], z.operand(o)
	switch {
	case y.node == zero:
		z.addConst(w, v, -y.delta)
		return
	case x.node == y.node && x.extra == y.extra && x.node != none:
		z.set(v, z.constant(isa.Eval(isa.Sub, w, x.delta, y.delta))) // the node cancels out, at any width
		return
	case o.IsVar && o.Var == v:
		z.set(v, z.constant(0))
		return
	}
	if w.Full() {
		if s := x.scale() - y.scale(); x.node == y.node && z.spans(x.node, s) {
			z.set(v, scaled(x.node, s, (x.delta-y.delta)&z.w.WordMask()))
			return
		}
		if x.node == zero && y.node != none && z.spans(y.node, -y.scale()) {
			z.set(v, scaled(y.node, -y.scale(), (x.delta-y.delta)&z.w.WordMask()))
			return
		}
	}
	wx, wy := z.wordOf(x), z.wordOf(y)
	if !fits(w, &wx) || !fits(w, &wy) {
		z.define(v, z.wide(w))
		return
	}
	lo, hi := z.diff(x, y)
	if lo < 0 {
		z.define(v, z.diffWord(w, lo, hi))
		return
	}
	r := z.between(uint64(lo), wx.UMax)
	if hi != inf {
		r = z.between(uint64(lo), uint64(hi))
	}
	z.result(v, o, r, link{less(0, wy.UMin), less(wy.UMax, 0)}, noLink)
}

// diffWord is the Word of a difference in lo..hi modulo 2^w.Op.
func (z *State) diffWord(w isa.Width, lo, hi int64) domains.Word {
	r := z.wide(w)
	if lo == -inf || hi == inf || uint64(hi)-uint64(lo) >= w.Mask() {
		return r
	}
	arc(w, uint64(lo), uint64(hi), &r)
	tighten(z.w, &r)
	return r
}

// bitwise assigns v & o, v | o or v ^ o.
func (z *State) bitwise(op isa.ALUOp, w isa.Width, v domains.Var, o domains.Operand) {
	wx, wy := z.operands(w, v, o)
	k, isConst := wy.Const()
	switch {
	case op != isa.And && isConst && k == 0,
		op == isa.And && isConst && (wx.Value|wx.Mask)&^k&w.Mask() == 0: // masks nothing that can be set
		z.keep(w, v)
	case op == isa.And:
		z.result(v, o, z.atMost(min(wx.UMax, wy.UMax)), notMore, notMore)
	default:
		z.define(v, z.atMost(low(bits.Len64(wx.UMax|wy.UMax))))
	}
}

// shift assigns v shifted by o.
func (z *State) shift(op isa.ALUOp, w isa.Width, v domains.Var, o domains.Operand) {
	wx, wy := z.operands(w, v, o)
	k, isConst := wy.Const()
	k &= uint64(w.Op - 1)
	switch {
	case isConst && k == 0:
		z.keep(w, v)
	case op == isa.Lsh && isConst && wx.UMax <= w.Mask()>>k:
		z.times(w, v, wx, 1<<k)
	case op == isa.Lsh || op == isa.Arsh && wx.UMax >= w.Sign():
		z.define(v, z.wide(w))
	case isConst:
		z.result(v, o, z.between(wx.UMin>>k, wx.UMax>>k), notMore, noLink)
	default:
		z.result(v, o, z.atMost(wx.UMax), notMore, noLink)
	}
}

// divide assigns v * o, v / o or v % o.
func (z *State) divide(op isa.ALUOp, w isa.Width, v domains.Var, o domains.Operand) {
	wx, wy := z.operands(w, v, o)
	switch op {
	case isa.Div:
		d := z.atMost(wx.UMax)
		if wy.UMin > 0 {
			d = z.between(wx.UMin/wy.UMax, wx.UMax/wy.UMin)
		}
		z.result(v, o, d, notMore, noLink)
	case isa.Mod:
		switch {
		case wx.UMax < wy.UMin || wy.UMax == 0:
			z.keep(w, v)
		case wy.UMin == 0: // modulo zero leaves the dividend
			z.result(v, o, z.atMost(wx.UMax), notMore, noLink)
		default: // less than the low part of o, which is at most o
			z.result(v, o, z.atMost(min(wx.UMax, wy.UMax-1)), notMore, link{-1, inf})
		}
	default:
		d := z.wide(w)
		if hi, lo := bits.Mul64(wx.UMax, wy.UMax); hi == 0 && lo <= w.Mask() {
			if k, ok := wy.Const(); ok {
				z.times(w, v, wx, k)
				return
			}
			d = z.between(wx.UMin*wy.UMin, lo)
		}
		z.define(v, d)
	}
}
