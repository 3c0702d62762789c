package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// parquetFormat is that of data sets on Hugging Face: a column with the bytes of pictures, image.bytes or image, and
// one with classes, label, as numbers or names; the names of numbers are in the metadata. The bytes of the pictures, as they
// are compressed there, are held in memory until they are decoded.
var parquetFormat = shardFormat{endings: []string{".parquet"}, list: listParquet}

var parquetReader = reader{
	name: "parquet", title: "Parquet", sized: true,
	about: "*.parquet with image.bytes and label, as on Hugging Face, those of test, val or validation for testing",
	lies: func(dir string) bool {
		return parquetFormat.liesIn(dir) && !tableReader.lies(dir)
	},
	open: parquetFormat.open,
}

// Names of the columns of pictures and classes, in the order of preference.
var (
	imageColumns = [][]string{{"image", "bytes"}, {"img", "bytes"}, {"image"}, {"img"}, {"picture", "bytes"}, {"picture"}, {"bytes"}}
	labelColumns = [][]string{{"label"}, {"labels"}, {"class"}, {"cls"}, {"fine_label"}}
)

// maxFooter bounds the metadata of a Parquet file.
const maxFooter = 64 << 20

// listParquet lists the samples of a Parquet file.
func listParquet(path string, b *budget) (members []member, names []string, err error) {
	err = inParquet(path, func(p *parquet.File) error {
		members, names, err = listPictures(path, p, b)
		return err
	})
	return members, names, err
}

// listPictures is listParquet of a file that is open.
func listPictures(path string, p *parquet.File, b *budget) (members []member, names []string, err error) {
	image, err := columnOf(p.Schema(), imageColumns, parquet.ByteArray)
	if err != nil {
		return nil, nil, err
	}
	label, err := columnOf(p.Schema(), labelColumns, parquet.Int32, parquet.Int64, parquet.ByteArray)
	if err != nil {
		return nil, nil, err
	}
	for i, g := range p.RowGroups() {
		if claim := p.Metadata().RowGroups[i].Columns[image].MetaData.TotalUncompressedSize; claim < 0 || claim > b.left {
			return nil, nil, fmt.Errorf("row group %d: %w", i, b.take(claim))
		}
		first := len(members)
		err := values(g.ColumnChunks()[image], func(v parquet.Value) error {
			row := len(members) - first
			data := v.ByteArray()
			switch n := int64(len(data)); {
			case v.IsNull() || n == 0:
				return fmt.Errorf("row %d has no picture", row)
			case n > maxFile:
				return fmt.Errorf("%w: the picture of row %d has %d bytes, it may have %d", ErrTooLarge, row, n, int64(maxFile))
			case len(members) >= maxInside:
				return ErrTooLarge
			}
			at := int64(len(members))
			members = append(members, member{name: filepath.Join(path, strconv.FormatInt(at, 10)),
				within: within{file: path, at: at, size: int64(len(data)), data: bytes.Clone(data)}})
			return b.take(int64(len(data)))
		})
		row := first
		if err == nil {
			err = values(g.ColumnChunks()[label], func(v parquet.Value) error {
				if v.IsNull() || row == len(members) {
					return fmt.Errorf("row %d has no class, or no picture", row-first)
				}
				members[row].class = textOf(v)
				row++
				return nil
			})
		}
		if err == nil && row != len(members) {
			err = fmt.Errorf("%d pictures and %d classes", len(members)-first, row-first)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("row group %d: %w", i, err)
		}
	}
	if len(members) == 0 {
		return nil, nil, errors.New("there is no row in it")
	}
	if text, told := p.Lookup("huggingface"); told {
		names = classLabels(text, p.Schema().Columns()[label][0])
	}
	return members, names, nil
}

// checkFooter refuses what is no Parquet file, and metadata of a size that nobody needs, before it is read.
func checkFooter(f io.ReaderAt, size int64) error {
	tail := make([]byte, 8)
	if size < 12 {
		return errors.New("the file is too short for a Parquet file")
	}
	if _, err := f.ReadAt(tail, size-8); err != nil {
		return err
	}
	n := int64(tail[0]) | int64(tail[1])<<8 | int64(tail[2])<<16 | int64(tail[3])<<24
	switch {
	case string(tail[4:]) != "PAR1":
		return errors.New("the file is no Parquet file, or is cut short")
	case n > maxFooter || n > size-12:
		return fmt.Errorf("%w: its metadata have %d bytes of %d, they may have %d", ErrTooLarge, n, size, int64(maxFooter))
	}
	return nil
}

// columnOf returns the number of the first of some columns that the schema has, which must be of one of some kinds.
func columnOf(s *parquet.Schema, choices [][]string, kinds ...parquet.Kind) (int, error) {
	for _, path := range choices {
		c, found := s.Lookup(path...)
		switch {
		case !found:
		case c.MaxRepetitionLevel > 0:
			return 0, fmt.Errorf("column %s is a list: one value a row is read", strings.Join(path, "."))
		case !slices.Contains(kinds, c.Node.Type().Kind()):
			return 0, fmt.Errorf("column %s is of type %s, which is not read here", strings.Join(path, "."), c.Node.Type())
		default:
			return c.ColumnIndex, nil
		}
	}
	var has, wants []string
	for _, path := range s.Columns() {
		has = append(has, strings.Join(path, "."))
	}
	for _, path := range choices {
		wants = append(wants, strings.Join(path, "."))
	}
	return 0, fmt.Errorf("there is no column %s, but %s", strings.Join(wants, ", "), classList(has))
}

// values calls do with each value of a column's chunk, in order. A chunk that ends before it has as
// many as the file's metadata tell is cut short: io.ErrUnexpectedEOF.
func values(c parquet.ColumnChunk, do func(parquet.Value) error) error {
	pages := c.Pages()
	defer pages.Close()
	buffer := make([]parquet.Value, 64)
	left := c.NumValues()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			if left > 0 {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		for in := page.Values(); ; {
			n, err := in.ReadValues(buffer)
			left -= int64(n)
			for _, v := range buffer[:n] {
				if err := do(v); err != nil {
					parquet.Release(page)
					return err
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil && n == 0 {
				err = io.ErrNoProgress
			}
			if err != nil {
				parquet.Release(page)
				return err
			}
		}
		parquet.Release(page)
	}
}

// textOf is a class as it is written.
func textOf(v parquet.Value) string {
	switch v.Kind() {
	case parquet.Int32:
		return strconv.Itoa(int(v.Int32()))
	case parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10)
	}
	return string(v.ByteArray())
}

// classLabels returns the names of a column's classes in the metadata that Hugging Face writes, or none.
func classLabels(text, column string) []string {
	var m struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	var label struct {
		Names []string `json:"names"`
	}
	if json.Unmarshal([]byte(text), &m) != nil || json.Unmarshal(m.Info.Features[column], &label) != nil {
		return nil
	}
	return label.Names
}
