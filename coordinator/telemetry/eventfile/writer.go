package eventfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Writer adds the values of a run to a directory. It is not safe for concurrent use.
type Writer struct {
	dir   string
	name  string // file to begin with the first value
	from  uint64 // step from which what earlier files tell no longer counts; 0: there are none
	file  *os.File
	last  uint64          // step up to which there are values from before
	there map[string]bool // tags that have one at that step
	now   func() time.Time
}

// Open returns a writer that goes on behind step last in directory dir, which is made
// if it is not there; what event files there tell of later steps is cut off. The file
// of its own is begun with the first value.
func Open(dir string, last uint64) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	names, err := files(dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, last: last, now: time.Now}
	if w.there, err = mend(dir, names, last); err != nil {
		return nil, fmt.Errorf("event files: %w: remove the folder to begin them anew", err)
	}
	if names, err = files(dir); err != nil {
		return nil, err
	}
	began := w.now().Unix()
	if len(names) > 0 {
		w.from = last + 1
		began = max(began, beginning(names[len(names)-1])+1) // names tell their order, also where a clock was set back
	}
	w.name = fmt.Sprintf("events.out%s%010d.tinygrow", marker, began)
	return w, nil
}

// Continues reports whether there were values before.
func (w *Writer) Continues() bool { return w.from > 0 }

// beginning returns the seconds in the name of an event file, 0 for other names.
func beginning(name string) int64 {
	_, rest, _ := strings.Cut(name, marker)
	digits, _, _ := strings.Cut(rest, ".")
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seconds > 1<<40 {
		return 0
	}
	return seconds
}

// Add writes the values of a step as one record. Those that the directory has
// already, since the run was resumed at that step, are left out. Steps must not
// descend.
func (w *Writer) Add(step uint64, values ...Value) error {
	if step < w.last {
		return fmt.Errorf("event files: a value of step %d behind step %d", step, w.last)
	}
	if step == w.last && len(w.there) > 0 {
		var fresh []Value
		for _, v := range values {
			if !w.there[v.Tag] {
				fresh = append(fresh, v)
			}
		}
		values = fresh
	}
	if len(values) == 0 {
		return nil
	}
	if w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	_, err := w.file.Write(frame(summary(w.now(), step, values)))
	return err
}

// begin makes the file.
func (w *Writer) begin() error {
	f, err := os.OpenFile(filepath.Join(w.dir, w.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("event files: %w: another process writes to this run", err)
	}
	if err != nil {
		return err
	}
	w.file = f
	head := frame(opening(w.now()))
	if w.from > 0 {
		head = append(head, frame(session(w.now(), w.from))...)
	}
	_, err = f.Write(head)
	return err
}

// Close closes the file.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}
