package absint

import (
	"errors"
	"time"

	"github.com/bpfcheck/bpfcheck/loader"
)

// NewTransferBench returns a function that runs the first block of p on a fresh
// entry state.
func NewTransferBench(p *loader.Program, c Config) (func(), error) {
	a := newAnalysis(p, c, time.Now())
	if !a.prepare(c) {
		return nil, errors.New("the program is refused before analysis")
	}
	start := a.entry()
	return func() {
		a.block(a.clone(start), 0)
		if len(a.led.open) > 0 {
			panic("the program is not safe")
		}
	}, nil
}
