package exec

import (
	"encoding/binary"
	"testing"

	"github.com/bpfcheck/bpfcheck/loader"
)

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// machineWith gives a machine with testMaps, set up for a run.
func machineWith(t *testing.T, in *Input) *Machine {
	t.Helper()
	r, err := Interpreter{}.Load(testProgram(t, "xdp", "r1 = map[progs] ll\n r0 = 0\n exit"), Options{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(r.(*program))
	m.begin(in)
	if f := m.setUp(); f != NoFault {
		t.Fatal(f)
	}
	return m
}

// named finds a map of the run.
func (m *Machine) named(name string) *mapState {
	for _, s := range m.maps {
		if s.def.Name == name {
			return s
		}
	}
	return nil
}

// get returns the first bytes of a value as a number.
func get(m *Machine, s *mapState, key []byte) (uint64, bool) {
	e := m.find(s, key)
	if e == nil {
		return 0, false
	}
	return binary.LittleEndian.Uint64(e.value), true
}

func TestHashMaps(t *testing.T) {
	m := machineWith(t, &Input{Maps: map[string][]Entry{"hash": {{Key: le32(9), Value: le64(90)}}}})
	s := m.named("hash")
	if v, ok := get(m, s, le32(9)); !ok || v != 90 {
		t.Errorf("given element: %d, %v", v, ok)
	}
	for _, c := range []struct {
		key, value, flags uint64
		want              int64
	}{
		{1, 10, updateExist, -eNOENT}, {1, 10, updateNoExist, 0}, {1, 11, updateNoExist, -eEXIST}, {1, 12, 0, 0},
		{2, 20, 0, -eBIG}, {9, 91, updateExist, 0}, {1, 1, 3, -eINVAL}, {1, 1, updateLock, -eINVAL},
	} {
		if got := int64(m.update(s, le32(uint32(c.key)), le64(c.value), c.flags)); got != c.want {
			t.Errorf("update %d with flags %d: %d, want %d", c.key, c.flags, got, c.want)
		}
	}
	if v, _ := get(m, s, le32(1)); v != 12 {
		t.Errorf("value %d, want 12", v)
	}
	if r := s.remove(le32(9)); r != 0 {
		t.Errorf("delete: %d", int64(r))
	}
	if r := int64(s.remove(le32(9))); r != -eNOENT {
		t.Errorf("second delete: %d", r)
	}
	if r := m.update(s, le32(2), le64(20), 0); r != 0 {
		t.Errorf("update after delete: %d", int64(r))
	}
}

// TestHeldValue: a value that the program holds stays readable when its element is
// deleted or replaced, and is another value than the new one.
func TestHeldValue(t *testing.T) {
	m := machineWith(t, &Input{Maps: map[string][]Entry{"hash": {{Key: le32(1), Value: le64(10)}}}})
	s := m.named("hash")
	old := m.expose(s, m.find(s, le32(1)), 0)
	m.update(s, le32(1), le64(11), 0)
	now := m.expose(s, m.find(s, le32(1)), 0)
	if v, f := m.loadAny(old, 8); f != NoFault || v != 10 {
		t.Errorf("held value %d, %s", v, f)
	}
	if v, f := m.loadAny(now, 8); f != NoFault || v != 11 || now == old {
		t.Errorf("new value %d, %s", v, f)
	}
	s.remove(le32(1))
	if v, f := m.loadAny(now, 8); f != NoFault || v != 11 {
		t.Errorf("deleted value %d, %s", v, f)
	}
}

func TestLRUEvicts(t *testing.T) {
	m := machineWith(t, &Input{})
	s := m.named("lru")
	for i := range uint32(200) {
		if r := m.update(s, le32(i), le64(uint64(i)), 0); r != 0 {
			t.Fatalf("update %d: %d", i, int64(r))
		}
	}
	if len(s.elems) != 2 || s.live != 2 || len(s.order) > 130 {
		t.Errorf("%d elements, %d live, %d in order", len(s.elems), s.live, len(s.order))
	}
	if _, ok := get(m, s, le32(199)); !ok {
		t.Error("the newest element is gone")
	}
}

func TestArrays(t *testing.T) {
	m := machineWith(t, &Input{})
	s := m.named("array")
	if v, ok := get(m, s, le32(3)); !ok || v != 0 {
		t.Errorf("element 3: %d, %v", v, ok)
	}
	if _, ok := get(m, s, le32(4)); ok {
		t.Error("element 4 of 4 exists")
	}
	for _, c := range []struct {
		key   uint32
		flags uint64
		want  int64
	}{{0, 0, 0}, {4, 0, -eBIG}, {0, updateNoExist, -eEXIST}, {0, updateExist, 0}} {
		if got := int64(m.update(s, le32(c.key), le64(1), c.flags)); got != c.want {
			t.Errorf("update %d, flags %d: %d, want %d", c.key, c.flags, got, c.want)
		}
	}
	if r := int64(s.remove(le32(0))); r != -eINVAL {
		t.Errorf("delete: %d", r)
	}
}

func TestPerCPU(t *testing.T) {
	m := machineWith(t, &Input{Seed: 11, Maps: map[string][]Entry{"percpu": {{Key: le32(0), Value: le64(5)}}}})
	s := m.named("percpu")
	e := m.find(s, le32(0))
	m.update(s, le32(0), le64(6), 0)
	for c := range cpus {
		want := uint64(5)
		if c == m.cpu() {
			want = 6
		}
		if v, f := m.loadAny(m.expose(s, e, c), 8); f != NoFault || v != want {
			t.Errorf("CPU %d: %d, %s, want %d", c, v, f, want)
		}
	}
	if _, f := m.loadAny(m.expose(s, e, 0)+8, 8); f != MapBounds {
		t.Errorf("beyond a CPU's value: %q", f)
	}
}

func TestTrie(t *testing.T) {
	m := machineWith(t, &Input{})
	s := m.named("lpm")
	key := func(n uint32, a ...byte) []byte { return append(le32(n), a...) }
	for i, k := range [][]byte{key(8, 10, 0, 0, 0), key(16, 10, 1, 0, 0), key(20, 10, 1, 0x20, 0), key(0, 0, 0, 0, 0)} {
		if r := m.update(s, k, le64(uint64(i+1)), 0); r != 0 {
			t.Fatalf("update %v: %d", k, int64(r))
		}
	}
	for _, c := range []struct {
		key  []byte
		want uint64
	}{
		{key(32, 10, 9, 9, 9), 1}, {key(32, 10, 1, 9, 9), 2}, {key(32, 10, 1, 0x2f, 1), 3}, {key(32, 10, 1, 0x30, 1), 2},
		{key(32, 11, 1, 1, 1), 4}, {key(8, 10, 1, 0x2f, 1), 1}, {key(16, 10, 1, 0x2f, 1), 2},
	} {
		if v, ok := get(m, s, c.key); !ok || v != c.want {
			t.Errorf("%v: %d, %v, want %d", c.key, v, ok, c.want)
		}
	}
	if r := int64(m.update(s, key(33, 1, 2, 3, 4), le64(1), 0)); r != -eINVAL {
		t.Errorf("prefix of 33 bits: %d", r)
	}
}

func TestQueueStackBloom(t *testing.T) {
	m := machineWith(t, &Input{})
	b := make([]byte, 8)
	for name, want := range map[string][]uint64{"queue": {1, 2}, "stack": {2, 1}} {
		s := m.named(name)
		s.push(le64(1), 0)
		s.push(le64(2), 0)
		if r := int64(s.push(le64(3), 0)); r != -eBIG {
			t.Errorf("%s: third push: %d", name, r)
		}
		s.take(b, false)
		if binary.LittleEndian.Uint64(b) != want[0] {
			t.Errorf("%s: peek gives %v", name, b)
		}
		for _, w := range want {
			if r := s.take(b, true); r != 0 || binary.LittleEndian.Uint64(b) != w {
				t.Errorf("%s: pop gives %v, want %d", name, b, w)
			}
		}
		if r := int64(s.take(b, true)); r != -eNOENT || !allZero(b) {
			t.Errorf("%s: pop of nothing: %d %v", name, r, b)
		}
		s.push(le64(1), 0)
		s.push(le64(2), 0)
		if r := s.push(le64(3), updateExist); r != 0 || len(s.queue) != 2 {
			t.Errorf("%s: push that makes room: %d", name, int64(r))
		}
	}
	s := m.named("bloom")
	s.push(le64(7), 0)
	if r := s.take(le64(7), false); r != 0 {
		t.Errorf("bloom filter forgets: %d", int64(r))
	}
	if r := int64(s.take(le64(8), false)); r != -eNOENT {
		t.Errorf("bloom filter invents: %d", r)
	}
}

// TestLookingChangesNothing: a lookup of an array element does not change the hash
// over memory, a write does.
func TestLookingChangesNothing(t *testing.T) {
	const look = "*(u32 *)(r10 - 4) = 2\n r2 = r10\n r2 += -4\n r1 = map[array] ll\n call map_lookup_elem\n if r0 == 0 goto +1\n "
	none, _ := runText(t, "xdp", "r0 = 0\n exit", Input{})
	looked, _ := runText(t, "xdp", look+"r1 = 0\n r0 = 0\n exit", Input{})
	wrote, _ := runText(t, "xdp", look+"*(u64 *)(r0 + 0) = 1\n r0 = 0\n exit", Input{})
	if none.Hash != looked.Hash || none.Hash == wrote.Hash {
		t.Errorf("hashes %x, %x, %x", none.Hash, looked.Hash, wrote.Hash)
	}
}

func TestMapInMap(t *testing.T) {
	const text = `
	*(u32 *)(r10 - 4) = 1
	r2 = r10
	r2 += -4
	r1 = map[outer] ll
	call map_lookup_elem
	if r0 == 0 goto none
	r1 = r0
	r2 = r10
	r2 += -4
	call map_lookup_elem
	if r0 == 0 goto none
	r0 = *(u64 *)(r0 + 0)
	exit
none:
	r0 = 99
	exit`
	o, rep := runText(t, "xdp", text, Input{Maps: map[string][]Entry{"outer": {{Key: le32(1), Inner: []Entry{{Key: le32(1), Value: le64(3)}}}}}})
	if o.Fault != NoFault || o.R0 != 3 {
		t.Errorf("r0 = %d, %s %s", o.R0, o.Fault, rep.Detail)
	}
	if o, _ := runText(t, "xdp", text, Input{}); o.R0 != 99 {
		t.Errorf("empty: r0 = %d", o.R0)
	}
}

// TestAbsurdMaps: definitions that ask for absurd memory are refused, and a run
// does not take more than its share.
func TestAbsurdMaps(t *testing.T) {
	p := testProgram(t, "xdp", "r0 = 0\n exit")
	p.Maps = []*loader.Map{{Name: "big", Type: "array", KeySize: 4, ValueSize: 1 << 31, MaxEntries: 1}}
	if _, err := (Interpreter{}).Load(p, Options{Target: target}); err == nil {
		t.Error("values of 2 GiB are accepted")
	}
	p.Maps = []*loader.Map{{Name: "big", Type: "array", KeySize: 4, ValueSize: 1 << 24, MaxEntries: 1 << 31}}
	r, err := Interpreter{}.Load(p, Options{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(r.(*program))
	m.begin(&Input{})
	m.setUp()
	for i := range uint32(100) {
		m.find(m.maps[0], le32(i))
	}
	if m.fault != Exhausted || m.allocated > maxBytes {
		t.Errorf("%q after %d bytes", m.fault, m.allocated)
	}
}

// TestLazy: contents that the seed decides stay as decided, and differ by seed.
func TestLazy(t *testing.T) {
	exists := map[bool]int{}
	for seed := uint64(1); seed < 40; seed++ {
		m := machineWith(t, &Input{Seed: seed, Lazy: true})
		s := m.named("hash")
		v, ok := get(m, s, le32(7))
		again, okAgain := get(m, s, le32(7))
		if v != again || ok != okAgain {
			t.Fatalf("seed %d: first %d, %v, then %d, %v", seed, v, ok, again, okAgain)
		}
		exists[ok]++
	}
	if exists[true] == 0 || exists[false] == 0 {
		t.Errorf("existence: %v", exists)
	}
}
