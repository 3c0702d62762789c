package bus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// memoryObjects is a store of a Hub.
type memoryObjects struct {
	mu   sync.Mutex
	data map[string][]byte
}

// hubObjects is a participant's access to a store.
type hubObjects struct {
	*memoryObjects
	bus *hubBus
}

// OpenObjects returns a store that lasts as long as the hub.
func (b *hubBus) OpenObjects(_ context.Context, o ObjectOptions) (Objects, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	b.hub.mu.Lock()
	defer b.hub.mu.Unlock()
	s := b.hub.objects[o.Name]
	if s == nil {
		s = &memoryObjects{data: map[string][]byte{}}
		b.hub.objects[o.Name] = s
	}
	return hubObjects{s, b}, nil
}

func (s hubObjects) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.bus.open()
}

func (s hubObjects) Put(ctx context.Context, name string, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[name] = data
	return nil
}

func (s hubObjects) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.data[name]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoObject, name)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s hubObjects) Delete(ctx context.Context, name string) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.data, name)
	return nil
}

func (s hubObjects) Names(ctx context.Context) ([]string, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.data)), nil
}
