package domaintest

import (
	"fmt"
	"math/rand/v2"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// allEnvs returns every assignment of tiny words to n variables.
func allEnvs(n int) [][]uint64 {
	envs := make([][]uint64, 1<<(4*n))
	for i := range envs {
		envs[i] = make([]uint64, n)
		for v := range envs[i] {
			envs[i][v] = uint64(i) >> (4 * v) & 15
		}
	}
	return envs
}

// someEnvs returns random assignments of the width's words.
func someEnvs(r *rand.Rand, w isa.Width, vars, n int) [][]uint64 {
	envs := make([][]uint64, n)
	for i := range envs {
		envs[i] = make([]uint64, vars)
		for v := range envs[i] {
			envs[i][v] = Edge(r, w)
		}
	}
	return envs
}

// CheckOperations runs every operation and condition, after a random prefix, on
// all assignments of tiny words to two variables.
func CheckOperations(f Maker) error {
	r := newRand()
	checked := 0
	for i := 0; i < 60; i++ {
		for _, w := range Tiny {
			for k := 1; k < int(isa.NumALU)+int(isa.NumCond)-1; k++ {
				p := &program{r: r, w: Tiny[0], vars: 2, state: f(Tiny[0], 2), envs: allEnvs(2)}
				for range i % 4 {
					p.step(Tiny[r.IntN(2)])
				}
				o := domains.V(1)
				if r.IntN(3) == 0 {
					o = domains.K(r.Uint64N(16))
				}
				if k < int(isa.NumALU) {
					p.alu(isa.ALUOp(k), w, 0, o)
				} else {
					p.assume(isa.Cond(k-int(isa.NumALU)+1), w, 0, o)
				}
				checked += len(p.envs)
				if err := p.verify(); err != nil {
					return err
				}
			}
		}
	}
	return needed(checked)
}

func needed(checked int) error {
	if checked == 0 {
		return errNothing
	}
	return nil
}

// CheckPrograms runs random programs over all assignments of tiny words to two or
// three variables, two at a time, and then compares and joins the two states.
func CheckPrograms(f Maker) error {
	r := newRand()
	checked := 0
	for i := 0; i < 250; i++ {
		vars := 2 + i%10/9
		newProgram := func() *program {
			return &program{r: r, w: Tiny[0], vars: vars, state: f(Tiny[0], vars), envs: allEnvs(vars)}
		}
		p, q := newProgram(), newProgram()
		for j := 0; j < 6; j++ {
			for _, x := range []*program{p, q} {
				x.step(Tiny[r.IntN(2)])
				checked += len(x.envs)
				if err := x.verify(); err != nil {
					return err
				}
			}
			if err := checkMerge(r, p, q); err != nil {
				return err
			}
		}
	}
	return needed(checked)
}

// checkMerge compares the states of two programs with their join and widening.
func checkMerge(r *rand.Rand, p, q *program) error {
	before, other := p.state.Clone(), q.state.Clone()
	if before.Leq(other) {
		for _, env := range p.envs {
			if !other.Contains(env) {
				return fmt.Errorf("after %q and %q: %v is below %v, which lacks %d", p.trace, q.trace, before, other, env)
			}
		}
	}
	merged := before.Clone()
	name, changed := "join", false
	if r.IntN(2) == 0 {
		changed = merged.Join(other)
	} else {
		name = "widening"
		changed = merged.Widen(other, nil)
	}
	for _, envs := range [][][]uint64{p.envs, q.envs} {
		for _, env := range envs {
			if !merged.Contains(env) {
				return fmt.Errorf("after %q and %q: the %s of %v and %v is %v, which lacks %d", p.trace, q.trace, name, before, other, merged, env)
			}
			if !changed && !before.Contains(env) {
				return fmt.Errorf("after %q and %q: the %s of %v and %v reports no change", p.trace, q.trace, name, before, other)
			}
		}
	}
	return checkUntouched(p, q, before, other)
}

// checkUntouched checks that an argument or the original of a clone did not change.
func checkUntouched(p, q *program, before, other domains.Numeric) error {
	if before.String() != p.state.String() || other.String() != q.state.String() {
		return fmt.Errorf("after %q and %q: a clone or an argument of a join changed", p.trace, q.trace)
	}
	return nil
}

// CheckRealPrograms runs random programs of 64- and 32-bit operations.
func CheckRealPrograms(f Maker) error {
	r := newRand()
	checked := 0
	for i := 0; i < 1500; i++ {
		p := &program{r: r, w: isa.W64, vars: 4, state: f(isa.W64, 4)}
		p.envs = someEnvs(r, isa.W64, 4, 40)
		for j := 0; j < 15 && len(p.envs) > 0; j++ {
			p.step(Real[r.IntN(2)])
			checked += len(p.envs)
			if err := p.verify(); err != nil {
				return err
			}
		}
	}
	return needed(checked)
}

// CheckLoops iterates random loop bodies with widening until nothing changes, and
// requires that this comes to pass.
func CheckLoops(f Maker) error {
	r := newRand()
	for i := 0; i < 200; i++ {
		seed := r.Uint64()
		head := f(isa.W64, 3)
		for v := domains.Var(0); v < 3; v++ {
			head.ALU(isa.Mov, isa.W64, v, domains.K(Edge(r, isa.W64)))
		}
		var t *domains.Thresholds
		if i%2 == 0 {
			t = domains.NewThresholds([]uint64{Edge(r, isa.W64), Edge(r, isa.W64), 64})
		}
		moves := 0
		for changed := true; changed; moves++ {
			if moves > 3*maxWidenings {
				return fmt.Errorf("loop %d: no fixpoint after %d widenings: %v", i, moves, head)
			}
			body := &program{r: rand.New(rand.NewPCG(seed, 0)), w: isa.W64, vars: 3, state: head.Clone()}
			for range 5 {
				body.step(Real[body.r.IntN(2)])
			}
			changed = false
			if !body.state.Leq(head) {
				changed = head.Widen(body.state, t)
			}
		}
	}
	return nil
}
