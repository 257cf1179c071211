package exec

import (
	"math/bits"

	"github.com/bpfcheck/bpfcheck/isa"
)

// execute runs code from an internal instruction to the exit of the frame that it
// starts in: the engine runs what it can, step the instruction it stopped at.
func (m *Machine) execute(c *Code, entry int32) Fault {
	outer := m.base
	m.base, m.code, m.fuel = m.depth, c, insnSize*m.Fuel
	for i := entry; ; {
		i = m.prog.engine.Run(m, m.code, i)
		m.Steps++
		m.atPC = i
		next, f := m.step(&m.code.insns[i], i)
		if f != NoFault || next == done {
			m.base = outer
			return f
		}
		i = next
	}
}

// done is what step returns instead of an instruction at the end of the frame that
// execute began in.
const done = -1

// step runs instruction i, which is counted in Steps already, and returns the next.
func (m *Machine) step(in *insn, i int32) (next int32, f Fault) {
	d, s := in.dst, in.src
	switch in.op {
	case opALU:
		m.Regs[d] = isa.Eval(isa.ALUOp(in.aux), isa.W64, m.Regs[d], m.Regs[s]+in.imm)
	case opALU32:
		m.Regs[d] = isa.Eval(isa.ALUOp(in.aux), isa.W32, m.Regs[d], m.Regs[s]+in.imm)
	case opJump, opJump32:
		w := isa.W64
		if in.op == opJump32 {
			w = isa.W32
		}
		if isa.Holds(isa.Cond(in.aux), w, m.Regs[d], m.Regs[s]+in.imm) {
			return m.branch(in, i)
		}
	case opMayGoto:
		if m.mayGoto--; m.mayGoto < 0 {
			return m.branch(in, i)
		}
	case opLoad8, opLoad16, opLoad32, opLoad64:
		f = m.loadSlow(in, m.Regs[s]+uint64(int64(in.off)), 1<<(in.op-opLoad8))
	case opLoadSX:
		f = m.loadSigned(in, m.Regs[s]+uint64(int64(in.off)))
	case opStore8, opStore16, opStore32, opStore64:
		f = m.storeSlow(m.Regs[d]+uint64(int64(in.off)), m.Regs[s]+in.imm, 1<<(in.op-opStore8))
	case opAtomic:
		f = m.atomic(in)
	case opPacket:
		var ok bool
		if ok, f = m.packetLoad(in); f == NoFault && !ok { // beyond the packet: the frame returns 0
			m.Regs[0] = 0
			return m.exit()
		}
	case opCall, opCallX:
		f = m.callHelper(in)
		switch {
		case f == NoFault && m.exited:
			return done, NoFault
		case m.tailed: // the frame goes on with another program
			m.tailed = false
			return 0, f
		}
	case opLocal, opLocalGuarded:
		if !m.enter(i + 1) {
			return done, m.fail(CallDepth, "")
		}
		if m.Steps >= m.Fuel { // calls forward repeat code as loops do
			return done, m.fail(OutOfFuel, "")
		}
		return m.branch(in, i)
	case opExit, opExitGuarded:
		return m.exit()
	case opCheck:
		if f = m.checkWritten(in.imm); f == NoFault {
			m.Steps-- // no instruction of the program
		}
	case opObserve:
		m.Steps--
		m.observe(i)
	case opTrap:
		f = m.fail(Fault(in.imm), "")
	default: // a jump that straight stopped at
		if in.op.branches() {
			return m.branch(in, i)
		}
		f = m.fail(NotModelled, "internal: unknown operation")
	}
	return i + 1, f
}

// branch takes a jump, if there is fuel.
func (m *Machine) branch(in *insn, i int32) (next int32, f Fault) {
	if in.off < 0 && m.Steps >= m.Fuel {
		return done, m.fail(OutOfFuel, "")
	}
	return i + 1 + in.off/insnSize, NoFault
}

// exit leaves the frame.
func (m *Machine) exit() (next int32, f Fault) {
	if m.depth == m.base {
		return done, NoFault
	}
	return m.leave(), NoFault
}

// checkWritten looks for registers of a set that were not written.
func (m *Machine) checkWritten(set uint64) Fault {
	for ; set != 0; set &= set - 1 {
		if n := bits.TrailingZeros64(set); m.Regs[n] == unwrittenValue {
			return m.fail(Uninitialised, isa.RegSet(0).With(isa.Reg(n)).String())
		}
	}
	return NoFault
}

// observe calls the observer before the instruction after i.
func (m *Machine) observe(i int32) {
	o := Observation{PC: int(m.code.pcs[i]), Regs: &m.Regs, Frame: m.depth, Main: m.code.prog == m.prog.main, m: m}
	m.in.Observe(&o)
}
