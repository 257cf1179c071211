package exec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// textModels are the helpers that print and parse text.
var textModels = map[string]model{
	"trace_printk":  tracePrintk,
	"trace_vprintk": func(m *Machine, a *[5]uint64) uint64 { return m.printArray(a[0], a[1], a[2], a[3]) },
	"seq_printf":    func(m *Machine, a *[5]uint64) uint64 { return m.seqPrintf(a) },
	"seq_write": func(m *Machine, a *[5]uint64) uint64 {
		m.print(fmt.Sprintf("%x", m.span(a[1], int(a[2]), false)))
		return 0
	},
	"snprintf": snprintf,
	"strtol":   func(m *Machine, a *[5]uint64) uint64 { return parse(m, a, true) },
	"strtoul":  func(m *Machine, a *[5]uint64) uint64 { return parse(m, a, false) },
	"strncmp":  compareStrings,
}

// format is the kernel's printf over 64-bit arguments. ok is false for what it refuses.
func (m *Machine) format(text string, args []uint64) (out string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		j := i + 1
		for j < len(text) && strings.IndexByte("0123456789-+ #.lh", text[j]) >= 0 {
			j++
		}
		if j >= len(text) {
			return "", false
		}
		if text[j] == '%' {
			b.WriteByte('%')
			i = j
			continue
		}
		if len(args) == 0 {
			return "", false
		}
		v := args[0]
		args = args[1:]
		long := strings.Contains(text[i:j], "l")
		switch text[j] {
		case 'd', 'i':
			if !long {
				v = uint64(int64(int32(uint32(v))))
			}
			b.WriteString(strconv.FormatInt(int64(v), 10))
		case 'u', 'x', 'X', 'c':
			if !long {
				v = uint64(uint32(v))
			}
			base := 10
			if text[j] != 'u' {
				base = 16
			}
			b.WriteString(strconv.FormatUint(v, base))
		case 's':
			s, _ := m.cString(v)
			b.WriteString(s)
		case 'p':
			for j+1 < len(text) && strings.IndexByte("BKksSiIx46", text[j+1]) >= 0 {
				j++
			}
			b.WriteString(strconv.FormatUint(v, 16))
		default:
			return "", false
		}
		i = j
	}
	return b.String(), true
}

// text returns the format string in size bytes at an address.
func (m *Machine) text(addr, size uint64) (string, bool) {
	b := m.span(addr, int(size), false)
	if len(b) == 0 || b[len(b)-1] != 0 {
		return "", false
	}
	return string(b[:bytes.IndexByte(b, 0)]), true
}

func tracePrintk(m *Machine, a *[5]uint64) uint64 {
	f, ok := m.text(a[0], a[1])
	if !ok {
		return errno(eINVAL)
	}
	out, ok := m.format(f, a[2:])
	if !ok {
		return errno(eINVAL)
	}
	m.print(out)
	return uint64(len(out))
}

// printArray prints with arguments from an array.
func (m *Machine) printArray(f, size, data, n uint64) uint64 {
	text, ok := m.text(f, size)
	if !ok || n%8 != 0 || n > 12*8 {
		return errno(eINVAL)
	}
	out, ok := m.format(text, m.words(data, n))
	if !ok {
		return errno(eINVAL)
	}
	m.print(out)
	return uint64(len(out))
}

func (m *Machine) seqPrintf(a *[5]uint64) uint64 {
	if r := m.printArray(a[1], a[2], a[3], a[4]); int64(r) < 0 {
		return r
	}
	return 0
}

// words reads n bytes as numbers.
func (m *Machine) words(addr, n uint64) []uint64 {
	b := m.span(addr, int(n), false)
	out := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		out = append(out, binary.LittleEndian.Uint64(b))
	}
	return out
}

func snprintf(m *Machine, a *[5]uint64) uint64 {
	f, ok := m.cString(a[2])
	if !ok || a[4]%8 != 0 || a[4] > 12*8 {
		return errno(eINVAL)
	}
	out, ok := m.format(f, m.words(a[3], a[4]))
	if !ok {
		return errno(eINVAL)
	}
	if b := m.span(a[0], int(a[1]), true); len(b) > 0 {
		b[copy(b[:len(b)-1], out)] = 0
	}
	return uint64(len(out) + 1)
}

// parse is strtol and strtoul: blanks, a sign, digits in base 0, 8, 10 or 16; the
// result is how many bytes were read.
func parse(m *Machine, a *[5]uint64, signed bool) uint64 {
	b := m.span(a[0], int(a[1]), false)
	base := int(a[2] & 31)
	if len(b) == 0 || a[2]&^31 != 0 || (base != 0 && base != 8 && base != 10 && base != 16) {
		return errno(eINVAL)
	}
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] >= '\t' && b[i] <= '\r') {
		i++
	}
	negative := false
	if i < len(b) && b[i] == '-' {
		negative = true
		i++
	}
	if negative && !signed {
		return errno(eINVAL)
	}
	if rest := b[i:]; len(rest) > 2 && rest[0] == '0' && rest[1]|32 == 'x' && (base == 0 || base == 16) {
		base, i = 16, i+2
	} else if base == 0 && len(rest) > 0 && rest[0] == '0' {
		base = 8
	} else if base == 0 {
		base = 10
	}
	j := i
	for j < len(b) && digit(b[j]) < base {
		j++
	}
	if i == j {
		return errno(eINVAL)
	}
	v, err := strconv.ParseUint(string(b[i:j]), base, 64)
	limit := uint64(1) << 63
	if err != nil || (signed && (v > limit || v == limit && !negative)) {
		return errno(eRANGE)
	}
	if negative {
		v = -v
	}
	m.put64(a[3], v)
	return uint64(j)
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|32 >= 'a' && c|32 <= 'z':
		return int(c|32-'a') + 10
	}
	return 99
}

func compareStrings(m *Machine, a *[5]uint64) uint64 {
	s := m.span(a[0], int(a[1]), false)
	t, _ := m.cString(a[2])
	for i := range s {
		var c byte
		if i < len(t) {
			c = t[i]
		}
		if s[i] != c {
			return uint64(int64(s[i]) - int64(c))
		}
		if c == 0 {
			break
		}
	}
	return 0
}
