// Package lrat checks proofs that a set of clauses implies a clause, or has no
// model.
//
// The idea: a proof is a list of lemmas, and each lemma names, in order, the
// clauses that refute its negation by unit propagation. So a checker never
// searches: it assigns the negation, walks the named clauses, of which each must
// have one literal left, and the last none. This is LRAT (Cruz-Filipe, Heule,
// Hunt, Kaufmann & Schneider-Kamp, "Efficient Certified RAT Verification",
// CADE 2017) without its RAT steps, which our solver has no use for: a negative
// hint is refused. Time and memory are linear in the formula and the proof.
//
// The checker trusts nobody: it imports neither the solver nor the blaster, gets
// the formula from the caller, and takes any bytes as a proof. It can follow a
// solver that is asked many times: inputs, lemmas and questions may alternate.
//
// The trap: a proof is about the clauses given to Input. Whether those clauses
// mean the formula somebody had in mind is not decided here.
//
// Literals are 2*variable, plus 1 if negated, variables counted from 1, as in
// the binary format of the proof checkers' community. Steps are in that format
// too: 'a' id literals 0 hints 0, a lemma, and 'd' ids 0, a deletion; each
// number in groups of 7 bits, lowest first, the 8th bit set if more follow; a
// hint or an id is twice the clause's number.
package lrat

import (
	"errors"
	"fmt"
)

// MaxVar is the largest variable that is accepted, MaxID the largest number of a
// clause; both keep hostile proofs from asking for much memory.
const (
	MaxVar = 1 << 26
	MaxID  = 1 << 30
)

// Checker holds the clauses that are known to follow. The zero value holds none.
type Checker struct {
	arena   []uint32 // clauses, each its length and its literals
	where   []uint32 // by id: 1 + offset in arena; 0: no such clause
	value   []int8   // by literal: 1 true, -1 false; all 0 between steps
	trail   []uint32
	lits    []uint32 // scratch: the lemma being read
	hints   []uint32
	garbage int // words in arena of deleted clauses
	budget  int // ids may be at most this many more than there are clauses and bytes of proof
}

// Input adds a clause of the formula under a number that is not in use.
func (c *Checker) Input(id uint32, lits []uint32) error {
	c.budget += 16
	return c.add(id, lits)
}

func (c *Checker) add(id uint32, lits []uint32) error {
	// Numbers are given out densely by solvers. One that is far beyond what could
	// have been given out is a trick to make the table grow.
	if id == 0 || id > MaxID || int(id) > c.budget {
		return fmt.Errorf("clause number %d is out of range", id)
	}
	if int(id) < len(c.where) && c.where[id] != 0 {
		return fmt.Errorf("clause number %d is in use", id)
	}
	if len(c.arena)+len(lits)+1 >= 1<<32-1 {
		return errors.New("more than 2^32 literals")
	}
	if err := c.declare(lits); err != nil { // of a lemma they are
		return fmt.Errorf("clause %d: %w", id, err)
	}
	for int(id) >= len(c.where) {
		c.where = append(c.where, 0)
	}
	c.where[id] = uint32(len(c.arena)) + 1
	c.arena = append(append(c.arena, uint32(len(lits))), lits...)
	return nil
}

// declare makes room for the values of lits.
func (c *Checker) declare(lits []uint32) error {
	for _, l := range lits {
		if l < 2 || l > 2*MaxVar+1 {
			return fmt.Errorf("literal %d is out of range", l)
		}
		if n := int(l|1) + 1 - len(c.value); n > 0 {
			c.value = append(c.value, make([]int8, n+len(c.value)/2)...)
		}
	}
	return nil
}

// clause is the clause of that number, nil if there is none; it is not nil if it
// is empty.
func (c *Checker) clause(id uint32) []uint32 {
	if int(id) >= len(c.where) || c.where[id] == 0 {
		return nil
	}
	at := c.where[id]
	return c.arena[at : at+c.arena[at-1] : at+c.arena[at-1]]
}

// Lemma checks that the clause follows from those named by hints, and adds it.
func (c *Checker) Lemma(id uint32, lits, hints []uint32) error {
	for _, l := range lits {
		if l < 2 || int(l|1) >= len(c.value) {
			return fmt.Errorf("literal %d of lemma %d is of no variable of the formula", l, id)
		}
	}
	err := c.refute(lits, hints)
	for _, l := range c.trail {
		c.value[l], c.value[l^1] = 0, 0
	}
	c.trail = c.trail[:0]
	if err != nil {
		return fmt.Errorf("lemma %d: %w", id, err)
	}
	return c.add(id, lits)
}

