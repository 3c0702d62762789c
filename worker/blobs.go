package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// blobs receives what the coordinator hands out: weights that are broadcast,
// and anything by request. Its lock is held by no call of the bus, nor of others
// than itself but for Done of weights.
type blobs struct {
	client *client
	most   int64 // bytes of weights that are taken

	mu       sync.Mutex
	of       proto.Head // the start whose weights are taken
	current  *incoming
	news     chan struct{}    // closed and replaced when something arrives
	arrives  func(key string) // is told the key of weights that are broadcast
	spare    [][]float32      // memory of versions that nobody uses any more
	patience                  // with weights that stand still on their way
}

// patience is how long weights may stand still before they are asked for. Over a slow
// link a broadcast to many seems to stand still between two chunks, and what is asked
// for then goes over that link once more: so each chunk that comes twice doubles it,
// up to maxPatience times the least, and each version that comes without makes it a little shorter.
type patience struct {
	least, now time.Duration
	twice      bool // a chunk of the version at hand came twice
}

const maxPatience = 64

// longer is told of a chunk that came twice.
func (p *patience) longer() { p.now, p.twice = min(2*p.now, maxPatience*p.least), true }

// whole is told of a version that is.
func (p *patience) whole() {
	if !p.twice {
		p.now = max(p.now-p.now/64, p.least)
	}
	p.twice = false
}

// incoming is a version of the weights on its way.
type incoming struct {
	key    string
	values []float32 // or, until they are unpacked, their memory: see RoundSpec.Weights
	data   []byte    // what has come, in the memory of values
	parts  *proto.Assembly
	got    int64  // bytes
	taken  bool   // whole, and handed out by weights
	done   func() // gives values back that are the coordinator's, in this process; else nil
	spans  proto.Spans
	hashed int          // spans; they are hashed as they come, while the cache has them
	handed proto.Digest // their maker's, if the values were handed over
}

// whole reports whether all values are there.
func (in *incoming) whole() bool { return in.done != nil || in.parts.Done() }

// hash hashes what is there up to the first gap.
func (in *incoming) hash() {
	for there := in.parts.Missing(); in.hashed < len(in.spans); in.hashed++ {
		if _, hi := in.spans.Range(in.hashed, in.data); int64(hi) > there {
			return
		}
		in.spans.Hash(in.hashed, in.data)
	}
}

// digest returns that of the values, which must be whole.
func (in *incoming) digest() proto.Digest {
	if in.done != nil {
		return in.handed
	}
	return in.spans.Digest()
}

func newBlobs(c *client) *blobs {
	return &blobs{client: c, news: make(chan struct{}), most: memory() / 2,
		patience: patience{least: c.cfg.Patience, now: c.cfg.Patience}}
}

// reset forgets what belongs to another start of a coordinator.
func (b *blobs) reset(of proto.Head) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of.Same(of) {
		return
	}
	if b.current != nil {
		b.replace(nil)
	}
	b.of = of
}

// tell sets who is told of weights that are broadcast; nil for nobody.
func (b *blobs) tell(arrives func(key string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.arrives = arrives
}

// arrival is what others are told once something has come.
type arrival struct {
	of      proto.Head // the start that it came from
	key     string
	have    int64            // bytes of the version, if the coordinator is to know
	arrives func(key string) // who else is to know; nil: nobody
}

// announce tells of an arrival, with the lock free.
func (b *blobs) announce(a arrival) {
	if a.have > 0 {
		b.client.sayTo(a.of, proto.Heartbeat{Key: a.key, Have: a.have})
	}
	if a.arrives != nil {
		a.arrives(a.key)
	}
}

// receive takes a message of a broadcast.
func (b *blobs) receive(m *bus.Message) {
	switch w, handed := m.Value.(*proto.Weights); {
	case handed:
		b.announce(b.receiveWhole(w))
	default:
		b.announce(b.receiveChunk(m.Data))
	}
}

// receiveWhole takes weights from a coordinator in this process.
func (b *blobs) receiveWhole(w *proto.Weights) arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !w.Same(b.of) || b.current != nil && w.Key <= b.current.key && (w.Key < b.current.key || b.current.whole()) {
		w.Done()
		return arrival{}
	}
	b.replace(&incoming{key: w.Key, values: w.Values, handed: w.Digest, done: w.Done})
	b.changed()
	a := arrival{of: b.of, key: w.Key, arrives: b.arrives}
	if have := int64(4 * len(w.Values)); have >= report {
		a.have = have
	}
	return a
}

