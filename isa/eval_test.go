package isa

import (
	"math"
	"testing"
)

const (
	min64 = uint64(1) << 63
	min32 = uint64(1) << 31
	neg1  = ^uint64(0)
)

// TestSemantics holds the corner cases of arithmetic and comparisons, one
// subtest a rule S1 to S20. What memory and calls do (S14 to S18, S21 to S27) is
// execution; here is only what an instruction says of itself.
func TestSemantics(t *testing.T) {
	for _, c := range []struct {
		rule       string
		op         ALUOp
		w          Width
		a, b, want uint64
	}{
		{"S1 div by zero", Div, W64, 7, 0, 0},
		{"S1 div by zero, 32", Div, W32, neg1, 0, 0},
		{"S1 div by a zero half", Div, W32, 7, 1 << 32, 0},
		{"S1 sdiv by zero", SDiv, W64, neg1, 0, 0},
		{"S1 sdiv by zero, 32", SDiv, W32, neg1, 0, 0},
		{"S2 mod by zero", Mod, W64, neg1, 0, neg1},
		{"S2 smod by zero", SMod, W64, neg1, 0, neg1},
		{"S3 mod by zero, 32", Mod, W32, neg1, 0, math.MaxUint32},
		{"S3 smod by zero, 32", SMod, W32, neg1, 1 << 32, math.MaxUint32},
		{"S4 sdiv overflow", SDiv, W64, min64, neg1, min64},
		{"S4 sdiv overflow, 32", SDiv, W32, min32, neg1, min32},
		{"S4 sdiv rounds to zero", SDiv, W64, minus(7), 2, minus(3)},
		{"S5 smod overflow", SMod, W64, min64, neg1, 0},
		{"S5 smod overflow, 32", SMod, W32, min32, neg1, 0},
		{"S6 sign of smod", SMod, W64, minus(13), 3, neg1},
		{"S6 sign of smod", SMod, W64, 13, minus(3), 1},
		{"S6 sign of smod, 32", SMod, W32, minus(13), 3, math.MaxUint32},
		{"S7 lsh masks", Lsh, W64, 1, 65, 2},
		{"S7 lsh masks, 32", Lsh, W32, 1, 33, 2},
		{"S7 rsh masks", Rsh, W64, min64, 64 + 63, 1},
		{"S7 arsh masks, 32", Arsh, W32, min32, neg1, math.MaxUint32},
		{"S8 mov clears the upper half", Mov, W32, neg1, neg1, math.MaxUint32},
		{"S8 neg clears the upper half", Neg, W32, 1, 0, math.MaxUint32},
		{"S8 arsh clears the upper half", Arsh, W32, min32, 4, 0xf8000000},
		{"S8 movsx clears the upper half", MovSX8, W32, 0, 0x80, 0xffffff80},
		{"S8 add clears the upper half", Add, W32, math.MaxUint32, 1, 0},
		{"S8 sub clears the upper half", Sub, W32, 0, 1, math.MaxUint32},
		{"S9 sign-extended mask", And, W64, min64 | 5, uint64(sext(-4)), min64 | 4},
		{"S9 sign-extended divisor", Div, W64, neg1, uint64(sext(-1)), 1},
		{"S12 le16 truncates", Trunc16, W64, 0x1122334455667788, 0, 0x7788},
		{"S12 le32 truncates", Trunc32, W64, 0x1122334455667788, 0, 0x55667788},
		{"S12 le64 does nothing", Trunc64, W64, neg1, 0, neg1},
		{"S13 bswap16", Bswap16, W64, 0x1122334455667788, 0, 0x8877},
		{"S13 bswap32", Bswap32, W64, 0x1122334455667788, 0, 0x88776655},
		{"S13 bswap64", Bswap64, W64, 0x1122334455667788, 0, 0x8877665544332211},
		{"S14 movsx16", MovSX16, W64, 0, 0x18000, minus(0x8000)},
		{"S14 movsx32", MovSX32, W64, 0, min32, minus(1 << 31)},
		{"S19 neg of the smallest", Neg, W64, min64, 0, min64},
		{"S19 neg of the smallest, 32", Neg, W32, min32, 0, min32},
		{"S20 mul wraps", Mul, W64, min64 + 3, 2, 6},
		{"S20 mul wraps, 32", Mul, W32, min32 + 3, 2, 6},
	} {
		if got := Eval(c.op, c.w, c.a, c.b); got != c.want {
			t.Errorf("%s: Eval(%d, %v, %#x, %#x) = %#x, want %#x", c.rule, c.op, c.w, c.a, c.b, got, c.want)
		}
	}
}

func minus(x uint64) uint64 { return -x }

func sext(x int32) int64 { return int64(x) }

// TestConditions holds S10 and S11.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		rule string
		c    Cond
		w    Width
		a, b uint64
		want bool
	}{
		{"S10 unsigned against a sign-extended immediate", GT, W64, math.MaxUint32, uint64(sext(-1)), false},
		{"S10 unsigned against a sign-extended immediate", GE, W64, neg1, uint64(sext(-1)), true},
		{"S10 equality sees all bits", EQ, W64, math.MaxUint32, uint64(sext(-1)), false},
		{"S11 low halves only", EQ, W32, 7<<32 | 5, 5, true},
		{"S11 low halves only", SET, W32, 1 << 32, neg1, false},
		{"S11 low halves only", SET, W64, 1 << 32, neg1, true},
		{"S11 signed as 32 bits", SLT, W32, min32, 0, true},
		{"S11 signed as 32 bits", SLT, W64, min32, 0, false},
		{"S11 signed as 32 bits", SGE, W32, math.MaxUint32, 0, false},
		{"S11 unsigned as 32 bits", LT, W32, 1 << 32, 1, true},
	} {
		if got := Holds(c.c, c.w, c.a, c.b); got != c.want {
			t.Errorf("%s: Holds(%d, %v, %#x, %#x) = %v", c.rule, c.c, c.w, c.a, c.b, got)
		}
	}
}

