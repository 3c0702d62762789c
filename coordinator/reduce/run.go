package reduce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Config says who a reducer is.
type Config struct {
	Run     proto.RunID
	ID      proto.WorkerID // must be unique among the run's reducers
	Key     proto.Key      // what the server calls this reducer's key; empty: proto.Anybody
	Host    string
	Threads int
	Program string // names this build to the coordinator
	Most    int64  // bytes of pieces that are held at most
	// Answer bounds the wait for an answer of the coordinator, Retry is the pause
	// after one that did not come. 0: 10 s and 200 ms.
	Answer, Retry time.Duration
	// Alive is told every few seconds what the reducer does; nil: nobody is.
	Alive func(state string)
	// Done is told what was measured when the reducer ends; nil: nobody is.
	Done func(Stats)
	Log  *slog.Logger // nil: nothing is told
}

// Stats says what a reducer did.
type Stats struct {
	Reducer proto.WorkerID `json:"reducer"`
	Deals   int            `json:"deals"`   // ranges that it was given
	Updates int            `json:"updates"` // that it made
	// Up and Down are bytes of pieces, state, reports and weights.
	Up   uint64 `json:"bytes_up"`
	Down uint64 `json:"bytes_down"`
}

func (c Config) withDefaults() Config {
	if c.Key == "" {
		c.Key = proto.Anybody
	}
	if c.Answer == 0 {
		c.Answer = 10 * time.Second
	}
	if c.Retry == 0 {
		c.Retry = 200 * time.Millisecond
	}
	if c.Most == 0 {
		c.Most = 1 << 40
	}
	if c.Alive == nil {
		c.Alive = func(string) {}
	}
	if c.Done == nil {
		c.Done = func(Stats) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

var (
	// ErrRefused is returned when the coordinator does not admit the reducer; the error's
	// text says why.
	ErrRefused = errors.New("refused by the coordinator")

	errAgain = errors.New("join again")
	errEnded = errors.New("the run has ended")
)

// Run owns ranges of a run until it ends or ctx does (nil), or until the coordinator
// refuses the reducer (ErrRefused). While nobody answers it waits and tries again.
func Run(ctx context.Context, cfg Config, b bus.Bus) error {
	r := &runner{cfg: cfg.withDefaults(), bus: b, nonce: proto.NewNonce()}
	defer func() {
		r.stats.Reducer = r.cfg.ID
		r.cfg.Done(r.stats)
	}()
	for {
		welcome, err := r.join(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, errEnded):
			return nil
		case err != nil:
			return err
		}
		r.cfg.Log.Info("joined as a reducer", "run", r.cfg.Run, "term", welcome.Term, "start", welcome.Start, "reducer", r.cfg.ID)
		err = r.serve(ctx, welcome)
		switch {
		case ctx.Err() != nil || errors.Is(err, errEnded):
			return nil
		case !errors.Is(err, errAgain):
			return err
		}
		r.cfg.Log.Info("joining again", "run", r.cfg.Run)
		if pause.For(ctx, r.cfg.Retry) != nil {
			return nil
		}
	}
}

// runner joins an owner to a bus.
type runner struct {
	cfg   Config
	bus   bus.Bus
	nonce proto.Nonce
	head  proto.Head
	stats Stats

	inbox chan any
	done  chan struct{}
	tell  chan Told // weights to broadcast; the newest one only
	// mine are the subscriptions to what is sent to the owner of range share.
	mine  []bus.Subscription
	share int
	// fetching is the state that is on its way.
	fetching proto.BlobRef
}

// join says hello until it is answered.
func (r *runner) join(ctx context.Context) (w proto.Welcome, err error) {
	joining, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	news, err := r.bus.Subscribe(r.cfg.Run.NewsSubject(), func(m *bus.Message) {
		var n proto.News
		if proto.Decode(m.Data, &n) == nil && n.Run == r.cfg.Run && n.Term >= r.head.Term && n.Ended {
			stop(errEnded)
		}
	})
	if err != nil {
		return w, err
	}
	defer news.Close()
	for told := false; ; {
		w, err = r.hello(joining, proto.Head{Run: r.cfg.Run})
		switch {
		case err == nil || errors.Is(err, ErrRefused) || errors.Is(err, bus.ErrForbidden):
			return w, err
		case joining.Err() != nil:
			return w, context.Cause(joining)
		}
		r.cfg.Alive(fmt.Sprintf("waiting for a coordinator of run %s", r.cfg.Run))
		if !told {
			r.cfg.Log.Info("waiting for a coordinator", "run", r.cfg.Run, "reason", err)
			told = true
		}
		if pause.For(joining, r.cfg.Retry) != nil {
			return w, context.Cause(joining)
		}
	}
}

// hello asks to join, once: a start, or any.
func (r *runner) hello(ctx context.Context, to proto.Head) (w proto.Welcome, err error) {
	hello := &proto.Hello{Head: to, Worker: r.cfg.ID, Nonce: r.nonce, Host: r.cfg.Host, Threads: max(r.cfg.Threads, 1),
		Fingerprint: nn.Fingerprint(), Program: r.cfg.Program}
	answer, err := r.request(ctx, r.cfg.Run.ReducerJoinSubject(r.cfg.Key), hello)
	if err != nil {
		return w, err
	}
	if err = proto.Decode(answer, &w); err == nil && w.Run == r.cfg.Run {
		return w, nil
	}
	var refusal proto.Refusal
	switch other := proto.Decode(answer, &refusal); {
	case errors.Is(other, proto.ErrVersion):
		return w, fmt.Errorf("%w: %w", ErrRefused, other)
	case other != nil:
		return w, errors.Join(err, other)
	case refusal.Why == proto.NotYet:
		return w, errors.New(refusal.Text)
	}
	return w, fmt.Errorf("%w: %s", ErrRefused, refusal.Text)
}

func (r *runner) request(ctx context.Context, subject string, m proto.Message) ([]byte, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Answer)
	defer cancel()
	return r.bus.Request(ctx, subject, data)
}

