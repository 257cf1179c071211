package jit

import (
	"golang.org/x/sys/cpu"

	"github.com/bpfcheck/bpfcheck/exec"
)

var hasBMI2 = cpu.X86.HasBMI2

func engineWith(f features) exec.Engine { return &engine{feat: f, units: map[*exec.Code]*unit{}} }
