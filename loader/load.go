package loader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Bounds on what is read.
const (
	maxFile     = 1 << 30 // an executable with debug information
	maxEmbedded = 4096    // objects in one executable
	maxErrors   = 16      // embedded objects that are reported as unreadable
)

// Load reads a BPF object, or all the BPF objects that an executable embeds.
// The latter are called "path@0xOFFSET". An error says why the file, or why an
// embedded object, cannot be read; objects may come with an error then. The
// trouble of single programs is in Program.Problem.
func Load(path string, opts Options) ([]*Object, error) {
	st, err := os.Stat(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, &Error{File: path, Offset: -1, What: err.Error(), Fix: "check the path"}
	}
	switch {
	case st.IsDir():
		return nil, &Error{File: path, Offset: -1, What: "is a folder", Fix: "name the object files in it"}
	case !st.Mode().IsRegular():
		return nil, &Error{File: path, Offset: -1, What: "is no regular file", Fix: "copy it to a file first"}
	case st.Size() > maxFile:
		return nil, &Error{File: path, Offset: -1, What: fmt.Sprintf("%d bytes are over the limit of %d", st.Size(), int64(maxFile)), Fix: "extract the BPF object from it"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{File: path, Offset: -1, What: "cannot be opened", Fix: "check its permissions"}
	}
	defer f.Close()
	b := make([]byte, st.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, &Error{File: path, Offset: -1, What: "cannot be read: " + err.Error(), Fix: "try again"}
	}
	return LoadBytes(path, b, opts)
}

// LoadBytes is Load of a file whose contents are at hand. The objects keep
// slices of b.
func LoadBytes(name string, b []byte, opts Options) ([]*Object, error) {
	if opts.Target == nil {
		return nil, errors.New("loader: no target")
	}
	f := &elfFile{name: name, data: b}
	headerErr := f.header()
	if headerErr == nil {
		f, err := parseELF(name, b)
		if err != nil {
			return nil, err
		}
		obj, err := link(f, opts)
		if err != nil {
			return nil, err
		}
		return []*Object{obj}, nil
	}
	objs, err := loadEmbedded(name, b, opts)
	if len(objs) == 0 && err == nil {
		return nil, headerErr
	}
	return objs, err
}

// loadEmbedded finds BPF objects inside another file: Go's embed and C skeletons
// keep them as they are.
func loadEmbedded(name string, b []byte, opts Options) ([]*Object, error) {
	var objs []*Object
	var errs []error
	for at := 0; len(objs) < maxEmbedded && len(errs) < maxErrors; {
		n := bytes.Index(b[at:], []byte("\x7fELF\x02"))
		if n < 0 {
			break
		}
		at += n
		if !bpfHeader(b[at:]) {
			at++
			continue
		}
		f, err := parseELF(fmt.Sprintf("%s@%#x", name, at), b[at:])
		var obj *Object
		if err == nil {
			obj, err = link(f, opts)
		}
		if err != nil {
			errs = append(errs, err)
			at++
			continue
		}
		objs = append(objs, obj)
		at += int(f.end)
	}
	return objs, errors.Join(errs...)
}
