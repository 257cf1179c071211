package cfg

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
)

func itoa(n int) string { return strconv.Itoa(n) }

// ref loads the address of the function at off slots from the next instruction.
func ref(off int) []isa.Instruction {
	return []isa.Instruction{{Op: isa.OpLdImm64, Src: isa.PseudoFunc, Dst: isa.R2, Imm: int32(off)}, {}}
}

func program(parts ...any) []isa.Instruction {
	var p []isa.Instruction
	for _, part := range parts {
		switch x := part.(type) {
		case isa.Instruction:
			p = append(p, x)
		case []isa.Instruction:
			p = append(p, x...)
		}
	}
	return p
}

func TestProblems(t *testing.T) {
	movImm64 := isa.Instruction{Op: isa.OpLdImm64}
	kfunc := isa.Instruction{Op: isa.OpCall, Src: isa.CallKfunc}
	tests := []struct {
		name  string
		insns []isa.Instruction
		opts  Options
		want  []string
	}{
		{"empty", nil, Options{}, []string{"V14 0 empty program"}},
		{"exit", program(exit), Options{}, nil},
		{"cut LD_IMM64", program(isa.Instruction{Op: isa.OpLdImm64}), Options{},
			[]string{"V14 0 last insn is not an exit or jmp: control falls off the end of the function"}},
		{"start outside", program(exit), Options{Starts: []int{0, 1, -1}},
			[]string{"V18 1 function start 1 is no instruction", "V18 0 function start -1 is no instruction"}},
		{"start in the middle", program(ref(1), exit, exit), Options{Starts: []int{1}},
			[]string{"V18 1 function start 1 is no instruction"}},
		{"call into the middle", program(call(2), exit, movImm64, isa.Instruction{}, exit), Options{},
			[]string{"V18 0 call to invalid destination 3, the middle of ldimm64 insn 2"}},
		{"reference outside", program(ref(100), exit), Options{}, []string{"V18 0 call to invalid destination 101"}},
		{"unknown jump", program(isa.Instruction{Op: 0x96}, exit), Options{}, []string{"V14 0 jump opcode 0x96 is unknown"}},
		{"no return at the end", program(call(1), exit, kfunc), Options{NoReturn: func(pc int) bool { return pc == 2 }}, nil},
		{"kernel function at the end", program(call(1), exit, kfunc), Options{},
			[]string{"V14 2 last insn is not an exit or jmp: control falls off the end of the function"}},
		{"function nobody calls", program(exit, nop, exit), Options{Starts: []int{1}}, []string{"V14 1 unreachable insn 1 policy"}},
		{"root nobody calls", program(exit, nop, exit), Options{Starts: []int{1}, Roots: []int{1}}, nil},
		{"function that dead code calls", program(ja(2), call(2), exit, exit, exit), Options{},
			[]string{"V14 1 unreachable insn 1 policy", "V14 4 unreachable insn 4 policy"}},
		{"self call", program(call(-1), exit), Options{}, []string{"V18 0 recursion: the call stack has no bound, too many frames"}},
		{"mutual calls", program(call(1), exit, call(1), exit, call(-3), exit), Options{},
			[]string{"V18 2 recursion: the call stack has no bound, too many frames"}},
		{"callback that takes its own address", program(ref(2), exit, ref(-1), exit), Options{}, nil},
	}
	for _, test := range tests {
		g, problems := BuildWith(test.insns, test.opts)
		var have []string
		fatal := false
		for _, p := range problems {
			s := fmt.Sprintf("%s %d %s", p.Rule, p.PC, p.Message)
			if p.Policy {
				s += " policy"
			} else {
				fatal = true
			}
			have = append(have, s)
		}
		if !slices.Equal(have, test.want) {
			t.Errorf("%s: have %q, want %q", test.name, have, test.want)
		}
		if fatal != (g == nil) {
			t.Errorf("%s: graph %v", test.name, g)
		}
	}
	if _, problems := Build(repeat(1000, jeq(5000)), nil); len(problems) != 64 {
		t.Errorf("%d problems listed", len(problems))
	}
	if g, problems := Build(make([]isa.Instruction, MaxInsns+1), nil); g != nil || len(problems) != 1 {
		t.Errorf("a program of too many slots: %v", problems)
	}
}

