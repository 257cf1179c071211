// Package sat decides whether clauses have a model, by conflict-driven clause
// learning, and writes a proof when they have none.
//
// The algorithm is MiniSat's (Eén & Sörensson, "An Extensible SAT-solver", SAT
// 2003): two watched literals (Moskewicz et al., "Chaff", DAC 2001), first unique
// implication points, activities of variables, saved phases, assumptions as the
// first decisions. Of Glucose (Audemard & Simon, "Predicting Learnt Clauses
// Quality in Modern SAT Solvers", IJCAI 2009) come the measure of learned clauses,
// the number of levels in them (LBD), by which they are kept, and restarts when it
// grows; these alternate with long runs between restarts (Luby's sequence), which
// find models. Learned clauses are minimised (Sörensson & Biere, SAT 2009).
//
// Data, not objects: clauses lie in one array of words, watches in another, both
// without pointers; a clause is an offset. Adding a clause allocates nothing.
//
// Proofs: every learned clause is a lemma with the numbers of the clauses that
// refute its negation, in the order of propagation (LRAT: Cruz-Filipe et al.,
// CADE 2017; the way they are gathered is that of Pollitt, Fleury & Biere, "Faster
// LRAT checking than solving with CaDiCaL", SAT 2023). Each literal that is true
// at the root gets a lemma of its own, so that no later lemma repeats why.
//
// The trap: the answer is believed by nobody. Callers check the model against
// what they asked and the proof with package lrat.
package sat

import (
	"context"
	"slices"
	"time"
)

// Lit is a literal: twice the variable, plus 1 if negated. Variables count from
// 1; the zero value is no literal.
type Lit uint32

// Not is the complement of l.
func (l Lit) Not() Lit { return l ^ 1 }

// Var is the variable of l.
func (l Lit) Var() uint32 { return uint32(l >> 1) }

// Status is an answer. The zero value is Unknown.
type Status uint8

// The answers.
const (
	Unknown Status = iota
	Sat
	Unsat
)

// Budget limits a call of Solve; zero values do not limit.
type Budget struct {
	Conflicts int64
	Deadline  time.Time
}

// Stats count work since the solver was made.
type Stats struct {
	Conflicts, Decisions, Propagations, Restarts, Reductions int64
	Learned                                                  int // clauses kept now
	ProofBytes                                               int
}

// MaxVar is the largest variable.
const MaxVar = 1 << 26

// Solver holds clauses. The zero value is not usable: see [New].
type Solver struct {
	arena   []uint32 // clauses, see arena.go
	learnts []uint32 // offsets of learned clauses
	inputs  []uint32 // offsets of the others
	garbage int
	pool    []watch
	free    [32][]uint32

	value []int8  // by literal: 1 true, -1 false, 0 open
	lists []wlist // by literal

	level  []int32 // by variable, as all that follow
	pos    []int32 // on the trail
	reason []uint32
	phase  []int8 // the last value: -1 false
	seen   []uint8
	unitID []uint32 // the lemma that makes it true or false at the root

	heap  heap
	trail []Lit
	lim   []int32 // length of the trail at each decision
	qhead int
	units int // how far the trail at the root has its lemmas

	learnt, stack, cleared []Lit // scratch of analyze
	hints                  []uint32
	places                 []int32
	stamp                  []uint32 // by level, for LBD
	stamped                uint32

	proof   []byte
	proofOn bool
	nextID  uint32
	ok      bool   // no clause is empty
	emptyID uint32 // if !ok: the lemma that says so

	assumed []Lit
	core    []Lit
	coreID  uint32
	pace
	stats Stats
}

// New returns a solver without variables. Without proof it writes none.
func New(proof bool) *Solver {
	s := &Solver{proofOn: proof, ok: true, arena: make([]uint32, 1, 1<<12), nextID: 1}
	s.pace.init()
	s.grow(0)
	return s
}

// NewVar makes a variable.
func (s *Solver) NewVar() uint32 {
	v := uint32(len(s.level))
	s.grow(v)
	s.heap.insert(v)
	return v
}

// NumVars is the number of variables; they are 1 to it.
func (s *Solver) NumVars() int { return len(s.level) - 1 }

