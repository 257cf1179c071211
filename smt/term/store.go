// Package term holds bit-vector and Boolean terms of quantifier-free formulas
// (SMT-LIB's QF_BV, without arrays and functions), widths 1 to 128.
//
// The idea: a [Store] keeps every term once (hash-consing, Ershov 1958; for
// solvers: Brummayer & Biere, "Boolector", TACAS 2009), in one flat array without
// pointers, and a [Term] is an index into it. So equal terms are equal numbers, a
// formula of a million terms is one allocation for the collector, and arguments
// have smaller numbers than the terms made of them: a walk over a formula is a
// loop over the array, never a recursion.
//
// Terms are rewritten as they are made: constants folded, neutral elements
// dropped, comparisons brought to two forms. The meaning of an operator stands
// once, in [Store.Eval]; folding calls it. Rewriting never makes a term larger
// by more than a constant, so building stays linear.
//
// The trap: what is built is not what is stored. Ule(a, b) becomes Not(Ult(b, a)),
// Mul(x, 8) a shift; a caller that looks at Op sees that.
//
// A Bool is a sort of its own, of width 0: And, Or, Xor, Not, Eq, Ite take Bools
// as well as words. A term of the wrong sort is a mistake of the caller and
// panics; [Store.Make] reports it as an error, for input that is not trusted.
package term

import "fmt"

// Term is a term of one [Store]. The zero value is no term.
type Term uint32

// The Boolean constants, the same in every Store.
const (
	False Term = 1
	True  Term = 2
)

// MaxWidth is the largest width of a word in bits.
const MaxWidth = 128

// Limits of a Store, so that hostile input ends in an error and not in a
// machine without memory.
const maxTerms = 1 << 28

// node is a term as stored. a, b and c are arguments; or else of a Const its
// index in highs, its low 32 bits, and the 32 above; of a Var a = its number;
// of an Extract b = the highest bit, c = the lowest.
type node struct {
	op      Op
	width   uint8 // 0: Bool
	a, b, c Term
}

// A Store makes and keeps terms. The zero value is not usable: see [NewStore].
// It is not safe for concurrent use.
type Store struct {
	nodes  []node
	table  []Term   // open addressing; 0 is free; its length a power of two
	highs  []uint64 // upper halves of constants; number 0 is 0
	highAt map[uint64]int
	vars   []Term   // by number
	names  []string // of the variables, by number
	named  map[string]Term
	depth  int // of rules that call constructors, see make
}

// NewStore returns an empty store.
func NewStore() *Store {
	s := &Store{
		nodes: make([]node, 1, 256),
		table: make([]Term, 512),
		highs: []uint64{0},
		named: make(map[string]Term),
	}
	s.intern(node{op: Const})
	s.intern(node{op: Const, b: 1})
	return s
}

func (n node) hash() uint32 {
	h := uint64(n.a)*0x9e3779b97f4a7c15 ^ uint64(n.b)*0xc2b2ae3d27d4eb4f ^
		uint64(n.c)*0x165667b19e3779f9 ^ (uint64(n.op)<<8|uint64(n.width))*0xd6e8feb86659fd93
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return uint32(h >> 32)
}

// intern returns the term of n, which it adds if it is new.
func (s *Store) intern(n node) Term {
	m := uint32(len(s.table) - 1)
	i := n.hash() & m
	for ; s.table[i] != 0; i = (i + 1) & m {
		if s.nodes[s.table[i]] == n {
			return s.table[i]
		}
	}
	if len(s.nodes) >= maxTerms {
		panic("term: more than 2^28 terms")
	}
	t := Term(len(s.nodes))
	s.nodes = append(s.nodes, n)
	s.table[i] = t
	if 2*len(s.nodes) > len(s.table) {
		s.rehash()
	}
	return t
}

func (s *Store) rehash() {
	s.table = make([]Term, 4*len(s.table))
	m := uint32(len(s.table) - 1)
	for t := 1; t < len(s.nodes); t++ {
		i := s.nodes[t].hash() & m
		for s.table[i] != 0 {
			i = (i + 1) & m
		}
		s.table[i] = Term(t)
	}
}

