package cfg

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfcheck/bpfcheck/isa"
)

// sharedCase is what these tests read of a line of a case file.
type sharedCase struct {
	ID      string `json:"id"`
	Insns   string `json:"insns"`
	Packed  string `json:"insns_gz"`
	Expect  string `json:"expect"`
	Message string `json:"linux_message"`
}

// sharedCases reads a case file of the shared folder beside the repository.
func sharedCases(t testing.TB, name string) []sharedCase {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "shared", "cases", name))
	if err != nil {
		t.Skipf("the shared case files are not beside this checkout: %v", err)
	}
	defer f.Close()
	var cases []sharedCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		var c sharedCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

// program decodes the instructions of a case.
func (c *sharedCase) program(t testing.TB) []isa.Instruction {
	t.Helper()
	raw, err := hex.DecodeString(c.Insns)
	if c.Packed != "" {
		var packed []byte
		if packed, err = base64.StdEncoding.DecodeString(c.Packed); err == nil {
			var z *gzip.Reader
			if z, err = gzip.NewReader(bytes.NewReader(packed)); err == nil {
				raw, err = io.ReadAll(z)
			}
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	insns, err := isa.Decode(raw, false)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	return insns
}

// shapeMessages are the messages of Linux that are this package's to find.
var shapeMessages = []string{
	"unreachable insn", "jump out of range", "last insn is not an exit or jmp",
	"call to invalid destination", "jump into the middle of ldimm64",
}

// TestLinuxCases compares the first problem with the message of Linux wherever
// the message is about shape, and wants no problem in accepted programs.
func TestLinuxCases(t *testing.T) {
	found := 0
	for _, file := range []string{"expectations.jsonl", "linux-verifier.jsonl"} {
		for _, c := range sharedCases(t, file) {
			g, problems := Build(c.program(t), nil)
			if c.Expect == "accept" && len(problems) > 0 {
				t.Errorf("%s is accepted by Linux but has problems: %v", c.ID, problems)
			}
			if (g == nil) != (len(problems) > 0 && !problems[0].Policy) {
				t.Errorf("%s: graph %v with problems %v", c.ID, g != nil, problems)
			}
			for _, m := range shapeMessages {
				if !strings.Contains(c.Message, m) {
					continue
				}
				found++
				if len(problems) == 0 || !strings.Contains(problems[0].Message, c.Message) {
					t.Errorf("%s: want %q, have %v", c.ID, c.Message, problems)
				}
			}
			if g != nil {
				judgeStack(t, &c, g, &found)
			} else if strings.Contains(c.Message, "frames is too deep") {
				found++
				if !strings.Contains(problems[0].Message, "recursion") {
					t.Errorf("%s: want recursion, have %v", c.ID, problems)
				}
			}
		}
	}
	if found < 26 {
		t.Errorf("only %d cases were about shape", found)
	}
}

// judgeStack compares stacks and frames with the verdict of Linux.
func judgeStack(t *testing.T, c *sharedCase, g *Graph, found *int) {
	frames, chain := g.CallDepth(nil)
	bytes, _ := g.StackUse(Stack{Round: 16})
	if frames != len(chain) {
		t.Errorf("%s: %d frames in chain %v", c.ID, frames, chain)
	}
	if c.Expect == "accept" && (frames > 8 || bytes > 512) {
		t.Errorf("%s is accepted by Linux, but has %d frames of %d bytes", c.ID, frames, bytes)
	}
	if strings.Contains(c.Message, "frames is too deep") {
		*found++
		if frames <= 8 {
			t.Errorf("%s: %d frames are too deep for Linux: %s", c.ID, frames, c.Message)
		}
	}
	if strings.Contains(c.Message, "combined stack size") {
		*found++
		if !strings.Contains(c.Message, "is "+itoa(bytes)+". Too large") {
			t.Errorf("%s: %d bytes, Linux says %s", c.ID, bytes, c.Message)
		}
	}
}
