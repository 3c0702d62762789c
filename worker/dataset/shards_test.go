package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// entry is a member of a tar file.
type entry struct {
	name string
	data []byte
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.data))})); err != nil {
			t.Fatal(err)
		}
		w.Write(e.data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// shade is the picture of sample i: its colour tells the sample.
func shade(i int) []byte {
	return picturePNG(6, 5, color.RGBA{uint8(10 * i), uint8(200 - 3*i), uint8(i), 255})
}

// samplesOf are the entries of samples from lo to hi-1, of class i mod 3.
func samplesOf(lo, hi int, class func(i int) entry) []entry {
	var list []entry
	for i := lo; i < hi; i++ {
		e := class(i)
		e.name = fmt.Sprintf("%05d.%s", i, e.name)
		list = append(list, entry{fmt.Sprintf("%05d.png", i), shade(i)}, e)
	}
	return list
}

func number(i int) entry { return entry{"cls", []byte(fmt.Sprintf("%d\n", i%3))} }
func label(i int) entry  { return entry{"json", []byte(fmt.Sprintf(`{"label": %d, "w": 6}`, i%3))} }
func named(i int) entry  { return entry{"cls", []byte([]string{"cat", "ape", "bee"}[i%3])} }

// The samples of shards are those of a folder with the same pictures in the same order.
func checkSamples(t *testing.T, s *Set, train, test int, classOf func(i int) int) {
	t.Helper()
	if s.Len(Train) != train || s.Len(Test) != test || s.Shape().H != 5 || s.Shape().W != 6 {
		t.Fatalf("%d and %d samples of %v", s.Len(Train), s.Len(Test), s.Shape())
	}
	for i := range train + test {
		split, at := Train, i
		if i >= train {
			split, at = Test, i-train
		}
		image, err := s.Image(split, at)
		if err != nil || image[0] != byte(10*i) || image[59] != byte(200-3*i) || image[60] != byte(i) || s.Label(split, at) != classOf(i) {
			t.Fatalf("sample %d: %v, class %d, %v", i, image, s.Label(split, at), err)
		}
	}
}

func TestWebDatasets(t *testing.T) {
	byNumber := func(i int) int { return i % 3 }
	byName := func(i int) int { return []int{2, 0, 1}[i%3] } // ape, bee, cat
	for name, c := range map[string]struct {
		files   map[string][]byte
		class   func(i int) int
		classes string
	}{
		"numbers": {map[string][]byte{"train-000000.tar": tarOf(t, samplesOf(0, 7, number)...), "train-000001.tar": tarOf(t, samplesOf(7, 12, label)...),
			"test-000000.tar": tarOf(t, samplesOf(12, 15, number)...)}, byNumber, "0,1,2"},
		"compressed, in folders": {map[string][]byte{"train/0.tar.gz": gzipped(tarOf(t, samplesOf(0, 12, number)...)),
			"val/0.tgz": gzipped(tarOf(t, samplesOf(12, 15, label)...)), "classes.txt": []byte("cat\nape\nbee\n")}, byNumber, "cat,ape,bee"},
		"names": {map[string][]byte{"a-0.tar": tarOf(t, samplesOf(0, 12, named)...), "a-valid-0.tar": tarOf(t, samplesOf(12, 15, named)...)},
			byName, "ape,bee,cat"},
	} {
		dir := write(t, t.TempDir(), c.files)
		s, err := Open(Config{Name: "webdataset", Dir: dir, Cache: CacheOff})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkSamples(t, s, 12, 3, c.class)
		if got := strings.Join(s.ClassNames(), ","); got != c.classes {
			t.Errorf("%s: classes %s", name, got)
		}
		if found, err := Recognize(dir); err != nil || found != "webdataset" {
			t.Errorf("%s: recognised as %q, %v", name, found, err)
		}
		if again := fromFile(t, pack(t, Config{Name: "webdataset", Dir: dir})); again.Digest() != s.Digest() {
			t.Errorf("%s: packed to another set", name)
		}
		if limited, err := Open(Config{Name: "webdataset", Dir: dir, Limit: 3, Cache: CacheOff}); err != nil || limited.Len(Train) != 3 {
			t.Errorf("%s: with a limit: %v", name, err)
		}
	}
	dir := write(t, t.TempDir(), map[string][]byte{"0.tar": tarOf(t, samplesOf(0, 15, number)...)})
	s, err := Open(Config{Name: "webdataset", Dir: dir, TestPart: 0.2, Cache: CacheOff})
	if err != nil || s.Len(Test) != 3 || s.Len(Train) != 12 {
		t.Errorf("without shards for testing: %v", err)
	}
}

func TestFaultsOfWebDatasets(t *testing.T) {
	good := tarOf(t, samplesOf(0, 6, number)...)
	huge := tarOf(t, entry{"a.png", shade(0)}, entry{"a.cls", bytes.Repeat([]byte("1"), maxClassText+1)})
	for want, shard := range map[string][]byte{
		"damaged or cut short":     good[:len(good)/2],
		"no class":                 tarOf(t, append(samplesOf(0, 6, number), entry{"x.jpg", shade(1)})...),
		"no picture":               tarOf(t, append(samplesOf(0, 6, number), entry{"x.cls", []byte("1")})...),
		"second picture":           tarOf(t, append(samplesOf(0, 6, number), entry{"00001.jpg", shade(1)})...),
		"is of class":              tarOf(t, append(samplesOf(0, 6, number), entry{"00001.json", []byte(`{"cls": 2}`)})...),
		"neither a number nor":     tarOf(t, append(samplesOf(0, 6, number), entry{"x.json", []byte(`{"cls": [2]}`)})...),
		"it may have 1024":         huge,
		"there is no picture":      tarOf(t, entry{"notes.md", []byte("no")}),
		"a damaged picture: 00009": tarOf(t, append(samplesOf(0, 6, number), entry{"00009.png", []byte("GIF")}, entry{"00009.cls", []byte("1")})...),
		"class 70000":              tarOf(t, append(samplesOf(0, 6, number), entry{"x.png", shade(1)}, entry{"x.cls", []byte("70000")})...),
	} {
		dir := write(t, t.TempDir(), map[string][]byte{"0.tar": shard})
		if strings.HasPrefix(want, "a damaged picture: ") {
			want = "00009.png"
		}
		if _, err := Open(Config{Name: "webdataset", Dir: dir, TestPart: 0.3, Cache: CacheOff}); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	bomb := gzipped(tarOf(t, entry{"a.png", make([]byte, 40<<20)}, entry{"a.cls", []byte("1")}))
	dir := write(t, t.TempDir(), map[string][]byte{"0.tar.gz": bomb})
	if _, err := Open(Config{Name: "webdataset", Dir: dir, TestPart: 0.3, MemoryMB: 16}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a bomb of %d bytes: %v", len(bomb), err)
	}
}

// hfImage and hfRow are rows as Hugging Face writes them.
type hfImage struct {
	Bytes []byte `parquet:"bytes,optional"`
	Path  string `parquet:"path,optional"`
}

type hfRow struct {
	Image hfImage `parquet:"image,optional"`
	Label int64   `parquet:"label"`
}

func parquetOf[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, append(options, parquet.MaxRowsPerRowGroup(5))...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func hfRows(lo, hi int) []hfRow {
	var rows []hfRow
	for i := lo; i < hi; i++ {
		rows = append(rows, hfRow{hfImage{shade(i), "x.png"}, int64(i % 3)})
	}
	return rows
}

func TestParquet(t *testing.T) {
	about := parquet.KeyValueMetadata("huggingface",
		`{"info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["cat", "ape", "bee"], "_type": "ClassLabel"}}}}`)
	files := map[string][]byte{"train-00000-of-00002.parquet": parquetOf(t, hfRows(0, 7), about, parquet.Compression(&parquet.Zstd)),
		"train-00001-of-00002.parquet": parquetOf(t, hfRows(7, 12), about, parquet.Compression(&parquet.Snappy)),
		"test-00000-of-00001.parquet":  parquetOf(t, hfRows(12, 15), about)}
	dir := write(t, t.TempDir(), files)
	s, err := Open(Config{Name: "parquet", Dir: dir, Cache: CacheOff})
	if err != nil {
		t.Fatal(err)
	}
	checkSamples(t, s, 12, 3, func(i int) int { return i % 3 })
	if got := strings.Join(s.ClassNames(), ","); got != "cat,ape,bee" {
		t.Errorf("classes %s", got)
	}
	if found, err := Recognize(dir); err != nil || found != "parquet" {
		t.Errorf("recognised as %q, %v", found, err)
	}
	if again := fromFile(t, pack(t, Config{Name: "parquet", Dir: dir})); again.Digest() != s.Digest() {
		t.Error("packed to another set")
	}
	type flat struct {
		Img   []byte `parquet:"img"`
		Label string `parquet:"label"`
	}
	var rows []flat
	for i := range 15 {
		rows = append(rows, flat{shade(i), []string{"cat", "ape", "bee"}[i%3]})
	}
	s, err = Open(Config{Name: "parquet", Dir: write(t, t.TempDir(), map[string][]byte{"a.parquet": parquetOf(t, rows[:12]),
		"a-test.parquet": parquetOf(t, rows[12:])}), Cache: CacheOff})
	if err != nil {
		t.Fatal(err)
	}
	checkSamples(t, s, 12, 3, func(i int) int { return []int{2, 0, 1}[i%3] })
}

func TestFaultsOfParquet(t *testing.T) {
	good := parquetOf(t, hfRows(0, 9))
	missing := hfRows(0, 9)
	missing[7].Image.Bytes = nil
	type wrong struct {
		Image string  `parquet:"image"`
		Label float64 `parquet:"label"`
	}
	type listed struct {
		Image [][]byte `parquet:"image"`
		Label int64    `parquet:"label"`
	}
	type other struct {
		Text string `parquet:"text"`
	}
	huge := bytes.Clone(good)
	copy(huge[len(huge)-8:], []byte{0xff, 0xff, 0xff, 0x7f})
	for want, data := range map[string][]byte{
		"cut short":        good[:len(good)/2],
		"too short":        good[:9],
		"has no picture":   parquetOf(t, missing),
		"is of type":       parquetOf(t, []wrong{{"a", 1}}),
		"is a list":        parquetOf(t, []listed{{[][]byte{shade(1)}, 1}}),
		"but text":         parquetOf(t, []other{{"a"}}),
		"its metadata":     huge,
		"there is no row":  parquetOf(t, []hfRow{}),
		"neither PNG, JPE": parquetOf(t, []hfRow{{hfImage{[]byte("nothing"), "x"}, 1}, {hfImage{shade(1), "y"}, 0}}),
	} {
		dir := write(t, t.TempDir(), map[string][]byte{"0.parquet": data})
		if _, err := Open(Config{Name: "parquet", Dir: dir, TestPart: 0.3, Cache: CacheOff}); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	rows := hfRows(0, 9)
	for i := range rows {
		rows[i].Image.Bytes = append(rows[i].Image.Bytes, make([]byte, 4<<20)...)
	}
	dir := write(t, t.TempDir(), map[string][]byte{"0.parquet": parquetOf(t, rows, parquet.Compression(&parquet.Zstd))})
	if _, err := Open(Config{Name: "parquet", Dir: dir, TestPart: 0.3, MemoryMB: 16}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a huge row group: %v", err)
	}
}

// FuzzShards reads what may be a tar or a Parquet file.
func FuzzShards(f *testing.F) {
	f.Add(tarOf(f, samplesOf(0, 4, number)...), true)
	f.Add(tarOf(f, samplesOf(0, 4, named)...), true)
	f.Add(parquetOf(f, hfRows(0, 4)), false)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, archive bool) {
		path, list := filepath.Join(dir, "0.parquet"), listParquet
		if archive {
			path, list = filepath.Join(dir, "0.tar"), listTar
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		members, _, err := list(path, &budget{left: 1 << 20})
		if err != nil {
			return
		}
		for _, m := range members {
			if m.size < 1 || m.class == "" || m.data == nil && m.at+m.size > int64(len(data)) {
				t.Fatalf("%+v", m)
			}
		}
	})
}
