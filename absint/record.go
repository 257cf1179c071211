package absint

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// Invariants are the states that an analysis found, by instruction: every
// concrete state in front of an instruction lies in one of them, or the analysis
// is wrong. They are what the containment oracle holds executions against.
type Invariants struct {
	at [][]*State
}

// Count returns how many states hold in front of the instruction at pc.
func (inv *Invariants) Count(pc int) int { return len(inv.at[pc]) }

// Admits reports whether a concrete state in front of pc lies in one of the
// abstract states there. If not, why tells for one of them what does not fit.
func (inv *Invariants) Admits(pc int, c *Concrete) (ok bool, why string) {
	best, nearest := -1, (*State)(nil)
	for _, s := range inv.at[pc] {
		w, depth := s.admits(c, false)
		if w == "" {
			return true, ""
		}
		if depth > best {
			best, nearest = depth, s
		}
	}
	if nearest == nil {
		return false, "the analysis takes this instruction to be unreachable"
	}
	why, _ = nearest.admits(c, true)
	return false, why
}

// misfit stands for what does not fit where nobody asks for it in words.
const misfit = "does not fit"

// sayf formats if the words are asked for.
func sayf(explain bool, format string, args func() []any) string {
	if !explain {
		return misfit
	}
	return fmt.Sprintf(format, args()...)
}

// Place is what an address means.
type Place struct {
	Kind   Kind
	Region int32
	Off    int64
}

// Concrete is the state of a machine in front of an instruction.
type Concrete struct {
	// Depth is the number of frames below the running one, Calls the instructions
	// that they are calling at, outermost first.
	Depth int
	Calls [maxFrames]int32
	// Reg returns a register of a frame; known is false where it cannot be told,
	// as for R0 to R5 of a calling frame.
	Reg func(frame int, r isa.Reg) (bits uint64, known bool)
	// Stack returns a frame's stack; byte 512+k is at r10+k.
	Stack func(frame int) *[stackBytes]byte
	// Resolve says what an address means.
	Resolve func(addr uint64) (Place, bool)
	// PacketSize is the number of bytes between data and data_end.
	PacketSize int64
	// MetaSize is the number of bytes between data_meta and data; offsets of places in the
	// packet count from data.
	MetaSize int64
	// inGlobal: memory arguments may be any memory.
	inGlobal bool
}

// record keeps a copy of s as one of the states in front of pc.
func (a *analysis) keep(s *State, pc int) {
	t := newState(&a.lay, a.newNum(a.lay.n))
	t.copyFrom(s)
	for f := 0; f <= t.depth; f++ {
		for d := 0; d < t.lay.ghosts; d++ {
			t.num.Havoc(t.lay.ghost(f, d))
		}
	}
	for i := 0; i < numTemps; i++ {
		t.num.Havoc(t.lay.temp(i))
	}
	for v := range t.cells[:t.active()] {
		// What is not written, or no number of known size, stands for any bits.
		if c := &t.cells[v]; c.Kind == NotInit || c.Kind == Poison || t.lay.isWord(v) && c.Size == 0 {
			t.num.Havoc(domains.Var(v))
		}
	}
	a.record.at[pc] = append(a.record.at[pc], t)
}

// above is what a global function that was judged by itself sees of c: the frames
// above its own, and memory where pointers go below.
func (c *Concrete) above(frames int) *Concrete {
	up := *c
	up.Depth = c.Depth - frames
	copy(up.Calls[:], c.Calls[frames:])
	up.Reg = func(f int, r isa.Reg) (uint64, bool) { return c.Reg(f+frames, r) }
	up.Stack = func(f int) *[stackBytes]byte { return c.Stack(f + frames) }
	up.Resolve = func(addr uint64) (Place, bool) {
		p, ok := c.Resolve(addr)
		if p.Kind == StackPtr {
			p.Region -= int32(frames)
		}
		return p, ok
	}
	up.inGlobal = true
	return &up
}

