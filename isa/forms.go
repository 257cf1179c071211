package isa

// The table of instruction forms. A form is an opcode with one meaning: DIV is
// four forms (width, signedness), CALL is three. Validation, register use,
// conformance groups and both directions of the text syntax read this table, so
// an instruction added here exists everywhere.
//
// An opcode with several forms is told apart by the fields marked exact.

// fieldKind says what a form does with one of its fields. The zero value is an
// unused field, which must hold 0 (rule I2).
type fieldKind uint8

const (
	unused  fieldKind = iota // must be 0
	exact                    // holds the value that selects the form
	reads                    // a register that is read
	writes                   // a register that is written
	updates                  // a register that is read, then written
	free                     // any value
)

// field is one constraint; val counts for exact only.
type field struct {
	kind fieldKind
	val  int32
}

// syntax is the shape of the text of a form.
type syntax uint8

const (
	synNone    syntax = iota
	synALU            // r1 += r2
	synMov            // r1 = r2, r1 = (s8)r2
	synCast           // r1 = addr_space_cast(r2, 0, 1)
	synNeg            // r1 = -r1
	synEnd            // r1 = be16 r1
	synLoad           // r1 = *(u8 *)(r2 + 4)
	synStore          // *(u8 *)(r1 + 4) = r2
	synPacket         // r0 = *(u8 *)skb[12]
	synJump           // if r1 == r2 goto +3
	synGoto           // goto +3, gotol +3, may_goto +3
	synCall           // call 5
	synCallX          // callx r3
	synExit           // exit
	synAtomic         // lock *(u64 *)(r1 + 0) += r2
	synFetch          // r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)
	synXchg           // r2 = xchg_64(r1 + 0, r2)
	synCmpXchg        // r0 = cmpxchg_64(r1 + 0, r0, r2)
	synLoadAcq        // r1 = load_acquire((u64 *)(r2 + 0))
	synStRel          // store_release((u64 *)(r1 + 0), r2)
	synWide           // r1 = 5 ll and its pseudo forms
)

// form is one row of the table.
type form struct {
	op                 uint8
	syn                syntax
	name               string
	dst, src, off, imm field
	group              Group
	need               Feature
}

// forms holds the forms of each opcode byte; an unknown opcode has none.
var forms = buildForms()

func is(v int32) field { return field{exact, v} }

var (
	rd     = field{kind: reads}
	wr     = field{kind: writes}
	upd    = field{kind: updates}
	anyVal = field{kind: free}
	zero   = field{}
)

// aluNames gives the mnemonic of an ALU code; its text operator is in aluText.
var aluNames = [16]string{
	CodeADD >> 4: "add", CodeSUB >> 4: "sub", CodeMUL >> 4: "mul", CodeDIV >> 4: "div",
	CodeOR >> 4: "or", CodeAND >> 4: "and", CodeLSH >> 4: "lsh", CodeRSH >> 4: "rsh",
	CodeNEG >> 4: "neg", CodeMOD >> 4: "mod", CodeXOR >> 4: "xor", CodeMOV >> 4: "mov",
	CodeARSH >> 4: "arsh",
}

var jumpNames = [16]string{
	CodeJEQ >> 4: "jeq", CodeJGT >> 4: "jgt", CodeJGE >> 4: "jge", CodeJSET >> 4: "jset",
	CodeJNE >> 4: "jne", CodeJSGT >> 4: "jsgt", CodeJSGE >> 4: "jsge", CodeJLT >> 4: "jlt",
	CodeJLE >> 4: "jle", CodeJSLT >> 4: "jslt", CodeJSLE >> 4: "jsle",
}

// sizeNames is indexed by the size bits, Op>>3&3: W, H, B, DW.
var sizeNames = [4]string{"w", "h", "b", "dw"}

// formTable is the table under construction.
type formTable [256][]form

func (t *formTable) add(f form) { t[f.op] = append(t[f.op], f) }

func buildForms() *formTable {
	t := new(formTable)
	t.addALU(ClassALU, "32", Base32, DivMul32)
	t.addALU(ClassALU64, "", Base64, DivMul64)
	t.addEnd()
	t.addJumps()
	t.addMemory()
	t.addAtomics()
	t.addWide()
	return t
}

