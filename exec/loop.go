package exec

import "encoding/binary"

// straight executes instructions from i on until one that needs more than registers and
// plain memory, and returns its number: that one was not run. It also stops where a
// jump goes backwards without fuel, before the jump.
//
// acc + i is the number of instructions run before i: a jump only has to correct
// acc. The function calls nothing, since a single call would make the compiler keep
// every variable in memory; that is also why it is one long function.
func (m *Machine) straight(insns []insn, regions []region, i int32, acc int64) (int32, int64) {
	for {
		in := &insns[i]
		d, s := in.dst&15, in.src&15
		switch in.op {
		case opMovK:
			m.Regs[d] = in.imm
		case opMovX:
			m.Regs[d] = m.Regs[s]
		case opMov32X:
			m.Regs[d] = uint64(uint32(m.Regs[s]))
		case opAddK:
			m.Regs[d] += in.imm
		case opAddX:
			m.Regs[d] += m.Regs[s]
		case opSubX:
			m.Regs[d] -= m.Regs[s]
		case opMulK:
			m.Regs[d] *= in.imm
		case opMulX:
			m.Regs[d] *= m.Regs[s]
		case opDivX:
			if y := m.Regs[s] + in.imm; y != 0 {
				m.Regs[d] /= y
			} else {
				m.Regs[d] = 0
			}
		case opModX:
			if y := m.Regs[s] + in.imm; y != 0 {
				m.Regs[d] %= y
			}
		case opOrK:
			m.Regs[d] |= in.imm
		case opOrX:
			m.Regs[d] |= m.Regs[s]
		case opAndK:
			m.Regs[d] &= in.imm
		case opAndX:
			m.Regs[d] &= m.Regs[s]
		case opXorK:
			m.Regs[d] ^= in.imm
		case opXorX:
			m.Regs[d] ^= m.Regs[s]
		case opLshK:
			m.Regs[d] <<= in.imm & 63
		case opLshX:
			m.Regs[d] <<= m.Regs[s] & 63
		case opRshK:
			m.Regs[d] >>= in.imm & 63
		case opRshX:
			m.Regs[d] >>= m.Regs[s] & 63
		case opArshK:
			m.Regs[d] = uint64(int64(m.Regs[d]) >> (in.imm & 63))
		case opArshX:
			m.Regs[d] = uint64(int64(m.Regs[d]) >> (m.Regs[s] & 63))
		case opAdd32:
			m.Regs[d] = uint64(uint32(m.Regs[d]) + uint32(m.Regs[s]+in.imm))
		case opSub32:
			m.Regs[d] = uint64(uint32(m.Regs[d]) - uint32(m.Regs[s]+in.imm))
		case opMul32:
			m.Regs[d] = uint64(uint32(m.Regs[d]) * uint32(m.Regs[s]+in.imm))
		case opDiv32:
			if y := uint32(m.Regs[s] + in.imm); y != 0 {
				m.Regs[d] = uint64(uint32(m.Regs[d]) / y)
			} else {
				m.Regs[d] = 0
			}
		case opMod32:
			if y := uint32(m.Regs[s] + in.imm); y != 0 {
				m.Regs[d] = uint64(uint32(m.Regs[d]) % y)
			} else {
				m.Regs[d] = uint64(uint32(m.Regs[d]))
			}
		case opOr32:
			m.Regs[d] = uint64(uint32(m.Regs[d] | (m.Regs[s] + in.imm)))
		case opAnd32:
			m.Regs[d] = uint64(uint32(m.Regs[d] & (m.Regs[s] + in.imm)))
		case opXor32:
			m.Regs[d] = uint64(uint32(m.Regs[d] ^ (m.Regs[s] + in.imm)))
		case opLsh32:
			m.Regs[d] = uint64(uint32(m.Regs[d]) << ((m.Regs[s] + in.imm) & 31))
		case opRsh32:
			m.Regs[d] = uint64(uint32(m.Regs[d]) >> ((m.Regs[s] + in.imm) & 31))
		case opArsh32:
			m.Regs[d] = uint64(uint32(int32(m.Regs[d]) >> ((m.Regs[s] + in.imm) & 31)))
		case opGoto:
			goto taken
		case opJeqK:
			if m.Regs[d] == in.imm {
				goto taken
			}
		case opJeqX:
			if m.Regs[d] == m.Regs[s] {
				goto taken
			}
		case opJneK:
			if m.Regs[d] != in.imm {
				goto taken
			}
		case opJneX:
			if m.Regs[d] != m.Regs[s] {
				goto taken
			}
		case opJgtK:
			if m.Regs[d] > in.imm {
				goto taken
			}
		case opJgtX:
			if m.Regs[d] > m.Regs[s] {
				goto taken
			}
		case opJgeK:
			if m.Regs[d] >= in.imm {
				goto taken
			}
		case opJgeX:
			if m.Regs[d] >= m.Regs[s] {
				goto taken
			}
		case opJltK:
			if m.Regs[d] < in.imm {
				goto taken
			}
		case opJltX:
			if m.Regs[d] < m.Regs[s] {
				goto taken
			}
		case opJleK:
			if m.Regs[d] <= in.imm {
				goto taken
			}
		case opJleX:
			if m.Regs[d] <= m.Regs[s] {
				goto taken
			}
		case opJsgt:
			if int64(m.Regs[d]) > int64(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJsge:
			if int64(m.Regs[d]) >= int64(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJslt:
			if int64(m.Regs[d]) < int64(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJsle:
			if int64(m.Regs[d]) <= int64(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJset:
			if m.Regs[d]&(m.Regs[s]+in.imm) != 0 {
				goto taken
			}
		case opJeq32:
			if uint32(m.Regs[d]) == uint32(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJne32:
			if uint32(m.Regs[d]) != uint32(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJgt32:
			if uint32(m.Regs[d]) > uint32(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJge32:
			if uint32(m.Regs[d]) >= uint32(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJlt32:
			if uint32(m.Regs[d]) < uint32(m.Regs[s]+in.imm) {
				goto taken
			}
		case opJle32:
			if uint32(m.Regs[d]) <= uint32(m.Regs[s]+in.imm) {
				goto taken
			}
		case opLoad8:
			a := m.Regs[s] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint32(a)-bias; int(id) < len(regions) {
				if b := regions[id].r; uint64(o) < uint64(len(b)) {
					m.Regs[d] = uint64(b[o])
					break
				}
			}
			return i, acc
		case opLoad16:
			a := m.Regs[s] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].r; o+2 <= uint64(len(b)) {
					m.Regs[d] = uint64(binary.LittleEndian.Uint16(b[o : o+2]))
					break
				}
			}
			return i, acc
		case opLoad32:
			a := m.Regs[s] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].r; o+4 <= uint64(len(b)) {
					m.Regs[d] = uint64(binary.LittleEndian.Uint32(b[o : o+4]))
					break
				}
			}
			return i, acc
		case opLoad64:
			a := m.Regs[s] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].r; o+8 <= uint64(len(b)) {
					m.Regs[d] = binary.LittleEndian.Uint64(b[o : o+8])
					break
				}
			}
			return i, acc
		case opStore8:
			a := m.Regs[d] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint32(a)-bias; int(id) < len(regions) {
				if b := regions[id].w; uint64(o) < uint64(len(b)) {
					b[o] = byte(m.Regs[s] + in.imm)
					break
				}
			}
			return i, acc
		case opStore16:
			a := m.Regs[d] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].w; o+2 <= uint64(len(b)) {
					binary.LittleEndian.PutUint16(b[o:o+2], uint16(m.Regs[s]+in.imm))
					break
				}
			}
			return i, acc
		case opStore32:
			a := m.Regs[d] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].w; o+4 <= uint64(len(b)) {
					binary.LittleEndian.PutUint32(b[o:o+4], uint32(m.Regs[s]+in.imm))
					break
				}
			}
			return i, acc
		case opStore64:
			a := m.Regs[d] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].w; o+8 <= uint64(len(b)) {
					binary.LittleEndian.PutUint64(b[o:o+8], m.Regs[s]+in.imm)
					break
				}
			}
			return i, acc
		case opLocal:
			if m.depth+1 >= maxFrames {
				return i, acc
			}
			f := &m.frames[m.depth&(maxFrames-1)]
			f.saved = [4]uint64(m.Regs[6:10])
			f.ret = i + 1
			m.depth++
			frame := &regions[idFrame+ID(m.depth)]
			frame.r, frame.w = frame.r[:stackBytes], frame.w[:stackBytes]
			m.Regs[10] = frameTops[m.depth&(maxFrames-1)]
			goto taken
		case opExit:
			if m.depth == m.base || m.frames[m.depth&(maxFrames-1)].outer != nil {
				return i, acc
			}
			frame := &regions[idFrame+ID(m.depth)]
			frame.r, frame.w = frame.r[:0], frame.w[:0]
			m.depth--
			f := &m.frames[m.depth&(maxFrames-1)]
			*(*[4]uint64)(m.Regs[6:10]) = f.saved
			m.Regs[10] = frameTops[m.depth&(maxFrames-1)]
			acc += int64(i) + 1 - int64(f.ret)
			i = f.ret
			continue
		default: // what is not here is for step
			return i, acc
		}
		i++
		continue

	taken:
		t := in.off
		if t <= i && acc+int64(i)+1 >= m.Fuel {
			return i, acc
		}
		acc += int64(i) + 1 - int64(t)
		i = t
	}
}
