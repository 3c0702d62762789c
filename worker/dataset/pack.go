package dataset

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// Packing is how the set that is packed comes along: so many of all samples are in the file.
type Packing struct{ Done, All int64 }

// Pack reads the set that c names and writes it to the packed file at path, whole or
// not at all: it is written beside path, synced, and renamed. tell, if not nil, is told now and
// then how far it is. Sets of pictures in files are decoded on the way, so that memory does not bound them;
// what is read from a few files of its own format is held in memory first. It returns the report of
// the set.
func Pack(ctx context.Context, c Config, path string, tell func(Packing)) (Report, error) {
	s, done, err := openToPack(c)
	if err != nil {
		return Report{}, err
	}
	defer done()
	if s.packed != nil && s.whole() {
		return Report{}, fmt.Errorf("%w: %s is packed already", ErrData, shown(s.packed.f.Name()))
	}
	r, err := s.packTo(ctx, path, tell)
	r.Dir = c.Dir
	return r, err
}

// packTo writes the packed file of s at path, whole or not at all.
func (s *Set) packTo(ctx context.Context, path string, tell func(Packing)) (Report, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return Report{}, err
	}
	err = s.packInto(ctx, f, tell)
	if err == nil {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return Report{}, err
	}
	return s.Report(), nil
}

// openToPack opens the set that c names: the pictures of one that can be decoded one by one are
// not read yet. done lets go of its files.
func openToPack(c Config) (s *Set, done func(), err error) {
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	c.Cache = CacheOff // what is in the cache would be read into memory
	r, _ := readerOf(c.Name)
	in, err := r.open(c, scope{train: true, limit: limit(c.Limit)})
	if err != nil || in.stream == nil {
		if in != nil {
			in.close()
		}
		if err == nil {
			s, err = Open(c)
		}
		return s, func() {}, faulty(r.title, err)
	}
	if err := in.stream(); err != nil {
		in.close()
		return nil, nil, faulty(r.title, err)
	}
	in.set.name = c.Name
	return in.set, in.close, nil
}

// packInto writes the packed file of s to f. What follows from the samples is known when they have
// gone by, so that the header is written last.
func (s *Set) packInto(ctx context.Context, f *os.File, tell func(Packing)) error {
	h := s.header()
	blank, err := h.encode()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	if _, err := out.Write(make([]byte, len(blank))); err != nil {
		return err
	}
	w := &packWriter{ctx: ctx, out: out, tell: tell, of: Packing{All: h.Train + h.Test}}
	if s.digest, s.sums, err = s.identify(w.add); err != nil {
		return faultyUnlessOurs(s.name, err)
	}
	s.measure()
	front, err := s.header().encode()
	if err != nil {
		return err
	}
	if err := errors.Join(s.writeLabels(out), out.Flush()); err != nil {
		return err
	}
	_, err = f.WriteAt(front, 0)
	return err
}

// faultyUnlessOurs returns err as a fault of the set, unless ctx ended or the file that is written failed.
func faultyUnlessOurs(name string, err error) error {
	var ours *writeError
	if errors.As(err, &ours) || errors.Is(err, context.Canceled) {
		return err
	}
	return faulty(name, err)
}

// writeError is a failure of the file that is written.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

// Pack writes the set as a packed file.
func (s *Set) Pack(w io.Writer) error {
	front, err := s.header().encode()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := out.Write(front); err != nil {
		return err
	}
	p := &packWriter{ctx: context.Background(), out: out}
	for i, split := range []*samples{&s.train, &s.test} {
		err := split.windows(s.sampleSize(), func(lo int, images [][]byte) error { return p.add(i, lo, images) })
		if err != nil {
			return err
		}
	}
	return errors.Join(s.writeLabels(out), out.Flush())
}

// Packed opens the packed file that the set is read from, which is what Pack would write; sum tells files of
// one set apart. The file is nil where the set is read from none, or is a part of one.
func (s *Set) Packed() (f *os.File, sum uint32, err error) {
	if s.packed == nil || !s.whole() {
		return nil, 0, nil
	}
	f, err = os.Open(s.packed.f.Name())
	return f, s.packed.front, err
}

// PackedMost returns what the packed file of a set may have at most whose samples take so many bytes
// in memory.
func PackedMost(samples int64) int64 {
	return samples + samples/(1+labelSize)*sumSize + maxHeader + 2*packAlign
}

// header returns that of the set's packed file, as far as it is known.
func (s *Set) header() packHeader {
	sum := crc32.Checksum(s.train.labelBytes(), castagnoli)
	return packHeader{Name: s.name, Shape: s.shape, Classes: s.classes, Flip: s.flip,
		Train: int64(len(s.train.labels)), Test: int64(len(s.test.labels)), Digest: s.digest,
		Sum: s.sums.sum, Squares: s.sums.squares, Labels: crc32.Update(sum, castagnoli, s.test.labelBytes()), Table: s.tabular}
}

func (s *Set) writeLabels(w io.Writer) error {
	for _, split := range []*samples{&s.train, &s.test} {
		if _, err := w.Write(split.labelBytes()); err != nil {
			return err
		}
	}
	return nil
}

// packWriter writes records.
type packWriter struct {
	ctx  context.Context
	out  *bufio.Writer
	tell func(Packing)
	of   Packing
}

// add writes the records of a split's pictures from sample lo on.
func (w *packWriter) add(split, lo int, images [][]byte) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	for i, image := range images {
		if _, err := w.out.Write(image); err != nil {
			return &writeError{err}
		}
		var sum [sumSize]byte
		binary.LittleEndian.PutUint32(sum[:], seal(image, split, lo+i))
		if _, err := w.out.Write(sum[:]); err != nil {
			return &writeError{err}
		}
	}
	if w.of.Done += int64(len(images)); w.tell != nil {
		w.tell(w.of)
	}
	return nil
}

// OpenPacked opens the packed file at path. With whole it reads all of it and compares every
// byte with its digest.
func OpenPacked(path string, whole bool) (*Set, error) {
	s, err := Open(Config{Name: packedReader.name, Dir: path})
	if err == nil && whole {
		err = faulty(packedReader.title, s.verify())
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// verify reads all samples of a packed file and compares what follows from them with its header.
func (s *Set) verify() error {
	digest, sums, err := s.identify(nil)
	if err != nil {
		return err
	}
	if h := s.packed.h; s.whole() && (digest != h.Digest || !sums.equal(moments{h.Sum, h.Squares})) {
		return fmt.Errorf("%s: its samples have digest %.16s, its header tells of %.16s: pack the set again",
			shown(s.packed.f.Name()), digest, h.Digest)
	}
	return nil
}
