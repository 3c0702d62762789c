package bus

import (
	"bytes"
	"context"
	"sync"
)

// memoryLog is a log of a Hub.
type memoryLog struct {
	keep    int
	mu      sync.Mutex
	last    uint64
	records []Record // the newest, ascending
}

// hubLog is a participant's access to a log.
type hubLog struct {
	*memoryLog
	bus *hubBus
}

// OpenLog returns a log that lasts as long as the hub.
func (b *hubBus) OpenLog(_ context.Context, o LogOptions) (Log, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	o = o.WithDefaults()
	b.hub.mu.Lock()
	defer b.hub.mu.Unlock()
	l := b.hub.logs[o.Name]
	if l == nil {
		l = &memoryLog{keep: o.Keep}
		b.hub.logs[o.Name] = l
	}
	return hubLog{l, b}, nil
}

func (l hubLog) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.bus.open()
}

func (l hubLog) Append(ctx context.Context, after uint64, data []byte) (uint64, error) {
	if err := l.ready(ctx); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != after {
		return 0, ErrConflict
	}
	l.last++
	l.records = append(l.records, Record{l.last, bytes.Clone(data)})
	if len(l.records) > l.keep {
		l.records = l.records[1:]
	}
	return l.last, nil
}

func (l hubLog) Read(ctx context.Context, from uint64, n int) ([]Record, error) {
	if err := l.ready(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Record
	for _, r := range l.records {
		if r.Number >= from && len(out) < n {
			out = append(out, Record{r.Number, bytes.Clone(r.Data)})
		}
	}
	return out, nil
}

func (l hubLog) Last(ctx context.Context) (Record, error) {
	if err := l.ready(ctx); err != nil {
		return Record{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) == 0 {
		return Record{}, nil
	}
	r := l.records[len(l.records)-1]
	return Record{r.Number, bytes.Clone(r.Data)}, nil
}
