package all

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// variables is about what a frame of an analysed program has live.
const variables = 16

// benchmarked are the ways to run the default pair, and its parts.
var benchmarked = []struct {
	name string
	make func(w isa.Width, n int) domains.Numeric
}{
	{"tnum", newTnum},
	{"interval", newInterval},
	{"pair", newTnumInterval},
	{"generic-pair", func(w isa.Width, n int) domains.Numeric {
		return domains.NewLift[both](genericPair{}, w, n)
	}},
	{"product", product},
	{"all", whole},
}

// whole is the product of all domains.
func whole(w isa.Width, n int) domains.Numeric {
	f, err := Select(Names())
	if err != nil {
		panic(err)
	}
	return f(w, n)
}

// state returns variables 0 (a byte), 1 (a multiple of 4 below 4096), 2 (signed, small), 3 (unknown).
func state(f func(w isa.Width, n int) domains.Numeric) domains.Numeric {
	s := f(isa.W64, variables)
	s.ALU(isa.And, isa.W64, 0, domains.K(0xff))
	s.ALU(isa.And, isa.W64, 1, domains.K(0xffc))
	s.Assume(isa.SGE, isa.W64, 2, domains.K(^uint64(9)))
	s.Assume(isa.SLE, isa.W64, 2, domains.K(10))
	return s
}

func BenchmarkALU(b *testing.B) {
	for _, d := range benchmarked {
		for _, op := range []struct {
			name string
			op   isa.ALUOp
			w    isa.Width
			v    domains.Var
			o    domains.Operand
		}{
			{"add64", isa.Add, isa.W64, 0, domains.V(1)},
			{"add64-signed", isa.Add, isa.W64, 0, domains.V(2)},
			{"add64-unknown", isa.Add, isa.W64, 0, domains.V(3)},
			{"add64-const", isa.Add, isa.W64, 0, domains.K(14)},
			{"add32", isa.Add, isa.W32, 0, domains.V(1)},
			{"and64", isa.And, isa.W64, 0, domains.V(1)},
			{"lsh64-const", isa.Lsh, isa.W64, 0, domains.K(3)},
			{"mul64", isa.Mul, isa.W64, 0, domains.V(1)},
			{"mov64", isa.Mov, isa.W64, 0, domains.V(1)},
		} {
			b.Run(d.name+"/"+op.name, func(b *testing.B) {
				s := state(d.make)
				s.ALU(isa.Mov, isa.W64, 5, domains.V(op.v))
				b.ReportAllocs()
				for b.Loop() {
					s.ALU(isa.Mov, isa.W64, op.v, domains.V(5))
					s.ALU(op.op, op.w, op.v, op.o)
				}
			})
		}
	}
}

func BenchmarkAssume(b *testing.B) {
	for _, d := range benchmarked {
		b.Run(d.name, func(b *testing.B) {
			s := state(d.make)
			b.ReportAllocs()
			for b.Loop() {
				s.ALU(isa.Mov, isa.W64, 4, domains.V(1))
				s.Assume(isa.LT, isa.W64, 4, domains.V(0))
			}
		})
	}
}

func BenchmarkJoin(b *testing.B) {
	for _, d := range benchmarked {
		b.Run(d.name, func(b *testing.B) {
			s := state(d.make)
			other := s.New()
			for v := domains.Var(0); v < variables; v++ {
				s.ALU(isa.Mov, isa.W64, v, domains.K(uint64(v)))
				other.ALU(isa.Mov, isa.W64, v, domains.K(uint64(v+v%2)))
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Join(other)
			}
		})
	}
}

func BenchmarkCopyFrom(b *testing.B) {
	for _, d := range benchmarked {
		b.Run(d.name, func(b *testing.B) {
			s := state(d.make)
			other := s.Clone()
			b.ReportAllocs()
			for b.Loop() {
				s.CopyFrom(other)
			}
		})
	}
}
