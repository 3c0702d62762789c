package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The splits of a set.
const (
	Train      = "train"
	Test       = "test"
	Validation = "validation" // a part of the training samples: see [proto.Order]
)

// Set is a data set in memory, or one whose pictures are read from disk when they are
// asked for. Its methods may be called concurrently.
type Set struct {
	name        string
	shape       nn.Shape
	classes     []string
	flip        bool // a mirrored image is of the same class
	train, test samples
	digest      string
	by          moments64      // the moments that rows of a table are normalised by
	mean, std   []float64      // moments of each channel's bytes over the training samples
	table       [][256]float32 // normalised value of each byte, by channel
	orders      orders
	unused      unused
	sums        moments
	tabular     *tabular    // what samples are if they are rows of a table; nil: they are pictures
	packed      *packedFile // the file that the pictures are read from; nil: they are in memory
	desks       sync.Pool   // it holds values of *desk, for Fill
	said        []string    // how it was read, a sentence each, for people
}

// samples are the images of a split, each (C, H, W) bytes: in memory, one after
// another, or in a store.
type samples struct {
	images []byte
	labels []uint16
	store  store    // nil: they are in memory
	kept   []uint32 // numbers in the store of those that a limit keeps; nil: all
}

// store has the pictures of a split outside of memory, numbered from 0. Its methods may be called
// concurrently.
type store interface {
	// read writes picture i to the front of buf, which has slack bytes more than that.
	read(buf []byte, i int) error
	// ahead says that picture i is read in a moment.
	ahead(i int)
}

// slack is what memory for a picture that is read has besides, in bytes.
const slack = sumSize

// size returns the bytes of an image in memory.
func (s *samples) size() int { return len(s.images) / len(s.labels) }

// image returns that of sample i, which is in memory.
func (s *samples) image(i int) []byte {
	size := s.size()
	return s.images[i*size : (i+1)*size]
}

// scope is what of a set is read.
type scope struct {
	train   bool     // the training samples too, not those for testing alone
	classes []string // names of the classes of a folder that does not tell them
	size    nn.Shape // what the pictures of a folder become; zero: the folder or its configuration says
	card    *nn.Card // card of the model that reads a table, where its training rows do not tell how; nil: they do
	limit   limit    // samples of each split
}

// Open reads the set that c names.
func Open(c Config) (*Set, error) { return read(c, scope{train: true}) }

// OpenTest reads the test samples alone of the set that c names, for a model of card m.
// Its training samples need not be there, unless test samples are a part of them. The caller says
// with Normalise how the model reads pictures.
func OpenTest(c Config, m *nn.Card) (*Set, error) {
	return read(c, scope{classes: m.Classes, size: m.Input, card: m})
}

func read(c Config, what scope) (*Set, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	what.limit = limit(c.Limit)
	r, _ := readerOf(c.Name)
	s, err := r.read(c, what)
	if err != nil {
		return nil, faulty(r.title, err)
	}
	if s.packed == nil { // else it keeps the name that it was packed by
		s.name = c.Name
	}
	for _, split := range []*samples{&s.train, &s.test} {
		split.limit(limit(c.Limit), len(s.classes))
	}
	if err := s.finish(); err != nil {
		return nil, faulty(r.title, err)
	}
	return s, nil
}

// read reads a set for which there is room.
func (r reader) read(c Config, what scope) (*Set, error) {
	source, err := r.open(c, what)
	if source != nil {
		defer source.close()
		err = errors.Join(err, c.room().takes(source))
	}
	if err == nil {
		err = source.read()
	}
	if err != nil {
		return nil, err
	}
	return source.set, nil
}

// finish computes what follows from the samples. The header of a packed file tells it of all of
// them.
func (s *Set) finish() error {
	if p := s.packed; p != nil && s.whole() {
		s.digest, s.sums = p.h.Digest, moments{p.h.Sum, p.h.Squares}
	} else {
		var err error
		if s.digest, s.sums, err = s.identify(nil); err != nil {
			return err
		}
	}
	s.measure()
	s.Normalise(s.mean, s.std)
	return nil
}

