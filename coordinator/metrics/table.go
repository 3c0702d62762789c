package metrics

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto/file"
)

// Kinds are the kinds of lines.
var Kinds = []string{KindStep, "init", "evaluation", "growth", "newborn", "extended", "restored", "diverged"}

// first are the columns with which a table begins, of those that it has; others follow
// by name.
var first = []string{"kind", "split", "step", "epoch", "generation", "params", "samples", "loss", "accuracy", "lr", "grad_norm",
	"grad_cosine", "noise_scale", "wall_s",
	"samples_per_s", "workers"}

// read calls take with every line of a kind of the run in dir, whole, and returns how
// many lines could not be read. A run that goes on may end in half a line, which is
// none.
func read(dir, kind string, take func(Record) error) (unread int, err error) {
	path := filepath.Join(dir, checkpoint.MetricsFile)
	f, _, err := file.Open(path)
	if info, fault := os.Stat(dir); err != nil && fault == nil && !info.IsDir() {
		return 0, fmt.Errorf("%s: %w: it is a file", dir, checkpoint.ErrNoRun)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s: %w: it has no %s", dir, checkpoint.ErrNoRun, checkpoint.MetricsFile)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var lines Reader
	for in := bufio.NewReaderSize(f, 1<<16); ; {
		text, err := file.Line(in, checkpoint.MaxLine)
		if errors.Is(err, io.EOF) {
			return unread, nil
		}
		if err != nil {
			return unread, fmt.Errorf("%s: %w", path, err)
		}
		line, err := lines.Read(text)
		if err != nil {
			unread++
			continue
		}
		if line.Kind() == kind {
			if err := take(line); err != nil {
				return unread, err
			}
		}
	}
}

// WriteJSON writes the lines of a kind of the run in dir, each whole, and returns how
// many lines could not be read.
func WriteJSON(to io.Writer, dir, kind string) (unread int, err error) {
	out := bufio.NewWriter(to)
	encode := json.NewEncoder(out)
	unread, err = read(dir, kind, func(r Record) error { return encode.Encode(r) })
	return unread, errors.Join(err, out.Flush())
}

// WriteCSV writes the lines of a kind of the run in dir as a table with a head, and
// returns how many lines could not be read. What a line lacks is empty.
func WriteCSV(to io.Writer, dir, kind string) (unread int, err error) {
	there := map[string]bool{}
	if _, err = read(dir, kind, func(r Record) error {
		return r.cells(func(column, _ string) { there[column] = true })
	}); err != nil {
		return 0, err
	}
	var columns []string
	for _, name := range first {
		if there[name] {
			columns = append(columns, name)
			delete(there, name)
		}
	}
	begin := len(columns)
	for name := range there {
		columns = append(columns, name)
	}
	slices.Sort(columns[begin:])
	out := csv.NewWriter(to)
	if len(columns) > 0 {
		err = out.Write(columns)
	}
	row := make([]string, len(columns))
	place := map[string]int{}
	for i, name := range columns {
		place[name] = i
	}
	if err == nil {
		unread, err = read(dir, kind, func(r Record) error {
			clear(row)
			if err := r.cells(func(column, text string) {
				if i, ok := place[column]; ok { // a run that goes on may have got others meanwhile
					row[i] = text
				}
			}); err != nil {
				return err
			}
			return out.Write(row)
		})
	}
	out.Flush()
	return unread, errors.Join(err, out.Error())
}

// cells calls take with every number, text and truth value of a line; those of a
// member that is an object are named member.name, those of a list member.0 and so on.
func (r Record) cells(take func(column, text string)) error {
	for name, text := range r {
		if err := cell(name, text, take); err != nil {
			return err
		}
	}
	return nil
}

func cell(name string, text json.RawMessage, take func(column, text string)) error {
	switch text[0] {
	case '{':
		var inner Record
		if err := json.Unmarshal(text, &inner); err != nil {
			return err
		}
		return inner.cells(func(column, text string) { take(name+"."+column, text) })
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		for i, one := range list {
			if err := cell(name+"."+strconv.Itoa(i), one, take); err != nil {
				return err
			}
		}
	case '"':
		var value string
		if err := json.Unmarshal(text, &value); err != nil {
			return err
		}
		take(name, value)
	case 'n': // null
		take(name, "")
	default:
		take(name, string(text))
	}
	return nil
}
