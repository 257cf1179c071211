package loader

import (
	"path/filepath"
	"sync"
	"testing"
)

// TestConcurrent: loading is a function of its input, also when several objects
// are relocated against one kernel at the same time.
func TestConcurrent(t *testing.T) {
	opts := options
	opts.KernelBTF = kernelBTF(t, "6.12")
	paths, _ := filepath.Glob(filepath.Join(shared(t, "objects"), "*.o"))
	paths = paths[:min(len(paths), 40)]
	const workers = 4
	out := make([][]string, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for _, p := range paths {
				objs, err := Load(p, opts)
				if err != nil {
					t.Error(err)
					return
				}
				out[w] = append(out[w], dump(objs[0]))
			}
		})
	}
	wg.Wait()
	for w := range out {
		for i := range out[w] {
			if out[w][i] != out[0][i] {
				t.Errorf("%s differs from run to run", paths[i])
			}
		}
	}
}
