// Package smt decides whether formulas over words have a model: the interface
// [Solver], and the solver of this module, [New]. Package smt/z3 has another.
//
// The parts: smt/term makes and simplifies formulas; smt/blast turns them into
// clauses; smt/sat decides these; smt/lrat checks its proofs. This package puts
// them together and believes none: a model counts only if the formulas as asserted
// evaluate to true under it, a refutation only if the checker accepts its proof.
// What fails that test is [Unknown], as is all that ran out of budget.
//
// A solver is incremental without push and pop (Eén & Sörensson, "Temporal
// Induction by Incremental SAT Solving", 2003): assertions stay, and each question
// brings assumptions that hold for it alone. What must be retracted later is
// asserted as an implication from a Bool, which is then assumed.
//
// The trap: a proof is about clauses. That the clauses are those of the formula is
// the blaster's word, held up by its tests.
package smt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bpfcheck/bpfcheck/smt/blast"
	"github.com/bpfcheck/bpfcheck/smt/lrat"
	"github.com/bpfcheck/bpfcheck/smt/sat"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// Result is an answer. The zero value is Unknown.
type Result uint8

// The answers.
const (
	Unknown Result = iota
	Sat            // there is a model, and Model gives it
	Unsat          // there is none
)

// String is the answer in SMT-LIB's words.
func (r Result) String() string {
	switch r {
	case Sat:
		return "sat"
	case Unsat:
		return "unsat"
	}
	return "unknown"
}

// Solver answers questions about the terms of one store. It is not safe for
// concurrent use.
type Solver interface {
	// Assert adds a Bool that holds from now on. A term that is none makes every
	// later answer Unknown.
	Assert(t term.Term)
	// CheckSat asks whether the assertions and the assumptions, Bools, hold
	// together under some model.
	CheckSat(ctx context.Context, assumptions ...term.Term) Result
	// Model is the model, by number of variable, if the last answer was Sat.
	Model() term.Model
	// Core is, if the last answer was Unsat, those of the assumptions that it
	// needed; none if the assertions have no model by themselves.
	Core() []term.Term
	// Proof is why the last answer was Unsat; nil if it was not, or if the solver
	// gives no proofs.
	Proof() *lrat.Proof
	// Reason is why the last answer was Unknown, else nil.
	Reason() error
}

// Options of New. The zero value checks everything and has no limits.
type Options struct {
	NoProof   bool          // neither write nor check proofs of Unsat
	Conflicts int64         // a question may take so many; 0: any number
	Timeout   time.Duration // a question may take so long; 0: as long as its context lets it
}

// Reasons of Unknown besides the context's errors and blast.ErrTooLarge.
var (
	ErrBudget  = errors.New("the budget is used up")
	ErrNotBool = errors.New("a term that is no Bool was asserted or assumed")
)

// Stats count the work of a solver since it was made.
type Stats struct {
	sat.Stats
	Gates, Variables, Clauses int
	ProofChecking             time.Duration
}

// Builtin is this module's solver; see [New].
type Builtin struct {
	store   *term.Store
	options Options
	blaster *blast.Blaster
	sat     *sat.Solver
	checker lrat.Checker

	asserted []term.Term
	blasted  int      // how many of them have clauses
	formula  []uint32 // of lrat.Proof; empty without proofs
	fed      int      // how much of it the checker has
	replayed int      // how much of the proof
	clauses  int
	checking time.Duration

	broken error // an assertion that is no Bool, or a fault of the solver
	reason error
	model  term.Model
	core   []term.Term
	proof  *lrat.Proof
}

var _ Solver = (*Builtin)(nil)

// New returns a solver for the terms of s without assertions.
func New(s *term.Store, o Options) *Builtin {
	b := &Builtin{store: s, options: o, sat: sat.New(!o.NoProof)}
	b.blaster = blast.New(s, (*sink)(b))
	return b
}

// sink passes clauses on to the solver, and to the formula of the proof.
type sink Builtin

func (k *sink) NewVar() uint32 { return k.sat.NewVar() }

func (k *sink) Clause(lits []sat.Lit) {
	id := k.sat.AddClause(lits...)
	k.clauses++
	if k.options.NoProof {
		return
	}
	if cap(k.formula)-len(k.formula) < 2+len(lits) {
		k.formula = slices.Grow(k.formula, 1024+len(k.formula)+len(lits))
	}
	k.formula = append(k.formula, id, uint32(len(lits)))
	for _, l := range lits {
		k.formula = append(k.formula, uint32(l))
	}
}

// Assert implements Solver.
func (b *Builtin) Assert(t term.Term) {
	if !b.store.IsBool(t) {
		b.broken = ErrNotBool
		return
	}
	b.asserted = append(b.asserted, t)
}

