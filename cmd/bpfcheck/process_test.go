package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// start starts the command in a process of its own.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = append(os.Environ(), asCommand+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
}

// TestSignal: an interrupt ends a command that waits for its input, with status 130.
func TestSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals on this system")
	}
	for _, args := range [][]string{{"verify", "--btf", "none", "--cases", "-"}, {"asm", "--hex", "-"}} {
		var err error
		// How long a command takes until it listens depends on the machine.
		for _, wait := range []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second} {
			err = interrupt(t, wait, args)
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == exitInterrupted {
				err = nil
				break
			}
		}
		if err != nil {
			t.Errorf("%v: %v, want status %d", args, err, exitInterrupted)
		}
	}
}

// interrupt starts the command, which waits for its input, and interrupts it.
func interrupt(t *testing.T, wait time.Duration, args []string) error {
	cmd := exec.Command(os.Args[0], args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	start(t, cmd)
	time.Sleep(wait)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	return errors.New("it ended well")
}

// TestClosedPipe: when the reader goes away, the command ends and says nothing.
func TestClosedPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals on this system")
	}
	cmd := exec.Command(os.Args[0], "verify", "--btf", "none", "--verbose", "../../corpus/c")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	out.Close()
	err = cmd.Wait()
	if stderr.Len() > 0 {
		t.Errorf("stderr %q", stderr.String())
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("%v, want an end by SIGPIPE", err)
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && (!ws.Signaled() || ws.Signal() != syscall.SIGPIPE) {
		t.Errorf("ended with %v", exit)
	}
}
