package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// progTypes are the program types in the order of their numbers. EXT is left out:
// its helpers are those of the program that it replaces.
var progTypes = []string{
	"SOCKET_FILTER", "KPROBE", "SCHED_CLS", "SCHED_ACT", "TRACEPOINT", "XDP", "PERF_EVENT", "CGROUP_SKB",
	"CGROUP_SOCK", "LWT_IN", "LWT_OUT", "LWT_XMIT", "SOCK_OPS", "SK_SKB", "CGROUP_DEVICE", "SK_MSG",
	"RAW_TRACEPOINT", "CGROUP_SOCK_ADDR", "LWT_SEG6LOCAL", "LIRC_MODE2", "SK_REUSEPORT", "FLOW_DISSECTOR",
	"CGROUP_SYSCTL", "RAW_TRACEPOINT_WRITABLE", "CGROUP_SOCKOPT", "TRACING", "STRUCT_OPS", "LSM", "SK_LOOKUP",
	"SYSCALL", "NETFILTER",
}

// unprobed are the program types whose helpers come from source, not from a live kernel.
var unprobed = []string{"LSM", "LIRC_MODE2", "STRUCT_OPS"}

// offer is a helper's prototype as one program type sees it.
type offer struct {
	typ, attach string // attach: "" = every, else names joined by |
	since       string
	proto       string // return, arguments, flags, unsupported: tab-separated
}