// fetched is the state of a range, as it came.
type fetched struct {
	ref  proto.BlobRef
	data []byte
}

// serve owns what the coordinator deals out, until it or the session ends.
func (r *runner) serve(ctx context.Context, w proto.Welcome) error {
	r.head = proto.Head{Run: w.Run, Term: w.Term, Start: w.Start}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.inbox, r.done, r.tell, r.share = make(chan any, 256), make(chan struct{}), make(chan Told, 1), -1
	o := NewOwner(r.cfg.ID, r.nonce, r.cfg.Most)
	o.Serves(r.head)
	var subs []bus.Subscription
	listen := func(subject string, h bus.Handler) error {
		s, err := r.bus.Subscribe(subject, h)
		if err == nil {
			subs = append(subs, s)
		}
		return err
	}
	err := errors.Join(
		listen(r.cfg.Run.DutySubject(), func(m *bus.Message) {
			if d := new(proto.Duty); proto.Decode(m.Data, d) == nil {
				r.put(d)
			}
		}),
		listen(r.cfg.Run.BlobSubject(proto.EveryKey), r.onBlob),
		listen(r.cfg.Run.NewsSubject(), func(m *bus.Message) {
			var n proto.News
			if proto.Decode(m.Data, &n) != nil || n.Run != r.cfg.Run || n.Claims {
				return
			}
			switch {
			case n.Same(r.head) && n.Ended:
				stop(errEnded)
			case n.Term > r.head.Term:
				stop(errAgain)
			}
		}))
	var group sync.WaitGroup
	defer func() {
		close(r.done)
		for _, s := range subs {
			s.Close()
		}
		r.deaf()
		stop(nil)
		group.Wait()
	}()
	if err != nil {
		return err
	}
	group.Go(func() {
		if err := r.live(ctx, w.Heartbeat); err != nil {
			stop(err)
		}
	})
	group.Go(func() { r.broadcast(ctx) })
	for {
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, errAgain) || errors.Is(cause, errEnded) {
				return cause
			}
			r.say(r.cfg.Run.ReducerBeatSubject(r.cfg.Key), &proto.Heartbeat{Head: r.head, Worker: r.cfg.ID, Nonce: r.nonce, Leave: true,
				Text: "told to stop"})
			flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return r.bus.Flush(flush)
		case in := <-r.inbox:
			if err := r.take(ctx, o, in, &group); err != nil {
				return err
			}
		}
	}
}

