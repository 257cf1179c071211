package bpfcheck

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/bpfcheck/bpfcheck/loader"
)

// file is a file to load. In a folder nobody has said that it is a BPF object.
type file struct {
	path     string
	inFolder bool
}

// files yields the files that path stands for: itself, or the ELF files in it and
// its folders, in the order of their names. Links to files are followed, links to
// folders are not, so that the walk ends.
func files(path string) iter.Seq2[file, error] {
	return func(yield func(file, error) bool) {
		if st, err := os.Stat(path); err != nil || !st.IsDir() {
			yield(file{path: path}, nil) // loading it says what is wrong with it
			return
		}
		for todo := []string{path}; len(todo) > 0; {
			dir := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			entries, err := os.ReadDir(dir)
			if err != nil && !yield(file{}, fileError(dir, "cannot be read", err)) {
				return
			}
			var dirs []string
			for _, e := range entries {
				name := filepath.Join(dir, e.Name())
				if e.IsDir() {
					dirs = append(dirs, name)
					continue
				}
				ok, err := sniff(name)
				if (ok || err != nil) && !yield(file{name, true}, err) {
					return
				}
			}
			slices.Reverse(dirs)
			todo = append(todo, dirs...)
		}
	}
}

// sniff reports whether path is a regular file that begins like ELF.
func sniff(path string) (bool, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // a link to nowhere
	}
	if err != nil {
		return false, fileError(path, "cannot be read", err)
	}
	if !st.Mode().IsRegular() {
		return false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false, fileError(path, "cannot be opened", err)
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(f, magic); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, fileError(path, "cannot be read", err)
	}
	return bytes.Equal(magic, []byte(elf.ELFMAG)), nil
}

// otherMachine reports whether the ELF file is for another machine than BPF: in a
// folder that is no error, unless it embeds an object.
func otherMachine(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := make([]byte, 20)
	if _, err := io.ReadFull(f, h); err != nil {
		return false
	}
	switch elf.Data(h[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		return elf.Machine(binary.LittleEndian.Uint16(h[18:])) != elf.EM_BPF
	case elf.ELFDATA2MSB:
		return elf.Machine(binary.BigEndian.Uint16(h[18:])) != elf.EM_BPF
	}
	return false
}

// fileError is an error about a file as the loader words them.
func fileError(path, what string, err error) error {
	if err != nil {
		what += ": " + unwrapPath(err).Error()
	}
	return &loader.Error{File: path, Offset: -1, What: what, Fix: "check its permissions"}
}

// unwrapPath drops the operation and path that the error repeats.
func unwrapPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// each yields the errors that err joins.
func each(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}
