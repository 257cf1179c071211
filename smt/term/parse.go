package term

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// A Script is what a file in SMT-LIB 2 asserts.
type Script struct {
	Store    *Store
	Asserted []Term
	// Status is what (set-info :status …) claims: "sat", "unsat", "unknown" or "".
	Status string
}

// Limits of a script, beyond which it is refused.
const (
	maxScript  = 64 << 20 // bytes
	maxNesting = 100_000  // open parentheses
)

// Parse reads a script of QF_BV: declare-const, declare-fun and define-fun
// without parameters, assert, let, and the operators of the logic. push, pop and
// several check-sat are refused: they mean more than one set of assertions. An
// error names the byte at which the script stops making sense.
//
// The reader keeps its own stack, so that nesting costs memory and not Go's stack.
func Parse(src string) (*Script, error) {
	if len(src) > maxScript {
		return nil, fmt.Errorf("script of %d bytes: at most %d", len(src), maxScript)
	}
	p := &parser{src: src, Script: Script{Store: NewStore()}, scope: make(map[string][]Term)}
	for {
		tok, err := p.next()
		if err != nil {
			return nil, err
		}
		if tok == "" {
			return &p.Script, nil
		}
		if tok != "(" {
			return nil, p.errorf("%q where a command should start", tok)
		}
		stop, err := p.command()
		if err != nil {
			return nil, err
		}
		if stop {
			return &p.Script, nil
		}
	}
}

type parser struct {
	Script
	src   string
	pos   int
	at    int // start of the last token
	scope map[string][]Term
	check bool
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: %s", p.at, fmt.Sprintf(format, args...))
}

// next returns the next token, "" at the end. A quoted symbol keeps its first
// bar only, a string its first quote only.
func (p *parser) next() (string, error) {
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			p.pos++
			continue
		case c == ';':
			n := strings.IndexByte(p.src[p.pos:], '\n')
			if n < 0 {
				n = len(p.src) - p.pos
			}
			p.pos += n
			continue
		}
		break
	}
	p.at = p.pos
	if p.pos == len(p.src) {
		return "", nil
	}
	switch c := p.src[p.pos]; c {
	case '(', ')':
		p.pos++
		return p.src[p.at:p.pos], nil
	case '|', '"':
		n := strings.IndexByte(p.src[p.pos+1:], c)
		if n < 0 {
			return "", p.errorf("a %c that is not closed", c)
		}
		p.pos += n + 2
		return p.src[p.at : p.pos-1], nil
	}
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n();|\"", p.src[p.pos]) < 0 {
		p.pos++
	}
	return p.src[p.at:p.pos], nil
}

// want reads tok.
func (p *parser) want(tok string) error {
	got, err := p.next()
	if err == nil && got != tok {
		err = p.errorf("%q instead of %q", got, tok)
	}
	return err
}

// name reads a symbol.
func (p *parser) name() (string, error) {
	tok, err := p.next()
	if err != nil {
		return "", err
	}
	if tok == "" || tok == "(" || tok == ")" || tok[0] == '"' || tok[0] == '#' || tok[0] == ':' || tok[0] >= '0' && tok[0] <= '9' {
		return "", p.errorf("%q where a name should stand", tok)
	}
	return strings.TrimPrefix(tok, "|"), nil
}

// number reads a number of at most 5 digits.
func (p *parser) number() (int, error) {
	tok, err := p.next()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(tok, 10, 16)
	if err != nil {
		return 0, p.errorf("%q where a small number should stand", tok)
	}
	return int(n), nil
}

// sort reads Bool or (_ BitVec n).
func (p *parser) sort() (int, error) {
	tok, err := p.next()
	if err != nil || tok == "Bool" {
		return 0, err
	}
	if tok != "(" {
		return 0, p.errorf("sort %q", tok)
	}
	for _, t := range []string{"_", "BitVec"} {
		if err := p.want(t); err != nil {
			return 0, err
		}
	}
	w, err := p.number()
	if err != nil {
		return 0, err
	}
	if w < 1 || w > MaxWidth {
		return 0, p.errorf("width %d: 1 to %d are supported", w, MaxWidth)
	}
	return w, p.want(")")
}

