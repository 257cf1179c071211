package vet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tool builds the command once and returns its path.
func tool(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs go vet, which checks the standard library first")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command on PATH")
	}
	exe := filepath.Join(t.TempDir(), "bpfcheck")
	out, err := exec.Command("go", "build", "-o", exe, "../cmd/bpfcheck").CombinedOutput()
	if err != nil {
		t.Skipf("the command cannot be built: %s", out)
	}
	return exe
}

// module copies the module flows into a new folder.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/flows")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// goVet runs go vet with the tool and returns what it prints.
func goVet(t *testing.T, exe, dir string, flags ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("go", append(append([]string{"vet", "-vettool=" + exe, "-btf=none"}, flags...), "./...")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err
}

// A mistake replaces text in a file of the module; it has to be reported at the line
// where want stands afterwards, with message.
type mistake struct {
	name, file, old, new string
	object               string // of the folder unsafe, to embed instead
	at                   string // a text of the line that is reported, in file
	message              string
	also                 string // a text of another line that is reported
}

var mistakes = []mistake{
	{name: "a tag that names nothing", file: "flows_bpfel.go", old: "Flows    *ebpf.Map `ebpf:\"flows\"`", new: "Flows    *ebpf.Map `ebpf:\"flow\"`",
		at: "*ebpf.Map `ebpf:\"flow\"`", message: `tag ebpf:"flow": flows_bpfel.o has no such map; did you mean "flows"?`},
	{name: "a value type of the wrong size", file: "flows_bpfel.go", old: "	Packets uint64\n	Bytes   uint64\n", new: "	Packets uint32\n	Bytes   uint32\n",
		at: "type flowsUsage struct", message: "Go type flowsUsage has 8 bytes instead of 16"},
	{name: "a key type with wrong padding", file: "flows_bpfel.go", old: "	Proto uint8\n	_     [1]byte\n}", new: "	Proto uint8\n}",
		at: "	Proto uint8", message: "Go type flowsFlow has 1 byte of implicit padding at its end"},
	{name: "an unsafe program", file: "flows_bpfel.go", object: "flows_bpfel.o",
		at: "*ebpf.Program `ebpf:\"count_protocols\"`", message: "program count_protocols of flows_bpfel.o is "},
	{name: "a variable of the wrong layout", file: "flows_bpfel.go", old: "	Rate  uint16\n	_     [2]byte\n", new: "	Rate  uint16\n	_     [1]byte\n	Extra uint8\n",
		at: "	Extra uint8", message: "Go type flowsSetting has field Extra at offset 3, where C has padding"},
	{name: "a value by hand", file: "main.go", old: "	Packets uint64\n	Bytes   uint64\n", new: "	Packets uint32\n	Bytes   uint64\n",
		at: "&counter{}", also: "PerProto.Lookup", message: "value of map flows: Go type counter (main.go:15) has 4 bytes of implicit padding before field Bytes"},
	{name: "a key by hand", file: "main.go", old: "	Port     uint16\n	Proto    uint8\n	_        [1]byte\n", new: "	Proto    uint8\n	_        [1]byte\n	Port     uint16\n",
		at: "address{Src: 1}", message: "key of map flows: Go type address (main.go:23) has field Port of 2 bytes at offset 10"},
	{name: "a key of another size", file: "main.go", old: "uint32(3)", new: "uint64(3)", at: "uint64(3)", message: "key of map per_proto: Go type uint64 has 8 bytes instead of 4"},
	{name: "a variable by hand", file: "main.go", old: "var n uint64", new: "var n uint32", at: "Dropped.Get(&n)", message: "variable dropped: Go type uint32 has 4 bytes instead of 8"},
	{name: "a size that depends on the machine", file: "main.go", old: "uint32(3)", new: "3", at: "PerProto.Lookup(3", message: "int has no fixed size"},
	{name: "a tag in a file for other machines", file: "flows_bpfeb.go", old: "*ebpf.Program `ebpf:\"count_flows\"`", new: "*ebpf.Program `ebpf:\"count_flow\"`",
		at: "*ebpf.Program `ebpf:\"count_flow\"`", message: "flows_bpfeb.o has no such program"},
}

// plant makes a mistake and returns where it is to be reported.
func (m mistake) plant(t *testing.T, dir string) (line int) {
	t.Helper()
	path := filepath.Join(dir, m.file)
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if m.old != "" {
		if bytes.Count(src, []byte(m.old)) != 1 {
			t.Fatalf("%s: %q is there %d times", m.file, m.old, bytes.Count(src, []byte(m.old)))
		}
		src = bytes.Replace(src, []byte(m.old), []byte(m.new), 1)
		if err := os.WriteFile(path, src, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if m.object != "" {
		b, err := os.ReadFile(filepath.Join("testdata/unsafe", m.object))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, m.object), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return lineOf(t, dir, m.file, m.at)
}

// lineOf returns the line of a file that a text is in.
func lineOf(t *testing.T, dir, file, text string) int {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := bytes.Cut(src, []byte(text))
	if !ok {
		t.Fatalf("%s has no %q", file, text)
	}
	return bytes.Count(before, []byte("\n")) + 1
}

// TestPlantedMistakes makes each mistake alone: it is reported at its line, and
// nothing else is.
func TestPlantedMistakes(t *testing.T) {
	exe := tool(t)
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			dir := module(t)
			line := m.plant(t, dir)
			out, err := goVet(t, exe, dir)
			if err == nil {
				t.Fatal("go vet reports nothing")
			}
			found := 0
			for l := range strings.Lines(out) {
				switch {
				case strings.HasPrefix(l, "#"), m.also != "" && strings.Contains(l, fmt.Sprintf(":%d:", lineOf(t, dir, m.file, m.also))):
				case regexp.MustCompile(fmt.Sprintf(`^(\./)?%s:%d:\d+: `, regexp.QuoteMeta(m.file), line)).MatchString(l) && strings.Contains(l, m.message):
					found++
				default:
					t.Errorf("unexpected: %s", l)
				}
			}
			if found != 1 {
				t.Errorf("reported %d times at %s:%d with %q:\n%s", found, m.file, line, m.message, out)
			}
		})
	}
}

