// Package tagged names what is in an object.
package tagged

import (
	"bytes"
	_ "embed"
	"errors"

	"github.com/cilium/ebpf"
)

//go:embed globals.o
var object []byte

type specs struct {
	Sampled *ebpf.VariableSpec `ebpf:"sampled"`
	Every   *ebpf.VariableSpec `ebpf:"sample_every"`
	Limits  *ebpf.VariableSpec `ebpf:"limits"` // want `tag ebpf:"limits": globals.o has no such variable; did you mean "limit"\?`
}

type objects struct {
	Configured *ebpf.Program  `ebpf:"configured"`
	Unchecked  *ebpf.Program  `ebpf:"table_unchecked"` // want `program table_unchecked of globals.o is .*\[V7`
	Table      *ebpf.Map      `ebpf:"table"`           // want `tag ebpf:"table": globals.o has no such map; it is a program`
	Data       *ebpf.Map      `ebpf:".data"`
	Other      string         `ebpf:"seen"`           // want `type that cannot be loaded`
	Comma      *ebpf.Map      `ebpf:".bss,omitempty"` // want `contains a comma`
	Seen       *ebpf.Variable `ebpf:"seen"`
	SeenAgain  *ebpf.Variable `ebpf:"seen"` // want `variable "seen" is assigned to more than one field`
	Histogram  *ebpf.Variable `ebpf:"histogram"`
	plain      int
}

type alias = ebpf.Variable

type more struct {
	Limit *alias `ebpf:"limit"`
	Gone  *alias `ebpf:"gone"` // want `has no such variable`
}

func use() error {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return err
	}
	var s specs
	if err := spec.Assign(&s); err != nil {
		return err
	}
	seen := spec.Variables["seen"]
	var o objects
	var m more
	var small [32]byte
	var whole [64]byte
	var signed int32
	var any any = 1
	var bytes []byte
	return errors.Join(
		s.Every.Set(uint32(5)),
		s.Every.Set(5), // want `variable sample_every: Go type int int has no fixed size`
		s.Sampled.Set(uint64(5)),
		s.Sampled.Set(float32(5)), // want `variable sampled: Go type float32 has 4 bytes instead of 8`
		seen.Set(uint16(1)),       // want `variable seen: Go type uint16 has 2 bytes instead of 8`
		seen.Set(any),
		seen.Set(bytes),
		seen.Set("12345678"),
		m.Limit.Get(&signed),
		o.Histogram.Get(&small), // want `variable histogram: Go type \[32\]byte has 32 bytes instead of 64`
		o.Histogram.Get(&whole),
		(&o).Seen.Set(uint64(1)),
	)
}
