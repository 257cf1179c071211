package exec

import (
	"testing"

	"github.com/bpfcheck/bpfcheck/exec/speed"
	"github.com/bpfcheck/bpfcheck/isa"
)

func assemble(tb testing.TB, text string) []isa.Instruction {
	tb.Helper()
	src, err := isa.Assemble(text, isa.AsmOptions{Helper: target.HelperID})
	if err != nil {
		tb.Fatal(err)
	}
	return src.Insns
}

func BenchmarkInterpreter(b *testing.B) {
	for _, p := range speed.Programs {
		b.Run(p.Name, func(b *testing.B) {
			r, err := Interpreter{}.Load(rawProgram(assemble(b, p.Text)), Options{Target: target})
			if err != nil {
				b.Fatal(err)
			}
			in := &Input{Data: p.Memory()}
			var steps int64
			b.ReportAllocs()
			for b.Loop() {
				o := r.Run(in)
				if o.Fault != NoFault {
					b.Fatal(o)
				}
				steps = o.Steps
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(steps), "ns/insn")
			b.ReportMetric(float64(steps), "insns")
		})
	}
}

// BenchmarkRun is what a run costs besides its instructions: a packet, 22 maps.
func BenchmarkRun(b *testing.B) {
	r, err := Interpreter{}.Load(testProgram(b, "xdp", "r0 = 0\n exit"), Options{Target: target})
	if err != nil {
		b.Fatal(err)
	}
	in := &Input{Data: make([]byte, 64)}
	b.ReportAllocs()
	for b.Loop() {
		if o := r.Run(in); o.Fault != NoFault {
			b.Fatal(o)
		}
	}
}
