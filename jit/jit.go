package jit

import (
	"errors"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/loader"
)

// JIT is the executor that compiles. The zero value checks every access.
type JIT struct {
	// Proved says that all programs that are loaded carry a proof, checked by the
	// caller, that no access leaves its object. Then inner loops access memory without
	// checks. If it is not true, a program can destroy this process.
	Proved bool
}

var _ exec.Executor = JIT{}

// ErrUnsupported is why Load fails on machines that the compiler knows nothing of.
var ErrUnsupported = errors.New("jit: there is no compiler for this machine, only for linux on amd64")

// Name implements exec.Executor.
func (JIT) Name() string { return "jit" }

// Load implements exec.Executor. It fails with ErrUnsupported on other machines, and
// with an error that begins with "not compiled" if the program has something that the
// compiler cannot translate.
func (j JIT) Load(p *loader.Program, opts exec.Options) (exec.Runnable, error) {
	e, err := newEngine(j.Proved)
	if err != nil {
		return nil, err
	}
	return exec.LoadWith(e, p, opts)
}

// Supported reports whether this machine can run compiled programs.
func Supported() bool {
	_, err := newEngine(false)
	return err == nil
}
