package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// refuses opens a set that must be refused, with some words, before much memory is taken.
func refuses(t *testing.T, c Config, words ...string) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Open(c)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrData) {
		t.Fatalf("%s: %v, want a fault of the data", c.Name, err)
	}
	has(t, err.Error(), words...)
	if took := after.TotalAlloc - before.TotalAlloc; took > 48<<20 {
		t.Errorf("%s: %d MiB of memory for %v", c.Name, took>>20, err)
	}
	return err
}

// sparse makes a file of so many bytes that takes no room on the disk.
func sparse(t *testing.T, dir, name string, head []byte, size int64) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.WriteFile(path, head, 0o644), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
}

// zeros is a gzip file of a header and n bytes of zero.
func zeros(t *testing.T, head []byte, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(head)
	for piece := make([]byte, 1<<20); n > 0; n -= int64(len(piece)) {
		z.Write(piece[:min(n, int64(len(piece)))])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func idxHead(size ...uint32) []byte { return idx(false, nil, size...) }

func TestFilesOfTwiceTheLimitAreRefusedUnread(t *testing.T) {
	t.Run("a CIFAR file", func(t *testing.T) {
		dir := write(t, t.TempDir(), cifarFiles(""))
		sparse(t, dir, "data_batch_2.bin", nil, 2*maxCIFAR/3073*3073)
		refuses(t, Config{Name: "cifar10", Dir: dir}, "data_batch_2.bin", "more than the 536870912")
	})
	t.Run("CIFAR files in all", func(t *testing.T) {
		dir := write(t, t.TempDir(), cifarFiles(""))
		sparse(t, dir, "data_batch_2.bin", nil, 2*(32<<20)/3073*3073)
		err := refuses(t, Config{Name: "cifar10", Dir: dir, MemoryMB: 32}, "the limit is 32 MiB", "data.memory_mb=66")
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a plain IDX file", func(t *testing.T) {
		files, n := mnist(), uint32(2*(32<<20)/784)
		delete(files, "train-images-idx3-ubyte")
		delete(files, "train-labels-idx1-ubyte")
		dir := write(t, t.TempDir(), files)
		sparse(t, dir, "train-images-idx3-ubyte", idxHead(n, 28, 28), 16+int64(n)*784)
		sparse(t, dir, "train-labels-idx1-ubyte", idxHead(n), 8+int64(n))
		err := refuses(t, Config{Name: "mnist", Dir: dir, MemoryMB: 32}, "the limit is 32 MiB")
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a small gzip file of a large one", func(t *testing.T) {
		files, n := mnist(), uint32(2*(32<<20)/784)
		files["t10k-images-idx3-ubyte.gz"] = zeros(t, idxHead(n, 28, 28), int64(n)*784)
		files["t10k-labels-idx1-ubyte.gz"] = zeros(t, idxHead(n), int64(n))
		err := refuses(t, Config{Name: "mnist", Dir: write(t, t.TempDir(), files), MemoryMB: 32}, "the limit is 32 MiB")
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a gzip file that goes on", func(t *testing.T) {
		files := mnist()
		files["t10k-images-idx3-ubyte.gz"] = zeros(t, idxHead(1, 3, 4), 64<<20)
		refuses(t, Config{Name: "mnist", Dir: write(t, t.TempDir(), files)}, "more than the 12 bytes that its header promises")
	})
	t.Run("a gzip file that promises too much", func(t *testing.T) {
		files := mnist()
		files["t10k-images-idx3-ubyte.gz"] = zeros(t, idxHead(math.MaxUint32, 1024, 1024), 100)
		refuses(t, Config{Name: "mnist", Dir: write(t, t.TempDir(), files)}, "cannot be what became of")
	})
	t.Run("a small gzip file of nothing", func(t *testing.T) {
		files, n := mnist(), uint32(2*blankBytes/784)
		files["t10k-images-idx3-ubyte.gz"] = zeros(t, idxHead(n, 28, 28), int64(n)*784)
		files["t10k-labels-idx1-ubyte.gz"] = zeros(t, idxHead(n), int64(n))
		refuses(t, Config{Name: "mnist", Dir: write(t, t.TempDir(), files)}, "no pictures can be compressed like that")
	})
	t.Run("rows of no picture", func(t *testing.T) {
		files := mnist()
		files["t10k-images-idx3-ubyte.gz"] = zeros(t, idxHead(1, 2048, 1), 2048)
		refuses(t, Config{Name: "mnist", Dir: write(t, t.TempDir(), files)}, "impossible size 2048 in dimension 1: must be 1 to 1024")
	})
	t.Run("pictures", func(t *testing.T) {
		files, large := map[string][]byte{}, picturePNG(1000, 1000, color.White)
		for i := range 12 {
			files[fmt.Sprintf("train/%d/%d.png", i%2, i)] = large
		}
		files["test/0/1.png"], files["test/1/1.png"] = large, large
		err := refuses(t, Config{Name: "folder", Dir: write(t, t.TempDir(), files), MemoryMB: 18}, "14 samples of 3000000 bytes",
			"the limit is 18 MiB", "data.memory_mb=41")
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
}

// Pipes and devices in place of any file of a set are named, not waited for.
func TestWhatIsNoFileIsNamedAndNotWaitedFor(t *testing.T) {
	for name, files := range map[string]map[string][]byte{"cifar10": cifarFiles(""), "mnist": mnist(), "folder": folder()} {
		for file := range files {
			for what, put := range map[string]func(path string) error{
				"a named pipe": func(path string) error { return syscall.Mkfifo(path, 0o644) },
				"a device":     func(path string) error { return os.Symlink("/dev/zero", path) },
			} {
				dir := write(t, t.TempDir(), files)
				path := filepath.Join(dir, file)
				if err := errors.Join(os.Remove(path), put(path)); err != nil {
					t.Fatal(err)
				}
				r, err := Verify(Config{Name: name, Dir: dir})
				switch {
				case err != nil:
					has(t, err.Error(), filepath.Base(file), "is "+what+", not a file")
				case len(r.Unused) == 0:
					t.Errorf("%s: %s is %s, and nobody says so", name, file, what)
				}
			}
		}
	}
}

func TestAPipeInPlaceOfAFolderIsNotWaitedFor(t *testing.T) {
	for _, split := range []string{Train, Test} {
		dir := write(t, t.TempDir(), folder())
		path := filepath.Join(dir, split)
		if err := errors.Join(os.RemoveAll(path), syscall.Mkfifo(path, 0o644)); err != nil {
			t.Fatal(err)
		}
		has(t, mustFail(t, "folder", dir), split+": is no folder")
		if name, err := Recognize(dir); !errors.Is(err, ErrUnclear) {
			t.Errorf("%q, %v", name, err)
		}
	}
}

// Memory that is bounded by hand is not asked of the machine.
func TestTheRoomIsWhatTheSettingSays(t *testing.T) {
	r := Config{MemoryMB: 3}.room()
	takes := func(n, size int64) error { return r.takes(&source{samples: n, size: size}) }
	if r.bytes != 3<<20 || takes(3, 1<<20-beside) != nil || takes(3, 1<<20-beside+1) == nil || takes(math.MaxInt64, 1) == nil {
		t.Errorf("%+v", r)
	}
	if free := (Config{}).room(); free.bytes <= 0 || free.bytes > unknown {
		t.Errorf("%+v", free)
	}
	if err := (Config{Name: "shapes", MemoryMB: -1}).Validate(); err == nil {
		t.Error("a negative limit passes")
	}
}

// The test samples are read alone, and as a model that was trained elsewhere reads them.
func TestTheTestSamplesAlone(t *testing.T) {
	for name, files := range map[string]map[string][]byte{"cifar10": cifarFiles(""), "mnist": mnist(), "folder": folder()} {
		c := Config{Name: name, Dir: write(t, t.TempDir(), files)}
		whole, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		for file := range files { // nothing of training is left
			if base := filepath.Base(file); len(base) > 4 && (base[:4] == "data" || base[:5] == "train") || file[:5] == "train" {
				os.Remove(filepath.Join(c.Dir, file))
			}
		}
		os.RemoveAll(filepath.Join(c.Dir, Train))
		alone, err := OpenTest(c, whole.Card())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if alone.Len(Train) != 0 || alone.Len(Test) != whole.Len(Test) || alone.Shape() != whole.Shape() {
			t.Fatalf("%s: %d training and %d test samples", name, alone.Len(Train), alone.Len(Test))
		}
		for i := range whole.Len(Test) {
			if !bytes.Equal(alone.test.image(i), whole.test.image(i)) || alone.Label(Test, i) != whole.Label(Test, i) {
				t.Errorf("%s: test sample %d differs", name, i)
			}
		}
		card := whole.Card()
		alone.Normalise(card.Mean, card.Std)
		for ch, table := range whole.table {
			if table != alone.table[ch] {
				t.Errorf("%s: channel %d is normalised otherwise", name, ch)
			}
		}
	}
}

// FuzzFolder puts a file of any name somewhere into a folder: it is read or named.
func FuzzFolder(f *testing.F) {
	ok := picturePNG(2, 2, color.White)
	for _, name := range []string{"a.png", "a.GIF", ".a", "a\n.png", "\x1b[2J", "a.png.", "\xff.jfif", "..a", " "} {
		f.Add(uint8(0), name, ok)
		f.Add(uint8(1), name, []byte("GIF89a"))
	}
	places := []string{"train/cat", "train", "", "test/cat", "train/cat/sub", "test"}
	dir := f.TempDir()
	for _, d := range []string{"train/cat/sub", "train/cat", "train/dog", "test/cat"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, d), 0o755), os.WriteFile(filepath.Join(dir, d, "known.png"), ok,
			0o644)); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, place uint8, name string, data []byte) {
		if name != filepath.Base(name) || name == "." || name == ".." {
			return
		}
		at := filepath.Join(dir, places[int(place)%len(places)])
		odd := filepath.Join(at, name)
		if _, err := os.Lstat(odd); err == nil || os.WriteFile(odd, data, 0o644) != nil {
			return // there is such a name, or the file system has none such
		}
		defer os.Remove(odd)
		r, err := Verify(Config{Name: "folder", Dir: dir, MemoryMB: 16})
		if err != nil {
			if !errors.Is(err, ErrData) {
				t.Fatal(err)
			}
			return
		}
		count := r.Train.Samples + r.Test.Samples
		for _, u := range r.Unused {
			count += u.Count
		}
		if count != 5 {
			t.Fatalf("%q in %q: %d samples, %d counted for nothing: %v", name, at, r.Train.Samples+r.Test.Samples, count, r.Unused)
		}
		var text bytes.Buffer
		if err := r.WriteText(&text); err != nil || bytes.ContainsRune(text.Bytes(), '\x1b') {
			t.Fatalf("%q: %v", text.String(), err)
		}
	})
}
