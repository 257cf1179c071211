package objcheck

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/loader"
)

// This file holds map definitions against what each map type takes (E24 to E30, E33).
// The rows are what Linux 6.18 accepts of MAP_CREATE; older kernels take no more,
// except for flags that did not exist.

// span is a range of sizes in bytes; the zero span is 0 alone.
type span struct{ min, max uint32 }

// exactly is a span of one size.
func exactly(n uint32) span { return span{n, n} }

var (
	anySize   = span{1, 1 << 30}
	fd        = exactly(4)
	fourEight = span{4, 8} // 4 or 8 and nothing between: only multiples of 4 pass
)

// entries is a rule about max_entries.
type entries uint8

const (
	some      entries = iota // at least 1
	noEntries                // must be 0
	pages                    // a power of two and a multiple of the page size
	freely                   // any number
)

// shape is what a map type takes.
type shape struct {
	key, value span
	step       uint32 // of value sizes, in bytes; 0: any
	keyStep    uint32 // likewise of key sizes
	entries    entries
	flags      uint32
	types      bool // key and value need BTF
	must       uint32
}

// Map creation flags, by Linux's numbers.
const (
	noPrealloc = 1 << 0
	noCommon   = 1 << 1
	numaNode   = 1 << 2
	userRO     = 1 << 3
	userWO     = 1 << 4
	buildID    = 1 << 5
	zeroSeed   = 1 << 6
	progRO     = 1 << 7
	progWO     = 1 << 8
	preserve   = 1 << 11
	mmapable   = 1 << 10
	innerMap   = 1 << 12
	link       = 1 << 13
	moduleFD   = 1 << 15
	segvFault  = 1 << 17
	noConvert  = 1 << 18

	userAccess = userRO | userWO
	access     = userAccess | progRO | progWO
)

var flagNames = map[uint32]string{noPrealloc: "NO_PREALLOC", noCommon: "NO_COMMON_LRU", numaNode: "NUMA_NODE", userRO: "RDONLY", userWO: "WRONLY",
	buildID: "STACK_BUILD_ID", zeroSeed: "ZERO_SEED", progRO: "RDONLY_PROG", progWO: "WRONLY_PROG", 1 << 9: "CLONE", mmapable: "MMAPABLE",
	preserve: "PRESERVE_ELEMS", innerMap: "INNER_MAP", link: "LINK", 1 << 14: "PATH_FD", moduleFD: "VTYPE_BTF_OBJ_FD", 1 << 16: "TOKEN_FD",
	segvFault: "SEGV_ON_FAULT", noConvert: "NO_USER_CONV"}

var storage = shape{key: fd, value: anySize, entries: noEntries, flags: noPrealloc | 1<<9, types: true, must: noPrealloc}

// shapes has a row a map type, by the platform's name.
var shapes = map[string]shape{
	"hash":                  {key: anySize, value: anySize, flags: noPrealloc | numaNode | access | zeroSeed},
	"array":                 {key: fd, value: anySize, flags: numaNode | access | mmapable | innerMap},
	"prog_array":            {key: fd, value: fd, flags: numaNode | userAccess},
	"perf_event_array":      {key: fd, value: fd, entries: freely, flags: numaNode | userAccess | preserve}, // 0 entries: one a CPU
	"percpu_hash":           {key: anySize, value: anySize, flags: noPrealloc | access | zeroSeed},
	"percpu_array":          {key: fd, value: anySize, flags: access},
	"stack_trace":           {key: fd, value: span{8, 8 << 16}, step: 8, flags: numaNode | userAccess | buildID},
	"cgroup_array":          {key: fd, value: fd, flags: numaNode | userAccess},
	"lru_hash":              {key: anySize, value: anySize, flags: noCommon | numaNode | access | zeroSeed},
	"lru_percpu_hash":       {key: anySize, value: anySize, flags: noCommon | access | zeroSeed},
	"lpm_trie":              {key: span{5, 260}, value: anySize, flags: noPrealloc | numaNode | access, must: noPrealloc},
	"array_of_maps":         {key: fd, value: fd, flags: numaNode | userAccess},
	"hash_of_maps":          {key: anySize, value: fd, flags: noPrealloc | numaNode | access | zeroSeed},
	"devmap":                {key: fd, value: fourEight, step: 4, flags: numaNode | userAccess},
	"devmap_hash":           {key: fd, value: fourEight, step: 4, flags: numaNode | userAccess},
	"sockmap":               {key: fd, value: fourEight, step: 4, flags: numaNode | userAccess},
	"sockhash":              {key: span{1, 512}, value: fourEight, step: 4, flags: numaNode | userAccess},
	"cpumap":                {key: fd, value: fourEight, step: 4, flags: numaNode},
	"xskmap":                {key: fd, value: fd, flags: numaNode | userAccess},
	"cgroup_storage":        {key: span{8, 16}, keyStep: 8, value: span{1, 1 << 16}, entries: noEntries, flags: numaNode | access},
	"percpu_cgroup_storage": {key: span{8, 16}, keyStep: 8, value: span{1, 1 << 15}, entries: noEntries, flags: numaNode | access},
	"reuseport_sockarray":   {key: fd, value: fourEight, step: 4, flags: numaNode | access},
	"queue":                 {value: anySize, flags: numaNode | access},
	"stack":                 {value: anySize, flags: numaNode | access},
	"sk_storage":            storage,
	"inode_storage":         storage,
	"task_storage":          storage,
	"cgrp_storage":          storage,
	"struct_ops":            {key: fd, value: anySize, flags: link | moduleFD},
	"ringbuf":               {entries: pages, flags: numaNode},
	"user_ringbuf":          {entries: pages, flags: numaNode},
	"bloom_filter":          {value: anySize, flags: numaNode | access | zeroSeed},
	"arena":                 {flags: segvFault | mmapable | noConvert, must: mmapable},
	"insn_array":            {key: fd, value: exactly(12)},
	"rhash":                 {key: anySize, value: anySize, flags: noPrealloc | access},
}

