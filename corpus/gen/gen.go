// Package gen makes structured random programs: typed, mostly safe, and full of
// what verifiers get wrong.
//
// The idea: a sequence of bytes is a sequence of choices, and every choice leads
// to a program that means something. The generator keeps a rough type for each
// register and stack slot, so that it can use a pointer where one is wanted and
// knows, conservatively, how large an index may be; it is biased towards 32-bit
// operations, sign extension, spills of all sizes, packet checks of all shapes,
// bounded indices, loops and correlated branches. Sometimes it breaks its own
// rules, so that rejections are exercised too.
//
// Sources: the bug classes of past verifiers; "Finding correctness bugs in eBPF
// verifier with structured and sanitized program" (Sun et al. 2024) for the shape
// of programs that reach deep.
//
// The trap: a generator that is too tame. Its own bounds are kept wider than the
// program's, never the other way, but what it does between a bound and its use is
// arbitrary arithmetic.
package gen

import (
	"math/rand/v2"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// Program is a generated program. Its outcome depends on its input alone if
// Deterministic is set: it asks for no time, randomness or identity.
type Program struct {
	*loader.Program
	Deterministic bool
}

// Choices returns the n choices that a seed stands for.
func Choices(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 0xbf))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// DefaultChoices is a number of choices that gives programs of some hundred
// instructions.
const DefaultChoices = 400

// maxInsns bounds a program: jumps have 16 bits, and tests are many.
const maxInsns = 1200

// FromSeed makes the program of a seed.
func FromSeed(seed uint64) *Program {
	return New(Choices(seed, DefaultChoices/4+int(seed%4)*DefaultChoices/3))
}

// New makes the program that choices stand for. Every sequence of bytes gives a
// program; where it is too short the simplest choice is made.
func New(choices []byte) *Program {
	g := &gen{choices: choices, pure: true}
	g.program()
	p := &loader.Program{
		Name: "generated", ID: "generated", Type: g.typ, License: "GPL",
		Insns: g.code, Refs: g.refs, Maps: g.maps,
	}
	return &Program{Program: p, Deterministic: g.pure}
}

// gen is a generation under way.
type gen struct {
	choices []byte
	pure    bool
	typ     string
	code    []isa.Instruction
	refs    []loader.Ref
	maps    []*loader.Map
	ids     int // identities handed out

	state
	// locked registers and slots may not be overwritten.
	locked     uint16
	lockedSlot uint32
	loops      int       // loops around the place
	trips      int       // product of their trip counts
	blocks     []*exits  // where guards of the blocks around leave to
	calls      []pending // subprograms still to be written
	depth      int       // of the function that is being written
}

// exits collects the jumps that leave a block, with their states.
type exits struct {
	jumps  []int
	states []state
}

// pending is a subprogram that a call was written for.
type pending struct {
	calls  []int
	params []val
	depth  int
}

// n draws a choice below k; 0 is the simplest.
func (g *gen) n(k int) int {
	if k <= 1 {
		return 0
	}
	v := int(g.byte())
	if k > 256 {
		v = v<<8 | int(g.byte())
	}
	return v % k
}

func (g *gen) byte() byte {
	if len(g.choices) == 0 {
		return 0
	}
	b := g.choices[0]
	g.choices = g.choices[1:]
	return b
}

// rarely is true once in k times.
func (g *gen) rarely(k int) bool { return g.n(k) == k-1 }

// done reports that the program should come to its end.
func (g *gen) done() bool { return len(g.choices) == 0 || len(g.code) > maxInsns }

// pick draws one of some values.
func pick[T any](g *gen, of ...T) T { return of[g.n(len(of))] }

