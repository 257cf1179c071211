package isa

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
)

// TestSharedCases takes the shared programs through decode, text and back, and
// checks that what Linux was seen to accept has no problem.
func TestSharedCases(t *testing.T) {
	for _, name := range []string{"linux-verifier", "expectations", "conformance"} {
		t.Run(name, func(t *testing.T) {
			lines := bufio.NewScanner(strings.NewReader(sharedFile(t, "cases/"+name+".jsonl")))
			lines.Buffer(nil, 64<<20)
			p := Linux618
			if name == "conformance" {
				p = all // it has callx and, by design, constants that Linux refuses
			}
			n, accepted, slots := 0, 0, 0
			for lines.Scan() {
				var c struct {
					ID, Insns, Expect string
					InsnsGz           string `json:"insns_gz"`
				}
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
					t.Fatal(err)
				}
				prog, err := Decode(caseBytes(t, c.Insns, c.InsnsGz), false)
				if err != nil {
					t.Fatalf("%s: %v", c.ID, err)
				}
				n, slots = n+1, slots+len(prog)
				if c.Expect == "accept" || name == "conformance" {
					accepted++
					if got := Validate(prog, p); got != nil {
						t.Errorf("%s: accepted by Linux, we say %+v", c.ID, got)
					}
				}
				src, err := Assemble(DisassembleProgram(prog, DisasmOptions{}), AsmOptions{})
				if err != nil || (len(prog) > 0 && !reflect.DeepEqual(src.Insns, prog)) {
					t.Errorf("%s: text does not come back: %v", c.ID, err)
				}
			}
			if err := lines.Err(); err != nil || n == 0 {
				t.Fatalf("%d programs, %v", n, err)
			}
			t.Logf("%d programs of %d slots, %d of them valid", n, slots, accepted)
		})
	}
}

func caseBytes(t *testing.T, text, packed string) []byte {
	t.Helper()
	if packed == "" {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	z, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
