package jit

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"

	"github.com/bpfcheck/bpfcheck/exec"
)

// unit is a program in executable memory.
type unit struct {
	output
	text []byte // read-only and executable
}

// engine serves one program and those that it calls.
type engine struct {
	feat   features
	slice  int64
	proved bool
	// main is the program's own code, which is compiled before anything runs.
	main     *exec.Code
	mainUnit *unit

	mu    sync.RWMutex
	units map[*exec.Code]*unit // others
}

func newEngine(proved bool) (exec.Engine, error) {
	return &engine{feat: features{bmi2: cpu.X86.HasBMI2}, slice: slice, proved: proved, units: map[*exec.Code]*unit{}}, nil
}

// Compile implements exec.Engine.
func (e *engine) Compile(c *exec.Code) error {
	out, err := compile(c, e.feat, e.proved)
	if err != nil {
		return err
	}
	u := &unit{output: *out}
	if u.text, err = executable(out.code); err != nil {
		return fmt.Errorf("not compiled: %w", err)
	}
	u.code = nil
	runtime.AddCleanup(u, unmap, u.text)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.main == nil {
		e.main, e.mainUnit = c, u
	} else {
		e.units[c] = u
	}
	return nil
}

// unit returns what c was compiled to, nil if it was not.
func (e *engine) unit(c *exec.Code) *unit {
	if c == e.main {
		return e.mainUnit
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.units[c]
}

// executable copies code into memory that may be executed and no longer written.
func executable(code []byte) ([]byte, error) {
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_ANON | unix.MAP_PRIVATE
	b, err := unix.Mmap(-1, 0, len(code), prot, flags)
	if err != nil { // programs that nobody uses any more may hold all there is
		runtime.GC()
		b, err = unix.Mmap(-1, 0, len(code), prot, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	copy(b, code)
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		unmap(b)
		return nil, fmt.Errorf("mprotect: %w", err)
	}
	return b, nil
}

func unmap(b []byte) { _ = unix.Munmap(b) }

// enter calls native code at text, which goes on at entry. It returns the
// instruction that the code stopped at and the fuel that is left.
func enter(text, entry uintptr, m *exec.Machine, fuel int64) (stop uint64, left int64)

// Run implements exec.Engine.
func (e *engine) Run(m *exec.Machine, c *exec.Code, i int32) int32 {
	u := e.unit(c)
	if u == nil { // Compile failed: the machine says so
		return i
	}
	text := uintptr(unsafe.Pointer(unsafe.SliceData(u.text)))
	for {
		n := min(m.Fuel-m.Steps, e.slice)
		stop, left := enter(text, text+uintptr(u.entry[i]), m, n+int64(u.pending[i]))
		runtime.KeepAlive(u)
		i = int32(stop &^ yield)
		m.Steps += n - (left - int64(u.pending[i]))
		if stop&yield == 0 {
			return i
		}
	}
}
