package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// asCommand makes the test binary behave as the command.
const asCommand = "BPFCHECK_TEST_RUN_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// Objects of the corpus.
const (
	safeObject   = "../../corpus/c/packet_count.o"
	unsafeObject = "../../corpus/c/packet_count_unsafe.o"
)

type result struct {
	code           int
	stdout, stderr string
}

// bpfcheckRun runs a command line in this process.
func bpfcheckRun(stdin string, args ...string) result {
	var out, err bytes.Buffer
	code := run(args, strings.NewReader(stdin), &out, &err)
	return result{code, out.String(), err.String()}
}

// TestCommandLine: exit statuses, and what is said to whom.
func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args   string
		code   int
		stdout string // part of it; "" is nothing at all
		stderr string
	}{
		{"", 2, "", "usage:"},
		{"vrify", 2, "", `unknown verb "vrify" (did you mean verify?); see 'bpfcheck help'`},
		{"dis", 2, "", `unknown verb "dis" (did you mean disasm?)`},
		{"frobnicate", 2, "", `unknown verb "frobnicate"; see`},
		{"help", 0, "bpfcheck disasm", ""},
		{"--help", 0, "bpfcheck disasm", ""},
		{"help verify", 0, "--max-time TIME", ""},
		{"verify -h", 0, "Exit status: 0 all programs are safe", ""},
		{"help nothing", 2, "", `unknown verb "nothing"`},
		{"version", 0, "bpfcheck ", ""},
		{"--version", 0, "bpfcheck ", ""},
		{"version x", 2, "", "no argument is expected"},

		{"verify", 2, "", "no PATH is given"},
		{"verify --nonsense x.o", 2, "", "flag provided but not defined: -nonsense; see 'bpfcheck help verify'"},
		{"verify --format xml x.o", 2, "", `--format "xml": choose text or json`},
		{"verify --color blue x.o", 2, "", "choose auto, always or never"},
		{"verify -j -1 x.o", 2, "", "want at least 1"},
		{"verify --quiet --verbose x.o", 2, "", "exclude each other"},
		{"verify --target plan9 x.o", 2, "", `unknown target "plan9"`},
		{"verify --strategy luck x.o", 2, "", `unknown strategy "luck"`},
		{"verify --domains tnum,octagon x.o", 2, "", "octagon"},
		{"verify --type xpd x.o", 2, "", `no program type "xpd": choose one of`},
		{"verify --btf /nonexistent x.o", 2, "", "/nonexistent: cannot be opened"},
		{"verify --btf " + safeObject + "x x.o", 2, "", "cannot be opened"},
		{"verify --btf main_test.go x.o", 2, "", "main_test.go: "},
		{"verify --max-insns -1 x.o", 2, "", "negative"},

		{"verify --btf none " + safeObject, 0, "1 program in 1 file: 1 safe", ""},
		{"verify " + safeObject + " --btf none", 0, "1 safe", ""},
		{"verify --btf none -- " + safeObject, 0, "1 safe", ""},
		{"verify --btf none --quiet " + safeObject, 0, "", ""},
		{"verify --btf none " + unsafeObject, 1, "not proved [V5 packet bounds]", ""},
		{"verify --btf none --program lookup_unchecked " + unsafeObject, 1, "1 program in 1 file: 1 unknown", ""},
		{"verify --btf none --program nope " + unsafeObject, 2, "", `no program is called "nope"; there are header_unchecked`},
		{"verify --btf none --type sched_cls " + safeObject, 1, "type sched_cls", ""},
		{"verify --btf none --max-insns 1 " + safeObject, 1, "unknown", ""},
		{"verify --btf none --color always " + safeObject, 0, "\x1b[32msafe\x1b[0m", ""},
		{"verify --btf none --format json " + unsafeObject, 1, `"rule":"V5","kind":"safety","pc":1,`, ""},
		{"verify --btf none --cases testdata/cases.jsonl", 1, "type xdp", ""},
		{"verify --btf none --cases nope.jsonl", 2, "", "nope.jsonl: no such file or directory; check the path"},
		{"verify --btf none --cases testdata", 2, "", "testdata: is a folder"},

		{"disasm", 2, "", "nothing to disassemble"},
		{"disasm --raw --hex 00", 2, "", "exclude each other"},
		{"disasm --hex b70000000100000095", 2, "", "<hex>: "},
		{"disasm --hex zz", 2, "", "write the bytes as hexadecimal digits"},
		{"disasm --btf none " + safeObject, 0, "call bpf_map_lookup_elem", ""},
		{"disasm nope.o", 2, "", "nope.o: no such file or directory"},
		{"disasm --raw nope.bin", 2, "", "nope.bin: no such file or directory"},

		{"asm", 2, "", "want one FILE"},
		{"asm nope.s", 2, "", "nope.s: no such file or directory"},
		{"asm --target linux-0.1 -", 2, "", `unknown target "linux-0.1"`},
	} {
		r := bpfcheckRun("", strings.Fields(c.args)...)
		if r.code != c.code || !part(r.stdout, c.stdout) || !part(r.stderr, c.stderr) {
			t.Errorf("bpfcheck %s: status %d, want %d\nstdout %q, want %q\nstderr %q, want %q", c.args, r.code, c.code, r.stdout, c.stdout, r.stderr, c.stderr)
		}
		if c.args != "" && r.code == 2 && strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("bpfcheck %s: stderr is not one line: %q", c.args, r.stderr)
		}
	}
}

