package domains_test

import (
	"fmt"
	"testing"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/interval"
	"github.com/bpfcheck/bpfcheck/domains/tnum"
	"github.com/bpfcheck/bpfcheck/isa"
)

func newTnum(n int) domains.Numeric {
	return domains.NewLift[tnum.Tnum](tnum.Domain{}, isa.W64, n)
}

func newInterval(n int) domains.Numeric {
	return domains.NewLift[interval.Interval](interval.Domain{}, isa.W64, n)
}

// The members of a product tell each other what they know: a multiple of 8 below 30 is at most 24.
func ExampleProduct() {
	s := domains.NewProduct(isa.W64, newTnum(2), newInterval(2))
	s.ALU(isa.Lsh, isa.W64, 0, domains.K(3))
	s.Assume(isa.LT, isa.W64, 0, domains.K(30))
	s.ALU(isa.Mov, isa.W64, 1, domains.V(0))
	s.ALU(isa.Sub, isa.W64, 1, domains.K(40))
	fmt.Println(s.Word(0).Text(isa.W64))
	fmt.Println(s.Word(1).SMin, s.Word(1).SMax)
	// Output:
	// [0,24] bits 0x0/0x18
	// -40 -16
}

// TestSelf: both operands are one variable.
func TestSelf(t *testing.T) {
	s := newInterval(1)
	s.ALU(isa.Sub, isa.W64, 0, domains.V(0))
	if x, ok := s.Word(0).Const(); !ok || x != 0 {
		t.Errorf("x - x is %v", s)
	}
	s.SetTop()
	s.Assume(isa.LE, isa.W64, 0, domains.V(0))
	s.Assume(isa.SET, isa.W64, 0, domains.V(0))
	if got := s.Word(0).UMin; got != 1 || s.IsBottom() {
		t.Errorf("x & x != 0 leaves at least %d", got)
	}
	s.Assume(isa.SLT, isa.W32, 0, domains.V(0))
	if !s.IsBottom() {
		t.Errorf("x < x leaves %v", s)
	}
}

// recorder is a member that narrows variable 1 whenever variable 0 is assumed about.
type recorder struct {
	domains.Numeric
	changed []domains.Var
}

func (r *recorder) Assume(c isa.Cond, w isa.Width, v domains.Var, o domains.Operand) {
	r.Numeric.Assume(c, w, v, o)
	r.changed = r.changed[:0]
	if v == 0 {
		r.Numeric.Assume(isa.EQ, w, 1, domains.K(5))
		r.changed = append(r.changed, 1)
	}
}

func (r *recorder) Refine(v domains.Var, d domains.Word) {
	r.Numeric.Refine(v, d)
	r.changed = r.changed[:0]
}

func (r *recorder) Changed() []domains.Var { return r.changed }

// TestPropagator: what one member learns of other variables reaches the others.
func TestPropagator(t *testing.T) {
	other := newTnum(2)
	s := domains.NewProduct(isa.W64, other, &recorder{Numeric: newInterval(2)})
	s.Assume(isa.LT, isa.W64, 0, domains.K(9))
	if x, ok := other.Word(1).Const(); !ok || x != 5 {
		t.Errorf("the other member knows %v", other)
	}
	s.Refine(1, domains.ConstWord(isa.W64, 6))
	if !s.IsBottom() || !other.IsBottom() {
		t.Errorf("members are not empty together: %v", s)
	}
}

func TestText(t *testing.T) {
	s := newInterval(4)
	s.Assume(isa.SGE, isa.W64, 0, domains.K(^uint64(3)))
	s.Assume(isa.SLE, isa.W64, 0, domains.K(3))
	s.Assume(isa.LT, isa.W32, 1, domains.K(16))
	s.ALU(isa.Mov, isa.W64, 2, domains.K(^uint64(0)))
	const want = "v0: s[-4,3] lows[-4,3] v1: [0,18446744069414584335] s[-9223372036854775808,9223372032559808527] low[0,15] bits 0x0/0xffffffff0000000f v2: -1"
	if got := s.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
