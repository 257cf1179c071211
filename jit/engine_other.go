//go:build !(linux && amd64)

package jit

import "github.com/bpfcheck/bpfcheck/exec"

func newEngine(bool) (exec.Engine, error) { return nil, ErrUnsupported }
