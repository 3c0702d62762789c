// Package file opens regular files whose size is bounded, for all who read what
// somebody else may have put there. It does not look at what stands in them.
package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Returned for what is not read.
var (
	ErrIrregular = errors.New("not a file") // a device, a pipe, a socket or a directory
	ErrTooLarge  = errors.New("too large")
)

// Open opens a regular file, links followed, and returns its size. What is no
// file would let its reader wait for ever, as a pipe does, or has no end, as a
// device; the name is opened so that neither holds the process up.
func Open(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	size, err := Size(f)
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

// Size returns the size of an open file, which must be a regular one.
func Size(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s: is %s, %w", f.Name(), kindOf(info.Mode()), ErrIrregular)
	}
	return info.Size(), nil
}

// Read returns the contents of a regular file of at most most bytes.
func Read(path string, most int64) ([]byte, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > most {
		return nil, fmt.Errorf("%s: the file is %w: it has %d bytes, and may have %d", path, ErrTooLarge, size, most)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most { // it grew meanwhile, or says it has no size, as those of /proc
		err = fmt.Errorf("%s: the file is %w: it may have %d bytes", path, ErrTooLarge, most)
	}
	return data, err
}

// Line returns the next line of at most most bytes, its end included, or io.EOF
// where no whole one follows.
func Line(in *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > most {
			return nil, fmt.Errorf("a line is %w: it may have %d bytes", ErrTooLarge, most)
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// kindOf names what is no regular file.
func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
