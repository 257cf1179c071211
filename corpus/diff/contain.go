// Package diff holds the analysis against executions: at every instruction of a
// run the concrete registers and stack must lie in one of the abstract states
// that the analysis found there, and a program that was proved safe must not
// fault.
//
// The idea: a verifier that is unsound somewhere has an abstract state that does
// not contain what really happens, usually long before an unsafe program slips
// through. Checking containment finds the operator, not just the symptom.
//
// Sources: the oracle of "Finding correctness bugs in eBPF verifier with
// structured and sanitized program" (Sun et al. 2024), done at every point.
//
// The trap: an oracle that cannot fail. Its tests plant wrong states.
package diff

import (
	"fmt"
	"math/rand/v2"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Violation is a run that the analysis does not account for.
type Violation struct {
	Strategy absint.Strategy
	PC       int
	Input    *exec.Input
	Why      string
	// Faults: the program was judged safe and faults; else a state does not contain it.
	Faults bool
}

// String is one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s, instruction %d, seed %d, %d bytes of data: %s", v.Strategy, v.PC, v.Input.Seed, len(v.Input.Data), v.Why)
}

// Stats counts what was checked.
type Stats struct {
	Programs, Runs, Points int
	Instructions           int64
}

// Add adds t to s.
func (s *Stats) Add(t Stats) {
	s.Programs += t.Programs
	s.Runs += t.Runs
	s.Points += t.Points
	s.Instructions += t.Instructions
}

// Contain analyses p with strategies fixpoint and explore and holds the states
// against runs on all inputs. It stops at the first violation.
func Contain(p *loader.Program, c absint.Config, inputs []*exec.Input) (Stats, *Violation) {
	stats := Stats{Programs: 1}
	run, err := exec.Interpreter{}.Load(p, exec.Options{Target: c.Target})
	if err != nil {
		return stats, nil // no semantics to compare with
	}
	c.Record = true
	for _, strategy := range []absint.Strategy{absint.Fixpoint, absint.Explore} {
		c.Strategy = strategy
		res := absint.Analyze(p, c)
		for _, in := range inputs {
			o := observer{inv: res.Invariants, program: p}
			in.Observe = nil
			if o.inv != nil {
				in.Observe = o.observe
			}
			out := run.Run(in)
			stats.Runs++
			stats.Points += o.points
			stats.Instructions += out.Steps
			if o.why != "" && !(o.unreachable && res.Verdict != absint.Safe) {
				return stats, &Violation{Strategy: strategy, PC: o.pc, Input: in, Why: o.why}
			}
			if res.Verdict == absint.Safe && isFault(out.Fault) {
				return stats, &Violation{strategy, out.PC, in, fmt.Sprintf("judged safe, but the run ends with: %s", out.Fault), true}
			}
		}
	}
	return stats, nil
}

// isFault reports the faults that are the program's, not the limits of a run.
func isFault(f exec.Fault) bool { return f.Rule() != 0 && f != exec.OutOfFuel }

// observer checks one run.
type observer struct {
	inv     *absint.Invariants
	program *loader.Program
	points  int
	pc      int
	why     string
	// unreachable: no state was found at pc. Behind an obligation that is open, the
	// analysis need not have looked.
	unreachable bool
}

func (o *observer) observe(ob *exec.Observation) {
	if o.why != "" || !ob.Main {
		return
	}
	o.points++
	c := absint.Concrete{Depth: ob.Frame, Stack: ob.Stack, PacketSize: int64(ob.PacketSize()), MetaSize: int64(ob.MetaSize())}
	for f := 0; f < ob.Frame; f++ {
		c.Calls[f] = int32(ob.CallSite(f))
	}
	c.Reg = func(frame int, r isa.Reg) (uint64, bool) {
		switch {
		case frame == ob.Frame:
			return ob.Regs[r], true
		case r >= isa.R6 && r <= isa.R9:
			return ob.Saved(frame)[r-isa.R6], true
		}
		return 0, false
	}
	c.Resolve = func(addr uint64) (absint.Place, bool) {
		p, ok := ob.Resolve(addr)
		if !ok || !p.Live {
			return absint.Place{}, false
		}
		return place(p, int64(ob.MetaSize()))
	}
	if ok, why := o.inv.Admits(ob.PC, &c); !ok {
		o.pc, o.why, o.unreachable = ob.PC, why, o.inv.Count(ob.PC) == 0
	}
}

