package absint

import (
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/isa"
)

// A frame's stack is kept in 4-byte words; word h is [fp-4(h+1), fp-4h). A value
// lives in the cell of its lowest word and says its size; the upper word of an
// 8-byte value is empty. Words beyond the layout are not tracked: they read as
// unknown numbers.

const stackBytes = 512

// wordOf returns the word that holds the byte at offset off from the frame pointer.
func wordOf(off int64) int { return int(-off-1) / 4 }

// at returns the cell of word h of a frame, nil if it is not tracked.
func (s *State) at(frame, h int) *Cell {
	if h < 0 || h >= s.lay.words {
		return nil
	}
	return &s.cells[s.lay.word(frame, h)]
}

// holder returns the word whose value covers word h, or -1.
func (s *State) holder(frame, h int) int {
	if c := s.at(frame, h); c != nil && c.Size != 0 {
		return h
	}
	if h%2 == 0 {
		if c := s.at(frame, h+1); c != nil && c.Size == 8 {
			return h + 1
		}
	}
	return -1
}

// clear forgets every value that overlaps [off, off+size). The low half of a
// number whose upper half is overwritten stays known.
func (s *State) clear(frame int, off, size int64, bigEndian bool) {
	for h := wordOf(off); h >= wordOf(off+size-1); h-- {
		at := s.holder(frame, h)
		if at < 0 {
			continue
		}
		v := s.lay.word(frame, at)
		start := -4 * int64(at+1)
		switch c := s.cells[v]; {
		case c.Kind == SharedMem:
			continue // stays what it is
		case c.Kind.isObject():
			s.destroy(c)
			continue
		}
		if c := &s.cells[v]; c.Size == 8 && c.Kind == Scalar && off == start+4 && !bigEndian {
			s.num.ALU(isa.Trunc32, isa.W64, v, domains.Operand{})
			c.Size = 4
			continue
		}
		s.set(v, Cell{})
	}
}

// poisonStack makes every word of a frame the result of a failed obligation.
func (s *State) poisonStack(frame int) {
	for h := 0; h < s.lay.words; h++ {
		if c := s.cells[s.lay.word(frame, h)]; c.Kind.isObject() && c.Ref != 0 {
			s.dropRef(c.Ref) // what becomes of it is not judged any more
		}
		s.set(s.lay.word(frame, h), Cell{Kind: Poison, Size: 4})
	}
}

// mark records that [off, off+size) is written.
func (s *State) mark(frame int, off, size int64) {
	for b := -off - size; b < -off; b++ {
		if b >= 0 && b < stackBytes {
			s.written[frame][b/64] |= 1 << (b % 64)
		}
	}
}

// initialised reports whether all of [off, off+size) was written.
func (s *State) initialised(frame int, off, size int64) bool {
	for b := -off - size; b < -off; b++ {
		if b < 0 || b >= stackBytes || s.written[frame][b/64]&(1<<(b%64)) == 0 {
			return false
		}
	}
	return true
}

// storeStack writes a register or a constant to the stack at a known offset.
func (s *State) storeStack(frame int, off int64, size int, val domains.Operand, bigEndian bool) {
	s.clear(frame, off, int64(size), bigEndian)
	s.mark(frame, off, int64(size))
	h := wordOf(off)
	if s.sharedIn(frame, off, int64(size)) {
		return
	}
	if h >= s.lay.words || off%4 != 0 || size == 8 && off%8 != 0 {
		return
	}
	v := s.lay.word(frame, h)
	switch {
	case !val.IsVar:
		s.setConst(v, val.Const&maskOf(size))
	case size == 8:
		s.move(v, val.Var)
	case s.cells[val.Var].Kind == Scalar:
		s.move(v, val.Var)
		s.truncate(v, size)
	default: // part of a pointer is an unknown number
		s.setWord(v, sized(size))
	}
	s.cells[v].Size = uint8(size)
}

