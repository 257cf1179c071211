package lrat

import (
	"bufio"
	"fmt"
	"io"
	"slices"
)

// A Step is a lemma, or a deletion of the clauses in Hints.
type Step struct {
	Delete bool
	ID     uint32
	Lits   []uint32
	Hints  []uint32
}

// Walk calls f with each step of a proof in the binary format. The slices are
// f's only until it returns. It ends at the first error, f's or its own.
func Walk(steps []byte, f func(Step) error) error {
	r := reader{rest: steps}
	var st Step
	for len(r.rest) > 0 {
		at := len(steps) - len(r.rest)
		kind := r.rest[0]
		r.rest = r.rest[1:]
		st = Step{Delete: kind == 'd', Lits: st.Lits[:0], Hints: st.Hints[:0]}
		if kind == 'a' {
			st.ID = r.clauseID()
			for l := r.number(); l != 0; l = r.number() {
				st.Lits = append(st.Lits, l)
			}
		}
		st.Hints = r.ids(st.Hints)
		if r.bad || kind != 'a' && kind != 'd' {
			return fmt.Errorf("proof, byte %d: malformed step", at)
		}
		if err := f(st); err != nil {
			return err
		}
	}
	return nil
}

// A Proof is a formula, a clause that follows from it, and why. Nothing in it is
// to be believed before Check has passed.
type Proof struct {
	Formula    []uint32 // clauses, each its number, its length, its literals
	Steps      []byte   // binary
	Goal       []uint32 // empty: the formula has no model
	Conclusion uint32   // number of a clause of which all literals are in Goal
}

// Check reports whether the steps show that the formula implies the goal.
func (p *Proof) Check() error {
	var c Checker
	err := EachClause(p.Formula, c.Input)
	if err == nil {
		err = c.Replay(p.Steps)
	}
	if err == nil {
		err = c.Proves(p.Conclusion, p.Goal)
	}
	return err
}

// EachClause calls f with the clauses of a formula as Proof has it.
func EachClause(formula []uint32, f func(id uint32, lits []uint32) error) error {
	for rest := formula; len(rest) > 0; {
		if len(rest) < 2 || uint64(rest[1]) > uint64(len(rest)-2) {
			return fmt.Errorf("formula: malformed clause, %d words before the end", len(rest))
		}
		n := 2 + int(rest[1])
		if err := f(rest[0], rest[2:n]); err != nil {
			return fmt.Errorf("formula: %w", err)
		}
		rest = rest[n:]
	}
	return nil
}

// Trim returns the proof with only the clauses and lemmas that the conclusion
// rests on, and no deletions. Clauses keep their numbers. It believes the hints:
// a wrong proof stays wrong.
func (p *Proof) Trim() (*Proof, error) {
	type place struct{ id, from, to uint32 }
	var lemmas []place
	rest := p.Steps
	for len(rest) > 0 {
		r := reader{rest: rest[1:]}
		id := uint32(0)
		if rest[0] == 'a' {
			id = r.clauseID()
			for l := r.number(); l != 0; l = r.number() {
			}
		}
		for h := r.clauseID(); h != 0; h = r.clauseID() {
		}
		if r.bad {
			return nil, fmt.Errorf("malformed proof, %d bytes before the end", len(rest))
		}
		if rest[0] == 'a' {
			from := uint32(len(p.Steps) - len(rest))
			lemmas = append(lemmas, place{id, from, uint32(len(p.Steps) - len(r.rest))})
		}
		rest = r.rest
	}
	needed := map[uint32]bool{p.Conclusion: true}
	var keep []place
	for _, l := range slices.Backward(lemmas) {
		if !needed[l.id] {
			continue
		}
		keep = append(keep, l)
		err := Walk(p.Steps[l.from:l.to], func(st Step) error {
			for _, h := range st.Hints {
				needed[h] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := &Proof{Goal: p.Goal, Conclusion: p.Conclusion}
	for _, l := range slices.Backward(keep) {
		out.Steps = append(out.Steps, p.Steps[l.from:l.to]...)
	}
	err := EachClause(p.Formula, func(id uint32, lits []uint32) error {
		if needed[id] {
			out.Formula = append(append(out.Formula, id, uint32(len(lits))), lits...)
		}
		return nil
	})
	return out, err
}

// WriteDIMACS writes the formula, and the complements of the goal, as the usual
// text. WriteLRAT writes the matching refutation for other checkers.
func (p *Proof) WriteDIMACS(w io.Writer) error {
	out := bufio.NewWriter(w)
	vars, n := uint32(0), len(p.Goal)
	for _, l := range p.Goal {
		vars = max(vars, l/2)
	}
	count := func(_ uint32, lits []uint32) error {
		n++
		for _, l := range lits {
			vars = max(vars, l/2)
		}
		return nil
	}
	if err := EachClause(p.Formula, count); err != nil {
		return err
	}
	fmt.Fprintf(out, "p cnf %d %d\n", vars, n)
	_ = EachClause(p.Formula, func(_ uint32, lits []uint32) error {
		fmt.Fprintf(out, "%s0\n", text(lits))
		return nil
	})
	for _, l := range p.Goal {
		fmt.Fprintf(out, "%s0\n", text([]uint32{l ^ 1}))
	}
	return out.Flush()
}

// WriteLRAT writes the steps as text, clauses numbered as WriteDIMACS orders
// them, and at the end the empty clause.
func (p *Proof) WriteLRAT(w io.Writer) error {
	out := bufio.NewWriter(w)
	number := map[uint32]int{}
	err := EachClause(p.Formula, func(id uint32, _ []uint32) error {
		number[id] = len(number) + 1
		return nil
	})
	if err != nil {
		return err
	}
	first := len(number)
	next := first + len(p.Goal)
	err = Walk(p.Steps, func(st Step) error {
		if st.Delete {
			fmt.Fprintf(out, "%d d", next)
		} else {
			next++
			number[st.ID] = next
			fmt.Fprintf(out, "%d %s0", next, text(st.Lits))
		}
		for _, h := range st.Hints {
			if number[h] == 0 {
				return fmt.Errorf("clause %d is named before it is there", h)
			}
			fmt.Fprintf(out, " %d", number[h])
		}
		_, err := out.WriteString(" 0\n")
		return err
	})
	if err != nil {
		return err
	}
	if len(p.Goal) > 0 {
		fmt.Fprintf(out, "%d 0", next+1)
		for i := range p.Goal {
			fmt.Fprintf(out, " %d", first+1+i)
		}
		if n := number[p.Conclusion]; n != 0 { // else the goal is a tautology: its complements clash
			fmt.Fprintf(out, " %d", n)
		}
		out.WriteString(" 0\n")
	}
	return out.Flush()
}

// text is a clause in DIMACS, without the 0 at its end.
func text(lits []uint32) string {
	var b []byte
	for _, l := range lits {
		if l&1 != 0 {
			b = append(b, '-')
		}
		b = fmt.Appendf(b, "%d ", l/2)
	}
	return string(b)
}
