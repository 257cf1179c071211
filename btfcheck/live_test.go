//go:build linux

package btfcheck

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

var (
	liveSeed   = flag.Uint64("live.seed", 1, "seed of the mutations compared with the kernel")
	liveRounds = flag.Int("live.rounds", 20000, "mutations compared with the kernel")
	liveShow   = flag.Int("live.show", 3, "examples shown of each class of disagreement")
)

// kernel loads BTF into the running kernel.
type kernel struct{ log []byte }

// btfLoad is the part of bpf(2)'s attributes that BPF_BTF_LOAD reads.
type btfLoad struct {
	btf, log      uint64
	size, logSize uint32
	logLevel, _   uint32
	_, _          uint32
}

// load gives the error of loading raw, nil if the kernel takes it.
func (k *kernel) load(raw []byte, log bool) error {
	attr := btfLoad{btf: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))), size: uint32(len(raw))}
	if log {
		clear(k.log[:1])
		attr.log, attr.logSize, attr.logLevel = uint64(uintptr(unsafe.Pointer(&k.log[0]))), uint32(len(k.log)), 1
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, 18, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(raw)
	runtime.KeepAlive(k)
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

// message is the last line that the kernel logs about raw.
func (k *kernel) message(raw []byte) string {
	k.load(raw, true)
	text := string(k.log[:max(0, slices.Index(k.log, 0))])
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// openKernel skips the test where the kernel cannot be asked.
func openKernel(t testing.TB) *kernel {
	t.Helper()
	k := &kernel{log: make([]byte, 1<<20)}
	valid := []byte("\x9f\xeb\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x05\x00\x00\x00" +
		"\x01\x00\x00\x00\x00\x00\x00\x01\x04\x00\x00\x00\x20\x00\x00\x01\x00int\x00")
	if err := k.load(valid, false); err != nil {
		t.Skipf("the kernel takes no BTF from this process: %v", err)
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil && !strings.HasPrefix(unix.ByteSliceToString(u.Release[:]), "6.18.") {
		t.Skipf("the rules are those of Linux 6.18, this is %s", unix.ByteSliceToString(u.Release[:]))
	}
	return k
}

// phrases tell the kernel's messages apart, the more special ones first.
var phrases = []string{
	"hdr_len not found", "btf_header not found", "Invalid magic", "Unsupported version", "Unsupported flags",
	"Unsupported btf_header", "No data", "Invalid section offset", "Unsupported section found", "Section overlap found",
	"Total section length too long", "String section is not at the end", "No type found", "Invalid string section",
	"meta_left", "Invalid btf_info kind_flag", "Invalid btf_info size", "Invalid btf_info:", "Invalid kind:",
	"Invalid member name_offset", "Invalid name_offset", "Invalid name", "vlen != 0", "type != 0", "size != 0", "size == 0",
	"Invalid int_data", "nr_bits exceeds 128", "nr_bits exceeds type_size", "Unsupported encoding",
	"Type tags don't precede", "Max chain length", "Loop detected", "Exceeded max resolving depth",
	"Invalid elem", "Invalid index", "Invalid array of int", "Array size overflows",
	"Invalid type_id", "Invalid type_size", "Invalid type", "Invalid member bits_offset", "Member bits_offset exceeds", "Member exceeds struct_size",
	"Invalid member bitfield_size", "Invalid member base type", "Invalid member offset", "Invalid member",
	"Member is not byte aligned", "nr_copy_bits exceeds 128", "Member is not properly aligned", "Unexpected size",
	"Invalid return type", "Invalid arg#", "Invalid func linkage", "Linkage not supported",
	"Invalid offset+size", "Invalid offset", "Invalid size", "Not a VAR kind member", "Invalid value", "Invalid component_idx",
}

func phrase(message string) string {
	for _, p := range phrases {
		if strings.Contains(message, p) {
			return p
		}
	}
	return "(no message)"
}

// mutate returns a changed copy of a blob.
func mutate(r *rand.Rand, raw []byte) []byte {
	out := slices.Clone(raw)
	for n := 1 + r.IntN(4)/3; n > 0; n-- {
		if len(out) < 40 || r.IntN(40) == 0 {
			i := r.IntN(max(1, len(out)))
			out = append(out[:i:i], out[min(len(out), i+r.IntN(3)):]...)
			continue
		}
		types := int(binary.LittleEndian.Uint32(out[12:]))
		word := 24 + 4*r.IntN(max(1, min(types, len(out)-28)/4))
		if word+4 > len(out) {
			continue
		}
		old := binary.LittleEndian.Uint32(out[word:])
		small := uint32(r.IntN(1 + min(types/12, 40)))
		put := func(v uint32) { binary.LittleEndian.PutUint32(out[word:], v) }
		switch r.IntN(12) {
		case 0: // the header
			if r.IntN(2) == 0 {
				binary.LittleEndian.PutUint32(out[4+4*r.IntN(5):], uint32(r.IntN(len(out)+8)))
			} else {
				out[r.IntN(24)] ^= 1 << r.IntN(8)
			}
		case 1: // the first type or size of a record
			put(1 + small/4)
		case 2: // any byte
			out[r.IntN(len(out))] = byte(r.Uint32())
		case 3:
			put(old ^ 1<<r.IntN(32))
		case 4, 5, 6: // another type, size or count
			put(small)
		case 7: // another kind
			put(old&^0x1f000000 | uint32(r.IntN(21))<<24)
		case 8:
			put(old + uint32(r.IntN(9)) - 4)
		case 9:
			put(small * 8)
		case 10: // another word of the blob
			at := 24 + 4*r.IntN(max(1, min(types, len(out)-28)/4))
			put(binary.LittleEndian.Uint32(out[at:]))
		case 11: // the strings
			if at := 24 + types; at < len(out) {
				out[at+r.IntN(len(out)-at)] = " .a/-\x00\xe9\x7f\xa01"[r.IntN(10)]
			}
		}
	}
	return out
}

// seeds are the blobs that are mutated: those of the rules, generated ones, and
// those of the objects after what a loader does to them.
func seeds(t testing.TB, r *rand.Rand) (out [][]byte) {
	rows, _ := ruleRows(t)
	for _, row := range rows {
		if len(row.blob) < 1000 {
			out = append(out, row.blob)
		}
	}
	objects(t, func(name string, btf, ext []byte) {
		if fixed := prepared(btf); len(fixed) < 20000 {
			out = append(out, fixed)
		}
	})
	for range 400 {
		out = append(out, generate(r))
	}
	return out
}

// prepared does to the BTF of an object what loaders do before they load it.
func prepared(raw []byte) []byte {
	s, err := Parse(raw, nil)
	if err != nil {
		return raw
	}
	out := slices.Clone(raw)
	put := func(t Type, at, v uint32) { binary.LittleEndian.PutUint32(out[s.typeOff+t.off+at:], v) }
	for t := range s.Types() {
		switch {
		case t.Kind == KindFunc && t.Vlen == 2:
			put(t, 4, uint32(KindFunc)<<24|1)
		case t.Kind == KindVar && t.Linkage() == 2:
			put(t, 12, 1)
		case t.Kind == KindDatasec && t.Size() == 0:
			at := uint32(0)
			for i := range int(t.Vlen) {
				n, _ := s.SizeOf(t.Var(i).Type)
				put(t, 12+12*uint32(i)+4, at)
				put(t, 12+12*uint32(i)+8, max(n, 1))
				at += max(n, 1)
			}
			put(t, 8, at)
		}
	}
	return out
}

// generate makes a small blob of random types that mostly obey the rules about
// single records, to try those about references.
func generate(r *rand.Rand) []byte {
	var types []byte
	w := func(v ...uint32) {
		for _, x := range v {
			types = binary.LittleEndian.AppendUint32(types, x)
		}
	}
	const strs = "\x00int\x00s\x00a\x00b\x00bpf_spin_lock\x00bpf_list_head\x00contains:s:a\x00kptr\x00bpf_list_node\x00.data\x00"
	n := uint32(4 + r.IntN(40))
	info := func(k Kind, vlen int) uint32 { return uint32(k)<<24 | uint32(vlen) }
	id := func() uint32 { return r.Uint32N(n + 1) }
	name := func() uint32 { return []uint32{1, 5, 7, 9}[r.IntN(4)] }
	w(1, info(KindInt, 0), 4, 1<<24|32)
	for range n - 1 {
		switch k := Kind(1 + r.IntN(21)); k {
		case KindInt:
			w(1, info(k, 0), 4, []uint32{32, 8, 7, 33}[min(3, r.IntN(12))])
		case KindArray:
			w(0, info(k, 0), 0, id(), 1+uint32(r.IntN(20)/19), r.Uint32N(3))
		case KindStruct, KindUnion:
			vlen, flag := r.IntN(4), r.Uint32N(2)<<31
			w(name(), info(k, vlen)|flag, 64)
			for i := range vlen {
				w(name(), id(), uint32(i)*uint32(k&1^1)*64)
			}
		case KindEnum:
			w(name(), info(k, 1), 4, name(), 0)
		case KindFwd:
			w(name(), info(k, 0), 0)
		case KindTypedef:
			w(name(), info(k, 0), id())
		case KindFunc:
			w(name(), info(k, r.IntN(2)), id())
		case KindFuncProto:
			w(0, info(k, 1), id(), name(), id())
		case KindVar:
			w(name(), info(k, 0), id(), 1)
		case KindDatasec:
			w(name(), info(k, 1), 64, id(), 0, 64)
		case KindFloat:
			w(name(), info(k, 0), 8)
		case KindDeclTag:
			w(name(), info(k, 0), id(), r.Uint32N(3)-1)
		case KindTypeTag:
			w(name(), info(k, 0), id())
		case KindEnum64:
			w(name(), info(k, 0), 8)
		default:
			k = []Kind{KindPtr, KindVolatile, KindConst, KindRestrict, KindPtr}[r.IntN(5)]
			w(0, info(k, 0), id())
		}
	}
	out := []byte{0x9f, 0xeb, 1, 0}
	for _, v := range []int{24, 0, len(types), len(types), len(strs)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(v))
	}
	return append(append(out, types...), strs...)
}

// generateSpecial makes a blob with two or three structs of random special
// fields, mostly laid out as they should be.
func generateSpecial(r *rand.Rand) []byte {
	var types []byte
	strs := []byte{0}
	n := uint32(0)
	str := func(s string) uint32 {
		at := len(strs)
		strs = append(append(strs, s...), 0)
		return uint32(at)
	}
	w := func(v ...uint32) uint32 {
		for _, x := range v {
			types = binary.LittleEndian.AppendUint32(types, x)
		}
		n++
		return n
	}
	u64 := w(str("u64"), uint32(KindInt)<<24, 8, 64)
	var ids []uint32
	rows := slices.Clone(fieldRows[:])
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, row := range rows[:1+r.IntN(5)] {
		size := row.size
		if r.IntN(30) == 0 {
			size += 8
		}
		ids = append(ids, w(str(row.name), uint32(KindStruct)<<24, size))
	}
	tag := str([]string{"kptr", "kptr_untrusted", "percpu_kptr", "uptr", "rcu"}[r.IntN(5)])
	next := n + 1
	structs := uint32(2 + r.IntN(2))
	// Structs first, so that their ids are known: next.. next+structs-1, then
	// an array and a pointer.
	array, ptr := next+structs, next+structs+1
	typeNames := []string{"no_kernel_x", "no_kernel_y", "no_kernel_z"}
	for s := range structs {
		vlen := 1 + r.IntN(5)
		w(str(typeNames[s]), uint32(KindStruct)<<24|uint32(vlen), 512)
		n--
		at := uint32(0)
		for m := range vlen {
			id := []uint32{u64, array, ptr, next + r.Uint32N(s+1)}[r.IntN(4)]
			if r.IntN(3) > 0 {
				id = ids[r.IntN(len(ids))]
			}
			if id == next+s {
				id = u64
			}
			w(str(string(rune('a'+m))), id, at*8)
			n--
			step := uint32(32)
			if id >= next && id < next+structs {
				step = 512 - at
			}
			if r.IntN(40) == 0 {
				step += 4
			}
			if at += step; at > 500 {
				at = 500
			}
		}
		n++
	}
	elem := ids[r.IntN(len(ids))]
	if r.IntN(3) == 0 {
		elem = next
	}
	w(0, uint32(KindArray)<<24, 0, elem, u64, uint32(r.IntN(4)))
	w(0, uint32(KindPtr)<<24, n+2)
	w(tag, uint32(KindTypeTag)<<24, next)
	for s := range structs {
		for m := range uint32(4) {
			if r.IntN(3) > 0 {
				w(str("contains:"+typeNames[r.IntN(3)]+":"+string(rune('a'+r.IntN(4)))), uint32(KindDeclTag)<<24, next+s, m)
			}
		}
	}
	out := []byte{0x9f, 0xeb, 1, 0}
	for _, v := range []int{24, 0, len(types), len(types), len(strs)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(v))
	}
	return append(append(out, types...), strs...)
}

// TestKernelAgrees compares verdicts with the running kernel over mutations of
// real, hand-made and generated blobs, and the rule with the kernel's message.
func TestKernelAgrees(t *testing.T) {
	k := openKernel(t)
	r := rand.New(rand.NewPCG(*liveSeed, 0))
	rows, _ := ruleRows(t)
	says := map[string]map[string]bool{} // phrases of the rows of a rule
	for _, row := range rows {
		rule := number.FindString(row.id)
		if says[rule] == nil {
			says[rule] = map[string]bool{}
		}
		says[rule][phrase(row.message)] = true
	}
	// No row of B25 is about these referrers.
	for _, p := range []string{"Invalid elem", "Invalid index", "Invalid member"} {
		says["B25"][p] = true
	}
	special := map[string]bool{"B137": true, "B138": true, "B175": true, "B176": true, "B177": true}
	says["B77"]["Member exceeds struct_size"] = true
	pool := seeds(t, r)
	total, verdicts, accepted, named := 0, 0, 0, 0
	classes := map[string][]string{}
	note := func(class, example string) { classes[class] = append(classes[class], example) }
	rounds := *liveRounds
	if testing.Short() {
		rounds = 2000
	}
	for i := range rounds {
		raw := pool[i%len(pool)]
		switch {
		case i < len(pool):
		case i%8 == 0:
			raw = generate(r)
		case i%8 == 1:
			raw = generateSpecial(r)
		default:
			raw = mutate(r, pool[r.IntN(len(pool))])
		}
		total++
		err, got := k.load(raw, false), Check(raw, Kernel)
		if err == nil {
			accepted++
		}
		switch {
		case err == nil && len(got) > 0:
			note("refused, the kernel accepts: "+got[0].Rule, fmt.Sprintf("%v %s %x", &got[0], dump(raw), raw))
			continue
		case err != nil && len(got) == 0:
			m := k.message(raw)
			note("passed, the kernel refuses: "+err.Error()+" "+phrase(m), fmt.Sprintf("%s %s %x", m, dump(raw), raw))
			continue
		}
		verdicts++
		if err == nil {
			named++
			continue
		}
		if m := k.message(raw); says[got[0].Rule][phrase(m)] {
			named++
		} else if special[got[0].Rule] && phrase(m) == "(no message)" {
			named++ // the kernel says nothing about special fields
		} else {
			note("other rule: "+got[0].Rule+" for "+phrase(m), fmt.Sprintf("%v | %s %x", &got[0], m, raw))
		}
	}
	t.Logf("%d blobs, %d accepted by the kernel; same verdict %.3f%%, also the same rule %.3f%%",
		total, accepted, 100*float64(verdicts)/float64(total), 100*float64(named)/float64(total))
	var names []string
	for c := range classes {
		names = append(names, c)
	}
	sort.Strings(names)
	for _, c := range names {
		t.Logf("%6d %s", len(classes[c]), c)
		for _, e := range classes[c][:min(*liveShow, len(classes[c]))] {
			t.Logf("       %.600s", e)
		}
	}
	if verdicts*1000 < total*999 {
		t.Errorf("agreement is below 99.9%%")
	}
}
