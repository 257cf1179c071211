package cfg

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
)

// TestLiveness states what is live before each line, "registers | offsets of
// words" with "-4..-16" for a run, by comments.
func TestLiveness(t *testing.T) {
	for _, text := range []string{
		// Halves and bytes: a word dies only when overwritten whole.
		`
		r6 = *(u32 *)(r1 + 0)       ; r1 r10 | -12
		*(u64 *)(r10 - 8) = r6      ; r6 r10 | -12
		*(u8 *)(r10 - 12) = 1       ; r10 | -8 -12
		*(u32 *)(r10 - 4) = 1       ; r10 | -8 -12
		r0 = *(u64 *)(r10 - 8)      ; r10 | -4 -8 -12
		r2 = *(u16 *)(r10 - 10)     ; r0 r10 | -12
		exit                        ; r0 |
		`,
		// A helper reads what its arguments point to, upwards.
		`
		*(u32 *)(r10 - 4) = 0       ; r10 | -12
		*(u32 *)(r10 - 8) = 0       ; r10 | -4 -12
		r2 = r10                    ; r10 | -4 -8 -12
		r2 += -8                    ; r2 r10 | -4 -8 -12
		r1 = 0                      ; r2 r10 | -4 -8 -12
		call loop                   ; r1 r2 r10 | -4 -8 -12
		r0 = *(u32 *)(r10 - 12)     ; r10 | -12
		exit                        ; r0 |
		`,
		// A pointer that is passed leads to one that is spilled; spilling costs nothing.
		`
		*(u64 *)(r10 - 64) = 0      ; r10 | -12..-56
		r1 = r10                    ; r10 | -12..-64
		r1 += -64                   ; r1 r10 | -12..-64
		*(u64 *)(r10 - 8) = r1      ; r1 r10 | -12..-64
		r2 = r10                    ; r10 | -4..-64
		r2 += -8                    ; r2 | -4..-64
		r1 = 0                      ; r2 | -4..-64
		call loop                   ; r1 r2 | -4..-64
		exit                        ; r0 |
		`,
		// A loop over a buffer by an unknown index; the rest of the frame is dead.
		`
		*(u64 *)(r10 - 24) = 0      ; r1 r10 |
		*(u64 *)(r10 - 16) = 0      ; r1 r10 | -20 -24
		*(u64 *)(r10 - 8) = 0       ; r1 r10 | -12..-24
		r6 = *(u32 *)(r1 + 0)       ; r1 r10 | -4..-24
	loop:	r2 = r10                    ; r6 r10 | -4..-24
		r2 += r6                    ; r2 r6 r10 | -4..-24
		r0 = *(u8 *)(r2 - 24)       ; r2 r6 r10 | -4..-24
		r6 += -1                    ; r0 r6 r10 | -4..-24
		if r6 != 0 goto loop        ; r0 r6 r10 | -4..-24
		exit                        ; r0 |
		`,
		// A callee's arguments are those that it reads. Its frame is its own.
		`
		*(u32 *)(r10 - 8) = 7       ; r10 |
		*(u32 *)(r10 - 4) = 7       ; r10 | -8
		r1 = r10                    ; r10 | -4 -8
		r1 += -8                    ; r1 | -4 -8
		r2 = 1                      ; r1 | -4 -8
		call f                      ; r1 | -4 -8
		r0 += 1                     ; r0 |
		exit                        ; r0 |
	f:	*(u64 *)(r10 - 8) = 1       ; r1 r10 |
		r2 = *(u32 *)(r10 - 8)      ; r1 r10 | -8
		r0 = *(u32 *)(r1 + 0)       ; r1 |
		exit                        ; r0 |
		`,
		// Memory elsewhere gives no pointer into the frame: r3 reads nothing of it.
		`
		*(u64 *)(r10 - 8) = 0       ; r1 r10 |
		r3 = *(u64 *)(r1 + 0)       ; r1 |
		r0 = *(u64 *)(r3 + 0)       ; r3 |
		exit                        ; r0 |
		`,
		// Either a pointer or none: read, but not killed through it.
		`
		*(u32 *)(r10 - 4) = 7       ; r1 r6 r7 r10 |
		*(u32 *)(r10 - 8) = 7       ; r1 r6 r7 r10 | -4
		r2 = r7                     ; r1 r6 r7 r10 | -4 -8
		if r1 == 0 goto L           ; r1 r2 r6 r10 | -4 -8
		r2 = r10                    ; r6 r10 | -4 -8
		r2 += -8                    ; r2 r6 | -4 -8
	L:	*(u32 *)(r2 + 0) = r6       ; r2 r6 | -4 -8
		r0 = *(u32 *)(r2 + 0)       ; r2 | -4 -8
		exit                        ; r0 |
		`,
		// A pointer that a loop lowers may be anywhere.
		`
		r2 = r10                    ; r1 r10 | -4..-512
	loop:	r2 += -8                    ; r1 r2 | -4..-512
		r0 = *(u64 *)(r2 + 0)       ; r1 r2 | -4..-512
		if r1 != 0 goto loop        ; r0 r1 r2 | -4..-512
		exit                        ; r0 |
		`,
		// A pointer stored somewhere at or above r10-16 is found again there, and
		// read through: r3 and r4 may be r10-32.
		`
		r3 = r10                    ; r1 r10 | -4..-12 -20..-32
		r3 += -32                   ; r1 r3 r10 | -4..-12 -20..-32
		r2 = r10                    ; r1 r3 r10 | -4..-12 -20..-32
		r2 += r1                    ; r1 r2 r3 r10 | -4..-12 -20..-32
		*(u64 *)(r2 - 16) = r3      ; r2 r3 r10 | -4..-12 -20..-32
		*(u32 *)(r10 - 16) = 0      ; r2 r10 | -4..-12 -20..-32
		r4 = *(u64 *)(r2 - 16)      ; r2 | -4..-32
		r0 = *(u64 *)(r4 + 0)       ; r4 | -4..-32
		exit                        ; r0 |
		`,
		// A helper may overwrite the pointer that it is given the address of: the
		// store through r3 kills nothing.
		`
		r3 = r10                    ; r10 | -12..-32
		r3 += -32                   ; r3 r10 | -12..-32
		*(u64 *)(r10 - 8) = r3      ; r3 r10 | -12..-32
		r2 = r10                    ; r10 | -4..-32
		r2 += -8                    ; r2 r10 | -4..-32
		r1 = 0                      ; r2 r10 | -4..-32
		call loop                   ; r1 r2 r10 | -4..-32
		r3 = *(u64 *)(r10 - 8)      ; r10 | -4 -8 -28 -32
		*(u64 *)(r3 + 0) = 0        ; r3 r10 | -28 -32
		r0 = *(u64 *)(r10 - 32)     ; r10 | -28 -32
		exit                        ; r0 |
		`,
		// An index added to r10 itself says nothing of the frame's part.
		`
		r2 = r10                    ; r1 r10 | -4..-512
		r2 += r1                    ; r1 r2 | -4..-512
		r0 = *(u64 *)(r2 + 0)       ; r2 | -4..-512
		exit                        ; r0 |
		`,
		// Atomics read; a store-release overwrites.
		`
		*(u64 *)(r10 - 8) = 7       ; r1 r10 |
		lock *(u64 *)(r10 - 8) += r1 ; r1 r10 | -4 -8
		store_release((u32 *)(r10 - 4), r1) ; r1 r10 | -8
		r0 = *(u64 *)(r10 - 8)      ; r10 | -4 -8
		exit                        ; r0 |
		`,
	} {
		src := assemble(t, text)
		g, problems := Build(src.Insns, nil)
		if g == nil {
			t.Fatal(problems)
		}
		l := g.Liveness(func(int) isa.RegSet { return 1<<isa.R1 | 1<<isa.R2 })
		for pc := range src.Insns {
			want := src.Comments[src.Lines[pc]-1]
			regs, words, _ := strings.Cut(want, "|")
			var set StackSet
			for _, w := range strings.Fields(words) {
				first, last, many := strings.Cut(w, "..")
				if !many {
					last = first
				}
				hi, err1 := strconv.Atoi(first)
				lo, err2 := strconv.Atoi(last)
				if err1 != nil || err2 != nil {
					t.Fatal(want)
				}
				set = set.Union(wordRange(uint8(-hi/4-1), uint8(-lo/4)))
			}
			if have := l.Regs(pc).String(); have != strings.TrimSpace(regs) {
				t.Errorf("%s\nline %d: live %q, want %q", text, src.Lines[pc]-1, have, regs)
			}
			if have := l.Stack(pc); have != set {
				t.Errorf("%s\nline %d: live words %v, want %v", text, src.Lines[pc]-1, offsets(have), words)
			}
		}
	}
}

