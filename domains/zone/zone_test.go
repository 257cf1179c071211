package zone

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
)

// set is a state beside the assignments that it must contain.
type set struct {
	z    domains.Relational
	envs [][]uint64
}

// machine runs random programs over a few sets of assignments and checks after
// each step that no assignment got lost, and the answers about variables.
type machine struct {
	t    *testing.T
	r    *rand.Rand
	w    isa.Width
	n    int
	sets []set
	all  [][]uint64 // every assignment, for exact tests of Leq; nil if there are too many
	kept int        // steps after which assignments were left
}

func (m *machine) width() isa.Width {
	if m.r.Intn(3) == 0 {
		return m.w.Sub()
	}
	return m.w
}

// number is a random word: small, next to a power of two or a mask, or anything.
func (m *machine) number() uint64 {
	x := m.r.Uint64()
	switch m.r.Intn(4) {
	case 0:
		x %= 6
	case 1:
		x = -(x % 5)
	case 2:
		x = 1<<(x%64) + x>>6%3 - 1
	}
	return x & m.w.WordMask()
}

func (m *machine) operand() domains.Operand {
	if m.r.Intn(2) == 0 {
		return domains.K(m.number())
	}
	return domains.V(domains.Var(m.r.Intn(m.n)))
}

func value(env []uint64, o domains.Operand) uint64 {
	if o.IsVar {
		return env[o.Var]
	}
	return o.Const
}

// biased picks the operations that keep relations more often.
func (m *machine) op() isa.ALUOp {
	if m.r.Intn(2) == 0 {
		return []isa.ALUOp{isa.Mov, isa.Mov, isa.Add, isa.Sub, isa.Mul, isa.Lsh}[m.r.Intn(6)]
	}
	return isa.ALUOp(1 + m.r.Intn(int(isa.NumALU)-1))
}

func (m *machine) step() {
	s := &m.sets[m.r.Intn(len(m.sets))]
	v := domains.Var(m.r.Intn(m.n))
	o := m.operand()
	switch k := m.r.Intn(20); {
	case k < 6:
		m.alu(s, m.op(), m.width(), v, o)
	case k < 7:
		m.multiple(s, v, domains.Var(m.r.Intn(m.n)))
	case k < 8:
		for v := range domains.Var(m.n) { // constants, for joins that put them on a line
			if m.r.Intn(4) != 0 {
				m.alu(s, isa.Mov, m.w, v, domains.K(m.number()))
			}
		}
	case k < 14:
		m.assume(s, isa.Cond(1+m.r.Intn(int(isa.NumCond)-1)), m.width(), v, o)
	case k < 15:
		d := m.word()
		before := m.words(s.z)
		s.z.Refine(v, d)
		m.changed(s.z, before, v, domains.V(v))
		m.keep(s, func(e []uint64) bool { return d.Contains(m.w, e[v]) })
	case k < 16:
		s.z.Havoc(v)
		for _, e := range s.envs {
			e[v] = m.number()
		}
	case k < 17:
		m.copySet(s, m.sets[m.r.Intn(len(m.sets))])
	default:
		m.merge(s, m.sets[m.r.Intn(len(m.sets))], k == 19)
	}
	m.check(s)
}

func (m *machine) alu(s *set, op isa.ALUOp, w isa.Width, v domains.Var, o domains.Operand) {
	s.z.ALU(op, w, v, o)
	for _, e := range s.envs {
		e[v] = isa.Eval(op, w, e[v], value(e, o))
	}
	m.check(s)
}

func (m *machine) assume(s *set, c isa.Cond, w isa.Width, v domains.Var, o domains.Operand) {
	before := m.words(s.z)
	s.z.Assume(c, w, v, o)
	m.changed(s.z, before, v, o)
	m.keep(s, func(e []uint64) bool { return isa.Holds(c, w, e[v], value(e, o)) })
	m.check(s)
}

// multiple makes v a multiple of u, which is not too big for that.
func (m *machine) multiple(s *set, v, u domains.Var) {
	most := m.w.WordMask() >> (2 + m.r.Intn(int(m.w.Word)-2))
	m.assume(s, isa.LE, m.w, u, domains.K(most))
	if m.r.Intn(2) == 0 {
		m.alu(s, isa.Mov, m.w, v, domains.V(u))
		m.alu(s, isa.Mul, m.w, v, domains.K(uint64(2+m.r.Intn(3))))
		m.alu(s, isa.Add, m.w, v, domains.K(m.number()))
	} else {
		m.alu(s, isa.Mov, m.w, v, domains.K(m.number()))
		m.alu(s, isa.Sub, m.w, v, domains.V(u))
	}
}

func (m *machine) words(z domains.Numeric) []domains.Word {
	var ws []domains.Word
	for v := range m.n {
		ws = append(ws, z.Word(domains.Var(v)))
	}
	return ws
}

