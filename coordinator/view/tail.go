package view

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto/file"
)

// tail reads the lines of a file as they are added. A run that is resumed cuts
// its files back and writes on: then, and when the file is another one, reading
// begins anew. It is noticed by what stands in front of the place that was reached.
type tail struct {
	path string
	at   int64  // offset behind the last whole line that was read
	last []byte // what stands in front of it
}

// guard is how many bytes in front of the place that was reached are compared.
const guard = 256

// read calls anew if reading begins from the first line again, and then line with
// every whole line that was added and where it begins. What line keeps it has to
// copy. A file that is not there has no lines.
func (t *tail) read(anew func(), line func(at int64, text []byte)) error {
	f, size, err := file.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		if t.at > 0 {
			t.at, t.last = 0, nil
			anew()
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if t.at > 0 && !t.continues(f, size) {
		t.at, t.last = 0, nil
		anew()
	}
	if size == t.at {
		return nil
	}
	if _, err := f.Seek(t.at, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(f, 1<<18)
	for {
		text, err := file.Line(in, checkpoint.MaxLine)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: behind byte %d: %w", t.path, t.at, err)
		}
		line(t.at, bytes.TrimRight(text, "\r\n"))
		t.at += int64(len(text))
		t.last = append(t.last, text[max(0, len(text)-guard):]...)
		t.last = append(t.last[:0], t.last[max(0, len(t.last)-guard):]...)
	}
}

// continues reports whether the file still has what was read in front of t.at.
func (t *tail) continues(f *os.File, size int64) bool {
	if size < t.at {
		return false
	}
	had := make([]byte, len(t.last))
	_, err := f.ReadAt(had, t.at-int64(len(had)))
	return err == nil && bytes.Equal(had, t.last)
}

// lineAt returns the line that begins at a place of a file.
func lineAt(path string, at int64) ([]byte, error) {
	f, _, err := file.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return nil, err
	}
	return file.Line(bufio.NewReader(f), checkpoint.MaxLine)
}
