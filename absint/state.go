package absint

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// layout says where the cells of a state are. All states of one analysis share
// it: frame f starts at f*stride with 11 registers, then words of stack from the
// frame pointer down, then ghost counters of the loops by nesting depth; behind
// the last frame come temporaries.
type layout struct {
	frames int // most frames that can be active
	words  int // 4-byte words of stack that are tracked in each frame
	ghosts int // deepest loop nest of any function
	stride int
	n      int
}

func newLayout(frames, words, ghosts int) layout {
	l := layout{frames: frames, words: words, ghosts: ghosts, stride: isa.NumRegs + words + ghosts}
	l.n = l.frames*l.stride + numTemps
	return l
}

const numTemps = 2

func (l *layout) reg(frame int, r isa.Reg) domains.Var {
	return domains.Var(frame*l.stride + int(r))
}

// word is the stack word [fp-4(h+1), fp-4h) of a frame.
func (l *layout) word(frame, h int) domains.Var {
	return domains.Var(frame*l.stride + isa.NumRegs + h)
}

func (l *layout) ghost(frame, depth int) domains.Var {
	return domains.Var(frame*l.stride + isa.NumRegs + l.words + depth)
}

// isWord reports whether cell i is a word of stack.
func (l *layout) isWord(i int) bool {
	k := i % l.stride
	return k >= isa.NumRegs && k < isa.NumRegs+l.words
}

func (l *layout) temp(i int) domains.Var { return domains.Var(l.frames*l.stride + i) }

// frame is one activation.
type frame struct {
	call int32 // pc of the call instruction, -1 for the main program
	fn   int32 // index of the function
	// callback says how a helper runs the function, base how many references were
	// held when it started.
	callback callbackKind
	base     int8
}

// State is a set of machine states at one program point.
type State struct {
	lay   *layout
	cells []Cell
	num   domains.Numeric
	depth int   // index of the running frame
	ctx   int32 // the engine's number of the call string
	frame [maxFrames]frame
	// written has a bit per byte of stack that was written, counted from the
	// frame pointer down. Kept only for unprivileged programs.
	written [maxFrames][8]uint64
	// dataRange and metaRange are the bytes proved to be between data and
	// data_end, data_meta and data.
	dataRange, metaRange int32
	// dataMax is the most bytes that there can be between data and data_end.
	dataMax int32
	// refs are the references held, in the order of acquisition, kinds what they are.
	refs  [maxRefs]uint32
	kinds [maxRefs]refKind
	nrefs int
	// regions are the sections that the program is in.
	regions regions
	// progressed has a bit per ghost of each frame: an iterator from outside of the
	// loop moved on since the loop's head was passed. Not compared.
	progressed [maxFrames]uint16
	// lock is the spin lock held.
	lock heldLock
	// nextID is the next fresh ID; made canonical at cut points.
	nextID uint32
}

// heldLock is the spin lock that is held: that of the map value with the given
// region and ID.
type heldLock struct {
	held   uint8
	region int32
	id     uint32
}

const (
	maxFrames = 8
	maxRefs   = 8
)

func newState(l *layout, num domains.Numeric) *State {
	return &State{lay: l, cells: make([]Cell, l.n), num: num, nextID: 1}
}

// copyFrom overwrites s with t.
func (s *State) copyFrom(t *State) {
	used := (max(s.depth, t.depth) + 1) * s.lay.stride
	copy(s.cells[:used], t.cells[:used])
	s.num.CopyFrom(t.num)
	s.depth, s.ctx, s.frame = t.depth, t.ctx, t.frame
	s.dataRange, s.metaRange, s.dataMax = t.dataRange, t.metaRange, t.dataMax
	s.refs, s.nrefs, s.lock, s.nextID = t.refs, t.nrefs, t.lock, t.nextID
	s.kinds, s.regions, s.progressed = t.kinds, t.regions, t.progressed
	for f := 0; f <= t.depth; f++ {
		s.written[f] = t.written[f]
	}
}

// reg returns the running frame's variable of r.
func (s *State) reg(r isa.Reg) domains.Var { return s.lay.reg(s.depth, r) }

// live cells of the active frames, ghosts included.
func (s *State) active() int { return (s.depth + 1) * s.lay.stride }

// set makes v a value of kind c whose number is unknown.
func (s *State) set(v domains.Var, c Cell) {
	s.cells[v] = c
	s.num.Havoc(v)
}

// setConst makes v the constant x.
func (s *State) setConst(v domains.Var, x uint64) {
	s.cells[v] = scalarCell
	s.num.ALU(isa.Mov, isa.W64, v, domains.K(x))
}

// setWord makes v a number in γ(d).
func (s *State) setWord(v domains.Var, d domains.Word) {
	s.cells[v] = scalarCell
	s.num.Havoc(v)
	s.num.Refine(v, d)
}

// move copies a value whole: kind and number.
func (s *State) move(dst, src domains.Var) {
	c := s.cells[src]
	s.cells[dst] = c
	if c.Kind == Scalar || c.has(HasVar) {
		s.num.ALU(isa.Mov, isa.W64, dst, domains.V(src))
	} else {
		s.num.Havoc(dst)
	}
}

// forget makes v unreadable.
func (s *State) forget(v domains.Var) {
	if s.cells[v].Kind != NotInit {
		s.set(v, Cell{})
	}
}

// fresh returns an ID that no cell has.
func (s *State) fresh() uint32 {
	id := s.nextID
	s.nextID++
	return id
}

