package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mustFail opens a set and returns the message of the fault that it must have.
func mustFail(t *testing.T, name, dir string) string {
	t.Helper()
	_, err := Open(Config{Name: name, Dir: dir})
	if !errors.Is(err, ErrData) {
		t.Fatalf("%s: error %v, want a fault of the data", name, err)
	}
	return err.Error()
}

func has(t *testing.T, message string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(message, p) {
			t.Errorf("message %q, want %q in it", message, p)
		}
	}
}

func TestWrongDirectoriesGetTheAdviceTheyNeed(t *testing.T) {
	for _, c := range []struct {
		set, want string
		files     map[string][]byte
	}{
		{"cifar10", "unpack cifar-10-binary.tar.gz there first", map[string][]byte{"cifar-10-binary.tar.gz": {1}}},
		{"cifar10", "version for Python", map[string][]byte{"data_batch_1": {1}, "test_batch": {1}}},
		{"cifar10", "--data folder", folder()},
		{"cifar100", "version for Python", map[string][]byte{"train": {1}, "test": {1}}},
		{"cifar100", "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", cifarFiles("")},
		{"mnist", "neither train-images-idx3-ubyte nor", cifarFiles("")},
		{"folder", "must hold train/CLASS/* and test/CLASS/*", map[string][]byte{"cat/1.png": {1}, "dog/1.png": {1}}},
		{"folder", "there must be at least 2 folders", map[string][]byte{"train/1.png": {1}, "test/1.png": {1}}},
	} {
		has(t, mustFail(t, c.set, write(t, t.TempDir(), c.files)), c.want)
	}
	for _, name := range Names[1:] {
		dir := write(t, t.TempDir(), map[string][]byte{"file": {1}})
		has(t, mustFail(t, name, filepath.Join(dir, "nowhere")), "nowhere")
		has(t, mustFail(t, name, filepath.Join(dir, "file")), "file")
		mustFail(t, name, t.TempDir())
	}
}

func TestAllFaultyFilesAreNamedInOrder(t *testing.T) {
	files := cifarFiles("")
	files["data_batch_2.bin"] = files["data_batch_2.bin"][:5000] // a copy broken off
	files["data_batch_4.bin"] = nil                              // disk full
	delete(files, "test_batch.bin")
	message := mustFail(t, "cifar10", write(t, t.TempDir(), files))
	has(t, message, "data_batch_2.bin: 5000 bytes are not", "data_batch_4.bin: the file is empty", "test_batch.bin is missing")
	if strings.Count(message, "\n") != 2 || strings.Index(message, "batch_2") > strings.Index(message, "batch_4") {
		t.Errorf("not a fault a line, in order: %s", message)
	}

	files = mnist()
	files["train-images-idx3-ubyte"] = files["train-images-idx3-ubyte"][:20]
	files["t10k-labels-idx1-ubyte.gz"] = files["t10k-labels-idx1-ubyte.gz"][:9]
	delete(files, "train-labels-idx1-ubyte")
	has(t, mustFail(t, "mnist", write(t, t.TempDir(), files)), "cut short: 4 of 24 bytes", "neither train-labels-idx1-ubyte nor",
		"labels-idx1-ubyte.gz: the file is damaged or cut short")

	files = folder()
	for i := range 30 {
		files[fmt.Sprintf("train/cat/%02d.png", i+10)] = nil
	}
	dir := write(t, t.TempDir(), files)
	message = mustFail(t, "folder", dir)
	has(t, message, "10.png: the file is empty", "19.png", "and 20 more faults")
	if strings.Contains(message, "20.png") {
		t.Errorf("more than ten faults: %s", message)
	}
	for range 5 {
		if again := mustFail(t, "folder", dir); again != message {
			t.Fatalf("another message on reading again:\n%s\n%s", message, again)
		}
	}
}

func TestLabelsOutOfRangeAreRefused(t *testing.T) {
	files := mnist()
	files["t10k-labels-idx1-ubyte.gz"] = idx(true, []byte{10}, 1)
	has(t, mustFail(t, "mnist", write(t, t.TempDir(), files)), "label 10 of sample 0")
	dir := write(t, t.TempDir(), map[string][]byte{"train.bin": record(0, 99), "test.bin": record(0, 100)})
	has(t, mustFail(t, "cifar100", dir), "test.bin: record 0 has label 100")
}

