package eventfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tinygrow/tinygrow/proto/file"
)

// maxRecord bounds a record that is read, in bytes: a histogram takes some hundred,
// a text a few thousand.
const maxRecord = 1 << 20

// errCut says that a file ends, or is damaged, in the middle of a record.
var errCut = errors.New("a record is cut or damaged")

// next returns the data of the next record, io.EOF behind the last, and errCut where
// there is none that can be read.
func next(in io.Reader) ([]byte, error) {
	var head [frameHead]byte
	switch _, err := io.ReadFull(in, head[:]); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errCut
	case err != nil:
		return nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if masked(head[:8]) != binary.LittleEndian.Uint32(head[8:]) || n > maxRecord {
		return nil, errCut
	}
	data := make([]byte, n+frameTail)
	if _, err := io.ReadFull(in, data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errCut
		}
		return nil, err
	}
	if masked(data[:n]) != binary.LittleEndian.Uint32(data[n:]) {
		return nil, errCut
	}
	return data[:n], nil
}

// step returns the step of an Event and whether it holds values; ok is false for
// what is no message.
func step(event []byte) (at uint64, values []byte, ok bool) {
	for len(event) > 0 {
		field, kind, n := protowire.ConsumeTag(event)
		if n < 0 {
			return 0, nil, false
		}
		event = event[n:]
		switch {
		case field == eventStep && kind == protowire.VarintType:
			at, n = protowire.ConsumeVarint(event)
		case field == eventSummary && kind == protowire.BytesType:
			values, n = protowire.ConsumeBytes(event)
		default:
			n = protowire.ConsumeFieldValue(field, kind, event)
		}
		if n < 0 {
			return 0, nil, false
		}
		event = event[n:]
	}
	return at, values, at <= math.MaxInt64
}

// tags calls take with each tag of a Summary.
func tags(summary []byte, take func(tag string)) {
	member(summary, summaryValue, func(value []byte) {
		member(value, valueTag, func(tag []byte) { take(string(tag)) })
	})
}

// member calls take with each field of a number that holds bytes.
func member(m []byte, number protowire.Number, take func([]byte)) {
	for len(m) > 0 {
		field, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return
		}
		m = m[n:]
		if field == number && kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(m)
			if n < 0 {
				return
			}
			take(value)
		}
		if n = protowire.ConsumeFieldValue(field, kind, m); n < 0 {
			return
		}
		m = m[n:]
	}
}

// marker is in the names of event files; readers look for it.
const marker = ".tfevents."

// files returns the names of the event files in dir, which are in the order in which
// they were begun.
func files(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.Contains(e.Name(), marker) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// mend cuts the files in dir back to the values up to a step, drops what is cut or
// damaged and all behind it in that file, and removes files without values. It
// returns the tags that have a value at that step.
func mend(dir string, names []string, last uint64) (there map[string]bool, err error) {
	there = map[string]bool{}
	for _, name := range names {
		path := filepath.Join(dir, name)
		keep, values, err := sound(path, last, there)
		if err == nil && values == 0 {
			err = os.Remove(path)
		} else if err == nil {
			err = cut(path, keep)
		}
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}

// sound returns how many bytes of a file to keep, and how many records with values
// these hold; it notes their tags at the last step in there.
func sound(path string, last uint64, there map[string]bool) (keep int64, values int, err error) {
	f, _, err := file.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for in := bufio.NewReaderSize(f, 1<<16); ; {
		event, err := next(in)
		if errors.Is(err, io.EOF) || errors.Is(err, errCut) {
			return keep, values, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", path, err)
		}
		at, summary, ok := step(event)
		if !ok || summary != nil && at > last {
			return keep, values, nil
		}
		if summary != nil {
			values++
			if at == last {
				tags(summary, func(tag string) { there[tag] = true })
			}
		}
		keep += frameHead + int64(len(event)) + frameTail
	}
}

// cut makes a file as long as keep, if it is longer.
func cut(path string, keep int64) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() <= keep {
		return err
	}
	return os.Truncate(path, keep)
}
