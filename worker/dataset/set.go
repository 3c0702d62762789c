package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"sync"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The splits of a set.
const (
	Train      = "train"
	Test       = "test"
	Validation = "validation" // a part of the training samples: see [proto.Order]
)

// Set is a data set in memory. Its methods may be called concurrently.
type Set struct {
	name        string
	shape       nn.Shape
	classes     []string
	flip        bool // a mirrored image is of the same class
	train, test samples
	digest      string
	mean, std   []float64      // moments of each channel's bytes over the training samples
	table       [][256]float32 // normalised value of each byte, by channel
	orders      orders
	unused      unused
}

// samples are the images of a split, one after another, each (C, H, W) bytes.
type samples struct {
	images []byte
	labels []uint16
}

// size returns the bytes of an image.
func (s *samples) size() int { return len(s.images) / len(s.labels) }

func (s *samples) image(i int) []byte {
	size := s.size()
	return s.images[i*size : (i+1)*size]
}

// scope is what of a set is read.
type scope struct {
	train   bool     // the training samples too, not those for testing alone
	classes []string // names of the classes of a folder that does not tell them
	limit   limit    // samples of each split
}

// Open reads the set that c names.
func Open(c Config) (*Set, error) { return read(c, scope{train: true}) }

// OpenTest reads the test samples alone of the set that c names, for a model that
// tells classes apart. Its training samples need not be there. The caller says
// with Normalise how the model reads them.
func OpenTest(c Config, classes []string) (*Set, error) { return read(c, scope{classes: classes}) }

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
	s.name = c.Name
	for _, split := range []*samples{&s.train, &s.test} {
		split.limit(limit(c.Limit), len(s.classes))
	}
	s.finish()
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

// finish computes what follows from the samples.
func (s *Set) finish() {
	var wg sync.WaitGroup
	wg.Go(func() { s.digest = s.hash() })
	s.mean, s.std = s.statistics()
	s.Normalise(s.mean, s.std)
	wg.Wait()
}

// Normalise makes Fill subtract mean from the bytes of each channel and divide by
// std: those that a model was trained with, in place of the set's own. It must not
// be called while samples are read.
func (s *Set) Normalise(mean, std []float64) {
	s.table = make([][256]float32, s.shape.C)
	for c := range s.table {
		for v := range s.table[c] {
			s.table[c][v] = float32((float64(v) - mean[c]) / std[c])
		}
	}
}

// Card tells what a model that is trained on the set reads and tells apart.
func (s *Set) Card() *nn.Card {
	return &nn.Card{Input: s.shape, Mean: s.mean, Std: s.std, Classes: s.classes, Data: s.name, Digest: s.digest}
}

// hash identifies shape, number of classes and samples, wherever they were read from.
func (s *Set) hash() string {
	h := sha256.New()
	put := func(v ...int) {
		for _, v := range v {
			h.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
		}
	}
	put(s.shape.C, s.shape.H, s.shape.W, len(s.classes))
	for _, split := range []*samples{&s.train, &s.test} {
		put(len(split.labels))
		h.Write(split.images)
		h.Write(split.labelBytes())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Name returns the name the set was opened by.
func (s *Set) Name() string { return s.name }

// Shape returns the shape of an image.
func (s *Set) Shape() nn.Shape { return s.shape }

// ClassNames returns the names of the classes by label.
func (s *Set) ClassNames() []string { return s.classes }

// Classes returns the number of classes.
func (s *Set) Classes() int { return len(s.classes) }

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

// Image returns the bytes (C, H, W) of sample i of a split; they must not be changed.
func (s *Set) Image(split string, i int) []byte { return s.split(split).image(i) }

// Statistics returns mean and standard deviation of each channel's bytes over
// the training samples, summed exactly; a channel without variance has 1. Without
// training samples they are 0 and 1.
func (s *Set) Statistics() (mean, std []float64) { return s.mean, s.std }

func (s *Set) statistics() (mean, std []float64) {
	area := s.shape.H * s.shape.W
	count := make([][256]uint64, s.shape.C)
	var mu sync.Mutex
	var wg sync.WaitGroup
	const part = 1000 // samples
	for lo := 0; lo < len(s.train.labels); lo += part {
		wg.Go(func() {
			mine := make([][256]uint64, s.shape.C)
			for i := lo * s.shape.C; i < min(lo+part, len(s.train.labels))*s.shape.C; i++ {
				hist := &mine[i%s.shape.C]
				for _, v := range s.train.images[i*area : (i+1)*area] {
					hist[v]++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for c := range count {
				for v := range count[c] {
					count[c][v] += mine[c][v]
				}
			}
		})
	}
	wg.Wait()
	n := float64(max(len(s.train.labels)*area, 1))
	for c := range count {
		var sum, squares uint64
		for v, k := range count[c] {
			sum += uint64(v) * k
			squares += uint64(v) * uint64(v) * k
		}
		m := float64(sum) / n
		variance := float64(squares)/n - float64(m*m)
		if variance < 1e-9 {
			variance = 1
		}
		mean, std = append(mean, m), append(std, math.Sqrt(variance))
	}
	return mean, std
}