// Model implements Solver.
func (b *Builtin) Model() term.Model { return b.model }

// Core implements Solver.
func (b *Builtin) Core() []term.Term { return b.core }

// Proof implements Solver.
func (b *Builtin) Proof() *lrat.Proof { return b.proof }

// Reason implements Solver.
func (b *Builtin) Reason() error { return b.reason }

// Stats returns the counters.
func (b *Builtin) Stats() Stats {
	return Stats{b.sat.Stats(), b.blaster.Gates(), b.sat.NumVars(), b.clauses, b.checking}
}

// CheckSat implements Solver.
func (b *Builtin) CheckSat(ctx context.Context, assumptions ...term.Term) Result {
	b.model, b.core, b.proof, b.reason = nil, nil, nil, b.broken
	if b.reason != nil {
		return Unknown
	}
	budget := sat.Budget{Conflicts: b.options.Conflicts}
	if b.options.Timeout > 0 {
		budget.Deadline = time.Now().Add(b.options.Timeout)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, budget.Deadline)
		defer cancel()
	}
	lits, err := b.translate(ctx, assumptions)
	if err != nil {
		b.reason = err
		return Unknown
	}
	switch b.sat.Solve(ctx, budget, lits...) {
	case sat.Sat:
		return b.satisfied(assumptions)
	case sat.Unsat:
		return b.refuted(assumptions, lits)
	}
	if b.reason = ctx.Err(); b.reason == nil {
		b.reason = ErrBudget
	}
	return Unknown
}

// translate adds the clauses of new assertions and of the assumptions.
func (b *Builtin) translate(ctx context.Context, assumptions []term.Term) ([]sat.Lit, error) {
	for ; b.blasted < len(b.asserted); b.blasted++ {
		if err := b.blaster.Assert(ctx, b.asserted[b.blasted]); err != nil {
			return nil, err
		}
	}
	lits := make([]sat.Lit, len(assumptions))
	for i, t := range assumptions {
		if !b.store.IsBool(t) {
			return nil, ErrNotBool
		}
		var err error
		if lits[i], err = b.blaster.Literal(ctx, t); err != nil {
			return nil, err
		}
	}
	return lits, nil
}

// satisfied reads the model and checks it against the terms.
func (b *Builtin) satisfied(assumptions []term.Term) Result {
	m := make(term.Model, b.store.NumVars())
	for i := range m {
		m[i] = b.blaster.Value(b.store.Variable(i), b.sat.Value)
	}
	if err := Verify(b.store, m, b.asserted, assumptions); err != nil {
		b.reason = err
		b.broken = err
		return Unknown
	}
	b.model = m
	return Sat
}

// Verify reports whether all the Bools hold under m.
func Verify(s *term.Store, m term.Model, sets ...[]term.Term) error {
	e := s.NewEvaluator(m)
	for _, set := range sets {
		for _, t := range set {
			if e.Eval(t).IsZero() {
				return fmt.Errorf("the solver's model does not satisfy %s", s.String(t))
			}
		}
	}
	return nil
}

// refuted reads the core, and has the proof checked.
func (b *Builtin) refuted(assumptions []term.Term, lits []sat.Lit) Result {
	inCore := make(map[sat.Lit]bool)
	var goal []uint32
	for _, l := range b.sat.Core() {
		inCore[l] = true
		goal = append(goal, uint32(l.Not()))
	}
	for i, l := range lits {
		if inCore[l] {
			inCore[l] = false // once, if two terms have one literal
			b.core = append(b.core, assumptions[i])
		}
	}
	if b.options.NoProof {
		return Unsat
	}
	start := time.Now()
	steps, conclusion := b.sat.Proof()
	p := &lrat.Proof{Formula: b.formula, Steps: steps, Goal: goal, Conclusion: conclusion}
	err := b.check(p)
	b.checking += time.Since(start)
	if err != nil {
		b.core = nil
		b.reason = fmt.Errorf("the solver's refutation is not accepted: %w", err)
		b.broken = b.reason
		return Unknown
	}
	b.proof = p
	return Unsat
}

// check has the checker read what is new since the last time.
func (b *Builtin) check(p *lrat.Proof) error {
	err := lrat.EachClause(p.Formula[b.fed:], b.checker.Input)
	if err == nil {
		err = b.checker.Replay(p.Steps[b.replayed:])
	}
	b.fed, b.replayed = len(p.Formula), len(p.Steps)
	if err != nil {
		return err
	}
	return b.checker.Proves(p.Conclusion, p.Goal)
}
