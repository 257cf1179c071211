package jit

import (
	"golang.org/x/sys/cpu"

	"github.com/bpfcheck/bpfcheck/exec"
)

var hasBMI2 = cpu.X86.HasBMI2

func engineWith(f features, slice int64) exec.Engine {
	return &engine{feat: f, slice: slice, units: map[*exec.Code]*unit{}}
}
