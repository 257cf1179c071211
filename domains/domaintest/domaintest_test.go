package domaintest

import (
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
)

// broken is the tnum domain with one method replaced by a wrong one.
type broken struct {
	tnum.Domain
	alu    func(op isa.ALUOp, w isa.Width, a, b tnum.Tnum) tnum.Tnum
	assume func(c isa.Cond, w isa.Width, a, b tnum.Tnum) (tnum.Tnum, tnum.Tnum)
	join   func(a, b tnum.Tnum) tnum.Tnum
	meet   func(w isa.Width, a, b tnum.Tnum) tnum.Tnum
	leq    func(a, b tnum.Tnum) bool
	word   func(w isa.Width, e tnum.Tnum) domains.Word
	widen  func(w isa.Width, a, b tnum.Tnum, t *domains.Thresholds) tnum.Tnum
}

func (d broken) ALU(op isa.ALUOp, w isa.Width, a, b tnum.Tnum) tnum.Tnum {
	if d.alu != nil {
		return d.alu(op, w, a, b)
	}
	return d.Domain.ALU(op, w, a, b)
}

func (d broken) Assume(c isa.Cond, w isa.Width, a, b tnum.Tnum) (tnum.Tnum, tnum.Tnum) {
	if d.assume != nil {
		return d.assume(c, w, a, b)
	}
	return d.Domain.Assume(c, w, a, b)
}

func (d broken) Join(a, b tnum.Tnum) tnum.Tnum {
	if d.join != nil {
		return d.join(a, b)
	}
	return d.Domain.Join(a, b)
}

func (d broken) Meet(w isa.Width, a, b tnum.Tnum) tnum.Tnum {
	if d.meet != nil {
		return d.meet(w, a, b)
	}
	return d.Domain.Meet(w, a, b)
}

func (d broken) Leq(a, b tnum.Tnum) bool {
	if d.leq != nil {
		return d.leq(a, b)
	}
	return d.Domain.Leq(a, b)
}

func (d broken) Word(w isa.Width, e tnum.Tnum) domains.Word {
	if d.word != nil {
		return d.word(w, e)
	}
	return d.Domain.Word(w, e)
}

func (d broken) Widen(w isa.Width, a, b tnum.Tnum, t *domains.Thresholds) tnum.Tnum {
	if d.widen != nil {
		return d.widen(w, a, b, t)
	}
	return d.Domain.Widen(w, a, b, t)
}

var right tnum.Domain

// wholeWord runs an operation at the width of the word, whatever was asked for.
func wholeWord(op isa.ALUOp) broken {
	return broken{alu: func(o isa.ALUOp, w isa.Width, a, b tnum.Tnum) tnum.Tnum {
		if o == op {
			w = w.Whole()
		}
		return right.ALU(o, w, a, b)
	}}
}

// TestBrokenScalars shows that each check can fail: on a wrong domain the named one
// does.
func TestBrokenScalars(t *testing.T) {
	tests := []struct {
		name, check string
		d           broken
	}{
		{"32-bit addition is 64-bit", "alu", wholeWord(isa.Add)},
		{"32-bit shift is 64-bit", "alu", wholeWord(isa.Arsh)},
		{"32-bit division is 64-bit", "alu", wholeWord(isa.Div)},
		{"division by zero is unknown to be possible", "real", broken{
			alu: func(op isa.ALUOp, w isa.Width, a, b tnum.Tnum) tnum.Tnum {
				if op == isa.Mod && b.Value == 0 && b.Mask != 0 {
					b = tnum.AtLeast(b, 1)
				}
				return right.ALU(op, w, a, b)
			}}},
		{"32-bit comparison compares words", "assume", broken{
			assume: func(c isa.Cond, w isa.Width, a, b tnum.Tnum) (tnum.Tnum, tnum.Tnum) {
				return right.Assume(c, w.Whole(), a, b)
			}}},
		{"signed comparison is unsigned", "assume", broken{
			assume: func(c isa.Cond, w isa.Width, a, b tnum.Tnum) (tnum.Tnum, tnum.Tnum) {
				if c == isa.SLT {
					c = isa.LT
				}
				return right.Assume(c, w, a, b)
			}}},
		{"join drops an operand", "lattice", broken{
			join: func(a, b tnum.Tnum) tnum.Tnum {
				if a.IsEmpty() || a.Mask == 3 {
					return b
				}
				return right.Join(a, b)
			}}},
		{"meet with disagreeing bits is not empty but wrong", "lattice", broken{
			meet: func(_ isa.Width, a, b tnum.Tnum) tnum.Tnum {
				return tnum.Tnum{Value: a.Value & b.Value, Mask: a.Mask & b.Mask}
			}}},
		{"inclusion ignores the value", "lattice", broken{
			leq: func(a, b tnum.Tnum) bool {
				return a.IsEmpty() || !b.IsEmpty() && a.Mask&^b.Mask == 0
			}}},
		{"the signed minimum is the unsigned one", "words", broken{
			word: func(w isa.Width, e tnum.Tnum) domains.Word {
				d := right.Word(w, e)
				d.SMin = int64(d.UMin)
				return d
			}}},
		{"widening keeps the left operand", "widen", broken{
			widen: func(_ isa.Width, a, b tnum.Tnum, _ *domains.Thresholds) tnum.Tnum { return a }}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, c := range checks[tnum.Tnum]() {
				if c.name == test.check {
					if err := c.run(test.d); err == nil {
						t.Errorf("check %q does not notice", c.name)
					}
					return
				}
			}
			t.Fatalf("no check %q", test.check)
		})
	}
}

