package absint_test

import (
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

func TestDbg(t *testing.T) {
	b, _ := hex.DecodeString(os.Getenv("HEX"))
	if len(b) == 0 {
		t.Skip()
	}
	ins, err := isa.Decode(b, false)
	if err != nil {
		t.Fatal(err)
	}
	tg, _ := linux.Lookup("linux-6.18")
	d, _ := all.Select(all.Names())
	p := &loader.Program{Type: "socket_filter", Insns: ins, License: "GPL"}
	r := absint.Analyze(p, absint.Config{Target: tg, Domains: d, MaxTime: 3 * time.Second})
	t.Logf("%+v", r)
}
