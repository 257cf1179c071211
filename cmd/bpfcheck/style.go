package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/bpfcheck/bpfcheck"
)

// style colours text, or leaves it as it is.
type style struct{ on bool }

// The colours, as parameters of the escape sequence for graphics.
const (
	bold    = "1"
	dim     = "2"
	red     = "1;31"
	green   = "32"
	yellow  = "1;33"
	magenta = "1;35"
	cyan    = "36"
)

func (s style) paint(color, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// wantColor decides --color=WHEN for an output.
func wantColor(when string, w io.Writer) bool {
	switch when {
	case "always":
		return true
	case "auto":
		return os.Getenv("NO_COLOR") == "" && isTerminal(w)
	}
	return false
}

// isTerminal reports whether w is a terminal that understands escape sequences.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || f.Name() == os.DevNull {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// printable makes text from a file fit to print on a line: names and source lines
// of a hostile object must not reach the terminal as escape sequences.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case !unicode.IsPrint(r):
			return '·'
		}
		return r
	}, s)
}

// plural returns "1 program", "2 programs".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// duration prints a time with two or three digits.
func duration(us int64) string {
	switch d := float64(us); {
	case us < 1000:
		return fmt.Sprintf("%d µs", us)
	case us < 10_000:
		return fmt.Sprintf("%.1f ms", d/1e3)
	case us < 1_000_000:
		return fmt.Sprintf("%.0f ms", d/1e3)
	default:
		return fmt.Sprintf("%.2f s", d/1e6)
	}
}

// progress is a line on a terminal that says how far a long run is.
type progress struct {
	w    io.Writer // nil: nothing is shown
	tick *time.Ticker
	end  chan struct{}

	mu    sync.Mutex
	since time.Time
	shown bool
	held  bool // other output is under way
	n     int
	last  string
}

// progressAfter is how long a run may take before it shows its progress.
const progressAfter = time.Second

// newProgress starts a progress line on w if that is a terminal.
func newProgress(w io.Writer) *progress {
	p := &progress{}
	if !isTerminal(w) {
		return p
	}
	p.w, p.since, p.tick, p.end = w, time.Now(), time.NewTicker(progressAfter/5), make(chan struct{})
	go func() {
		for {
			select {
			case <-p.end:
				return
			case now := <-p.tick.C:
				p.show(now)
			}
		}
	}()
	return p
}

func (p *progress) show(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held || now.Sub(p.since) < progressAfter {
		return
	}
	text := fmt.Sprintf("bpfcheck: %s checked in %.0f s", plural(p.n, "program"), now.Sub(p.since).Seconds())
	if p.last != "" {
		text += ", last " + p.last
	}
	fmt.Fprintf(p.w, "\r\x1b[K%.100s", text)
	p.shown = true
}

// hide removes the line and keeps it away until next, which counts a report.
func (p *progress) hide() {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = true
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

func (p *progress) next(r *bpfcheck.Report) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = false
	if r != nil {
		p.n++
		p.last = printable(r.Program)
	}
}

func (p *progress) stop() {
	if p.w == nil {
		return
	}
	p.tick.Stop()
	close(p.end)
	p.hide()
}