// endless is the interval domain with a widening that is only a join.
type endless struct{ interval.Domain }

func (d endless) Widen(_ isa.Width, a, b interval.Interval, _ *domains.Thresholds) interval.Interval {
	return d.Join(a, b)
}

// TestEndlessWidening shows that a chain that does not end is noticed.
func TestEndlessWidening(t *testing.T) {
	if err := CheckWiden[interval.Interval](endless{}); err == nil || !strings.Contains(err.Error(), "moved") {
		t.Errorf("got %v", err)
	}
	err := CheckLoops(func(w isa.Width, n int) domains.Numeric {
		return domains.NewLift[interval.Interval](endless{}, w, n)
	})
	if err == nil || !strings.Contains(err.Error(), "fixpoint") {
		t.Errorf("got %v", err)
	}
}

// wrongState is a state with one wrong operation.
type wrongState struct {
	domains.Numeric
	bug string
}

func (s wrongState) New() domains.Numeric   { return wrongState{s.Numeric.New(), s.bug} }
func (s wrongState) Clone() domains.Numeric { return wrongState{s.Numeric.Clone(), s.bug} }
func (s wrongState) CopyFrom(n domains.Numeric) {
	s.Numeric.CopyFrom(n.(wrongState).Numeric)
}

func (s wrongState) Leq(n domains.Numeric) bool {
	return s.bug == "inclusion" || s.Numeric.Leq(n.(wrongState).Numeric)
}

func (s wrongState) Join(n domains.Numeric) bool {
	changed := s.Numeric.Join(n.(wrongState).Numeric)
	return changed && s.bug != "silent join"
}

func (s wrongState) Widen(n domains.Numeric, t *domains.Thresholds) bool {
	if s.bug == "lazy widening" && !s.IsBottom() {
		return false
	}
	return s.Numeric.Widen(n.(wrongState).Numeric, t)
}

func (s wrongState) ALU(op isa.ALUOp, w isa.Width, v domains.Var, o domains.Operand) {
	if s.bug == "constant kept at 64 bits" && op == isa.Mov && !o.IsVar {
		w = w.Whole()
	}
	s.Numeric.ALU(op, w, v, o)
}

func (s wrongState) Assume(c isa.Cond, w isa.Width, v domains.Var, o domains.Operand) {
	if s.bug == "operands swapped" && o.IsVar {
		v, o.Var = o.Var, v
	}
	s.Numeric.Assume(c, w, v, o)
}

func (s wrongState) Havoc(v domains.Var) {
	if s.bug != "havoc forgets to" {
		s.Numeric.Havoc(v)
	}
}

// TestBrokenNumerics shows that the checks of states can fail.
func TestBrokenNumerics(t *testing.T) {
	sound := func(w isa.Width, n int) domains.Numeric {
		return domains.NewLift[interval.Interval](interval.Domain{}, w, n)
	}
	for _, bug := range []string{
		"none", "inclusion", "silent join", "lazy widening", "constant kept at 64 bits", "operands swapped", "havoc forgets to",
	} {
		t.Run(bug, func(t *testing.T) {
			f := func(w isa.Width, n int) domains.Numeric { return wrongState{sound(w, n), bug} }
			var found error
			for _, c := range numericChecks {
				if err := c.run(f); err != nil {
					found = err
					break
				}
			}
			if (found != nil) != (bug != "none") {
				t.Errorf("got %v", found)
			}
		})
	}
}
