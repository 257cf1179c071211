package term

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomTerm returns a new term over the pool, and its value computed apart
// from the rewriting: by apply, from the values of the arguments.
func randomTerm(r *rand.Rand, s *Store, pool []Term, ev *Evaluator) (Term, Value) {
	pick := func(w int) Term { // any sort if w < 0
		for range 100 {
			if t := pool[r.IntN(len(pool))]; w < 0 || s.Width(t) == w {
				return t
			}
		}
		return s.Const(w, Value{r.Uint64(), r.Uint64()})
	}
	for {
		op := Op(Not + Op(r.IntN(int(numOps-Not))))
		args := []Term{pick(-1)}
		w := s.Width(args[0])
		i, j := 0, 0
		switch op {
		case Ite:
			args = []Term{pick(0), args[0], pick(w)}
		case Concat:
			args = append(args, pick(-1))
		case Extract:
			i = r.IntN(w + 1)
			j = r.IntN(i + 1)
		case ZExt, SExt:
			i = r.IntN(9)
		default:
			if opTable[op].args == 2 {
				args = append(args, pick(w))
			}
		}
		t, err := s.Make(op, args, i, j)
		if err != nil {
			continue
		}
		var v [3]Value
		for k, a := range args {
			v[k] = ev.Eval(a)
		}
		bw := 0
		if len(args) > 1 {
			bw = s.Width(args[1])
		}
		return t, apply(op, s.Width(t), s.Width(args[0]), bw, j, v[0], v[1], v[2])
	}
}

// A rewritten term has the value of the term as written, under random models.
func TestRewritingKeepsMeaning(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 6000 {
		s := NewStore()
		widths := []int{0, 1, 2, 3, 4, 8}
		if round%4 == 0 {
			widths = []int{0, 31, 32, 64, 65, 127, 128}
		}
		var pool []Term
		var m Model
		for i, w := range append(widths, widths...) {
			pool = append(pool, s.Var(string(rune('a'+i)), w))
			m = append(m, Value{r.Uint64(), r.Uint64()}.and(mask(r.IntN(129))))
			for _, v := range []Value{{}, V(1), mask(128), V(1).shl(uint(max(w-1, 0))), V(uint64(r.IntN(5)))} {
				pool = append(pool, s.Const(w, v))
			}
		}
		ev := s.NewEvaluator(m)
		for range 60 {
			x, want := randomTerm(r, s, pool, ev)
			if got := ev.Eval(x); got != want {
				t.Fatalf("round %d: %s is %v, want %v", round, s.String(x), got, want)
			}
			pool = append(pool, x, x)
		}
	}
}

// Values beyond 64 bits agree with math/big.
func TestWideValues(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	toBig := func(v Value) *big.Int {
		n := new(big.Int).SetUint64(v.Hi)
		return n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(v.Lo))
	}
	for range 20000 {
		a := Value{r.Uint64(), r.Uint64()}.shr(uint(r.IntN(128)))
		b := Value{r.Uint64(), r.Uint64()}.shr(uint(r.IntN(128)))
		x, y := toBig(a), toBig(b)
		if got, want := a.mul(b), fromBig(new(big.Int).Mul(x, y)); got != want {
			t.Fatalf("%v * %v = %v, want %v", a, b, got, want)
		}
		if got, want := a.add(b), fromBig(new(big.Int).Add(x, y)); got != want {
			t.Fatalf("%v + %v = %v, want %v", a, b, got, want)
		}
		if b.IsZero() {
			continue
		}
		q, m := a.divmod(b)
		bq, bm := new(big.Int).QuoRem(x, y, new(big.Int))
		if q != fromBig(bq) || m != fromBig(bm) {
			t.Fatalf("%v / %v = %v, %v", a, b, q, m)
		}
		n := uint(r.IntN(130))
		if a.shl(n) != fromBig(new(big.Int).Lsh(x, n)) || a.shr(n) != fromBig(new(big.Int).Rsh(x, n)) {
			t.Fatalf("%v shifted by %d", a, n)
		}
	}
}

// Substituting values for the variables evaluates, variables for each other moves
// the model.
func TestSubstitute(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		s := NewStore()
		pool := []Term{s.BoolVar("p"), s.BoolVar("q"), s.Var("x", 8), s.Var("y", 8)}
		m := Model{V(1), V(0), V(uint64(r.IntN(256))), V(uint64(r.IntN(256)))}
		ev := s.NewEvaluator(m)
		for range 30 {
			x, _ := randomTerm(r, s, pool, ev)
			pool = append(pool, x)
		}
		values, swap := map[Term]Term{}, map[Term]Term{pool[0]: pool[1], pool[1]: pool[0], pool[2]: pool[3], pool[3]: pool[2]}
		for i, v := range m {
			values[pool[i]] = s.Const(s.Width(pool[i]), v)
		}
		constant, swapped := s.Substitute(pool, values), s.Substitute(pool, swap)
		other := s.NewEvaluator(Model{m[1], m[0], m[3], m[2]})
		for i, x := range pool {
			if v, ok := s.Value(constant[i]); !ok || v != ev.Eval(x) {
				t.Fatalf("%s becomes %s, not %v", s.String(x), s.String(constant[i]), ev.Eval(x))
			}
			if other.Eval(swapped[i]) != ev.Eval(x) {
				t.Fatalf("%s becomes %s", s.String(x), s.String(swapped[i]))
			}
		}
		if got := s.VarsOf(s.And(pool[0], s.Eq(pool[3], s.Word(8, 77)))); len(got) != 2 || got[0] != pool[0] || got[1] != pool[3] {
			t.Fatal(got)
		}
	}
}

func TestScriptRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		s := NewStore()
		names := []string{"a", "t1", "|", "let", "x y", "true", "ümlaut"}
		var pool []Term
		var m Model
		for i, w := range []int{0, 1, 4, 8, 64, 100, 128} {
			pool = append(pool, s.Var(names[i], w))
			m = append(m, Value{r.Uint64(), r.Uint64()})
		}
		ev := s.NewEvaluator(m)
		for range 30 {
			x, _ := randomTerm(r, s, pool, ev)
			pool = append(pool, x)
		}
		var asserted []Term
		for _, x := range pool {
			if s.IsBool(x) {
				asserted = append(asserted, x)
			}
		}
		var text strings.Builder
		if err := s.WriteScript(&text, asserted...); err != nil {
			t.Fatal(err)
		}
		got, err := Parse(text.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		m2 := make(Model, got.Store.NumVars())
		for i := range m2 {
			name := got.Store.Name(got.Store.Variable(i))
			if name == "%7C" {
				name = "|"
			}
			m2[i] = m.Get(s.VarNumber(s.Lookup(name)))
		}
		for i, x := range got.Asserted {
			if got.Store.Eval(x, m2) != ev.Eval(asserted[i]) {
				t.Fatalf("assertion %d differs after a round trip\n%s", i, text.String())
			}
		}
	}
}

func TestParse(t *testing.T) {
	const header = "(declare-const x (_ BitVec 8))(declare-fun y () (_ BitVec 8))(declare-const p Bool)"
	for _, c := range []struct{ src, want string }{
		{"(assert (= x (_ bv3 8)))", "(= x #x03)"},
		{"(assert (let ((x y) (y x)) (let ((z (bvadd x y))) (bvult z x))))", "(bvult (bvadd x y) y)"},
		{"(assert (=> p p p)) ; comment", "true"},
		{"(assert (distinct x y #b00000001))", "(and (and (not (= x y)) (not (= x #x01))) (not (= y #x01)))"},
		{"(set-info :status unsat)(assert (bvsge x y))(check-sat)(exit) nonsense", "(not (bvslt x y))"},
		{"(assert (= ((_ rotate_left 3) x) ((_ extract 7 0) y)))", "(= y (concat ((_ extract 4 0) x) ((_ extract 7 5) x)))"},
		{"(assert |p|)", "p"},
	} {
		got, err := Parse(header + c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		if s := got.Store.String(got.Asserted[0]); s != c.want {
			t.Errorf("%s: %s, want %s", c.src, s, c.want)
		}
	}
	for _, c := range []struct{ src, want string }{
		{"(assert", "ends within a term"},
		{"(assert x)", "assert of a word"},
		{"(assert (bvult x p))", "over a term of width 0"},
		{"(assert (and x y))", "and over a term of width 8"},
		{"(assert (= x p))", "widths 8 and 0"},
		{"(assert q)", `"q" is not declared`},
		{"(assert (let ((z p)) z) z)", "instead of"},
		{"(push 1)", "not supported"},
		{"(declare-const x Bool)", "declared twice"},
		{"(declare-const z (_ BitVec 129))", "width 129"},
		{"(declare-const z (_ BitVec 0))", "width 0"},
		{"(declare-fun f (Bool) Bool)", "parameters"},
		{"(assert (= ((_ extract 8 0) x) x))", "bits 8 to 0"},
		{"(assert (= ((_ zero_extend 60000) x) x))", "by 60000"},
		{"(check-sat)(assert p)", "after check-sat"},
		{"(assert (= x #x))", "constant"},
		{"(assert (= x (_ bv256 8)))", "constant 256"},
		{"(assert ())", "operator should stand"},
		{"|", "not closed"},
		{"(assert (let ((z p)) ))", "where a term should stand"},
	} {
		_, err := Parse(header + c.src)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", c.src, err, c.want)
		}
	}
}

// Nesting costs no stack of Go's.
func TestDeepNesting(t *testing.T) {
	const n = 90_000
	src := "(declare-const p (_ BitVec 64))(assert (= p " + strings.Repeat("(bvmul p ", n) + "p" + strings.Repeat(")", n) + "))"
	got, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	if v := got.Store.Eval(got.Asserted[0], Model{V(3)}); !v.IsZero() {
		t.Error("a power of 3 is 3")
	}
	if _, err := Parse("(assert " + strings.Repeat("(not ", maxNesting+2)); err == nil || !strings.Contains(err.Error(), "open parentheses") {
		t.Error(err)
	}
}

func TestIllSortedPanics(t *testing.T) {
	s := NewStore()
	x, p := s.Var("x", 8), s.BoolVar("p")
	for i, f := range []func(){
		func() { s.Add(x, p) }, func() { s.Neg(p) }, func() { s.Not(0) }, func() { s.Ite(x, x, x) },
		func() { s.Var("x", 9) }, func() { s.Var("z", 129) }, func() { s.Extract(8, 0, x) }, func() { s.Eq(x, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("case %d: no panic", i)
				}
			}()
			f()
		}()
	}
}

func FuzzParse(f *testing.F) {
	f.Add("(declare-const x (_ BitVec 8))(assert (let ((y (bvadd x #x01))) (bvult y x)))(check-sat)")
	f.Add("(declare-fun p () Bool)(assert (=> p ((_ extract 3 1) (_ bv5 9))))")
	f.Fuzz(func(t *testing.T, src string) {
		script, err := Parse(src)
		if err != nil {
			return
		}
		var text strings.Builder
		if err := script.Store.WriteScript(&text, script.Asserted...); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text.String())
		if err != nil {
			t.Fatalf("%v in\n%s", err, text.String())
		}
		if len(again.Asserted) != len(script.Asserted) {
			t.Fatal("assertions lost")
		}
	})
}