// refute assigns the negation of lits and propagates along the hints to a
// conflict. The assignment stays, for Lemma to undo.
func (c *Checker) refute(lits, hints []uint32) error {
	for _, l := range lits {
		if c.value[l] > 0 {
			return nil // a tautology
		}
		c.assign(l ^ 1)
	}
	for i, h := range hints {
		clause := c.clause(h)
		if clause == nil {
			return fmt.Errorf("hint %d, clause %d, does not exist", i+1, h)
		}
		unit := uint32(0)
		for _, l := range clause {
			switch {
			case c.value[l] < 0 || l == unit:
			case c.value[l] > 0:
				return fmt.Errorf("hint %d, clause %d, holds already", i+1, h)
			case unit != 0:
				return fmt.Errorf("hint %d, clause %d, is not unit", i+1, h)
			default:
				unit = l
			}
		}
		if unit == 0 {
			if i != len(hints)-1 {
				return fmt.Errorf("hint %d, clause %d, is a conflict before the last hint", i+1, h)
			}
			return nil
		}
		c.assign(unit)
	}
	return errors.New("the hints end without a conflict")
}

func (c *Checker) assign(l uint32) {
	if c.value[l] == 0 {
		c.value[l], c.value[l^1] = 1, -1
		c.trail = append(c.trail, l)
	}
}

// Delete forgets clauses.
func (c *Checker) Delete(id uint32) error {
	clause := c.clause(id)
	if clause == nil {
		return fmt.Errorf("deleted clause %d does not exist", id)
	}
	c.where[id] = 0
	c.garbage += len(clause) + 1
	if c.garbage > 1<<16 && c.garbage > len(c.arena)/2 {
		c.compact()
	}
	return nil
}

// compact drops deleted clauses. It copies at most what was deleted since it was
// last called, so all calls together are linear.
func (c *Checker) compact() {
	kept := make([]uint32, 0, len(c.arena)-c.garbage)
	for id, at := range c.where {
		if at != 0 {
			c.where[id] = uint32(len(kept)) + 1
			kept = append(kept, c.arena[at-1:at+c.arena[at-1]]...)
		}
	}
	c.arena, c.garbage = kept, 0
}

// Proves reports whether the clause of that number is part of the clause lits:
// then the inputs imply lits. No lits ask for a refutation of the inputs. Lits
// with a literal and its complement are implied by nothing, and id is not looked at.
func (c *Checker) Proves(id uint32, lits []uint32) error {
	err := c.declare(lits)
	if err != nil {
		return err
	}
	tautology := false
	for _, l := range lits {
		c.value[l] = 1
		tautology = tautology || c.value[l^1] != 0
	}
	clause := c.clause(id)
	if clause == nil && !tautology {
		err = fmt.Errorf("clause %d, which should be the conclusion, does not exist", id)
	}
	for _, l := range clause {
		if c.value[l] == 0 && !tautology {
			err = fmt.Errorf("the conclusion has literal %d, which was not asked about", l)
		}
	}
	for _, l := range lits {
		c.value[l] = 0
	}
	return err
}

// Replay checks steps in the binary format and adds their lemmas.
func (c *Checker) Replay(steps []byte) error {
	c.budget += len(steps)
	r := reader{rest: steps}
	for len(r.rest) > 0 {
		at := len(steps) - len(r.rest)
		if err := c.step(&r); err != nil {
			return fmt.Errorf("proof, byte %d: %w", at, err)
		}
	}
	return nil
}

func (c *Checker) step(r *reader) error {
	kind := r.rest[0]
	r.rest = r.rest[1:]
	switch kind {
	case 'a':
		id := r.clauseID()
		c.lits = c.lits[:0]
		for l := r.number(); l != 0; l = r.number() {
			c.lits = append(c.lits, l)
		}
		c.hints = r.ids(c.hints[:0])
		if r.bad {
			return errors.New("malformed lemma")
		}
		return c.Lemma(id, c.lits, c.hints)
	case 'd':
		c.hints = r.ids(c.hints[:0])
		if r.bad {
			return errors.New("malformed deletion")
		}
		for _, id := range c.hints {
			if err := c.Delete(id); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("step %q is neither a lemma nor a deletion", kind)
}

// reader reads numbers; after a malformed one it is bad and reads zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint32 {
	var n uint64
	for i := 0; i < len(r.rest) && i < 5; i++ {
		b := r.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			if n>>32 != 0 {
				break
			}
			return uint32(n)
		}
	}
	r.bad, r.rest = true, nil
	return 0
}

// clauseID reads a number of a clause; odd ones are negative, for RAT.
func (r *reader) clauseID() uint32 {
	n := r.number()
	if n&1 != 0 {
		r.bad, r.rest = true, nil
	}
	return n / 2
}

func (r *reader) ids(to []uint32) []uint32 {
	for id := r.clauseID(); id != 0; id = r.clauseID() {
		to = append(to, id)
	}
	return to
}
