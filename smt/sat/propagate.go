package sat

// assign makes l true because of a clause, or of a decision if ref is 0.
func (s *Solver) assign(l Lit, ref uint32) {
	v := l.Var()
	s.value[l], s.value[l^1] = 1, -1
	s.level[v] = int32(len(s.lim))
	s.reason[v] = ref
	s.pos[v] = int32(len(s.trail))
	s.trail = append(s.trail, l)
}

// propagate makes true what the clauses force. It returns a clause that is false,
// or 0.
func (s *Solver) propagate() uint32 {
	start := s.qhead
	conflict := uint32(0)
	for conflict == 0 && s.qhead < len(s.trail) {
		conflict = s.visit(s.trail[s.qhead] ^ 1)
		s.qhead++
	}
	s.stats.Propagations += int64(s.qhead - start)
	return conflict
}

// visit looks at the clauses that watch p, which has become false. Each finds
// another literal to watch, or is satisfied, or forces its last literal.
func (s *Solver) visit(p Lit) (conflict uint32) {
	list := &s.lists[p]
	ws := s.pool[list.off : list.off+list.n]
	value := s.value
	i, j := 0, 0
next:
	for i < len(ws) {
		w := ws[i]
		i++
		v := value[w.blocker]
		if v > 0 {
			ws[j] = w
			j++
			continue
		}
		if w.ref&binary != 0 {
			ws[j] = w
			j++
			if v < 0 {
				conflict = w.ref &^ binary
				break
			}
			s.assign(w.blocker, w.ref&^binary)
			continue
		}
		at := w.ref + header
		c := s.arena[at : at+s.arena[w.ref]]
		other := Lit(c[0] ^ c[1] ^ uint32(p))
		v = value[other]
		if v > 0 {
			ws[j] = watch{other, w.ref}
			j++
			continue
		}
		for k := 2; k < len(c); k++ {
			if l := Lit(c[k]); value[l] >= 0 {
				c[0], c[1], c[k] = uint32(other), uint32(l), uint32(p)
				s.watchClause(l, watch{other, w.ref})
				// The pool may have moved.
				ws = s.pool[list.off : list.off+list.n]
				continue next
			}
		}
		ws[j] = watch{other, w.ref}
		j++
		if v < 0 {
			conflict = w.ref
			break
		}
		s.assign(other, w.ref)
	}
	j += copy(ws[j:], ws[i:])
	list.n = uint32(j)
	return conflict
}

// cancel undoes all decisions beyond a level.
func (s *Solver) cancel(level int) {
	if len(s.lim) <= level {
		return
	}
	from := int(s.lim[level])
	for i := len(s.trail) - 1; i >= from; i-- {
		l := s.trail[i]
		v := l.Var()
		s.value[l], s.value[l^1] = 0, 0
		s.phase[v] = 1 - 2*int8(l&1)
		s.heap.insert(v)
	}
	s.trail = s.trail[:from]
	s.lim = s.lim[:level]
	s.qhead = from
}

// decide starts a level with l.
func (s *Solver) decide(l Lit) {
	s.lim = append(s.lim, int32(len(s.trail)))
	if s.value[l] == 0 {
		s.assign(l, 0)
	}
}