// assemble translates text in which helpers are tail_call and loop, the latter
// taking two arguments in TestLiveness.
func assemble(t testing.TB, text string) *isa.Source {
	t.Helper()
	src, err := isa.Assemble(text, isa.AsmOptions{Helper: func(name string) (int32, bool) {
		id, ok := map[string]int32{"tail_call": tailCall, "loop": 181}[name]
		return id, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestFunctions(t *testing.T) {
	g, problems := Build(assemble(t, `
		r2 = func visit ll
		call f
		call loop
		exit
	f:	*(u64 *)(r10 - 20) = 0
		r0 = *(u8 *)(r10 - 33)
		call tail_call
		call visit
		exit
	visit:	exit
	`).Insns, nil)
	if g == nil {
		t.Fatal(problems)
	}
	f := g.Funcs
	if len(f) != 3 || f[1].Start != 5 || f[2].Start != 10 || f[1].End != 10 || f[2].End != 11 {
		t.Fatalf("functions %+v", f)
	}
	if f[1].StackDepth != 33 || !f[1].HasTailCall || f[0].HasTailCall || f[1].Callback || !f[2].Callback {
		t.Errorf("functions %+v", f)
	}
	if !slices.Equal(f[0].Calls, []Call{{2, 1}}) || !slices.Equal(f[0].Refs, []Call{{0, 2}}) || !slices.Equal(f[1].Calls, []Call{{8, 2}}) {
		t.Errorf("calls %+v", f)
	}
	if g.FuncAt(6) != 1 || g.FuncAt(-1) != -1 || g.FuncAt(99) != -1 || g.FuncStarting(5) != 1 || g.FuncStarting(6) != -1 {
		t.Error("FuncAt or FuncStarting")
	}
	if g.BlockAt(1) != g.BlockAt(0) || g.BlockAt(3) == g.BlockAt(2) || g.BlockAt(len(g.Insns)) != NoBlock {
		t.Error("BlockAt")
	}
	if !slices.Equal(g.FuncOrder(), []int{0, 1, 2}) {
		t.Errorf("order %v", g.FuncOrder())
	}
}

// TestStack checks the sums of rule V18 by hand.
func TestStack(t *testing.T) {
	g, problems := Build(assemble(t, `
		*(u8 *)(r10 - 100) = 0
		call jumper
		call taker
		exit
	jumper:	*(u8 *)(r10 - 1) = 0
		call tail_call
		exit
	taker:	*(u8 *)(r10 - 200) = 0
		r2 = func taken ll
		call small
		exit
	taken:	*(u8 *)(r10 - 300) = 0
		exit
	small:	*(u8 *)(r10 - 8) = 0
		exit
	`).Insns, nil)
	if g == nil {
		t.Fatal(problems)
	}
	check := func(what string, n int, chain []int, wantN int, wantChain ...int) {
		t.Helper()
		if n != wantN || !slices.Equal(chain, wantChain) {
			t.Errorf("%s: %d by %v, want %d by %v", what, n, chain, wantN, wantChain)
		}
	}
	async := []bool{false, false, false, true, false}
	n, chain := g.StackUse(Stack{Round: 16})
	check("callback included", n, chain, 112+208+304, 0, 2, 3)
	n, chain = g.StackUse(Stack{Round: 32})
	check("rounded to 32", n, chain, 128+224+320, 0, 2, 3)
	n, chain = g.StackUse(Stack{Async: async})
	check("asynchronous", n, chain, 100+200+8, 0, 2, 4)
	n, chain = g.StackUse(Stack{Async: async, Depths: []int{1, 1, 1, 400, 1}})
	check("asynchronous, larger", n, chain, 400, 3)
	n, chain = g.StackUse(Stack{Round: 32, Depths: make([]int, 5)})
	check("empty frames", n, chain, 96, 0, 2, 4)
	n, chain = g.CallDepth(nil)
	check("frames", n, chain, 3, 0, 2, 4)
	n, chain = g.TailCallUse(Stack{Round: 16})
	check("tail call", n, chain, 112, 0, 1)
	g, _ = Build(program(exit), nil)
	n, chain = g.TailCallUse(Stack{Round: 16})
	check("no tail call", n, chain, 0)
}

// TestChains compares the longest chains with an enumeration of all paths of
// random acyclic call graphs.
func TestChains(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		n := 2 + r.IntN(6) // functions of 4 slots; each calls later ones
		var insns []isa.Instruction
		calls := make([][]int, n)
		for f := range n {
			insns = append(insns, storeImm(isa.SizeB, isa.R10, int16(-1-r.IntN(200))))
			for k := range 2 {
				to := f + 1 + r.IntN(n)
				if to >= n {
					insns = append(insns, nop)
					continue
				}
				calls[f] = append(calls[f], to)
				insns = append(insns, call((to-f)*4-k-2))
			}
			insns = append(insns, exit)
		}
		var starts []int
		for f := range n {
			starts = append(starts, 4*f)
		}
		g, problems := Build(insns, starts)
		if g == nil {
			t.Fatal(problems)
		}
		var deepest, most func(f int) int
		deepest = func(f int) int {
			d := 0
			for _, c := range calls[f] {
				d = max(d, deepest(c))
			}
			return d + 1
		}
		most = func(f int) int {
			d := 0
			for _, c := range calls[f] {
				d = max(d, most(c))
			}
			return d + (g.Funcs[f].StackDepth+15)/16*16
		}
		if d, chain := g.CallDepth(nil); d != deepest(0) || len(chain) != d {
			t.Errorf("depth %d by %v, want %d", d, chain, deepest(0))
		}
		if d, _ := g.StackUse(Stack{Round: 16}); d != most(0) {
			t.Errorf("stack %d, want %d", d, most(0))
		}
		at := make([]int, n)
		for i, f := range g.FuncOrder() {
			at[f] = i
		}
		for f := range calls {
			for _, c := range calls[f] {
				if at[c] < at[f] {
					t.Errorf("function %d before its caller %d", c, f)
				}
			}
		}
	}
}

// FuzzBuild takes any bytes as slots. Whatever the program, building it must
// neither panic nor hang, and a graph must keep its promises.
func FuzzBuild(f *testing.F) {
	for _, s := range shapes {
		f.Add(isa.Encode(s.make(60), false))
	}
	f.Add(isa.Encode(program(ref(1), exit, ref(-1), exit), false))
	f.Fuzz(func(t *testing.T, raw []byte) {
		insns, err := isa.Decode(raw[:len(raw)/8*8], false)
		if err != nil {
			return
		}
		g, problems := Build(insns, nil)
		fatal := false
		for _, p := range problems {
			fatal = fatal || !p.Policy
			if p.PC < 0 || p.PC > len(insns) {
				t.Errorf("problem at %d", p.PC)
			}
		}
		if fatal != (g == nil) {
			t.Fatalf("graph %v with problems %v", g != nil, problems)
		}
		if g == nil {
			return
		}
		checkOrder(t, g)
		l := g.Liveness(nil)
		if l.Regs(0)&^isa.AllRegs != 0 {
			t.Errorf("live registers %v", l.Regs(0))
		}
		g.CallDepth(nil)
		g.StackUse(Stack{Round: 16})
		g.TailCallUse(Stack{Round: 32})
	})
}
