// Package several uses maps of another package.
package several

import (
	"errors"

	"example.com/wants/bpf"
	"github.com/cilium/ebpf"
)

type wide struct{ N, M uint64 }

type custom struct{ n uint16 }

func (c custom) MarshalBinary() ([]byte, error) { return []byte{0, 0, byte(c.n >> 8), byte(c.n)}, nil }

func use(o *bpf.Objects, other *ebpf.Map, key any) error {
	var counts []uint64
	var bad []wide
	var one uint64
	var next uint16
	packets := o.Packets
	reused := o.Packets
	reused = other
	entries := packets.Iterate()
	entries.Next(&next, &counts) // want `key of map packets: Go type uint16 has 2 bytes instead of 4`
	cursor := &ebpf.MapBatchCursor{}
	keys := make([]uint32, 4)
	_, err := packets.BatchLookup(cursor, keys, counts, nil)
	_, err2 := packets.BatchLookup(cursor, counts, counts, nil) // want `key of map packets: Go type uint64 has 8 bytes instead of 4`
	return errors.Join(err, err2,
		packets.Lookup(uint32(1), &counts),
		packets.Lookup(uint32(1), &one),
		packets.Lookup(uint32(1), &bad), // want `value of map packets: Go type wide \(several.go:11\) has 16 bytes instead of 8`
		packets.Lookup(custom{1}, &counts),
		packets.Lookup(key, &counts),
		reused.Lookup(uint64(1), &counts),
		other.Lookup(uint64(1), &counts),
		o.Packets.Delete(uint8(1)), // want `key of map packets: Go type uint8 has 1 byte instead of 4`
	)
}

// A map that goes through a field and a parameter.
type app struct{ counts *ebpf.Map }

func newApp(o *bpf.Objects) *app { return &app{counts: o.Packets} }

func (a *app) drop() error {
	return a.counts.Delete(uint64(1)) // want `key of map packets: Go type uint64 has 8 bytes instead of 4`
}

func both(o *bpf.Objects) error {
	return errors.Join(remove(o.Packets), remove(o.Packets), Exported(o.Packets))
}

func remove(m *ebpf.Map) error {
	return m.Delete(uint16(1)) // want `key of map packets: Go type uint16 has 2 bytes instead of 4`
}

// Exported may be called with any map.
func Exported(m *ebpf.Map) error { return m.Delete(uint16(1)) }

func value(m *ebpf.Map) error { return m.Delete(uint16(1)) }

var indirect = value

func calls(o *bpf.Objects) error { return errors.Join(value(o.Packets), indirect(nil)) }