// boundary draws an immediate near where arithmetic changes its mind.
func (g *gen) boundary() int32 {
	switch g.n(8) {
	case 0:
		return int32(g.n(16))
	case 1:
		return -int32(g.n(9))
	case 2:
		return int32(1)<<g.n(32) - int32(g.n(3))
	case 3:
		return pick[int32](g, 0x7fffffff, -0x80000000, 0x7f, 0xff, 0xffff, 0x8000, -0x8000, 0xff00)
	case 4:
		return int32(g.byte())<<24 | int32(g.byte())<<16 | int32(g.byte())
	}
	return int32(g.byte())
}

// wide draws a 64-bit immediate.
func (g *gen) wide() uint64 {
	switch g.n(4) {
	case 0:
		return uint64(1)<<g.n(64) - uint64(g.n(3))
	case 1:
		return pick[uint64](g, 1<<63, 1<<63-1, 1<<32, 1<<32-1, 1<<31, 0xffffffff80000000, 0xffffffff00000000)
	case 2:
		return uint64(uint32(g.boundary()))<<32 | uint64(uint32(g.boundary()))
	}
	return uint64(int64(g.boundary()))
}

// program writes the main program and the subprograms it calls.
func (g *gen) program() {
	g.typ = pick(g, "xdp", "sched_cls", "sched_cls", "xdp", "socket_filter", "cgroup_skb")
	g.maps = []*loader.Map{
		{Name: "arr", Type: "array", KeySize: 4, ValueSize: 48, MaxEntries: 4},
		{Name: "hsh", Type: "hash", KeySize: 8, ValueSize: 16, MaxEntries: 16},
		{Name: "one", Type: "array", KeySize: 4, ValueSize: 64, MaxEntries: 1},
		{Name: "ring", Type: "ringbuf", MaxEntries: 4096},
	}
	g.trips = 1
	g.r[1] = val{kind: ctxPtr}
	g.movReg(6, 1)
	g.locked = 1 << 6
	if g.packetReads() && g.n(4) > 0 {
		g.loadPacket()
	}
	rest := g.choices[len(g.choices)*2/3:]
	g.choices = g.choices[:len(g.choices)*2/3]
	g.body(4 + g.n(24))
	g.finish()
	g.choices = rest
	for i := 0; i < len(g.calls); i++ {
		g.subprogram(i)
	}
	g.dropUnused()
}

// packetReads reports whether the type reads packets through pointers.
func (g *gen) packetReads() bool { return g.typ != "socket_filter" }

func (g *gen) packetWrites() bool { return g.typ == "xdp" || g.typ == "sched_cls" }

// body is the outermost block of a function.
func (g *gen) body(n int) {
	g.block(n, 0)
}

// finish folds what is known into r0, so that a wrong value anywhere shows.
func (g *gen) finish() {
	if g.r[0].kind != scalar {
		g.movImm(0, int32(g.n(3)))
	}
	for r := 1; r < 10; r++ {
		if g.r[r].kind == scalar && g.n(3) > 0 {
			g.alu(isa.ClassALU64, isa.CodeXOR, 0, r)
			if g.n(4) == 0 {
				g.aluImm(isa.ClassALU64, isa.CodeMUL, 0, 31)
			}
		}
	}
	for s := range g.stack {
		if g.stack[s].plain() && g.n(4) == 0 {
			g.fill(1, s, 8)
			g.alu(isa.ClassALU64, isa.CodeADD, 0, 1)
		}
	}
	if g.depth == 0 && g.typ == "cgroup_skb" {
		g.aluImm(isa.ClassALU, isa.CodeAND, 0, 1)
	}
	g.emit(isa.Instruction{Op: isa.OpExit})
}

// dropUnused takes maps that nothing refers to away.
func (g *gen) dropUnused() {
	used := make([]int, len(g.maps))
	for _, r := range g.refs {
		used[r.Map]++
	}
	var keep []*loader.Map
	for i, m := range g.maps {
		if n := used[i]; n > 0 {
			keep = append(keep, m)
			used[i] = len(keep) - 1
		}
	}
	for i := range g.refs {
		g.refs[i].Map = used[g.refs[i].Map]
	}
	g.maps = keep
}
