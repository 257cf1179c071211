package term

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteScript writes the SMT-LIB 2 script that asserts the Bools: declarations
// of all variables they use, one define-fun a term that is no leaf (so that
// sharing stays, and nesting is flat), the asserts, and check-sat.
func (s *Store) WriteScript(w io.Writer, asserted ...Term) error {
	out := bufio.NewWriter(w)
	out.WriteString("(set-logic QF_BV)\n")
	used := s.cone(asserted)
	for i := 0; i < s.NumVars(); i++ {
		if v := s.Variable(i); int(v) < len(used) && used[v] {
			fmt.Fprintf(out, "(declare-const %s %s)\n", symbol(s.names[i]), sortName(s.Width(v)))
		}
	}
	prefix := s.freshPrefix()
	for t := range used {
		if op := s.nodes[t].op; used[t] && op != Var && op != Const {
			fmt.Fprintf(out, "(define-fun %s%d () %s %s)\n", prefix, t, sortName(s.Width(Term(t))), s.apply(Term(t), prefix))
		}
	}
	for _, t := range asserted {
		fmt.Fprintf(out, "(assert %s)\n", s.leaf(t, prefix))
	}
	out.WriteString("(check-sat)\n")
	return out.Flush()
}

// cone marks the terms that the roots are made of, up to the newest of them.
func (s *Store) cone(roots []Term) []bool {
	newest := Term(0)
	for _, t := range roots {
		newest = max(newest, t)
	}
	used := make([]bool, newest+1)
	for _, t := range roots {
		used[t] = true
	}
	for t := int(newest); t > 0; t-- {
		if used[t] {
			args, n := s.Args(Term(t))
			for _, a := range args[:n] {
				used[a] = true
			}
		}
	}
	return used
}

// freshPrefix returns a name that no variable begins with.
func (s *Store) freshPrefix() string {
	for p := "t"; ; p += "_" {
		taken := false
		for _, n := range s.names {
			taken = taken || strings.HasPrefix(n, p)
		}
		if !taken {
			return p
		}
	}
}

// apply is the expression of t over the names of its arguments.
func (s *Store) apply(t Term, prefix string) string {
	op := s.Op(t)
	args, n := s.Args(t)
	var b strings.Builder
	b.WriteByte('(')
	switch op {
	case Extract:
		hi, lo := s.Bounds(t)
		fmt.Fprintf(&b, "(_ extract %d %d)", hi, lo)
	case ZExt, SExt:
		fmt.Fprintf(&b, "(_ %s %d)", op, s.Width(t)-s.Width(args[0]))
	default:
		if s.Width(args[0]) == 0 {
			b.WriteString(opTable[op].boolName)
		} else {
			b.WriteString(opTable[op].name)
		}
	}
	for _, a := range args[:n] {
		b.WriteByte(' ')
		b.WriteString(s.leaf(a, prefix))
	}
	b.WriteByte(')')
	return b.String()
}

// leaf is a constant, the name of a variable, or the name that stands for t.
func (s *Store) leaf(t Term, prefix string) string {
	switch s.Op(t) {
	case Const:
		v, _ := s.Value(t)
		return literal(s.Width(t), v)
	case Var:
		return symbol(s.Name(t))
	}
	return fmt.Sprintf("%s%d", prefix, t)
}

// literal is v in SMT-LIB: in hexadecimal if the width allows.
func literal(w int, v Value) string {
	switch {
	case w == 0 && v.IsZero():
		return "false"
	case w == 0:
		return "true"
	case w%4 == 0 && w > 64:
		return fmt.Sprintf("#x%0*x%016x", (w-64)/4, v.Hi, v.Lo)
	case w%4 == 0:
		return fmt.Sprintf("#x%0*x", w/4, v.Lo)
	case w > 64:
		return fmt.Sprintf("#b%0*b%064b", w-64, v.Hi, v.Lo)
	}
	return fmt.Sprintf("#b%0*b", w, v.Lo)
}

func sortName(w int) string {
	if w == 0 {
		return "Bool"
	}
	return fmt.Sprintf("(_ BitVec %d)", w)
}

// symbol quotes a name that is no simple symbol. What cannot even be quoted
// (bars, backslashes) is spelled as %XX.
func symbol(name string) string {
	simple := name != "" && (name[0] < '0' || name[0] > '9') && !reserved[name]
	for i := 0; i < len(name); i++ {
		simple = simple && isSymbolByte(name[i])
	}
	if simple {
		return name
	}
	var b strings.Builder
	b.WriteByte('|')
	for i := 0; i < len(name); i++ {
		if c := name[i]; c == '|' || c == '\\' || c < ' ' && c != '\t' && c != '\n' || c == 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('|')
	return b.String()
}

var reserved = map[string]bool{
	"let": true, "_": true, "!": true, "as": true, "forall": true, "exists": true, "match": true, "par": true,
	"true": true, "false": true, "assert": true, "check-sat": true, "Bool": true, "BitVec": true,
}

func isSymbolByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("~!@$%^&*_-+=<>.?/", c) >= 0
}

// String is t as one nested expression, for messages: what is deeper than 6
// levels is "…". WriteScript writes all of it.
func (s *Store) String(t Term) string {
	var b strings.Builder
	s.sketch(&b, t, 6)
	return b.String()
}

// sketch recurses to a fixed depth.
func (s *Store) sketch(b *strings.Builder, t Term, depth int) {
	if t == 0 || int(t) >= len(s.nodes) {
		b.WriteString("(no term)")
		return
	}
	op := s.Op(t)
	switch {
	case op == Const || op == Var:
		b.WriteString(s.leaf(t, ""))
		return
	case depth == 0:
		b.WriteString("…")
		return
	}
	head, _, _ := strings.Cut(strings.TrimSuffix(s.apply(t, ""), ")"), ")")
	if op != Extract && op != ZExt && op != SExt {
		head, _, _ = strings.Cut(head, " ")
	} else {
		head += ")"
	}
	b.WriteString(head)
	args, n := s.Args(t)
	for _, a := range args[:n] {
		b.WriteByte(' ')
		s.sketch(b, a, depth-1)
	}
	b.WriteByte(')')
}
