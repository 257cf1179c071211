package bpfcheck

import (
	"context"
	"iter"
	"sync"
)

// VerifyAll analyses programs, at most jobs at a time, and yields the reports in
// the order of the programs. With one job nothing is loaded during an analysis, so
// that its time is not disturbed. When ctx is done it yields ctx's error and ends;
// an analysis that is under way then ends in the background.
func (c *Checker) VerifyAll(ctx context.Context, programs iter.Seq2[Input, error], jobs int) iter.Seq2[*Report, error] {
	return func(yield func(*Report, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		order := make(chan *pending, max(4*(jobs-1), 0))
		go c.dispatch(ctx, programs, jobs, order)
		for {
			p, open, err := next(ctx, order)
			if err != nil {
				yield(nil, err)
				return
			}
			if !open || !yield(p.report, p.err) {
				return
			}
		}
	}
}

// pending is a program in the queue; done is closed when report or err is there.
type pending struct {
	in     Input
	report *Report
	err    error
	done   chan struct{}
}

// next waits for the first of the queue. open is false at its end.
func next(ctx context.Context, order <-chan *pending) (p *pending, open bool, err error) {
	select {
	case p, open = <-order:
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	if !open {
		return nil, false, context.Cause(ctx)
	}
	select {
	case <-p.done:
		return p, true, nil
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}

// dispatch hands the programs to workers and closes order behind the last one.
func (c *Checker) dispatch(ctx context.Context, programs iter.Seq2[Input, error], jobs int, order chan<- *pending) {
	defer close(order)
	work := make(chan *pending)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(work)
	for range max(jobs, 1) {
		workers.Go(func() {
			for p := range work {
				p.report = c.Verify(p.in)
				close(p.done)
			}
		})
	}
	for in, err := range programs {
		p := &pending{in: in, err: err, done: make(chan struct{})}
		if err != nil || jobs < 2 {
			if err == nil {
				p.report = c.Verify(in)
			}
			close(p.done)
			if !send(ctx, order, p) {
				return
			}
			continue
		}
		if !send(ctx, order, p) || !send(ctx, work, p) {
			return
		}
	}
}

func send(ctx context.Context, to chan<- *pending, p *pending) bool {
	select {
	case to <- p:
		return true
	case <-ctx.Done():
		return false
	}
}