// TestInstructionFacts holds the rules of S12 and S21 to S27 that show in one instruction.
func TestInstructionFacts(t *testing.T) {
	for _, c := range []struct {
		rule string
		ok   bool
	}{
		{"S12 le16 on a little-endian machine", one(t, "r1 = le16 r1").ALU(false) == Trunc16},
		{"S12 le16 on a big-endian machine", one(t, "r1 = le16 r1").ALU(true) == Bswap16},
		{"S12 be32 on a little-endian machine", one(t, "r1 = be32 r1").ALU(false) == Bswap32},
		{"S12 be32 on a big-endian machine", one(t, "r1 = be32 r1").ALU(true) == Trunc32},
		{"S13 bswap on either", one(t, "r1 = bswap64 r1").ALU(false) == Bswap64 && one(t, "r1 = bswap64 r1").ALU(true) == Bswap64},
		{"S21 packet load", one(t, "r0 = *(u8 *)skb[r7 + 1]").Uses() == RegSet(0).With(R6).With(R7)},
		{"S21 packet load clobbers", one(t, "r0 = *(u8 *)skb[1]").Defs() == callDefs},
		{"S22 gotol", one(t, "gotol +70000").JumpOffset() == 70000 && one(t, "gotol +70000").Off == 0},
		{"S23 call", one(t, "call 1").Defs() == callDefs && !one(t, "call 1").Defs().Has(R6)},
		{"S24 may_goto", one(t, "may_goto +3").IsCondJump() && one(t, "may_goto +3").Cond() == InvalidCond},
		{"S25 to address space 0", one(t, "r1 = addr_space_cast(r2, 0, 1)").Imm == 1},
		{"S25 to address space 1", one(t, "r1 = addr_space_cast(r2, 1, 0)").Imm == 0x10000},
		{"S25 is no arithmetic", one(t, "r1 = addr_space_cast(r2, 1, 0)").ALU(false) == InvalidALU},
		{"S26 load-acquire", one(t, "w1 = load_acquire((u8 *)(r2 + 0))").Size() == 1},
		{"S27 subprogram address", one(t, "r1 = func +5 ll").Src == PseudoFunc},
	} {
		if !c.ok {
			t.Error(c.rule)
		}
	}
}

// one assembles one instruction.
func one(t *testing.T, text string) Instruction {
	t.Helper()
	src, err := Assemble(text, AsmOptions{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return src.Insns[0]
}

// TestTinyWidths runs everything at words of 4 and 8 bits: results stay inside
// the word, narrow results inside the subregister, Negate and Swap mean what
// they say.
func TestTinyWidths(t *testing.T) {
	for _, w := range []Width{{4, 4}, {4, 2}, {8, 8}, {8, 4}} {
		for a := uint64(0); a <= w.WordMask(); a++ {
			for b := uint64(0); b <= w.WordMask(); b++ {
				for op := Add; op < NumALU; op++ {
					whole := op >= Trunc16 // these say their width themselves
					got := Eval(op, w, a, b)
					if got&^w.WordMask() != 0 || (!whole && got&^w.Mask() != 0) {
						t.Fatalf("Eval(%d, %v, %d, %d) = %d leaves the word", op, w, a, b, got)
					}
					if junk := ^w.WordMask(); Eval(op, w, a|junk, b|junk) != got {
						t.Fatalf("Eval(%d, %v, %d, %d) looks above the word", op, w, a, b)
					}
				}
				for c := EQ; c < NumCond; c++ {
					if Holds(c.Negate(), w, a, b) == Holds(c, w, a, b) || Holds(c.Swap(), w, b, a) != Holds(c, w, a, b) {
						t.Fatalf("condition %d of %d, %d at %v", c, a, b, w)
					}
				}
			}
		}
	}
}

// TestTinyMatchesWide checks that arithmetic at 8 bits is arithmetic at 64 bits
// on sign- or zero-extended operands, so that tiny widths prove something.
func TestTinyMatchesWide(t *testing.T) {
	w := Width{8, 8}
	for a := uint64(0); a < 256; a++ {
		for b := uint64(0); b < 256; b++ {
			sa, sb := w.SignExtend(a), w.SignExtend(b)
			sa, sb = uint64(w.Signed(sa)), uint64(w.Signed(sb))
			for _, op := range []ALUOp{Add, Sub, Mul, Or, And, Xor, Neg, Mov, SDiv, SMod} {
				if got, want := Eval(op, w, a, b), Eval(op, W64, sa, sb)&0xff; got != want {
					t.Fatalf("op %d of %d, %d: %d, at 64 bits %d", op, a, b, got, want)
				}
			}
			for _, op := range []ALUOp{Div, Mod} {
				if got, want := Eval(op, w, a, b), Eval(op, W64, a, b); got != want {
					t.Fatalf("op %d of %d, %d: %d, at 64 bits %d", op, a, b, got, want)
				}
			}
			if got, want := Eval(Arsh, w, a, b), Eval(Arsh, W64, sa, b&7)&0xff; got != want {
				t.Fatalf("arsh of %d, %d: %d, at 64 bits %d", a, b, got, want)
			}
		}
	}
}
