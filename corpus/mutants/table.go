package mutants

// mutant is a fault planted in the source: in file each edit's old text, which
// must be there exactly once, becomes its new text.
type mutant struct {
	// bug is the historic bug that it repeats: its row in the list, and its name.
	row   string
	bug   string
	file  string
	edits []edit
}

type edit struct{ old, new string }

// table has the mutants by row of the list of historic bugs.
var table = []mutant{
	{"1", "32-bit MOV of an immediate sign-extended", "absint/alu.go", []edit{
		{"\t\ts.num.ALU(op, w, dst, o)\n\t\ts.cells[dst] = scalarCell", "\t\tif op == isa.Mov && !o.IsVar {\n\t\t\tw = isa.W64\n\t\t}\n\t\ts.num.ALU(op, w, dst, o)\n\t\ts.cells[dst] = scalarCell"}}},
	{"2", "a spilled number is not truncated to its size", "absint/stack.go", []edit{
		{"\tcase 4:\n\t\ts.num.ALU(isa.Trunc32, isa.W64, v, domains.Operand{})\n\t}", "\tcase 4:\n\t}"}}},
	{"3", "32-bit operations treated as 64-bit ones", "absint/alu.go", []edit{
		{"\t\ts.num.ALU(op, w, dst, o)\n", "\t\ts.num.ALU(op, isa.W64, dst, o)\n"}}},
	{"4", "bounds of RSH: shift amounts taken the wrong way round", "domains/interval/alu.go", []edit{
		{"return r.line(ones(n)>>1, x.Lo>>k.Hi, x.Hi>>k.Lo)", "return r.line(ones(n)>>1, min(x.Lo>>k.Lo, x.Hi>>k.Hi), x.Hi>>k.Hi)"}}},
	{"5", "a pointer's offset overflows", "absint/alu.go", []edit{
		{"case isConst && (delta >= limit || delta <= -limit):", "case false:"},
		{"if sum >= limit || sum <= -limit {", "if false {"}}},
	{"6", "pruning: a number where the state seen before has a pointer", "absint/explore.go", []edit{
		{"if v.hash != hash || !x.included(s, v.st) {", "if v.hash != hash && v.st.depth != s.depth || !s.num.Leq(v.st.num) {"}}},
	{"7", "a store at a variable offset leaves what it may overwrite", "absint/memory.go", []edit{
		{"\t\ts.clear(frame, sp.off.lo, sp.off.hi-sp.off.lo+sp.size, true)\n\t\treturn", "\t\treturn"}}},
	{"8", "32-bit RSH does not truncate its operand first", "domains/interval/alu.go", []edit{
		{"\t\tif !w.Full() {\n\t\t\treturn zeroExtend(pairs(op, w.Op, a.low(), b.low()))\n\t\t}\n\t\treturn canonical(w, pairs(op, w.Op, a.word(), b.word()), fullSet(w.Word/2))", "\t\tif !w.Full() {\n\t\t\treturn zeroExtend(pairs(op, w.Op, a.word(), b.low()))\n\t\t}\n\t\treturn canonical(w, pairs(op, w.Op, a.word(), b.word()), fullSet(w.Word/2))"}}},
	{"9", "a 32-bit comparison bounds the whole register", "domains/interval/assume.go", []edit{
		{"return canonical(w, e.word(), s)", "return canonical(w, s, s)"}}},
	{"10", "bounds of OR: the greater upper bound", "domains/interval/alu.go", []edit{
		{"minOr(x, y), maxOr(x, y))", "minOr(x, y), max(x.Hi, y.Hi))"}}},
	{"11", "the low half's bounds from the word's, one end checked", "domains/zone/alu.go", []edit{
		{"meetU(w, &r, uint64(d.U32Min), uint64(d.U32Max))", "meetU(w, &r, d.UMin&w.Mask(), uint64(d.U32Max))"}}},
	{"12", "known bits of AND: only bits unknown on both sides stay unknown", "domains/tnum/alu.go", []edit{
		{"a.Max() & b.Max() &^ ones}.and", "a.Mask & b.Mask &^ ones}.and"}}},
	{"13", "bounds of DIV: divided by the wrong ends", "domains/interval/alu.go", []edit{
		{"return r.line(ones(n)>>1, x.Lo/y.Hi, x.Hi/y.Lo)", "return r.line(ones(n)>>1, x.Lo/y.Hi, x.Hi/y.Hi)"}}},
	{"14", "MOD by 0 does not leave the truncated dividend", "domains/interval/alu.go", []edit{
		{"\tif y.Lo == 0 {\n\t\tr = r.line(top, x.Lo, x.Hi)\n", "\tif y.Lo == 0 {\n"}}},
	{"15", "known bits of ADD: carries forgotten", "domains/tnum/alu.go", []edit{
		{"greatest := least + a.Mask + b.Mask", "greatest := least | a.Mask | b.Mask"}}},
	{"16", "sign extension leaves negative numbers small", "domains/interval/convert.go", []edit{
		{"s.Neg = Span{s.Neg.Lo | high, s.Neg.Hi | high}", "s.Neg = Span{s.Neg.Lo | high>>1, s.Neg.Hi | high>>1}"}}},
	{"18", "arithmetic on a pointer that may be null", "absint/alu.go", []edit{
		{"\tcase c.has(MaybeNull):\n\t\tif d := a.alarm(pc, NullCheck, Safety); d != nil {\n\t\t\td.Message = fmt.Sprintf(\"arithmetic on", "\tcase false:\n\t\tif d := a.alarm(pc, NullCheck, Safety); d != nil {\n\t\t\td.Message = fmt.Sprintf(\"arithmetic on"}}},
	{"19", "the greatest index over-approximated away", "absint/access.go", []edit{
		{"if sp.off.lo >= 0 && sp.off.hi <= limit-sp.size {", "if sp.off.lo >= 0 && sp.off.hi <= limit {"}}},
	{"20", "wrong pruning: numbers are not compared", "absint/explore.go", []edit{
		{"return (a.priv || s.writtenWithin(t)) && s.num.Leq(t.num)", "return a.priv || s.writtenWithin(t)"}}},
	{"22", "offsets computed in 32 bits", "absint/state.go", []edit{
		{"return wordBound(s.num.Word(v)).add(fixed)", "b := wordBound(s.num.Word(v)).add(fixed)\n\treturn bound{int64(int32(b.lo)), int64(int32(b.hi))}"}}},
	{"23", "a spilled number survives a store into its middle", "absint/stack.go", []edit{
		{"\t\ts.set(v, Cell{})\n\t}\n}\n\n// poisonStack", "\t\tif size >= 4 {\n\t\t\ts.set(v, Cell{})\n\t\t}\n\t}\n}\n\n// poisonStack"}}},
	{"24", "a 32-bit comparison refines what follows as a 64-bit one", "absint/branch.go", []edit{
		{"\tt.num.Assume(c, w, dst, o)\n\ta.followAlive(s, b, succs[0])\n\ta.followAlive(t, b, succs[1])", "\tt.num.Assume(c, isa.W64, dst, o)\n\ta.followAlive(s, b, succs[0])\n\ta.followAlive(t, b, succs[1])"}}},
	{"25", "a 32-bit addition keeps the link to its operand", "domains/zone/*.go", []edit{
		{"case fits(w, &d) && d.UMax <= w.Mask()-k:", "case true:"}}},
	{"27", "packet pointers survive a helper that moves the packet", "absint/call.go", []edit{
		{"\tif h.ChangesPacket {\n\t\ts.changePacket()\n\t}", ""}}},
	{"28", "NEG on a pointer leaves the pointer", "absint/alu.go", []edit{
		{"\t\tunknown()\n\t\treturn\n\tcase isa.Sub:", "\t\tif op != isa.Neg {\n\t\t\tunknown()\n\t\t}\n\t\treturn\n\tcase isa.Sub:"}}},
	{"29", "known bits of OR: unknown on one side is taken for known", "domains/tnum/alu.go", []edit{
		{"(a.Mask | b.Mask) &^ ones}.and", "a.Mask &^ ones}.and"}}},
	{"30", "an atomic fetch leaves its register as it was", "absint/memory.go", []edit{
		{"} else if ins.Imm&isa.AtomicFetch != 0 {\n\t\told(src)", "} else if ins.Imm&isa.AtomicFetch != 0 && a.bigEndian {\n\t\told(src)"}}},
	{"31", "a comparison with the end of the packet proves one byte too many", "absint/branch.go", []edit{
		{"\tcase isa.LE:\n\t\tnear, far = t, s\n\tdefault:\n\t\treturn true, true, true", "\tcase isa.LE:\n\t\tnear, far, extra = t, s, 1\n\tdefault:\n\t\treturn true, true, true"}}},
	{"32", "a byte swap keeps the relations of its operand", "domains/zone/alu.go", []edit{
		{"\t\tz.define(v, z.atMost(low(int(w.Field(op)))))\n\tdefault:\n\t\tpanic", "\tdefault:\n\t\tpanic"}}},
	{"33", "the distance of linked registers is lost in a join", "domains/zone/join.go", []edit{
		{"z.vars[v] = scaled(c.node, s, (z.vars[v].delta-uint64(s)*c.refA.delta)&mask)", "z.vars[v] = scaled(c.node, s, z.vars[v].delta&mask)"}}},
	{"34", "a load keeps the bounds that its register had", "absint/state.go", []edit{
		{"\ts.cells[v] = scalarCell\n\ts.num.Havoc(v)\n\ts.num.Refine(v, d)", "\ts.cells[v] = scalarCell\n\ts.num.Refine(v, d)"}}},
	{"35", "number += pointer forgets the pointer's variable part", "absint/alu.go", []edit{
		{"\tcase had: // number += pointer: dst holds the number\n", "\tcase had && dst > domains.Var(s.lay.n): // number += pointer: dst holds the number\n"}}},
	{"36", "a 32-bit comparison of a pointer with 0 is a null check", "absint/branch.go", []edit{
		{"if w.Full() && (c == isa.EQ || c == isa.NE) && s.isZero(o) {", "if (c == isa.EQ || c == isa.NE) && s.isZero(o) {"}}},
	{"37", "inclusion of bounds looks at one end", "domains/interval/interval.go", []edit{
		{"func Leq(a, b Interval) bool { return Join(a, b) == b }", "func Leq(a, b Interval) bool { return a.PosMax <= b.PosMax && a.NegMin >= b.NegMin }"}}},
	{"38", "signed division of the smallest number by -1", "isa/eval.go", []edit{
		{"return -x & w.Mask()\n\t}\n\treturn uint64(w.Signed(x)/w.Signed(y))", "return x >> 1\n\t}\n\treturn uint64(w.Signed(x)/w.Signed(y))"}}},
}