// command reads a command after its parenthesis.
func (p *parser) command() (stop bool, err error) {
	tok, err := p.next()
	if err != nil {
		return false, err
	}
	switch tok {
	case "declare-const", "declare-fun", "define-fun", "define-const":
		err = p.declaration(tok)
	case "assert":
		if p.check {
			return false, p.errorf("assert after check-sat: one set of assertions a script")
		}
		var t Term
		if t, err = p.term(); err == nil && p.Store.Width(t) != 0 {
			err = p.errorf("assert of a word of width %d", p.Store.Width(t))
		}
		p.Asserted = append(p.Asserted, t)
	case "check-sat":
		p.check = true
	case "exit":
		return true, p.want(")")
	case "set-info":
		return false, p.info()
	case "set-logic", "set-option", "get-model", "get-value", "get-info", "echo":
		return false, p.skip()
	default:
		err = p.errorf("command %q is not supported", tok)
	}
	if err != nil {
		return false, err
	}
	return false, p.want(")")
}

// declaration reads a name and its sort, and its value if it is a definition.
func (p *parser) declaration(kind string) error {
	name, err := p.name()
	if err != nil {
		return err
	}
	if _, taken := p.scope[name]; taken {
		return p.errorf("%q is declared twice", name)
	}
	if strings.HasSuffix(kind, "-fun") {
		for _, t := range []string{"(", ")"} {
			if err := p.want(t); err != nil {
				return fmt.Errorf("%w: functions with parameters are not supported", err)
			}
		}
	}
	w, err := p.sort()
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "declare") {
		p.scope[name] = []Term{p.Store.Var(name, w)}
		return nil
	}
	t, err := p.term()
	if err == nil && p.Store.Width(t) != w {
		err = p.errorf("%q is defined with width %d (0: Bool), not %d", name, p.Store.Width(t), w)
	}
	p.scope[name] = []Term{t}
	return err
}

// info reads an attribute and keeps :status.
func (p *parser) info() error {
	tok, err := p.next()
	if err != nil || tok != ":status" {
		return p.skipFrom(tok, err)
	}
	if p.Status, err = p.name(); err != nil {
		return err
	}
	return p.want(")")
}

// skip reads to the parenthesis that closes the command.
func (p *parser) skip() error {
	tok, err := p.next()
	return p.skipFrom(tok, err)
}

func (p *parser) skipFrom(tok string, err error) error {
	for depth := 1; ; tok, err = p.next() {
		switch {
		case err != nil:
			return err
		case tok == "":
			return p.errorf("the script ends within a command")
		case tok == "(":
			depth++
		case tok == ")":
			if depth--; depth == 0 {
				return nil
			}
		}
	}
}

// constant reads #x…, #b…, true and false; ok is false for other tokens.
func (p *parser) constant(tok string) (t Term, ok bool, err error) {
	base, perDigit := 16, 4
	switch {
	case tok == "true":
		return True, true, nil
	case tok == "false":
		return False, true, nil
	case strings.HasPrefix(tok, "#b"):
		base, perDigit = 2, 1
	case !strings.HasPrefix(tok, "#x"):
		return 0, false, nil
	}
	digits := tok[2:]
	w := perDigit * len(digits)
	if w < 1 || w > MaxWidth || strings.ContainsAny(digits, "+-_") {
		return 0, true, p.errorf("constant %.40q: widths 1 to %d are supported", tok, MaxWidth)
	}
	n, good := new(big.Int).SetString(digits, base)
	if !good {
		return 0, true, p.errorf("constant %.40q", tok)
	}
	return p.Store.Const(w, fromBig(n)), true, nil
}

// fromBig is n modulo 2^128.
func fromBig(n *big.Int) Value {
	lo := new(big.Int).And(n, new(big.Int).SetUint64(^uint64(0)))
	hi := new(big.Int).Rsh(n, 64)
	hi.And(hi, new(big.Int).SetUint64(^uint64(0)))
	return Value{hi.Uint64(), lo.Uint64()}
}
