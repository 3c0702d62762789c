package dataset

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// openFile opens a regular file, links followed, and returns its size. What is no
// file would let its reader wait for ever, as a pipe does, or has no end, as a
// device; the name is opened so that neither holds the process up.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: is %s, not a file", path, kindOf(info.Mode()))
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
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

// readSmall returns the contents of a file of at most most bytes.
func readSmall(path string, most int64) ([]byte, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > most {
		return nil, fmt.Errorf("%s: the file has %d bytes, more than the %d that it may have", path, size, most)
	}
	return io.ReadAll(io.LimitReader(f, most))
}
