package cfg

import (
	"math/rand/v2"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
)

// A walker runs random programs on random paths with concrete pointers into
// frames, and holds each read of a word against what liveness said since the word
// was last overwritten. It stops where the assumptions of Liveness end.
type walker struct {
	r      *rand.Rand
	g      *Graph
	live   *Liveness
	frames []*walkFrame
	pc     int
	reads  int // of words, checked
	bad    string
}

// pointer is an address in a frame; the zero value is anything else. floor is the
// lowest offset that its holder may use, 0 for the frame's own code.
type pointer struct {
	frame *walkFrame
	off   int
	floor int
}

type walkFrame struct {
	reg   [11]pointer
	slot  map[int]pointer // by offset of 8 bytes
	trail []int           // the program counters of this frame since it was entered, calls included
	wrote [stackWords]int // by word: length of trail when it was overwritten last
	ret   int
}

// touch checks a read of [from, to) of f: every instruction of f since the last
// write must have had the words in its set.
func (w *walker) touch(f *walkFrame, from, to int) {
	lo, hi := touched(from, to)
	for h := lo; h < hi; h++ {
		w.reads++
		for _, pc := range f.trail[f.wrote[h]:] {
			if !w.live.Stack(pc).Has(int(h)) {
				w.bad = "word " + itoa(-4*(int(h)+1)) + " is read at " + itoa(w.pc) + " but dead at " + itoa(pc)
			}
		}
	}
}

// run walks up to n steps and reports whether all assumptions held.
func (w *walker) run(n int) {
	w.enter(0, -1, [6]pointer{})
	for range n {
		f := w.frames[len(w.frames)-1]
		i := w.g.Insns[w.pc]
		f.trail = append(f.trail, w.pc)
		if w.bad != "" || !w.step(f, i) {
			return
		}
	}
}

func (w *walker) enter(pc, ret int, args [6]pointer) {
	f := &walkFrame{slot: map[int]pointer{}, ret: ret}
	copy(f.reg[1:6], args[1:])
	f.reg[10] = pointer{frame: f, floor: -StackBytes}
	w.frames = append(w.frames, f)
	w.pc = pc
}

// step runs one instruction; false ends the walk.
func (w *walker) step(f *walkFrame, i isa.Instruction) bool {
	next := w.pc + 1
	switch kinds[i.Op] {
	case kindALU:
		if !w.alu(f, i) {
			return false
		}
	case kindLoad:
		f.reg[i.Dst] = w.load(f.reg[i.Src], int(i.Off), i.Size())
	case kindStore, kindStoreImm:
		if !w.store(f, i) {
			return false
		}
	case kindCall:
		var args [6]pointer
		copy(args[:], f.reg[:6])
		for _, p := range args[1:] {
			if p.frame != nil && p.off < p.floor {
				return false // a callee passes on less than it was given
			}
		}
		if i.IsLocalCall() {
			for r := range args {
				args[r].floor = args[r].off
			}
			w.enter(callTarget(w.pc, i), next, args)
			return len(w.frames) < 8
		}
		for r := 1; r <= 5; r++ {
			w.readAll(args[r], 4)
		}
		for r := 1; r <= 5; r++ {
			w.scribble(args[r])
		}
		clear(f.reg[:6])
	case kindNone:
		switch {
		case i.IsExit():
			if f.ret < 0 {
				return false
			}
			w.frames = w.frames[:len(w.frames)-1]
			w.pc = f.ret
			caller := w.frames[len(w.frames)-1]
			clear(caller.reg[:6])
			return true
		case i.IsGoto(), i.IsCondJump() && w.r.IntN(2) == 0:
			next = jumpTarget(w.pc, i)
		}
	}
	w.pc = next
	return true
}

// readAll is a helper that reads upwards of p and follows what it finds.
func (w *walker) readAll(p pointer, depth int) {
	if p.frame == nil || p.off >= 0 || p.off < -StackBytes || depth == 0 {
		return
	}
	w.touch(p.frame, p.off, 0)
	for off, q := range p.frame.slot {
		if off >= p.off {
			w.readAll(q, depth-1)
		}
	}
}

// scribble is a helper that may overwrite what p points to.
func (w *walker) scribble(p pointer) {
	if p.frame == nil || w.r.IntN(2) == 0 {
		return
	}
	for off := range p.frame.slot {
		if off >= p.off {
			delete(p.frame.slot, off)
		}
	}
}

