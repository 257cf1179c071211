// Package bpf exports an object for others.
package bpf

import (
	_ "embed"

	"github.com/cilium/ebpf"
)

//go:embed packet_count.o
var Bytes []byte

// Objects is what Bytes holds.
type Objects struct {
	Program *ebpf.Program `ebpf:"packet_count"`
	Packets *ebpf.Map     `ebpf:"packets"`
}
