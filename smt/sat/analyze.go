package sat

// analyze finds, from a clause that is false, the clause to learn: the first
// unique implication point of the level, and literals of earlier levels. It is
// left in s.learnt, the point first, a literal of the level to return to second.
func (s *Solver) analyze(conflict uint32) (level int, lbd uint32) {
	c := append(s.learnt[:0], 0)
	s.cleared = s.cleared[:0]
	open, i := 0, len(s.trail)
	current := int32(len(s.lim))
	for ref, p := conflict, Lit(0); ; ref = s.reason[p.Var()] {
		s.touch(ref)
		for _, u := range s.lits(ref) {
			l := Lit(u)
			v := l.Var()
			if l == p || s.seen[v] != 0 || s.level[v] == 0 {
				continue
			}
			s.seen[v] = inClause
			s.cleared = append(s.cleared, l)
			s.heap.bump(v)
			if s.level[v] == current {
				open++
			} else {
				c = append(c, l)
			}
		}
		for i--; s.seen[s.trail[i].Var()] == 0; i-- {
		}
		p = s.trail[i]
		if open--; open == 0 {
			c[0] = p ^ 1
			break
		}
		s.seen[p.Var()] = removable // resolved: implied by the rest
	}
	s.levels(c) // stamps them, for levelSeen
	c = s.minimise(c)
	for _, l := range s.cleared {
		s.seen[l.Var()] = 0
	}
	s.learnt = c
	if len(c) == 1 {
		return 0, 1
	}
	second := 1
	for k := 2; k < len(c); k++ {
		if s.level[c[k].Var()] > s.level[c[second].Var()] {
			second = k
		}
	}
	c[1], c[second] = c[second], c[1]
	return int(s.level[c[1].Var()]), s.levels(c)
}

// minimise drops literals that the others imply.
func (s *Solver) minimise(c []Lit) []Lit {
	out := c[:1]
	for _, l := range c[1:] {
		if s.reason[l.Var()] == 0 || !s.implied(l) {
			out = append(out, l)
		}
	}
	return out
}

// implied reports whether reasons lead from l to literals of the clause alone. It
// marks what it finds, either way, so that all calls together are linear.
func (s *Solver) implied(l Lit) bool {
	const failed = kept // the bit is free here
	top := len(s.cleared)
	s.stack = append(s.stack[:0], l)
	for len(s.stack) > 0 {
		p := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		for _, u := range s.lits(s.reason[p.Var()]) {
			v := u >> 1
			if v == p.Var() || s.level[v] == 0 || s.seen[v]&(inClause|removable) != 0 {
				continue
			}
			if s.reason[v] == 0 || s.seen[v]&failed != 0 || !s.levelSeen(v) {
				for _, k := range s.cleared[top:] {
					s.seen[k.Var()] = failed
				}
				return false
			}
			s.seen[v] = removable
			s.cleared = append(s.cleared, Lit(u))
			s.stack = append(s.stack, Lit(u))
		}
	}
	return true
}

// levelSeen reports whether v's level may have a literal in the clause: without,
// a decision would be reached.
func (s *Solver) levelSeen(v uint32) bool { return s.stamp[s.level[v]] == s.stamped }

// levels counts the levels of a clause's literals.
func (s *Solver) levels(c []Lit) uint32 {
	s.stamped++
	n := uint32(0)
	for _, l := range c {
		if at := s.level[l.Var()]; s.stamp[at] != s.stamped {
			s.stamp[at] = s.stamped
			n++
		}
	}
	return n
}

// touch notes that a learned clause was of use, and its LBD if that fell.
func (s *Solver) touch(ref uint32) {
	flags := &s.arena[ref+offFlags]
	if *flags&flagLearnt == 0 {
		return
	}
	lbd := *flags >> lbdShift
	if lbd > 2 {
		s.stamped++
		n := uint32(0)
		for _, u := range s.lits(ref) {
			if at := s.level[u>>1]; s.stamp[at] != s.stamped {
				s.stamp[at] = s.stamped
				n++
			}
		}
		lbd = min(lbd, n)
	}
	used := uint32(1)
	if lbd <= 6 {
		used = 2
	}
	*flags = lbd<<lbdShift | used<<usedShift | *flags&(1<<usedShift-1)
}

// final finds the assumptions that make the assumption a false, writes the lemma
// that not all of them hold, and keeps both.
func (s *Solver) final(a Lit) {
	v := a.Var()
	if s.level[v] > 0 && s.reason[v] == 0 {
		s.core = append(s.core[:0], a, a^1) // both were assumed: the lemma would be a tautology
		return
	}
	if s.level[v] == 0 {
		s.hints = append(s.hints[:0], s.unitID[v])
		s.core = append(s.core[:0], a)
		s.coreID = s.lemma([]Lit{a ^ 1})
		return
	}
	clause := s.decisions(s.reason[v], a^1)
	s.gather(s.reason[v], clause)
	s.coreID = s.lemma(clause)
	for _, l := range clause {
		s.core = append(s.core, l^1)
	}
}

// decisions returns the clause that follows from the clause ref by resolving with
// reasons until only keep, a literal of it, and complements of decisions are left.
func (s *Solver) decisions(ref uint32, keep Lit) []Lit {
	clause := []Lit{keep}
	s.places = s.places[:0]
	s.seen[keep.Var()] = kept
	s.need(ref)
	for i := 0; i < len(s.places); i++ { // grows meanwhile
		l := s.trail[s.places[i]]
		switch r := s.reason[l.Var()]; {
		case s.level[l.Var()] == 0:
		case r == 0:
			clause = append(clause, l^1)
		default:
			s.need(r)
		}
	}
	for _, at := range s.places {
		s.seen[s.trail[at].Var()] = 0
	}
	s.seen[keep.Var()] = 0
	return clause
}
