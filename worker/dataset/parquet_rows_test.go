package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// tableRow is a row of a table with every type of a cell.
type tableRow struct {
	Length int32    `parquet:"length"`
	Colour *string  `parquet:"colour,optional"`
	Weight *float64 `parquet:"weight,optional"`
	Ripe   bool     `parquet:"ripe"`
	Share  float32  `parquet:"share"`
	Count  uint64   `parquet:"count"`
	Price  int64    `parquet:"price,decimal(2:10)"`
	Kind   string   `parquet:"kind"`
}

func tableRows() []tableRow {
	red, blue, w := "red", "light, blue", []float64{10, 0.1, 20}
	return []tableRow{{1, &red, &w[0], true, 0.1, 1 << 63, 1999, "rose"}, {2, &blue, nil, false, -0.5, 3, 5, "tulip"},
		{-3, nil, &w[1], true, 0.25, 0, -150, "rose"}, {6, &red, &w[2], false, 1e-7, 7, 0, "tulip"},
		{6, &blue, &w[2], false, 2, 7, 1000000, "tulip"}, {0, &blue, &w[1], true, 2, 9, 1, "rose"}}
}

// tableText is the same table as text.
const tableText = `length,colour,weight,ripe,share,count,price,kind
1,red,10,1,0.1,9223372036854775808,19.99,rose
2,"light, blue",,0,-0.5,3,0.05,tulip
-3,,0.1,1,0.25,0,-1.5,rose
6,red,20,0,1e-7,7,0,tulip
6,"light, blue",20,0,2,7,10000,tulip
0,"light, blue",0.1,1,2,9,0.01,rose
`

// A table in Parquet is the set that it is as text, to the bit: numbers, text, true and false, decimals, and what is
// missing, over several row groups.
func TestTableInParquet(t *testing.T) {
	text := written(t, map[string]string{"train.csv": tableText, "test.csv": tableText})
	data := parquetOf(t, tableRows(), parquet.Compression(&parquet.Zstd))
	dir := write(t, t.TempDir(), map[string][]byte{"train.parquet": data, "test.parquet": data})
	want, err := Open(tableConfig(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(tableConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != want.Digest() || !slices.EqualFunc(got.Card().Table.Columns, want.Card().Table.Columns,
		func(a, b nn.Column) bool {
			return a.Name == b.Name && a.Gaps == b.Gaps && slices.Equal(a.Values, b.Values)
		}) {
		t.Errorf("another set: columns %+v, as text %+v", got.Card().Table.Columns, want.Card().Table.Columns)
	}
	if name, err := Recognize(dir); name != TableName {
		t.Errorf("it is taken for %q, %v", name, err)
	}
	if name, err := Recognize(filepath.Join(dir, "train.parquet")); name != TableName {
		t.Errorf("the file is taken for %q, %v", name, err)
	}
	rows := 0
	err = EachRow(filepath.Join(dir, "test.parquet"), got.Card(), func(line int, _ []byte) error {
		if rows++; line != rows {
			t.Errorf("row %d is called %d", rows, line)
		}
		return nil
	})
	if err != nil || rows != len(tableRows()) {
		t.Errorf("%d rows, %v", rows, err)
	}
}

type listRow struct {
	Many []int32 `parquet:"many"`
	Kind string  `parquet:"kind"`
}

type fixedRow struct {
	ID   [16]byte `parquet:"id"`
	Kind string   `parquet:"kind"`
}

// What no cell can be is told with its column, and damage is an error.
func TestParquetThatIsNoTable(t *testing.T) {
	good := parquetOf(t, tableRows())
	for want, data := range map[string][]byte{
		"column many is a list": parquetOf(t, []listRow{{[]int32{1}, "a"}}),
		"column id is of type":  parquetOf(t, []fixedRow{{[16]byte{1}, "a"}}),
		"it has no rows":        parquetOf(t, []tableRow{}),
		"cut short":             good[:len(good)-9],
		"too short":             []byte("PAR1"),
	} {
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(tableConfig(path)); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func FuzzTableInParquet(f *testing.F) {
	good := parquetOf(f, tableRows())
	f.Add(good)
	f.Add(parquetOf(f, hfRows(0, 3)))
	for at := 4; at < len(good); at += 97 {
		bad := slices.Clone(good)
		bad[at] ^= 0x55
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := openRows(path)
		if err != nil {
			return
		}
		_ = r.each(func(_ int, cells []string) error {
			if len(cells) != len(r.columns) {
				t.Errorf("%d cells of %d columns", len(cells), len(r.columns))
			}
			return nil
		})
	})
}
