package sat

import "slices"

// newID numbers inputs and lemmas.
func (s *Solver) newID() uint32 {
	id := s.nextID
	s.nextID++
	return id
}

// lemma writes a step with the hints gathered, and returns its number.
func (s *Solver) lemma(c []Lit) uint32 {
	id := s.newID()
	if !s.proofOn {
		return id
	}
	p := number(append(s.proof, 'a'), 2*id)
	for _, l := range c {
		p = number(p, uint32(l))
	}
	p = append(p, 0)
	for _, h := range s.hints {
		p = number(p, 2*h)
	}
	s.proof = append(p, 0)
	return id
}

func (s *Solver) logDelete(id uint32) {
	if s.proofOn {
		s.proof = append(number(append(s.proof, 'd'), 2*id), 0)
	}
}

// number appends n in groups of seven bits.
func number(to []byte, n uint32) []byte {
	for ; n >= 0x80; n >>= 7 {
		to = append(to, byte(n)|0x80)
	}
	return append(to, byte(n))
}

// Marks in seen, of analyze, of minimisation and of gathering.
const (
	inClause  = 1
	removable = 2
	needed    = 4
	kept      = 8
)

// gather collects the hints for the clause c, which resolving from the clause
// ref gives: the units of the root, then the reasons in the order of the trail,
// then ref. What is resolved is found again from ref alone, so that no other part
// of the solver has to keep account of it.
func (s *Solver) gather(ref uint32, c []Lit) {
	s.hints = s.hints[:0]
	if !s.proofOn {
		return
	}
	for _, l := range c {
		s.seen[l.Var()] |= kept
	}
	s.places = s.places[:0]
	s.need(ref)
	for i := 0; i < len(s.places); i++ { // grows meanwhile
		if r := s.reason[s.trail[s.places[i]].Var()]; r != 0 {
			s.need(r)
		}
	}
	slices.Sort(s.places)
	for _, at := range s.places {
		v := s.trail[at].Var()
		s.seen[v] &^= needed
		if s.level[v] == 0 {
			s.hints = append(s.hints, s.unitID[v])
		} else {
			s.hints = append(s.hints, s.arena[s.reason[v]+offID])
		}
	}
	s.hints = append(s.hints, s.arena[ref+offID])
	for _, l := range c {
		s.seen[l.Var()] &^= kept
	}
}

// need marks the variables of a clause that the lemma does not keep. Those of the
// root are first on the trail and have no reason that is followed.
func (s *Solver) need(ref uint32) {
	for _, l := range s.lits(ref) {
		v := l >> 1
		if s.seen[v]&(needed|kept) == 0 {
			s.seen[v] |= needed
			s.places = append(s.places, s.pos[v])
		}
	}
}

// propagateRoot propagates at the root. It reports whether no clause is empty.
func (s *Solver) propagateRoot() bool { return s.root(s.propagate()) }

// root gives each literal that has become true at the root its lemma, and if
// there is a conflict, the empty clause.
func (s *Solver) root(conflict uint32) bool {
	for ; s.units < len(s.trail); s.units++ {
		l := s.trail[s.units]
		v := l.Var()
		if s.unitID[v] == 0 {
			s.unitHints(s.reason[v], l)
			s.unitID[v] = s.lemma([]Lit{l})
		}
		s.reason[v] = 0
	}
	if conflict != 0 {
		s.unitHints(conflict, 0)
		s.ok, s.emptyID = false, s.lemma(nil)
	}
	return s.ok
}

// unitHints are the hints for l from its reason at the root.
func (s *Solver) unitHints(ref uint32, l Lit) {
	s.hints = s.hints[:0]
	for _, k := range s.lits(ref) {
		if Lit(k) != l {
			s.hints = append(s.hints, s.unitID[k>>1])
		}
	}
	s.hints = append(s.hints, s.arena[ref+offID])
}