// helpers folds the prototypes into one row a helper and prototype.
func helpers(spec string) (string, error) {
	rows, err := readTSV(filepath.Join(spec, "helpers.tsv"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(`# Written by internal/gen. Helpers: number, name, first version of the row (the first row's is the helper's), result, arguments, flags, why unsupported or -,
# program types (type(attach|attach) where only these attach types may; @a = the set of that name).
# Result: ? = may be null, ! = trusted, :r = read only. Arguments: n null accepted, r read only, u need not be initialised,
# w written, a aligned, z zero accepted, x reference ends, l local dynptr, b ring buffer dynptr,
# c the constant 0; mem=8: eight bytes; btf=*: any type.
`)
	var lines []string
	for i := 0; i < len(rows); {
		j := i
		for j < len(rows) && rows[j]["id"] == rows[i]["id"] {
			j++
		}
		out, err := helperLines(rows[i:j])
		if err != nil {
			return "", err
		}
		lines = append(lines, out...)
		i = j
	}
	nameSets(&b, lines)
	return b.String(), nil
}

// nameSets replaces the sets of program types that many rows share by names.
func nameSets(b *strings.Builder, lines []string) {
	count := map[string]int{}
	for _, l := range lines {
		count[l[strings.LastIndexByte(l, '\t')+1:]]++
	}
	names := map[string]string{}
	for _, l := range lines {
		set := l[strings.LastIndexByte(l, '\t')+1:]
		if count[set] < 3 || strings.Count(set, ",") < 2 || names[set] != "" {
			continue
		}
		names[set] = "@" + string(rune('a'+len(names)))
		fmt.Fprintf(b, "set\t%s\t%s\n", names[set], set)
	}
	for _, l := range lines {
		cut := strings.LastIndexByte(l, '\t') + 1
		if n := names[l[cut:]]; n != "" {
			l = l[:cut] + n
		}
		fmt.Fprintln(b, l)
	}
}

// helperLines writes the rows of one helper, given its variants.
func helperLines(vars []row) ([]string, error) {
	id, err := strconv.Atoi(vars[0]["id"])
	if err != nil {
		return nil, err
	}
	name := vars[0]["name"]
	var offers []offer
	for _, typ := range progTypes {
		got, err := offersOf(vars, name, typ)
		if err != nil {
			return nil, err
		}
		offers = append(offers, got...)
	}
	for i := range offers {
		offers[i].since = sinceOf(id)
		if o, ok := opened[name]; ok && !slices.Contains(o.first, offers[i].typ) {
			offers[i].since = o.since
		}
	}
	// The rows of the first version come first: theirs is the helper's.
	slices.SortStableFunc(offers, func(a, b offer) int {
		return strings.Compare(later(a, id), later(b, id))
	})
	var lines []string
	for len(offers) > 0 {
		proto, since := offers[0].proto, offers[0].since
		var types []string
		rest := offers[:0:0]
		for _, o := range offers {
			switch {
			case o.proto != proto || o.since != since:
				rest = append(rest, o)
			case o.attach == "":
				types = append(types, strings.ToLower(o.typ))
			default:
				types = append(types, fmt.Sprintf("%s(%s)", strings.ToLower(o.typ), o.attach))
			}
		}
		lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%s\t%s", id, name, since, proto, strings.Join(types, ",")))
		offers = rest
	}
	if len(lines) == 0 { // known, but nobody may call it
		p, err := prototype(vars[0], name, "")
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%s\t-", id, name, sinceOf(id), p))
	}
	return lines, nil
}

// later ranks an offer: those of the helper's first version come first.
func later(o offer, id int) string {
	if o.since == sinceOf(id) {
		return "0"
	}
	return "1"
}

func sinceOf(id int) string {
	for _, s := range helperSince {
		if id <= s.last {
			return s.since
		}
	}
	return "0.0"
}

// offersOf says which prototypes a program type sees, and under which attach types.
func offersOf(vars []row, name, typ string) ([]offer, error) {
	attach, ok := availability(vars, typ)
	if only := attachOnly[name+"@"+typ]; only != "" {
		attach, ok = only, only != "none"
	}
	if !ok {
		return nil, nil
	}
	var cand []row
	for _, v := range vars {
		for _, t := range split(v["prog_types_src"]) {
			if t == typ || t == typ+":tcp_congestion_ops" {
				cand = append(cand, v)
				break
			}
		}
	}
	if len(cand) == 0 {
		cand = vars[:1]
		if len(vars) > 1 {
			return nil, fmt.Errorf("%s: no prototype for %s", name, typ)
		}
	}
	var out []offer
	for i, v := range cand {
		a := attach
		if only := variantOnly[v["proto_variant"]]; only != "" {
			a = only
		} else if i > 0 {
			continue
		}
		p, err := prototype(v, name, typ)
		if err != nil {
			return nil, err
		}
		out = append(out, offer{typ: typ, attach: a, proto: p})
	}
	// A prototype for some attach types comes before the one for all.
	slices.SortStableFunc(out, func(a, b offer) int { return strings.Compare(rank(a), rank(b)) })
	return out, nil
}

func rank(o offer) string {
	if o.attach == "" {
		return "1"
	}
	return "0"
}

// availability says whether a program type may call the helper at all, and under
// which attach types ("" = every).
func availability(vars []row, typ string) (attach string, ok bool) {
	if slices.Contains(unprobed, typ) {
		for _, v := range vars {
			for _, t := range split(v["prog_types_src"]) {
				if t == typ || t == typ+":tcp_congestion_ops" || (t == "LSM_CGROUP" && typ == "LSM") {
					return "", true
				}
			}
		}
		return "", false
	}
	var attaches []string
	for _, t := range split(vars[0]["prog_types_probed_6_18"]) {
		t, _, _ = strings.Cut(t, "[") // "sleepable only" is the helper's MightSleep
		base, cond, limited := strings.Cut(strings.TrimSuffix(t, ")"), "(")
		if base != typ {
			continue
		}
		if !limited {
			return "", true
		}
		for _, c := range strings.Split(cond, ",") {
			attaches = append(attaches, condAttach(c))
		}
	}
	return strings.Join(attaches, "|"), len(attaches) > 0
}

// condAttach names the attach type of a condition in the probed column.
func condAttach(c string) string {
	switch c {
	case "unix_connect": // here, unlike in the contexts, the hook itself
		return "cgroup_unix_connect"
	case "tp_btf:sched_switch":
		return "trace_raw_tp"
	case "iter:task":
		return "trace_iter"
	}
	if a := variantAttach[c]; a != "" {
		return a
	}
	return "unknown_" + c
}

// split splits a list of program types at commas and semicolons outside brackets.
func split(s string) []string {
	depth := 0
	parts := strings.FieldsFunc(s, func(r rune) bool {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		return depth == 0 && (r == ',' || r == ';')
	})
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return slices.DeleteFunc(parts, func(p string) bool { return p == "" })
}

// prototype writes result, arguments, flags and unsupported of a variant.
func prototype(v row, name, typ string) (string, error) {
	ret, err := result(v)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	var args []string
	for i := 1; i <= 5; i++ {
		cell := v["arg"+strconv.Itoa(i)]
		if cell == "-" {
			continue
		}
		a := argument(cell)
		if s := stricter[name+"."+strconv.Itoa(i)]; s != "" {
			a = s
		}
		if len(args) != i-1 {
			return "", fmt.Errorf("%s: argument %d follows a missing one", name, i)
		}
		args = append(args, a)
	}
	why := unsupported[name]
	if w := unsupported[name+"@"+typ]; w != "" {
		why = w
	}
	return strings.Join([]string{ret, dash(strings.Join(args, " ")), dash(flags(v, name)), dash(why)}, "\t"), nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func flags(v row, name string) string {
	var f []string
	for _, c := range [][2]string{{"gpl_only", "gpl"}, {"pkt_access", "pkt"}, {"might_sleep", "sleep"}, {"allow_fastcall", "fastcall"}} {
		if v[c[0]] == "true" {
			f = append(f, c[1])
		}
	}
	if strings.Contains(v["proto_changes_6_12_to_7_2"], "might_sleep") && !strings.Contains(v["proto_variant"], "_sleepable_") {
		f = append(f, "sleep") // only sleepable program types have these: nothing is lost
	}
	if slices.Contains(movesPacket, name) {
		f = append(f, "moves")
	}
	if slices.Contains(acquires, name) {
		f = append(f, "acquire")
	}
	if slices.Contains(derived, name) {
		f = append(f, "derived=1")
	}
	if r := results[name]; r != "" {
		f = append(f, r)
	}
	return strings.Join(f, " ")
}

// results of the kernel's vocabulary in the table's.
var retTokens = map[string]string{
	"RET_INTEGER": "int", "?": "int", "RET_VOID": "void",
	"RET_PTR_TO_MAP_VALUE": "map_value", "RET_PTR_TO_MAP_VALUE_OR_NULL": "map_value?",
	"RET_PTR_TO_SOCKET_OR_NULL": "sock?", "RET_PTR_TO_TCP_SOCK_OR_NULL": "tcp_sock?",
	"RET_PTR_TO_SOCK_COMMON_OR_NULL": "sock_common?", "RET_PTR_TO_RINGBUF_MEM_OR_NULL": "ringbuf_mem?",
	"RET_PTR_TO_DYNPTR_MEM_OR_NULL": "dynptr_mem?", "RET_PTR_TO_BTF_ID": "btf=%s",
	"RET_PTR_TO_BTF_ID_OR_NULL": "btf=%s?", "RET_PTR_TO_BTF_ID_TRUSTED": "btf=%s!",
	"RET_PTR_TO_MEM_OR_BTF_ID | MEM_RDONLY":                  "btf=*:r",
	"RET_PTR_TO_MEM_OR_BTF_ID | PTR_MAYBE_NULL | MEM_RDONLY": "btf=*?:r",
}

func result(v row) (string, error) {
	tok, ok := retTokens[v["ret_type"]]
	if !ok {
		return "", fmt.Errorf("unknown result %q", v["ret_type"])
	}
	if !strings.Contains(tok, "%s") {
		return tok, nil
	}
	list := strings.TrimPrefix(strings.TrimPrefix(v["extra"], "ret_btf="), "&")
	if btfNames[list] == "" {
		return "", fmt.Errorf("unknown BTF list %q", list)
	}
	return fmt.Sprintf(tok, btfNames[list]), nil
}

// kinds of the kernel's vocabulary in the table's, with the flags they imply.
var argTokens = map[string]string{
	"ARG_ANYTHING": "any", "ARG_CONST_MAP_PTR": "map", "ARG_PTR_TO_MAP_KEY": "key",
	"ARG_PTR_TO_MAP_VALUE": "value", "ARG_PTR_TO_MAP_VALUE_OR_NULL": "value:n",
	"ARG_PTR_TO_MEM": "mem", "ARG_PTR_TO_MEM_OR_NULL": "mem:n", "ARG_PTR_TO_UNINIT_MEM": "mem:uw",
	"ARG_PTR_TO_FIXED_SIZE_MEM": "mem", "ARG_CONST_SIZE": "size", "ARG_CONST_SIZE_OR_ZERO": "size:z",
	"ARG_CONST_ALLOC_SIZE_OR_ZERO": "allocsize:z", "ARG_PTR_TO_CTX": "ctx", "ARG_PTR_TO_CTX_OR_NULL": "ctx:n",
	"ARG_PTR_TO_SOCK_COMMON": "sock_common", "ARG_PTR_TO_BTF_ID_SOCK_COMMON": "btf_sock",
	"ARG_PTR_TO_SOCKET_OR_NULL": "socket:n", "ARG_PTR_TO_BTF_ID": "btf", "ARG_PTR_TO_BTF_ID_OR_NULL": "btf:n",
	"ARG_PTR_TO_PERCPU_BTF_ID": "percpu", "ARG_PTR_TO_SPIN_LOCK": "spinlock", "ARG_PTR_TO_TIMER": "timer",
	"ARG_KPTR_XCHG_DEST": "kptr", "ARG_PTR_TO_RINGBUF_MEM": "ringbuf", "ARG_PTR_TO_DYNPTR": "dynptr",
	"ARG_PTR_TO_FUNC": "func", "ARG_PTR_TO_STACK_OR_NULL": "stack:n", "ARG_PTR_TO_CONST_STR": "str",
}

var argFlags = map[string]string{
	"PTR_MAYBE_NULL": "n", "MEM_RDONLY": "r", "MEM_UNINIT": "u", "MEM_WRITE": "w", "MEM_ALIGNED": "a",
	"OBJ_RELEASE": "x", "DYNPTR_TYPE_LOCAL": "l", "DYNPTR_TYPE_RINGBUF": "b",
}

// argument writes an argument in the table's notation, "unknown" if it is not understood.
func argument(cell string) string {
	extra := ""
	if head, list, ok := strings.Cut(cell, " btf="); ok {
		cell, extra = head, btfNames[strings.TrimPrefix(list, "&")]
		if extra == "" {
			return "unknown"
		}
	}
	if head, size, ok := strings.Cut(cell, " size="); ok {
		cell, extra = head, sizes[size]
		if extra == "" {
			return "unknown"
		}
	}
	parts := strings.Split(cell, " | ")
	tok, ok := argTokens[parts[0]]
	if !ok {
		return "unknown"
	}
	kind, marks, _ := strings.Cut(tok, ":")
	for _, p := range parts[1:] {
		f, ok := argFlags[p]
		if !ok {
			return "unknown"
		}
		marks += f
	}
	if extra != "" && kind != "spinlock" {
		kind += "=" + extra
	}
	if marks != "" {
		kind += ":" + marks
	}
	return kind
}
