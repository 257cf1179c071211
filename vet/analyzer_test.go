package vet_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bpfcheck/bpfcheck/vet"
	"golang.org/x/tools/go/analysis/analysistest"
)

// TestWants runs the analyzer on packages whose comments say what it reports. The
// objects are those of the corpus.
func TestWants(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/wants")); err != nil {
		t.Fatal(err)
	}
	corpus := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("../corpus/c", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := corpus("packet_count.o")
	for name, b := range map[string][]byte{
		"plain/packet_count.o": good, "plain/packet_count_unsafe.o": corpus("packet_count_unsafe.o"), "plain/notes.txt": []byte("no object"),
		"plain/broken.o": broken(good), "bpf/packet_count.o": good, "tagged/globals.o": corpus("globals.o"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOFLAGS", "-mod=mod")
	analysistest.Run(t, dir, vet.New(vet.Settings{BTF: "none"}), "./...")
}

// broken makes an object whose code section has an odd size: section headers follow
// the sections, and the first with instructions gets 12 bytes.
func broken(b []byte) []byte {
	b = append([]byte(nil), b...)
	shoff := int(b[40]) | int(b[41])<<8 | int(b[42])<<16
	for at := shoff; at+64 <= len(b); at += 64 {
		if b[at+8]&4 != 0 && b[at+4] == 1 {
			b[at+32], b[at+33] = 12, 0
			return b
		}
	}
	return nil
}
