package isa

// Width says how many bits a register has and how many of them an operation
// works on. Both are numbers so that everything can be run exhaustively at tiny
// widths: Width{4, 4} and Width{4, 2} stand for W64 and W32 and show the bugs of
// 32-bit operations that a single small width cannot.
//
// Op is Word or Word/2; the low Word/2 bits of a word are its subregister.
type Width struct{ Word, Op uint8 }

// The widths of eBPF.
var (
	W64 = Width{64, 64}
	W32 = Width{64, 32}
)

// Mask returns the bits that the operation works on.
func (w Width) Mask() uint64 { return ones(w.Op) }

// WordMask returns the bits of a register.
func (w Width) WordMask() uint64 { return ones(w.Word) }

// SubMask returns the bits of the subregister.
func (w Width) SubMask() uint64 { return ones(w.Word / 2) }

// Sign returns the sign bit of the operation.
func (w Width) Sign() uint64 { return 1 << (w.Op - 1) }

// Full reports whether the operation works on the whole register.
func (w Width) Full() bool { return w.Op == w.Word }

// Whole returns the width of an operation on the whole register.
func (w Width) Whole() Width { return Width{w.Word, w.Word} }

// Sub returns the width of an operation on the subregister.
func (w Width) Sub() Width { return Width{w.Word, w.Word / 2} }

// Signed returns the low Op bits of x as a signed number.
func (w Width) Signed(x uint64) int64 { return int64(x<<(64-w.Op)) >> (64 - w.Op) }

// SignExtend returns the low Op bits of x sign-extended to the whole register.
func (w Width) SignExtend(x uint64) uint64 { return uint64(w.Signed(x)) & w.WordMask() }

func ones(bits uint8) uint64 { return ^uint64(0) >> (64 - bits) }
