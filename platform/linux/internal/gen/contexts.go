package main

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// access is one accepted access of the probe.
type access struct {
	off, size int
	write     bool
	kind      string // in the table's notation, "-" for writes
}

// group is the accesses of one program type under one attach variant.
type group struct {
	typ, variant string
	acc          []access
}

// ruled are the program types whose contexts are rules in package linux, since
// the probe shows only a sample of their accesses.
var ruled = []string{"TRACEPOINT", "SYSCALL", "TRACING"}

// contexts folds the probed accesses into layouts and says which program type has which.
func contexts(spec string) (string, error) {
	groups, err := readAccesses(filepath.Join(spec, "ctx_access.json.gz"))
	if err != nil {
		return "", err
	}
	fields, err := readTSV(filepath.Join(spec, "ctx.tsv"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(`# Written by internal/gen. Layouts of contexts.
# struct NAME; then field NAME OFFSET SIZE SINCE: names for messages, and versions.
# layout NAME STRUCT; then read|write SIZE KIND RUNS: accesses of SIZE bytes at each offset of the runs, a run
# being OFFSET, FIRST-LAST in steps of SIZE, or FIRST-LAST/STEP. KIND: ? = may be null, ! = trusted.
# context TYPE ATTACH|ATTACH LAYOUT: * = every attach type not named.
`)
	layouts := map[string]string{} // text -> name
	var tail strings.Builder
	b.WriteString(structLines(fields))
	for _, g := range groups {
		if slices.Contains(ruled, g.typ) {
			continue
		}
		ctx := structOf(fields, g.typ)
		text := accessLines(g.acc)
		name, ok := layouts[ctx+text]
		if !ok {
			name = fmt.Sprintf("%s.%d", ctx, len(layouts)+1)
			layouts[ctx+text] = name
			fmt.Fprintf(&b, "layout\t%s\t%s\n%s", name, ctx, text)
		}
		attach, ok := variantAttach[g.variant]
		if !ok {
			return "", fmt.Errorf("%s: unknown attach variant %q", g.typ, g.variant)
		}
		fmt.Fprintf(&tail, "context\t%s\t%s\t%s\n", strings.ToLower(g.typ), attach, name)
	}
	return b.String() + tail.String(), nil
}

// readAccesses reads the probe's rows, grouped in their order.
func readAccesses(path string) ([]group, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var rows [][6]any
	if err := json.NewDecoder(z).Decode(&rows); err != nil {
		return nil, err
	}
	var groups []group
	for _, r := range rows {
		typ, variant := r[0].(string), r[1].(string)
		i := slices.IndexFunc(groups, func(g group) bool { return g.typ == typ && g.variant == variant })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{typ: typ, variant: variant})
		}
		a := access{off: int(r[2].(float64)), size: int(r[3].(float64)), write: r[4] == "W", kind: "-"}
		if !a.write {
			a.kind = kindToken(r[5].(string))
		}
		groups[i].acc = append(groups[i].acc, a)
	}
	return groups, nil
}

// kindToken turns the kernel's name of a register type into the table's notation.
func kindToken(s string) string {
	name, _, _ := strings.Cut(s, "(")
	null := ""
	if n, ok := strings.CutSuffix(name, "_or_null"); ok {
		name, null = n, "?"
	}
	if n, ok := strings.CutPrefix(name, "trusted_ptr_or_null_"); ok {
		return "btf=" + n + "!?"
	}
	if n, ok := strings.CutPrefix(name, "trusted_ptr_"); ok {
		return "btf=" + n + "!"
	}
	return name + null
}

// structOf names the C structure of a program type's context.
func structOf(fields []row, typ string) string {
	for _, f := range fields {
		if f["prog_type"] == typ {
			name, _, _ := strings.Cut(f["ctx_struct"], "(")
			return name
		}
	}
	return "unknown"
}

// structLines names the fields of every structure, each once.
func structLines(fields []row) string {
	var order []string
	lines := map[string][]string{}
	for _, f := range fields {
		if slices.Contains(ruled, f["prog_type"]) {
			continue
		}
		ctx, _, _ := strings.Cut(f["ctx_struct"], "(")
		if lines[ctx] == nil {
			order = append(order, ctx)
		}
		l := fmt.Sprintf("field\t%s\t%s\t%s\t%s\n", f["field"], f["offset"], f["size"], cmp.Or(fieldSince[ctx+"."+f["field"]], "0.0"))
		if !slices.Contains(lines[ctx], l) {
			lines[ctx] = append(lines[ctx], l)
		}
	}
	var b strings.Builder
	for _, ctx := range order {
		fmt.Fprintf(&b, "struct\t%s\n%s", ctx, strings.Join(lines[ctx], ""))
	}
	return b.String()
}

// accessLines folds accesses into runs.
func accessLines(acc []access) string {
	type key struct {
		write bool
		size  int
		kind  string
	}
	runs := map[key][]int{}
	var keys []key
	for _, a := range acc {
		k := key{a.write, a.size, a.kind}
		if runs[k] == nil {
			keys = append(keys, k)
		}
		runs[k] = append(runs[k], a.off)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(strconv.FormatBool(a.write), strconv.FormatBool(b.write)), cmp.Compare(a.size, b.size), cmp.Compare(a.kind, b.kind))
	})
	var b strings.Builder
	for _, k := range keys {
		word := "read"
		if k.write {
			word = "write"
		}
		fmt.Fprintf(&b, "%s\t%d\t%s\t%s\n", word, k.size, k.kind, fold(runs[k], k.size))
	}
	return b.String()
}

// fold writes offsets as runs in steps of size.
func fold(offs []int, size int) string {
	slices.Sort(offs)
	var out []string
	for i := 0; i < len(offs); {
		j := i
		for j+1 < len(offs) && offs[j+1] == offs[j]+size {
			j++
		}
		if i == j {
			out = append(out, strconv.Itoa(offs[i]))
		} else {
			out = append(out, fmt.Sprintf("%d-%d", offs[i], offs[j]))
		}
		i = j + 1
	}
	return strings.Join(out, " ")
}
