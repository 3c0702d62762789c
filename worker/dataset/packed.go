package dataset

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A packed set is one zstd stream: packMagic, the length of the header (4
// bytes, little-endian), the header as JSON, then for each split the images as
// they lie in memory and the labels (2 bytes each, little-endian).
const packMagic = "tinygrow data 1\n"

// Limits of what a header may claim.
const (
	maxHeader  = 1 << 20 // bytes
	packWindow = 4 << 20 // bytes that the decoder must remember
	firstBytes = 32 << 20
)

type packHeader struct {
	Name    string   `json:"name"`
	Shape   nn.Shape `json:"shape"`
	Classes []string `json:"classes"`
	Flip    bool     `json:"flip"`
	Train   int64    `json:"train"`
	Test    int64    `json:"test"`
}

// Bytes is what the samples take in memory.
func (s *Set) Bytes() int64 {
	return int64(len(s.train.images)+len(s.test.images)) + 2*int64(len(s.train.labels)+len(s.test.labels))
}

// Pack writes the set as Unpack reads it.
func (s *Set) Pack(w io.Writer) error {
	header, err := json.Marshal(packHeader{s.name, s.shape, s.classes, s.flip, int64(len(s.train.labels)), int64(len(s.test.labels))})
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(packWindow))
	if err != nil {
		return err
	}
	put := func(data []byte) {
		if err == nil {
			_, err = z.Write(data)
		}
	}
	put([]byte(packMagic))
	put(binary.LittleEndian.AppendUint32(nil, uint32(len(header))))
	put(header)
	for _, split := range []*samples{&s.train, &s.test} {
		put(split.images)
		put(split.labelBytes())
	}
	return errors.Join(err, z.Close())
}

// labelBytes returns the labels as a packed set and the digest have them.
func (s *samples) labelBytes() []byte {
	out := make([]byte, 0, 2*len(s.labels))
	for _, l := range s.labels {
		out = binary.LittleEndian.AppendUint16(out, l)
	}
	return out
}

// Unpack reads a packed set whose samples take at most limit bytes, and no more
// than Holds allows. It takes memory only as the contents come, whatever the
// header claims. The caller compares the digest with that of the set it wants.
func Unpack(r io.Reader, limit int64) (*Set, error) {
	s, err := unpack(r, min(limit, Config{}.room().bytes))
	if err != nil {
		return nil, faulty("packed", err)
	}
	s.finish()
	return s, nil
}

func unpack(r io.Reader, limit int64) (*Set, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(packWindow))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	h, err := readHeader(z)
	if err == nil {
		err = h.check(limit)
	}
	if err != nil {
		return nil, err
	}
	s := &Set{name: h.Name, shape: h.Shape, classes: h.Classes, flip: h.Flip}
	for _, part := range []struct {
		to *samples
		n  int64
	}{{&s.train, h.Train}, {&s.test, h.Test}} {
		if err := part.to.unpack(z, part.n, int64(s.shape.Len()), len(s.classes)); err != nil {
			return nil, err
		}
	}
	switch _, err := io.ReadFull(z, make([]byte, 1)); {
	case err == nil:
		return nil, errors.New("there is more in the file than its header says")
	case err != io.EOF: // the checksum at the end
		return nil, err
	}
	return s, nil
}

func readHeader(z io.Reader) (h packHeader, err error) {
	front := make([]byte, len(packMagic)+4)
	if _, err := io.ReadFull(z, front); err != nil {
		return h, err
	}
	n := binary.LittleEndian.Uint32(front[len(packMagic):])
	if string(front[:len(packMagic)]) != packMagic || n > maxHeader {
		return h, errors.New("the file is no packed data set of this version")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(z, text); err != nil {
		return h, err
	}
	return h, json.Unmarshal(text, &h)
}

// check refuses sizes before any memory is taken for them.
func (h *packHeader) check(limit int64) error {
	for _, side := range []int{h.Shape.C, h.Shape.H, h.Shape.W} {
		if side < 1 || side > maxSide {
			return fmt.Errorf("images of %d x %d x %d: each must be 1 to %d", h.Shape.C, h.Shape.H, h.Shape.W, maxSide)
		}
	}
	switch _, known := readerOf(h.Name); {
	case !known:
		return fmt.Errorf("data set %.40q is unknown", h.Name)
	case len(h.Classes) < 1 || len(h.Classes) > maxClasses:
		return fmt.Errorf("%d classes: must be 1 to %d", len(h.Classes), maxClasses)
	case h.Train < 1 || h.Test < 0:
		return fmt.Errorf("%d and %d samples: there must be some", h.Train, h.Test)
	}
	most := limit / (int64(h.Shape.Len()) + 2)
	if h.Train > most || h.Test > most-h.Train {
		return fmt.Errorf("%w: %d samples of %d bytes are more than the limit of %d bytes",
			ErrTooLarge, h.Train+h.Test, h.Shape.Len()+2, limit)
	}
	return nil
}

// unpack reads n samples of size bytes.
func (s *samples) unpack(r io.Reader, n, size int64, classes int) (err error) {
	if s.images, err = readBytes(r, n*size); err != nil {
		return err
	}
	labels, err := readBytes(r, 2*n)
	if err != nil {
		return err
	}
	s.labels = make([]uint16, n)
	for i := range s.labels {
		s.labels[i] = binary.LittleEndian.Uint16(labels[2*i:])
		if int(s.labels[i]) >= classes {
			return fmt.Errorf("label %d of sample %d: there are %d classes", s.labels[i], i, classes)
		}
	}
	return nil
}

// readBytes reads n bytes into memory that grows with what has come.
func readBytes(r io.Reader, n int64) ([]byte, error) {
	out := make([]byte, 0, min(n, firstBytes))
	for int64(len(out)) < n {
		have := int64(len(out))
		next := min(n, max(2*have, firstBytes))
		out = append(make([]byte, 0, next), out...)[:next]
		if _, err := io.ReadFull(r, out[have:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return out, nil
}