// changed checks that Changed names each variable whose Word is another one.
func (m *machine) changed(n domains.Numeric, before []domains.Word, v domains.Var, o domains.Operand) {
	z, ok := n.(*State)
	if !ok || z.IsBottom() {
		return
	}
	names := slices.Clone(z.Changed())
	for u, d := range m.words(z) {
		if x := domains.Var(u); !leqWord(&before[u], &d) && x != v && !(o.IsVar && o.Var == x) && !slices.Contains(names, x) {
			m.t.Fatalf("Changed leaves out v%d: %+v to %+v\n%s", u, before[u], d, z)
		}
	}
}

// word is a random Word, not always canonical.
func (m *machine) word() domains.Word {
	d := domains.TopWord(m.w)
	a, b := m.number(), m.number()
	switch m.r.Intn(4) {
	case 0:
		d.UMin, d.UMax = min(a, b), max(a, b)
	case 1:
		sa, sb := m.w.Signed(a), m.w.Signed(b)
		d.SMin, d.SMax = min(sa, sb), max(sa, sb)
	case 2:
		d.Mask = b
		d.Value = a &^ b
	case 3:
		a, b = a&m.w.SubMask(), b&m.w.SubMask()
		d.U32Min, d.U32Max = uint32(min(a, b)), uint32(max(a, b))
	}
	return d
}

func (m *machine) keep(s *set, f func([]uint64) bool) {
	s.envs = slices.DeleteFunc(s.envs, func(e []uint64) bool { return !f(e) })
}

func (m *machine) copySet(s *set, o set) {
	s.z.CopyFrom(o.z)
	s.envs = s.envs[:0]
	for _, e := range o.envs {
		s.envs = append(s.envs, slices.Clone(e))
	}
}

func (m *machine) merge(s *set, o set, widen bool) {
	before, other := s.z.Clone(), o.z.Clone()
	var changed bool
	if widen {
		changed = s.z.Widen(o.z, domains.NewThresholds([]uint64{m.number(), 3}))
	} else {
		changed = s.z.Join(o.z)
	}
	if s.z != o.z {
		for _, e := range o.envs {
			s.envs = append(s.envs, slices.Clone(e))
		}
	}
	if m.all != nil {
		var seen [4096]bool
		m.keep(s, func(e []uint64) bool {
			i := e[0] | e[1]<<4 | e[2]<<8
			was := seen[i]
			seen[i] = true
			return !was
		})
	} else if len(s.envs) > 40 {
		m.r.Shuffle(len(s.envs), func(i, j int) { s.envs[i], s.envs[j] = s.envs[j], s.envs[i] })
		s.envs = s.envs[:40]
	}
	m.laws(before, other, s.z, changed)
}

// laws checks a join or widening j of a and b.
func (m *machine) laws(a, b, j domains.Numeric, changed bool) {
	if !changed && !alike(a, j) {
		m.t.Fatalf("changed, but said not:\n%s\n%s", a, j)
	}
	if !b.Leq(j) && m.all != nil { // Leq owes nothing but should know this where states are what joins left
		m.below(b, j, "argument")
	}
	again := j.Clone()
	if again.Join(j) || again.Join(j.Clone()) {
		m.t.Fatalf("join with itself changes %s", j)
	}
	changes := 0
	for changes < 3 && again.Join(b) {
		changes++
	}
	if changes == 3 {
		m.t.Fatalf("not stationary: %s\n%s\n%s", j, b, again)
	}
	if a.Leq(b) {
		m.below(a, b, "Leq")
	}
	if m.all == nil {
		return
	}
	m.below(a, j, "receiver")
	m.below(b, j, "argument")
}

// alike reports whether a and b are represented alike, or are no zones.
func alike(a, b domains.Numeric) bool {
	x, ok := a.(*State)
	if !ok {
		return true
	}
	y := b.(*State)
	return x.bottom && y.bottom || x.bottom == y.bottom && x.same(y)
}

func (m *machine) below(a, b domains.Numeric, what string) {
	if m.all == nil || m.r.Intn(10) != 0 {
		return
	}
	for i := m.r.Intn(3); i < len(m.all); i += 3 {
		e := m.all[i]
		if a.Contains(e) && !b.Contains(e) {
			m.t.Fatalf("%s: %v is in\n%s\nbut not in\n%s", what, e, a, b)
		}
	}
}

