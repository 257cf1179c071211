package domains

import "testing"

// TestMembers counts out the nearest members of all tnums of 5 bits.
func TestMembers(t *testing.T) {
	for mask := uint64(0); mask < 32; mask++ {
		for value := uint64(0); value < 32; value++ {
			if value&mask != 0 {
				continue
			}
			for x := uint64(0); x < 40; x++ {
				checkMembers(t, value, mask, x)
			}
		}
	}
	if y, ok := GreatestMember(1<<63, 1<<62, ^uint64(0)); !ok || y != 3<<62 {
		t.Errorf("got %#x, %v", y, ok)
	}
}

func checkMembers(t *testing.T, value, mask, x uint64) {
	t.Helper()
	var least, greatest uint64
	var up, down bool
	for y := uint64(0); y < 32; y++ {
		if y&^mask != value {
			continue
		}
		if y >= x && !up {
			least, up = y, true
		}
		if y <= x {
			greatest, down = y, true
		}
	}
	if y, ok := LeastMember(value, mask, x); ok != up || ok && y != least {
		t.Errorf("LeastMember(%#b, %#b, %d) is %d, %v, want %d, %v", value, mask, x, y, ok, least, up)
	}
	if y, ok := GreatestMember(value, mask, x); ok != down || ok && y != greatest {
		t.Errorf("GreatestMember(%#b, %#b, %d) is %d, %v, want %d, %v", value, mask, x, y, ok, greatest, down)
	}
}

// TestRangeBits counts out the common leading bits of ranges.
func TestRangeBits(t *testing.T) {
	for lo := uint64(0); lo < 32; lo++ {
		for hi := lo; hi < 32; hi++ {
			var differ uint64
			for x := lo; x <= hi; x++ {
				differ |= x ^ lo
			}
			if v, m := RangeBits(lo, hi); v != lo&^differ || m != differ {
				t.Errorf("RangeBits(%d, %d) is %#b, %#b", lo, hi, v, m)
			}
		}
	}
}
