package domains

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/isa"
)

// Text prints a Word for people: a constant as a signed number, else those of its
// fields that say something, as in "[0,63] bits 0x0/0x3c" or "s[-4,3] low[0,7]".
// Bits are value/mask. A field that follows from the one before it is left out.
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
	if d.UMin != top.UMin || d.UMax != top.UMax {
		add("[%d,%d]", d.UMin, d.UMax)
	}
	if oneSide := d.UMax <= uint64(top.SMax) || d.UMin > uint64(top.SMax); !oneSide && (d.SMin != top.SMin || d.SMax != top.SMax) {
		add("s[%d,%d]", d.SMin, d.SMax)
	}
	if narrow := d.UMax <= w.SubMask(); !narrow {
		if d.U32Min != top.U32Min || d.U32Max != top.U32Max {
			add("low[%d,%d]", d.U32Min, d.U32Max)
		}
		if d.S32Min != top.S32Min || d.S32Max != top.S32Max {
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