func (m *machine) check(s *set) {
	m.t.Helper()
	if z, ok := s.z.(*State); ok {
		if err := z.sane(); err != "" {
			m.t.Fatalf("%s: %s", err, z)
		}
	}
	if len(s.envs) == 0 {
		return
	}
	m.kept++
	words := m.words(s.z)
	// A large set is checked in a sample, from another start each time.
	stride := 1 + len(s.envs)/500
	for i := m.r.Intn(stride); i < len(s.envs); i += stride {
		e := s.envs[i]
		if !s.z.Contains(e) {
			m.t.Fatalf("lost %v in %s", e, s.z)
		}
		for v, x := range e {
			if !words[v].Contains(m.w, x) {
				m.t.Fatalf("v%d = %#x is not in %+v", v, x, words[v])
			}
		}
	}
	a, b := domains.Var(m.r.Intn(m.n)), domains.Var(m.r.Intn(m.n))
	lo, hi, ok := s.z.Diff(a, b)
	for _, e := range s.envs {
		if ok && (hi != inf && !within(e[a], e[b], hi) || lo != -1<<63 && !within(e[b], e[a], -lo)) {
			m.t.Fatalf("v%d - v%d = %#x - %#x is not in [%d, %d]", a, b, e[a], e[b], lo, hi)
		}
	}
}

// sane checks the representation.
func (z *State) sane() string {
	if z.bottom {
		return ""
	}
	refs := make([]int32, len(z.nodes))
	for _, r := range z.vars {
		if r.delta&^z.w.WordMask() != 0 {
			return "offset beyond the word"
		}
		refs[r.node]++
	}
	free := 0
	var slots uint64
	for i := firstNode; int(i) < len(z.nodes); i++ {
		n := z.nodes[i]
		if n.refs != refs[i] {
			return "wrong count of references"
		}
		if n.refs == 0 {
			free++
		}
		if n.slot != noSlot {
			if n.refs == 0 || z.rel.owner[n.slot] != i {
				return "wrong owner"
			}
			slots |= 1 << n.slot
		}
		if d := n.word; n.refs > 0 {
			if d.Empty {
				return "empty node"
			}
		}
	}
	if free != len(z.free) || slots != z.rel.used {
		return "wrong lists"
	}
	for x := range int8(z.rel.stride()) {
		for y := range int8(z.rel.stride()) {
			if z.rel.used>>x&1 == 0 || z.rel.used>>y&1 == 0 {
				continue
			}
			if z.rel.out[x]>>y&1 != z.rel.in[y]>>x&1 || x == y && z.rel.out[x]>>y&1 == 1 {
				return "edges out of step"
			}
		}
		if z.rel.used>>x&1 == 1 && (z.rel.out[x]|z.rel.in[x])&^z.rel.used != 0 {
			return "edge to a free slot"
		}
	}
	return ""
}

// every returns all assignments to three variables of four bits.
func every() [][]uint64 {
	var all [][]uint64
	for i := range uint64(4096) {
		all = append(all, []uint64{i & 15, i >> 4 & 15, i >> 8})
	}
	return all
}

// exhaust runs programs over three variables of four bits, with the set of all
// assignments that are possible at each point.
func exhaust(t *testing.T, programs int, top domains.Relational) {
	all, kept := every(), 0
	for seed := range programs {
		m := &machine{t: t, r: rand.New(rand.NewSource(int64(seed))), w: tiny, n: 3, all: all}
		for range 3 {
			m.sets = append(m.sets, set{z: top.New().(domains.Relational)})
			s := &m.sets[len(m.sets)-1]
			m.copySet(s, set{s.z, all})
		}
		for range 25 {
			m.step()
		}
		kept += m.kept
	}
	if kept < programs*10 {
		t.Errorf("only %d steps had assignments left", kept)
	}
}

// sample runs programs over words of 64 bits with a sample of assignments.
func sample(t *testing.T, programs int, top func(n int) domains.Relational) {
	kept := 0
	for seed := range programs {
		m := &machine{t: t, r: rand.New(rand.NewSource(int64(seed))), w: isa.W64, n: 3 + seed%6}
		for range 3 {
			s := set{z: top(m.n)}
			for range 30 {
				e := make([]uint64, m.n)
				for v := range e {
					e[v] = m.number()
				}
				s.envs = append(s.envs, e)
			}
			m.sets = append(m.sets, s)
		}
		for range 40 {
			m.step()
		}
		kept += m.kept
	}
	if kept < programs*10 {
		t.Errorf("only %d steps had assignments left", kept)
	}
}

var tiny = isa.Width{Word: 4, Op: 4}

// pick returns less work for a short run.
func pick(short, long int) int {
	if testing.Short() {
		return short
	}
	return long
}

func TestExhaustive(t *testing.T) { exhaust(t, pick(300, 700), New(tiny, 3)) }

func TestRandom(t *testing.T) {
	sample(t, pick(2000, 8000), func(n int) domains.Relational { return New(isa.W64, n) })
}

// product is how the zone is used: beside domains that know more of single words.
func product(w isa.Width, n int) domains.Relational {
	return domains.NewProduct(w, domains.NewLift[tnum.Tnum](tnum.Domain{}, w, n),
		domains.NewLift[interval.Interval](interval.Domain{}, w, n), New(w, n))
}

func TestProductExhaustive(t *testing.T) { exhaust(t, pick(100, 400), product(tiny, 3)) }

func TestProductRandom(t *testing.T) {
	sample(t, pick(300, 1500), func(n int) domains.Relational { return product(isa.W64, n) })
}
