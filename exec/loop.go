package exec

import (
	"encoding/binary"
	"unsafe"
)

// insnSize is the distance of internal instructions in memory.
const insnSize = 16

var _ [insnSize]byte = [unsafe.Sizeof(insn{})]byte{}

// place is the address of an instruction as a number, for differences only: what
// it points into never moves, since code is on the heap.
func place(in *insn) int64 { return int64(uintptr(unsafe.Pointer(in))) }

// after is the instruction behind another.
func after(in *insn) *insn { return (*insn)(unsafe.Add(unsafe.Pointer(in), insnSize)) }

// straightLoop is the engine of the interpreter.
type straightLoop struct{}

// Compile implements Engine.
func (straightLoop) Compile(c *Code) error {
	c.fuse()
	return nil
}

// Run implements Engine.
func (straightLoop) Run(m *Machine, c *Code, i int32) int32 {
	first, in := &c.insns[0], &c.insns[i]
	m.first = first
	in, acc := m.straight(in, m.regions, insnSize*m.Steps-place(in))
	m.Steps = (acc + place(in)) / insnSize
	return int32((place(in) - place(first)) / insnSize)
}

// straight executes instructions from next on until one that needs more than
// registers and plain memory, and returns it: that one was not run. It also stops
// where a jump goes backwards without fuel, before the jump.
//
// Instructions are walked by pointer, without a bounds check for each: compile ends
// every program with a trap and gives jumps no target outside. Steps are counted
// without touching a counter between jumps: acc + place(next) is 16 times the number
// of instructions run before next, so that only jumps have to correct acc.
//
// The function calls nothing, since one call would make the compiler keep every
// variable in memory; that is also why it is long.
func (m *Machine) straight(next *insn, regions []Region, acc int64) (*insn, int64) {
	r := &m.Regs
again:
	for { // ends at a taken branch and begins again where that goes
		var in *insn
	run:
		for {
			in = next
			next = after(next)
			d, s := in.dst, in.src
			switch in.op {
			case opMovK:
				r[d] = in.imm
			case opMovX:
				r[d] = r[s]
			case opMov32X:
				r[d] = uint64(uint32(r[s]))
			case opAddK:
				r[d] += in.imm
			case opAddX:
				r[d] += r[s]
			case opSubX:
				r[d] -= r[s]
			case opMulK:
				r[d] *= in.imm
			case opMulX:
				r[d] *= r[s]
			case opDivX:
				if y := r[s] + in.imm; y != 0 {
					r[d] /= y
				} else {
					r[d] = 0
				}
			case opModX:
				if y := r[s] + in.imm; y != 0 {
					r[d] %= y
				}
			case opOrK:
				r[d] |= in.imm
			case opOrX:
				r[d] |= r[s]
			case opAndK:
				r[d] &= in.imm
			case opAndX:
				r[d] &= r[s]
			case opXorK:
				r[d] ^= in.imm
			case opXorX:
				r[d] ^= r[s]
			case opLshK:
				r[d] <<= in.imm & 63
			case opLshX:
				r[d] <<= r[s] & 63
			case opRshK:
				r[d] >>= in.imm & 63
			case opRshX:
				r[d] >>= r[s] & 63
			case opArshK:
				r[d] = uint64(int64(r[d]) >> (in.imm & 63))
			case opArshX:
				r[d] = uint64(int64(r[d]) >> (r[s] & 63))
			case opAdd32:
				r[d] = uint64(uint32(r[d]) + uint32(r[s]+in.imm))
			case opSub32:
				r[d] = uint64(uint32(r[d]) - uint32(r[s]+in.imm))
			case opMul32:
				r[d] = uint64(uint32(r[d]) * uint32(r[s]+in.imm))
			case opDiv32:
				if y := uint32(r[s] + in.imm); y != 0 {
					r[d] = uint64(uint32(r[d]) / y)
				} else {
					r[d] = 0
				}
			case opMod32:
				if y := uint32(r[s] + in.imm); y != 0 {
					r[d] = uint64(uint32(r[d]) % y)
				} else {
					r[d] = uint64(uint32(r[d]))
				}
			case opOr32:
				r[d] = uint64(uint32(r[d] | (r[s] + in.imm)))
			case opAnd32:
				r[d] = uint64(uint32(r[d] & (r[s] + in.imm)))
			case opXor32:
				r[d] = uint64(uint32(r[d] ^ (r[s] + in.imm)))
			case opLsh32:
				r[d] = uint64(uint32(r[d]) << ((r[s] + in.imm) & 31))
			case opRsh32:
				r[d] = uint64(uint32(r[d]) >> ((r[s] + in.imm) & 31))
			case opArsh32:
				r[d] = uint64(uint32(int32(r[d]) >> ((r[s] + in.imm) & 31)))
			case opGoto:
				break run
			case opJeqK:
				if r[d] == in.imm {
					break run
				}
			case opJeqX:
				if r[d] == r[s] {
					break run
				}
			case opJneK:
				if r[d] != in.imm {
					break run
				}
			case opJneX:
				if r[d] != r[s] {
					break run
				}
			case opJgtK:
				if r[d] > in.imm {
					break run
				}
			case opJgtX:
				if r[d] > r[s] {
					break run
				}
			case opJgeK:
				if r[d] >= in.imm {
					break run
				}
			case opJgeX:
				if r[d] >= r[s] {
					break run
				}
			case opJltK:
				if r[d] < in.imm {
					break run
				}
			case opJltX:
				if r[d] < r[s] {
					break run
				}
			case opJleK:
				if r[d] <= in.imm {
					break run
				}
			case opJleX:
				if r[d] <= r[s] {
					break run
				}
			case opJsgt:
				if int64(r[d]) > int64(r[s]+in.imm) {
					break run
				}
			case opJsge:
				if int64(r[d]) >= int64(r[s]+in.imm) {
					break run
				}
			case opJslt:
				if int64(r[d]) < int64(r[s]+in.imm) {
					break run
				}
			case opJsle:
				if int64(r[d]) <= int64(r[s]+in.imm) {
					break run
				}
			case opJset:
				if r[d]&(r[s]+in.imm) != 0 {
					break run
				}
			case opJeq32:
				if uint32(r[d]) == uint32(r[s]+in.imm) {
					break run
				}
			case opJne32:
				if uint32(r[d]) != uint32(r[s]+in.imm) {
					break run
				}
			case opJgt32:
				if uint32(r[d]) > uint32(r[s]+in.imm) {
					break run
				}
			case opJge32:
				if uint32(r[d]) >= uint32(r[s]+in.imm) {
					break run
				}
			case opJlt32:
				if uint32(r[d]) < uint32(r[s]+in.imm) {
					break run
				}
			case opJle32:
				if uint32(r[d]) <= uint32(r[s]+in.imm) {
					break run
				}
			case opLoad8:
				a := r[s] + uint64(int64(in.off))
				if id, o := uint32(a>>32)*unscramble, uint32(a)-bias; int(id) < len(regions) {
					if b := regions[id].R; uint64(o) < uint64(len(b)) {
						r[d] = uint64(b[o])
						break
					}
				}
				return in, acc
			case opLoad16:
				a := r[s] + uint64(int64(in.off))
				if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
					if b := regions[id].R; o+2 <= uint64(len(b)) {
						r[d] = uint64(binary.LittleEndian.Uint16(b[o : o+2]))
						break
					}
				}
				return in, acc
			case opLoad32:
				a := r[s] + uint64(int64(in.off))
				if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
					if b := regions[id].R; o+4 <= uint64(len(b)) {
						r[d] = uint64(binary.LittleEndian.Uint32(b[o : o+4]))
						break
					}
				}
				return in, acc
			case opLoad64:
				a := r[s] + uint64(int64(in.off))
				if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
					if b := regions[id].R; o+8 <= uint64(len(b)) {
						r[d] = binary.LittleEndian.Uint64(b[o : o+8])
						break
					}
				}
				return in, acc
			case opStore8:
				a := r[d] + uint64(int64(in.off))
				if id, o := uint32(a>>32)*unscramble, uint32(a)-bias; int(id) < len(regions) {
					if b := regions[id].W; uint64(o) < uint64(len(b)) {
						b[o] = byte(r[s] + in.imm)
						break
					}
				}
				return in, acc
			case opStore16:
				a := r[d] + uint64(int64(in.off))
				if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
					if b := regions[id].W; o+2 <= uint64(len(b)) {
						binary.LittleEndian.PutUint16(b[o:o+2], uint16(r[s]+in.imm))
						break
					}
				}
				return in, acc
			case opStore32:
				a := r[d] + uint64(int64(in.off))
				if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
					if b := regions[id].W; o+4 <= uint64(len(b)) {
						binary.LittleEndian.PutUint32(b[o:o+4], uint32(r[s]+in.imm))
						break
					}
				}
				return in, acc
			case opStore64:
				a := r[d] + uint64(int64(in.off))
				if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
					if b := regions[id].W; o+8 <= uint64(len(b)) {
						binary.LittleEndian.PutUint64(b[o:o+8], r[s]+in.imm)
						break
					}
				}
				return in, acc
			case opLocal:
				if m.depth+1 >= maxFrames || acc+place(next) >= m.fuel {
					return in, acc
				}
				f := &m.frames[m.depth&(maxFrames-1)]
				f.saved = [4]uint64(r[6:10])
				f.ret = int32(place(next) - place(m.first))
				m.depth++
				frame := &regions[idFrame+ID(m.depth)]
				frame.R, frame.W = frame.R[:stackBytes], frame.W[:stackBytes]
				r[10] = frameTops[m.depth&(maxFrames-1)]
				break run
			case opExit:
				if m.depth == m.base || m.frames[m.depth&(maxFrames-1)].outer != nil {
					return in, acc
				}
				frame := &regions[idFrame+ID(m.depth)]
				frame.R, frame.W = frame.R[:0], frame.W[:0]
				m.depth--
				f := &m.frames[m.depth&(maxFrames-1)]
				*(*[4]uint64)(r[6:10]) = f.saved
				r[10] = frameTops[m.depth&(maxFrames-1)]
				acc += place(next)
				next = (*insn)(unsafe.Add(unsafe.Pointer(m.first), f.ret))
				acc -= place(next)
				continue again
				// Pairs: the second instruction stays where it is, for jumps to it.
			case opAddKAddK:
				r[d] += in.imm
				in, next = next, after(next)
				r[in.dst] += in.imm
			case opAddKAddX:
				r[d] += in.imm
				in, next = next, after(next)
				r[in.dst] += r[in.src]
			case opAddKXorX:
				r[d] += in.imm
				in, next = next, after(next)
				r[in.dst] ^= r[in.src]
			case opAddKOrX:
				r[d] += in.imm
				in, next = next, after(next)
				r[in.dst] |= r[in.src]
			case opAddKSubX:
				r[d] += in.imm
				in, next = next, after(next)
				r[in.dst] -= r[in.src]
			case opAddXAddK:
				r[d] += r[s]
				in, next = next, after(next)
				r[in.dst] += in.imm
			case opAddXAddX:
				r[d] += r[s]
				in, next = next, after(next)
				r[in.dst] += r[in.src]
			case opAddXXorX:
				r[d] += r[s]
				in, next = next, after(next)
				r[in.dst] ^= r[in.src]
			case opAddXOrX:
				r[d] += r[s]
				in, next = next, after(next)
				r[in.dst] |= r[in.src]
			case opAddXSubX:
				r[d] += r[s]
				in, next = next, after(next)
				r[in.dst] -= r[in.src]
			case opXorXAddK:
				r[d] ^= r[s]
				in, next = next, after(next)
				r[in.dst] += in.imm
			case opXorXAddX:
				r[d] ^= r[s]
				in, next = next, after(next)
				r[in.dst] += r[in.src]
			case opXorXXorX:
				r[d] ^= r[s]
				in, next = next, after(next)
				r[in.dst] ^= r[in.src]
			case opXorXOrX:
				r[d] ^= r[s]
				in, next = next, after(next)
				r[in.dst] |= r[in.src]
			case opXorXSubX:
				r[d] ^= r[s]
				in, next = next, after(next)
				r[in.dst] -= r[in.src]
			case opOrXAddK:
				r[d] |= r[s]
				in, next = next, after(next)
				r[in.dst] += in.imm
			case opOrXAddX:
				r[d] |= r[s]
				in, next = next, after(next)
				r[in.dst] += r[in.src]
			case opOrXXorX:
				r[d] |= r[s]
				in, next = next, after(next)
				r[in.dst] ^= r[in.src]
			case opOrXOrX:
				r[d] |= r[s]
				in, next = next, after(next)
				r[in.dst] |= r[in.src]
			case opOrXSubX:
				r[d] |= r[s]
				in, next = next, after(next)
				r[in.dst] -= r[in.src]
			case opSubXAddK:
				r[d] -= r[s]
				in, next = next, after(next)
				r[in.dst] += in.imm
			case opSubXAddX:
				r[d] -= r[s]
				in, next = next, after(next)
				r[in.dst] += r[in.src]
			case opSubXXorX:
				r[d] -= r[s]
				in, next = next, after(next)
				r[in.dst] ^= r[in.src]
			case opSubXOrX:
				r[d] -= r[s]
				in, next = next, after(next)
				r[in.dst] |= r[in.src]
			case opSubXSubX:
				r[d] -= r[s]
				in, next = next, after(next)
				r[in.dst] -= r[in.src]
			case opAddKJneK:
				r[d] += in.imm
				in, next = next, after(next)
				if r[in.dst] != in.imm {
					break run
				}
			case opAddKJneX:
				r[d] += in.imm
				in, next = next, after(next)
				if r[in.dst] != r[in.src] {
					break run
				}
			case opAddKJltX:
				r[d] += in.imm
				in, next = next, after(next)
				if r[in.dst] < r[in.src] {
					break run
				}
			case opMovXAddK:
				r[d] = r[s]
				in, next = next, after(next)
				r[in.dst] += in.imm
			case opLshKRshK:
				r[d] <<= in.imm & 63
				in, next = next, after(next)
				r[in.dst] >>= in.imm & 63
			case opLshKArshK:
				r[d] <<= in.imm & 63
				in, next = next, after(next)
				r[in.dst] = uint64(int64(r[in.dst]) >> (in.imm & 63))
			case opRshKAndK:
				r[d] >>= in.imm & 63
				in, next = next, after(next)
				r[in.dst] &= in.imm
			case opAndKJneK:
				r[d] &= in.imm
				in, next = next, after(next)
				if r[in.dst] != in.imm {
					break run
				}
			case opAndKJeqK:
				r[d] &= in.imm
				in, next = next, after(next)
				if r[in.dst] == in.imm {
					break run
				}
			default: // what is not here is for step
				return in, acc
			}
		}
		if in.off < 0 && acc+place(next) >= m.fuel {
			return in, acc
		}
		acc -= int64(in.off)
		next = (*insn)(unsafe.Add(unsafe.Pointer(next), in.off))
	}
}
