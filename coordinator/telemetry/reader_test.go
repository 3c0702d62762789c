package telemetry

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A reader of event files by itself, written from the descriptions of TFRecord and of
// the protobuf wire format: it shares no line with the writer, and fails where any
// byte is not as they say.

// crc32c sums bit by bit, by the polynomial of Castagnoli, reflected.
func crc32c(data []byte) uint32 {
	c := ^uint32(0)
	for _, b := range data {
		c ^= uint32(b)
		for range 8 {
			low := c & 1
			c >>= 1
			if low == 1 {
				c ^= 0x82F63B78
			}
		}
	}
	return ^c
}

func TestChecksumOfTheReader(t *testing.T) {
	if got := crc32c([]byte("123456789")); got != 0xE3069283 { // the check value of CRC-32C
		t.Fatalf("%#x", got)
	}
}

// wire is a field of a message: a number of 64 bits or bytes.
type wire struct {
	field, kind int
	number      uint64
	bytes       []byte
}

func varint(b []byte) (v uint64, rest []byte) {
	for i, c := range b {
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, b[i+1:]
		}
	}
	panic("a number has no end")
}

func fields(b []byte) (list []wire) {
	for len(b) > 0 {
		var key uint64
		key, b = varint(b)
		w := wire{field: int(key >> 3), kind: int(key & 7)}
		switch w.kind {
		case 0:
			w.number, b = varint(b)
		case 1:
			w.number, b = binary.LittleEndian.Uint64(b), b[8:]
		case 2:
			var n uint64
			n, b = varint(b)
			w.bytes, b = b[:n], b[n:]
		case 5:
			w.number, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		default:
			panic(fmt.Sprintf("wire type %d", w.kind))
		}
		list = append(list, w)
	}
	return list
}

// got is one value as it was read.
type got struct {
	Step   uint64
	Tag    string
	Scalar float32
	Text   string
	Histo  *gotHistogram
}

type gotHistogram struct {
	min, max, num, sum, squares float64
	limits, counts              []float64
}

func doubles(b []byte) (list []float64) {
	for ; len(b) > 0; b = b[8:] {
		list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return list
}

// readValue reads a Summary.Value.
func readValue(b []byte) (v got) {
	for _, f := range fields(b) {
		switch f.field {
		case 1:
			v.Tag = string(f.bytes)
		case 2:
			v.Scalar = math.Float32frombits(uint32(f.number))
		case 5:
			h := &gotHistogram{}
			for _, f := range fields(f.bytes) {
				at := map[int]*float64{1: &h.min, 2: &h.max, 3: &h.num, 4: &h.sum, 5: &h.squares}[f.field]
				switch {
				case at != nil:
					*at = math.Float64frombits(f.number)
				case f.field == 6:
					h.limits = doubles(f.bytes)
				case f.field == 7:
					h.counts = doubles(f.bytes)
				}
			}
			v.Histo = h
		case 8:
			for _, f := range fields(f.bytes) {
				if f.field == 8 {
					v.Text = string(f.bytes)
				}
			}
		}
	}
	return v
}

// readFile reads one event file and returns its values and the step from which it
// says that earlier files no longer count; 0: it says nothing.
func readFile(t *testing.T, path string) (values []got, from uint64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	masked := func(b []byte) uint32 {
		c := crc32c(b)
		return (c>>15 | c<<17) + 0xa282ead8
	}
	last := uint64(0)
	for n := 0; len(data) > 0; n++ {
		size := binary.LittleEndian.Uint64(data)
		if masked(data[:8]) != binary.LittleEndian.Uint32(data[8:]) || masked(data[12:12+size]) != binary.LittleEndian.Uint32(data[12+size:]) {
			t.Fatalf("%s: record %d: a checksum is wrong", path, n)
		}
		event := fields(data[12 : 12+size])
		data = data[16+size:]
		at := uint64(0)
		for _, f := range event {
			switch {
			case f.field == 2:
				at = f.number
			case n == 0 && f.field == 3 && string(f.bytes) != "brain.Event:2", n > 0 && f.field == 3:
				t.Fatalf("%s: record %d: version %q", path, n, f.bytes)
			case f.field == 7:
				from = at
			case f.field == 5:
				if at < last {
					t.Fatalf("%s: step %d behind step %d", path, at, last)
				}
				last = at
				for _, f := range fields(f.bytes) {
					v := readValue(f.bytes)
					v.Step = at
					values = append(values, v)
				}
			}
		}
	}
	return values, from
}

// readBoard reads all event files of a run directory, as TensorBoard does.
func readBoard(t *testing.T, run string) (all []got) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(run, TensorBoardDir, "*tfevents*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for i, name := range names {
		values, from := readFile(t, name)
		if (from > 0) != (i > 0) {
			t.Errorf("file %d of %d says that it counts from step %d", i, len(names), from)
		}
		for _, v := range all {
			if from > 0 && v.Step >= from {
				t.Fatalf("%s of step %d stands in front of a file that counts from step %d", v.Tag, v.Step, from)
			}
		}
		all = append(all, values...)
	}
	return all
}

// tagged returns the steps and values of a tag.
func tagged(values []got, tag string) (list []got) {
	for _, v := range values {
		if v.Tag == tag {
			list = append(list, v)
		}
	}
	return list
}

// twice returns a tag that has two values at a step, or nothing.
func twice(values []got) string {
	seen := map[string]bool{}
	for _, v := range values {
		key := fmt.Sprint(v.Tag, " at step ", v.Step)
		if seen[key] {
			return key
		}
		seen[key] = true
	}
	return ""
}

// tagsOf returns all tags that begin so.
func tagsOf(values []got, prefix string) (list []string) {
	for _, v := range values {
		if strings.HasPrefix(v.Tag, prefix) && !slices.Contains(list, v.Tag) {
			list = append(list, v.Tag)
		}
	}
	return list
}