// fieldMaps lists the map types whose values may hold a special field (M7).
var fieldMaps = map[string][]string{
	"spin_lock":     {"hash", "array", "cgroup_storage", "sk_storage", "inode_storage", "task_storage", "cgrp_storage"},
	"res_spin_lock": {"hash", "array", "cgroup_storage", "sk_storage", "inode_storage", "task_storage", "cgrp_storage"},
	"timer":         {"hash", "lru_hash", "array"},
	"workqueue":     {"hash", "lru_hash", "array"},
	"wq":            {"hash", "lru_hash", "array"},
	"task_work":     {"hash", "lru_hash", "array"},
	"kptr":          kptrMaps,
	"refcount":      kptrMaps,
	"list_head":     {"hash", "lru_hash", "array"},
	"rb_root":       {"hash", "lru_hash", "array"},
	"uptr":          {"task_storage"},
}

var kptrMaps = []string{"hash", "percpu_hash", "lru_hash", "lru_percpu_hash", "array", "percpu_array", "sk_storage", "inode_storage", "task_storage", "cgrp_storage"}

// maps applies E24 to E30.
func (c *checker) maps() {
	for i := range c.f.Sections {
		if s := &c.f.Sections[i]; isLegacyMaps(s.Name) && s.Size > 0 && !s.Exec() {
			c.add(E28, s.Offset, 0, "section %s holds definitions that libbpf 1.0 and later refuse", s.Name)
		}
	}
	if c.obj == nil {
		return
	}
	for _, m := range c.obj.Maps {
		c.mapShape(m, c.index.maps[m.Name], false)
		if m.Inner != nil {
			c.mapShape(m.Inner, c.index.maps[m.Name], true)
		}
	}
	for _, note := range c.obj.Notes {
		if name, why, ok := strings.Cut(strings.TrimPrefix(note, "map "), ": "); ok && strings.HasPrefix(note, "map ") {
			rule := E29
			switch {
			case strings.HasPrefix(why, "unknown member"):
				rule = E28
			case strings.HasPrefix(why, "the definition of its inner maps"):
				continue // mapShape says so
			}
			c.add(rule, c.index.maps[name], 0, "%s", note)
		}
	}
	for _, p := range c.obj.Programs {
		if len(p.Maps) > maxMaps {
			c.add(E30, 0, 0, "program %s refers to %d maps; kernels take %d", p.Name, len(p.Maps), maxMaps)
		}
	}
}

const maxMaps = 64

