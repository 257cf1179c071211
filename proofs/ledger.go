package proofs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// ProveAll proves theorems, jobs at a time, and hands the results to report in the
// order of the list. It stops at the first error.
func (p *Prover) ProveAll(ctx context.Context, list []Theorem, o Options, jobs int, report func(Result)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type answer struct {
		r   Result
		err error
	}
	answers := make([]chan answer, len(list))
	for i := range answers {
		answers[i] = make(chan answer, 1)
	}
	var next int
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range max(1, min(jobs, len(list))) {
		workers.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(list) || ctx.Err() != nil {
					return
				}
				r, err := p.Prove(ctx, list[i], o)
				answers[i] <- answer{r, err}
			}
		})
	}
	defer workers.Wait()
	for i := range list {
		select {
		case a := <-answers[i]:
			if a.err != nil {
				stop()
				return a.err
			}
			report(a.r)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Row is a line of a ledger, as it is kept in a file.
type Row struct {
	Name      string
	Verdict   string
	Conflicts int64
	How       string // or why not
}

// Row is the result as a line of a ledger.
func (r Result) Row() Row {
	how := r.How
	if r.Verdict != Proved {
		how = r.Why
	}
	return Row{r.Theorem.Name(), r.Verdict.String(), r.Conflicts, strings.ReplaceAll(how, "\n", " ")}
}

// String is the line.
func (r Row) String() string {
	return strings.TrimRight(fmt.Sprintf("%-28s %-11s %9d  %s", r.Name, r.Verdict, r.Conflicts, r.How), " ")
}

// ReadLedger reads lines as String writes them. Lines that start with # are comments.
func ReadLedger(r io.Reader) ([]Row, error) {
	var rows []Row
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		if s.Text() == "" || strings.HasPrefix(s.Text(), "#") {
			continue
		}
		f := strings.Fields(s.Text())
		if len(f) < 3 {
			return nil, fmt.Errorf("line %d: want a theorem, a verdict and a number of conflicts", n)
		}
		c, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rows = append(rows, Row{f[0], f[1], c, strings.Join(f[3:], " ")})
	}
	return rows, s.Err()
}
