package exec

import (
	"encoding/binary"
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// interpret runs code from an internal instruction to the exit of the frame that
// it starts in. It is the one long function of the package: everything that is
// frequent is written out in it, since a call an instruction would double its time.
//
// Steps are counted at taken branches: steps is the number of instructions before
// start, and those from start to i were run one after the other.
func (m *Machine) interpret(c *code, entry int32) Fault {
	m.code = c
	insns, regions := c.insns, m.regions
	r := &m.Regs
	base := m.depth
	i, start, steps := entry, entry, m.Steps
	fault := NoFault
	for {
		in := &insns[i]
		d, s := in.dst&15, in.src&15
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
		case opALU:
			r[d] = isa.Eval(isa.ALUOp(in.aux), isa.W64, r[d], r[s]+in.imm)
		case opALU32:
			r[d] = isa.Eval(isa.ALUOp(in.aux), isa.W32, r[d], r[s]+in.imm)

		case opGoto:
			goto taken
		case opJeqK:
			if r[d] == in.imm {
				goto taken
			}
		case opJeqX:
			if r[d] == r[s] {
				goto taken
			}
		case opJneK:
			if r[d] != in.imm {
				goto taken
			}
		case opJneX:
			if r[d] != r[s] {
				goto taken
			}
		case opJgtK:
			if r[d] > in.imm {
				goto taken
			}
		case opJgtX:
			if r[d] > r[s] {
				goto taken
			}
		case opJgeK:
			if r[d] >= in.imm {
				goto taken
			}
		case opJgeX:
			if r[d] >= r[s] {
				goto taken
			}
		case opJltK:
			if r[d] < in.imm {
				goto taken
			}
		case opJltX:
			if r[d] < r[s] {
				goto taken
			}
		case opJleK:
			if r[d] <= in.imm {
				goto taken
			}
		case opJleX:
			if r[d] <= r[s] {
				goto taken
			}
		case opJsgt:
			if int64(r[d]) > int64(r[s]+in.imm) {
				goto taken
			}
		case opJsge:
			if int64(r[d]) >= int64(r[s]+in.imm) {
				goto taken
			}
		case opJslt:
			if int64(r[d]) < int64(r[s]+in.imm) {
				goto taken
			}
		case opJsle:
			if int64(r[d]) <= int64(r[s]+in.imm) {
				goto taken
			}
		case opJset:
			if r[d]&(r[s]+in.imm) != 0 {
				goto taken
			}
		case opJeq32:
			if uint32(r[d]) == uint32(r[s]+in.imm) {
				goto taken
			}
		case opJne32:
			if uint32(r[d]) != uint32(r[s]+in.imm) {
				goto taken
			}
		case opJgt32:
			if uint32(r[d]) > uint32(r[s]+in.imm) {
				goto taken
			}
		case opJge32:
			if uint32(r[d]) >= uint32(r[s]+in.imm) {
				goto taken
			}
		case opJlt32:
			if uint32(r[d]) < uint32(r[s]+in.imm) {
				goto taken
			}
		case opJle32:
			if uint32(r[d]) <= uint32(r[s]+in.imm) {
				goto taken
			}
		case opJump:
			if isa.Holds(isa.Cond(in.aux), isa.W64, r[d], r[s]+in.imm) {
				goto taken
			}
		case opJump32:
			if isa.Holds(isa.Cond(in.aux), isa.W32, r[d], r[s]+in.imm) {
				goto taken
			}
		case opMayGoto:
			if m.mayGoto--; m.mayGoto < 0 {
				goto taken
			}

		case opLoad8:
			a := r[s] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint32(a)-bias; int(id) < len(regions) {
				if b := regions[id].r; uint64(o) < uint64(len(b)) {
					r[d] = uint64(b[o])
					break
				}
			}
			if fault = m.loadSlow(in, a, 1); fault != NoFault {
				goto stop
			}
			regions = m.regions
		case opLoad16:
			a := r[s] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].r; o+2 <= uint64(len(b)) {
					r[d] = uint64(binary.LittleEndian.Uint16(b[o : o+2]))
					break
				}
			}
			if fault = m.loadSlow(in, a, 2); fault != NoFault {
				goto stop
			}
			regions = m.regions
		case opLoad32:
			a := r[s] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].r; o+4 <= uint64(len(b)) {
					r[d] = uint64(binary.LittleEndian.Uint32(b[o : o+4]))
					break
				}
			}
			if fault = m.loadSlow(in, a, 4); fault != NoFault {
				goto stop
			}
			regions = m.regions
		case opLoad64:
			a := r[s] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].r; o+8 <= uint64(len(b)) {
					r[d] = binary.LittleEndian.Uint64(b[o : o+8])
					break
				}
			}
			if fault = m.loadSlow(in, a, 8); fault != NoFault {
				goto stop
			}
			regions = m.regions
		case opLoadSX:
			if fault = m.loadSigned(in, r[s]+uint64(int64(in.off))); fault != NoFault {
				goto stop
			}
			regions = m.regions
		case opStore8:
			a := r[d] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint32(a)-bias; int(id) < len(regions) {
				if b := regions[id].w; uint64(o) < uint64(len(b)) {
					b[o] = byte(r[s] + in.imm)
					break
				}
			}
			if fault = m.storeSlow(a, r[s]+in.imm, 1); fault != NoFault {
				goto stop
			}
		case opStore16:
			a := r[d] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].w; o+2 <= uint64(len(b)) {
					binary.LittleEndian.PutUint16(b[o:o+2], uint16(r[s]+in.imm))
					break
				}
			}
			if fault = m.storeSlow(a, r[s]+in.imm, 2); fault != NoFault {
				goto stop
			}
		case opStore32:
			a := r[d] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].w; o+4 <= uint64(len(b)) {
					binary.LittleEndian.PutUint32(b[o:o+4], uint32(r[s]+in.imm))
					break
				}
			}
			if fault = m.storeSlow(a, r[s]+in.imm, 4); fault != NoFault {
				goto stop
			}
		case opStore64:
			a := r[d] + uint64(int64(in.off))
			if id, o := uint32(a>>32)*unscramble, uint64(uint32(a)-bias); int(id) < len(regions) {
				if b := regions[id].w; o+8 <= uint64(len(b)) {
					binary.LittleEndian.PutUint64(b[o:o+8], r[s]+in.imm)
					break
				}
			}
			if fault = m.storeSlow(a, r[s]+in.imm, 8); fault != NoFault {
				goto stop
			}
		case opAtomic:
			if fault = m.atomic(in); fault != NoFault {
				goto stop
			}
			regions = m.regions
		case opPacket:
			var ok bool
			if ok, fault = m.packetLoad(in); fault != NoFault {
				goto stop
			}
			if !ok { // beyond the packet: the frame returns 0
				r[0] = 0
				goto exit
			}

		case opCall, opCallX:
			steps += int64(i-start) + 1
			start, m.Steps, m.atPC = i+1, steps, i
			if fault = m.callHelper(in); fault != NoFault {
				return fault
			}
			if m.exited {
				return NoFault
			}
			steps, regions = m.Steps, m.regions
			if m.tailed { // the frame goes on with another program
				m.tailed, c = false, m.code
				insns, i, start = c.insns, 0, 0
				continue
			}
		case opLocal:
			if !m.enter(i + 1) {
				fault = m.fail(CallDepth, "")
				goto stop
			}
			goto taken
		case opExit:
			goto exit
		case opCheck:
			if fault = m.checkWritten(in.imm); fault != NoFault {
				goto stop
			}
			steps--
		case opObserve:
			steps--
			m.observe(i)
		case opTrap:
			fault = m.fail(Fault(in.imm), "")
			goto stop
		default:
			fault = m.fail(NotModelled, "internal: unknown operation")
			goto stop
		}
		i++
		continue

	taken:
		steps += int64(i-start) + 1
		if in.off <= i && steps >= m.Fuel {
			m.Steps, m.atPC = steps, i
			return m.fail(OutOfFuel, "")
		}
		i = in.off
		start = i
		continue

	exit:
		steps += int64(i-start) + 1
		if m.depth == base {
			m.Steps, m.atPC = steps, i
			if base == 0 && r[0] == unwrittenValue {
				return m.fail(Uninitialised, "R0 at exit")
			}
			return NoFault
		}
		i = m.leave()
		c = m.code
		insns, start, regions = c.insns, i, m.regions
		continue

	stop:
		m.Steps, m.atPC = steps+int64(i-start)+1, i
		return fault
	}
}

// checkWritten looks for registers of a set that were not written.
func (m *Machine) checkWritten(set uint64) Fault {
	for ; set != 0; set &= set - 1 {
		if n := bits.TrailingZeros64(set); m.Regs[n&15] == unwrittenValue {
			return m.fail(Uninitialised, "R"+string(rune('0'+n%10)))
		}
	}
	return NoFault
}

// observe calls the observer before the instruction after i.
func (m *Machine) observe(i int32) {
	o := Observation{PC: int(m.code.pcs[i]), Regs: &m.Regs, Frame: m.depth, Main: m.code.prog == m.prog.main, m: m}
	m.in.Observe(&o)
}
