package main

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/exec/kernel"
)

// compilers are the executors beside the interpreter and the kernel that this
// build has.
func compilers() []exec.Executor { return nil }

// executor finds an executor by name.
func executor(name string) (exec.Executor, error) {
	switch name {
	case "interp":
		return exec.Interpreter{}, nil
	case "kernel":
		return kernel.Executor{}, kernel.Available()
	}
	for _, e := range compilers() {
		if e.Name() == name {
			return e, nil
		}
	}
	return nil, fmt.Errorf("--executor %q: choose interp, jit or kernel", name)
}