// place translates an address of the memory model to what cells say. meta is the
// size of the metadata, where the packet's object begins.
func place(p exec.Place, meta int64) (absint.Place, bool) {
	q := absint.Place{Region: p.Object, Off: p.Offset}
	switch p.Kind {
	case exec.KindContext:
		q.Kind = absint.CtxPtr
	case exec.KindStack:
		q.Kind, q.Off = absint.StackPtr, p.Offset-512
	case exec.KindPacket:
		q.Kind, q.Off = absint.Packet, p.Offset-meta
	case exec.KindMap:
		q.Kind = absint.MapPtr
	case exec.KindValue:
		q.Kind = absint.MapValue
	case exec.KindMemory, exec.KindRecord:
		q.Kind = absint.Mem
	case exec.KindKernel:
		q.Kind = absint.BTFPtr
	case exec.KindFunction:
		q.Kind, q.Region, q.Off = absint.FuncPtr, int32(p.Offset), 0
	case exec.KindCtxData:
		q.Kind = absint.TPBuffer
	case exec.KindSocket:
		q.Kind = sockets[platform.ValueKind(p.Object)]
	default:
		return q, false
	}
	return q, q.Kind != absint.NotInit
}

var sockets = map[platform.ValueKind]absint.Kind{
	platform.Sock: absint.Sock, platform.SockCommon: absint.SockCommon, platform.TCPSock: absint.TCPSock, platform.XDPSock: absint.XDPSock,
}

// Inputs makes n inputs: packets of many lengths, some with the headers that
// programs look for, and maps with and without elements, some made up when a
// program asks for them.
func Inputs(p *loader.Program, seed uint64, n int) []*exec.Input {
	rng := rand.New(rand.NewPCG(seed, 1))
	lengths := []int{14, 0, 64, 34, 54, 15, 128, 1, 62, 256, 42, 1500}
	var ins []*exec.Input
	for i := 0; i < n; i++ {
		in := &exec.Input{Seed: rng.Uint64(), Data: make([]byte, lengths[i%len(lengths)]), Fuel: 1 << 11, MayGoto: 64}
		if i%3 != 0 {
			for k := range in.Data {
				in.Data[k] = byte(rng.Uint32())
			}
		}
		if i%2 == 1 {
			headers(in.Data, rng)
		}
		if i%4 >= 2 {
			in.Maps = elements(p, rng)
		}
		in.Lazy = i%6 == 1 || i%6 == 4
		for k := 0; i%5 == 4 && k < 32; k++ {
			in.Results = append(in.Results, boundary(rng))
		}
		ins = append(ins, in)
	}
	return ins
}

// boundary draws a number near a power of two, or any.
func boundary(rng *rand.Rand) uint64 {
	switch rng.IntN(3) {
	case 0:
		return uint64(rng.IntN(300)) - 20
	case 1:
		return 1<<rng.IntN(64) + uint64(rng.IntN(5)) - 2
	}
	return rng.Uint64()
}

// headers writes Ethernet, IP and TCP or UDP headers over the start of a packet.
func headers(b []byte, rng *rand.Rand) {
	put := func(off int, bytes ...byte) {
		for i, x := range bytes {
			if off+i < len(b) {
				b[off+i] = x
			}
		}
	}
	proto := []byte{6, 17, 1, 58}[rng.IntN(4)]
	if rng.IntN(3) == 0 {
		put(12, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, proto, 64)
	} else {
		put(12, 0x08, 0x00, 0x45+byte(rng.IntN(2)), 0, 0, 40, 0, 0, 0, 0, 64, proto)
	}
}

// elements fills maps with a few elements: zero, small and random keys.
func elements(p *loader.Program, rng *rand.Rand) map[string][]exec.Entry {
	maps := map[string][]exec.Entry{}
	for _, m := range p.Maps {
		if m.Inner != nil || m.KeySize == 0 || m.ValueSize == 0 || m.KeySize > 256 || m.ValueSize > 4096 || m.Data != nil {
			continue
		}
		for i := 0; i < min(4, int(m.MaxEntries)); i++ {
			e := exec.Entry{Key: make([]byte, m.KeySize), Value: make([]byte, m.ValueSize)}
			e.Key[0] = byte(i)
			for k := range e.Value {
				if i%2 == 1 {
					e.Value[k] = byte(rng.Uint32())
				}
			}
			maps[m.Name] = append(maps[m.Name], e)
		}
	}
	return maps
}