// addALU adds the forms of one ALU class but for the byte swaps.
func (t *formTable) addALU(class uint8, suffix string, base, divmul Group) {
	for c := 0; c < 16; c++ {
		code := uint8(c) << 4
		if aluNames[c] == "" || code == CodeNEG || code == CodeMOV {
			continue
		}
		f := form{op: class | code, syn: synALU, name: aluNames[c] + suffix, dst: upd, imm: anyVal, group: base}
		switch code {
		case CodeMUL:
			f.group = divmul
		case CodeDIV, CodeMOD:
			f.group, f.off = divmul, is(0)
		}
		t.addBoth(f, upd)
		if code == CodeDIV || code == CodeMOD {
			f.name, f.off, f.need = "s"+f.name, is(1), FeatCPUv4
			t.addBoth(f, upd)
		}
	}
	mov := form{op: class | CodeMOV, syn: synMov, name: "mov" + suffix, dst: wr, imm: anyVal, group: base}
	t.add(mov)
	mov.op, mov.src, mov.imm, mov.off = mov.op|SourceX, rd, zero, is(0)
	t.add(mov)
	mov.need = FeatCPUv4
	for _, n := range []int32{8, 16, 32} {
		if n == 32 && class == ClassALU {
			break // a 32-bit move of 32 bits extends nothing
		}
		mov.name, mov.off = "movsx"+itoa(n), is(n)
		if class == ClassALU {
			mov.name += "_32"
		}
		t.add(mov)
	}
	t.add(form{op: class | CodeNEG, syn: synNeg, name: "neg" + suffix, dst: upd, group: base})
	if class == ClassALU64 {
		cast := form{op: OpMovX, syn: synCast, name: "addr_space_cast", dst: wr, src: rd, off: is(AddrSpaceCast), group: LinuxOnly, need: FeatAddrSpaceCast}
		for _, spaces := range []int32{1, 1 << 16} {
			cast.imm = is(spaces)
			t.add(cast)
		}
	}
}

// addBoth adds the immediate and the register variant of f, which is given with
// its immediate one.
func (t *formTable) addBoth(f form, dst field) {
	f.dst = dst
	t.add(f)
	f.op, f.src, f.imm = f.op|SourceX, rd, zero
	t.add(f)
}

func (t *formTable) addEnd() {
	for _, e := range []struct {
		op   uint8
		name string
		need Feature
	}{
		{ClassALU | CodeEND, "le", 0},
		{ClassALU | CodeEND | SourceX, "be", 0},
		{ClassALU64 | CodeEND, "bswap", FeatCPUv4},
	} {
		for _, n := range []int32{16, 32, 64} {
			g := Base32
			if n == 64 {
				g = Base64
			}
			t.add(form{op: e.op, syn: synEnd, name: e.name + itoa(n), dst: upd, imm: is(n), group: g, need: e.need})
		}
	}
}

func (t *formTable) addJumps() {
	for c := 0; c < 16; c++ {
		if jumpNames[c] == "" {
			continue
		}
		f := form{op: ClassJMP | uint8(c)<<4, syn: synJump, name: jumpNames[c], off: anyVal, imm: anyVal, group: Base64}
		t.addBoth(f, rd)
		f.op, f.name, f.group, f.need = ClassJMP32|uint8(c)<<4, f.name+"32", Base32, FeatJMP32
		t.addBoth(f, rd)
	}
	t.add(form{op: OpJA, syn: synGoto, name: "goto", off: anyVal, group: Base32})
	t.add(form{op: OpGotol, syn: synGoto, name: "gotol", imm: anyVal, group: Base32, need: FeatCPUv4})
	t.add(form{op: OpMayGoto, syn: synGoto, name: "may_goto", off: anyVal, group: LinuxOnly, need: FeatMayGoto})
	t.add(form{op: OpCall, syn: synCall, name: "call", src: is(int32(CallHelper)), imm: anyVal, group: Base32})
	t.add(form{op: OpCall, syn: synCall, name: "local call", src: is(int32(CallLocal)), imm: anyVal, group: Base32, need: FeatLocalCall})
	t.add(form{op: OpCall, syn: synCall, name: "kfunc call", src: is(int32(CallKfunc)), off: anyVal, imm: anyVal, group: Base32, need: FeatKfunc})
	t.add(form{op: OpCallX, syn: synCallX, name: "callx", dst: rd, group: CallX, need: FeatCallX})
	t.add(form{op: OpExit, syn: synExit, name: "exit", group: Base32})
}

