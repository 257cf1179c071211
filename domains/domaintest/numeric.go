package domaintest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Maker makes Top states, as domains.Entry does.
type Maker = func(w isa.Width, n int) domains.Numeric

// numericChecks is what a Numeric owes.
var numericChecks = []struct {
	name string
	run  func(f Maker) error
}{
	{"state", CheckState},
	{"operations", CheckOperations},
	{"programs", CheckPrograms},
	{"real programs", CheckRealPrograms},
	{"loops", CheckLoops},
}

// Numeric runs every check on the states that f makes.
func Numeric(t *testing.T, f Maker) {
	t.Helper()
	for _, c := range numericChecks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(f); err != nil {
				t.Error(err)
			}
		})
	}
}

// NoAllocations fails if a state of 16 variables allocates in ALU, Assume, Join,
// Refine, Word or CopyFrom.
func NoAllocations(t *testing.T, f Maker) {
	t.Helper()
	s := f(isa.W64, 16)
	s.Assume(isa.LT, isa.W64, 0, domains.K(100))
	other := s.Clone()
	got := testing.AllocsPerRun(100, func() {
		s.ALU(isa.Mov, isa.W64, 1, domains.V(0))
		s.ALU(isa.Add, isa.W64, 1, domains.K(8))
		s.ALU(isa.And, isa.W32, 1, domains.V(0))
		s.Assume(isa.LT, isa.W64, 2, domains.V(1))
		s.Refine(3, s.Word(1))
		s.Join(other)
		s.CopyFrom(other)
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// CheckState checks what does not depend on operations: Top, Bottom, copies.
func CheckState(f Maker) error {
	w := Tiny[0]
	s := f(w, 2)
	env := []uint64{3, 9}
	if s.IsBottom() || !s.Contains(env) {
		return fmt.Errorf("a new state is not Top: %v", s)
	}
	s.Assume(isa.EQ, w, 0, domains.K(3))
	c, n := s.Clone(), s.New()
	s.SetBottom()
	switch {
	case !s.IsBottom() || s.Contains(env):
		return fmt.Errorf("SetBottom leaves %v", s)
	case !s.Word(0).Empty:
		return fmt.Errorf("an empty state has the Word %+v", s.Word(0))
	case c.IsBottom() || !c.Contains(env) || c.Contains([]uint64{4, 9}):
		return fmt.Errorf("a clone changed with its original, to %v", c)
	case n.IsBottom() || !n.Contains([]uint64{4, 9}):
		return fmt.Errorf("a new state is not Top: %v", n)
	case !s.Leq(c) || !s.Leq(s) || c.Leq(s):
		return fmt.Errorf("inclusion is wrong of an empty state and %v", c)
	case c.Join(s) || !c.Contains(env):
		return fmt.Errorf("a join with the empty state changes it to %v", c)
	}
	s.ALU(isa.Add, w, 0, domains.K(1))
	s.Havoc(1)
	s.Refine(0, domains.TopWord(w))
	if !s.IsBottom() {
		return fmt.Errorf("an operation made %v of an empty state", s)
	}
	if !s.Join(c) || !s.Contains(env) {
		return fmt.Errorf("the empty state joined with %v is %v", c, s)
	}
	n.CopyFrom(c)
	c.Havoc(0)
	if n.Contains([]uint64{4, 9}) || !c.Contains([]uint64{4, 9}) {
		return fmt.Errorf("CopyFrom shares its elements: %v, %v", n, c)
	}
	n.SetTop()
	if n.IsBottom() || !n.Contains([]uint64{4, 9}) {
		return fmt.Errorf("SetTop leaves %v", n)
	}
	return nil
}

// program is a state and assignments that it must contain, all of them while the
// words are tiny. It runs random steps on both.
type program struct {
	r     *rand.Rand
	w     isa.Width // of the words
	vars  int
	state domains.Numeric
	envs  [][]uint64
	trace []string
}

// step does one random operation at width w.
func (p *program) step(w isa.Width) {
	v := domains.Var(p.r.IntN(p.vars))
	o := domains.K(Edge(p.r, w))
	if p.r.IntN(2) == 0 {
		o = domains.V(domains.Var(p.r.IntN(p.vars)))
	}
	switch k := p.r.IntN(20); {
	case k < 10:
		op := isa.InvalidALU + 1 + isa.ALUOp(p.r.IntN(int(isa.NumALU)-1))
		if k < 4 { // what relational domains follow
			op = []isa.ALUOp{isa.Add, isa.Sub, isa.Mov, isa.Mov}[k]
		}
		p.alu(op, w, v, o)
	case k < 18:
		p.assume(isa.InvalidCond+1+isa.Cond(p.r.IntN(int(isa.NumCond)-1)), w, v, o)
	case k < 19:
		p.havoc(v)
	default:
		p.refine(v)
	}
}

func value(o domains.Operand, env []uint64) uint64 {
	if o.IsVar {
		return env[o.Var]
	}
	return o.Const
}

func (p *program) note(format string, args ...any) {
	p.trace = append(p.trace, fmt.Sprintf(format, args...))
}

func (p *program) alu(op isa.ALUOp, w isa.Width, v domains.Var, o domains.Operand) {
	p.note("ALU %v %v v%d %+v", op, w, v, o)
	p.state.ALU(op, w, v, o)
	for _, env := range p.envs {
		env[v] = isa.Eval(op, w, env[v], value(o, env))
	}
}

func (p *program) assume(c isa.Cond, w isa.Width, v domains.Var, o domains.Operand) {
	p.note("Assume %v %v v%d %+v", c, w, v, o)
	p.state.Assume(c, w, v, o)
	p.keep(func(env []uint64) bool { return isa.Holds(c, w, env[v], value(o, env)) })
}

func (p *program) keep(f func(env []uint64) bool) {
	var kept [][]uint64
	for _, env := range p.envs {
		if f(env) {
			kept = append(kept, env)
		}
	}
	p.envs = kept
}

// havoc lets the variable be random in the assignments that are followed.
func (p *program) havoc(v domains.Var) {
	p.note("Havoc v%d", v)
	p.state.Havoc(v)
	for _, env := range p.envs {
		env[v] = Edge(p.r, p.w)
	}
}

// refine narrows a variable to what some tnum or range allows.
func (p *program) refine(v domains.Var) {
	d := domains.TopWord(p.w)
	x, y := Edge(p.r, p.w), Edge(p.r, p.w)
	if p.r.IntN(2) == 0 {
		d.UMin, d.UMax = min(x, y), max(x, y)
	} else {
		d.Mask, d.Value = x|y, x&^y&^(x|y)
	}
	p.note("Refine v%d %+v", v, d)
	p.state.Refine(v, d)
	p.keep(func(env []uint64) bool { return d.Contains(p.w, env[v]) })
}

// verify reports an assignment that got lost, or a Word or Diff that excludes one.
func (p *program) verify() error {
	for _, env := range p.envs {
		if !p.state.Contains(env) {
			return fmt.Errorf("after %q: %v lacks %d", p.trace, p.state, env)
		}
	}
	if len(p.envs) == 0 {
		return nil
	}
	if p.state.IsBottom() {
		return fmt.Errorf("after %q: the state is empty", p.trace)
	}
	for v := range p.vars {
		d := p.state.Word(domains.Var(v))
		for _, env := range p.envs {
			if !d.Contains(p.w, env[v]) {
				return fmt.Errorf("after %q: Word of v%d is %+v, which lacks %#x", p.trace, v, d, env[v])
			}
		}
	}
	return p.verifyDiff()
}

func (p *program) verifyDiff() error {
	rel, ok := p.state.(domains.Relational)
	if !ok {
		return nil
	}
	for a := range p.vars {
		for b := range p.vars {
			lo, hi, ok := rel.Diff(domains.Var(a), domains.Var(b))
			if !ok {
				continue
			}
			for _, env := range p.envs {
				if !within(env[a], env[b], lo, hi) {
					return fmt.Errorf("after %q: Diff of v%d and v%d is [%d,%d], which lacks %#x - %#x", p.trace, a, b, lo, hi, env[a], env[b])
				}
			}
		}
	}
	return nil
}

// within reports lo <= a - b <= hi in ℤ, where the ends of int64 are no bounds.
func within(a, b uint64, lo, hi int64) bool {
	noLo, noHi := lo == math.MinInt64, hi == math.MaxInt64
	if a >= b {
		d := a - b
		return (noLo || lo <= 0 || d >= uint64(lo)) && (noHi || hi >= 0 && d <= uint64(hi))
	}
	d := b - a // the difference is -d
	return (noHi || hi >= 0 || d >= -uint64(hi)) && (noLo || lo < 0 && d <= -uint64(lo))
}
