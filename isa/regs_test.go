package isa

import "testing"

func TestUsesDefs(t *testing.T) {
	for _, c := range []struct{ text, uses, defs string }{
		{"r1 = 5", "", "r1"},
		{"r1 = r2", "r2", "r1"},
		{"w1 = (s8)w2", "r2", "r1"},
		{"r1 = 5 ll", "", "r1"},
		{"w1 += w2", "r1 r2", "r1"},
		{"r1 *= 3", "r1", "r1"},
		{"r1 = -r1", "r1", "r1"},
		{"r1 = be16 r1", "r1", "r1"},
		{"r1 = addr_space_cast(r2, 0, 1)", "r2", "r1"},
		{"r1 = *(u8 *)(r2 + 0)", "r2", "r1"},
		{"*(u8 *)(r1 + 0) = r2", "r1 r2", ""},
		{"*(u8 *)(r1 + 0) = 2", "r1", ""},
		{"lock *(u64 *)(r1 + 0) += r2", "r1 r2", ""},
		{"r2 = atomic_fetch_xor((u64 *)(r1 + 0), r2)", "r1 r2", "r2"},
		{"r2 = xchg_64(r1 + 0, r2)", "r1 r2", "r2"},
		{"r0 = cmpxchg_64(r1 + 0, r0, r2)", "r0 r1 r2", "r0"},
		{"r1 = load_acquire((u64 *)(r2 + 0))", "r2", "r1"},
		{"store_release((u64 *)(r1 + 0), r2)", "r1 r2", ""},
		{"r0 = *(u8 *)skb[1]", "r6", "r0 r1 r2 r3 r4 r5"},
		{"r0 = *(u8 *)skb[r7 + 1]", "r6 r7", "r0 r1 r2 r3 r4 r5"},
		{"if r1 == r2 goto +0", "r1 r2", ""},
		{"if w1 & 1 goto +0", "r1", ""},
		{"goto +0", "", ""},
		{"gotol +0", "", ""},
		{"may_goto +0", "", ""},
		{"call 1", "r1 r2 r3 r4 r5", "r0 r1 r2 r3 r4 r5"},
		{"call pc+1", "r1 r2 r3 r4 r5", "r0 r1 r2 r3 r4 r5"},
		{"call kfunc#1", "r1 r2 r3 r4 r5", "r0 r1 r2 r3 r4 r5"},
		{"callx r7", "r1 r2 r3 r4 r5 r7", "r0 r1 r2 r3 r4 r5"},
		{"exit", "r0", ""},
		{".insn 0xff, 1, 2, 3, 4", "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10", ""},
		{".insn 0xbf, 15, 14, 0, 0", "", ""},
	} {
		i := one(t, c.text)
		if got := i.Uses().String(); got != c.uses {
			t.Errorf("%s uses %q, want %q", c.text, got, c.uses)
		}
		if got := i.Defs().String(); got != c.defs {
			t.Errorf("%s defines %q, want %q", c.text, got, c.defs)
		}
	}
	if s := RegSet(0).With(R3).With(R10).Without(R3); s != 1<<R10 || s.Has(R3) {
		t.Errorf("RegSet arithmetic: %v", s)
	}
}

func TestGroups(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "base32"},
		{"w0 = 0\nexit", "base32"},
		{"r0 = 0\nexit", "base64"},
		{"w0 /= w1", "base32,divmul32"},
		{"r0 *= 3", "base32,divmul64"},
		{"lock *(u32 *)(r1 + 0) += w2\nw1 %= 3", "base32,atomic32,divmul32"},
		{"lock *(u32 *)(r1 + 0) += w2\nlock *(u64 *)(r1 + 0) += r2", "base32,atomic64"},
		{"r0 = *(u8 *)skb[1]", "base32,packet"},
		{"r1 = be64 r1", "base64"},
		{"r1 = be32 r1", "base32"},
		{"may_goto +0", "base32,linux"},
		{"callx r3", "base32,callx"},
		{".insn 0xff, 0, 0, 0, 0", "base32,unknown"},
		{"w1 = 1\nr1 = 5 ll", "base64"},
	} {
		if got := Groups(asm(t, c.text)).String(); got != c.want {
			t.Errorf("%q needs %q, want %q", c.text, got, c.want)
		}
	}
	if s := GroupSet(0).With(Atomic64); !s.Has(Atomic32) || s.Has(Base32) || len(s.Names()) != 2 {
		t.Errorf("closure of atomic64: %v", s.Names())
	}
}
