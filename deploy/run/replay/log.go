package replay

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/metrics"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/file"
)

// logFile reads the whole lines of a log one after the other. A run that goes
// on, or was killed, may end in half of one.
type logFile struct {
	path string
	file *os.File
	in   *bufio.Reader
	next []byte // the line that take will take; nil: not read yet
	line int    // lines taken
	at   int64  // bytes of them
	sum  hash.Hash
	all  metrics.Reader // makes lines of steps whole
	full metrics.Record // the line that was taken last, if it is a step's
}

func openLog(path string) (*logFile, error) {
	f, size, err := file.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: there is no %s", filepath.Dir(path), checkpoint.ErrNoRun, filepath.Base(path))
	}
	if err != nil {
		return nil, err
	}
	now := io.LimitReader(f, size) // a run that goes on must not be chased
	return &logFile{path: path, file: f, in: bufio.NewReaderSize(now, 1<<16), sum: sha256.New()}, nil
}

func (l *logFile) close() error { return l.file.Close() }

// peek returns the next whole line, or nil at the end.
func (l *logFile) peek() ([]byte, error) {
	if l.next != nil {
		return l.next, nil
	}
	text, err := file.Line(l.in, checkpoint.MaxLine)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	l.next = text
	return text, nil
}

// take goes to the line behind the one that peek returned.
func (l *logFile) take() {
	if bytes.HasPrefix(l.next, []byte(`{"kind":"step",`)) {
		l.full, _ = l.all.Read(l.next) // who compares it says what is wrong with it
	}
	l.line++
	l.at += int64(len(l.next))
	l.sum.Write(l.next)
	l.next = nil
}

// where names the next line.
func (l *logFile) where() string { return fmt.Sprintf("%s line %d", filepath.Base(l.path), l.line+1) }

// skip takes lines until so many bytes are taken, and returns the last of them
// that holds a digest. It reports whether a line ends there.
func (l *logFile) skip(to int64) (digest []byte, ok bool, err error) {
	for l.at < to {
		text, err := l.peek()
		if err != nil || text == nil {
			return nil, false, err
		}
		if bytes.Contains(text, []byte(`"digest":`)) {
			digest = text
		}
		l.take()
	}
	return digest, l.at == to, nil
}

func (l *logFile) sha256() string { return hex.EncodeToString(l.sum.Sum(nil)) }

// head is what every line of the metrics begins with.
type head struct {
	Kind   string     `json:"kind"`
	Step   proto.Step `json:"step"`
	Digest string     `json:"digest"`
}

// lastStep returns the last step that the metrics in dir tell of.
func lastStep(dir string) (proto.Step, error) {
	l, err := openLog(filepath.Join(dir, checkpoint.MetricsFile))
	if err != nil {
		return 0, err
	}
	defer l.close()
	var last proto.Step
	for {
		text, err := l.peek()
		if err != nil || text == nil {
			return last, err
		}
		var h head
		if bytes.Contains(text, []byte(`"kind":"step"`)) && json.Unmarshal(text, &h) == nil {
			last = max(last, h.Step)
		}
		l.take()
	}
}