// part reports whether s contains want, or is empty if want is.
func part(s, want string) bool {
	if want == "" {
		return s == ""
	}
	return strings.Contains(s, want)
}

// TestStdin: an object and a case file may come from standard input.
func TestStdin(t *testing.T) {
	object, err := os.ReadFile(safeObject)
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if r := bpfcheckRun(string(object), "verify", "--btf", "none", "-", unsafeObject); r.code != 1 || !strings.HasPrefix(r.stdout, "<stdin>\n") {
		t.Errorf("verify -: %+v", r)
	}
	if r := bpfcheckRun(string(cases), "verify", "--btf", "none", "--cases", "-"); r.code != 1 || !strings.Contains(r.stdout, "<stdin>") {
		t.Errorf("verify --cases -: %+v", r)
	}
	if r := bpfcheckRun(string(object), "disasm", "--btf", "none", "-"); r.code != 0 || !strings.Contains(r.stdout, "packet_count:") {
		t.Errorf("disasm -: %+v", r)
	}
}

// TestInterrupted: a run that is interrupted says so and keeps its output whole.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	code := runContext(ctx, []string{"verify", "--btf", "none", "../../corpus/c"}, strings.NewReader(""), &out, &errs)
	if code != exitInterrupted || errs.String() != "bpfcheck: interrupted\n" {
		t.Errorf("status %d, stderr %q", code, errs.String())
	}
}

// failingWriter fails after n bytes.
type failingWriter struct {
	n   int
	err error
}

func (w *failingWriter) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, w.err
	}
	return len(b), nil
}

// TestWriteErrors: a closed pipe ends the run without a word, a full disk does not.
func TestWriteErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{io.ErrClosedPipe, ""},
		{io.ErrShortWrite, "bpfcheck: cannot write: short write\n"},
	} {
		for _, args := range [][]string{
			{"verify", "--btf", "none", "../../corpus/c"}, {"verify", "--btf", "none", "--format", "json", safeObject},
			{"disasm", "--btf", "none", safeObject}, {"help"},
		} {
			var errs bytes.Buffer
			code := run(args, strings.NewReader(""), &failingWriter{10, c.err}, &errs)
			if code != exitError || errs.String() != c.want {
				t.Errorf("%v, %v: status %d, stderr %q, want %q", args, c.err, code, errs.String(), c.want)
			}
		}
	}
}

// TestAssembler: what asm writes, disasm --plain reads back.
func TestAssembler(t *testing.T) {
	const text = "\tr0 = 1\nL1:\n\tcall bpf_ktime_get_ns\n\tif r0 == 3 goto L1\n\tr1 = 0x1122334455667788 ll\n\texit\n"
	raw := bpfcheckRun(text, "asm", "-")
	if raw.code != 0 || len(raw.stdout) != 48 {
		t.Fatalf("asm: %+v", raw)
	}
	if r := bpfcheckRun(raw.stdout, "disasm", "--raw", "--plain", "-"); r.code != 0 || !strings.HasSuffix(r.stdout, text) {
		t.Errorf("disasm: %+v", r)
	}
	digits := bpfcheckRun(text, "asm", "--hex", "-")
	if r := bpfcheckRun("", "disasm", "--plain", "--hex", digits.stdout); r.code != 0 || !strings.HasSuffix(r.stdout, text) {
		t.Errorf("disasm --hex: %+v", r)
	}
	out := filepath.Join(t.TempDir(), "out.bin")
	if r := bpfcheckRun(text, "asm", "-o", out, "-"); r.code != 0 || r.stdout != "" {
		t.Errorf("asm -o: %+v", r)
	}
	if r := bpfcheckRun("", "disasm", "--raw", out); r.code != 0 || !strings.Contains(r.stdout, "    2: if r0 == 3 goto L1\n") {
		t.Errorf("disasm --raw: %+v", r)
	}
	r := bpfcheckRun("r0 = 1\n\tr2 = *(u8 *)(r1 + zz)\n", "asm", "-")
	if want := "bpfcheck: <stdin>:2:20: expected a number, found \"zz\"\n   2 |  r2 = *(u8 *)(r1 + zz)\n     |                    ^\n"; r.code != 2 || r.stderr != want {
		t.Errorf("a mistake: status %d\n%s\nwant\n%s", r.code, r.stderr, want)
	}
}

func TestVersion(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v0.1.0"}, Settings: []debug.BuildSetting{
		{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "amd64"}, {Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"},
	}}
	if got, want := versionText(info), "bpfcheck v0.1.0 go1.26.0 linux/amd64, revision 0123456789ab with changes\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"verify", "verify", 0}, {"vrify", "verify", 1}, {"asm", "disasm", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}} {
		if got := editDistance(c.a, c.b); got != c.want || editDistance(c.b, c.a) != c.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestPrintable: nothing in a file may steer the terminal.
func TestPrintable(t *testing.T) {
	if got, want := printable("a\x1b[31m\tb\r\nc\x00é\u202e\xff"), "a·[31m b· c·é·\ufffd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
