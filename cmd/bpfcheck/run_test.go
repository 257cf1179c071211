package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// invoke runs a command line and returns what it printed.
func invoke(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// TestConformance is the plugin's protocol.
func TestConformance(t *testing.T) {
	const load = "7911000000000000 b700000000000000 bf10000000000000 9500000000000000" // r0 = *(u64 *)r1
	executors := []string{"interp"}
	for _, e := range compilers() {
		executors = append(executors, e.Name())
	}
	for _, e := range executors {
		for _, c := range []struct {
			name, stdin, stdout string
			args                []string
			code                int
		}{
			{"memory", load + "\n", "807060504030201\n", []string{"01 02 03  04 05 06 07 08"}, exitSafe},
			{"program as a flag", "", "5\n", []string{"--program", "b700000005000000 9500000000000000"}, exitSafe},
			{"no memory", load, "", nil, exitNotSafe},
			{"odd digits", "b70", "", nil, exitError},
			{"bad memory", load, "", []string{"xy"}, exitError},
		} {
			args := append([]string{"conformance", "--executor", e}, c.args...)
			if code, out, errs := invoke(t, c.stdin, args...); code != c.code || out != c.stdout {
				t.Errorf("%s: %s: status %d, %q, want %d, %q; %s", e, c.name, code, out, c.code, c.stdout, errs)
			}
		}
	}
}

// TestRunCases prints a line an entry of runs.
func TestRunCases(t *testing.T) {
	const line = `{"id":"a","prog_type":"socket_filter","license":"GPL","insns":"b7000000070000009500000000000000",` +
		`"runs":[{"data":"","r0":7},{"data":"00","r0":8}]}`
	code, out, errs := invoke(t, line, "run", "--cases", "-", "--format", "json")
	want := `{"id":"a","run":0,"r0":7,"fault":"","steps":2}` + "\n" + `{"id":"a","run":1,"r0":7,"fault":"","steps":2}` + "\n"
	if code != exitNotSafe || out != want {
		t.Errorf("status %d, %s%s, want 1, since the second result is not the one given, and %s", code, out, errs, want)
	}
	if code, _, _ := invoke(t, "{", "run", "--cases", "-"); code != exitError {
		t.Errorf("malformed case: status %d, want 2", code)
	}
}

// TestRunProgram runs a text file on a packet of a pcap file and map contents.
func TestRunProgram(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	prog := file("p.bpf", []byte(`; program f
; map m array key=4 value=8 entries=1
; type xdp
; expect safe
r2 = *(u32 *)(r1 + 0)
r3 = *(u32 *)(r1 + 4)
r0 = r3
r0 -= r2
r1 = map_value[m] + 0 ll
r1 = *(u64 *)(r1 + 0)
r0 += r1
exit
`))
	pcap := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	pcap = append(pcap, make([]byte, 20)...)
	for _, n := range []uint32{20, 30} {
		pcap = append(pcap, make([]byte, 8)...)
		pcap = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(pcap, n), n)
		pcap = append(pcap, make([]byte, n)...)
	}
	packets := file("p.pcap", pcap)
	values := file("m.txt", []byte("00000000 0700000000000000\n"))
	code, out, errs := invoke(t, "", "run", "--pcap", packets, "--map", "m="+values, prog, "f")
	if want := "run 0: r0 = 27 (0x1b) after 8 instructions"; code != exitSafe || !strings.Contains(out, want) || !strings.Contains(out, "run 1: r0 = 37") {
		t.Errorf("status %d, %s%s, want %q", code, out, errs, want)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{prog, "g"}, "choose one of f"},
		{[]string{"--executor", "abacus", prog, "f"}, "choose interp, jit or kernel"},
		{[]string{"--pcap", values, prog, "f"}, "no pcap file"},
		{[]string{"--pcap", file("cut.pcap", pcap[:70]), prog, "f"}, "the file ends"},
		{[]string{"--map", "m=" + packets, prog, "f"}, "p.pcap:1"},
		{[]string{prog}, "want OBJ and PROG"},
	} {
		if code, _, errs := invoke(t, "", append([]string{"run"}, c.args...)...); code != exitError || !strings.Contains(errs, c.want) {
			t.Errorf("%q: status %d, %q, want %q", c.args, code, errs, c.want)
		}
	}
}

// TestDiffVerb runs a short campaign.
func TestDiffVerb(t *testing.T) {
	code, out, errs := invoke(t, "", "diff", "--seed", "7", "--programs", "10", "--duration", "1m")
	if code != exitSafe || !strings.Contains(out, "10 programs") || !strings.Contains(out, "0 findings") {
		t.Errorf("status %d\n%s%s", code, out, errs)
	}
	for _, args := range [][]string{{"--workers", "0"}, {"--executors", "abacus"}, {"--generate", "--corpus", "x"}, {"x"}, {"--corpus", t.TempDir()}} {
		if code, _, _ := invoke(t, "", append([]string{"diff"}, args...)...); code != exitError {
			t.Errorf("%q: status %d, want 2", args, code)
		}
	}
}
