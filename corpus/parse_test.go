package corpus

import (
	"strings"
	"testing"
)

func TestParseErrors(t *testing.T) {
	head := "; program p\n; expect safe\n"
	for _, c := range []struct{ text, want string }{
		{"r0 = 0\nexit\n", `a.bpf:1: expected a comment or "; program NAME"`},
		{"; program p\nexit\n", `a.bpf:1: expected "; expect safe"`},
		{"; program p\n; expect reject\nexit\n", "no want"},
		{head + "exit ; want V1\n", "a want in a safe program"},
		{head + "exit ; wnat V1\n", `a.bpf:3: expected want or inv`},
		{head + "exit ; inv r2 in [3, 2]\n", "a.bpf:3: empty range"},
		{head + "exit ; inv r11 in [3, 5]\n", "a.bpf:3: no register r11"},
		{head + "; tpye xdp\nexit\n", `a.bpf:3: unknown directive "tpye"`},
		{head + "; linux reject\nexit\n", `"; because" belongs where Linux differs`},
		{head + "; because I say so\nexit\n", `"; because" belongs where Linux differs`},
		{head + "r1 = map[m] ll\nexit\n", "a.bpf:3: no map m"},
		{head + "\nr1 == 2\n", "a.bpf:4:4: "},
		{head + "; map m array value=2 data=010203\nexit\n", "data is longer"},
		{head + "; unprivileged yes\nexit\n", "wrong number of words"},
		{head, "a program without instructions"},
	} {
		_, err := Parse("a.bpf", c.text, Target())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
}

// TestBothWays: a file that only refuses, or only accepts, shows nothing.
func TestBothWays(t *testing.T) {
	ps, err := All()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string][2]int{}
	for _, p := range ps {
		n := count[p.File]
		if p.Safe {
			n[0]++
		} else {
			n[1]++
		}
		count[p.File] = n
	}
	for file, n := range count {
		if n[0] == 0 || n[1] == 0 {
			t.Errorf("%s: %d programs to prove and %d to refuse", file, n[0], n[1])
		}
	}
}

func TestParse(t *testing.T) {
	ps, err := Parse("v09_x.bpf", `# prose
; program p
; type xdp
; attach 0x25
; map m array key=4 value=8 entries=1 flags=0x80 frozen data=01
; expect reject
; linux accept
; because "quotes" are kept
r1 = map_value[m] + 4 ll  # prose
loop: r0 = 1 ; inv r1 in [-1, 7]
goto loop ; want V13|V5 "a \"b\""
`, Target())
	if err != nil || len(ps) != 1 {
		t.Fatal(ps, err)
	}
	p := ps[0]
	l := p.Load
	if p.Name != "v09/p" || p.Line != 2 || l.Type != "xdp" || l.Attach != 0x25 || len(l.Insns) != 4 || p.Safe || !p.Linux.Accept {
		t.Errorf("%+v", p)
	}
	if r := l.Refs[0]; r.Offset != 4 || l.Maps[r.Map].Name != "m" || !l.Maps[r.Map].Frozen {
		t.Errorf("reference %+v", r)
	}
	if v := p.Invs[0]; v.PC != 2 || v.Line != 10 || !v.Signed || int64(v.Min) != -1 || v.Max != 7 {
		t.Errorf("inv %+v", v)
	}
	if w := p.Wants[0]; w.PC != 3 || w.Line != 11 || len(w.Rules) != 2 || !w.Message.MatchString(`a "b"`) {
		t.Errorf("want %+v", w)
	}
}
