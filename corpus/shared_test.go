package corpus

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bpfcheck/bpfcheck/absint"
	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/domains"
	"github.com/bpfcheck/bpfcheck/domains/all"
	"github.com/bpfcheck/bpfcheck/isa"
)

// sharedDir finds the folder of facts beside the repository, "" if there is none.
var sharedDir = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for range 6 {
		if err != nil {
			break
		}
		p := filepath.Join(dir, "..", "shared")
		if _, err := os.Stat(filepath.Join(p, "DESIGN.md")); err == nil {
			return p
		}
		dir = filepath.Dir(dir)
	}
	return ""
})

// kernelBTF returns the types of the kernel that the expectations speak of, raw and
// parsed. It is never that of the running machine: verdicts must not depend on it.
func kernelBTF(t testing.TB) ([]byte, *btfcheck.Spec) {
	t.Helper()
	if sharedDir() == "" {
		t.Skip("no folder shared beside the repository: the kernel's types are missing")
	}
	k, err := readKernel()
	if err != nil {
		t.Fatal(err)
	}
	return k.raw, k.spec
}

type kernel struct {
	raw  []byte
	spec *btfcheck.Spec
}

var readKernel = sync.OnceValues(func() (k kernel, err error) {
	f, err := os.Open(filepath.Join(sharedDir(), "btf", "linux-6.18-debian-cloud.btf.gz"))
	if err != nil {
		return k, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return k, err
	}
	if k.raw, err = io.ReadAll(z); err != nil {
		return k, err
	}
	k.spec, err = btfcheck.Parse(k.raw, nil)
	return k, err
})

// config is the default analysis, with all domains. A nil spec is allowed.
func config(t testing.TB, types *btfcheck.Spec) absint.Config {
	t.Helper()
	return absint.Config{Target: Target(), Domains: product(t), Types: types}
}

func product(t testing.TB) func(isa.Width, int) domains.Numeric {
	t.Helper()
	f, err := all.Select(all.Names())
	if err != nil {
		t.Fatal(err)
	}
	return f
}