// measure sets mean and deviation, once the sums are known.
func (s *Set) measure() {
	if s.tabular != nil {
		s.mean, s.std = s.tabular.Mean, s.tabular.Std
		return
	}
	s.mean, s.std = s.sums.of(len(s.train.labels) * s.shape.H * s.shape.W)
}

// sampleSize returns the bytes of a sample without its label.
func (s *Set) sampleSize() int { return s.tabular.size(s.shape) }

// whole reports whether all samples of the packed file are those of the set.
func (s *Set) whole() bool {
	return int64(len(s.train.labels)) == s.packed.h.Train && int64(len(s.test.labels)) == s.packed.h.Test
}

// Normalise makes Fill subtract mean from the bytes of each channel and divide by
// std: those that a model was trained with, in place of the set's own. It must not
// be called while samples are read.
func (s *Set) Normalise(mean, std []float64) {
	if s.tabular != nil {
		s.by = moments64{mean, std}
		return
	}
	s.table = make([][256]float32, s.shape.C)
	for c := range s.table {
		for v := range s.table[c] {
			s.table[c][v] = float32((float64(v) - mean[c]) / std[c])
		}
	}
}

// Card tells what a model that is trained on the set reads and tells apart.
func (s *Set) Card() *nn.Card {
	c := &nn.Card{Input: s.shape, Mean: s.mean, Std: s.std, Classes: s.classes, Data: s.name, Digest: s.digest}
	if s.tabular != nil {
		c.Task, c.Table = s.tabular.Task, s.tabular.Table
	} else {
		c.Pictures = pictureRule(s.shape)
	}
	return c
}

// identify goes through all samples in their order, and returns the digest of shape,
// number of classes and samples, wherever they were read from, and the sums over the
// training samples. Also, if not nil, gets the pictures of each split from sample lo on.
func (s *Set) identify(also func(split, lo int, images [][]byte) error) (string, moments, error) {
	h := sha256.New()
	put := func(v ...int) {
		for _, v := range v {
			h.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
		}
	}
	m := moments{make([]uint64, s.shape.C), make([]uint64, s.shape.C)}
	put(s.shape.C, s.shape.H, s.shape.W, len(s.classes))
	for i, split := range []*samples{&s.train, &s.test} {
		put(len(split.labels))
		err := split.windows(s.sampleSize(), func(lo int, images [][]byte) error {
			var wg sync.WaitGroup
			wg.Go(func() {
				for _, image := range images {
					h.Write(image)
				}
			})
			if i == 0 && s.tabular == nil {
				wg.Go(func() { m.add(images) })
			}
			var err error
			if also != nil {
				err = also(i, lo, images)
			}
			wg.Wait()
			return err
		})
		if err != nil {
			return "", m, err
		}
		h.Write(split.labelBytes())
	}
	return hex.EncodeToString(h.Sum(nil)), m, nil
}

// windowBytes is about how much of a store is in memory at a time.
const windowBytes = 4 << 20