// receiveChunk takes a chunk of a broadcast.
func (b *blobs) receiveChunk(data []byte) arrival {
	var m proto.BlobChunk
	if err := proto.Decode(data, &m); err != nil {
		return arrival{} // damaged: it is asked for when it is missed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !m.Same(b.of) || m.Gone || b.current != nil && m.Key < b.current.key {
		return arrival{}
	}
	if err := b.start(m.Key, m.Size); err != nil {
		return arrival{}
	}
	b.client.record.arrived(m.Key, len(data))
	return arrival{of: b.of, key: m.Key, have: b.take(m.Chunk), arrives: b.arrives}
}

// start makes key the version at hand.
func (b *blobs) start(key string, size int64) error {
	if b.current != nil && b.current.key == key {
		return nil
	}
	if size%2 != 0 {
		return fmt.Errorf("weights of %d bytes are no whole number of values", size)
	}
	if size > b.most {
		return fmt.Errorf("weights of %d MiB: this worker has memory for %d MiB at most", size>>20, b.most>>20)
	}
	values := b.memory(int((size + 3) / 4))
	data := proto.Bytes32(values)[:size]
	b.replace(&incoming{key: key, values: values, data: data, parts: proto.AssembleBytes(data), spans: proto.NewSpans(int(size))})
	return nil
}

// replace makes in the version at hand; nil is none.
func (b *blobs) replace(in *incoming) {
	if old := b.current; old != nil && !old.taken {
		b.drop(old)
	}
	b.current = in
}

// drop gives up a version that nobody uses.
func (b *blobs) drop(in *incoming) {
	switch {
	case in.done != nil:
		in.done()
	case len(b.spare) < 2:
		b.spare = append(b.spare, in.values)
	}
}

// changed wakes who waits for something to arrive.
func (b *blobs) changed() {
	close(b.news)
	b.news = make(chan struct{})
}

// report is after how many bytes of a version the coordinator is told of
// progress, so that it does not send faster than workers receive.
const report = 4 << 20

// memory returns n values of arbitrary contents.
func (b *blobs) memory(n int) []float32 {
	for i, v := range b.spare {
		if len(v) == n {
			b.spare = append(b.spare[:i], b.spare[i+1:]...)
			return v
		}
	}
	b.spare = nil // they fit another generation
	return make([]float32, n)
}

// recycle takes back what weights handed out.
func (b *blobs) recycle(in *incoming) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if in == b.current {
		in.taken = false // still the version at hand
		return
	}
	b.drop(in)
}

// take puts a chunk where it belongs, and returns the bytes that are there if the
// coordinator is to be told of them.
func (b *blobs) take(c proto.Chunk) (have int64) {
	if b.current.done != nil {
		return 0 // whole from the start
	}
	fresh, err := b.current.parts.Put(c)
	switch {
	case err != nil:
		return 0
	case !fresh:
		b.patience.longer()
		return 0
	}
	in := b.current
	before := in.got
	in.got += int64(len(c.Data))
	in.hash()
	if in.whole() {
		b.patience.whole()
	}
	b.changed()
	if in.got/report != before/report {
		return in.got
	}
	return 0
}

