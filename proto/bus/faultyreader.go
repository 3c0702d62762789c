package bus

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
)

// ReadPlan is how often reading an object fails: chances from 0 to 1.
type ReadPlan struct {
	Seed uint64
	// Break is of contents that end early with an error, Damage of one byte
	// that is another, which the reader tells at the end.
	Break, Damage float64
}

// FaultyReader is an ObjectReader that fails by a plan.
type FaultyReader struct {
	reader ObjectReader
	plan   ReadPlan
	mu     sync.Mutex
	rand   *rand.Rand
	fired  int
}

// ReadFaults returns r with faults injected into what it reads.
func ReadFaults(r ObjectReader, p ReadPlan) *FaultyReader {
	return &FaultyReader{reader: r, plan: p, rand: rand.New(rand.NewPCG(p.Seed, 2))}
}

// Fired returns how many faults were injected so far.
func (f *FaultyReader) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

var errDamaged = errors.New("injected: the object is damaged")

// ReadObject returns contents that may break off or be damaged.
func (f *FaultyReader) ReadObject(ctx context.Context, store, name string) (io.ReadCloser, int64, error) {
	r, size, err := f.reader.ReadObject(ctx, store, name)
	if err != nil || size == 0 {
		return r, size, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	broken, damaged, at := f.rand.Float64() < f.plan.Break, f.rand.Float64() < f.plan.Damage, f.rand.Int64N(size)
	switch {
	case broken:
		f.fired++
		return &spoilt{r, at, errInjected, false, 0}, size, nil
	case damaged:
		f.fired++
		return &spoilt{r, at, errDamaged, true, 0}, size, nil
	}
	return r, size, nil
}

// spoilt fails at a place, or changes the byte there and fails at the end.
type spoilt struct {
	io.ReadCloser
	at     int64
	err    error
	change bool
	read   int64
}

func (s *spoilt) Read(p []byte) (int, error) {
	if !s.change && s.read == s.at {
		return 0, s.err
	}
	if !s.change {
		p = p[:min(int64(len(p)), s.at-s.read)]
	}
	n, err := s.ReadCloser.Read(p)
	if i := s.at - s.read; s.change && i >= 0 && i < int64(n) {
		p[i] ^= 1
	}
	s.read += int64(n)
	if err == io.EOF {
		err = s.err
	}
	return n, err
}
