// Package speed holds the programs that executors are timed on.
//
// The idea: one text for every executor, so that the figures of the interpreter and
// of the compiler are about the same instructions. They are raw programs: r1 is the
// memory, r2 its length. Each stands for a kind of work: arithmetic, division,
// checksums, copies, hashes, table look-ups, calls.
//
// The trap: a program whose result nobody reads is one that a compiler may drop; all
// of them end with what they computed in r0.
package speed

// Program is one of them.
type Program struct {
	Name string
	// Bytes is the size of the memory.
	Bytes int
	// Text is the assembly.
	Text string
}

// Memory returns the memory that the program starts with.
func (p Program) Memory() []byte {
	b := make([]byte, p.Bytes)
	for i := range b {
		if p.Name != "sieve" { // which marks what it finds
			b[i] = byte(i * 7)
		}
	}
	return b
}

// Programs are all of them, in a fixed order.
var Programs = []Program{
	{"alu64", 0, `
	r0 = 0
	r1 = 1
	r2 = 2
	r4 = 4
	r5 = 5
	r6 = 6
	r7 = 7
	r8 = 8
	r3 = 30000
loop:
	r0 += r3
	r1 ^= r3
	r2 += 7
	r4 |= r3
	r5 += r0
	r6 ^= r2
	r7 += r1
	r8 -= r3
	r3 += -1
	if r3 != 0 goto loop
	r0 += r8
	exit`},
	{"divmod32", 0, `
	r0 = 0
	r1 = 20000
	r4 = 0
loop:
	w2 = w1
	w3 = w1
	w2 += 1000
	w2 /= 7
	w3 %= 13
	w0 += w2
	w1 -= 1
	if w1 != 0 goto loop
	exit`},
	{"checksum2k", 2048, `
	r0 = 0
	r3 = r1
	r3 += r2
loop:
	r4 = *(u16 *)(r1 + 0)
	r0 += r4
	r1 += 2
	r5 = r0
	r5 >>= 16
	r0 &= 0xffff
	if r1 < r3 goto loop
	exit`},
	{"copy2k", 2048, `
	r3 = r1
	r3 += 1024
	r4 = 1024
	r0 = 0
loop:
	r5 = *(u8 *)(r1 + 0)
	*(u8 *)(r3 + 0) = r5
	r1 += 1
	r3 += 1
	r4 += -1
	if r4 != 0 goto loop
	exit`},
	{"fnv", 2048, `
	r0 = 0xcbf29ce484222325 ll
	r5 = 0x100000001b3 ll
	r3 = r1
	r3 += r2
loop:
	r4 = *(u8 *)(r1 + 0)
	r0 ^= r4
	r0 *= r5
	r1 += 1
	r6 = r0
	r6 >>= 7
	if r1 != r3 goto loop
	exit`},
	{"sieve", 2048, `
	r0 = 0
	r3 = 2
outer:
	r4 = r1
	r4 += r3
	r5 = *(u8 *)(r4 + 0)
	if r5 != 0 goto next
	r0 += 1
	r5 = r3
	r5 += r3
	if r5 >= r2 goto next
inner:
	r4 = r1
	r4 += r5
	*(u8 *)(r4 + 0) = 1
	r5 += r3
	if r5 < r2 goto inner
next:
	r3 += 1
	if r3 < r2 goto outer
	exit`},
	{"calls", 0, `
	r6 = 3000
	r7 = 0
loop:
	r1 = r6
	r2 = r7
	call add
	r7 = r0
	r6 += -1
	if r6 != 0 goto loop
	r0 = r7
	exit
add:
	r0 = r1
	r0 += r2
	r0 ^= 5
	r0 += 1
	exit`},
}