// Len is one more than the number of the newest term.
func (s *Store) Len() int { return len(s.nodes) }

// Op is the operator of t.
func (s *Store) Op(t Term) Op { return s.nodes[t].op }

// Width is the width of t in bits, 0 for a Bool.
func (s *Store) Width(t Term) int { return int(s.nodes[t].width) }

// IsBool reports whether t is a Bool; no term is none.
func (s *Store) IsBool(t Term) bool {
	return t != 0 && int(t) < len(s.nodes) && s.nodes[t].width == 0
}

// Args are the arguments of t and their number; the others are 0. Each is
// smaller than t.
func (s *Store) Args(t Term) (args [3]Term, n int) {
	d := &s.nodes[t]
	n = opTable[d.op].args
	all := [3]Term{d.a, d.b, d.c}
	copy(args[:n], all[:n])
	return args, n
}

// Bounds are the highest and the lowest bit that an Extract keeps.
func (s *Store) Bounds(t Term) (hi, lo int) { return int(s.nodes[t].b), int(s.nodes[t].c) }

// Value is the value of t if it is a constant.
func (s *Store) Value(t Term) (v Value, ok bool) {
	n := &s.nodes[t]
	if n.op != Const {
		return Value{}, false
	}
	return Value{s.highs[n.a], uint64(n.b) | uint64(n.c)<<32}, true
}

// Name is the name of t if it is a variable, else "".
func (s *Store) Name(t Term) string {
	if s.nodes[t].op != Var {
		return ""
	}
	return s.names[s.nodes[t].a]
}

// NumVars is the number of variables; Variable returns one of them by its
// number, 0 the first that was made.
func (s *Store) NumVars() int { return len(s.vars) }

// Variable returns variable number i, counted from 0 in the order of making.
func (s *Store) Variable(i int) Term { return s.vars[i] }

// VarNumber is the number of a variable, -1 of any other term.
func (s *Store) VarNumber(t Term) int {
	if s.nodes[t].op != Var {
		return -1
	}
	return int(s.nodes[t].a)
}

// Lookup returns the variable of that name, or 0.
func (s *Store) Lookup(name string) Term { return s.named[name] }

// Var returns the variable of that name and width (0: a Bool), and makes it if
// there is none. A name has one sort: another panics.
func (s *Store) Var(name string, width int) Term {
	if t := s.named[name]; t != 0 {
		if s.Width(t) != width {
			panic(fmt.Sprintf("term: variable %q has width %d, not %d", name, s.Width(t), width))
		}
		return t
	}
	if width < 0 || width > MaxWidth {
		panic(fmt.Sprintf("term: width %d of variable %q", width, name))
	}
	t := s.intern(node{op: Var, width: uint8(width), a: Term(len(s.vars))})
	s.vars = append(s.vars, t)
	s.names = append(s.names, name)
	s.named[name] = t
	return t
}

// BoolVar is Var of a Bool.
func (s *Store) BoolVar(name string) Term { return s.Var(name, 0) }

// Const returns the constant v of width w, its bits above w dropped. Width 0 is
// the Bool of the lowest bit.
func (s *Store) Const(w int, v Value) Term {
	if w < 0 || w > MaxWidth {
		panic(fmt.Sprintf("term: width %d of a constant", w))
	}
	v = v.and(mask(max(w, 1)))
	hi := 0
	if v.Hi != 0 {
		hi = s.high(v.Hi)
	}
	return s.intern(node{op: Const, width: uint8(w), a: Term(hi), b: Term(uint32(v.Lo)), c: Term(v.Lo >> 32)})
}

// high returns the index of h in highs.
func (s *Store) high(h uint64) int {
	if i, ok := s.highAt[h]; ok {
		return i
	}
	if s.highAt == nil {
		s.highAt = make(map[uint64]int)
	}
	i := len(s.highs)
	s.highs = append(s.highs, h)
	s.highAt[h] = i
	return i
}

// Word returns the constant x of width w.
func (s *Store) Word(w int, x uint64) Term { return s.Const(w, V(x)) }

// Bool returns True or False.
func (s *Store) Bool(b bool) Term {
	if b {
		return True
	}
	return False
}