func TestLinksAreFollowed(t *testing.T) {
	real := write(t, t.TempDir(), folder())
	want, err := Open(Config{Name: "folder", Dir: real})
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, t.TempDir(), map[string][]byte{"train/dog/Thumbs.db": {1}})
	link := func(from, to string) {
		t.Helper()
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	link(filepath.Join(real, "test"), "test")
	link(filepath.Join(real, "train/cat"), "train/cat")
	link(filepath.Join(real, "train/dog/x.PNG"), "train/dog/other.png")
	got, err := Open(Config{Name: "folder", Dir: dir})
	if err != nil || got.Digest() != want.Digest() {
		t.Fatalf("linked set: %v", err)
	}

	link("gone.png", "train/dog/broken.png")
	link("loop.png", "train/dog/loop.png")
	has(t, mustFail(t, "folder", dir), "broken.png: no such file", "loop.png")
	os.RemoveAll(filepath.Join(dir, "train/dog"))
	link("gone", "train/dog")
	has(t, mustFail(t, "folder", dir), "train/dog: no such file")
}

func TestDirectoriesInPlaceOfFilesAreNoPanic(t *testing.T) {
	files := cifarFiles("")
	delete(files, "data_batch_1.bin")
	files["data_batch_1.bin/x"] = nil
	has(t, mustFail(t, "cifar10", write(t, t.TempDir(), files)), "data_batch_1.bin: is a directory")
	files = mnist()
	delete(files, "train-images-idx3-ubyte")
	files["train-images-idx3-ubyte/x"] = nil
	has(t, mustFail(t, "mnist", write(t, t.TempDir(), files)), "train-images-idx3-ubyte: is a directory")
	files = folder()
	files["train/cat/0.png/x"] = nil
	has(t, mustFail(t, "folder", write(t, t.TempDir(), files)), "0.png: is a directory, not a file")
}

func TestLitterIsPassedOver(t *testing.T) {
	dir := write(t, t.TempDir(), folder())
	want, err := Open(Config{Name: "folder", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string][]byte{".DS_Store": {1}, "train/.DS_Store": {1}, "train/list.csv": {1}, "train/cat/._1.jpg": {1},
		"train/cat/Thumbs.db": {1}, "test/.git/x": {1}})
	got, err := Open(Config{Name: "folder", Dir: dir})
	if err != nil || got.Digest() != want.Digest() || !slices.Equal(got.ClassNames(), want.ClassNames()) {
		t.Errorf("with litter: %v", err)
	}
}