// windows calls do with one run of pictures of so many bytes after another, in order: those
// from sample lo on. They are valid until do returns.
func (s *samples) windows(size int, do func(lo int, images [][]byte) error) error {
	n := min(max(windowBytes/size, 1), len(s.labels))
	images := make([][]byte, n)
	if s.store != nil {
		for i := range images {
			images[i] = make([]byte, size+slack)[:size]
		}
	}
	for lo := 0; lo < len(s.labels); lo += n {
		now := images[:min(n, len(s.labels)-lo)]
		if s.store == nil {
			for i := range now {
				now[i] = s.image(lo + i)
			}
		} else if err := s.readAll(now, lo); err != nil {
			return err
		}
		if err := do(lo, now); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads the pictures of a store from sample lo on, on all processors.
func (s *samples) readAll(images [][]byte, lo int) error {
	bad := new(faults)
	for i := range images {
		s.store.ahead(s.at(lo + i))
	}
	each(len(images), func(i int) { bad.add(lo+i, s.store.read(images[i][:cap(images[i])], s.at(lo+i))) })
	return bad.err()
}

// at returns the number of sample i in the store.
func (s *samples) at(i int) int {
	if s.kept != nil {
		return int(s.kept[i])
	}
	return i
}

// labelBytes returns the labels as a packed set and the digest have them.
func (s *samples) labelBytes() []byte {
	out := make([]byte, 0, labelSize*len(s.labels))
	for _, l := range s.labels {
		out = binary.LittleEndian.AppendUint16(out, l)
	}
	return out
}

// Name returns the name the set was opened by.
func (s *Set) Name() string { return s.name }

// Shape returns the shape of an image.
func (s *Set) Shape() nn.Shape { return s.shape }

// ClassNames returns the names of the classes by label.
func (s *Set) ClassNames() []string { return s.classes }

// Classes returns the number of classes.
func (s *Set) Classes() int { return len(s.classes) }

// Labelled reports whether every sample is of one class.
func (s *Set) Labelled() bool { return s.tabular.numbers() == 0 }

// Rows reports whether samples are rows of a table, and not pictures.
func (s *Set) Rows() bool { return s.tabular != nil }

// Digest identifies the contents: the SHA-256 of shape, classes and samples.
func (s *Set) Digest() string { return s.digest }

// split returns the samples that the split called name is of.
func (s *Set) split(name string) *samples {
	switch name {
	case Train, Validation:
		return &s.train
	case Test:
		return &s.test
	}
	panic("dataset: unknown split")
}

// Len returns the number of samples of a split, none of them held out.
func (s *Set) Len(split string) int { return len(s.split(split).labels) }

// Label returns the class of sample i of a split.
func (s *Set) Label(split string, i int) int { return int(s.split(split).labels[i]) }

// Image returns the bytes (C, H, W) of sample i of a split, which must not be changed. Its
// error is that of the file that they are in; a set in memory has none.
func (s *Set) Image(split string, i int) ([]byte, error) {
	from := s.split(split)
	if from.store == nil {
		return from.image(i), nil
	}
	size := s.sampleSize()
	buf := make([]byte, size+slack)
	err := from.store.read(buf, from.at(i))
	return buf[:size:size], faulty(s.name, err)
}

// Bytes is what the samples take where they are held in memory.
func (s *Set) Bytes() int64 {
	return int64(len(s.train.labels)+len(s.test.labels)) * (int64(s.sampleSize()) + labelSize)
}

// Statistics returns mean and standard deviation of each channel's bytes over
// the training samples, summed exactly; a channel without variance has 1. Without
// training samples they are 0 and 1.
func (s *Set) Statistics() (mean, std []float64) { return s.mean, s.std }

// moments are sums over each channel's bytes, and over their squares.
type moments struct{ sum, squares []uint64 }

func (m moments) equal(o moments) bool {
	return slices.Equal(m.sum, o.sum) && slices.Equal(m.squares, o.squares)
}

// add adds pictures.
func (m *moments) add(images [][]byte) {
	channels := len(m.sum)
	var count [4][256]uint64 // several: equal bytes in a row would wait for one another
	for c := range channels {
		count = [4][256]uint64{}
		for _, image := range images {
			area := len(image) / channels
			plane := image[c*area : (c+1)*area]
			for ; len(plane) >= 4; plane = plane[4:] {
				count[0][plane[0]]++
				count[1][plane[1]]++
				count[2][plane[2]]++
				count[3][plane[3]]++
			}
			for _, v := range plane {
				count[0][v]++
			}
		}
		for v := range uint64(256) {
			k := count[0][v] + count[1][v] + count[2][v] + count[3][v]
			m.sum[c] += v * k
			m.squares[c] += v * v * k
		}
	}
}

// of returns mean and standard deviation over n bytes of each channel.
func (m *moments) of(n int) (mean, std []float64) {
	count := float64(max(n, 1))
	for c, sum := range m.sum {
		mu := float64(sum) / count
		variance := float64(m.squares[c])/count - float64(mu*mu)
		if variance < 1e-9 {
			variance = 1
		}
		mean, std = append(mean, mu), append(std, math.Sqrt(variance))
	}
	return mean, std
}
