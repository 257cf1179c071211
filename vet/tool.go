package vet

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck"
	"golang.org/x/tools/go/analysis/unitchecker"
)

// IsTool reports whether a command line is one with which go vet starts its tool: to
// ask for the version or the flags, or to check a package described by a file.
func IsTool(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "-V=full" || a == "-flags" || strings.HasSuffix(a, ".cfg") && !strings.HasPrefix(a, "-")
	}) && !slices.ContainsFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") && !strings.HasSuffix(a, ".cfg") })
}

// Tool answers go vet and ends the process.
//
// The go command keeps results by what -V=full prints, the flags, and the files of the
// package, embedded ones included. The kernel's BTF is none of these and decides
// verdicts, so that its hash is part of the version.
func Tool(args []string) {
	if slices.Contains(args, "-V=full") {
		line, err := version()
		if err != nil {
			fmt.Fprintln(os.Stderr, "bpfcheck:", err)
			os.Exit(2)
		}
		fmt.Println(line)
		os.Exit(0)
	}
	// Without the analyzer's name in front they are shorter to type.
	for _, name := range []string{"target", "btf", "strict"} {
		f := Analyzer.Flags.Lookup(name)
		flag.Var(f.Value, f.Name, f.Usage)
	}
	unitchecker.Main(Analyzer)
}

// version is the line that the go command takes for the tool's identity.
func version() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if err := hashFile(h, exe); err != nil {
		return "", err
	}
	_ = hashFile(h, bpfcheck.HostBTF) // without it nothing depends on it
	return fmt.Sprintf("%s version devel buildID=%x", filepath.Base(exe), h.Sum(nil)), nil
}

func hashFile(to io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, f)
	return err
}
