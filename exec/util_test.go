package exec

import (
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
)

// rawProgram is a program on memory.
func rawProgram(insns []isa.Instruction) *loader.Program { return &loader.Program{Insns: insns} }
