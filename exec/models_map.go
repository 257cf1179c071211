package exec

import (
	"encoding/binary"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// mapModels are the helpers on maps.
var mapModels = map[string]model{
	"map_lookup_elem":        lookup,
	"map_lookup_percpu_elem": lookupPerCPU,
	"map_update_elem":        update,
	"map_delete_elem":        remove,
	"map_push_elem":          push,
	"map_pop_elem":           func(m *Machine, a *[5]uint64) uint64 { return take(m, a, true) },
	"map_peek_elem":          func(m *Machine, a *[5]uint64) uint64 { return take(m, a, false) },
	"sock_map_update":        sockUpdate,
	"sock_hash_update":       sockUpdate,
	"spin_lock":              lock,
	"spin_unlock":            unlock,
	"kptr_xchg":              exchange,
}

// keyAt returns the key that an argument points to.
func (m *Machine) keyAt(s *mapState, addr uint64) []byte {
	return m.span(addr, int(s.def.KeySize), false)
}

func lookup(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	e := m.find(s, m.keyAt(s, a[1]))
	if e == nil {
		return 0
	}
	t, _ := m.prog.opts.Target.MapType(s.def.Type)
	switch {
	case s.def.Inner != nil:
		if e.inner == nil {
			return 0
		}
		return Address(e.inner.id, 0)
	case t == nil:
		return 0
	case t.Lookup == platform.Sock || t.Lookup == platform.XDPSock:
		return m.socketAddress(t.Lookup, t.LookupAcquires)
	case t.Lookup == platform.NoValue:
		return errno(eNOTSUPP)
	}
	return m.expose(s, e, m.valueCPU(s))
}

// socketAddress makes a socket and returns its address.
func (m *Machine) socketAddress(kind platform.ValueKind, owned bool) uint64 {
	id := m.newSocket(kind, owned)
	if id == 0 {
		m.fail(Exhausted, "")
		return 0
	}
	return Address(id, 0)
}

// valueCPU is the CPU whose value a lookup gives, 0 for maps with one value.
func (m *Machine) valueCPU(s *mapState) int {
	if s.perCPU() {
		return m.cpu()
	}
	return 0
}

func lookupPerCPU(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	e := m.find(s, m.keyAt(s, a[1]))
	if e == nil || uint32(a[2]) >= cpus || !s.perCPU() {
		return 0
	}
	return m.expose(s, e, int(uint32(a[2])))
}

func update(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	key := m.keyAt(s, a[1])
	if !s.holdsValues() {
		if s.elems[string(key)] == nil && m.newElement(s, string(key)) == nil {
			return errno(eBIG)
		}
		return 0
	}
	if s.def.Flags&flagRdonlyProg != 0 {
		return errno(ePERM)
	}
	return m.update(s, key, m.span(a[2], int(s.def.ValueSize), false), a[3])
}

func remove(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	if m.in.Lazy {
		m.decide(s, m.keyAt(s, a[1]))
	}
	return s.remove(m.keyAt(s, a[1]))
}

func push(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	m.charge(8 * len(s.queue))
	return s.push(m.span(a[1], int(s.def.ValueSize), false), a[2])
}

func take(m *Machine, a *[5]uint64, pop bool) uint64 {
	s := m.mapAt(a[0])
	m.charge(8 * len(s.queue))
	if m.in.Lazy && len(s.queue) == 0 && s.def.Type != "bloom_filter" && m.draw()&1 == 0 {
		v := make([]byte, s.def.ValueSize)
		m.scribble(v)
		s.push(v, 0)
	}
	b := m.span(a[1], int(s.def.ValueSize), true)
	if b == nil {
		b = m.span(a[1], int(s.def.ValueSize), false) // a bloom filter only reads it
	}
	return s.take(b, pop)
}

func sockUpdate(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[1])
	key := string(m.keyAt(s, a[2]))
	if isArray(s.def.Type) && !s.inRange(key) {
		return errno(eBIG)
	}
	if s.elems[key] == nil && m.newElement(s, key) == nil {
		return errno(eBIG)
	}
	return 0
}

func lock(m *Machine, a *[5]uint64) uint64 {
	m.held = a[0]
	return 0
}

func unlock(m *Machine, a *[5]uint64) uint64 {
	if m.held != a[0] {
		m.failAt(Locking, a[0], "another lock, or none, is held")
	}
	m.held = 0
	return 0
}

// exchange is kptr_xchg: the field takes the reference, the program gets the old one.
func exchange(m *Machine, a *[5]uint64) uint64 {
	o, _, off := m.at(a[0])
	if off < 0 || off+8 > int64(len(o.data)) {
		m.badAccess(a[0], true)
		return 0
	}
	old := binary.LittleEndian.Uint64(o.data[off:])
	if a[1] != 0 {
		n, _, at := m.at(a[1])
		if !n.owned || at != 0 {
			m.failAt(Reference, a[1], "not a reference that is held")
			return 0
		}
		n.owned = false
	}
	binary.LittleEndian.PutUint64(o.data[off:], a[1])
	if p, _, _ := m.at(old); p != nil {
		p.owned = true
	}
	return old
}

// callModels are the helpers that call the program back, and tail calls.
var callModels = map[string]model{
	"tail_call":          tailCall,
	"loop":               loop,
	"for_each_map_elem":  forEach,
	"user_ringbuf_drain": func(m *Machine, a *[5]uint64) uint64 { return 0 },
	"find_vma":           func(m *Machine, a *[5]uint64) uint64 { return errno(eNOENT) },
	"timer_init":         timerInit,
	"timer_set_callback": timerSet,
	"timer_start":        timerStart,
	"timer_cancel":       timerCancel,
}

