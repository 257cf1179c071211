//go:build z3

package z3

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/aclements/go-z3/z3"

	"github.com/bpfcheck/bpfcheck/smt"
	"github.com/bpfcheck/bpfcheck/smt/lrat"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// Available reports whether Z3 is built in.
const Available = true

// New returns a solver for the terms of s. Of the options, Conflicts is refused:
// Z3 counts otherwise; NoProof changes nothing.
func New(s *term.Store, o smt.Options) (smt.Solver, error) {
	if o.Conflicts != 0 {
		return nil, errors.New("Z3 takes no budget of conflicts")
	}
	config := z3.NewContextConfig()
	return &solver{store: s, timeout: o.Timeout, z3: z3.NewContext(config)}, nil
}

type solver struct {
	store    *term.Store
	timeout  time.Duration
	z3       *z3.Context
	values   []z3.Value // by term, nil if not translated
	stack    []term.Term
	asserted []term.Term

	broken error
	reason error
	model  term.Model
	core   []term.Term
}

func (z *solver) Assert(t term.Term) {
	if !z.store.IsBool(t) {
		z.broken = smt.ErrNotBool
		return
	}
	z.asserted = append(z.asserted, t)
}

func (z *solver) Model() term.Model  { return z.model }
func (z *solver) Core() []term.Term  { return z.core }
func (z *solver) Proof() *lrat.Proof { return nil }
func (z *solver) Reason() error      { return z.reason }

// CheckSat implements smt.Solver. An error of Z3, which the binding turns into a
// panic, makes it Unknown.
func (z *solver) CheckSat(ctx context.Context, assumptions ...term.Term) (result smt.Result) {
	z.model, z.core, z.reason = nil, nil, z.broken
	if z.reason != nil {
		return smt.Unknown
	}
	defer func() {
		if e := recover(); e != nil {
			z.reason = fmt.Errorf("Z3: %v", e)
			result = smt.Unknown
		}
	}()
	if z.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, z.timeout)
		defer cancel()
	}
	s := z3.NewSolver(z.z3)
	for _, set := range [][]term.Term{z.asserted, assumptions} {
		for _, t := range set {
			if !z.store.IsBool(t) {
				z.reason = smt.ErrNotBool
				return smt.Unknown
			}
			s.Assert(z.translate(t).(z3.Bool))
		}
	}
	sat, err := z.check(ctx, s)
	switch {
	case err != nil:
		z.reason = err
		return smt.Unknown
	case !sat:
		z.core = append([]term.Term(nil), assumptions...)
		return smt.Unsat
	}
	m := z.read(s.Model())
	if err := smt.Verify(z.store, m, z.asserted, assumptions); err != nil {
		z.reason = err
		return smt.Unknown
	}
	z.model = m
	return smt.Sat
}

// check runs Z3 until it answers or the context ends. An interrupt that comes
// before Z3 has begun is lost, so they go on until it returns.
func (z *solver) check(ctx context.Context, s *z3.Solver) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			z.z3.Interrupt()
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	sat, err := s.Check()
	close(done)
	<-gone
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return sat, err
}

// read takes the values of all variables that Z3 has heard of.
func (z *solver) read(m *z3.Model) term.Model {
	out := make(term.Model, z.store.NumVars())
	for i := range out {
		t := z.store.Variable(i)
		if int(t) >= len(z.values) || z.values[t] == nil {
			continue
		}
		switch v := m.Eval(z.values[t], true).(type) {
		case z3.Bool:
			if b, _ := v.AsBool(); b {
				out[i] = term.V(1)
			}
		case z3.BV:
			n, _ := v.AsBigUnsigned()
			out[i] = term.Value{Hi: new(big.Int).Rsh(n, 64).Uint64(), Lo: new(big.Int).And(n, low64).Uint64()}
		}
	}
	return out
}

var low64 = new(big.Int).SetUint64(^uint64(0))

// translate makes Z3's terms of t and what it is made of.
func (z *solver) translate(t term.Term) z3.Value {
	if n := z.store.Len() - len(z.values); n > 0 {
		z.values = append(z.values, make([]z3.Value, n)...)
	}
	z.stack = append(z.stack[:0], t)
	for len(z.stack) > 0 {
		t := z.stack[len(z.stack)-1]
		args, n := z.store.Args(t)
		missing := false
		for _, a := range args[:n] {
			if z.values[a] == nil {
				z.stack = append(z.stack, a)
				missing = true
			}
		}
		if missing {
			continue
		}
		z.stack = z.stack[:len(z.stack)-1]
		if z.values[t] == nil {
			z.values[t] = z.make(t, z.values[args[0]], z.values[args[1]], z.values[args[2]])
		}
	}
	return z.values[t]
}

// make translates t over its translated arguments.
func (z *solver) make(t term.Term, a, b, c z3.Value) z3.Value {
	s, w := z.store, z.store.Width(t)
	switch s.Op(t) {
	case term.Const:
		v, _ := s.Value(t)
		if w == 0 {
			return z.z3.FromBool(!v.IsZero())
		}
		n := new(big.Int).SetUint64(v.Hi)
		n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(v.Lo))
		return z.z3.FromBigInt(n, z.z3.BVSort(w))
	case term.Var:
		// The number keeps names apart from Z3's own.
		name := fmt.Sprintf("%s!%d", s.Name(t), s.VarNumber(t))
		if w == 0 {
			return z.z3.BoolConst(name)
		}
		return z.z3.BVConst(name, w)
	case term.Ite:
		return a.(z3.Bool).IfThenElse(b, c)
	}
	if x, ok := a.(z3.Bool); ok {
		return bools(s.Op(t), x, b)
	}
	x := a.(z3.BV)
	switch s.Op(t) {
	case term.Not:
		return x.Not()
	case term.Neg:
		return x.Neg()
	case term.Extract:
		hi, lo := s.Bounds(t)
		return x.Extract(hi, lo)
	case term.ZExt:
		return x.ZeroExtend(w - x.Sort().BVSize())
	case term.SExt:
		return x.SignExtend(w - x.Sort().BVSize())
	}
	return words(s.Op(t), x, b.(z3.BV))
}

func bools(op term.Op, x z3.Bool, b z3.Value) z3.Value {
	switch op {
	case term.Not:
		return x.Not()
	case term.And:
		return x.And(b.(z3.Bool))
	case term.Or:
		return x.Or(b.(z3.Bool))
	case term.Xor:
		return x.Xor(b.(z3.Bool))
	case term.Eq:
		return x.Eq(b.(z3.Bool))
	}
	panic("no Bool operator: " + op.String())
}

func words(op term.Op, x, y z3.BV) z3.Value {
	switch op {
	case term.And:
		return x.And(y)
	case term.Or:
		return x.Or(y)
	case term.Xor:
		return x.Xor(y)
	case term.Eq:
		return x.Eq(y)
	case term.Ult:
		return x.ULT(y)
	case term.Slt:
		return x.SLT(y)
	case term.Add:
		return x.Add(y)
	case term.Sub:
		return x.Sub(y)
	case term.Mul:
		return x.Mul(y)
	case term.UDiv:
		return x.UDiv(y)
	case term.URem:
		return x.URem(y)
	case term.SDiv:
		return x.SDiv(y)
	case term.SRem:
		return x.SRem(y)
	case term.Shl:
		return x.Lsh(y)
	case term.LShr:
		return x.URsh(y)
	case term.AShr:
		return x.SRsh(y)
	case term.Concat:
		return x.Concat(y)
	}
	panic("no word operator: " + op.String())
}
