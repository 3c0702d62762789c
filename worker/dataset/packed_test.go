package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// pack packs a set into a file.
func pack(t testing.TB, c Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "set"+PackedEnding)
	if _, err := Pack(context.Background(), c, path, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// packedOf packs a set in memory.
func packedOf(t testing.TB, s *Set) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Pack(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fromFile(t testing.TB, path string) *Set {
	t.Helper()
	s, err := Open(Config{Name: "packed", Dir: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func filesOf(name string) map[string][]byte {
	return map[string]map[string][]byte{"cifar10": cifarFiles(""), "mnist": mnist(), "folder": folder()}[name]
}

// A packed set is the set in all that a run reads of it, bit for bit.
func TestPackedSetsAreTheSame(t *testing.T) {
	for _, name := range []string{"cifar10", "mnist", "folder"} {
		c := Config{Name: name, Dir: write(t, t.TempDir(), filesOf(name))}
		want, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		path := pack(t, c)
		got := fromFile(t, path)
		if got.Digest() != want.Digest() || got.Name() != name || got.flip != want.flip || got.Bytes() != want.Bytes() ||
			!slices.Equal(got.ClassNames(), want.ClassNames()) || got.Shape() != want.Shape() {
			t.Errorf("%s: another set came back", name)
		}
		if !got.Card().Equal(want.Card()) || !slices.Equal(got.table, want.table) {
			t.Errorf("%s: it is normalised otherwise", name)
		}
		a, b := nn.NewBatch(64, want.Shape(), want.Classes()), nn.NewBatch(64, want.Shape(), want.Classes())
		for _, o := range []proto.Order{epoch3, {Split: Test, Stream: "sequential"}, {Split: Validation, Stream: "sequential", Held: 1}} {
			for _, n := range []int{1, 31, 64} {
				errs := errors.Join(want.Fill(a, o, both|proto.Cutout, 3, n), got.Fill(b, o, both|proto.Cutout, 3, n))
				if errs != nil || !slices.Equal(a.X, b.X) || !slices.Equal(a.Labels, b.Labels) || !slices.Equal(a.Targets, b.Targets) {
					t.Errorf("%s: batch of %d of %v differs: %v", name, n, o, errs)
				}
			}
		}
		if file, err := os.ReadFile(path); err != nil || !bytes.Equal(file, packedOf(t, want)) || !bytes.Equal(file, packedOf(t, got)) {
			t.Errorf("%s: a set in memory, its file and what is packed of that are not the same bytes", name)
		}
		if r, err := Verify(Config{Name: "packed", Dir: path}); err != nil || r.Digest != want.Digest() {
			t.Errorf("%s: %v", name, err)
		}
		if found, err := Recognize(path); err != nil || found != "packed" {
			t.Errorf("recognised as %q, %v", found, err)
		}
		if found, err := Recognize(filepath.Dir(path)); err != nil || found != "packed" {
			t.Errorf("its folder is recognised as %q, %v", found, err)
		}
	}
}

// The layout, read by other code than wrote it.
func TestPackedLayout(t *testing.T) {
	s := shapesSet(t, 20, 10)
	data := packedOf(t, s)
	var h packHeader
	n := int(binary.LittleEndian.Uint32(data[16:]))
	if err := json.Unmarshal(data[24:24+n], &h); err != nil || string(data[:16]) != packMagic {
		t.Fatal(err)
	}
	first := (24 + n + 4095) / 4096 * 4096
	sum, at := sha256.New(), first
	put := func(v ...int) {
		for _, v := range v {
			sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
		}
	}
	labels := data[first+30*3076:]
	if len(labels) != 60 {
		t.Fatalf("%d bytes of labels", len(labels))
	}
	put(3, 32, 32, 10)
	for split, n := range []int{20, 10} {
		put(n)
		for i := range n {
			image := data[at : at+3072]
			sum.Write(image)
			sealed := crc32.Checksum(image, crc32.MakeTable(crc32.Castagnoli)) + uint32(2*i+split)
			if binary.LittleEndian.Uint32(data[at+3072:]) != sealed {
				t.Fatalf("checksum of sample %d of split %d", i, split)
			}
			at += 3076
		}
		sum.Write(labels[:2*n])
		labels = labels[2*n:]
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != h.Digest || got != s.Digest() {
		t.Errorf("digest %s, the header has %s", got, h.Digest)
	}
}

func TestALimitOfAPackedSet(t *testing.T) {
	c := Config{Name: "cifar10", Dir: write(t, t.TempDir(), cifarFiles("")), Limit: 7}
	want, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	whole := c
	whole.Limit = 0
	path := pack(t, whole)
	got, err := Open(Config{Name: "packed", Dir: path, Limit: 7})
	if err != nil || got.Digest() != want.Digest() || !got.Card().Equal(want.Card()) || !bytes.Equal(packedOf(t, got), packedOf(t, want)) {
		t.Errorf("%v", err)
	}
	if f, _, err := got.Packed(); f != nil || err != nil {
		t.Error("the whole file passes for a part of the set")
	}
	if limited := fromFile(t, pack(t, c)); limited.Digest() != want.Digest() {
		t.Error("a limited set is packed as another")
	}
	alone, err := OpenTest(Config{Name: "packed", Dir: path}, want.Card())
	if err != nil || alone.Len(Train) != 0 || alone.Len(Test) != fromFile(t, path).Len(Test) {
		t.Errorf("test samples alone: %v", err)
	}
}

// touch reads all that a run may read.
func touch(path string) error {
	s, err := Open(Config{Name: "packed", Dir: path})
	if err != nil {
		return err
	}
	b := nn.NewBatch(64, s.Shape(), 0)
	for _, split := range []string{Train, Test} {
		if err := s.Fill(b, proto.Order{Split: split, Stream: "sequential"}, 0, 0, s.Len(split)); err != nil {
			return err
		}
	}
	return nil
}

// Whatever bit is flipped and wherever the file is cut, what is read of it is an error that
// names it, and never other samples.
func TestNoDamageOfAPackedFilePasses(t *testing.T) {
	data, dir := packedOf(t, shapesSet(t, 20, 10)), t.TempDir()
	path := filepath.Join(dir, "x"+PackedEnding)
	header := packFront + int(binary.LittleEndian.Uint32(data[16:]))
	try := func(what string, bad []byte) {
		t.Helper()
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := touch(path); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), path) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for n := 0; n < len(data); n += 1 + len(data)/97 {
		try(fmt.Sprintf("%d of %d bytes", n, len(data)), data[:n])
	}
	try("a byte too many", append(bytes.Clone(data), 0))
	for at := 0; at < len(data); at += 1 + at/23 {
		if at >= header && at < frontSize(header-packFront) { // zeros that nobody reads
			continue
		}
		bad := bytes.Clone(data)
		bad[at] ^= 0x10
		try(fmt.Sprintf("byte %d of %d changed", at, len(data)), bad)
	}
	swapped := bytes.Clone(data)
	first := frontSize(header - packFront)
	copy(swapped[first:], data[first+3076:first+2*3076])
	copy(swapped[first+3076:], data[first:first+3076])
	try("two records changed places", swapped)
}

// A file that is cut, or overwritten, while it is in use is an error of the samples that it had, and the
// process goes on.
func TestAPackedFileIsCutWhileItIsInUse(t *testing.T) {
	path := pack(t, Config{Name: "shapes", Seed: 1, Limit: 200})
	s := fromFile(t, path)
	b := nn.NewBatch(64, s.Shape(), 0)
	if err := s.Fill(b, epoch3, both, 0, 64); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100_000); err != nil {
		t.Fatal(err)
	}
	err := s.Fill(b, epoch3, both, 0, 64)
	if !errors.Is(err, ErrData) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("%v", err)
	}
	if _, err := s.Image(Train, 199); !errors.Is(err, ErrData) {
		t.Errorf("%v", err)
	}
}

// forge is a packed file with a header of our own choice.
func forge(t testing.TB, h packHeader, rest []byte) []byte {
	t.Helper()
	front, err := h.encode()
	if err != nil {
		t.Fatal(err)
	}
	return append(front, rest...)
}

func TestHostileHeadersAreRefused(t *testing.T) {
	good := packHeader{Name: "mnist", Shape: nn.Shape{C: 1, H: 2, W: 2}, Classes: []string{"a", "b"}, Train: 1, Test: 1,
		Digest: strings.Repeat("ab", 32), Sum: []uint64{1}, Squares: []uint64{1}}
	image := []byte{1, 2, 3, 4}
	record := func(split int) []byte {
		return binary.LittleEndian.AppendUint32(bytes.Clone(image), seal(image, split, 0))
	}
	rest := slices.Concat(record(0), record(1), []byte{1, 0, 0, 0})
	good.Labels = crc32.Checksum(rest[16:], castagnoli)
	path := filepath.Join(t.TempDir(), "x"+PackedEnding)
	open := func(data []byte) error {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return touch(path)
	}
	if err := open(forge(t, good, rest)); err != nil {
		t.Fatal(err)
	}
	if err := func() error { _, err := OpenPacked(path, true); return err }(); !errors.Is(err, ErrData) ||
		!strings.Contains(err.Error(), "digest") {
		t.Errorf("a digest of other samples: %v", err)
	}
	for name, change := range map[string]func(h *packHeader){
		"more than there is": func(h *packHeader) { h.Test = 2 },
		"endless":            func(h *packHeader) { h.Train = math.MaxInt64 },
		"overflowing sum":    func(h *packHeader) { h.Train, h.Test = 1, math.MaxInt64 },
		"overflowing size":   func(h *packHeader) { h.Train, h.Shape = 1<<31, nn.Shape{C: 1024, H: 1024, W: 1024} },
		"negative":           func(h *packHeader) { h.Test = -1 },
		"empty":              func(h *packHeader) { h.Train = 0 },
		"no pixels":          func(h *packHeader) { h.Shape.W = 0 },
		"overflowing shape":  func(h *packHeader) { h.Shape = nn.Shape{C: 1, H: 1 << 31, W: 1 << 33} },
		"no classes":         func(h *packHeader) { h.Classes = nil },
		"label of no class":  func(h *packHeader) { h.Classes = h.Classes[:1] },
		"a path for a name":  func(h *packHeader) { h.Name = "../x" },
		"no digest":          func(h *packHeader) { h.Digest = "" },
		"no sums":            func(h *packHeader) { h.Sum = nil },
		"other labels":       func(h *packHeader) { h.Labels++ },
	} {
		h := good
		change(&h)
		if err := open(forge(t, h, rest)); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A small file that claims to be large takes little memory: its size is looked at first, and labels that a hole in
// the file makes up are held against what is free.
func TestClaimsTakeNoMemory(t *testing.T) {
	h := packHeader{Name: "mnist", Shape: nn.Shape{C: 1, H: 1, W: 1}, Classes: []string{"a"}, Train: 1 << 31, Test: 0,
		Digest: strings.Repeat("ab", 32), Sum: []uint64{1}, Squares: []uint64{1}}
	path := filepath.Join(t.TempDir(), "x"+PackedEnding)
	front := forge(t, h, nil)
	if err := os.WriteFile(path, front, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(front))+h.Train*(1+sumSize+labelSize)); err != nil {
		t.Skip("the file system has no files with holes:", err)
	}
	_, err := Open(Config{Name: "packed", Dir: path, MemoryMB: 100})
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "data.memory_mb") {
		t.Errorf("%v", err)
	}
}

// Pictures of a folder are decoded on the way: the whole set need not fit the memory.
func TestAFolderLargerThanTheMemoryIsPacked(t *testing.T) {
	files := map[string][]byte{}
	for i := range 12 {
		files[fmt.Sprintf("train/%d/%d.png", i%2, i)] = picturePNG(1000, 1000, color.Gray{uint8(i)})
	}
	files["test/0/1.png"], files["test/1/1.png"] = files["train/0/0.png"], files["train/1/1.png"]
	c := Config{Name: "folder", Dir: write(t, t.TempDir(), files), MemoryMB: 18}
	if _, err := Open(c); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "tinygrow data pack") {
		t.Fatalf("%v", err)
	}
	path := filepath.Join(t.TempDir(), "x"+PackedEnding)
	var told []Packing
	if _, err := Pack(t.Context(), c, path, func(p Packing) { told = append(told, p) }); err != nil {
		t.Fatal(err)
	}
	if last := told[len(told)-1]; len(told) < 2 || last != (Packing{14, 14}) {
		t.Errorf("told %v", told)
	}
	c.MemoryMB = 0
	want, err := Open(c)
	if err != nil || fromFile(t, path).Digest() != want.Digest() {
		t.Errorf("%v", err)
	}
}

// What stops a set from being packed leaves nothing behind.
func TestPackingIsWholeOrNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x"+PackedEnding)
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Pack(ended, Config{Name: "shapes", Seed: 1, Limit: 50}, path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	files := folder()
	for name := range files {
		files[name] = files[name][:len(files[name])/2]
	}
	if _, err := Pack(t.Context(), Config{Name: "folder", Dir: write(t, t.TempDir(), files)}, path, nil); !errors.Is(err, ErrData) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if _, err := Pack(t.Context(), Config{Name: "shapes", Seed: 1, Limit: 50}, filepath.Join(dir, "no", "x"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	path = pack(t, Config{Name: "shapes", Seed: 1, Limit: 50})
	if _, err := Pack(t.Context(), Config{Name: "packed", Dir: path}, path+"2", nil); !errors.Is(err, ErrData) {
		t.Errorf("packed twice: %v", err)
	}
}

// Larger ones grow it as they come.
func TestReadBytesGrows(t *testing.T) {
	want := make([]byte, 100<<20)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	got, err := readBytes(bytes.NewReader(want), int64(len(want)))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := readBytes(bytes.NewReader(want[:9]), 10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// FuzzPacked opens what may be a packed file, with a header that may be anything.
func FuzzPacked(f *testing.F) {
	data := packedOf(f, shapesSet(f, 10, 10))
	n := packFront + int(binary.LittleEndian.Uint32(data[16:]))
	f.Add(data[packFront:n], data[frontSize(n-packFront):], uint16(frontSize(n-packFront)-n))
	f.Add([]byte(`{"name":"mnist","shape":{"c":1,"h":1,"w":1},"classes":["a","\u001b[2J"],"train":1,"test":1}`), []byte{1, 0, 0, 2}, uint16(0))
	f.Add([]byte(`{"name":"folder","shape":{"c":1048576,"h":1048576,"w":16777217},"classes":[null],"train":-1,"test":9223372036854775807}`),
		[]byte{}, uint16(9))
	path := filepath.Join(f.TempDir(), "x"+PackedEnding)
	f.Fuzz(func(t *testing.T, header, rest []byte, gap uint16) {
		file := []byte(packMagic)
		file = binary.LittleEndian.AppendUint32(file, uint32(len(header)))
		file = binary.LittleEndian.AppendUint32(file, crc32.Checksum(header, castagnoli))
		file = slices.Concat(file, header, make([]byte, gap), rest)
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Config{Name: "packed", Dir: path})
		if err != nil {
			if !errors.Is(err, ErrData) {
				t.Fatal(err)
			}
			return
		}
		if s.Bytes() > int64(len(file)) {
			t.Fatalf("%d bytes of a file of %d", s.Bytes(), len(file))
		}
		s.verify()
	})
}

// ramps are a set of one's own: sample i is of class i mod 3, and its bytes follow from i.
type ramps struct {
	about Info
	fault error
}

func (r ramps) Info() Info { return r.about }

func (r ramps) Sample(split string, i int, dst []byte) (int, error) {
	for j := range dst {
		dst[j] = byte(i + 7*j + len(split))
	}
	return i % 3, r.fault
}

func TestASetOfOnesOwnIsPacked(t *testing.T) {
	about := Info{Name: "ramps", Shape: nn.Shape{C: 2, H: 4, W: 5}, Classes: []string{"a", "b", "c"}, Train: 3000, Test: 5}
	path := filepath.Join(t.TempDir(), "x"+PackedEnding)
	r, err := PackSource(t.Context(), ramps{about, nil}, path, nil)
	if err != nil || r.Train.Samples != 3000 || r.Test.PerClass[0] != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	s := fromFile(t, path)
	image, err := s.Image(Train, 2999)
	if err != nil || s.Label(Train, 2999) != 2 || image[39] != (2999+7*39+5)%256 || s.Digest() != r.Digest || s.Name() != "ramps" {
		t.Errorf("%v, %v", image, err)
	}
	broken := errors.New("no such picture")
	for name, c := range map[string]ramps{
		"a fault":         {about, broken},
		"no such classes": {Info{Name: "ramps", Shape: about.Shape, Classes: []string{"a"}, Train: 9, Test: 1}, nil},
		"a path":          {Info{Name: "../x", Shape: about.Shape, Classes: about.Classes, Train: 9, Test: 1}, nil},
		"no samples":      {Info{Name: "x", Shape: about.Shape, Classes: about.Classes}, nil},
	} {
		if _, err := PackSource(t.Context(), c, path+"2", nil); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFillFromAFileAllocatesNothing(t *testing.T) {
	s := fromFile(t, pack(t, Config{Name: "shapes", Seed: 1, Limit: 100}))
	batch := nn.NewBatch(32, s.Shape(), 0)
	fill := func() { s.Fill(batch, epoch3, both, 64, 30) }
	fill()
	if n := leastAllocations(fill); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkFill of a packed set, beside that of one in memory (fill_test.go).
func BenchmarkFillPacked(b *testing.B) {
	s := fromFile(b, pack(b, Config{Name: "shapes", Seed: 1, Limit: 4096}))
	batch := nn.NewBatch(32, s.Shape(), 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Fill(batch, epoch3, both, 64, 32); err != nil {
			b.Fatal(err)
		}
	}
}
