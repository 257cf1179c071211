//go:build !(linux && amd64)

package jit

import (
	"time"

	"github.com/bpfcheck/bpfcheck/exec"
)

const hasBMI2 = false

func engineWith(features, int64) exec.Engine { return nil }

func cpuTime() time.Duration { return 0 }
