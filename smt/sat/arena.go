package sat

import "slices"

// A clause is three words and its literals in the arena, and known by the offset
// of the first; offset 0 is no clause.
const (
	offSize  = 0 // number of literals
	offFlags = 1
	offID    = 2
	header   = 3
)

// Flags of a clause; above them stands its LBD.
const (
	flagLearnt  = 1 << 0
	flagDeleted = 1 << 1
	flagMoved   = 1 << 2 // the word of the id is now the new offset
	usedShift   = 3      // two bits: how lately it took part in a conflict
	usedMask    = 3 << usedShift
	lbdShift    = 5
	maxLBD      = 1 << 20
)

// A watch says that a clause must be looked at when a literal becomes false. If
// the blocker, another literal of it, is true, it need not. A clause of two
// literals is marked: then the blocker is all the rest.
type watch struct {
	blocker Lit
	ref     uint32
}

const binary = 1 << 31

// A wlist is a part of the pool. Its capacity is a power of two or 0.
type wlist struct{ off, n, cap uint32 }

// watchClause appends to the list of l.
func (s *Solver) watchClause(l Lit, w watch) {
	list := &s.lists[l]
	if list.n == list.cap {
		s.enlarge(list)
	}
	s.pool[list.off+list.n] = w
	list.n++
}

// enlarge doubles a list, in a piece that another gave back or at the end.
func (s *Solver) enlarge(list *wlist) {
	class, size := 2, uint32(4)
	for size <= list.cap {
		class, size = class+1, size*2
	}
	off := uint32(len(s.pool))
	if f := s.free[class]; len(f) > 0 {
		off = f[len(f)-1]
		s.free[class] = f[:len(f)-1]
	} else if n := len(s.pool) + int(size); n <= cap(s.pool) {
		s.pool = s.pool[:n]
	} else {
		bigger := make([]watch, n, max(2*n, 1<<12))
		copy(bigger, s.pool)
		s.pool = bigger
	}
	copy(s.pool[off:], s.pool[list.off:list.off+list.n])
	if list.cap != 0 {
		s.free[class-1] = append(s.free[class-1], list.off)
	}
	list.off, list.cap = off, size
}

// attach stores a clause of two literals or more and watches its first two.
func (s *Solver) attach(c []Lit, id, flags uint32) uint32 {
	ref := uint32(len(s.arena))
	if cap(s.arena)-len(s.arena) < header+len(c) {
		s.arena = slices.Grow(s.arena, len(s.arena)+header+len(c))
	}
	s.arena = append(s.arena, uint32(len(c)), flags, id)
	for _, l := range c {
		s.arena = append(s.arena, uint32(l))
	}
	mark := ref
	if len(c) == 2 {
		mark |= binary
	}
	s.watchClause(c[0], watch{c[1], mark})
	s.watchClause(c[1], watch{c[0], mark})
	return ref
}

// lits are the literals of a clause.
func (s *Solver) lits(ref uint32) []uint32 {
	at := ref + header
	return s.arena[at : at+s.arena[ref+offSize]]
}

// full reports whether the arena is near the last offset that a watch can name,
// or the numbers near the last that the checker takes.
func (s *Solver) full() bool { return len(s.arena) > binary-1<<24 || s.nextID > 1<<30-1<<24 }

// remove marks a clause; collect drops it.
func (s *Solver) remove(ref uint32) {
	s.arena[ref+offFlags] |= flagDeleted
	s.garbage += header + int(s.arena[ref+offSize])
	s.logDelete(s.arena[ref+offID])
}

// collect drops the removed clauses from lists and arena.
func (s *Solver) collect() {
	old := s.arena
	s.arena = make([]uint32, 1, len(old)-s.garbage+len(old)/8)
	s.garbage = 0
	s.inputs = s.move(old, s.inputs)
	s.learnts = s.move(old, s.learnts)
	for l := range s.lists {
		list := &s.lists[l]
		kept := uint32(0)
		for _, w := range s.pool[list.off : list.off+list.n] {
			ref := w.ref &^ binary
			if old[ref+offFlags]&flagDeleted == 0 {
				s.pool[list.off+kept] = watch{w.blocker, old[ref+offID] | w.ref&binary}
				kept++
			}
		}
		list.n = kept
	}
	for _, l := range s.trail {
		if r := s.reason[l.Var()]; r != 0 {
			if old[r+offFlags]&flagMoved != 0 {
				s.reason[l.Var()] = old[r+offID]
			} else {
				s.reason[l.Var()] = 0 // at the root, where nobody asks
			}
		}
	}
}

// move copies the clauses that stay and leaves their new offsets in old.
func (s *Solver) move(old, refs []uint32) []uint32 {
	kept := refs[:0]
	for _, ref := range refs {
		if old[ref+offFlags]&flagDeleted != 0 {
			continue
		}
		to := uint32(len(s.arena))
		s.arena = append(s.arena, old[ref:ref+header+old[ref+offSize]]...)
		old[ref+offFlags] |= flagMoved
		old[ref+offID] = to
		kept = append(kept, to)
	}
	return kept
}