// truncate keeps the low bytes of the number v.
func (s *State) truncate(v domains.Var, size int) {
	switch size {
	case 1:
		s.num.ALU(isa.And, isa.W64, v, domains.K(0xff))
	case 2:
		s.num.ALU(isa.Trunc16, isa.W64, v, domains.Operand{})
	case 4:
		s.num.ALU(isa.Trunc32, isa.W64, v, domains.Operand{})
	}
}

// loadStack reads size bytes at a known offset into dst. It reports whether part
// of a pointer was read; dst is then an unknown number.
func (s *State) loadStack(dst domains.Var, frame int, off int64, size int, bigEndian bool) (partial bool) {
	at := s.holder(frame, wordOf(off))
	if at < 0 {
		s.setWord(dst, sized(size))
		return false
	}
	v := s.lay.word(frame, at)
	c := s.cells[v]
	if s.sharedIn(frame, off, int64(size)) {
		s.setWord(dst, sized(size))
		return false
	}
	delta := off + 4*int64(at+1) // bytes into the value
	end := delta + int64(size)
	switch {
	case delta == 0 && size == int(c.Size) && (size == 8 || c.Kind == Scalar):
		s.move(dst, v)
		s.cells[dst].Size = 0
		return false
	case c.Kind == Poison:
		s.set(dst, Cell{Kind: Poison})
		return false
	case c.Kind.isPointer():
		s.setWord(dst, sized(size))
		return true
	case c.Kind == Scalar && end <= int64(c.Size) && !bigEndian:
		s.move(dst, v)
		s.cells[dst].Size = 0
		if delta > 0 {
			s.num.ALU(isa.Rsh, isa.W64, dst, domains.K(uint64(8*delta)))
		}
		s.truncate(dst, size)
		return false
	case c.Kind == Scalar && delta == 0 && size == 8 && c.Size == 4 && !bigEndian:
		return s.loadHalves(dst, frame, at)
	}
	s.setWord(dst, sized(size))
	return s.overlapsPointer(frame, off, int64(size))
}

// loadHalves reads an 8-byte number that was stored as two 4-byte ones.
func (s *State) loadHalves(dst domains.Var, frame, at int) (partial bool) {
	hi := s.at(frame, at-1)
	if hi == nil || hi.Kind != Scalar || hi.Size != 4 {
		s.setWord(dst, sized(8))
		return false
	}
	t := s.lay.temp(0)
	s.num.ALU(isa.Mov, isa.W64, t, domains.V(s.lay.word(frame, at-1)))
	s.num.ALU(isa.Lsh, isa.W64, t, domains.K(32))
	s.num.ALU(isa.Or, isa.W64, t, domains.V(s.lay.word(frame, at)))
	s.cells[dst] = scalarCell
	s.num.ALU(isa.Mov, isa.W64, dst, domains.V(t))
	s.num.Havoc(t)
	return false
}

// overlapsPointer reports whether a pointer is spilled anywhere in [off, off+size).
func (s *State) overlapsPointer(frame int, off, size int64) bool {
	for h := wordOf(off); h >= wordOf(off+size-1); h-- {
		if at := s.holder(frame, h); at >= 0 && s.cells[s.lay.word(frame, at)].Kind.isPointer() {
			return true
		}
	}
	return false
}

// maskOf returns the bits of size bytes.
func maskOf(size int) uint64 { return ^uint64(0) >> (64 - 8*size) }

// sized is any number of size bytes.
func sized(size int) domains.Word { return sizedWords[size] }

var sizedWords = func() (w [9]domains.Word) {
	for size := 1; size <= 8; size++ {
		d := domains.TopWord(isa.W64)
		if size < 8 {
			m := maskOf(size)
			d.Mask, d.UMax, d.SMin, d.SMax = m, m, 0, int64(m)
			if size < 4 {
				d.U32Max, d.S32Min, d.S32Max = uint32(m), 0, int32(m)
			}
		}
		w[size] = d
	}
	return w
}()
