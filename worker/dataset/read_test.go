package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain keeps the tests out of the user's cache.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cache")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_CACHE_HOME", dir)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// write puts files below dir.
func write(t *testing.T, dir string, files map[string][]byte) string {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// record is one CIFAR record whose bytes follow from its label.
func record(labels ...byte) []byte {
	r := append([]byte(nil), labels...)
	for i := range cifarImage {
		r = append(r, byte(i)+labels[len(labels)-1])
	}
	return r
}

func cifarFiles(prefix string) map[string][]byte {
	files := map[string][]byte{prefix + "batches.meta.txt": []byte("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n"),
		prefix + "test_batch.bin": record(9)}
	for i, name := range cifar10.train {
		files[prefix+name] = append(record(byte(i)), record(byte(i+5))...)
	}
	return files
}

func idx(gz bool, data []byte, size ...uint32) []byte {
	b := []byte{0, 0, 8, byte(len(size))}
	for _, n := range size {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	b = append(b, data...)
	if !gz {
		return b
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(b)
	w.Close()
	return z.Bytes()
}

func mnist() map[string][]byte {
	return map[string][]byte{
		"train-images-idx3-ubyte":   idx(false, make([]byte, 2*3*4), 2, 3, 4),
		"train-labels-idx1-ubyte":   idx(false, []byte{3, 1}, 2),
		"t10k-images-idx3-ubyte.gz": idx(true, bytes.Repeat([]byte{7}, 12), 1, 3, 4),
		"t10k-labels-idx1-ubyte.gz": idx(true, []byte{2}, 1),
	}
}

func picturePNG(w, h int, c color.Color) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		img.Set(i%w, i/w, c)
	}
	var b bytes.Buffer
	png.Encode(&b, img)
	return b.Bytes()
}

func pictureJPEG(w, h int) []byte {
	var b bytes.Buffer
	jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil)
	return b.Bytes()
}

func folder() map[string][]byte {
	red := picturePNG(5, 4, color.RGBA{255, 0, 10, 255})
	return map[string][]byte{
		"train/cat/2.png": red, "train/cat/1.jpg": pictureJPEG(5, 4), "train/dog/x.PNG": red, "train/dog/readme.txt": []byte("no picture"),
		"test/dog/y.jpeg": pictureJPEG(5, 4), "test/cat/1.png": red, "train/.hidden/z.png": {1},
	}
}