// TestFlow runs the module through a developer's day: five mistakes at once, all
// repaired, an unchanged run, a changed object.
func TestFlow(t *testing.T) {
	exe := tool(t)
	dir := module(t)
	for _, m := range mistakes[:5] {
		m.plant(t, dir)
	}
	out, err := goVet(t, exe, dir)
	for _, m := range mistakes[:5] {
		if !strings.Contains(out, m.message) {
			t.Errorf("%s is not reported", m.name)
		}
	}
	if err == nil || t.Failed() {
		t.Fatalf("go vet: %v\n%s", err, out)
	}

	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS("testdata/flows")); err != nil {
		t.Fatal(err)
	}
	if out, err := goVet(t, exe, dir); err != nil || out != "" {
		t.Fatalf("the repaired module: %v\n%s", err, out)
	}
	out, err = goVet(t, exe, dir, "-x")
	if err != nil || strings.Contains(out, "vet.cfg") {
		t.Errorf("the unchanged module is not served from the cache: %v\n%s", err, out)
	}

	mistakes[3].plant(t, dir) // the object changes, and no Go file
	if out, err := goVet(t, exe, dir); err == nil || !strings.Contains(out, mistakes[3].message) {
		t.Errorf("the changed object is not noticed: %v\n%s", err, out)
	}
	out, err = goVet(t, exe, dir, "-json")
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]map[string][]struct{ Posn, Message, Category string }
	if err := json.Unmarshal([]byte(dropComments(out)), &tree); err != nil {
		t.Fatalf("-json: %v\n%s", err, out)
	}
	list := tree["example.com/flows"]["bpfcheck"]
	if len(list) != 1 || !strings.Contains(list[0].Message, mistakes[3].message) || list[0].Category == "" {
		t.Errorf("-json gives %+v", list)
	}
}

// TestOtherOrder changes the object for the other byte order alone, which is in no
// list that the go command keeps results by.
func TestOtherOrder(t *testing.T) {
	exe := tool(t)
	dir := module(t)
	run := func() (string, error) {
		cmd := exec.Command(exe, "vet", "--btf", "none", "./...")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile("testdata/unsafe/flows_bpfeb.o")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "flows_bpfeb.o"), b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run(); err == nil || !strings.Contains(out, "count_protocols of flows_bpfeb.o") {
		t.Errorf("the changed object is not noticed: %v\n%s", err, out)
	}
}

// dropComments drops the lines that name packages.
func dropComments(out string) string {
	lines := strings.Split(out, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "#") }), "\n")
}