// grow makes room for variable v, the next. It doubles, where append would add a
// quarter and copy more often.
func (s *Solver) grow(v uint32) {
	if n := len(s.level); n == cap(s.level) {
		n = max(n, 512)
		s.value, s.lists = slices.Grow(s.value, 2*n), slices.Grow(s.lists, 2*n)
		s.level, s.pos, s.reason = slices.Grow(s.level, n), slices.Grow(s.pos, n), slices.Grow(s.reason, n)
		s.phase, s.seen, s.unitID = slices.Grow(s.phase, n), slices.Grow(s.seen, n), slices.Grow(s.unitID, n)
		s.trail = slices.Grow(s.trail, 2*n-len(s.trail))
		s.heap.reserve(n)
	}
	s.value = append(s.value, 0, 0)
	s.lists = append(s.lists, wlist{}, wlist{})
	s.level = append(s.level, 0)
	s.pos = append(s.pos, 0)
	s.reason = append(s.reason, 0)
	s.phase = append(s.phase, -1)
	s.seen = append(s.seen, 0)
	s.unitID = append(s.unitID, 0)
	s.heap.grow()
}

// Value is the value of l in the model that Solve found last.
func (s *Solver) Value(l Lit) bool {
	return int(l) < len(s.value) && s.phase[l.Var()] > 0 != (l&1 != 0)
}

// Core returns those of the assumptions that the clauses refute together, after
// Unsat; none if the clauses have no model at all.
func (s *Solver) Core() []Lit { return s.core }

// Proof returns the steps so far in package lrat's format, and the number of the
// lemma that is the last Unsat answer: its literals are complements of Core. It is
// 0 if Core is a literal and its complement, which needs no lemma.
func (s *Solver) Proof() (steps []byte, conclusion uint32) {
	if !s.ok {
		return s.proof, s.emptyID
	}
	return s.proof, s.coreID
}

// Stats returns the counters.
func (s *Solver) Stats() Stats {
	st := s.stats
	st.Learned, st.ProofBytes = len(s.learnts), len(s.proof)
	return st
}

// AddClause adds a clause over variables that NewVar made, and returns the number
// by which the proof knows it.
func (s *Solver) AddClause(lits ...Lit) uint32 {
	id := s.newID()
	if !s.ok {
		return id
	}
	s.cancel(0)
	// Drop what is false at the root or twice there; a clause that holds is not kept.
	c := s.learnt[:0]
	holds := false
	for _, l := range lits {
		v := l.Var()
		switch bit := uint8(1) << (l & 1); {
		case s.value[l] > 0 || s.seen[v]&(bit^3) != 0:
			holds = true
		case s.value[l] == 0 && s.seen[v]&bit == 0:
			s.seen[v] |= bit
			c = append(c, l)
		}
	}
	for _, l := range c {
		s.seen[l.Var()] = 0
	}
	s.learnt = c
	if holds {
		return id
	}
	known := id
	if len(c) < len(lits) {
		s.hints = s.hints[:0]
		for _, l := range lits {
			if v := l.Var(); s.value[l] < 0 && s.seen[v] == 0 {
				s.seen[v] = needed
				s.hints = append(s.hints, s.unitID[v])
			}
		}
		for _, l := range lits {
			s.seen[l.Var()] = 0
		}
		s.hints = append(s.hints, id)
		known = s.lemma(c)
	}
	switch len(c) {
	case 0:
		s.ok, s.emptyID = false, known
	case 1:
		s.unitID[c[0].Var()] = known
		s.assign(c[0], 0)
	default:
		s.inputs = append(s.inputs, s.attach(c, known, 0))
	}
	return id
}

// Solve looks for a model of the clauses in which the assumptions hold. Unknown
// means that the context or the budget ended first.
func (s *Solver) Solve(ctx context.Context, b Budget, assumptions ...Lit) Status {
	s.cancel(0)
	s.core, s.coreID = nil, 0
	s.assumed = append(s.assumed[:0], assumptions...)
	if !s.ok || !s.propagateRoot() {
		return Unsat
	}
	// There are at most as many levels as variables, and one an assumption.
	if n := len(s.level) + len(assumptions) + 1 - len(s.stamp); n > 0 {
		s.stamp = append(s.stamp, make([]uint32, n)...)
	}
	status := s.search(ctx, b)
	if status == Sat {
		for _, l := range s.trail { // the phases are the model
			s.phase[l.Var()] = 1 - 2*int8(l&1)
		}
	}
	s.cancel(0)
	return status
}