// offsets lists a set's words by their offsets from r10.
func offsets(s StackSet) (list []int) {
	for h := range stackWords {
		if s.Has(h) {
			list = append(list, -4*(h+1))
		}
	}
	return list
}

// TestStackSets compares the arithmetic on words with its definition, byte by byte.
func TestStackSets(t *testing.T) {
	for from := -530; from <= 8; from++ {
		for _, size := range []int{1, 2, 3, 4, 8, 16, 512} {
			lo, hi := touched(from, from+size)
			wlo, whi := whole(from, from+size)
			any, all := wordRange(lo, hi), wordRange(wlo, whi)
			for h := range stackWords {
				base := -4 * (h + 1)
				some := base+4 > from && base < from+size
				every := base >= from && base+4 <= from+size
				if any.Has(h) != some || all.Has(h) != every {
					t.Fatalf("bytes [%d, %d) and word %d: touched %v, whole %v", from, from+size, h, any.Has(h), all.Has(h))
				}
			}
			if any.Len() != len(offsets(any)) || any.HasBytes(from, size) != (any.Len() > 0) || any.Minus(any).Len() != 0 {
				t.Fatal("Len, HasBytes or Minus")
			}
		}
	}
	if fullStack.Has(-1) || fullStack.Has(stackWords) || fullStack.HasBytes(0, 8) || fullStack.HasBytes(-520, 8) {
		t.Error("words outside of the frame")
	}
}

func TestQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for _, n := range []int{1, 63, 64, 65, 4096, 4097, 300000} {
		q, in := newQueue(n), map[int]bool{}
		for range 2000 {
			if x := r.IntN(n); r.IntN(2) == 0 {
				q.add(x)
				in[x] = true
				continue
			}
			least := -1
			for x := range in {
				if least < 0 || x < least {
					least = x
				}
			}
			if x := q.take(); x != least {
				t.Fatalf("of %d: took %d, want %d", n, x, least)
			}
			delete(in, least)
		}
	}
}

// TestLivenessBySearch compares programs whose accesses all go through r10 with
// the definition: something is live at pc if a path from there reads it before it
// overwrites it. Both directions.
func TestLivenessBySearch(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 4))
	for range 400 {
		insns := randomJumps(r, 1+r.IntN(20))
		for pc := range insns[:len(insns)-1] {
			size := []uint8{isa.SizeB, isa.SizeH, isa.SizeW, isa.SizeDW}[r.IntN(4)]
			off := int16(-1 - r.IntN(24))
			switch x := isa.Reg(r.IntN(10)); r.IntN(6) {
			case 0:
				insns[pc] = load(size, x, isa.R10, off)
			case 1:
				insns[pc] = store(size, isa.R10, off, x)
			case 2:
				insns[pc] = storeImm(size, isa.R10, off)
			case 3:
				insns[pc] = movReg(x, isa.Reg(r.IntN(10)))
			}
		}
		g, problems := Build(insns, nil)
		if g == nil {
			t.Fatal(problems)
		}
		l := g.Liveness(nil)
		for pc := range insns {
			if !g.Reachable(g.BlockAt(pc)) {
				continue
			}
			for x := range isa.Reg(10) {
				want := search(insns, pc, func(i isa.Instruction) (reads, kills bool) { return i.Uses().Has(x), i.Defs().Has(x) })
				if l.Regs(pc).Has(x) != want {
					t.Fatalf("r%d at %d: live is %v\n%s", x, pc, !want, isa.DisassembleProgram(insns, isa.DisasmOptions{}))
				}
			}
			for h := range 10 {
				want := search(insns, pc, func(i isa.Instruction) (reads, kills bool) { return access(i, h) })
				if l.Stack(pc).Has(h) != want {
					t.Fatalf("word %d at %d: live is %v\n%s", h, pc, !want, isa.DisassembleProgram(insns, isa.DisasmOptions{}))
				}
			}
		}
	}
}

// access says what an access through r10 does to word h.
func access(i isa.Instruction, h int) (reads, kills bool) {
	from, to := int(i.Off), int(i.Off)+i.Size()
	word := -4 * (h + 1)
	switch kinds[i.Op] {
	case kindLoad:
		return from < word+4 && to > word, false
	case kindStore, kindStoreImm:
		return false, from <= word && to >= word+4
	}
	return false, false
}

// search reports whether a path from pc meets a reader before a killer.
func search(insns []isa.Instruction, pc int, judge func(isa.Instruction) (reads, kills bool)) bool {
	seen := make([]bool, len(insns)+1)
	work := []int{pc}
	for len(work) > 0 {
		pc := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		i := insns[pc]
		reads, kills := judge(i)
		switch {
		case reads:
			return true
		case kills || i.IsExit():
			continue
		}
		if i.IsGoto() || i.IsCondJump() {
			work = append(work, jumpTarget(pc, i))
		}
		if !i.IsGoto() {
			work = append(work, pc+1)
		}
	}
	return false
}
