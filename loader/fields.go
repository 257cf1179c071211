package loader

import (
	"cmp"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// Bounds on the search for special fields. The kernel takes 11 in a value.
const (
	maxFields     = 256
	maxFieldDepth = 16
	maxFieldSteps = 1 << 16
)

// specialStructs are the kernel structures that make a map value special, by
// name. (V33)
var specialStructs = map[string]string{
	"bpf_spin_lock": "spin_lock", "bpf_res_spin_lock": "res_spin_lock", "bpf_timer": "timer", "bpf_wq": "wq",
	"bpf_list_head": "list_head", "bpf_list_node": "list_node", "bpf_rb_root": "rb_root", "bpf_rb_node": "rb_node",
	"bpf_refcount": "refcount", "bpf_task_work": "task_work",
}

// specialTags are the type tags that make a pointer a special field.
var specialTags = map[string]string{
	"kptr": "kptr", "kptr_untrusted": "kptr_untrusted", "percpu_kptr": "percpu_kptr", "uptr": "uptr",
}

// specialSize is the size in bytes of a special field, 0 if the kind is unknown.
// Case files give kinds without sizes.
func specialSize(kind string) uint32 {
	switch kind {
	case "spin_lock", "res_spin_lock", "refcount":
		if kind == "res_spin_lock" {
			return 8
		}
		return 4
	case "timer", "wq", "list_head", "rb_root":
		return 16
	case "list_node":
		return 24
	case "rb_node":
		return 32
	case "kptr", "kptr_untrusted", "percpu_kptr", "uptr", "task_work":
		return 8
	}
	return 0
}

// appendFields appends the special fields of a value of type t at offset base.
func appendFields(fields []MapField, t btf.Type, base uint32) []MapField {
	type item struct {
		t     btf.Type
		off   uint32
		depth int
	}
	steps := 0
	for work := []item{{t, base, 0}}; len(work) > 0 && len(fields) < maxFields && steps < maxFieldSteps; steps++ {
		it := work[len(work)-1]
		work = work[:len(work)-1]
		if it.depth > maxFieldDepth {
			continue
		}
		switch u := btf.UnderlyingType(it.t).(type) {
		case *btf.Struct:
			if kind := specialStructs[u.Name]; kind != "" {
				fields = append(fields, MapField{kind, it.off, u.Size})
				continue
			}
			for _, m := range u.Members {
				work = append(work, item{m.Type, it.off + uint32(m.Offset/8), it.depth + 1})
			}
		case *btf.Array:
			n, err := btf.Sizeof(u.Type)
			if err != nil || n == 0 || !mayBeSpecial(u.Type) {
				continue
			}
			for i := range min(u.Nelems, maxFields) {
				work = append(work, item{u.Type, it.off + i*uint32(n), it.depth + 1})
			}
		case *btf.Pointer:
			for tag, ok := u.Target.(*btf.TypeTag); ok; tag, ok = tag.Type.(*btf.TypeTag) {
				if kind := specialTags[tag.Value]; kind != "" {
					fields = append(fields, MapField{kind, it.off, 8})
					break
				}
			}
		}
	}
	return fields
}

// mayBeSpecial saves the walk over arrays of numbers.
func mayBeSpecial(t btf.Type) bool {
	switch btf.UnderlyingType(t).(type) {
	case *btf.Int, *btf.Enum, *btf.Float:
		return false
	}
	return true
}

func sortFields(m *Map) {
	slices.SortStableFunc(m.Fields, func(a, b MapField) int { return cmp.Compare(a.Offset, b.Offset) })
}