// weights returns the version that ref names, which goes back with recycle. It
// waits for the broadcast, and asks for what is missing when that stands still.
func (b *blobs) weights(ctx context.Context, ref proto.BlobRef) (*incoming, error) {
	for {
		in, gap, err := b.version(ref)
		switch {
		case errors.Is(err, errWrong):
			b.client.cfg.Log.Warn("weights are not those that the coordinator tells of: they are fetched again",
				"key", ref.Key, "digest", in.digest(), "wanted", ref.Digest)
			if err := b.client.pause(ctx); err != nil {
				return nil, err
			}
			continue
		case err != nil || gap == nil:
			return in, err
		}
		if closing, err := gap.closes(ctx); err != nil {
			return nil, err
		} else if closing {
			continue
		}
		c, err := b.ask(ctx, ref.Key, gap.from)
		if err != nil {
			return nil, err
		}
		b.fill(in, c)
	}
}

// errWrong is returned for weights that are whole and not those that are meant.
var errWrong = errors.New("other weights")

// gap is what a version lacks.
type gap struct {
	from     int64 // the first byte that is missing
	news     <-chan struct{}
	patience time.Duration
}

// closes waits until something arrives, but no longer than its patience.
func (g *gap) closes(ctx context.Context) (bool, error) {
	t := time.NewTimer(g.patience)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-g.news:
		return true, nil
	case <-t.C:
		return false, nil
	}
}

// version returns the version that ref names, and what it lacks; nil: nothing,
// and it is the caller's. One that is whole and wrong is given up.
func (b *blobs) version(ref proto.BlobRef) (*incoming, *gap, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current != nil && b.current.key > ref.Key {
		return nil, nil, errSuperseded
	}
	if err := b.start(ref.Key, ref.Size); err != nil {
		return nil, nil, err
	}
	in := b.current
	switch {
	case !in.whole():
		return in, &gap{in.parts.Missing(), b.news, b.patience.now}, nil
	case in.digest() != ref.Digest:
		b.replace(nil)
		return in, nil, errWrong
	}
	in.taken = true
	return in, nil, nil
}

// fill puts a chunk that was asked for into the version it is of.
func (b *blobs) fill(in *incoming, c proto.Chunk) {
	b.mu.Lock()
	a := arrival{of: b.of, key: in.key}
	if b.current == in {
		a.have = b.take(c)
	}
	b.mu.Unlock()
	b.announce(a)
}

// errGone is returned when the coordinator has no blob of a key any more.
var errGone = errors.New("the coordinator does not hand this out any more")

// ask requests one chunk, for as long as it takes.
func (b *blobs) ask(ctx context.Context, key string, offset int64) (proto.Chunk, error) {
	c := b.client
	for {
		var m proto.BlobChunk
		request := &proto.BlobRequest{Head: c.head(), Worker: c.cfg.ID, Key: key, Offset: offset}
		err := c.request(ctx, c.cfg.Run.BlobSubject(c.cfg.Key), request, &m)
		switch {
		case err == nil && !m.Same(c.head()): // another start answers; the next pull is told to join again
		case err == nil && m.Gone:
			return proto.Chunk{}, errGone
		case err == nil && m.Key == key && m.Offset == offset && (len(m.Data) > 0 || m.Size == 0):
			return m.Chunk, nil
		}
		if err := c.pause(ctx); err != nil {
			return proto.Chunk{}, err
		}
	}
}

// bytes returns the blob that ref names, asking for all of it.
func (b *blobs) bytes(ctx context.Context, ref proto.BlobRef) ([]byte, error) {
	data := make([]byte, 0, min(ref.Size, 1<<20)) // grows with what really arrives
	for int64(len(data)) < ref.Size {
		c, err := b.ask(ctx, ref.Key, int64(len(data)))
		if err != nil {
			return nil, err
		}
		if c.Size != ref.Size {
			return nil, fmt.Errorf("%s has %d bytes, %d were announced", ref.Key, c.Size, ref.Size)
		}
		data = append(data, c.Data...)
	}
	if proto.DigestOf(data) != ref.Digest {
		return nil, fmt.Errorf("%s: %w", ref.Key, proto.ErrDamaged)
	}
	return data, nil
}
