package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestUpToDate regenerates the tables and compares them with those in the repository.
func TestUpToDate(t *testing.T) {
	spec := filepath.Join("..", "..", "..", "..", "..", "shared", "spec")
	if _, err := os.Stat(spec); err != nil {
		t.Skip("the specification is not beside the repository")
	}
	dir := t.TempDir()
	if err := run(spec, dir); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		want, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "tables", n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s differs from what gen writes: run go generate ./platform/linux", n.Name())
		}
	}
	if len(names) != 3 {
		t.Errorf("gen writes %d tables, want 3", len(names))
	}
}

// TestNotation pins how prototypes and accesses are abbreviated.
func TestNotation(t *testing.T) {
	for cell, want := range map[string]string{
		"ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_RDONLY":                                      "mem:nr",
		"ARG_PTR_TO_FIXED_SIZE_MEM | MEM_UNINIT | MEM_WRITE | MEM_ALIGNED size=sizeof(u64)": "mem=8:uwa",
		"ARG_PTR_TO_BTF_ID_OR_NULL | OBJ_RELEASE btf=BPF_PTR_POISON":                        "btf=*:nx",
		"ARG_PTR_TO_SPIN_LOCK btf=BPF_PTR_POISON":                                           "spinlock",
		"ARG_NEW_AND_STRANGE":                                   "unknown",
		"ARG_PTR_TO_MEM | MEM_STRANGE":                          "unknown",
		"ARG_PTR_TO_FIXED_SIZE_MEM size=sizeof(struct strange)": "unknown",
		"ARG_PTR_TO_BTF_ID btf=&strange_ids[0]":                 "unknown",
	} {
		if got := argument(cell); got != want {
			t.Errorf("argument(%q) = %q, want %q", cell, got, want)
		}
	}
	if got := fold([]int{8, 0, 4, 20}, 4); got != "0-8 20" {
		t.Errorf("fold = %q", got)
	}
	if got := kindToken("trusted_ptr_or_null_task_struct(id=1)"); got != "btf=task_struct!?" {
		t.Errorf("kindToken = %q", got)
	}
}