// admits returns "" if the concrete state lies in s, else what does not fit, in
// words if explain is set, and how far the comparison got.
func (s *State) admits(c *Concrete, explain bool) (why string, depth int) {
	if s.frame[0].fn != 0 && c.Depth > s.depth {
		c = c.above(c.Depth - s.depth)
	}
	if s.depth != c.Depth {
		return sayf(explain, "%d frames, not %d", func() []any { return []any{c.Depth + 1, s.depth + 1} }), 0
	}
	for f := 1; f <= s.depth; f++ {
		if s.frame[f].call != c.Calls[f-1] {
			return "other call sites", 0
		}
	}
	if int64(s.dataRange) > c.PacketSize || int64(s.dataMax) < c.PacketSize {
		return sayf(explain, "the packet has %d bytes, not %d to %d", func() []any { return []any{c.PacketSize, s.dataRange, s.dataMax} }), 1
	}
	env := make([]uint64, s.lay.n)
	for v := range s.cells[:s.active()] {
		bits, known := s.concrete(c, v)
		if !known {
			if s.num.Word(domains.Var(v)) != domains.TopWord(isa.W64) {
				return "", 0 // a register that cannot be told takes part in relations
			}
			continue
		}
		switch why := s.admitCell(c, domains.Var(v), bits, env, explain); why {
		case "":
		case cannotTell:
			return "", 0
		default:
			return sayf(explain, "%s of frame %d: %s", func() []any { return []any{s.name(v), v / s.lay.stride, why} }), 2 + v
		}
	}
	if !s.num.Contains(env) {
		return sayf(explain, "the numbers do not fit together: %s", func() []any { return []any{s.num} }), s.lay.n + 2
	}
	return "", 0
}

func (s *State) name(v int) string {
	if i := v % s.lay.stride; i < isa.NumRegs {
		return fmt.Sprintf("r%d", i)
	} else {
		return fmt.Sprintf("stack[%d]", -4*(i-isa.NumRegs+1))
	}
}

// concrete returns the bits of a cell's register or stack word.
func (s *State) concrete(c *Concrete, v int) (bits uint64, known bool) {
	f, i := v/s.lay.stride, v%s.lay.stride
	switch {
	case i < isa.NumRegs:
		if s.cells[v].Kind == NotInit {
			return 0, true
		}
		return c.Reg(f, isa.Reg(i))
	case i >= isa.NumRegs+s.lay.words:
		return 0, true // ghosts have no value
	}
	start := stackBytes - 4*(i-isa.NumRegs+1)
	stack := c.Stack(f)
	for k := int(s.cells[v].Size) - 1; k >= 0; k-- {
		bits = bits<<8 | uint64(stack[start+k])
	}
	return bits, true
}

// cannotTell: the oracle has no way to know.
const cannotTell = "?"

// admitCell returns "" if bits fit the cell, and sets the number of v in env.
func (s *State) admitCell(c *Concrete, v domains.Var, bits uint64, env []uint64, explain bool) string {
	cell := s.cells[v]
	switch {
	case cell.Kind == NotInit, cell.Kind == Poison, cell.Kind >= DynptrObj:
		return ""
	case cell.Kind == Scalar:
		env[v] = bits
		if d := s.num.Word(v); !d.Contains(isa.W64, bits) {
			return sayf(explain, "%d (%#x) is not in %s", func() []any { return []any{int64(bits), bits, d.Text(isa.W64)} })
		}
		return ""
	case cell.has(MaybeNull) && bits == 0:
		return ""
	}
	if c.inGlobal && cell.Kind == Mem {
		return cannotTell
	}
	p, ok := c.Resolve(bits)
	if !ok && cell.has(HasVar) {
		return cannotTell // moved so far that the address names something else
	}
	if !ok {
		return sayf(explain, "%#x is no address, but a %s pointer is expected", func() []any { return []any{bits, cell.Kind} })
	}
	if cell.Kind == PacketMeta {
		p.Off += c.MetaSize
	}
	if cell.Kind == PacketEnd || cell.Kind == PacketMeta {
		if p.Kind != Packet || cell.Kind == PacketEnd && p.Off != c.PacketSize {
			return sayf(explain, "offset %d of a %s where the %s is expected", func() []any { return []any{p.Off, p.Kind, cell.Kind} })
		}
		env[v] = uint64(p.Off - int64(cell.Off))
		return ""
	}
	if p.Kind == TPBuffer && cell.Kind == FlowKeys {
		p.Kind = FlowKeys // both are memory that belongs to the context
	}
	if p.Kind != cell.Kind || regionMatters(cell.Kind) && p.Region != cell.Region && !cell.has(Inner) {
		return sayf(explain, "a %s pointer (%d) where a %s pointer (%d) is expected", func() []any { return []any{p.Kind, p.Region, cell.Kind, cell.Region} })
	}
	part := uint64(p.Off - int64(cell.Off))
	if cell.has(HasVar) {
		env[v] = part
	} else if part != 0 {
		return sayf(explain, "offset %d, not %d", func() []any { return []any{p.Off, cell.Off} })
	}
	if cell.Kind == Packet && cell.ID != 0 && cell.Range > 0 && int64(part)+int64(cell.Range) > c.PacketSize {
		return sayf(explain, "%d bytes from %d are not inside the packet of %d bytes", func() []any { return []any{cell.Range, int64(part), c.PacketSize} })
	}
	return ""
}

// regionMatters reports the kinds whose region an execution can tell.
func regionMatters(k Kind) bool { return k == StackPtr || k == MapValue || k == MapPtr || k == FuncPtr }