func (w *walker) alu(f *walkFrame, i isa.Instruction) bool {
	d := &f.reg[i.Dst]
	switch i.Code() {
	case isa.CodeMOV:
		*d = pointer{}
		if i.UsesSrcReg() {
			*d = f.reg[i.Src]
		}
	case isa.CodeADD:
		switch {
		case !i.UsesSrcReg():
			d.off += int(i.Imm)
		case d.frame != nil && f.reg[i.Src].frame != nil:
			return false
		case d.frame != nil:
			d.off += w.r.IntN(40)
		default:
			*d = f.reg[i.Src]
			d.off += w.r.IntN(40)
		}
	}
	return true
}

func (w *walker) load(p pointer, off, size int) pointer {
	off += p.off
	if p.frame == nil || off < p.floor || off+size > 0 {
		return pointer{}
	}
	w.touch(p.frame, off, off+size)
	if size == 8 && off%8 == 0 {
		return p.frame.slot[off]
	}
	return pointer{}
}

func (w *walker) store(f *walkFrame, i isa.Instruction) bool {
	p := f.reg[i.Dst]
	off, size := p.off+int(i.Off), i.Size()
	if p.frame == nil {
		return true
	}
	if off < p.floor || off+size > 0 {
		return false
	}
	value := pointer{}
	if kinds[i.Op] == kindStore {
		value = f.reg[i.Src]
	}
	if value.frame != nil && p.frame != f {
		return false // a pointer stored into the frame of a caller
	}
	for o := range p.frame.slot {
		if o < off+size && o+8 > off {
			delete(p.frame.slot, o)
		}
	}
	if size == 8 && off%8 == 0 && value.frame != nil {
		p.frame.slot[off] = value
	}
	lo, hi := whole(off, off+size)
	for h := lo; h < hi; h++ {
		p.frame.wrote[h] = len(p.frame.trail)
	}
	return true
}

// randomPointers returns a program of two functions that moves, spills and passes
// pointers into its frames.
func randomPointers(r *rand.Rand) []isa.Instruction {
	n, m := 6+r.IntN(24), 3+r.IntN(10)
	var insns []isa.Instruction
	for x := isa.R6; x <= isa.R8; x++ { // pointers to begin with
		insns = append(insns, movReg(x, isa.R10), addImm(x, int32(-8*(1+r.IntN(5)))))
	}
	n += len(insns)
	insns = append(insns, randomJumps(r, n-len(insns))...)
	insns = append(insns, randomJumps(r, m)...)
	reg := func() isa.Reg { return isa.Reg(r.IntN(9)) }
	for pc := range insns {
		if pc < 6 {
			continue
		}
		off := int16(-8 * (1 + r.IntN(4)))
		if r.IntN(8) == 0 {
			off += int16(r.IntN(8))
		}
		base := isa.R10
		if r.IntN(2) == 0 {
			base = reg()
			off = int16(8 * (r.IntN(4) - 2))
		}
		size := []uint8{isa.SizeB, isa.SizeW, isa.SizeDW, isa.SizeDW}[r.IntN(4)]
		switch k := r.IntN(16); {
		case insns[pc].IsExit():
		case k < 2:
			insns[pc] = movReg(reg(), base)
		case k == 2:
			insns[pc] = addImm(reg(), int32(off))
		case k == 3:
			insns[pc] = addReg(reg(), reg())
		case k < 7:
			insns[pc] = store(size, base, off, reg())
		case k < 11:
			insns[pc] = load(size, reg(), base, off)
		case k == 11:
			insns[pc] = helper(1)
		case k == 12 && pc <= n:
			insns[pc] = call(n - pc)
		}
	}
	return insns
}

// TestLivenessByWalks wants that nothing dead is ever read.
func TestLivenessByWalks(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 8))
	reads, live, total := 0, 0, 0
	for range 3000 {
		insns := randomPointers(r)
		g, problems := Build(insns, nil)
		if g == nil {
			t.Fatal(problems)
		}
		l := g.Liveness(nil)
		for pc := range insns {
			if g.Reachable(g.BlockAt(pc)) {
				live += l.Stack(pc).Len()
				total += stackWords
			}
		}
		for range 10 {
			w := &walker{r: r, g: g, live: l}
			w.run(60)
			reads += w.reads
			if w.bad != "" {
				t.Fatalf("%s\n%s", w.bad, isa.DisassembleProgram(insns, isa.DisasmOptions{}))
			}
		}
	}
	t.Logf("%d reads of words checked; %.1f%% of words live", reads, 100*float64(live)/float64(total))
	if reads < 100000 {
		t.Errorf("only %d reads were checked", reads)
	}
}
