package jit

import (
	"time"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"github.com/bpfcheck/bpfcheck/exec"
)

var hasBMI2 = cpu.X86.HasBMI2

func engineWith(f features, slice int64) exec.Engine {
	return &engine{feat: f, slice: slice, units: map[*exec.Code]*unit{}}
}

// cpuTime is the processor time of the present thread: it stands still while the
// operating system runs others.
func cpuTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
