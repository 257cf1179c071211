package sat

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"
)

// pace decides when to restart and when to forget clauses.
type pace struct {
	fast, slow   float64 // moving averages of the LBD of learned clauses
	fastW, slowW float64 // their weights so far, for the start
	stable       bool    // restarts by Luby's sequence; else by LBD
	modeAt       int64   // conflicts at which the mode changes
	modes        int64
	restartAt    int64
	luby         int64
	reduceAt     int64
	rootDone     int // trail at the root when satisfied clauses were last dropped
}

const (
	activityStep  = 1 / 0.95
	firstMode     = 1000
	lubyUnit      = 512
	firstReduce   = 1000
	reduceGrowth  = 200
	restartMargin = 1.1
	restartGap    = 2
	checkEvery    = 256 // conflicts, or 16 times as many decisions, between looks at the clock
)

func (p *pace) init() {
	p.modeAt, p.reduceAt, p.luby = firstMode, firstReduce, 1
}

// search runs to an answer, within the budget.
func (s *Solver) search(ctx context.Context, b Budget) Status {
	if s.heap.step == 0 {
		s.heap.step = 1
	}
	limit := int64(math.MaxInt64)
	if b.Conflicts > 0 {
		limit = s.stats.Conflicts + b.Conflicts
	}
	s.restartAt = s.stats.Conflicts + restartGap
	clock := int64(0)
	for {
		conflict := s.propagate()
		if conflict != 0 {
			clock += 16
			if !s.learn(conflict) {
				return Unsat
			}
			continue
		}
		clock++
		if s.stats.Conflicts >= limit || s.full() {
			return Unknown
		}
		if clock >= 16*checkEvery {
			clock = 0
			if ctx.Err() != nil || !b.Deadline.IsZero() && time.Now().After(b.Deadline) {
				return Unknown
			}
		}
		if s.stats.Conflicts >= s.restartAt && s.restart() {
			continue
		}
		if s.stats.Conflicts >= s.reduceAt {
			s.reduce()
		}
		if st := s.next(); st != Unknown {
			return st
		}
	}
}

// next makes the next decision: an assumption not yet made, else the most active
// open variable. It answers if an assumption is false, or nothing is open.
func (s *Solver) next() Status {
	for len(s.lim) < len(s.assumed) {
		a := s.assumed[len(s.lim)]
		if s.value[a] < 0 {
			s.final(a)
			return Unsat
		}
		open := s.value[a] == 0
		s.decide(a) // a true one gets a level without decision, to keep count
		if open {
			return Unknown
		}
	}
	for len(s.heap.order) > 0 {
		v := s.heap.pop()
		if s.value[2*v] == 0 {
			l := Lit(2 * v)
			if s.phase[v] < 0 {
				l++
			}
			s.stats.Decisions++
			s.decide(l)
			return Unknown
		}
	}
	return Sat
}

// learn analyses a conflict, returns to the level where the new clause forces a
// literal, and reports whether the clauses may still have a model.
func (s *Solver) learn(conflict uint32) bool {
	s.stats.Conflicts++
	if len(s.lim) == 0 {
		return s.root(conflict)
	}
	level, lbd := s.analyze(conflict)
	s.gather(conflict, s.learnt)
	id := s.lemma(s.learnt)
	s.cancel(level)
	if len(s.learnt) == 1 {
		s.unitID[s.learnt[0].Var()] = id
		s.assign(s.learnt[0], 0)
		if !s.propagateRoot() {
			return false
		}
	} else {
		ref := s.attach(s.learnt, id, flagLearnt|1<<usedShift|min(lbd, maxLBD)<<lbdShift)
		s.learnts = append(s.learnts, ref)
		s.assign(s.learnt[0], ref)
	}
	s.heap.step *= activityStep
	s.fast += (float64(lbd) - s.fast) / 32
	s.slow += (float64(lbd) - s.slow) / 4096
	s.fastW += (1 - s.fastW) / 32
	s.slowW += (1 - s.slowW) / 4096
	return true
}

// restart returns to the assumptions if it is time to, and says so.
func (s *Solver) restart() bool {
	n := s.stats.Conflicts
	if n >= s.modeAt {
		s.modes++
		s.stable = !s.stable
		s.modeAt = n + firstMode*(s.modes+1)*(s.modes+1)
		s.luby = 1
		s.restartAt = n + lubyUnit
		if !s.stable {
			s.restartAt = n + restartGap
		}
	} else if s.stable {
		s.restartAt = n + lubyUnit*luby(s.luby)
		s.luby++
	} else {
		s.restartAt = n + restartGap
		if s.fast/s.fastW < restartMargin*s.slow/s.slowW {
			return false
		}
	}
	if len(s.lim) <= len(s.assumed) {
		return false
	}
	s.stats.Restarts++
	s.cancel(len(s.assumed))
	return true
}

// luby is the i-th member, from 1, of 1 1 2 1 1 2 4 1 1 2 1 1 2 4 8 …
func luby(i int64) int64 {
	for {
		k := int64(1)
		for k < i+1 {
			k *= 2
		}
		if k == i+1 {
			return k / 2
		}
		i -= k/2 - 1
	}
}

// reduce forgets half of the learned clauses that were of little use, and those
// that hold at the root.
func (s *Solver) reduce() {
	s.stats.Reductions++
	s.reduceAt = s.stats.Conflicts + firstReduce + reduceGrowth*s.stats.Reductions
	if root := s.rootLen(); root > s.rootDone {
		s.rootDone = root
		s.dropSatisfied(s.inputs)
		s.dropSatisfied(s.learnts)
	}
	var weak []uint32
	for _, ref := range s.learnts {
		flags := s.arena[ref+offFlags]
		if flags&flagDeleted != 0 || flags>>lbdShift <= 2 || s.locked(ref) {
			continue
		}
		if used := flags & usedMask; used != 0 {
			s.arena[ref+offFlags] = flags - 1<<usedShift
			continue
		}
		weak = append(weak, ref)
	}
	slices.SortFunc(weak, func(a, b uint32) int {
		return cmp.Or(
			cmp.Compare(s.arena[b+offFlags]>>lbdShift, s.arena[a+offFlags]>>lbdShift),
			cmp.Compare(s.arena[b], s.arena[a]),
			cmp.Compare(a, b))
	})
	for _, ref := range weak[:len(weak)/2] {
		s.remove(ref)
	}
	s.collect()
}

// rootLen is how much of the trail is at the root.
func (s *Solver) rootLen() int {
	if len(s.lim) > 0 {
		return int(s.lim[0])
	}
	return len(s.trail)
}

// locked reports whether a clause is the reason of a literal. Which of its first
// two it forces is not told of a clause of two.
func (s *Solver) locked(ref uint32) bool {
	for _, u := range s.lits(ref)[:2] {
		if s.value[u] > 0 && s.reason[u>>1] == ref {
			return true
		}
	}
	return false
}

func (s *Solver) dropSatisfied(refs []uint32) {
	for _, ref := range refs {
		if s.arena[ref+offFlags]&flagDeleted != 0 {
			continue
		}
		for _, u := range s.lits(ref) {
			if s.value[u] > 0 && s.level[u>>1] == 0 {
				s.remove(ref)
				break
			}
		}
	}
}