func (t *formTable) addMemory() {
	for s := uint8(0); s < 4; s++ {
		size, g := s<<3, Base32
		if size == SizeDW {
			g = Base64
		}
		n := sizeNames[s]
		t.add(form{op: ClassLDX | ModeMEM | size, syn: synLoad, name: "ldx" + n, dst: wr, src: rd, off: anyVal, group: g})
		t.add(form{op: ClassSTX | ModeMEM | size, syn: synStore, name: "stx" + n, dst: rd, src: rd, off: anyVal, group: g})
		t.add(form{op: ClassST | ModeMEM | size, syn: synStore, name: "st" + n, dst: rd, off: anyVal, imm: anyVal, group: g})
		if size == SizeDW {
			continue // neither a sign-extending nor a packet load moves 8 bytes
		}
		t.add(form{op: ClassLDX | ModeMEMSX | size, syn: synLoad, name: "ldxs" + n, dst: wr, src: rd, off: anyVal, group: g, need: FeatCPUv4})
		t.add(form{op: ClassLD | ModeABS | size, syn: synPacket, name: "ldabs" + n, imm: anyVal, group: Packet})
		t.add(form{op: ClassLD | ModeIND | size, syn: synPacket, name: "ldind" + n, src: rd, imm: anyVal, group: Packet})
	}
}

// atomicOps lists the read-modify-write operations that come with and without fetch.
var atomicOps = []struct {
	imm  int32
	name string
	text string
}{
	{AtomicAdd, "add", "+="}, {AtomicOr, "or", "|="}, {AtomicAnd, "and", "&="}, {AtomicXor, "xor", "^="},
}

func (t *formTable) addAtomics() {
	for s := uint8(0); s < 4; s++ {
		op := ClassSTX | ModeATOMIC | s<<3
		g, suffix := Atomic32, "32"
		if s<<3 == SizeDW {
			g, suffix = Atomic64, "64"
		}
		f := form{op: op, dst: rd, src: rd, off: anyVal, group: g}
		if s<<3 == SizeW || s<<3 == SizeDW {
			for _, a := range atomicOps {
				f.syn, f.name, f.src, f.imm, f.need = synAtomic, "atomic_"+a.name+suffix, rd, is(a.imm), 0
				t.add(f)
				f.syn, f.name, f.src, f.imm, f.need = synFetch, "atomic_fetch_"+a.name+suffix, upd, is(a.imm|AtomicFetch), FeatAtomicFetch
				t.add(f)
			}
			f.syn, f.name, f.imm = synXchg, "xchg"+suffix, is(AtomicXchg)
			t.add(f)
			f.syn, f.name, f.src, f.imm = synCmpXchg, "cmpxchg"+suffix, rd, is(AtomicCmpXchg)
			t.add(f)
		}
		n := sizeNames[s]
		t.add(form{op: op, syn: synLoadAcq, name: "load_acquire " + n, dst: wr, src: rd, off: anyVal, imm: is(AtomicLoadAcq), group: LinuxOnly, need: FeatOrderedAtomic})
		t.add(form{op: op, syn: synStRel, name: "store_release " + n, dst: rd, src: rd, off: anyVal, imm: is(AtomicStRel), group: LinuxOnly, need: FeatOrderedAtomic})
	}
}

// wideNames is indexed by Src of an LD_IMM64; the names of the pseudo forms are
// also those of the text syntax.
var wideNames = [7]string{"ld_imm64", "map_fd", "map_value_fd", "var", "func", "map_idx", "map_value_idx"}

func (t *formTable) addWide() {
	needs := [7]Feature{0, 0, FeatMapValue, FeatVar, FeatFuncAddr, FeatMapIdx, FeatMapIdx}
	for src, name := range wideNames {
		t.add(form{op: OpLdImm64, syn: synWide, name: name, dst: wr, src: is(int32(src)), imm: anyVal, group: Base64, need: needs[src]})
	}
}

// form returns the form of i, or nil if no form has its opcode and selecting fields.
func (i Instruction) form() *form {
	fs := forms[i.Op]
	for k := range fs {
		if f := &fs[k]; f.selects(i) {
			return f
		}
	}
	return nil
}

func (f *form) selects(i Instruction) bool {
	return f.dst.selects(int32(i.Dst)) && f.src.selects(int32(i.Src)) &&
		f.off.selects(int32(i.Off)) && f.imm.selects(i.Imm)
}

func (c field) selects(v int32) bool { return c.kind != exact || c.val == v }

// clean reports whether every field of i is one that the text syntax of f can
// say: registers exist and unused fields are 0.
func (f *form) clean(i Instruction) bool {
	return f.dst.clean(int32(i.Dst)) && f.src.clean(int32(i.Src)) &&
		f.off.clean(int32(i.Off)) && f.imm.clean(i.Imm) && (i.Next == 0 || i.IsLdImm64())
}

func (c field) clean(v int32) bool {
	switch c.kind {
	case unused:
		return v == 0
	case reads, writes, updates:
		return v < NumRegs
	case exact:
		return v == c.val
	case free:
		return true
	}
	return false
}