// bomb is a PNG of a few bytes that claims to be huge.
func bomb(w, h uint32) []byte {
	b := picturePNG(1, 1, color.White)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestDamagedPicturesAreNamed(t *testing.T) {
	var gray bytes.Buffer
	jpeg.Encode(&gray, image.NewGray(image.Rect(0, 0, 5, 4)), nil)
	flipped := picturePNG(5, 4, color.White)
	flipped[45] ^= 4
	for _, c := range []struct {
		data []byte
		want string
	}{
		{bomb(1<<20, 1<<20), "too large: it is 1048576 x 1048576"},
		{bomb(5, 4), "damaged, cut short"},
		{gray.Bytes()[:gray.Len()-8], "damaged, cut short"},
		{flipped, "damaged, cut short"},
		{[]byte("<html>404"), "neither PNG, JPEG, WebP, GIF, BMP nor TIFF"},
		{[]byte("GIF89a"), "damaged, cut short"},
	} {
		files := folder()
		files["train/cat/0.png"] = c.data
		has(t, mustFail(t, "folder", write(t, t.TempDir(), files)), "0.png", c.want)
	}
}

func TestLimitedFoldersOpenNoOtherFiles(t *testing.T) {
	files := folder()
	files["train/dog/z.png"] = []byte("damaged")
	files["test/dog/z.png"] = []byte("damaged")
	files["test/cat/1.png"] = picturePNG(5, 4, color.White)
	s, err := Open(Config{Name: "folder", Dir: write(t, t.TempDir(), files), Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len(Train) != 2 || s.Len(Test) != 2 || s.Label(Train, 0) != 0 || s.Label(Train, 1) != 1 {
		t.Errorf("%d and %d samples", s.Len(Train), s.Len(Test))
	}
}

func TestLimitsOfTheBuiltInSet(t *testing.T) {
	whole := shapesSet(t, 40, 40)
	s, err := Open(Config{Name: "shapes", Seed: 3, Limit: 25})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len(Train) != 25 || s.Len(Test) != 25 || !bytes.Equal(s.train.images, whole.train.images[:25*3072]) {
		t.Error("not the first 25 samples")
	}
	whole.train.limit(25, 10)
	if !bytes.Equal(s.train.images, whole.train.images) || !slices.Equal(s.train.labels, whole.train.labels) {
		t.Error("drawing fewer differs from keeping fewer")
	}
	if n := limit(5000).of(shapesTest); n != 2000 {
		t.Errorf("%d", n)
	}
}

func TestDigestIsOfContentsAlone(t *testing.T) {
	digest := func(files map[string][]byte, limit int) string {
		t.Helper()
		s, err := Open(Config{Name: "cifar10", Dir: write(t, t.TempDir(), files), Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest()
	}
	want := digest(cifarFiles(""), 0)
	if digest(cifarFiles("cifar-10-batches-bin/"), 0) != want || digest(cifarFiles(""), 10) != want {
		t.Error("the digest depends on place or on a limit that keeps all")
	}
	seen := map[string]bool{want: true}
	for _, change := range []func(map[string][]byte){
		func(f map[string][]byte) { f["data_batch_3.bin"][17]++ },
		func(f map[string][]byte) { f["test_batch.bin"][0]-- },
		func(f map[string][]byte) { f["data_batch_1.bin"] = f["data_batch_1.bin"][3073:] },
		func(f map[string][]byte) {
			f["data_batch_1.bin"], f["data_batch_2.bin"] = f["data_batch_2.bin"], f["data_batch_1.bin"]
		},
	} {
		files := cifarFiles("")
		change(files)
		d := digest(files, 0)
		if seen[d] {
			t.Error("two sets have one digest")
		}
		seen[d] = true
	}
	if d := digest(cifarFiles(""), 7); seen[d] {
		t.Error("a limited set has the digest of the whole")
	}
}

func TestVerifyWarns(t *testing.T) {
	files := cifarFiles("")
	files["data_batch_1.bin"] = append(files["data_batch_1.bin"],
		make([]byte, 2*3073)...) // a copy that was given its length before its bytes
	files["data_batch_2.bin"] = append(files["data_batch_2.bin"], append([]byte{4}, record(7)[1:]...)...) // 7's image as class 4
	files["test_batch.bin"] = record(3)
	dir := write(t, t.TempDir(), files)
	r, err := Verify(Config{Name: "cifar10", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(r.Warnings, "\n")
	has(t, text, "2 train images are of one value", "1 train images have the bytes of another of a different class",
		"9 classes have no test samples", "1 test images are training images too")
	if len(r.Warnings) != 4 || r.Dir != dir || r.Train.Samples != 13 {
		t.Errorf("%+v", r)
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	has(t, b.String(), "class", "all", r.Digest, "warning: 2 train images")
	if _, err := Verify(Config{Name: "cifar10", Dir: t.TempDir()}); !errors.Is(err, ErrData) {
		t.Errorf("an empty directory: %v", err)
	}
	if r, err := Verify(Config{Name: "shapes", Limit: 200}); err != nil || len(r.Warnings) != 0 {
		t.Errorf("shapes: %v %v", r.Warnings, err)
	}
}

// Every kind of picture gives what image/color's own conversion gives, rounded to the
// nearest of 8 bits.
func TestPlanesOfEveryColourModel(t *testing.T) {
	const w, h = 9, 7
	source := image.NewNRGBA64(image.Rect(0, 0, w, h))
	for i := range source.Pix {
		source.Pix[i] = byte(i * 37)
	}
	var tests []image.Image
	for _, opaque := range []bool{true, false} {
		for _, dst := range []interface {
			image.Image
			Set(x, y int, c color.Color)
		}{image.NewRGBA(source.Rect), image.NewNRGBA(source.Rect), image.NewGray(source.Rect), image.NewGray16(source.Rect),
			image.NewRGBA64(source.Rect),
			image.NewPaletted(source.Rect, color.Palette{color.Black, color.White, color.NRGBA{200, 10, 30, 100}})} {
			for i := range w * h {
				c := source.NRGBA64At(i%w, i/w)
				if opaque {
					c.A = 0xffff
				}
				dst.Set(i%w, i/w, c)
			}
			var b bytes.Buffer
			if err := png.Encode(&b, dst); err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(&b)
			if err != nil {
				t.Fatal(err)
			}
			tests = append(tests, img)
		}
	}
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio411} {
		img := image.NewYCbCr(source.Rect, ratio)
		for i, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
			for j := range plane {
				plane[j] = byte(j*(53+i) + 11*i)
			}
		}
		tests = append(tests, img)
	}
	for _, img := range tests {
		dst := make([]byte, 3*w*h)
		planesOf(dst).draw(img)
		convert := func(v uint32) byte { return byte(math.Round(float64(v) * 255 / 65535)) }
		if _, exact := img.(*image.YCbCr); exact { // its RGBA adds bits below those of YCbCrToRGB
			convert = func(v uint32) byte { return byte(v >> 8) }
		}
		for i := range w * h {
			r, g, b, _ := img.At(i%w, i/w).RGBA()
			for c, v := range []uint32{r, g, b} {
				if dst[c*w*h+i] != convert(v) {
					t.Fatalf("%T channel %d pixel %d: %d, want %d", img, c, i, dst[c*w*h+i], convert(v))
				}
			}
		}
	}
}
