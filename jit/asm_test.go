package jit

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

var names = [...][4]string{ // by bytes: 1, 2, 4, 8
	{"al", "ax", "eax", "rax"}, {"cl", "cx", "ecx", "rcx"}, {"dl", "dx", "edx", "rdx"}, {"bl", "bx", "ebx", "rbx"},
	{"spl", "sp", "esp", "rsp"}, {"bpl", "bp", "ebp", "rbp"}, {"sil", "si", "esi", "rsi"}, {"dil", "di", "edi", "rdi"},
}

// name is what x86asm calls a register of some bytes.
func (r reg) name(bytes int) string {
	k := map[int]int{1: 0, 2: 1, 4: 2, 8: 3}[bytes]
	if r < 8 {
		return names[r][k]
	}
	return fmt.Sprintf("r%d%s", r, [...]string{"b", "w", "d", ""}[k])
}

func of(wide bool) int {
	if wide {
		return 8
	}
	return 4
}

// text is the operand as x86asm prints it.
func (m mem) text(bytes int) string {
	s := m.base.name(8)
	if m.scale == 1 {
		s += "+" + m.index.name(8)
	} else if m.scale != 0 {
		s += fmt.Sprintf("+%d*%s", m.scale, m.index.name(8))
	}
	switch {
	case m.disp < -128: // how x86asm prints 32 bits
		s += fmt.Sprintf("+%#x", uint32(m.disp))
	case m.disp != 0:
		s += fmt.Sprintf("%+#x", m.disp)
	}
	return map[int]string{1: "byte", 2: "word", 4: "dword", 8: "qword"}[bytes] + " ptr [" + s + "]"
}

// TestEncodings decodes what each method of the assembler emits, for all registers,
// sizes and shapes of operands, with golang.org/x/arch.
func TestEncodings(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	anyReg := func() reg { return reg(rng.IntN(16)) }
	n := 0
	for range 4000 {
		a := &assembler{}
		x, y, wide := anyReg(), anyReg(), rng.IntN(2) == 0
		w := of(wide)
		m := at(anyReg(), []int32{0, 1, -8, 127, 128, -129, 4096}[rng.IntN(7)])
		if rng.IntN(2) == 0 {
			m.index, m.scale = anyReg(), []uint8{1, 2, 4, 8}[rng.IntN(4)]
			if m.index == rsp {
				m.index = rbp
			}
		}
		v := int32(rng.Uint32()) >> rng.IntN(32)
		size := 1 << rng.IntN(4)
		o := []arith{aADD, aOR, aAND, aSUB, aXOR, aCMP}[rng.IntN(6)]
		op := map[arith]string{aADD: "add", aOR: "or", aAND: "and", aSUB: "sub", aXOR: "xor", aCMP: "cmp"}[o]
		sh := []shift{sROL, sSHL, sSHR, sSAR}[rng.IntN(4)]
		shOp := map[shift]string{sROL: "rol", sSHL: "shl", sSHR: "shr", sSAR: "sar"}[sh]
		hex := func(v int32) string { return fmt.Sprintf("%#x", int64(v)) }
		for _, c := range []struct {
			emit func()
			want string
		}{
			{func() { a.op(o, wide, x, y) }, fmt.Sprintf("%s %s, %s", op, x.name(w), y.name(w))},
			{func() { a.opM(o, wide, x, m) }, fmt.Sprintf("%s %s, %s", op, x.name(w), m.text(w))},
			{func() { a.opToM(o, wide, m, x) }, fmt.Sprintf("%s %s, %s", op, m.text(w), x.name(w))},
			{func() { a.opI(o, wide, x, v) }, fmt.Sprintf("%s %s, %s", op, x.name(w), hex(v))},
			{func() { a.opMI(o, wide, m, v) }, fmt.Sprintf("%s %s, %s", op, m.text(w), hex(v))},
			{func() { a.mov(wide, x, y) }, fmt.Sprintf("mov %s, %s", x.name(w), y.name(w))},
			{func() { a.lea(x, m) }, fmt.Sprintf("lea %s, %s", x.name(8), strings.TrimPrefix(m.text(8), "qword "))},
			{func() { a.imul(wide, x, y) }, fmt.Sprintf("imul %s, %s", x.name(w), y.name(w))},
			{func() { a.imulI(wide, x, y, v) }, fmt.Sprintf("imul %s, %s, %s", x.name(w), y.name(w), hex(v))},
			{func() { a.test(wide, x, y) }, fmt.Sprintf("test %s, %s", x.name(w), y.name(w))},
			{func() { a.testI(wide, x, v) }, fmt.Sprintf("test %s, %s", x.name(w), hex(v))},
			{func() { a.unary(uNEG, wide, x) }, "neg " + x.name(w)},
			{func() { a.unary(uDIV, wide, x) }, "div " + x.name(w)},
			{func() { a.unary(uIDIV, wide, x) }, "idiv " + x.name(w)},
			{func() { a.shiftI(sh, wide, x, 5) }, fmt.Sprintf("%s %s, 0x5", shOp, x.name(w))},
			{func() { a.shiftCL(sh, wide, x) }, fmt.Sprintf("%s %s, cl", shOp, x.name(w))},
			{func() { a.rol8(x) }, fmt.Sprintf("rol %s, 0x8", x.name(2))},
			{func() { a.bswap(wide, x) }, "bswap " + x.name(w)},
			{func() { a.extend(true, wide, 8, x, y) }, fmt.Sprintf("movsx %s, %s", x.name(w), y.name(1))},
			{func() { a.extend(true, wide, 16, x, y) }, fmt.Sprintf("movsx %s, %s", x.name(w), y.name(2))},
			{func() { a.extend(true, true, 32, x, y) }, fmt.Sprintf("movsxd %s, %s", x.name(8), y.name(4))},
			{func() { a.extend(false, false, 16, x, y) }, fmt.Sprintf("movzx %s, %s", x.name(4), y.name(2))},
			{func() { a.load(false, size, x, m) }, loadText(false, size, x, m)},
			{func() { a.load(true, min(size, 4), x, m) }, loadText(true, min(size, 4), x, m)},
			{func() { a.store(size, m, x) }, fmt.Sprintf("mov %s, %s", m.text(size), x.name(size))},
			{func() { a.storeI(size, m, 5) }, fmt.Sprintf("mov %s, 0x5", m.text(size))},
			{func() { a.push(x) }, "push " + x.name(8)},
			{func() { a.pop(x) }, "pop " + x.name(8)},
			{func() { a.ret() }, "ret"},
			{func() { a.stc() }, "stc"},
			{func() { a.clc() }, "clc"},
			{func() { a.cqo(true) }, "cqo"},
			{func() { a.cqo(false) }, "cdq"},
			{func() { a.jmpR(x) }, "jmp " + x.name(8)},
			{func() { a.jmpM(m) }, "jmp " + m.text(8)},
			{func() { a.bitTest(x, y) }, fmt.Sprintf("bt %s, %s", x.name(4), y.name(4))},
			{func() { a.rm(0x0fb1, wide, x, m) }, fmt.Sprintf("cmpxchg %s, %s", m.text(w), x.name(w))},
		} {
			a.buf = a.buf[:0]
			c.emit()
			in, err := x86asm.Decode(a.buf, 64)
			if err != nil || in.Len != len(a.buf) {
				t.Fatalf("%s: % x: decoded %d of %d bytes: %v", c.want, a.buf, in.Len, len(a.buf), err)
			}
			got := x86asm.IntelSyntax(in, 0, nil)
			if got != c.want {
				t.Fatalf("% x: %q, want %q", a.buf, got, c.want)
			}
			n++
		}
	}
	t.Logf("%d instructions", n)
}

