package dataset

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// aged makes all files below dir some seconds old.
func aged(t *testing.T, dir string, seconds int) {
	t.Helper()
	then := time.Now().Add(-time.Duration(seconds) * time.Second)
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return os.Chtimes(path, then, then)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Pictures are decoded once: a change of a picture, of a setting or of the cache's
// bytes makes them be decoded anew, and only that.
func TestDecodedPicturesAreKept(t *testing.T) {
	dir, cache := write(t, t.TempDir(), folder()), t.TempDir()
	aged(t, dir, 100)
	decoded := 0
	c := Config{Name: "folder", Dir: dir, Cache: cache, Size: "6x3", Progress: func(done, _ int) { decoded = done }}
	open := func(what string, want int) *Set {
		t.Helper()
		decoded = 0
		s, err := Open(c)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if decoded != want {
			t.Errorf("%s: %d pictures decoded, want %d", what, decoded, want)
		}
		return s
	}
	files := func() []string {
		list, err := filepath.Glob(filepath.Join(cache, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	first := open("no cache", 5)
	again := open("cached", 0)
	if first.Digest() != again.Digest() || first.Shape() != again.Shape() || again.Shape() != (nn.Shape{C: 3, H: 3, W: 6}) ||
		!slices.Equal(first.ClassNames(), again.ClassNames()) || first.Name() != again.Name() {
		t.Errorf("%+v and %+v", first.Report(), again.Report())
	}
	c.Size = "5"
	if other := open("another size", 5); other.Digest() == first.Digest() {
		t.Error("the digest of another size is the same")
	}
	c.Size = "6x3"
	open("back", 0)

	path := filepath.Join(dir, "train/cat/2.png")
	if err := os.WriteFile(path, picturePNG(5, 4, color.RGBA{0, 255, 10, 255}), 0o644); err != nil {
		t.Fatal(err)
	}
	before := len(files())
	if changed := open("changed a moment ago", 5); changed.Digest() == first.Digest() {
		t.Error("a change was not seen")
	}
	open("not kept yet", 5)
	aged(t, dir, 50)
	open("settled", 5)
	changed := open("kept", 0)
	if n := len(files()); n != before || n != 2 {
		t.Errorf("%d cache files, there were %d", n, before)
	}

	for _, file := range files() {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte(`"H":3`)) && !bytes.Contains(data, []byte(`"h":3`)) {
			continue
		}
		for at := 0; at < len(data); at += 7 {
			bad := bytes.Clone(data)
			bad[at] ^= 4
			if err := os.WriteFile(file, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			if s := open(fmt.Sprintf("byte %d flipped", at), 5); s.Digest() != changed.Digest() {
				t.Fatalf("byte %d flipped: other samples", at)
			}
		}
		for _, n := range []int{0, 10, len(data) / 2, len(data) - 1} {
			if err := os.WriteFile(file, data[:n], 0o644); err != nil {
				t.Fatal(err)
			}
			s := open(fmt.Sprintf("cut to %d bytes", n), 5)
			if s.Digest() != changed.Digest() || !strings.Contains(s.Notes(), "is damaged") {
				t.Fatalf("cut to %d bytes: %s", n, s.Notes())
			}
		}
	}
	open("mended", 0)
	c.Cache = CacheOff
	open("off", 5)
	c.Cache = filepath.Join(path, "no folder")
	if s := open("cannot be written", 5); !strings.Contains(s.Notes(), "could not be kept") {
		t.Error(s.Notes())
	}
}

// Pictures of one size keep it, others become squares of 64, and a setting says otherwise.
func TestTheSizeOfAFolder(t *testing.T) {
	mixed := folder()
	mixed["train/cat/big.png"] = picturePNG(200, 100, color.White)
	large := map[string][]byte{}
	for name := range folder() {
		large[strings.TrimSuffix(name, filepath.Ext(name))+".png"] = picturePNG(1025, 2, color.White)
	}
	for _, c := range []struct {
		files map[string][]byte
		size  string
		want  nn.Shape
		said  string
	}{
		{folder(), "", nn.Shape{C: 3, H: 4, W: 5}, ""},
		{folder(), "48x32", nn.Shape{C: 3, H: 32, W: 48}, ""},
		{mixed, "", nn.Shape{C: 3, H: 64, W: 64}, "are read as 64 x 64"},
		{mixed, "32", nn.Shape{C: 3, H: 32, W: 32}, ""},
		{large, "", nn.Shape{C: 3, H: 64, W: 64}, "more than 1024 a side"},
	} {
		s, err := Open(Config{Name: "folder", Dir: write(t, t.TempDir(), c.files), Size: c.size, Cache: CacheOff})
		if err != nil {
			t.Fatal(err)
		}
		if s.Shape() != c.want || !strings.Contains(s.Notes(), c.said) || c.said == "" && strings.Contains(s.Notes(), "read as") {
			t.Errorf("size %q: %v, %q", c.size, s.Shape(), s.Notes())
		}
	}
	for _, size := range []string{"0", "x", "32x", "-1", "32x32x3", "1025", "3.5", " 32"} {
		if err := (Config{Name: "folder", Dir: ".", Size: size}).Validate(); err == nil {
			t.Errorf("size %q passes", size)
		}
	}
	if err := (Config{Name: "cifar10", Dir: ".", Size: "32"}).Validate(); err == nil || !strings.Contains(err.Error(), "of their own") {
		t.Errorf("a size for cifar10: %v", err)
	}
}

// Without a folder for testing a part of each class is: by seed and names, not by chance.
func TestAFolderWithoutTestPictures(t *testing.T) {
	files := map[string][]byte{}
	for i := range 25 {
		files[fmt.Sprintf("cat/%02d.png", i)] = picturePNG(3, 3, color.RGBA{byte(i), 1, 1, 255})
		if i < 10 {
			files[fmt.Sprintf("dog/%02d.png", i)] = picturePNG(3, 3, color.RGBA{byte(i), 2, 2, 255})
		}
	}
	files["dog/only.txt"] = []byte("x")
	under := map[string][]byte{}
	for name, data := range files {
		under["train/"+name] = data
	}
	flat, nested := write(t, t.TempDir(), files), write(t, t.TempDir(), under)
	open := func(dir string, seed uint64) *Set {
		t.Helper()
		s, err := Open(Config{Name: "folder", Dir: dir, TestPart: 0.2, Seed: seed, Cache: CacheOff})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b := open(flat, 1), open(nested, 1)
	r := a.Report()
	if a.Digest() != b.Digest() || r.Test.PerClass[0] != 5 || r.Test.PerClass[1] != 2 || r.Train.Samples != 28 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(a.Notes(), "7 of 35 pictures, 0.2 of each class, are for testing, drawn by seed 1") {
		t.Error(a.Notes())
	}
	if open(flat, 2).Digest() == a.Digest() {
		t.Error("another seed draws the same pictures")
	}
	alone, err := OpenTest(Config{Name: "folder", Dir: nested, TestPart: 0.2, Seed: 1}, a.Card())
	if err != nil || alone.Len(Test) != 7 || alone.Len(Train) != 0 {
		t.Fatalf("%v", err)
	}
	for i := range 7 {
		if !bytes.Equal(imageOf(t, alone, i), imageOf(t, a, i)) {
			t.Errorf("test picture %d differs", i)
		}
	}
	// A picture more leaves nearly all others where they are.
	seen := func(s *Set) map[string]bool {
		m := map[string]bool{}
		for i := range s.Len(Test) {
			m[string(imageOf(t, s, i))] = true
		}
		return m
	}
	write(t, flat, map[string][]byte{"cat/more.png": picturePNG(3, 3, color.RGBA{99, 1, 1, 255})})
	kept, had := 0, seen(a)
	for image := range seen(open(flat, 1)) {
		if had[image] {
			kept++
		}
	}
	if kept < 6 {
		t.Errorf("%d of 7 test pictures are the same", kept)
	}
	if _, err := Open(Config{Name: "folder", Dir: nested}); err == nil {
		t.Error("no part and no test pictures: no error")
	}
	if name, err := Recognize(nested); err != nil || name != "folder" {
		t.Errorf("%q %v", name, err)
	}
}

// val and valid are taken for testing where there is no test, and said; empty folders stand for
// classes without pictures.
func TestOtherLayouts(t *testing.T) {
	ok := picturePNG(3, 3, color.White)
	dir := write(t, t.TempDir(), map[string][]byte{"train/a/1.png": ok, "train/b/1.png": ok, "valid/a/1.png": ok, "notes/x": {1}})
	for _, name := range []string{"valid/b", "train/c", "valid/d"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Verify(Config{Name: "folder", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(r.Classes, " ") != "a b" || r.Test.PerClass[1] != 0 || len(r.Notes) != 1 ||
		r.Notes[0] != "the pictures in valid are for testing" {
		t.Errorf("%+v", r)
	}
	counts := map[string]int{}
	for _, u := range r.Unused {
		counts[u.What] = u.Count
	}
	if counts[emptyClass] != 3 || counts[besideSets] != 1 {
		t.Errorf("%v", r.Unused)
	}
	write(t, dir, map[string][]byte{"valid/c/1.png": ok})
	has(t, mustFail(t, "folder", dir), "test pictures of classes without training pictures: c")
}

// imageOf returns the bytes of a test image.
func imageOf(t *testing.T, s *Set, i int) []byte {
	t.Helper()
	image, err := s.Image(Test, i)
	if err != nil {
		t.Fatal(err)
	}
	return image
}
