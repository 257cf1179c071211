package objcheck

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxBTF bounds the BTF of a kernel; the largest known are about 10 MiB. A
// vmlinux with debug information is bounded by maxKernelFile.
const (
	maxBTF        = 256 << 20
	maxKernelFile = 2 << 30
)

// ReadBTF reads the BTF of a kernel: raw, raw and compressed by gzip, or the
// section .BTF of a vmlinux.
func ReadBTF(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be opened: %w", path, unwrapPath(err))
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil {
		return nil, fmt.Errorf("%s: no BTF: the file has less than 4 bytes", path)
	}
	if bytes.Equal(magic, []byte(elf.ELFMAG)) {
		return readELFBTF(path, f)
	}
	var r io.Reader = io.MultiReader(bytes.NewReader(magic), f)
	if magic[0] == 0x1f && magic[1] == 0x8b {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, fmt.Errorf("%s: no gzip file: %w", path, err)
		}
	}
	var buf bytes.Buffer
	if st, err := f.Stat(); err == nil && st.Size() <= maxBTF {
		buf.Grow(int(st.Size()) + bytes.MinRead)
	}
	_, err = buf.ReadFrom(io.LimitReader(r, maxBTF+1))
	raw := buf.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", path, unwrapPath(err))
	}
	if len(raw) > maxBTF {
		return nil, fmt.Errorf("%s: larger than %d MiB, which no BTF is", path, maxBTF>>20)
	}
	return raw, nil
}

// readELFBTF reads the section .BTF of a kernel image.
func readELFBTF(path string, f *os.File) ([]byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > maxKernelFile {
		return nil, fmt.Errorf("%s: larger than %d MiB, which no kernel is", path, maxKernelFile>>20)
	}
	e, err := elf.NewFile(io.NewSectionReader(f, 0, st.Size()))
	if err != nil {
		return nil, fmt.Errorf("%s: no kernel image: %w", path, err)
	}
	s := e.Section(".BTF")
	switch {
	case s == nil:
		return nil, fmt.Errorf("%s: has no section .BTF; build the kernel with CONFIG_DEBUG_INFO_BTF", path)
	case s.Type == elf.SHT_NOBITS || s.Size > maxBTF || s.Flags&elf.SHF_COMPRESSED != 0:
		return nil, fmt.Errorf("%s: section .BTF: cannot hold a kernel's BTF", path)
	}
	raw, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: section .BTF: %w", path, err)
	}
	return raw, nil
}

// unwrapPath drops the operation and path that the error repeats.
func unwrapPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
