package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck"
)

var vetVerb = verb{
	name: "vet", synopsis: "[flags] [PACKAGE…]", summary: "check Go packages that embed objects",
	about: `
Runs "go vet" with bpfcheck as its tool on Go packages (default: the one in this folder).
The objects that a package embeds with //go:embed, by hand or through bpf2go, are verified
and the Go code around them is held against their types. docs/VET.md has examples.

Exit status: that of go vet: 0 nothing was found (with --json always), 1 something was, or
a package does not build; 2 wrong usage.`,
	new: func() command { return &vetCommand{} },
}

type vetCommand struct {
	target, btf, tags string
	strict, json      bool
}

func (c *vetCommand) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.target, "target", bpfcheck.DefaultTarget, "judge for this `TARGET`")
	fs.StringVar(&c.btf, "btf", "", "`FILE` with the kernel's BTF, or none; default: this host's")
	fs.BoolVar(&c.strict, "strict", false, "also report what objects do that only some loaders let pass")
	fs.BoolVar(&c.json, "json", false, "print one JSON object a package")
	fs.StringVar(&c.tags, "tags", "", "build `TAGS`, separated by commas")
}

func (c *vetCommand) run(e *env, args []string) int {
	self, err := os.Executable()
	if err != nil {
		return e.fail("vet: %v", err)
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	line := []string{"vet", "-vettool=" + self, "-target=" + c.target}
	if c.tags != "" {
		line = append(line, "-tags="+c.tags)
	}
	if c.btf != "" {
		path := c.btf
		if path != "none" { // the tool runs in the folder of each package
			if path, err = filepath.Abs(path); err != nil {
				return e.fail("vet: %v", err)
			}
		}
		line = append(line, "-btf="+path)
	}
	if c.strict {
		line = append(line, "-strict")
	}
	if c.json {
		line = append(line, "-json")
	}
	stamp, err := c.stamp(e, args)
	if err != nil {
		return e.fail("vet: %v", err)
	}
	line = append(line, "-bpfcheck.stamp="+stamp, "--")
	cmd := exec.CommandContext(e.ctx, "go", append(line, args...)...)
	cmd.Stdout, cmd.Stderr = e.stdout, e.stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case e.ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &exit):
		return exitNotSafe
	case err != nil:
		return e.fail("vet: %v", err)
	}
	return exitSafe
}

// stamp is a hash of what decides results and is not part of the go command's cache
// key: a BTF file, and objects that only files of other builds embed (…_bpfeb.o).
func (c *vetCommand) stamp(e *env, args []string) (string, error) {
	list := []string{"list", "-e", "-json=Dir,IgnoredGoFiles,EmbedFiles"}
	if c.tags != "" {
		list = append(list, "-tags="+c.tags)
	}
	cmd := exec.CommandContext(e.ctx, "go", append(append(list, "--"), args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		text, _, _ := strings.Cut(strings.TrimSpace(problems.String()), "\n")
		return "", fmt.Errorf("go list: %v: %s", err, text)
	}
	h := sha256.New()
	if c.btf != "" && c.btf != "none" {
		b, err := os.ReadFile(c.btf)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	for d := json.NewDecoder(&out); d.More(); {
		var p struct {
			Dir            string
			IgnoredGoFiles []string
			EmbedFiles     []string
		}
		if err := d.Decode(&p); err != nil {
			return "", fmt.Errorf("go list: %w", err)
		}
		if len(p.IgnoredGoFiles) == 0 {
			continue
		}
		objects, _ := filepath.Glob(filepath.Join(p.Dir, "*.o"))
		slices.Sort(objects)
		for _, o := range objects {
			if slices.Contains(p.EmbedFiles, filepath.Base(o)) {
				continue
			}
			if b, err := os.ReadFile(o); err == nil {
				fmt.Fprintf(h, "%s %d\n", o, len(b))
				h.Write(b)
			}
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}
