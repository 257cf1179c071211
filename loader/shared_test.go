package loader

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/bpfcheck/bpfcheck/platform/linux"
)

// shared returns the path of the folder of facts beside the repository, or skips.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir, _ := os.Getwd()
	for range 6 {
		p := filepath.Join(dir, "..", "shared")
		if _, err := os.Stat(filepath.Join(p, "DESIGN.md")); err == nil {
			return filepath.Join(append([]string{p}, elem...)...)
		}
		dir = filepath.Dir(dir)
	}
	t.Skip("no folder shared beside the repository: real objects and facts are not tested")
	return ""
}

var options = Options{Target: linux.New(platform.V(6, 18))}
