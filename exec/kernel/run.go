package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
	"github.com/cilium/ebpf"
)

// makeMaps creates the maps of the program.
func (k *program) makeMaps(target platform.Target) error {
	for _, m := range k.prog.Maps {
		spec, err := mapSpec(m, target)
		if err != nil {
			return err
		}
		made, err := ebpf.NewMap(spec)
		if err != nil {
			return fmt.Errorf("kernel: map %q: %w", m.Name, err)
		}
		k.maps = append(k.maps, made)
		if err := initial(made, m); err != nil {
			return fmt.Errorf("kernel: map %q: %w", m.Name, err)
		}
	}
	return nil
}

func mapSpec(m *loader.Map, target platform.Target) (*ebpf.MapSpec, error) {
	t, ok := target.MapType(m.Type)
	if !ok {
		return nil, fmt.Errorf("kernel: map %q has the unknown type %q", m.Name, m.Type)
	}
	if len(m.Fields) > 0 {
		return nil, fmt.Errorf("kernel: map %q has special fields, which need BTF", m.Name)
	}
	spec := &ebpf.MapSpec{
		Name: "bpfcheck", Type: ebpf.MapType(t.ID), KeySize: m.KeySize, ValueSize: m.ValueSize,
		MaxEntries: m.MaxEntries, Flags: m.Flags,
	}
	if m.Inner == nil {
		return spec, nil
	}
	inner, err := mapSpec(m.Inner, target)
	spec.InnerMap = inner
	return spec, err
}

// initial writes the initial contents of global data.
func initial(made *ebpf.Map, m *loader.Map) error {
	if m.Data != nil {
		value := make([]byte, m.ValueSize)
		copy(value, m.Data)
		if err := made.Put(uint32(0), value); err != nil {
			return err
		}
	}
	if m.Frozen {
		return made.Freeze()
	}
	return nil
}

// ethHeader is what the kernel takes off the packets of some program types.
const ethHeader = 14

// noLinkLayer are the types whose programs begin at the network layer.
var noLinkLayer = map[string]bool{
	"socket_filter": true, "cgroup_skb": true, "lwt_in": true, "lwt_out": true, "lwt_xmit": true, "lwt_seg6local": true,
}

// Run implements exec.Runnable. A run that the kernel does not do ends with the
// fault NotModelled.
func (k *program) Run(in *exec.Input) exec.Outcome {
	k.mu.Lock()
	defer k.mu.Unlock()
	out, err := k.run(in)
	if err != nil {
		out = exec.Outcome{Fault: exec.NotModelled}
		if in.Report != nil {
			*in.Report = exec.Report{Detail: err.Error()}
		}
	}
	return out
}

func (k *program) run(in *exec.Input) (out exec.Outcome, err error) {
	if k.kind == nil {
		return out, errors.New("kernel: the program was closed")
	}
	for i, m := range k.prog.Maps {
		fill := reset
		if m.Type == "prog_array" {
			fill = k.fillPrograms
		}
		if err := fill(k.maps[i], m, in.Maps[m.Name]); err != nil {
			return out, fmt.Errorf("kernel: map %q: %w", m.Name, err)
		}
	}
	opts := ebpf.RunOptions{Repeat: 1}
	packet := false
	switch k.prog.Type {
	case "syscall", "raw_tracepoint", "sk_lookup":
		opts.Repeat = 0
		if opts.Context = in.Context; k.prog.Type == "syscall" {
			opts.Context = in.Data
		}
		if len(in.Context) == 0 && k.prog.Type != "syscall" {
			opts.Context = make([]byte, 64)
		}
	default:
		packet = true
		opts.Data = in.Data // the kernel refuses less than a link-layer header
		opts.DataOut = make([]byte, len(opts.Data)+4096)
	}
	r0, err := k.kind.Run(&opts)
	if err != nil {
		return out, fmt.Errorf("kernel: %w", err)
	}
	left := opts.DataOut
	if packet && noLinkLayer[k.prog.Type] {
		left = left[min(ethHeader, len(left)):]
	}
	values := map[string][]exec.Entry{}
	for i, m := range k.prog.Maps {
		if values[m.Name], err = contents(k.maps[i], m); err != nil {
			return out, fmt.Errorf("kernel: map %q: %w", m.Name, err)
		}
	}
	if in.Report != nil {
		*in.Report = exec.Report{Packet: left, Values: values}
	}
	return exec.Outcome{R0: uint64(r0), Hash: exec.Digest(k.prog, left, values)}, nil
}

// fillPrograms puts programs into a program array: the value of an element is the
// name of one in Options.Programs.
func (k *program) fillPrograms(array *ebpf.Map, m *loader.Map, entries []exec.Entry) error {
	if m.MaxEntries > maxReset {
		return fmt.Errorf("%d elements are too many to reset", m.MaxEntries)
	}
	for i := range m.MaxEntries {
		if err := array.Delete(i); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
	}
	for _, e := range entries {
		name := string(e.Value)
		p := k.tails[name]
		if p == nil {
			def := k.opts.Programs[name]
			if def == nil {
				return fmt.Errorf("no program %q", name)
			}
			q := *def
			if q.License == "" {
				q.License = k.prog.License
			}
			var err error
			if p, err = k.load(&q); err != nil {
				return fmt.Errorf("program %q: %w", name, err)
			}
			k.tails[name] = p
		}
		if err := array.Put(e.Key, uint32(p.FD())); err != nil {
			return err
		}
	}
	return nil
}

// maxReset bounds the elements of a map that a run looks at.
const maxReset = 1 << 14

// reset gives a map the contents of an input.
func reset(k *ebpf.Map, m *loader.Map, entries []exec.Entry) error {
	if m.Frozen {
		return nil
	}
	switch {
	case m.Type == "array":
		if m.MaxEntries > maxReset {
			return fmt.Errorf("%d elements are too many to reset", m.MaxEntries)
		}
		for i := range m.MaxEntries {
			value := make([]byte, m.ValueSize)
			if i == 0 {
				copy(value, m.Data)
			}
			if err := k.Put(i, value); err != nil {
				return err
			}
		}
	case strings.HasSuffix(m.Type, "hash") || m.Type == "lpm_trie":
		var keys [][]byte
		key, value := []byte{}, []byte{}
		for it := k.Iterate(); it.Next(&key, &value); {
			keys = append(keys, append([]byte(nil), key...))
		}
		for _, key := range keys {
			if err := k.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
				return err
			}
		}
	default:
		if len(entries) > 0 {
			return fmt.Errorf("contents for a map of type %s are not supported", m.Type)
		}
		return nil
	}
	for _, e := range entries {
		if len(e.Key) < int(m.KeySize) || m.Type == "array" && binary.LittleEndian.Uint32(e.Key) >= m.MaxEntries {
			continue
		}
		value := make([]byte, m.ValueSize)
		copy(value, e.Value)
		if err := k.Put(e.Key[:m.KeySize], value); err != nil && !errors.Is(err, ebpf.ErrKeyExist) {
			return err
		}
	}
	return nil
}

// contents reads a map after a run; of per-CPU maps and of those that hold no data
// nothing is read.
func contents(k *ebpf.Map, m *loader.Map) (out []exec.Entry, err error) {
	switch m.Type {
	case "array", "hash", "lru_hash", "lpm_trie":
	default:
		return nil, nil
	}
	key, value := []byte{}, []byte{}
	it := k.Iterate()
	for it.Next(&key, &value) {
		if m.Type == "array" && allZero(value) {
			continue
		}
		out = append(out, exec.Entry{Key: append([]byte(nil), key...), Value: append([]byte(nil), value...)})
	}
	return out, it.Err()
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
