package jit

import (
	"errors"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
)

// kind is what an access does with memory.
type kind uint8

const (
	reading kind = iota
	writing
	updating // both, of a kind of object that atomic operations may go to
)

// inFrame reports whether an access at a constant offset from R10 stays in the frame.
func inFrame(off int16, size int) bool { return int(off) >= -exec.StackBytes && int(off)+size <= 0 }

// access emits an access of size bytes at a BPF register plus an offset. emit gets
// the operand, may change s1 and s2, and is called for every place that the access is
// emitted at.
func (k *compiler) access(base isa.Reg, off int16, size int, what kind, emit func(mem)) {
	if base == isa.R10 {
		if inFrame(off, size) {
			emit(at(frameTop, int32(off)))
		} else {
			k.jmp(k.stop())
		}
		return
	}
	if k.loop != nil {
		m := mem{base: native[base], scale: 1, disp: int32(off)}
		m.index = k.loop.distance[k.loop.rootAt[k.i]].in(k, s2)
		emit(m)
		return
	}
	stop, after := k.stop(), k.newLabel()
	k.address(native[base], off)
	s, routine := k.slots.find(k, slotKey{base, uint8(size), what})
	miss := k.outOfLine(func() {
		k.call(routine)
		k.jcc(ccB, stop)
		emit(mem{base: s1, index: s2, scale: 1})
		k.jmp(after)
	})
	if s == nil {
		k.jmp(miss)
	} else {
		s.start.sub(k, s1)
		s.limit.cmp(k, s1)
		k.jcc(ccAE, miss)
		emit(mem{base: s1, index: s.base.in(k, s2), scale: 1})
	}
	k.bind(after)
}

// address computes base+off in s1.
func (k *compiler) address(base reg, off int16) {
	if off == 0 {
		k.mov(true, s1, base)
	} else {
		k.lea(s1, at(base, int32(off)))
	}
}

// atomics are the operations that read, compute and write.
var atomics = map[int32]arith{isa.AtomicAdd: aADD, isa.AtomicOr: aOR, isa.AtomicAnd: aAND, isa.AtomicXor: aXOR}

// atomic emits an atomic operation (S16-S18, S26).
func (k *compiler) atomic(in isa.Instruction) error {
	size, base, what := in.Size(), in.Dst, updating
	switch in.Imm {
	case isa.AtomicLoadAcq:
		base, what = in.Src, reading
	case isa.AtomicStRel:
		what = writing
	default:
		if size < 4 {
			return errors.New("an atomic operation on few bytes")
		}
	}
	emit, err := k.atomicOp(in, size)
	if err != nil {
		return err
	}
	switch { // Go says what is wrong with an address that is not aligned
	case base != isa.R10:
		k.address(native[base], in.Off)
		k.testI(false, s1, int32(size-1))
		k.jcc(ccNE, k.stop())
	case int(in.Off)%size != 0:
		k.jmp(k.stop())
		k.pending++
		return nil
	}
	k.access(base, in.Off, size, what, emit)
	k.pending++
	return nil
}

// atomicOp returns what emits an operation on an operand.
func (k *compiler) atomicOp(in isa.Instruction, size int) (func(mem), error) {
	wide := size == 8
	switch in.Imm {
	case isa.AtomicLoadAcq:
		return func(m mem) { k.load(false, size, native[in.Dst], m) }, nil
	case isa.AtomicStRel:
		return func(m mem) { k.storeReg(size, m, in.Src) }, nil
	case isa.AtomicXchg:
		return func(m mem) {
			k.lea(s1, m)
			k.load(false, size, s2, at(s1, 0))
			k.store(size, at(s1, 0), native[in.Src])
			k.mov(true, native[in.Src], s2)
		}, nil
	case isa.AtomicCmpXchg: // rax is R0 on both machines
		return func(m mem) {
			k.lea(s1, m)
			src := k.read(in.Src, s2)
			k.rm(0x0fb1, wide, src, at(s1, 0))
			if !wide {
				k.mov(false, rax, rax)
			}
		}, nil
	}
	o, ok := atomics[in.Imm&^isa.AtomicFetch]
	if !ok {
		return nil, errors.New("unknown atomic operation")
	}
	return func(m mem) {
		k.lea(s1, m)
		if in.Imm&isa.AtomicFetch == 0 {
			k.opToM(o, wide, at(s1, 0), k.read(in.Src, s2))
			return
		}
		k.load(false, size, s2, at(s1, 0))
		k.opToM(o, wide, at(s1, 0), native[in.Src])
		k.mov(true, native[in.Src], s2)
	}, nil
}
