package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// list asks go list for the imports of every package of the module in folder
// root, as they are under the given build tags.
func list(root, tags string) (graph, error) {
	cmd := exec.Command("go", "list", "-deps", "-tags", tags,
		"-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stderr.Bytes())
	}
	g := graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, err
		}
		if pkg, ok := relative(p.ImportPath); ok {
			in := imports{code: ours(p.Imports)}
			for _, to := range append(ours(p.TestImports), ours(p.XTestImports)...) {
				if to != pkg { // an external test imports what it tests
					in.tests = append(in.tests, to)
				}
			}
			g[pkg] = in
		}
	}
}

// relative returns a package's name in the table of levels; ok is false for a
// package of another module.
func relative(importPath string) (pkg string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func ours(importPaths []string) []string {
	var pkgs []string
	for _, path := range importPaths {
		if pkg, ok := relative(path); ok {
			pkgs = append(pkgs, pkg)
		}
	}
	return pkgs
}

// watch reads every folder that may hold packages, so that a change in any of
// them invalidates the cached result of this test, and returns the module's root.
func watch(t *testing.T) (root string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the module's root is not two folders up: %v", err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}
