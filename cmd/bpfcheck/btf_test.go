package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const partsObject = "../../btfcheck/objcheck/testdata/parts.o"

// TestBTFCommand: exit statuses and what is printed.
func TestBTFCommand(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	short := file("short.btf", "\x9f\xeb\x01\x00")
	for _, c := range []struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"btf", 2, "", "no FILE is given"},
		{"btf --mode lax x", 2, "", "choose kernel or strict"},
		{"btf --dump rust x", 2, "", "choose c or raw"},
		{"btf --target plan9 x", 2, "", "plan9"},
		{"btf --against /nonexistent x", 2, "", "/nonexistent: cannot be opened"},
		{"btf /nonexistent", 2, "", "/nonexistent: cannot be opened"},
		{"btf .", 2, "", "is a folder"},
		{"btf " + safeObject, 0, "packet_count.o: valid", ""},
		{"btf --mode strict " + partsObject, 0, "parts.o: valid", ""},
		{"btf " + short, 1, "[B1] byte 0x0", ""},
		{"btf " + short + " /nonexistent " + safeObject, 2, "packet_count.o: valid", "cannot be opened"},
		{"btf --dump raw " + safeObject, 0, "] DATASEC '.maps' size=", ""},
		{"btf --dump c " + safeObject, 0, "struct xdp_md {\n\tu32 data;\n", ""},
		{"btf --dump c " + short, 2, "", "no types that can be read"},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := bpfcheckRun("", strings.Fields(c.args)...)
			if r.code != c.code || !strings.Contains(r.stdout, c.stdout) || !strings.Contains(r.stderr, c.stderr) || c.stderr == "" && r.stderr != "" {
				t.Errorf("exit status %d, stdout %.300q, stderr %q", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// TestBTFJSON: one line a file, with the fields that scripts read.
func TestBTFJSON(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short.btf")
	if err := os.WriteFile(short, []byte("\x9f\xeb\x01\x00"), 0o666); err != nil {
		t.Fatal(err)
	}
	r := bpfcheckRun("", "btf", "--format", "json", safeObject, short)
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if r.code != 1 || len(lines) != 2 {
		t.Fatalf("exit status %d, stdout %q", r.code, r.stdout)
	}
	if want := `{"file":"` + safeObject + `","valid":true,"diagnostics":[]}`; lines[0] != want {
		t.Errorf("got %s, want %s", lines[0], want)
	}
	var got struct {
		Valid       bool
		Diagnostics []struct {
			Rule    string
			Offset  *uint64
			TypeID  *uint32 `json:"type_id"`
			Message string
		}
	}
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Valid || len(got.Diagnostics) != 1 || got.Diagnostics[0].Rule != "B1" || got.Diagnostics[0].Offset == nil || got.Diagnostics[0].TypeID == nil {
		t.Errorf("%s", lines[1])
	}
}

// TestBTFAgainst answers the relocations of an object.
func TestBTFAgainst(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Skipf("this host shows no BTF: %v", err)
	}
	r := bpfcheckRun("", "btf", "--against", "/sys/kernel/btf/vmlinux", partsObject)
	for _, want := range []string{
		"parts.o: invalid\n", "[E32] byte 0x1e8: section tp_btf/task_newtask, slot 7: field_offset of struct task_struct.no_such_member",
		"(guarded) field_exists of struct task_struct.no_such_member: absent, 0\n",
		"(guarded) field_offset of struct task_struct.no_such_member: impossible, guarded: ",
		"(unguarded) field_offset of struct task_struct.no_such_member: impossible: ",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in %s", want, r.stdout)
		}
	}
	if r.code != 1 {
		t.Errorf("exit status %d", r.code)
	}
}

// TestVetProtocol: go vet asks for a version and for flags before it does anything.
func TestVetProtocol(t *testing.T) {
	if r := bpfcheckRun("", "vet", "--nonsense"); r.code != 2 || !strings.Contains(r.stderr, "bpfcheck help vet") {
		t.Errorf("%+v", r)
	}
	r := bpfcheckRun("", "vet", "--btf", "/nonexistent", ".")
	if r.code != 2 || !strings.Contains(r.stderr, "/nonexistent") {
		t.Errorf("%+v", r)
	}
}
