package linux

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// refusal is a message of the live verifier that a table alone decides.
var (
	ctxRefusal    = regexp.MustCompile(`^invalid bpf_context access off=(-?\d+) size=(\d+)`)
	helperRefusal = regexp.MustCompile(`^program of this type cannot use helper bpf_(\w+)#(\d+)`)
	mapRefusal    = regexp.MustCompile(`^cannot pass map_type (\d+) into func bpf_\w+#(\d+)`)
	exitRefusal   = regexp.MustCompile(`^At program exit the register R0 has smin=(-?\d+) smax=\d+ should have been in \[(-?\d+), (-?\d+)\]`)
)

// TestCaseRefusals demands that the tables refuse what the verifier refused with
// such a message.
func TestCaseRefusals(t *testing.T) {
	tg := target(t, "linux-6.18")
	counts := map[string]int{}
	for _, file := range []string{"cases/linux-verifier.jsonl", "cases/expectations.jsonl"} {
		lines := bufio.NewScanner(shared(t, file))
		lines.Buffer(nil, 1<<26)
		for lines.Scan() {
			var c struct {
				ID       string `json:"id"`
				ProgType string `json:"prog_type"`
				Attach   uint32 `json:"attach_type"`
				Expect   string `json:"expect"`
				Message  string `json:"linux_message"`
			}
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatal(err)
			}
			p := prog(t, tg, c.ProgType)
			ctx := tg.Context(p, c.Attach)
			num := func(m []string, i int) int64 {
				n, err := strconv.ParseInt(m[i], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			if m := ctxRefusal.FindStringSubmatch(c.Message); m != nil {
				counts["context"]++
				_, read := ctx.Access(num(m, 1), int(num(m, 2)), false)
				_, write := ctx.Access(num(m, 1), int(num(m, 2)), true)
				if read && write { // the message does not say which it was
					t.Errorf("%s: %s: both accepted", c.ID, c.Message)
				}
			}
			if m := helperRefusal.FindStringSubmatch(c.Message); m != nil {
				counts["helper"]++
				if h, known := tg.Helper(p, c.Attach, int32(num(m, 2))); h != nil || !known || tg.HelperName(int32(num(m, 2))) != m[1] {
					t.Errorf("%s: %s: %v", c.ID, c.Message, h)
				}
			}
			if m := mapRefusal.FindStringSubmatch(c.Message); m != nil {
				counts["map"]++
				typ, ok := tg.MapTypeByID(uint32(num(m, 1)))
				h, _ := tg.Helper(p, c.Attach, int32(num(m, 2)))
				if ok && h != nil && slices.Contains(h.Maps, typ.Name) {
					t.Errorf("%s: %s", c.ID, c.Message)
				}
			}
			if m := exitRefusal.FindStringSubmatch(c.Message); m != nil {
				counts["exit"]++
				if e := ctx.Exit(); e.Any || e.Min != num(m, 2) || e.Max != num(m, 3) {
					t.Errorf("%s: %s: %+v", c.ID, c.Message, e)
				}
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if counts["context"] < 30 || counts["helper"] == 0 || counts["map"] == 0 || counts["exit"] == 0 {
		t.Errorf("too few refusals compared: %v", counts)
	}
	t.Logf("refusals compared: %v", counts)
}

// TestCaseHelpers demands on every kernel that the helpers of accepted programs are
// allowed, and that one of those is refused where the kernel said so.
func TestCaseHelpers(t *testing.T) {
	kernels := map[string]string{"5.10.262": "linux-5.10", "6.1.192": "linux-6.1", "6.12.117": "linux-6.12",
		"6.18.44": "linux-6.18", "7.3.4": "linux-7.3"}
	verdicts := map[string]map[string]string{} // case, kernel
	for _, r := range tsv(t, "../cases/kernels-cases.tsv") {
		verdicts[r["id"]] = r
	}
	accepted, refused := 0, 0
	lines := bufio.NewScanner(shared(t, "cases/linux-verifier.jsonl"))
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		var c struct {
			ID       string `json:"id"`
			ProgType string `json:"prog_type"`
			Attach   uint32 `json:"attach_type"`
			Insns    string `json:"insns"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all, err := hex.DecodeString(c.Insns)
		if err != nil {
			t.Fatal(err)
		}
		for version, name := range kernels {
			tg := target(t, name)
			missing := ""
			for code := all; len(code) >= 8; code = code[8:] {
				if code[0] == 0x18 && len(code) >= 16 {
					code = code[8:] // the next slot holds no instruction
					continue
				}
				id := int32(binary.LittleEndian.Uint32(code[4:]))
				if code[0] != 0x85 || code[1]>>4 != 0 {
					continue
				}
				if h, _ := tg.Helper(prog(t, tg, c.ProgType), c.Attach, id); h == nil {
					missing = tg.HelperName(id)
					if missing == "" {
						missing = "unknown"
					}
				}
			}
			switch v := verdicts[c.ID][version]; {
			case v == "accept":
				accepted++
				if missing != "" {
					t.Errorf("%s on %s: accepted, but %s is refused", c.ID, version, missing)
				}
			case strings.Contains(v, "helper"):
				refused++
				if missing == "" {
					t.Errorf("%s on %s: %s, but every helper is allowed", c.ID, version, v)
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d accepted and %d refused for a helper", accepted, refused)
}
