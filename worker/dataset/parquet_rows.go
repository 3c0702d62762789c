package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	logical "github.com/parquet-go/parquet-go/format"

	"github.com/tinygrow/tinygrow/proto/file"
)

// parquetEnding is that of Parquet files, with pictures or with the rows of a table.
const parquetEnding = ".parquet"

// maxChunk bounds what one column of a row group takes, in bytes.
const maxChunk = 1 << 30

func isParquet(path string) bool { return strings.HasSuffix(strings.ToLower(path), parquetEnding) }

// hasPictures reports whether a Parquet file has a column of pictures, or cannot be read.
func hasPictures(path string) (has bool) {
	err := inParquet(path, func(p *parquet.File) error {
		_, err := columnOf(p.Schema(), imageColumns, parquet.ByteArray)
		has = err == nil
		return nil
	})
	return has || err != nil
}

// inParquet opens a Parquet file for do.
func inParquet(path string, do func(*parquet.File) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the file is damaged: %v", r)
		}
	}()
	f, size, err := file.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return readParquet(f, size, do)
}

func readParquet(f *os.File, size int64, do func(*parquet.File) error) error {
	if err := checkFooter(f, size); err != nil {
		return err
	}
	p, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("the file is damaged or no Parquet file: %w", err)
	}
	return do(p)
}

// openParquetRows reads the names of the columns of a table.
func openParquetRows(path string) (*rows, error) {
	r := &rows{path: path, named: true, parquet: true}
	err := inParquet(path, func(p *parquet.File) error {
		for _, names := range p.Schema().Columns() {
			if _, err := cellsOf(p.Schema(), names); err != nil {
				return err
			}
			r.columns = append(r.columns, strings.Join(names, "."))
		}
		if len(r.columns) == 0 || p.NumRows() == 0 {
			return errors.New("it has no rows")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, r.distinct()
}

// cellsOf returns how the values of a column become cells: numbers, dates and times as numbers, true and false as 1 and 0, text as it
// is, and what is missing as nothing.
func cellsOf(s *parquet.Schema, names []string) (func(parquet.Value) string, error) {
	c, _ := s.Lookup(names...)
	refuse := func(what string) error {
		return fmt.Errorf("column %s is %s, which no table has here: write the file without it", strings.Join(names, "."), what)
	}
	if c.MaxRepetitionLevel > 0 {
		return nil, refuse("a list")
	}
	kind, scale, unsigned := c.Node.Type(), "", false
	if told := kind.LogicalType(); told != nil {
		switch of := told.Value.(type) {
		case *logical.DecimalType:
			scale = "e-" + strconv.Itoa(int(of.Scale))
		case *logical.IntType:
			unsigned = !of.IsSigned
		}
	}
	switch kind.Kind() {
	case parquet.Boolean:
		return func(v parquet.Value) string {
			if v.Boolean() {
				return "1"
			}
			return "0"
		}, nil
	case parquet.Int32:
		return func(v parquet.Value) string {
			if unsigned {
				return strconv.FormatUint(uint64(v.Uint32()), 10)
			}
			return strconv.FormatInt(int64(v.Int32()), 10) + scale
		}, nil
	case parquet.Int64:
		return func(v parquet.Value) string {
			if unsigned {
				return strconv.FormatUint(v.Uint64(), 10)
			}
			return strconv.FormatInt(v.Int64(), 10) + scale
		}, nil
	case parquet.Float:
		return func(v parquet.Value) string { return strconv.FormatFloat(float64(v.Float()), 'g', -1, 32) }, nil
	case parquet.Double:
		return func(v parquet.Value) string { return strconv.FormatFloat(v.Double(), 'g', -1, 64) }, nil
	case parquet.ByteArray:
		if scale == "" {
			return func(v parquet.Value) string { return string(v.ByteArray()) }, nil
		}
	}
	return nil, refuse("of type " + kind.String())
}

// eachParquet is each of a Parquet file, whose lines are its rows from 1 on.
func (r *rows) eachParquet(do func(line int, cells []string) error) error {
	row := 0
	err := inParquet(r.path, func(p *parquet.File) error {
		for i, g := range p.RowGroups() {
			if err := r.eachOfGroup(p, i, g, func(cells []string) error { row++; return do(row, cells) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: row %d: %w", r.path, row, err)
	}
	return nil
}

func (r *rows) eachOfGroup(p *parquet.File, i int, g parquet.RowGroup, do func(cells []string) error) error {
	columns := make([]*chunkReader, len(r.columns))
	for c, names := range p.Schema().Columns() {
		if claim := p.Metadata().RowGroups[i].Columns[c].MetaData.TotalUncompressedSize; claim < 0 || claim > maxChunk {
			return fmt.Errorf("%w: column %s of row group %d has %d bytes, it may have %d: write smaller row groups", ErrTooLarge,
				r.columns[c], i, claim, int64(maxChunk))
		}
		cell, err := cellsOf(p.Schema(), names)
		if err != nil {
			return err
		}
		pages := g.ColumnChunks()[c].Pages()
		defer pages.Close()
		columns[c] = &chunkReader{pages: pages, cell: cell, buffer: make([]parquet.Value, 64)}
		defer columns[c].release()
	}
	cells := make([]string, len(columns))
	for range g.NumRows() {
		for c := range columns {
			var err error
			if cells[c], err = columns[c].next(); err != nil {
				return fmt.Errorf("column %s: %w", r.columns[c], err)
			}
		}
		if err := do(cells); err != nil {
			return err
		}
	}
	return nil
}

// chunkReader reads the values of a column's chunk one by one.
type chunkReader struct {
	pages  parquet.Pages
	page   parquet.Page // nil: the next one is to be read
	values parquet.ValueReader
	cell   func(parquet.Value) string
	buffer []parquet.Value
	ready  []parquet.Value // read and not yet taken
}

// next returns the next value as a cell. A chunk that ends too early is io.ErrUnexpectedEOF.
func (c *chunkReader) next() (string, error) {
	for len(c.ready) == 0 {
		if c.page == nil {
			page, err := c.pages.ReadPage()
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return "", err
			}
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(c.buffer)
		c.ready = c.buffer[:n]
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			c.release()
		case err != nil && !errors.Is(err, io.EOF):
			return "", err
		case n == 0:
			return "", io.ErrNoProgress
		}
	}
	v := c.ready[0]
	c.ready = c.ready[1:]
	if v.IsNull() {
		return "", nil
	}
	return c.cell(v), nil
}

// release lets go of the page in hand.
func (c *chunkReader) release() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
}
