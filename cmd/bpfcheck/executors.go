package main

import (
	"fmt"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/exec/kernel"
	"github.com/bpfcheck/bpfcheck/jit"
)

// compilers are the executors beside the interpreter and the kernel that this
// machine has. They check every access.
func compilers() []exec.Executor {
	if !jit.Supported() {
		return nil
	}
	return []exec.Executor{jit.JIT{}}
}

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
	if name == "jit" {
		return nil, jit.ErrUnsupported
	}
	return nil, fmt.Errorf("--executor %q: choose interp, jit or kernel", name)
}
