package blast

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bpfcheck/bpfcheck/smt/sat"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// table is a function of five inputs as its 32 values.
type table uint32

var inputs = [5]table{0xaaaaaaaa, 0xcccccccc, 0xf0f0f0f0, 0xff00ff00, 0xffff0000}

func (t table) of(l lit) table {
	if l&1 != 0 {
		return ^t
	}
	return t
}

// Each gate computes what was asked for, whatever the rules made of it.
func TestGatesKeepMeaning(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		var g gates
		g.init()
		means := map[uint32]table{0: 0}
		pool := []lit{lo}
		for _, in := range inputs {
			l := g.input()
			means[l.gate()] = in
			pool = append(pool, l)
		}
		for range 40 {
			pick := func() (lit, table) {
				l := pool[r.IntN(len(pool))] ^ lit(r.IntN(2))
				return l, means[l.gate()].of(l)
			}
			a, x := pick()
			b, y := pick()
			c, z := pick()
			var l lit
			var want table
			switch r.IntN(5) {
			case 0:
				l, want = g.and(a, b), x&y
			case 1:
				l, want = g.or(a, b), x|y
			case 2:
				l, want = g.xor(a, b), x^y
			case 3:
				l, want = g.mux(a, b, c), (x&y)|(^x&z)
			default:
				l, want = g.maj(a, b, c), (x&y)|(x&z)|(y&z)
			}
			if want = want.of(l); l.gate() < uint32(len(g.all)) {
				if have, ok := means[l.gate()]; ok && have != want {
					t.Fatalf("gate %d means %x, want %x", l.gate(), have, want)
				}
			}
			// Rules may have made gates below; their meaning follows from them.
			for at := uint32(1); at < uint32(len(g.all)); at++ {
				if _, ok := means[at]; !ok {
					means[at] = meaning(g.all[at], means)
				}
			}
			if means[l.gate()] != want {
				t.Fatalf("gate %d means %x, want %x", l.gate(), means[l.gate()], want)
			}
			pool = append(pool, l)
		}
	}
}

func meaning(n gate, means map[uint32]table) table {
	x, y, z := means[n.a.gate()].of(n.a), means[n.b.gate()].of(n.b), means[n.c.gate()].of(n.c)
	switch n.kind {
	case kAnd:
		return x & y
	case kXor:
		return x ^ y
	case kMux:
		return (x & y) | (^x & z)
	case kMaj:
		return (x & y) | (x & z) | (y & z)
	}
	panic("gate of no kind")
}

// clauseList keeps clauses for trying all models.
type clauseList struct {
	vars    uint32
	clauses [][]sat.Lit
}

func (c *clauseList) NewVar() uint32        { c.vars++; return c.vars }
func (c *clauseList) Clause(lits []sat.Lit) { c.clauses = append(c.clauses, slices.Clone(lits)) }

// Equal computations, differently written, become the same gates: then asserting
// that they differ writes the empty clause, without any search.
func TestNetworkDecides(t *testing.T) {
	s := term.NewStore()
	x, y := s.Var("x", 64), s.Var("y", 64)
	for _, different := range []term.Term{
		s.Ne(s.Mul(x, s.Word(64, 10)), s.Mul(s.Word(64, 5), s.Shl(x, s.Word(64, 1)))),
		s.Ne(s.Extract(31, 0, s.Add(x, y)), s.Add(s.Extract(31, 0, x), s.Extract(31, 0, y))),
		s.Ne(s.LShr(s.Shl(x, s.Word(64, 32)), s.Word(64, 32)), s.ZExt(32, s.Extract(31, 0, x))),
		s.Ult(s.URem(x, s.Word(64, 16)), s.UDiv(s.And(x, s.Word(64, 15)), s.Word(64, 1))),
	} {
		sink := &clauseList{}
		b := New(s, sink)
		if err := b.Assert(context.Background(), different); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(sink.clauses, func(c []sat.Lit) bool { return len(c) == 0 }) {
			t.Errorf("%s takes %d gates and %d clauses", s.String(different), b.Gates(), len(sink.clauses))
		}
	}
}

// A formula that is too large is an error, and soon.
func TestTooLarge(t *testing.T) {
	s := term.NewStore()
	x := s.Var("x", 128)
	p := x
	for range 1000 {
		p = s.Mul(s.Add(p, x), p)
	}
	b := New(s, &clauseList{})
	b.limit = 1 << 18
	if err := b.Assert(context.Background(), s.Eq(p, x)); err != ErrTooLarge {
		t.Error(err)
	}
}