func loadText(signed bool, size int, x reg, m mem) string {
	switch {
	case size == 4 && signed:
		return fmt.Sprintf("movsxd %s, %s", x.name(8), m.text(4))
	case size >= 4:
		return fmt.Sprintf("mov %s, %s", x.name(size), m.text(size))
	case signed:
		return fmt.Sprintf("movsx %s, %s", x.name(8), m.text(size))
	}
	return fmt.Sprintf("movzx %s, %s", x.name(4), m.text(size))
}

// collector is an engine that keeps what it compiles.
type collector struct {
	feat   features
	proved bool
	outs   []*output
}

func (c *collector) Compile(code *exec.Code) error {
	out, err := compile(code, c.feat, c.proved)
	c.outs = append(c.outs, out)
	return err
}

func (*collector) Run(_ *exec.Machine, _ *exec.Code, i int32) int32 { return i }

// TestText decodes whole programs: every byte belongs to an instruction, entries are
// boundaries of instructions, no jump leaves the text or goes between them, and
// neither Go's g nor, but for calls, the stack pointer is written.
func TestText(t *testing.T) {
	g := newGenerator(99)
	n, bytes := 0, 0
	for i := range 400 {
		g.wild = i%4 == 0
		p := g.program([]string{"", "xdp", "sched_cls"}[i%3])
		c := &collector{proved: i%2 == 0}
		if _, err := exec.LoadWith(c, p, exec.Options{Target: target}); err != nil {
			t.Fatal(err)
		}
		for _, out := range c.outs {
			checkText(t, out)
			n, bytes = n+len(out.entry), bytes+len(out.code)
		}
	}
	t.Logf("%d BPF instructions, %d bytes", n, bytes)
}

func checkText(t *testing.T, out *output) {
	t.Helper()
	starts := map[int]bool{}
	var targets []int
	for pc := 0; pc < out.table; {
		in, err := x86asm.Decode(out.code[pc:out.table], 64)
		if err != nil {
			t.Fatalf("at %#x: %v: % x", pc, err, out.code[pc:min(pc+16, out.table)])
		}
		starts[pc] = true
		pc += in.Len
		for k, arg := range in.Args {
			switch arg := arg.(type) {
			case x86asm.Rel:
				targets = append(targets, pc+int(arg))
			case x86asm.Reg:
				g := arg == x86asm.R14 || arg == x86asm.R14L || arg == x86asm.R14W || arg == x86asm.R14B
				if g || (k == 0 && (arg == x86asm.RSP || arg == x86asm.ESP)) {
					t.Fatalf("at %#x: %s", pc, x86asm.IntelSyntax(in, 0, nil))
				}
			}
		}
	}
	for _, to := range targets {
		if !starts[to] {
			t.Fatalf("a jump to %#x", to)
		}
	}
	for i, e := range out.entry {
		if !starts[int(e)] {
			t.Fatalf("instruction %d begins at %#x", i, e)
		}
	}
}

// TestRefusals: what cannot be compiled is an error of Load.
func TestRefusals(t *testing.T) {
	needJIT(t)
	long := make([]isa.Instruction, maxCode+1)
	for i := range long {
		long[i] = isa.Instruction{Op: isa.ClassALU64 | isa.CodeMOV}
	}
	_, err := JIT{}.Load(&loader.Program{Insns: long}, exec.Options{Target: target})
	if err == nil || !strings.HasPrefix(err.Error(), "not compiled: ") {
		t.Errorf("a long program: %v", err)
	}
}
