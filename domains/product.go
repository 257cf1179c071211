package domains

import (
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/isa"
)

// Propagator is a Numeric in which narrowing one variable may narrow others.
type Propagator interface {
	Numeric
	// Changed returns the variables, operands aside, whose Word may have become
	// narrower in the last Assume or Refine. The slice is the member's and is
	// valid until its next operation.
	Changed() []Var
}

// Product runs Numerics side by side: γ is the intersection of theirs. After an
// operation the members exchange what they know of its variables, as Words, in at
// most two rounds. Join and Widen work member by member, with no exchange.
//
// All members are empty or none is.
type Product struct {
	w        isa.Width
	members  []Numeric
	relation Relational // the member that knows differences, or nil
	narrowed []Var      // scratch
	words    []Word     // scratch, one a member
}

// NewProduct returns the product of Top states over the same variables, whose
// words have w.Word bits.
func NewProduct(w isa.Width, members ...Numeric) *Product {
	p := &Product{w: w.Whole(), members: members, words: make([]Word, len(members))}
	for _, m := range members {
		if r, ok := m.(Relational); ok {
			p.relation = r
			break
		}
	}
	return p
}

// New returns a Top state of the same members.
func (p *Product) New() Numeric { return p.each(Numeric.New) }

// Clone returns a copy.
func (p *Product) Clone() Numeric { return p.each(Numeric.Clone) }

func (p *Product) each(f func(Numeric) Numeric) Numeric {
	members := make([]Numeric, len(p.members))
	for i, m := range p.members {
		members[i] = f(m)
	}
	return NewProduct(p.w, members...)
}

// CopyFrom overwrites the state with one of the same members.
func (p *Product) CopyFrom(n Numeric) {
	o := n.(*Product)
	for i, m := range p.members {
		m.CopyFrom(o.members[i])
	}
}

// SetTop forgets everything.
func (p *Product) SetTop() {
	for _, m := range p.members {
		m.SetTop()
	}
}

// SetBottom makes the state empty.
func (p *Product) SetBottom() {
	for _, m := range p.members {
		m.SetBottom()
	}
}

// IsBottom reports whether a member is empty.
func (p *Product) IsBottom() bool {
	for _, m := range p.members {
		if m.IsBottom() {
			return true
		}
	}
	return false
}

// settle makes all members empty if one is, and reports whether that is so.
func (p *Product) settle() bool {
	if !p.IsBottom() {
		return false
	}
	p.SetBottom()
	return true
}

// Leq asks all members.
func (p *Product) Leq(n Numeric) bool {
	o := n.(*Product)
	if p.IsBottom() || o.IsBottom() {
		return p.IsBottom()
	}
	for i, m := range p.members {
		if !m.Leq(o.members[i]) {
			return false
		}
	}
	return true
}

// Join joins member by member.
func (p *Product) Join(n Numeric) bool {
	o := n.(*Product)
	changed := false
	for i, m := range p.members {
		changed = m.Join(o.members[i]) || changed
	}
	return changed
}

// Widen widens member by member.
func (p *Product) Widen(n Numeric, t *Thresholds) bool {
	o := n.(*Product)
	changed := false
	for i, m := range p.members {
		changed = m.Widen(o.members[i], t) || changed
	}
	return changed
}

// ALU is the assignment v = isa.Eval(op, w, v, operand).
func (p *Product) ALU(op isa.ALUOp, w isa.Width, v Var, o Operand) {
	for _, m := range p.members {
		m.ALU(op, w, v, o)
	}
	if op == isa.Mov && w.Full() {
		return // no news: all that is known of the operand has been exchanged
	}
	p.narrowed = p.narrowed[:0]
	p.exchange(v)
	p.propagate()
}

// Assume keeps the assignments in which isa.Holds(c, w, v, operand).
func (p *Product) Assume(c isa.Cond, w isa.Width, v Var, o Operand) {
	p.narrowed = p.narrowed[:0]
	for _, m := range p.members {
		m.Assume(c, w, v, o)
		p.collect(m)
	}
	p.exchange(v)
	if o.IsVar {
		p.exchange(o.Var)
	}
	p.propagate()
}

// Havoc forgets all about v.
func (p *Product) Havoc(v Var) {
	for _, m := range p.members {
		m.Havoc(v)
	}
}

// Word returns what any member knows of v.
func (p *Product) Word(v Var) Word {
	d := p.members[0].Word(v)
	for _, m := range p.members[1:] {
		d = d.Meet(m.Word(v))
	}
	return d
}

// Refine keeps the assignments in which v is in γ(d).
func (p *Product) Refine(v Var, d Word) {
	p.narrowed = p.narrowed[:0]
	for _, m := range p.members {
		m.Refine(v, d)
		p.collect(m)
	}
	p.exchange(v)
	p.propagate()
}

// exchange tells each member what the others know of v, and once more if one of
// them made more of it.
func (p *Product) exchange(v Var) {
	if len(p.members) < 2 {
		return
	}
	var all Word
	for i, m := range p.members {
		p.words[i] = m.Word(v)
		if i == 0 {
			all = p.words[i]
		} else {
			all = all.Meet(p.words[i])
		}
	}
	for round := 0; round < 2; round++ {
		more := all
		for i, m := range p.members {
			if p.words[i] == all {
				continue
			}
			m.Refine(v, all)
			p.collect(m)
			if round == 0 {
				p.words[i] = m.Word(v)
				more = more.Meet(p.words[i])
			}
		}
		if p.settle() || more == all {
			return
		}
		all = more
	}
}

// collect notes which other variables a member narrowed in its last operation.
func (p *Product) collect(m Numeric) {
	if q, ok := m.(Propagator); ok {
		p.narrowed = append(p.narrowed, q.Changed()...)
	}
}

// propagate exchanges what is known of the variables noted, each once. What that
// narrows in turn stays where it is: sound, and bounded.
func (p *Product) propagate() {
	if len(p.narrowed) == 0 {
		return
	}
	slices.Sort(p.narrowed)
	p.narrowed = slices.Compact(p.narrowed)
	for i, n := 0, len(p.narrowed); i < n; i++ {
		p.exchange(p.narrowed[i])
	}
}

// Diff returns bounds of a - b in ℤ from the relational member, else from the
// bounds of both.
func (p *Product) Diff(a, b Var) (lo, hi int64, ok bool) {
	if p.relation == nil {
		return 0, 0, false
	}
	return p.relation.Diff(a, b)
}

// Contains asks all members.
func (p *Product) Contains(env []uint64) bool {
	for _, m := range p.members {
		if !m.Contains(env) {
			return false
		}
	}
	return true
}

// String prints the members.
func (p *Product) String() string {
	parts := make([]string, len(p.members))
	for i, m := range p.members {
		parts[i] = m.String()
	}
	return strings.Join(parts, " | ")
}
