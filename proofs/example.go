package proofs

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
	"github.com/bpfcheck/bpfcheck/proofs/theorem"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// Counterexample is inputs for which a theorem does not hold.
type Counterexample struct {
	Inputs  []any // of the theorem's function
	Outcome any   // a theorem.Outcome: what the source makes of them
	// Confirmed: with the operator's result as read from the source, compiled code
	// (isa.Eval, isa.Holds, the domain's Contains) finds the same fault.
	Confirmed bool
	// Program shows the fault in BPF; "" for laws that no instruction is about.
	Program string
}

// example reads a model, and has compiled code judge it.
func (q *question) example(t Theorem, m term.Model) *Counterexample {
	e := q.store.NewEvaluator(m)
	c := &Counterexample{}
	if t.native == nil { // a lemma: its function is not exported
		return c
	}
	f := reflect.TypeOf(t.native)
	for i, in := range q.inputs {
		v := reflect.New(f.In(i))
		if err := ssaterm.Concrete(e, in, v.Interface()); err != nil {
			return c
		}
		c.Inputs = append(c.Inputs, v.Elem().Interface())
	}
	out := reflect.New(f.Out(0))
	if err := ssaterm.Concrete(e, q.outcome, out.Interface()); err != nil {
		return c
	}
	c.Outcome = out.Elem().Interface()
	given, member, formed, sound, err := theorem.Replay(t.Domain, t.Law, c.Inputs, c.Outcome)
	c.Confirmed = err == nil && given && (!formed || member && !sound)
	if t.Law == "alu" || t.Law == "assume" {
		c.Program = program(t, c.Inputs)
	}
	return c
}

// String lists the inputs and the results.
func (c *Counterexample) String() string {
	var b strings.Builder
	b.WriteString("inputs ")
	for i, in := range c.Inputs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text(in))
	}
	if o := reflect.ValueOf(c.Outcome); o.IsValid() {
		fmt.Fprintf(&b, "; result %s", text(o.FieldByName("First").Interface()))
		if s := o.FieldByName("Second"); !s.IsZero() {
			fmt.Fprintf(&b, " and %s", text(s.Interface()))
		}
		fmt.Fprintf(&b, "; the word %s is missing", text(o.FieldByName("Word").Interface()))
	}
	if !c.Confirmed {
		b.WriteString(" (not confirmed by running it)")
	}
	return b.String()
}

func text(v any) string {
	switch v := v.(type) {
	case uint64:
		return fmt.Sprintf("%#x", v)
	case isa.Width:
		return fmt.Sprintf("%d of %d bits", v.Op, v.Word)
	case isa.ALUOp:
		return OpNames[v]
	case isa.Cond:
		return CondNames[v]
	case tnum.Tnum:
		return v.String()
	case interval.Interval:
		return fmt.Sprintf("{word %s low %s}", ranges(v.PosMin, v.PosMax, v.NegMin, v.NegMax),
			ranges(uint64(v.LowPosMin), uint64(v.LowPosMax), uint64(v.LowNegMin), uint64(v.LowNegMax)))
	}
	return fmt.Sprintf("%+v", v)
}

// ranges prints the two ranges that are not empty.
func ranges(a, b, c, d uint64) string {
	var list []string
	if a <= b {
		list = append(list, fmt.Sprintf("%#x..%#x", a, b))
	}
	if c <= d {
		list = append(list, fmt.Sprintf("%#x..%#x", c, d))
	}
	if list == nil {
		return "empty"
	}
	return strings.Join(list, " or ")
}
