package dataset

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// What the table says of a set is all that there is to say: its name is known
// everywhere, its files are recognised, their faults bear its title.
func TestReadersAreWhole(t *testing.T) {
	files := map[string]map[string][]byte{"cifar10": cifarFiles(""), "mnist": mnist(), "folder": folder(),
		"fashion-mnist": {"FashionMNIST/raw/train-images-idx3-ubyte": nil},
		"cifar100":      {"train.bin": nil, "test.bin": nil}, "packed": {"x.tgpack": nil}, "table": {"x.csv": []byte(flowers)},
		"webdataset": {"a-000.tar": nil, "cifar-10-binary.tar.gz": nil}, "parquet": {"train-0.parquet": nil}}
	for i, r := range readers {
		if slices.Contains(Names[:i], r.name) || r.name != Names[i] || r.title == "" || !strings.Contains(About(), r.name+" ") {
			t.Errorf("%q, %q: %q", r.name, r.title, r.about)
		}
		c := Config{Name: r.name, Dir: t.TempDir()}
		_, err := Open(c)
		if Drawn(r.name) {
			if err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
			continue
		}
		if !errors.Is(err, ErrData) || !strings.Contains(err.Error(), r.title) {
			t.Errorf("%s: %v", r.name, err)
		}
		if name, err := Recognize(write(t, c.Dir, files[r.name])); err != nil || name != r.name {
			t.Errorf("%s is taken for %q, %v", r.name, name, err)
		}
	}
	if _, known := readerOf("none"); known || Drawn("none") {
		t.Error("there is a set called none")
	}
}

// A set that is drawn is held against the limit as those that are read.
func TestDrawnSetsHaveALimitToo(t *testing.T) {
	c := Default()
	c.MemoryMB = 1
	refuses(t, c, "the limit is 1 MiB", "data.memory_mb=36")
	c.Limit = 100
	if _, err := Open(c); err != nil {
		t.Error(err)
	}
}