// mapShape holds one definition against its type.
func (c *checker) mapShape(m *loader.Map, at uint64, inner bool) {
	mt, ok := c.o.Target.MapType(m.Type)
	sh, known := shapes[m.Type]
	if !ok || !known {
		c.add(E24, at, 0, "map %s: %s has no map type %s", m.Name, c.o.Target.Name(), strings.TrimPrefix(m.Type, "type_"))
		return
	}
	id := btfcheck.TypeID(m.ValueTypeID)
	if why := sh.key.reject(m.KeySize, sh.keyStep); why != "" {
		c.add(E25, at, btfcheck.TypeID(m.KeyTypeID), "map %s: %s of %s %s", m.Name, plural(m.KeySize, "byte")+" of key", m.Type, why)
	}
	if why := sh.value.reject(m.ValueSize, sh.step); why != "" && m.Type != "struct_ops" {
		rule := E25
		if m.ValueSize == 0 {
			rule, why = E33, why+", or be set by the program that loads it"
		}
		c.add(rule, at, id, "map %s: %s of %s %s", m.Name, plural(m.ValueSize, "byte")+" of value", m.Type, why)
	}
	if why := sh.entries.reject(m.MaxEntries); why != "" && !inner {
		rule := E25
		if m.MaxEntries == 0 {
			rule, why = E33, why+", or be set by the program that loads it"
		}
		c.add(rule, at, 0, "map %s: %s %s", m.Name, plural(m.MaxEntries, "entry"), why)
	}
	if sh.types && (m.KeyTypeID == 0 || m.ValueTypeID == 0) {
		c.add(E23, at, 0, "map %s: type %s needs types for key and value: define it in .maps and compile with -g", m.Name, m.Type)
	}
	c.mapFlags(m, sh, at)
	if mt.InnerMap && m.Inner == nil {
		c.add(E33, at, 0, "map %s does not say what its inner maps are; the program that loads it has to", m.Name)
	}
	for _, f := range m.Fields {
		if !fieldAllowed(f.Kind, m.Type) {
			c.add(E27, at, id, "map %s: %s has no place in values of type %s", m.Name, f.Kind, m.Type)
		}
	}
}

// mapFlags applies E26.
func (c *checker) mapFlags(m *loader.Map, sh shape, at uint64) {
	const programs, users = progRO | progWO, userRO | userWO
	switch {
	case m.Flags&^sh.flags != 0:
		c.add(E26, at, 0, "map %s: type %s does not take the flags %s", m.Name, m.Type, flagList(m.Flags&^sh.flags))
	case m.Flags&sh.must != sh.must:
		c.add(E26, at, 0, "map %s: type %s needs the flag %s", m.Name, m.Type, flagList(sh.must))
	case m.Flags&programs == programs, m.Flags&users == users:
		c.add(E26, at, 0, "map %s: it is both read-only and write-only", m.Name)
	}
}

func flagList(flags uint32) string {
	var names []string
	for ; flags != 0; flags &= flags - 1 {
		bit := flags & -flags
		if n := flagNames[bit]; n != "" {
			names = append(names, n)
		} else {
			names = append(names, fmt.Sprintf("%#x", bit))
		}
	}
	return strings.Join(names, ", ")
}

// fieldAllowed reports whether a map type supports a special field. Fields that the
// table does not know are for the verifier to judge.
func fieldAllowed(field, typ string) bool {
	if strings.HasPrefix(field, "kptr") || field == "percpu_kptr" {
		field = "kptr"
	}
	list, ok := fieldMaps[field]
	if !ok {
		return true
	}
	for _, t := range list {
		if t == typ {
			return true
		}
	}
	return false
}

// reject says why a size does not fit, "" if it does.
func (s span) reject(n, step uint32) string {
	switch {
	case n >= s.min && n <= s.max && (step == 0 || n%step == 0):
		return ""
	case s.max == 0:
		return "should be none"
	case s.min == s.max:
		return fmt.Sprintf("should be %d", s.min)
	case s == fourEight && step == 4:
		return "should be 4 or 8"
	case step != 0 && n%step != 0:
		return fmt.Sprintf("should be a multiple of %d", step)
	default:
		return fmt.Sprintf("should be %d to %d", s.min, s.max)
	}
}

func (e entries) reject(n uint32) string {
	switch {
	case e == some && n == 0:
		return "should be at least one"
	case e == noEntries && n != 0:
		return "should be 0: the kernel sizes the map"
	case e == pages && (bits.OnesCount32(n) != 1 || n < 4096):
		return "should be a power of two and a multiple of 4096"
	}
	return ""
}

// plural returns "1 byte", "2 bytes", "2 entries".
func plural(n uint32, what string) string {
	if n != 1 {
		if base, ok := strings.CutSuffix(what, "y"); ok {
			what = base + "ie"
		}
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
