package exec

import (
	"slices"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Objects that every run has, at fixed numbers so that addresses can be part of
// the code. Maps follow, two numbers each: the map and its first value.
const (
	idContext ID = 1 + iota
	idCode       // offset = slot of a subprogram
	idKernel     // kernel symbols
	idFrame      // the first of maxFrames frames
	idMaps    = idFrame + maxFrames
)

const (
	maxFrames  = 8
	stackBytes = 512
	// maxTails is how many tail calls a run may take.
	maxTails = 33
)

func mapID(n int) ID    { return idMaps + 2*ID(n) }
func directID(n int) ID { return idMaps + 2*ID(n) + 1 }

// unwrittenValue is what a register holds that was never written, or that a call
// destroyed. Instructions that may meet one compare with it.
const unwrittenValue = 0x7fb5_d329_728e_a185

// frame is what a call saves.
type frame struct {
	saved [4]uint64 // R6-R9
	ret   int32     // where the caller goes on, in bytes of its code
	// outer is the caller's code if a tail call put another program into this frame.
	outer *Code
}

// Machine is the state of a run. It is what an Executor shares with the
// interpreter: memory, maps, helpers and frames; only the interpretation of
// instructions differs.
type Machine struct {
	Memory
	// Regs are R0 to R10 of the current frame; zeroReg is 0. The rest is unused: an
	// array that every uint8 is an index of needs no bounds check.
	Regs  [256]uint64
	Steps int64
	Fuel  int64
	fuel  int64 // Fuel in the unit of straight

	prog   *program
	code   *Code
	in     *Input
	fault  Fault
	detail string
	where  uint64 // address of the faulting access
	atPC   int32  // internal number of the instruction that runs, for faults and observers
	depth  int
	base   int   // the frame that interpret began in
	first  *insn // of code
	frames [maxFrames]frame
	stack  [maxFrames][stackBytes]byte
	tails  int
	exited bool // a helper ended the program
	tailed bool // a tail call put another program into code

	maps      []*mapState
	allocated int // bytes taken for maps and records
	ctx       contextState
	results   int    // Input.Results used
	draws     uint64 // numbers drawn from the seed
	held      uint64 // address of the spin lock that is held, 0 for none
	mayGoto   int
	notes     []string
	log       []string
	dynptrs   map[uint64]*dynptr
	clock     uint64
	work      int64 // of helpers, see charge
	timers    map[uint64]int
}

func newMachine(p *program) *Machine {
	m := &Machine{prog: p}
	m.add(object{}, nil, nil)
	m.add(object{kind: KindContext}, nil, nil)
	m.add(object{kind: KindFunction}, nil, nil)
	m.add(object{kind: KindKernel}, nil, nil)
	for i := range maxFrames {
		m.add(object{kind: KindStack, num: int32(i), data: m.stack[i][:]}, nil, nil)
	}
	for i := range p.maps {
		m.add(object{kind: KindMap, num: int32(i)}, nil, nil)
		m.add(object{kind: KindValue, num: int32(i)}, nil, nil)
	}
	return m
}

// run does a whole run.
func (m *Machine) run(in *Input) Outcome {
	m.begin(in)
	if m.code == nil { // the engine could not compile observed code
		return Outcome{Fault: NotModelled}
	}
	f := m.setUp()
	if f == NoFault {
		f = m.execute(m.code, 0)
	}
	if f == NoFault {
		f = m.atExit()
	}
	out := Outcome{Fault: f, PC: int(m.code.pcs[m.atPC]), Steps: m.Steps, Hash: m.hash()}
	if f == NoFault {
		out.R0 = m.Regs[0]
	}
	if in.Report != nil {
		m.report(in.Report, f)
	}
	m.in = nil // a pooled machine keeps nothing of its caller
	return out
}

// begin makes the machine new.
func (m *Machine) begin(in *Input) {
	m.in = in
	m.reset(int(idMaps)+2*len(m.prog.maps), in.Seed)
	m.code = m.prog.code(m.prog.main, in.Observe != nil)
	m.Steps, m.Fuel = 0, in.Fuel
	if m.Fuel <= 0 {
		m.Fuel = DefaultFuel
	}
	m.Fuel = min(m.Fuel, 1<<56)
	m.mayGoto = in.MayGoto
	if m.mayGoto <= 0 {
		m.mayGoto = 1 << 23
	}
	m.fault, m.detail, m.where, m.atPC = NoFault, "", 0, 0
	m.base, m.tails, m.exited, m.tailed = 0, 0, false, false
	m.results, m.draws, m.held, m.clock, m.work = 0, 0, 0, 0, 0
	m.notes, m.log = nil, nil
	clear(m.dynptrs)
	clear(m.timers)
	clear(m.stack[:])
	for m.depth = maxFrames - 1; m.depth > 0; m.depth-- {
		m.closeFrame()
		m.frames[m.depth].outer = nil
	}
	for i := range m.Regs[:zeroReg] {
		m.Regs[i] = unwrittenValue
	}
	m.Regs[zeroReg] = 0
	m.openFrame()
}

// frameTops are the values of R10 by depth.
var frameTops = func() (t [maxFrames]uint64) {
	for i := range t {
		t[i] = Address(idFrame+ID(i), stackBytes)
	}
	return t
}()

// openFrame makes the frame of the current depth live and points R10 at its top. A
// frame that is not live has no bytes.
func (m *Machine) openFrame() {
	b := m.stack[m.depth][:]
	m.regions[idFrame+ID(m.depth)] = Region{b, b}
	m.Regs[isa.R10] = frameTops[m.depth]
}

// closeFrame ends the frame of the current depth.
func (m *Machine) closeFrame() {
	b := m.stack[m.depth][:0]
	m.regions[idFrame+ID(m.depth)] = Region{b, b}
}

// enter makes a frame for a call; ret is where the caller goes on. It reports
// false if there are too many frames.
func (m *Machine) enter(ret int32) bool {
	if m.depth+1 >= maxFrames {
		return false
	}
	f := &m.frames[m.depth]
	copy(f.saved[:], m.Regs[isa.R6:isa.R10])
	f.ret = ret * insnSize
	m.depth++
	m.frames[m.depth].outer = nil
	m.openFrame()
	if m.code.guarded {
		m.Regs[isa.R0] = unwrittenValue
		for r := isa.R6; r <= isa.R9; r++ {
			m.Regs[r] = unwrittenValue
		}
	}
	return true
}

// leave goes back to the caller's frame and returns where that goes on.
func (m *Machine) leave() int32 {
	m.closeFrame()
	if outer := m.frames[m.depth].outer; outer != nil {
		m.code, m.frames[m.depth].outer = outer, nil
	}
	m.depth--
	f := &m.frames[m.depth]
	copy(m.Regs[isa.R6:isa.R10], f.saved[:])
	m.Regs[isa.R10] = frameTops[m.depth]
	if m.code.guarded {
		m.clobber()
	}
	return f.ret / insnSize
}

// clobber destroys the registers that a call does not keep.
func (m *Machine) clobber() {
	for r := isa.R1; r <= isa.R5; r++ {
		m.Regs[r] = unwrittenValue
	}
}

// fail ends the run with a fault and its explanation.
func (m *Machine) fail(f Fault, detail string) Fault {
	if m.fault == NoFault {
		m.fault, m.detail = f, detail
	}
	return f
}

// badAccess ends the run because of an access to addr.
func (m *Machine) badAccess(addr uint64, write bool) Fault {
	f := m.Memory.fault(addr, write)
	if m.fault == NoFault {
		m.fault, m.where = f, addr
	}
	return f
}

// atExit judges what the program leaves behind.
func (m *Machine) atExit() Fault {
	if m.held != 0 {
		return m.fail(Locking, "the program ends with a lock held")
	}
	for i := range m.objects {
		if m.objects[i].owned {
			return m.fail(Reference, "the program ends with a reference held")
		}
	}
	if m.prog.kind == nil || m.exited {
		return NoFault
	}
	if r := m.prog.ctx.Exit(); !r.Any && r.Min <= r.Max {
		v := int64(m.Regs[0])
		if r.Low32 {
			v = isa.W32.Signed(m.Regs[0])
		}
		if v < r.Min || v > r.Max {
			return m.fail(ExitValue, "R0 is outside of what the program type may return")
		}
	}
	return NoFault
}

// hash is over what a run leaves in memory.
func (m *Machine) hash() uint64 {
	h := hash(m.ctx.hash(), m.ctx.packet())
	for _, s := range m.maps {
		h = s.hash(h)
	}
	return h
}

// note records, once, that something was not modelled.
func (m *Machine) note(s string) {
	if m.in.Report != nil && len(m.notes) < maxReport && !slices.Contains(m.notes, s) {
		m.notes = append(m.notes, s)
	}
}

// print records what the program sends to the outside.
func (m *Machine) print(s string) {
	if m.in.Report != nil && len(m.log) < maxReport {
		m.log = append(m.log, s)
	}
}

// draw returns the next number that only the seed decides.
func (m *Machine) draw() uint64 {
	m.draws++
	return mix(m.in.Seed ^ m.draws*0xd1342543de82ef95)
}

// result returns the next scalar that the kernel decides: given by the input, or
// what the model says.
func (m *Machine) result(model uint64) uint64 {
	if m.results < len(m.in.Results) {
		m.results++
		return m.in.Results[m.results-1]
	}
	return model
}

// report fills a report.
func (m *Machine) report(r *Report, f Fault) {
	*r = Report{Notes: m.notes, Log: m.log, Detail: m.detail, Address: m.where}
	if r.Detail == "" {
		r.Detail = f.String()
	}
	r.Packet = slices.Clone(m.ctx.packet())
	r.Values = map[string][]Entry{}
	for _, s := range m.maps {
		r.Values[s.def.Name] = s.entries()
	}
}

// Observation is the state before an instruction.
type Observation struct {
	// PC is the slot, Regs are R0-R10 of the frame; a register that was never
	// written, or that a call destroyed, may hold anything.
	PC   int
	Regs *[256]uint64
	// Frame is the depth, 0 for the main program.
	Frame int
	// Main is false in a program that a tail call went to.
	Main bool
	m    *Machine
}

// Resolve says what an address means.
func (o *Observation) Resolve(addr uint64) (Place, bool) { return o.m.Resolve(addr) }

// Stack returns the frame at a depth up to Frame; byte 512+k is at r10+k. It must
// not be changed.
func (o *Observation) Stack(depth int) *[512]byte { return &o.m.stack[depth] }

// Saved returns R6-R9 of a frame below the current one.
func (o *Observation) Saved(depth int) [4]uint64 { return o.m.frames[depth].saved }

// CallSite returns the slot of the call that a frame below the current one is at,
// -1 if a tail call put another program between.
func (o *Observation) CallSite(depth int) int {
	for d := depth + 1; d <= o.Frame; d++ {
		if o.m.frames[d].outer != nil {
			return -1
		}
	}
	return int(o.m.code.pcs[o.m.frames[depth].ret/insnSize-1])
}

// Map returns the definition of the map that Place.Object numbers, nil for none.
func (o *Observation) Map(n int32) *loader.Map {
	if n < 0 || int(n) >= len(o.m.maps) {
		return nil
	}
	return o.m.maps[n].def
}

// PacketData returns the offset of data in the packet's object, whose first byte is
// that of the metadata.
func (o *Observation) PacketData() int64 { return int64(o.m.ctx.data - o.m.ctx.meta) }

// PacketSize returns the bytes between data and data_end.
func (o *Observation) PacketSize() int { return o.m.ctx.linear() }

// MetaSize returns the bytes of metadata before the packet.
func (o *Observation) MetaSize() int { return o.m.ctx.data - o.m.ctx.meta }
