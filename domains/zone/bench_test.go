package zone

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// typical returns a state as it is found in the middle of a program: n variables,
// most of them unknown or constant, a few bounded, copied and compared.
func typical(n int, seed int64) *State {
	z, r := New(isa.W64, n), rand.New(rand.NewSource(seed))
	for v := range domains.Var(n) {
		switch r.Intn(4) {
		case 0:
			z.ALU(isa.Mov, isa.W64, v, domains.K(r.Uint64()%4))
		case 1:
			z.Assume(isa.LE, isa.W64, v, domains.K(1+r.Uint64()%1500))
		}
	}
	for range 4 {
		a, b := domains.Var(r.Intn(n)), domains.Var(r.Intn(n))
		z.ALU(isa.Mov, isa.W64, a, domains.V(b))
		z.ALU(isa.Add, isa.W64, a, domains.K(4))
	}
	for range 4 {
		q := z.Clone().(*State)
		q.Assume(isa.LE, isa.W64, domains.Var(r.Intn(n)), domains.V(domains.Var(r.Intn(n))))
		if !q.IsBottom() {
			z = q
		}
	}
	return z
}

func BenchmarkMove(b *testing.B) {
	z := typical(100, 1)
	b.ReportAllocs()
	for i := range b.N {
		z.ALU(isa.Mov, isa.W64, domains.Var(i%10), domains.V(domains.Var(10+i%50)))
	}
}

func BenchmarkAddConst(b *testing.B) {
	z := typical(100, 1)
	b.ReportAllocs()
	for i := range b.N {
		z.ALU(isa.Add, isa.W64, domains.Var(i%100), domains.K(8))
	}
}

func BenchmarkAddVar(b *testing.B) {
	z := New(isa.W64, 100)
	z.Assume(isa.LE, isa.W64, 1, domains.K(1500))
	z.Assume(isa.LE, isa.W64, 2, domains.K(60))
	b.ReportAllocs()
	for range b.N {
		z.ALU(isa.Mov, isa.W64, 3, domains.V(1))
		z.ALU(isa.Add, isa.W64, 3, domains.V(2))
	}
}

func BenchmarkAssumeConst(b *testing.B) {
	z, start := New(isa.W64, 100), typical(100, 1)
	b.ReportAllocs()
	for i := range b.N {
		if i%64 == 0 {
			z.CopyFrom(start)
		}
		z.Assume(isa.GE, isa.W64, domains.Var(i%64), domains.K(0))
	}
}

func BenchmarkAssumeVars(b *testing.B) {
	z, start := New(isa.W64, 100), New(isa.W64, 100)
	b.ReportAllocs()
	for range b.N {
		z.CopyFrom(start)
		z.Assume(isa.LE, isa.W64, 1, domains.V(2))
		z.Assume(isa.LE, isa.W64, 2, domains.V(3))
		z.Assume(isa.LE, isa.W64, 3, domains.K(64))
	}
}

func BenchmarkWord(b *testing.B) {
	z := typical(100, 1)
	for i := range b.N {
		z.Word(domains.Var(i % 100))
	}
}

func sizes(b *testing.B, f func(b *testing.B, n int)) {
	for _, n := range []int{30, 100, 300, 1200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { b.ReportAllocs(); f(b, n) })
	}
}

func BenchmarkCopy(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		z, start := New(isa.W64, n), typical(n, 1)
		for range b.N {
			z.CopyFrom(start)
		}
	})
}

// BenchmarkJoinSame is the join that finds nothing new.
func BenchmarkJoinSame(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		z := typical(n, 1)
		o := z.Clone()
		for range b.N {
			z.Join(o)
		}
	})
}

// BenchmarkJoinBelow is the join of a state that is stored already, numbered otherwise.
func BenchmarkJoinBelow(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		z, o := typical(n, 1), typical(n, 2)
		z.Join(o)
		for range b.N {
			if z.Join(o) {
				b.Fatal("changed")
			}
		}
	})
}

// BenchmarkJoin is the join of states that differ throughout, and the copy before it.
func BenchmarkJoin(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		z, start, o := New(isa.W64, n), typical(n, 1), typical(n, 2)
		for range b.N {
			z.CopyFrom(start)
			z.Join(o)
		}
	})
}

// BenchmarkJoinBranch joins the ends of two short branches: what an engine does most.
func BenchmarkJoinBranch(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		z, left := New(isa.W64, n), typical(n, 1)
		right := left.Clone().(*State)
		for v := range domains.Var(4) {
			left.ALU(isa.Mov, isa.W64, v, domains.K(uint64(v)))
			right.ALU(isa.Add, isa.W64, v, domains.K(1))
			right.Assume(isa.LE, isa.W64, v+8, domains.K(1000))
		}
		for range b.N {
			z.CopyFrom(left)
			z.Join(right)
		}
	})
}

func BenchmarkLeq(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		z, o := typical(n, 1), typical(n, 2)
		z.Join(o)
		for range b.N {
			if !o.Leq(z) {
				b.Fatal("not below")
			}
		}
	})
}

// related returns a state in which random pairs of n nodes have edges, closed.
func related(n int, seed int64) *State {
	z, r := New(isa.W64, n), rand.New(rand.NewSource(seed))
	for v := range domains.Var(n) {
		z.Assume(isa.LE, isa.W64, v, domains.K(1<<40))
	}
	for range 2 * n {
		z.bound(domains.Var(r.Intn(n)), domains.Var(r.Intn(n)), int64(r.Intn(1000)))
	}
	return z
}

// BenchmarkClosure compares the closure of one new edge with that of the whole
// matrix, which is what it saves.
func BenchmarkClosure(b *testing.B) {
	for _, n := range []int{4, 8, 16, maxSlots} {
		z, start := New(isa.W64, n), related(n, 1)
		r := rand.New(rand.NewSource(2))
		b.Run(fmt.Sprintf("incremental/%d", n), func(b *testing.B) {
			for i := range b.N {
				if i%8 == 0 {
					z.CopyFrom(start)
				}
				z.bound(domains.Var(r.Intn(n)), domains.Var(r.Intn(n)), int64(r.Intn(20)))
			}
		})
		b.Run(fmt.Sprintf("full/%d", n), func(b *testing.B) {
			for i := range b.N {
				if i%8 == 0 {
					z.CopyFrom(start)
				}
				z.floydWarshall()
			}
		})
	}
}

// floydWarshall closes all edges by paths: the oracle of the incremental closure.
func (z *State) floydWarshall() {
	g := &z.rel
	for used := g.used; used != 0; {
		k := pop(&used)
		for preds := g.in[k]; preds != 0; {
			p := pop(&preds)
			for succs := g.out[k]; succs != 0; {
				q := pop(&succs)
				if t := clamp(g.edge(p, k) + g.edge(k, q)); p != q && t < g.edge(p, q) && !z.implied(p, q, t) {
					g.put(p, q, t)
				}
			}
		}
	}
}

// TestClosureIsClosed compares the incremental closure with the full one.
func TestClosureIsClosed(t *testing.T) {
	for seed := range int64(200) {
		z := related(2+int(seed)%(maxSlots-1), seed)
		c := z.Clone().(*State)
		c.floydWarshall()
		if !z.same(c) {
			t.Fatalf("seed %d: %s\nis closed to\n%s", seed, z, c)
		}
	}
}
