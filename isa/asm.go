package isa

import (
	"fmt"
	"math"
	"strings"
)

// AsmOptions resolves names. Every field may be nil.
type AsmOptions struct {
	// Helper returns the number of a helper.
	Helper func(name string) (id int32, ok bool)
	// Kfunc returns the BTF id and module offset of a kernel function; it is asked
	// for names that are neither a label nor a helper.
	Kfunc func(name string) (id int32, module int16, ok bool)
	// Map returns what goes into Imm of a reference to a map, such as a file
	// descriptor. Without it references hold 0 and are only listed in MapRefs.
	Map func(name string) (imm int32, ok bool)
}

// Source is an assembled program with what the text said about it.
type Source struct {
	Insns []Instruction
	// Lines has the line, from 1, of each slot; both slots of an LD_IMM64 have its line.
	Lines []int
	// Comments has the comment of each line, without its sign and trimmed; line n
	// is at n-1. A line without comment has "".
	Comments []string
	MapRefs  []MapRef // in order of Insn
	Labels   []Label  // in order of PC
}

// MapRef is one map[NAME] or map_value[NAME] in the text.
type MapRef struct {
	Insn  int    // first slot of the LD_IMM64
	Name  string // between the brackets
	Value bool   // the address of the map's value, not the map
	Off   uint32 // offset into the value
}

// Label is one "name:" in the text. PC may equal the length of the program.
type Label struct {
	Name string
	PC   int
	Line int
}

// Label returns the slot of a label.
func (s *Source) Label(name string) (pc int, ok bool) {
	for _, l := range s.Labels {
		if l.Name == name {
			return l.PC, true
		}
	}
	return 0, false
}

// Assemble translates text in the syntax of the Linux verifier and LLVM, one
// instruction a line:
//
//	loop: r1 = 5                            ; comment, also # and //
//	w2 += w3; the letter w means 32 bits    // loads and stores take both
//	r0 = *(u8 *)(r1 + 4)
//	*(u64 *)(r10 - 8) = r1
//	r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)
//	if w1 & 0x7 goto loop                   # or goto +3, goto -2
//	r1 = map[counts] ll
//	call bpf_map_lookup_elem                # a label, a helper or a kfunc
//	.insn 0x8d, 3, 0, 0, 0                  # any slot: opcode, dst, src, off, imm
//	exit
//
// It checks the syntax and that numbers fit their fields, no more: use Validate.
// A mistake gives a *SyntaxError that says where it is and what was expected.
func Assemble(src string, opts AsmOptions) (*Source, error) {
	p := &parser{opts: opts, out: &Source{}, labels: map[string]int{}}
	for line := 1; src != "" || line == 1; line++ {
		var text string
		text, src, _ = strings.Cut(src, "\n")
		p.lex = lexer{line: text}
		p.line = line
		p.advance()
		p.statement()
		if p.err != nil {
			return nil, p.err
		}
		p.out.Comments = append(p.out.Comments, p.lex.comment)
	}
	if p.resolve(); p.err != nil {
		return nil, p.err
	}
	return p.out, nil
}

// parser holds the state of one assembly. Its first error sticks: later steps
// see zero values and their errors are dropped.
type parser struct {
	opts   AsmOptions
	out    *Source
	labels map[string]int // to PC
	fixups []fixup
	lex    lexer
	tok    token // the token not yet consumed
	line   int
	err    error
	// open is set after a raw first slot of an LD_IMM64 whose second slot has not come.
	open bool
}

// fixup is a name to resolve when all labels are known.
type fixup struct {
	pc   int
	at   token
	line int
	use  labelUse
}

// labelUse says which field takes the distance to a label.
type labelUse uint8

const (
	inOff  labelUse = iota // a jump's offset
	inImm                  // gotol, a subprogram address
	inCall                 // a call: a label, a helper or a kfunc
)

func (p *parser) fail(t token, format string, args ...any) {
	p.failAt(p.line, t.col, format, args...)
}

func (p *parser) failAt(line, col int, format string, args ...any) {
	if p.err == nil {
		p.err = &SyntaxError{Line: line, Col: col, Msg: fmt.Sprintf(format, args...)}
	}
}

