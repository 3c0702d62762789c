package checkpoint

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"

	"github.com/tinygrow/tinygrow/proto/file"
)

// MaxLine bounds a line of the logs, in bytes.
const MaxLine = 64 << 20

// Log is an append-only file of JSON lines that knows the hash of all it holds.
type Log struct {
	file  *os.File
	out   *bufio.Writer
	bytes int64
	sum   hash.Hash
	disk  *disk
}

// openLog opens the log at path for appending after its first keep bytes; what
// follows them is cut off. wantSum, if not empty, is the hash of those bytes.
func (d *disk) openLog(path string, keep int64, wantSum string) (*Log, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	if _, err := file.Size(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrDamaged, err), f.Close())
	}
	l := &Log{file: f, sum: sha256.New(), disk: d}
	if l.bytes, err = io.CopyN(l.sum, f, keep); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	switch {
	case l.bytes < keep:
		err = fmt.Errorf("%w: %s has %d bytes, the checkpoint was made at %d: restore the file from a copy",
			ErrDamaged, path, l.bytes, keep)
	case wantSum != "" && l.SHA256() != wantSum:
		err = fmt.Errorf("%w: %s is not the file that the checkpoint was made with: restore it from a copy", ErrDamaged, path)
	default:
		err = f.Truncate(keep)
	}
	if err == nil {
		_, err = f.Seek(keep, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l.out = bufio.NewWriter(f)
	return l, nil
}

// Append adds v as one line.
func (l *Log) Append(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", l.file.Name(), err)
	}
	line = append(line, '\n')
	n, err := l.out.Write(line)
	l.bytes += int64(n)
	l.sum.Write(line)
	return err
}

// Flush hands all lines to the operating system, so that readers see them.
func (l *Log) Flush() error { return l.out.Flush() }

// Sync makes all lines last.
func (l *Log) Sync() error { return errors.Join(l.out.Flush(), l.disk.sync(l.file)) }

// Bytes returns the length.
func (l *Log) Bytes() int64 { return l.bytes }

// SHA256 returns the hash of all lines in hexadecimal.
func (l *Log) SHA256() string { return hex.EncodeToString(l.sum.Sum(nil)) }

// Close flushes and closes the file.
func (l *Log) Close() error { return errors.Join(l.out.Flush(), l.file.Close()) }