func TestReadCIFAR10(t *testing.T) {
	for _, prefix := range []string{"", "cifar-10-batches-bin/"} {
		dir := write(t, t.TempDir(), cifarFiles(prefix))
		s, err := Open(Config{Name: "cifar10", Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if s.Len(Train) != 10 || s.Len(Test) != 1 || s.Classes() != 10 || s.ClassNames()[2] != "c" {
			t.Errorf("%d and %d samples of classes %v", s.Len(Train), s.Len(Test), s.ClassNames())
		}
		if s.Label(Train, 3) != 6 || !bytes.Equal(s.train.image(3), record(6)[1:]) || s.Label(Test, 0) != 9 {
			t.Error("samples are not those of the files in their order")
		}
	}
}

func TestReadCIFAR100TakesTheFineLabel(t *testing.T) {
	dir := write(t, t.TempDir(), map[string][]byte{"train.bin": record(3, 99), "test.bin": record(1, 5)})
	s, err := Open(Config{Name: "cifar100", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if s.Label(Train, 0) != 99 || s.Classes() != 100 {
		t.Errorf("label %d of %d classes", s.Label(Train, 0), s.Classes())
	}
}

func TestReadMNIST(t *testing.T) {
	s, err := Open(Config{Name: "mnist", Dir: write(t, t.TempDir(), mnist())})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Report(); got.Shape != [3]int{1, 3, 4} || got.Train.Samples != 2 || got.Test.PerClass[2] != 1 || len(got.Classes) != 10 {
		t.Errorf("%+v", got)
	}
}

func TestReadFolder(t *testing.T) {
	s, err := Open(Config{Name: "folder", Dir: write(t, t.TempDir(), folder())})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Report(); got.Shape != [3]int{3, 4, 5} || strings.Join(got.Classes, " ") != "cat dog" || got.Train.PerClass[0] != 2 ||
		got.Train.PerClass[1] != 1 || got.Test.PerClass[1] != 1 {
		t.Errorf("%+v", got)
	}
	if img := s.train.image(1); img[0] != 255 || img[20] != 0 || img[59] != 10 {
		t.Errorf("planes of the second picture by name: %v", img)
	}
}

func TestFaultsOfFilesAreNamed(t *testing.T) {
	replace := func(files map[string][]byte, name string, data []byte) map[string][]byte {
		files[name] = data
		if data == nil {
			delete(files, name)
		}
		return files
	}
	for _, c := range []struct {
		set, want string
		files     map[string][]byte
	}{
		{"cifar10", "no data_batch_1.bin in", map[string][]byte{"x": nil}},
		{"cifar10", "data_batch_3.bin is missing: unpack cifar-10-binary.tar.gz again", replace(cifarFiles(""), "data_batch_3.bin", nil)},
		{"cifar10", "test_batch.bin: the file is empty", replace(cifarFiles(""), "test_batch.bin", []byte{})},
		{"cifar10", "3072 bytes are not a whole number of CIFAR-10 records of 3073 bytes", replace(cifarFiles(""), "data_batch_2.bin",
			make([]byte, 3072))},
		{"cifar10", "record 0 has label 10, but CIFAR-10 has 10 classes", replace(cifarFiles(""), "data_batch_2.bin", record(10))},
		{"mnist", "neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte.gz", replace(mnist(), "train-labels-idx1-ubyte", nil)},
		{"mnist", "the files are not of one set", replace(mnist(), "train-labels-idx1-ubyte", idx(false, []byte{1}, 1))},
		{"mnist", "cut short: 23 of 24 bytes", replace(mnist(), "train-images-idx3-ubyte", idx(false, make([]byte, 23), 2, 3, 4))},
		{"mnist", "more than the 24 bytes", replace(mnist(), "train-images-idx3-ubyte", idx(false, make([]byte, 25), 2, 3, 4))},
		{"mnist", "not an IDX file of bytes in 3 dimensions", replace(mnist(), "train-images-idx3-ubyte", make([]byte, 100))},
		{"mnist", "too short for an IDX header", replace(mnist(), "train-images-idx3-ubyte", []byte{0, 0})},
		{"mnist", "impossible size", replace(mnist(), "train-images-idx3-ubyte", idx(false, nil, 1<<31, 1<<31, 4))},
		{"mnist", "test images 4 x 3", replace(mnist(), "t10k-images-idx3-ubyte.gz", idx(true, make([]byte, 12), 1, 4, 3))},
		{"mnist", "unexpected EOF", replace(mnist(), "t10k-labels-idx1-ubyte.gz", idx(true, make([]byte, 1), 1)[:20])},
		{"folder", "must hold train/CLASS/* and test/CLASS/*", map[string][]byte{"cat/1.png": nil}},
		{"folder", "x.png: the file is empty", replace(folder(), "train/cat/x.png", []byte{})},
		{"folder", "x.png: neither PNG, JPEG, WebP", replace(folder(), "train/cat/x.png", []byte("hello"))},
		{"folder", "differ in their classes: only for testing: bird;", replace(folder(), "test/bird/1.png", picturePNG(5, 4, color.White))},
		{"folder", ".tif or .tiff files among its 1 entries", replace(replace(folder(), "test/dog/y.jpeg", nil), "test/dog/y.avif",
			[]byte{1})},
		{"folder", "differ in their classes: only for training: emu, fox;", replace(replace(folder(), "train/fox/1.png",
			picturePNG(5, 4, color.White)), "train/emu/1.png", picturePNG(5, 4, color.White))},
		{"folder", "at least 2 folders", map[string][]byte{"train/a/1.png": picturePNG(2, 2, color.White), "test/a/1.png": nil}},
		{"folder", "EOF", replace(folder(), "train/cat/x.png", picturePNG(5, 4, color.White)[:40])},
	} {
		dir := write(t, t.TempDir(), c.files)
		_, err := Open(Config{Name: c.set, Dir: dir})
		if !errors.Is(err, ErrData) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q, want one with %q", c.set, err, c.want)
		}
	}
	if _, err := Open(Config{Name: "cifar10", Dir: filepath.Join(t.TempDir(), "nowhere")}); !errors.Is(err, ErrData) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if _, err := Open(Config{Name: "cifar10", Dir: filepath.Join(write(t, t.TempDir(), map[string][]byte{"f": nil}),
		"f")}); !errors.Is(err, ErrData) {
		t.Errorf("a file in place of a directory: %v", err)
	}
}

func TestConfigNamesAllFaults(t *testing.T) {
	err := Config{Name: "imagenet", Limit: -1}.Validate()
	if err == nil || !strings.Contains(err.Error(), `"imagenet" is unknown`) || !strings.Contains(err.Error(), "limit -1") {
		t.Errorf("%v", err)
	}
	if err := (Config{Name: "mnist"}).Validate(); err == nil || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("%v", err)
	}
}

func FuzzIDX(f *testing.F) {
	for _, data := range mnist() {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for dims := 1; dims <= 3; dims += 2 {
			var f idxFile
			if f.open(bytes.NewReader(data), int64(len(data)), dims) != nil || f.total() > 1<<24 {
				continue
			}
			if err := f.read(); err == nil && f.total() != int64(len(f.data)) {
				t.Fatalf("sizes %v, %d bytes", f.size, len(f.data))
			}
		}
	})
}

func FuzzCIFAR(f *testing.F) {
	f.Add(record(3))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []cifarFormat{cifar10, cifar100} {
			var s samples
			n := int64(len(data))
			if format.checkSize(n) == nil && format.decode(&s, bytes.NewReader(data), n/format.record()) == nil &&
				len(s.images) != cifarImage*len(s.labels) {
				t.Fatal("images and labels do not fit")
			}
		}
	})
}
