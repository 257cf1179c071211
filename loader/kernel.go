package loader

import (
	"sync"

	"github.com/cilium/ebpf/btf"
)

// kernelTypes is a parsed vmlinux BTF. The library memoises types in it, so that
// it is used by one goroutine at a time.
type kernelTypes struct {
	mu   sync.Mutex
	spec *btf.Spec
	ids  map[string]btf.TypeID // of functions ("f:") and variables ("v:"), as asked for
	cand map[string][]btf.Type
}

// The cache of parsed kernels: reading a vmlinux BTF takes tens of milliseconds,
// and a run checks many objects against the same few kernels.
var kernels struct {
	sync.Mutex
	list []cachedKernel
}

type cachedKernel struct {
	first *byte
	size  int
	types *kernelTypes
}

const maxKernels = 8

// loadKernel parses a vmlinux BTF, or finds it parsed. The same slice is the same
// kernel: callers must not change it.
func loadKernel(raw []byte) (*kernelTypes, error) {
	kernels.Lock()
	defer kernels.Unlock()
	if len(raw) == 0 {
		_, err := loadSpec(raw)
		return nil, err
	}
	for _, k := range kernels.list {
		if k.first == &raw[0] && k.size == len(raw) {
			return k.types, nil
		}
	}
	spec, err := loadSpec(raw)
	if err != nil {
		return nil, err
	}
	if len(kernels.list) == maxKernels {
		kernels.list = kernels.list[1:]
	}
	k := &kernelTypes{spec: spec, ids: map[string]btf.TypeID{}, cand: map[string][]btf.Type{}}
	kernels.list = append(kernels.list, cachedKernel{&raw[0], len(raw), k})
	return k, nil
}

func isFunc(t btf.Type) bool { _, ok := t.(*btf.Func); return ok }
func isVar(t btf.Type) bool  { _, ok := t.(*btf.Var); return ok }

// candidates returns all types of exactly this name. A nil kernel has none.
func (k *kernelTypes) candidates(name string) []btf.Type {
	if k == nil || name == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := k.cand[name]; ok {
		return c
	}
	all, err := k.spec.AnyTypesByName(name)
	var c []btf.Type
	if err == nil {
		for _, t := range all {
			if t.TypeName() == name {
				c = append(c, t)
			}
		}
	}
	k.cand[name] = c
	return c
}

// id finds the type id of the first type of a name that is of the kind wanted.
func (k *kernelTypes) id(name string, want func(btf.Type) bool) (btf.TypeID, bool) {
	for _, t := range k.candidates(name) {
		if want(t) {
			return k.typeID(t)
		}
	}
	return 0, false
}

func (k *kernelTypes) typeID(t btf.Type) (btf.TypeID, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id, err := k.spec.TypeID(t)
	return id, err == nil
}
