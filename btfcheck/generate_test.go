package btfcheck

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

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

// blobOf puts a header before a type and a string section.
func blobOf(types, strs []byte) []byte {
	out := []byte{0x9f, 0xeb, 1, 0}
	for _, v := range []int{24, 0, len(types), len(types), len(strs)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(v))
	}
	return append(append(out, types...), strs...)
}

// words is little-endian words as bytes.
func words(v ...uint32) []byte {
	var out []byte
	for _, x := range v {
		out = binary.LittleEndian.AppendUint32(out, x)
	}
	return out
}

// edges are blobs at the limits: lengths and characters of names, depths of
// references, in both orders of ids.
func edges(r *rand.Rand) (out [][]byte) {
	intRec := words(1, uint32(KindInt)<<24, 4, 32)
	named := func(k Kind, name string) {
		rec := words(5, uint32(k)<<24, 1)
		if k == KindDatasec {
			rec = words(5, uint32(k)<<24, 4)
		}
		out = append(out, blobOf(append(slices.Clone(intRec), rec...), []byte("\x00int\x00"+name+"\x00")))
	}
	for _, k := range []Kind{KindTypedef, KindDatasec, KindTypeTag} {
		for n := 509; n < 515; n++ {
			named(k, string(bytes.Repeat([]byte("a"), n)))
		}
		for c := range 256 {
			named(k, string([]byte{byte(c)}))
			named(k, string([]byte{'a', byte(c)}))
		}
	}
	kinds := []Kind{KindPtr, KindConst, KindVolatile, KindTypedef, KindArray, KindStruct, KindTypeTag}
	for range 3000 {
		n := uint32(28 + r.IntN(10))
		mix := kinds[:1+r.IntN(len(kinds))]
		r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		same, up := mix[r.IntN(len(mix))], r.IntN(2) == 0
		types := slices.Clone(intRec)
		for i := range n {
			to := i + 1 // the type before
			if !up {
				if to = i + 3; i == n-1 {
					to = 1
				}
			}
			k := same
			if r.IntN(12) == 0 {
				k = mix[r.IntN(len(mix))]
			}
			switch name := uint32(1); k {
			case KindArray:
				types = append(types, words(0, uint32(k)<<24, 0, to, 1, 1)...)
			case KindStruct:
				types = append(types, words(name, uint32(k)<<24|1, 64, name, to, 0)...)
			case KindTypedef, KindTypeTag:
				types = append(types, words(name, uint32(k)<<24, to)...)
			default:
				types = append(types, words(0, uint32(k)<<24, to)...)
			}
		}
		out = append(out, blobOf(types, []byte("\x00int\x00")))
	}
	for depth := range 36 { // structs in structs beside a special field
		b := newBuilder()
		b.integer("int", 4)
		node := b.structure(KindStruct, "bpf_list_node", 24)
		last := b.structure(KindStruct, "s", 32, field{"n", []TypeID{1, node}[depth%2], 0, 0})
		for range depth {
			last = b.structure(KindStruct, "s", 32, field{"s", last, 0, 0})
		}
		b.structure(KindStruct, "x", 96, field{"n", node, 0, 0}, field{"s", last, 32, 0}, field{"again", last, 64, 0})
		out = append(out, b.blob())
	}
	return out
}
