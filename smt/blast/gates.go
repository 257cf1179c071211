package blast

// lit is a signal: twice a gate, plus 1 if negated. Gate 0 is the constant false.
type lit uint32

const (
	lo lit = 0 // false
	hi lit = 1 // true
)

func (l lit) gate() uint32 { return uint32(l >> 1) }

// kind is what a gate computes. The zero value is an input.
type kind uint8

const (
	kInput kind = iota
	kAnd        // a ∧ b
	kXor        // a ⊕ b
	kMux        // a ? b : c
	kMaj        // at least two of a, b, c
)

// gate is a node; inputs of gates are older than they.
type gate struct {
	kind    kind
	a, b, c lit
}

// gates is the network: every gate once, simplified against its inputs (Kuehlmann
// et al., "Robust Boolean Reasoning", TCAD 2002; the rules over two levels are of
// Brummayer & Biere, "Local Two-Level And-Inverter Graph Minimization", MEMICS 2006).
type gates struct {
	all   []gate
	users []uint8 // how many gates use one, at most 255
	table []uint32
}

func (g *gates) init() {
	g.all = append(make([]gate, 0, 1024), gate{}) // the constant, never looked up
	g.users = append(make([]uint8, 0, 1024), 0)
	g.table = make([]uint32, 2048)
}

func (g *gates) input() lit {
	g.all = append(g.all, gate{})
	g.users = append(g.users, 0)
	return lit(2 * (len(g.all) - 1))
}

func (n gate) hash() uint32 {
	h := uint64(n.a)*0x9e3779b97f4a7c15 ^ uint64(n.b)*0xc2b2ae3d27d4eb4f ^ uint64(n.c)*0x165667b19e3779f9 ^ uint64(n.kind)<<56
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return uint32(h >> 32)
}

// find returns the gate n, which it adds if it is new.
func (g *gates) find(n gate) lit {
	m := uint32(len(g.table) - 1)
	i := n.hash() & m
	for ; g.table[i] != 0; i = (i + 1) & m {
		if g.all[g.table[i]] == n {
			return lit(2 * g.table[i])
		}
	}
	at := uint32(len(g.all))
	g.all = append(g.all, n)
	g.users = append(g.users, 0)
	for _, l := range [3]lit{n.a, n.b, n.c} {
		if u := &g.users[l.gate()]; *u < 255 {
			*u++
		}
	}
	g.table[i] = at
	if 2*len(g.all) > len(g.table) {
		g.rehash()
	}
	return lit(2 * at)
}

func (g *gates) rehash() {
	g.table = make([]uint32, 4*len(g.table))
	m := uint32(len(g.table) - 1)
	for at, n := range g.all {
		if n.kind == kInput {
			continue
		}
		i := n.hash() & m
		for g.table[i] != 0 {
			i = (i + 1) & m
		}
		g.table[i] = uint32(at)
	}
}

func (g *gates) or(a, b lit) lit { return g.and(a^1, b^1) ^ 1 }

func (g *gates) and(a, b lit) lit {
	if a > b {
		a, b = b, a
	}
	switch {
	case a == lo || a^1 == b:
		return lo
	case a == hi || a == b:
		return b
	}
	if l, ok := g.andInto(a, b); ok {
		return l
	}
	if l, ok := g.andInto(b, a); ok {
		return l
	}
	return g.find(gate{kAnd, a, b, 0})
}

// andInto simplifies a ∧ b by what b is made of.
func (g *gates) andInto(a, b lit) (lit, bool) {
	n := &g.all[b.gate()]
	if n.kind == kXor && (a == n.a || a == n.b || a == n.a^1 || a == n.b^1) {
		// a decides one input of the xor: a ∧ (a ⊕ y) = a ∧ ¬y
		y := n.b
		if a&^1 == n.b {
			y = n.a
		}
		// and, inputs of a xor being positive, ¬a ∧ (a ⊕ y) = ¬a ∧ y
		return g.and(a, y^((a^b^1)&1)), true
	}
	if n.kind != kAnd {
		return 0, false
	}
	if b&1 == 0 {
		switch {
		case a == n.a || a == n.b: // a ∧ (a ∧ y)
			return b, true
		case a == n.a^1 || a == n.b^1:
			return lo, true
		}
		return 0, false
	}
	switch {
	case a == n.a: // a ∧ ¬(a ∧ y) = a ∧ ¬y
		return g.and(a, n.b^1), true
	case a == n.b:
		return g.and(a, n.a^1), true
	case a == n.a^1 || a == n.b^1: // a ∧ ¬(¬a ∧ y)
		return a, true
	}
	return 0, false
}

func (g *gates) xor(a, b lit) lit {
	sign := (a ^ b) & 1
	a, b = a&^1, b&^1
	if a > b {
		a, b = b, a
	}
	switch {
	case a == b:
		return sign
	case a == lo:
		return b ^ sign
	}
	if n := &g.all[b.gate()]; n.kind == kXor { // (a ⊕ y) ⊕ a
		if n.a == a {
			return n.b ^ sign
		} else if n.b == a {
			return n.a ^ sign
		}
	}
	return g.find(gate{kXor, a, b, 0}) ^ sign
}

// mux is t if c, else e.
func (g *gates) mux(c, t, e lit) lit {
	if c&1 != 0 {
		c, t, e = c^1, e, t
	}
	switch {
	case c == lo:
		return e
	case t == e:
		return t
	case t == e^1:
		return g.xor(c, e)
	case t == hi || t == c:
		return g.or(c, e)
	case t == lo || t == c^1:
		return g.and(c^1, e)
	case e == hi || e == c^1:
		return g.or(c^1, t)
	case e == lo || e == c:
		return g.and(c, t)
	}
	// The branches of one mux on the same condition.
	if n := &g.all[t.gate()]; n.kind == kMux && n.a == c {
		t = n.b ^ (t & 1)
		return g.mux(c, t, e)
	}
	if n := &g.all[e.gate()]; n.kind == kMux && n.a == c {
		e = n.c ^ (e & 1)
		return g.mux(c, t, e)
	}
	sign := t & 1
	return g.find(gate{kMux, c, t ^ sign, e ^ sign}) ^ sign
}

func (g *gates) maj(a, b, c lit) lit {
	if a > b {
		a, b = b, a
	}
	if b > c {
		b, c = c, b
	}
	if a > b {
		a, b = b, a
	}
	switch {
	case a == lo:
		return g.and(b, c)
	case a == hi:
		return g.or(b, c)
	case a == b || b == c:
		return b
	case a^1 == b:
		return c
	case b^1 == c:
		return a
	}
	// It is its own dual: two complements at least move outside.
	if sign := (a & 1) + (b & 1) + (c & 1); sign >= 2 {
		return g.find(gate{kMaj, a ^ 1, b ^ 1, c ^ 1}) ^ 1
	}
	return g.find(gate{kMaj, a, b, c})
}
