package theorem

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// replay is a domain whose operators return what they are said to return.
type replay[E any] struct {
	subject[E]
	said Outcome[E]
}

func (r replay[E]) Const(isa.Width, uint64) E                    { return r.said.First }
func (r replay[E]) ALU(isa.ALUOp, isa.Width, E, E) E             { return r.said.First }
func (r replay[E]) Join(_, _ E) E                                { return r.said.First }
func (r replay[E]) Meet(isa.Width, E, E) E                       { return r.said.First }
func (r replay[E]) Widen(isa.Width, E, E, *domains.Thresholds) E { return r.said.First }
func (r replay[E]) FromWord(isa.Width, domains.Word) E           { return r.said.First }
func (r replay[E]) Word(isa.Width, E) domains.Word               { return r.said.Shown }
func (r replay[E]) Leq(_, _ E) bool                              { return true }
func (r replay[E]) Assume(isa.Cond, isa.Width, E, E) (first, second E) {
	return r.said.First, r.said.Second
}

// Replay is a theorem over an operator that returned what said holds. Everything
// else, isa.Eval and isa.Holds, membership and well-formedness, is computed here: so
// a counterexample to an operator of another source can be confirmed by running
// code. in are the inputs of the theorem's function.
func Replay(domain, law string, in []any, said any) (given, member, formed, sound bool, err error) {
	switch domain {
	case "tnum":
		return replayed(tnumSubject{}, law, in, said)
	case "interval":
		return replayed(intervalSubject{}, law, in, said)
	}
	return false, false, false, false, fmt.Errorf("no domain %q", domain)
}

func replayed[E any](d subject[E], law string, in []any, said any) (given, member, formed, sound bool, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("the inputs do not fit %s: %v", law, e)
		}
	}()
	r := replay[E]{d, said.(Outcome[E])}
	var o Outcome[E]
	switch law {
	case "const":
		o = constOf[E](r, in[0].(isa.Width), in[1].(uint64))
	case "alu":
		o = alu[E](r, in[0].(isa.ALUOp), in[1].(isa.Width), in[2].(E), in[3].(E), in[4].(uint64), in[5].(uint64))
	case "assume":
		o = assume[E](r, in[0].(isa.Cond), in[1].(isa.Width), in[2].(E), in[3].(E), in[4].(uint64), in[5].(uint64))
	case "join":
		o = join[E](r, in[0].(isa.Width), in[1].(E), in[2].(E), in[3].(uint64))
	case "meet":
		o = meet[E](r, in[0].(isa.Width), in[1].(E), in[2].(E), in[3].(uint64))
	case "leq":
		o = leq[E](r, in[0].(isa.Width), in[1].(E), in[2].(E), in[3].(uint64))
	case "widen":
		o = widen[E](r, in[0].(isa.Width), in[1].(E), in[2].(E), nil, in[4].(uint64))
	case "word":
		o = show[E](r, in[0].(isa.Width), in[1].(E), in[2].(uint64))
	case "fromword":
		o = read[E](r, in[0].(isa.Width), in[1].(domains.Word), in[2].(uint64))
	default:
		return false, false, false, false, fmt.Errorf("no replay of %s", law)
	}
	return o.Given, o.Member, o.Formed, o.Sound, nil
}