// put hands a message to the owner's goroutine.
func (r *runner) put(in any) {
	select {
	case r.inbox <- in:
	case <-r.done:
	}
}

// keyed is a piece with what the coordinator calls its sender.
type keyed struct {
	from  proto.WorkerID
	piece *proto.Piece
}

// keyedEdge is an edge with what the coordinator calls its sender.
type keyedEdge struct {
	from proto.WorkerID
	edge *proto.Edge
}

// asking is a worker's request for weights.
type asking struct {
	request *proto.BlobRequest
	message *bus.Message
}

func (r *runner) onBlob(m *bus.Message) {
	b := new(proto.BlobRequest)
	k, role := proto.Sender(m.Subject)
	if proto.Decode(m.Data, b) == nil && k.Validate() == nil && (m.Reply == "" || k.Owns(role, m.Reply)) {
		r.put(asking{b, m})
	}
}

// take lets the owner do what a message asks for.
func (r *runner) take(ctx context.Context, o *Owner, in any, group *sync.WaitGroup) error {
	var reply Reply
	var err error
	switch in := in.(type) {
	case *proto.Duty:
		reply = o.Duty(in)
	case keyed:
		r.stats.Down += uint64(len(in.piece.Data))
		reply = o.Piece(in.from, in.piece)
	case keyedEdge:
		r.stats.Down += uint64(len(in.edge.Data))
		reply = o.Edge(in.from, in.edge)
	case asking:
		if c, ok := o.Blob(in.request, proto.ChunkSize(r.bus.MaxPayload())); ok {
			_ = proto.Encode(&c, in.message.Respond)
		}
		return nil
	case fetched:
		if r.fetching == in.ref {
			r.fetching = proto.BlobRef{}
		}
		if in.data == nil {
			return nil // it is asked for again
		}
		r.stats.Deals++
		r.stats.Down += uint64(len(in.data))
		if reply, err = o.Dealt(in.ref, in.data); err != nil {
			return fmt.Errorf("range of run %s: %w", r.cfg.Run, err)
		}
	}
	if o.Share() != r.share { // before it says that it owns the range
		if err := r.listenTo(ctx, o.Share()); err != nil {
			return err
		}
	}
	if ref := reply.Fetch; ref != nil && *ref != r.fetching {
		r.fetching = *ref
		ref := *ref
		group.Go(func() { r.put(fetched{ref, r.fetch(ctx, ref)}) })
	}
	if reply.Receipt != nil {
		r.say(r.cfg.Run.ReceiptSubject(r.cfg.Key), reply.Receipt)
	}
	for _, e := range reply.Edges {
		_ = SendEdge(e, proto.ChunkSize(r.bus.MaxPayload()), func(data []byte) error { // who misses it asks for it
			r.stats.Up += uint64(len(data))
			return r.bus.Publish(r.cfg.Run.EdgeSubject(r.cfg.Key, int(e.Message.To)), data)
		})
	}
	if reply.Report != nil {
		_ = SendReply(reply, proto.ChunkSize(r.bus.MaxPayload()), func(data []byte) error {
			r.stats.Up += uint64(len(data))
			return r.bus.Publish(r.cfg.Run.ReportSubject(r.cfg.Key), data)
		})
	}
	if reply.Tell != nil {
		r.stats.Updates++
		select {
		case <-r.tell: // overtaken
		default:
		}
		r.stats.Up += uint64(len(reply.Tell.Data))
		r.tell <- *reply.Tell
	}
	return nil
}

// SendReply sends the report of a reply in chunks of at most size bytes.
func SendReply(r Reply, size int, send func(data []byte) error) error {
	return proto.SendReport(*r.Report, r.Data, r.From, r.Total, size, send)
}

