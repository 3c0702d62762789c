package serve

import (
	"context"
	"sync"
	"time"
)

// network is what pictures are handed to: infer.Network.
type network interface {
	// Pictures returns the outputs for pictures of the network's own size, row by row.
	Pictures(ctx context.Context, images [][]byte) ([]float32, error)
	// Row returns the outputs of picture i.
	Row(outputs []float32, i int) []float32
}

// item is a picture that waits.
type item struct {
	ctx   context.Context
	image []byte
	done  chan answer // takes one without a reader
}

type answer struct {
	outputs []float32
	err     error
}

// batcher evaluates pictures of several requests together.
type batcher struct {
	net     network
	most    int
	wait    time.Duration
	queue   chan item
	collect sync.Mutex // one goroutine gathers at a time, so that batches are full
	workers sync.WaitGroup
	ran     func(pictures int)
}

// start begins with so many goroutines; close(b.queue) ends them.
func (b *batcher) start(threads int) {
	for range threads {
		b.workers.Go(func() {
			for {
				batch := b.gather()
				if len(batch) == 0 {
					return
				}
				b.evaluate(batch)
			}
		})
	}
}

// gather waits for a picture and then for others, as long and as many as may be. No
// picture: the queue is closed.
func (b *batcher) gather() []item {
	b.collect.Lock()
	defer b.collect.Unlock()
	first, ok := <-b.queue
	if !ok {
		return nil
	}
	batch := []item{first}
	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	for len(batch) < b.most {
		select {
		case next, ok := <-b.queue:
			if !ok {
				return batch
			}
			batch = append(batch, next)
			continue
		default:
		}
		select {
		case next, ok := <-b.queue:
			if !ok {
				return batch
			}
			batch = append(batch, next)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// evaluate answers the pictures whose askers still wait.
func (b *batcher) evaluate(batch []item) {
	var waiting []item
	var images [][]byte
	for _, it := range batch {
		if it.ctx.Err() == nil {
			waiting, images = append(waiting, it), append(images, it.image)
		}
	}
	if len(waiting) == 0 {
		return
	}
	outputs, err := b.net.Pictures(context.Background(), images)
	b.ran(len(waiting))
	for i, it := range waiting {
		a := answer{err: err}
		if err == nil {
			a.outputs = b.net.Row(outputs, i)
		}
		it.done <- a
	}
}

// ask returns the outputs for a picture. The queue has a place for it.
func (b *batcher) ask(ctx context.Context, image []byte) ([]float32, error) {
	it := item{ctx, image, make(chan answer, 1)}
	select {
	case b.queue <- it:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-it.done:
		return a.outputs, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
