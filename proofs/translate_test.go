package proofs

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/bpfcheck/bpfcheck/proofs/ssaterm"
	"github.com/bpfcheck/bpfcheck/smt/term"
)

// edge is a word near which mistakes are.
func edge(r *rand.Rand) uint64 {
	words := []uint64{0, 1, 1 << 31, 1 << 32, 1 << 63, ^uint64(0), 0x7fff_ffff, r.Uint64(), r.Uint64() >> 32, r.Uint64N(256)}
	return words[r.IntN(len(words))] + uint64(r.IntN(3)) - 1
}

// TestTermsAreTheCode holds the terms of every theorem to the compiled code, on
// inputs of all kinds, well-formed or not: the same outcome in every field, and a
// panic where an obligation says so, and only there.
func TestTermsAreTheCode(t *testing.T) {
	p := prover(t)
	r := rand.New(rand.NewPCG(1, 2))
	runs, panics, applies := 0, 0, 0
	for _, th := range All() {
		if th.Law == lemmaLaw || th.Law == "widen" { // not exported; thresholds by contract
			continue
		}
		q, err := p.translate(th, variant{})
		if err != nil {
			t.Fatalf("%s: %v", th.Name(), err)
		}
		applied := 0
		for range 60 {
			got, want, panicked, foreseen := q.runBoth(t, th, r)
			if panicked != foreseen {
				t.Fatalf("%s: panicked %v, obligations %v, on %+v", th.Name(), panicked, foreseen, got)
			}
			runs++
			if panicked {
				panics++
			} else if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: terms give %+v, code %+v", th.Name(), got, want)
			} else if o := reflect.ValueOf(got); o.FieldByName("Given").Bool() && o.FieldByName("Member").Bool() {
				applied++
			}
		}
		if applied > 0 {
			applies++
		}
	}
	t.Logf("%d runs, %d of them panics; %d theorems applied to some input", runs, panics, applies)
	if runs == 0 || applies == 0 {
		t.Error("nothing was compared")
	}
}

// runBoth evaluates the terms and runs the code on one random choice of inputs.
func (q *question) runBoth(t *testing.T, th Theorem, r *rand.Rand) (got, want any, panicked, foreseen bool) {
	m := make(term.Model, q.store.NumVars())
	for i := range m {
		w := q.store.Width(q.store.Variable(i))
		m[i] = term.V(edge(r) & (^uint64(0) >> (64 - max(w, 1))))
	}
	e := q.store.NewEvaluator(m)
	f := reflect.ValueOf(th.native)
	var args []reflect.Value
	for i, in := range q.inputs {
		v := reflect.New(f.Type().In(i))
		if err := ssaterm.Concrete(e, in, v.Interface()); err != nil {
			t.Fatal(err)
		}
		args = append(args, v.Elem())
	}
	out := reflect.New(f.Type().Out(0))
	if err := ssaterm.Concrete(e, q.outcome, out.Interface()); err != nil {
		t.Fatal(err)
	}
	got = out.Elem().Interface()
	for _, o := range q.panics {
		foreseen = foreseen || !e.Eval(o.Cond).IsZero()
	}
	defer func() { panicked = recover() != nil }()
	return got, f.Call(args)[0].Interface(), false, foreseen
}