// offset bounds the offset of pointer v: fixed and variable part, and extra bytes.
func (s *State) offset(v domains.Var, extra int64) bound {
	c := &s.cells[v]
	fixed := int64(c.Off) + extra
	if !c.has(HasVar) {
		return bound{fixed, fixed}
	}
	return wordBound(s.num.Word(v)).add(fixed)
}

// acquire records a new reference; false if there are too many to track.
func (s *State) acquire() (uint32, bool) {
	if s.nrefs == maxRefs {
		return 0, false
	}
	id := s.fresh()
	s.refs[s.nrefs], s.kinds[s.nrefs] = id, objectRef
	s.nrefs++
	return id, true
}

// release ends a reference and invalidates all its pointers; false if it is not held.
func (s *State) release(ref uint32) bool {
	if !s.dropRef(ref) {
		return false
	}
	for v := range s.cells[:s.active()] {
		if c := s.cells[v]; c.Ref == ref && c.Kind.isObject() {
			s.destroy(c)
		}
	}
	for v := range s.cells[:s.active()] {
		if s.cells[v].Ref == ref {
			s.set(domains.Var(v), Cell{Kind: Scalar, Size: s.cells[v].Size})
		}
	}
	return true
}

// dropRef forgets a reference, without touching its pointers.
func (s *State) dropRef(ref uint32) bool {
	for i := range s.refs[:s.nrefs] {
		if s.refs[i] == ref && i >= int(s.frame[s.depth].base) {
			copy(s.refs[i:], s.refs[i+1:s.nrefs])
			copy(s.kinds[i:], s.kinds[i+1:s.nrefs])
			s.nrefs--
			return true
		}
	}
	return false
}

// canonical renumbers IDs and references in the order of the cells, so that
// states which differ only in names become equal.
func (s *State) canonical() {
	var from [32]uint32
	var many map[uint32]uint32
	n := uint32(0)
	rename := func(id uint32) uint32 {
		if id == 0 {
			return 0
		}
		if many == nil {
			for i := range from[:n] {
				if from[i] == id {
					return uint32(i) + 1
				}
			}
			if int(n) < len(from) {
				from[n] = id
				n++
				return n
			}
			many = make(map[uint32]uint32, 2*len(from))
			for i, f := range from {
				many[f] = uint32(i) + 1
			}
		}
		if to, ok := many[id]; ok {
			return to
		}
		n++
		many[id] = n
		return n
	}
	for i := range s.refs[:s.nrefs] {
		s.refs[i] = rename(s.refs[i])
	}
	for i := range s.cells[:s.active()] {
		c := &s.cells[i]
		if c.ID|c.Ref != 0 {
			c.ID, c.Ref = rename(c.ID), rename(c.Ref)
		}
	}
	s.lock.id = rename(s.lock.id)
	s.nextID = n + 1
}

// sameShape reports whether both states have the same frames, references, packet
// range and cells, so that they differ only in numbers. Words of stack that hold
// numbers, or nothing known, count as alike.
func (s *State) sameShape(t *State) bool {
	if s.depth != t.depth || s.ctx != t.ctx || s.dataRange != t.dataRange || s.dataMax != t.dataMax || s.metaRange != t.metaRange ||
		s.nrefs != t.nrefs || !equalRefs(s, t) || s.lock != t.lock || s.regions != t.regions {
		return false
	}
	n := s.active()
	a, b := s.cells[:n], t.cells[:n]
	for i := range a {
		if a[i] != b[i] && (a[i].Kind > Scalar || b[i].Kind > Scalar || !s.lay.isWord(i) || a[i].Kind == Poison || b[i].Kind == Poison) {
			return false
		}
	}
	return true
}

func equalRefs(s, t *State) bool {
	for i := range s.refs[:s.nrefs] {
		if s.refs[i] != t.refs[i] || s.kinds[i] != t.kinds[i] {
			return false
		}
	}
	return true
}

// shape hashes what sameShape compares.
func (s *State) shape() uint64 {
	h := uint64(s.ctx)<<40 ^ uint64(uint32(s.dataRange))<<20 ^ uint64(uint32(s.metaRange)) ^ uint64(uint32(s.dataMax))<<10 ^ uint64(s.nrefs)<<60 ^ uint64(s.lock.id)<<50 ^ uint64(s.lock.held)<<56
	h = mix(h, uint64(s.regions.rcu)<<8|uint64(s.regions.preempt))
	for i, c := range s.cells[:s.active()] {
		if c.Kind == NotInit || c.Kind == Scalar && s.lay.isWord(i) {
			continue
		}
		h = mix(h, uint64(i)<<32|uint64(c.Kind)<<24|uint64(c.Flags)<<8|uint64(c.Size))
		if c.Kind != Scalar {
			h = mix(h, uint64(uint32(c.Off))<<32|uint64(uint32(c.Region)))
			h = mix(h, uint64(c.ID)<<32|uint64(uint32(c.Range))^uint64(c.Ref)<<48)
		}
	}
	return h
}

func mix(h, x uint64) uint64 {
	h = (h ^ x) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// joinWritten keeps the bytes that are written in both states.
func (s *State) joinWritten(t *State) (changed bool) {
	for f := 0; f <= s.depth; f++ {
		for i, w := range s.written[f] {
			if k := w & t.written[f][i]; k != w {
				s.written[f][i] = k
				changed = true
			}
		}
	}
	return changed
}

// writtenWithin reports that t claims no byte to be written that s does not.
func (s *State) writtenWithin(t *State) bool {
	for f := 0; f <= s.depth; f++ {
		for i, w := range t.written[f] {
			if w&^s.written[f][i] != 0 {
				return false
			}
		}
	}
	return true
}
