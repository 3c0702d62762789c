package dataset

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

const plenty = 1 << 30

func packed(t testing.TB, s *Set) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Pack(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPackedSetsComeBack(t *testing.T) {
	for name, files := range map[string]map[string][]byte{"cifar10": cifarFiles(""), "mnist": mnist(), "folder": folder()} {
		want, err := Open(Config{Name: name, Dir: write(t, t.TempDir(), files)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unpack(bytes.NewReader(packed(t, want)), want.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Digest() != want.Digest() || got.Name() != name || got.flip != want.flip || got.Bytes() != want.Bytes() ||
			strings.Join(got.ClassNames(), ",") != strings.Join(want.ClassNames(), ",") || got.Shape() != want.Shape() {
			t.Errorf("%s: another set came back", name)
		}
		if !got.Card().Equal(want.Card()) ||
			!slices.Equal(got.table, want.table) { // so a worker that fetched it normalises to the same bits
			t.Errorf("%s: it is normalised otherwise", name)
		}
		for i := range want.Len(Train) {
			if !bytes.Equal(got.Image(Train, i), want.Image(Train, i)) || got.Label(Train, i) != want.Label(Train, i) {
				t.Errorf("%s: sample %d differs", name, i)
			}
		}
	}
}

// Sets larger than the first piece of memory grow it as they come.
func TestReadBytesGrows(t *testing.T) {
	want := make([]byte, 3*firstBytes+5)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	got, err := readBytes(bytes.NewReader(want), int64(len(want)))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestNoPartOfAPackedSetPassesForTheWhole(t *testing.T) {
	data := packed(t, shapesSet(t, 20, 10))
	for n := 0; n < len(data); n += 1 + len(data)/200 {
		if _, err := Unpack(bytes.NewReader(data[:n]), plenty); !errors.Is(err, ErrData) {
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		}
	}
	for at := 4; at < len(data); at += 1 + len(data)/200 {
		bad := bytes.Clone(data)
		bad[at] ^= 0x10
		if _, err := Unpack(bytes.NewReader(bad), plenty); !errors.Is(err, ErrData) {
			t.Fatalf("byte %d of %d changed: %v", at, len(data), err)
		}
	}
}

// forge packs a header of our own choice with what follows it.
func forge(t testing.TB, h packHeader, rest io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(packWindow))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(h)
	z.Write(append(binary.LittleEndian.AppendUint32([]byte(packMagic), uint32(len(text))), text...))
	if _, err := io.Copy(z, rest); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileHeadersAreRefused(t *testing.T) {
	good := packHeader{Name: "mnist", Shape: nn.Shape{C: 1, H: 2, W: 2}, Classes: []string{"a", "b"}, Train: 1, Test: 1}
	samples := []byte{1, 2, 3, 4, 1, 0, 1, 2, 3, 4, 1, 0}
	if _, err := Unpack(bytes.NewReader(forge(t, good, bytes.NewReader(samples))), 12); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(h *packHeader)
		large  bool
	}{
		"one byte over the limit": {func(h *packHeader) { h.Test = 2 }, true},
		"endless":                 {func(h *packHeader) { h.Train = math.MaxInt64 }, true},
		"overflowing sum":         {func(h *packHeader) { h.Train, h.Test = 1, math.MaxInt64 }, true},
		"negative":                {func(h *packHeader) { h.Test = -1 }, false},
		"empty":                   {func(h *packHeader) { h.Train = 0 }, false},
		"no pixels":               {func(h *packHeader) { h.Shape.W = 0 }, false},
		"overflowing shape":       {func(h *packHeader) { h.Shape = nn.Shape{C: 1 << 21, H: 1 << 21, W: 1 << 22} }, false},
		"no classes":              {func(h *packHeader) { h.Classes = nil }, false},
		"label of no class":       {func(h *packHeader) { h.Classes = h.Classes[:1] }, false},
		"unknown":                 {func(h *packHeader) { h.Name = "../x" }, false},
	} {
		h := good
		c.change(&h)
		_, err := Unpack(bytes.NewReader(forge(t, h, bytes.NewReader(samples))), 12)
		if !errors.Is(err, ErrData) || errors.Is(err, ErrTooLarge) != c.large {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Unpack(bytes.NewReader(forge(t, good, bytes.NewReader(append(samples, 0)))), 12); !errors.Is(err, ErrData) {
		t.Errorf("a byte too many: %v", err)
	}
}

// A small file that claims to be large, within the limit, takes little memory.
func TestClaimsTakeNoMemory(t *testing.T) {
	h := packHeader{Name: "mnist", Shape: nn.Shape{C: 1, H: 1024, W: 1024}, Classes: []string{"a"}, Train: 1 << 16, Test: 1}
	data := forge(t, h, bytes.NewReader(make([]byte, 100)))
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := Unpack(bytes.NewReader(data), 1<<40); !errors.Is(err, ErrData) {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 3*firstBytes {
		t.Errorf("%d bytes of memory for a file of %d bytes", allocated, len(data))
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(packed(f, shapesSet(f, 10, 10)))
	f.Add(forge(f, packHeader{Name: "mnist", Shape: nn.Shape{C: 1, H: 1, W: 1}, Classes: []string{"a"}, Train: 1, Test: 1},
		bytes.NewReader(make([]byte, 6))))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Unpack(bytes.NewReader(data), 1<<20)
		if err != nil {
			if !errors.Is(err, ErrData) {
				t.Fatal(err)
			}
			return
		}
		again, err := Unpack(bytes.NewReader(packed(t, s)), 1<<20)
		if err != nil || again.Digest() != s.Digest() {
			t.Fatalf("packing what was unpacked gives another set: %v", err)
		}
	})
}
