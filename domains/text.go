package domains

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/isa"
)

// Text prints a Word for people: a constant as a signed number, else those of its
// fields that say something, as in "[0,63] bits 0x0/0x3c" or "s[-4,3]": s are signed
// bounds, low and lows are those of the subregister, bits are value/mask. What
// plainly follows from the fields before it is left out.
func (d Word) Text(w isa.Width) string {
	if d.Empty {
		return "empty"
	}
	if x, ok := d.Const(); ok {
		return fmt.Sprint(w.Whole().Signed(x))
	}
	top := TopWord(w)
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	crosses := d.UMin <= uint64(top.SMax) && d.UMax > uint64(top.SMax) // the sign
	if d.UMin != top.UMin || d.UMax != top.UMax {
		add("[%d,%d]", d.UMin, d.UMax)
	}
	if crosses && (d.SMin != top.SMin || d.SMax != top.SMax) {
		add("s[%d,%d]", d.SMin, d.SMax)
	}
	if d.UMax > w.SubMask() {
		crosses = d.U32Min <= uint32(top.S32Max) && d.U32Max > uint32(top.S32Max)
		if d.U32Min != top.U32Min || d.U32Max != top.U32Max {
			add("low[%d,%d]", d.U32Min, d.U32Max)
		}
		if crosses && (d.S32Min != top.S32Min || d.S32Max != top.S32Max) {
			add("lows[%d,%d]", d.S32Min, d.S32Max)
		}
	}
	if v, m := RangeBits(d.UMin, d.UMax); v != d.Value || m != d.Mask {
		add("bits %#x/%#x", d.Value, d.Mask)
	}
	if len(parts) == 0 {
		return "top"
	}
	return strings.Join(parts, " ")
}