// listenTo subscribes to what is sent to the owner of a range.
func (r *runner) listenTo(ctx context.Context, share int) error {
	r.deaf()
	if r.share = share; share < 0 {
		return nil
	}
	pieces, err := r.bus.Subscribe(r.cfg.Run.PieceSubject(proto.EveryKey, share), func(m *bus.Message) {
		k, _ := proto.Sender(m.Subject)
		if p := new(proto.Piece); k.Validate() == nil && proto.Decode(m.Data, p) == nil {
			r.put(keyed{k.Worker(p.Worker), p})
		}
	})
	if err != nil {
		return err
	}
	r.mine = append(r.mine, pieces)
	edges, err := r.bus.Subscribe(r.cfg.Run.EdgeSubject(proto.EveryKey, share), func(m *bus.Message) {
		k, _ := proto.Sender(m.Subject)
		if e := new(proto.Edge); k.Validate() == nil && proto.Decode(m.Data, e) == nil {
			r.put(keyedEdge{k.Worker(e.Reducer), e})
		}
	})
	if err != nil {
		return err
	}
	r.mine = append(r.mine, edges)
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Answer) // without it some is missed, and asked for again
	defer cancel()
	_ = r.bus.Flush(ctx)
	return nil
}

// deaf ends the subscriptions to what is sent to the owner of a range.
func (r *runner) deaf() {
	for _, s := range r.mine {
		s.Close()
	}
	r.mine = nil
}

func (r *runner) say(subject string, m proto.Message) {
	_ = proto.Encode(m, func(data []byte) error { return r.bus.Publish(subject, data) }) // it is said again
}

// live gives signs of life: it says hello again to its start, which takes that as one, and
// takes this reducer in again if it was given up. It ends with errAgain once the start has
// not answered for as long as it would wait itself, or does not want this reducer any more.
func (r *runner) live(ctx context.Context, every time.Duration) error {
	working := fmt.Sprintf("reducing for run %s, term %d", r.cfg.Run, r.head.Term)
	r.cfg.Alive(working)
	tick := time.NewTicker(max(every, 10*time.Millisecond))
	defer tick.Stop()
	for answered := time.Now(); ; {
		select {
		case <-tick.C:
			r.cfg.Alive(working)
			if _, err := r.hello(ctx, r.head); err == nil {
				answered = time.Now()
			} else if time.Since(answered) > 4*every || errors.Is(err, ErrRefused) {
				return errAgain
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// fetch gets the state of a range piece by piece, nil if it is not there any more.
func (r *runner) fetch(ctx context.Context, ref proto.BlobRef) []byte {
	data := make([]byte, 0, min(ref.Size, 64<<20))
	for int64(len(data)) < ref.Size {
		answer, err := r.request(ctx, r.cfg.Run.ReducerBlobSubject(r.cfg.Key),
			&proto.BlobRequest{Head: r.head, Worker: r.cfg.ID, Key: ref.Key, Offset: int64(len(data))})
		var c proto.BlobChunk
		if err == nil {
			err = proto.Decode(answer, &c)
		}
		switch {
		case err == nil && (c.Gone || !c.Same(r.head)):
			return nil // there is another deal
		case err != nil || c.Key != ref.Key || c.Offset != int64(len(data)) || c.Size != ref.Size || len(c.Data) == 0:
			if pause.For(ctx, r.cfg.Retry) != nil {
				return nil
			}
			continue
		}
		data = append(data, c.Data...)
	}
	if proto.DigestOf(data) != ref.Digest {
		return nil
	}
	return data
}

// broadcast sends weights, the newest version only.
func (r *runner) broadcast(ctx context.Context) {
	size := proto.ChunkSize(r.bus.MaxPayload())
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-r.tell:
			for at := 0; at < len(t.Data) && ctx.Err() == nil && len(r.tell) == 0; at += size {
				c := proto.BlobChunk{Head: r.head, Key: t.Key, Chunk: proto.Chunk{Size: t.Size, Offset: t.Offset + int64(at),
					Data: t.Data[at:min(at+size, len(t.Data))]}}
				_ = proto.Encode(&c, func(data []byte) error { // who misses it asks for it
					return r.bus.Publish(r.cfg.Run.WeightsSubject(), data)
				})
			}
		}
	}
}
