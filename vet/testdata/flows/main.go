// Command flows prints how many bytes each flow has sent.
package main

import (
	"fmt"
	"log"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// counter is struct usage, written by hand.
type counter struct {
	Packets uint64
	Bytes   uint64
}

// address is struct flow, written by hand.
type address struct {
	Src, Dst uint32
	Port     uint16
	Proto    uint8
	_        [1]byte
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	spec, err := loadFlows()
	if err != nil {
		return err
	}
	if err := spec.Variables["limit"].Set(flowsSetting{Rate: 1, Burst: 10}); err != nil {
		return err
	}
	var objs flowsObjects
	if err := spec.LoadAndAssign(&objs, nil); err != nil {
		return err
	}
	defer objs.Close()
	xdp, err := link.AttachXDP(link.XDPOptions{Program: objs.CountFlows, Interface: 1})
	if err != nil {
		return err
	}
	defer xdp.Close()
	if err := objs.Flows.Update(address{Src: 1}, &counter{}, ebpf.UpdateNoExist); err != nil {
		return err
	}
	if err := show(&objs); err != nil {
		return err
	}
	var n uint64
	return objs.Dropped.Get(&n)
}

func show(objs *flowsObjects) error {
	var flow flowsFlow
	var usage flowsUsage
	entries := objs.Flows.Iterate()
	for entries.Next(&flow, &usage) {
		fmt.Println(flow.Port, usage.Bytes)
	}
	var perCPU []counter
	if err := objs.PerProto.Lookup(uint32(3), &perCPU); err != nil {
		return err
	}
	return entries.Err()
}