// advance consumes the current token and returns it.
func (p *parser) advance() token {
	t := p.tok
	p.tok = p.lex.next()
	return t
}

// expect consumes the token text or fails.
func (p *parser) expect(text string) {
	if p.tok.text != text || p.tok.kind == tokEOL {
		p.fail(p.tok, "expected %q, found %s", text, p.tok)
		return
	}
	p.advance()
}

// accept consumes the token text if it is there.
func (p *parser) accept(text string) bool {
	if p.tok.text != text || p.tok.kind == tokEOL {
		return false
	}
	p.advance()
	return true
}

// emit appends an instruction of one slot.
func (p *parser) emit(i Instruction) {
	if p.err != nil {
		return
	}
	if p.open {
		p.fail(p.tok, "expected .insn with the second slot of the 64-bit immediate load on the line before")
		return
	}
	p.slot(i)
}

func (p *parser) slot(i Instruction) {
	p.out.Insns = append(p.out.Insns, i)
	p.out.Lines = append(p.out.Lines, p.line)
}

// emitWide appends an LD_IMM64 of both slots.
func (p *parser) emitWide(i Instruction) {
	p.emit(i)
	if p.err == nil {
		p.slot(Instruction{})
	}
}

// emitRaw appends one slot as it is, pairing it with a raw first slot before it.
func (p *parser) emitRaw(i Instruction) {
	if p.err != nil {
		return
	}
	if p.open {
		p.out.Insns[len(p.out.Insns)-1].Next, i.Imm = i.Imm, 0
		p.open = false
	} else {
		p.open = i.IsLdImm64()
	}
	p.slot(i)
}

// define gives the current slot a label.
func (p *parser) define(name token) {
	if !isLabelName(name.text) {
		p.fail(name, "%s cannot be a label", name)
		return
	}
	if _, twice := p.labels[name.text]; twice {
		p.fail(name, "label %s is defined twice", name)
		return
	}
	pc := len(p.out.Insns)
	p.labels[name.text] = pc
	p.out.Labels = append(p.out.Labels, Label{Name: name.text, PC: pc, Line: p.line})
}

// later notes that the instruction about to be emitted refers to name.
func (p *parser) later(name token, use labelUse) {
	p.fixups = append(p.fixups, fixup{pc: len(p.out.Insns), at: name, line: p.line, use: use})
}

// resolve fills in labels, helpers and kfuncs.
func (p *parser) resolve() {
	for _, f := range p.fixups {
		if p.err != nil {
			return
		}
		i := &p.out.Insns[f.pc]
		if to, ok := p.labels[f.at.text]; ok {
			p.toLabel(f, i, int64(to)-int64(f.pc)-1)
			continue
		}
		if f.use != inCall {
			p.failAt(f.line, f.at.col, "no label %s", f.at)
		} else if !p.toName(i, f.at.text) {
			p.failAt(f.line, f.at.col, "no label, helper or kernel function %s", f.at)
		}
	}
}

// toLabel points i at a label that is dist slots after the next one.
func (p *parser) toLabel(f fixup, i *Instruction, dist int64) {
	if f.use == inOff {
		if dist < math.MinInt16 || dist > math.MaxInt16 {
			p.failAt(f.line, f.at.col, "label %s is %d slots away, more than 16 bits say; gotol reaches it", f.at, dist)
			return
		}
		i.Off = int16(dist)
		return
	}
	if dist < math.MinInt32 || dist > math.MaxInt32 {
		p.failAt(f.line, f.at.col, "label %s is %d slots away, more than 32 bits say", f.at, dist)
		return
	}
	i.Imm = int32(dist)
	if f.use == inCall {
		i.Src = CallLocal
	}
}

// toName makes the call i one of a helper or kernel function.
func (p *parser) toName(i *Instruction, name string) bool {
	if p.opts.Helper != nil {
		if id, ok := p.opts.Helper(name); ok {
			i.Src, i.Imm = CallHelper, id
			return true
		}
	}
	if p.opts.Kfunc != nil {
		if id, module, ok := p.opts.Kfunc(name); ok {
			i.Src, i.Imm, i.Off = CallKfunc, id, module
			return true
		}
	}
	return false
}
