package blast

import "github.com/bpfcheck/bpfcheck/smt/sat"

// variable is the sink's variable of a gate, 0 if it has none.
func (b *Blaster) variable(g uint32) uint32 {
	if int(g) >= len(b.vars) {
		return 0
	}
	return b.vars[g]
}

// ref is the literal of a signal, whose gate is defined by the next define.
func (b *Blaster) ref(l lit) sat.Lit {
	g := l.gate()
	if n := len(b.gates.all) - len(b.vars); n > 0 {
		b.vars = append(b.vars, make([]uint32, n)...)
	}
	if b.vars[g] == 0 {
		b.vars[g] = b.sink.NewVar()
		b.todo = append(b.todo, g)
	}
	return sat.Lit(2*b.vars[g]) | sat.Lit(l&1)
}

// add writes a clause of signals.
func (b *Blaster) add(ls ...lit) {
	b.clause = b.clause[:0]
	for _, l := range ls {
		b.clause = append(b.clause, b.ref(l))
	}
	b.sink.Clause(b.clause)
}

// define writes the clauses of all gates that have a variable and no clauses.
func (b *Blaster) define() {
	for len(b.todo) > 0 {
		g := b.todo[len(b.todo)-1]
		b.todo = b.todo[:len(b.todo)-1]
		n := b.gates.all[g]
		o := lit(2 * g)
		switch n.kind {
		case kInput:
			if g == 0 {
				b.add(o ^ 1)
			}
		case kAnd:
			b.defineAnd(o)
		case kXor:
			b.add(o^1, n.a, n.b)
			b.add(o^1, n.a^1, n.b^1)
			b.add(o, n.a^1, n.b)
			b.add(o, n.a, n.b^1)
		case kMux:
			b.add(o^1, n.a^1, n.b)
			b.add(o, n.a^1, n.b^1)
			b.add(o^1, n.a, n.c)
			b.add(o, n.a, n.c^1)
			b.add(o^1, n.b, n.c) // these two follow, but propagate more
			b.add(o, n.b^1, n.c^1)
		case kMaj:
			b.add(o^1, n.a, n.b)
			b.add(o^1, n.a, n.c)
			b.add(o^1, n.b, n.c)
			b.add(o, n.a^1, n.b^1)
			b.add(o, n.a^1, n.c^1)
			b.add(o, n.b^1, n.c^1)
		default:
			panic("blast: gate of no kind")
		}
	}
}

// conjuncts collects in leaves what the conjunction o is of, through those that
// only it uses and that have no variable yet.
func (b *Blaster) conjuncts(o lit) {
	n := b.gates.all[o.gate()]
	b.leaves = b.leaves[:0]
	b.work = append(b.work[:0], n.b, n.a)
	for len(b.work) > 0 {
		l := b.work[len(b.work)-1]
		b.work = b.work[:len(b.work)-1]
		n := &b.gates.all[l.gate()]
		if l&1 == 0 && n.kind == kAnd && b.gates.users[l.gate()] == 1 && b.variable(l.gate()) == 0 {
			b.work = append(b.work, n.b, n.a)
		} else {
			b.leaves = append(b.leaves, l)
		}
	}
}

func (b *Blaster) defineAnd(o lit) {
	b.conjuncts(o)
	for _, l := range b.leaves {
		b.add(o^1, l)
	}
	for i := range b.leaves {
		b.leaves[i] ^= 1
	}
	b.leaves = append(b.leaves, o)
	b.add(b.leaves...)
}

// assert writes clauses that say that l holds, without a variable for it where
// its gate has none yet.
func (b *Blaster) assert(l lit) {
	todo := []lit{l}
	for len(todo) > 0 {
		l := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n := b.gates.all[l.gate()]
		sign := l & 1
		switch {
		case l == hi:
		case l == lo:
			b.sink.Clause(nil)
		case b.variable(l.gate()) != 0 || n.kind == kInput:
			b.add(l)
		case n.kind == kAnd && sign == 0:
			todo = append(todo, n.b, n.a)
		case n.kind == kAnd:
			b.conjuncts(l ^ 1)
			for i := range b.leaves {
				b.leaves[i] ^= 1
			}
			b.add(b.leaves...)
		case n.kind == kXor:
			b.add(n.a^sign, n.b)
			b.add(n.a^sign^1, n.b^1)
		case n.kind == kMux:
			b.add(n.a^1, n.b^sign)
			b.add(n.a, n.c^sign)
		default: // a majority: any two of the three
			b.add(n.a^sign, n.b^sign)
			b.add(n.a^sign, n.c^sign)
			b.add(n.b^sign, n.c^sign)
		}
	}
}