// invoke calls back a subprogram of the program and returns its result.
func (m *Machine) invoke(fn uint64, args ...uint64) (uint64, bool) {
	o, _, slot := m.at(fn)
	if o == nil || o.kind != KindFunction || slot < 0 || slot >= int64(len(m.code.index)-1) || m.code.index[slot] < 0 {
		m.fail(ControlFlow, "no subprogram to call back")
		return 0, false
	}
	if m.Steps >= m.Fuel {
		m.fail(OutOfFuel, "")
		return 0, false
	}
	if !m.enter(m.atPC + 1) {
		m.fail(CallDepth, "")
		return 0, false
	}
	m.clobber()
	copy(m.Regs[isa.R1:isa.R6], args)
	at := m.atPC
	if f := m.execute(m.code, m.code.index[slot]); f != NoFault {
		return 0, false
	}
	m.leave()
	m.atPC = at
	if m.Regs[0] == unwrittenValue {
		m.fail(Uninitialised, "R0 of a callback")
		return 0, false
	}
	return m.Regs[0], true
}

// proceed judges the result of a callback that may stop an iteration with 1.
func (m *Machine) proceed(r uint64, ok bool) (goOn bool) {
	if ok && r > 1 {
		m.fail(CallbackResult, "neither 0 nor 1")
		return false
	}
	return ok && r == 0
}

const maxLoops = 1 << 23

func loop(m *Machine, a *[5]uint64) uint64 {
	n := uint64(uint32(a[0]))
	switch {
	case a[3] != 0:
		return errno(eINVAL)
	case n > maxLoops:
		return errno(eBIG)
	}
	for i := uint64(0); i < n; i++ {
		if r, ok := m.invoke(a[1], i, a[2]); !m.proceed(r, ok) {
			return i + 1
		}
	}
	return n
}

func forEach(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[0])
	if a[3] != 0 {
		return errno(eINVAL)
	}
	key := make([]byte, s.def.KeySize)
	id := m.add(object{kind: KindMemory, data: key}, key, nil)
	if id == 0 {
		m.fail(Exhausted, "")
		return 0
	}
	defer func() { m.kill(id) }()
	count := uint64(0)
	visit := func(k string) (goOn bool) {
		e := m.find(s, []byte(k))
		if e == nil { // deleted on the way
			return true
		}
		copy(key, k)
		count++
		v := m.expose(s, e, m.valueCPU(s))
		if m.fault != NoFault {
			return false
		}
		return m.proceed(m.invoke(a[1], a[0], Address(id, 0), v, a[2]))
	}
	if isArray(s.def.Type) {
		for i := uint32(0); i < s.def.MaxEntries && visit(string(binary.LittleEndian.AppendUint32(nil, i))); i++ {
		}
		return count
	}
	m.charge(64 * len(s.order))
	for _, e := range s.sorted() {
		if !visit(e.key) {
			break
		}
	}
	return count
}

// tailCall puts another program into the current frame, if there is one.
func tailCall(m *Machine, a *[5]uint64) uint64 {
	s := m.mapAt(a[1])
	e := s.elems[string(binary.LittleEndian.AppendUint32(nil, uint32(a[2])))]
	if e == nil || e.prog == "" || uint32(a[2]) >= s.def.MaxEntries || m.tails >= maxTails {
		return errno(eNOENT)
	}
	next := m.prog.tail(e.prog, m.in.Observe != nil)
	if next == nil {
		m.note("tail call to " + e.prog + ": no such program, passed over")
		return errno(eNOENT)
	}
	if m.Steps >= m.Fuel {
		m.fail(OutOfFuel, "")
		return 0
	}
	m.tails++
	if f := &m.frames[m.depth]; m.depth > 0 && f.outer == nil {
		f.outer = m.code
	}
	m.code, m.tailed = next, true
	for r := isa.R0; r < isa.R10; r++ {
		m.Regs[r] = unwrittenValue
	}
	m.Regs[isa.R1] = Address(idContext, 0)
	return 0
}

// Timers never fire during a run; their state is kept so that misuse shows.
const (
	timerNone = iota
	timerMade
	timerArmed
)

func timerInit(m *Machine, a *[5]uint64) uint64 {
	o, _, _ := m.at(a[0])
	switch {
	case m.mapAt(a[1]) != o.fields:
		m.fail(BadArgument, "the timer is of another map")
		return 0
	case a[2]&^0xf != 0:
		return errno(eINVAL)
	case m.timers[a[0]] != timerNone:
		return errno(eBUSY)
	}
	if m.timers == nil {
		m.timers = map[uint64]int{}
	}
	m.timers[a[0]] = timerMade
	return 0
}

func timerSet(m *Machine, a *[5]uint64) uint64 {
	if m.timers[a[0]] == timerNone {
		return errno(eINVAL)
	}
	m.timers[a[0]] = timerArmed
	return 0
}

func timerStart(m *Machine, a *[5]uint64) uint64 {
	if m.timers[a[0]] != timerArmed || a[2]&^3 != 0 {
		return errno(eINVAL)
	}
	return 0
}

func timerCancel(m *Machine, a *[5]uint64) uint64 {
	if m.timers[a[0]] == timerNone {
		return errno(eINVAL)
	}
	return 0
}
