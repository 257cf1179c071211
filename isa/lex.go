package isa

import (
	"fmt"
	"strconv"
	"strings"
)

// tokenKind classifies a token. The zero value is the end of the line.
type tokenKind uint8

const (
	tokEOL tokenKind = iota // end of the line, or the start of a comment
	tokIdent
	tokNumber
	tokOp
	tokBad
)

// token is one lexical unit of a line; col counts bytes from 1.
type token struct {
	kind tokenKind
	text string
	col  int
	num  uint64 // of a tokNumber
}

// String returns the token as an error message shows it.
func (t token) String() string {
	switch {
	case t.kind == tokEOL:
		return "the end of the line"
	case len(t.text) > 24:
		return strconv.Quote(t.text[:24]) + "…"
	}
	return strconv.Quote(t.text)
}

// operators, longest first, so that the first prefix wins.
var operators = []string{
	"s>>=", "<<=", ">>=", "s>=", "s<=", "s/=", "s%=",
	"+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "==", "!=", ">=", "<=", "s>", "s<",
	"=", ">", "<", "&", "*", "+", "-", "(", ")", "[", "]", ",", ":", "#",
}

// lexer cuts one line into tokens on demand, because a map name between brackets
// follows other rules than the rest.
type lexer struct {
	line    string
	pos     int
	comment string // after the comment sign, trimmed, once the lexer is there
}

func (l *lexer) next() token {
	for l.pos < len(l.line) && (l.line[l.pos] == ' ' || l.line[l.pos] == '\t' || l.line[l.pos] == '\r') {
		l.pos++
	}
	rest, col := l.line[l.pos:], l.pos+1
	if rest == "" {
		return token{col: col}
	}
	if n := commentSign(rest); n > 0 && !l.atNumberSign() {
		l.comment = strings.TrimSpace(rest[n:])
		l.pos = len(l.line)
		return token{col: col}
	}
	t := scan(rest)
	t.col = col
	l.pos += len(t.text)
	return t
}

// scan returns the token that s starts with.
func scan(s string) token {
	// Signed operators start with a letter and come before identifiers.
	if c := s[0]; c != 's' || len(s) == 1 || !strings.ContainsRune("></%", rune(s[1])) {
		switch {
		case isDigit(c):
			return scanNumber(s[:wordLen(s)])
		case isWordByte(c):
			return token{kind: tokIdent, text: s[:wordLen(s)]}
		}
	}
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return token{kind: tokOp, text: op}
		}
	}
	return token{kind: tokBad, text: s[:1]}
}

func scanNumber(s string) token {
	digits, base := s, 10
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		digits, base = s[2:], 16
	} else if len(s) > 1 && s[0] == '0' {
		return token{kind: tokBad, text: s} // octal or decimal? refuse to guess
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return token{kind: tokBad, text: s}
	}
	return token{kind: tokNumber, text: s, num: n}
}

// commentSign returns the length of the comment sign that s starts with, else 0.
func commentSign(s string) int {
	switch {
	case s[0] == ';', s[0] == '#':
		return 1
	case strings.HasPrefix(s, "//"):
		return 2
	}
	return 0
}

// atNumberSign reports whether the lexer is at the # of "kfunc#12", which is no comment.
func (l *lexer) atNumberSign() bool {
	return l.line[l.pos] == '#' && strings.HasSuffix(l.line[:l.pos], "kfunc") &&
		l.pos+1 < len(l.line) && (isDigit(l.line[l.pos+1]) || l.line[l.pos+1] == '-')
}

// until returns the bytes before the next end byte of the line, which it leaves.
func (l *lexer) until(end byte) (string, bool) {
	n := strings.IndexByte(l.line[l.pos:], end)
	if n < 0 {
		return "", false
	}
	s := l.line[l.pos : l.pos+n]
	l.pos += n
	return s, true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWordByte reports whether c may be in an identifier, as symbol and section names have them.
func isWordByte(c byte) bool {
	return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$'
}

func wordLen(s string) int {
	n := 0
	for n < len(s) && isWordByte(s[n]) {
		n++
	}
	return n
}

// parseReg reads r0 to r10 and w0 to w10.
func parseReg(s string) (r Reg, letter byte, ok bool) {
	if len(s) < 2 || (s[0] != 'r' && s[0] != 'w') {
		return 0, 0, false
	}
	for r := R0; r < NumRegs; r++ {
		if s[1:] == regDigits[r] {
			return r, s[0], true
		}
	}
	return 0, 0, false
}

// isLabelName reports whether s can name a label or a callee in the text syntax.
func isLabelName(s string) bool {
	if s == "" || isDigit(s[0]) || wordLen(s) != len(s) || s == "pc" || s == "kfunc" || s == ".insn" {
		return false
	}
	_, _, reg := parseReg(s)
	return !reg
}

// isMapName reports whether s can stand between the brackets of a map reference.
func isMapName(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && !strings.ContainsAny(s, "]\n\r")
}

// SyntaxError is an error of Assemble at one place of the text.
type SyntaxError struct {
	Line, Col int // from 1; Col counts bytes
	Msg       string
}

// Error returns "line 3, column 7: expected a register, found …".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Col, e.Msg)
}
