package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rows is a file of a table. It is read several times, each time from its beginning, so that a table
// need not lie in memory as text.
type rows struct {
	path    string
	columns []string // names, from the first line, or c1, c2 and so on where that has numbers alone
	comma   rune
	named   bool // the first line has the names
	parquet bool // it is no text
}

// tableEndings are those of files of tables.
var tableEndings = []string{".csv", ".tsv", ".csv.gz", ".tsv.gz", parquetEnding}

// isTable reports whether a file is named as one of a table. A Parquet file with pictures is none.
func isTable(path string) bool {
	if isParquet(path) {
		return !hasPictures(path)
	}
	for _, ending := range tableEndings {
		if strings.HasSuffix(strings.ToLower(path), ending) {
			return true
		}
	}
	return false
}

// maxLine bounds the first line of a table, in bytes.
const maxLine = 1 << 20

// openRows reads the first line of a file, or the names that it has elsewhere.
func openRows(path string) (*rows, error) {
	if isParquet(path) {
		return openParquetRows(path)
	}
	in, err := openText(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	front, err := bufio.NewReaderSize(in, maxLine).Peek(maxLine)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	line, _, whole := bytes.Cut(front, []byte("\n"))
	if !whole && len(front) == maxLine {
		return nil, fmt.Errorf("%s: its first line is longer than %d bytes", path, maxLine)
	}
	r := &rows{path: path, comma: separator(line)}
	first := csv.NewReader(bytes.NewReader(front))
	first.Comma = r.comma
	if r.columns, err = first.Read(); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it has no rows")
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, name := range r.columns {
		r.columns[i] = strings.TrimSpace(name)
		if _, err := strconv.ParseFloat(r.columns[i], 64); err != nil {
			r.named = true
		}
	}
	for i := range r.columns {
		if !r.named || r.columns[i] == "" {
			r.columns[i] = "c" + strconv.Itoa(i+1)
		}
	}
	return r, r.distinct()
}

// maxName is the longest name of a column or a category that a card takes, in bytes.
const maxName = 1 << 10

// noName reports whether a name is too long or no text.
func noName(name string) bool { return len(name) > maxName || !utf8.ValidString(name) }

// distinct refuses two columns of one name, and names that are no text.
func (r *rows) distinct() error {
	seen := map[string]int{}
	for i, name := range r.columns {
		if noName(name) {
			return fmt.Errorf("%s: column %d is called %.40q: names must be UTF-8 of at most %d bytes: save the file as UTF-8", r.path, i+1,
				name, maxName)
		}
	}
	for i, name := range r.columns {
		if before, twice := seen[name]; twice {
			return fmt.Errorf("%s: columns %d and %d are both called %q", r.path, before+1, i+1, name)
		}
		seen[name] = i
	}
	return nil
}

// separator returns what stands between the cells of a line most often, outside of quotes.
func separator(line []byte) rune {
	count, quoted := map[byte]int{}, false
	for _, b := range line {
		switch b {
		case '"':
			quoted = !quoted
		case ',', ';', '\t':
			if !quoted {
				count[b]++
			}
		}
	}
	best := byte(',')
	for _, b := range []byte{';', '\t'} {
		if count[b] > count[best] {
			best = b
		}
	}
	return rune(best)
}

// each calls do for every row with its line in the file. The cells are valid until do returns.
func (r *rows) each(do func(line int, cells []string) error) error {
	if r.parquet {
		return r.eachParquet(do)
	}
	in, err := openText(r.path)
	if err != nil {
		return err
	}
	defer in.Close()
	all := csv.NewReader(in)
	all.Comma, all.ReuseRecord, all.FieldsPerRecord = r.comma, true, len(r.columns)
	for skip := r.named; ; skip = false {
		cells, err := all.Read()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, csv.ErrFieldCount):
			line, _ := all.FieldPos(0)
			return fmt.Errorf("%s: line %d has %d cells, and the table has %d columns", r.path, line, len(cells), len(r.columns))
		case err != nil:
			return fmt.Errorf("%s: %w", r.path, err)
		case skip:
			continue
		}
		line, _ := all.FieldPos(0)
		if err := do(line, cells); err != nil {
			return fmt.Errorf("%s: line %d: %w", r.path, line, err)
		}
	}
}

// openText opens a file, which may be compressed, behind the mark of UTF-8 that some programs write.
func openText(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is no file", path))
	}
	text := struct {
		io.Reader
		io.Closer
	}{f, f}
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		text.Reader = z
	}
	front := bufio.NewReaderSize(text.Reader, 1<<16)
	if mark, _ := front.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = front.Discard(3)
	}
	text.Reader = front
	return text, nil
}

// tableFiles returns the files of the training and of the test rows at home: a file, or a directory with
// train.csv and test.csv, or with a single table, of which test is the same file.
func tableFiles(home string) (train, test string, err error) {
	info, err := os.Stat(home)
	if err != nil {
		return "", "", err
	}
	if !info.IsDir() {
		return home, home, nil
	}
	entries, err := os.ReadDir(home)
	if err != nil {
		return "", "", err
	}
	var all []string
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		path := filepath.Join(home, e.Name())
		if e.IsDir() || strings.HasPrefix(name, ".") || !isTable(path) {
			continue
		}
		switch stem, _, _ := strings.Cut(name, "."); stem {
		case "train":
			train = path
		case "test":
			test = path
		}
		all = append(all, path)
	}
	switch {
	case train != "" && test != "":
		return train, test, nil
	case train != "" && len(all) == 1:
		return train, train, nil
	case len(all) == 1:
		return all[0], all[0], nil
	case len(all) == 0:
		return "", "", fmt.Errorf("%s holds no table: name a file that ends in %s", home, strings.Join(tableEndings, ", "))
	}
	return "", "", fmt.Errorf("%s holds %d tables: name one with --data-dir, or call them train.csv and test.csv", home, len(all))
}
