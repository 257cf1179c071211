package cfg

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkBuild and BenchmarkLiveness show the cost per instruction over two
// orders of magnitude: it should not grow with the size.
func BenchmarkBuild(b *testing.B) {
	for _, s := range shapes {
		for _, n := range []int{1000, 10000, 100000} {
			p := s.make(n)
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if g, problems := Build(p, nil); g == nil {
						b.Fatal(problems)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(p)), "ns/insn")
			})
		}
	}
}

func BenchmarkLiveness(b *testing.B) {
	for _, s := range shapes {
		for _, n := range []int{1000, 10000, 100000} {
			g, problems := Build(s.make(n), nil)
			if g == nil {
				b.Fatal(problems)
			}
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					g.Liveness(nil)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(g.Insns)), "ns/insn")
			})
		}
	}
}

// TestNearLinear wants none of the extreme shapes to take long at 100,000
// instructions. The bound is far above the figures of an idle machine (0.1 s) and
// below what a quadratic step would take.
func TestNearLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("timing")
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			p := s.make(100000)
			start := time.Now()
			g, problems := Build(p, nil)
			if g == nil {
				t.Fatal(problems)
			}
			built := time.Since(start)
			g.Liveness(nil)
			g.StackUse(Stack{Round: 16})
			g.TailCallUse(Stack{Round: 16})
			total := time.Since(start)
			t.Logf("%d instructions, %d blocks, %d loops, %d functions: built in %v, with liveness %v",
				len(p), len(g.Blocks), len(g.Loops), len(g.Funcs), built, total)
			if total > 5*time.Second {
				t.Errorf("took %v", total)
			}
		})
	}
}
