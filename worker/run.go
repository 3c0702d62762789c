package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/tensor/local"
)

// Run works for a run until it ends (nil), until ctx is cancelled (nil, after
// the block in hand and a goodbye), or until the coordinator refuses the
// worker (ErrRefused). While nobody answers it waits and tries again.
func Run(ctx context.Context, cfg Config, b bus.Bus, samples Samples) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	c := &client{cfg: cfg.withDefaults(), bus: b, samples: samples, nonce: proto.NewNonce(), pulls: uint64(time.Now().UnixNano())}
	defer func() { c.cfg.Done(c.record.close(c.cfg)) }()
	if cfg.StandIn > 0 {
		c.cfg.Log.Warn("standing in: nothing is computed, and nothing will be trained", "run", c.cfg.Run, "microshard", cfg.StandIn)
	}
	in := newBlobs(c)
	weights, err := b.Subscribe(c.cfg.Run.WeightsSubject(), in.receive)
	if err != nil {
		return err
	}
	defer weights.Close()
	again := 0 // sessions in a row that ended as soon as they began
	for over := cfg.over; ; {
		c.cfg = c.cfg.withHands()
		welcome, err := c.joinUnlessEnded(ctx, over)
		switch {
		case ctx.Err() != nil || errors.Is(err, errEnded):
			return nil
		case err != nil:
			return err
		}
		c.of = welcome.Head
		joined := time.Now()
		c.cfg.Log.Info("joined", "run", c.cfg.Run, "term", c.of.Term, "start", c.of.Start, "worker", c.cfg.ID, "threads", welcome.Threads)
		in.reset(c.head())
		err = newSession(c, in, welcome).run(ctx)
		switch {
		case errors.Is(err, errEnded) || ctx.Err() != nil:
			return nil
		case !errors.Is(err, errRejoin) && !errors.Is(err, errOver):
			return err
		}
		over = errors.Is(err, errOver)
		if short := time.Since(joined) < c.cfg.Retry; !short {
			again = 0
		} else if again = min(again+1, maxAgain); again > 1 { // being sent away at once is no news
			c.cfg.Log.Debug("joining again", "run", c.cfg.Run, "reason", err)
			if err := pause.For(ctx, c.cfg.Retry<<again); err != nil {
				return nil
			}
			continue
		}
		c.cfg.Log.Info("joining again", "run", c.cfg.Run, "reason", err)
	}
}

// maxAgain bounds, as a power of two, the pauses before joining again.
const maxAgain = 5

// session is the time between a welcome and what ends it.
type session struct {
	client *client
	blobs  *blobs
	crew   *crew
	beat   time.Duration

	tasks chan proto.Task // pull sends them to work
	mu    sync.Mutex
	hand  map[inHand]bool // tasks pulled and not finished
	at    proto.RoundSpec // being computed
	stop  context.CancelCauseFunc

	networks map[string]*network // the last one, by the key of its graph
	version  *version
	weights  string    // key of version
	params   []float32 // memory of a version that travelled in 16 bits
	request  string    // key of growth
	job      *job      // the last growth round's
	plan     *local.Plan
	planKey  string // key of plan
}

type inHand struct {
	round proto.Round
	block proto.Block
}

func newSession(c *client, in *blobs, w proto.Welcome) *session {
	s := &session{client: c, blobs: in, crew: newCrew(c.samples, min(w.Threads, c.cfg.Threads)), beat: max(w.Heartbeat, minBeat),
		tasks: make(chan proto.Task), hand: map[inHand]bool{}}
	if c.cfg.StandIn > 0 {
		s.crew.standIn = &standIn{shard: c.cfg.StandIn}
	}
	return s
}

// minBeat bounds how often a coordinator can ask for signs of life.
const minBeat = 10 * time.Millisecond

// run ends with errRejoin, errEnded, an error, or the end of ctx.
func (s *session) run(ctx context.Context) error {
	c := s.client
	// What ends the session stops the pulling at once, and the computing too
	// unless it is ctx: then the block in hand is finished.
	pulling, stopPulling := context.WithCancelCause(ctx)
	computing, stopComputing := context.WithCancelCause(context.WithoutCancel(ctx))
	end := func(err error) {
		stopPulling(err)
		if ctx.Err() == nil {
			stopComputing(err)
		}
	}
	s.blobs.tell(s.newer)
	defer s.blobs.tell(nil)
	news, err := c.bus.Subscribe(c.cfg.Run.NewsSubject(), func(m *bus.Message) {
		if err := c.onNews(m); err != nil {
			end(err)
		}
	})
	if err != nil {
		end(err)
		stopComputing(err)
		return err
	}
	defer news.Close()
	grace := context.AfterFunc(ctx, func() {
		time.AfterFunc(c.cfg.Grace, func() { stopComputing(context.Canceled) })
	})
	defer grace()
	var group sync.WaitGroup
	group.Go(func() { end(s.pull(pulling)) })
	group.Go(func() { s.live(pulling) })
	group.Go(func() { end(s.attend(pulling)) })
	end(s.work(computing, pulling))
	group.Wait()
	stopComputing(nil)
	if s.version != nil {
		s.blobs.recycle(s.version.from)
	}
	if ctx.Err() != nil {
		s.client.say(proto.Heartbeat{Leave: true, Text: "told to stop"})
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return c.bus.Flush(flush)
	}
	return context.Cause(pulling)
}

// onNews takes what coordinators say to all. An error ends the session.
func (c *client) onNews(m *bus.Message) error {
	var n proto.News
	if proto.Decode(m.Data, &n) != nil || n.Run != c.cfg.Run || n.Claims {
		return nil
	}
	return c.heard(&n)
}

// heard returns what news mean to a session: the end of this start's run ends
// it. Another start is of no concern, unless it took the run up in a later term.
func (c *client) heard(n *proto.News) error {
	switch {
	case n.Same(c.head()) && n.Ended:
		return errEnded
	case n.Term <= c.of.Term:
		return nil
	case n.Ended:
		return errOver
	}
	return errRejoin
}

// live gives signs of life.
func (s *session) live(ctx context.Context) {
	working := fmt.Sprintf("working for run %s, term %d", s.client.cfg.Run, s.client.of.Term)
	s.client.cfg.Alive(working)
	tick := time.NewTicker(s.beat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.client.cfg.Alive(working)
			s.client.say(proto.Heartbeat{})
		case <-ctx.Done():
			return
		}
	}
}

// pull fetches one task while the one before is being computed.
func (s *session) pull(ctx context.Context) error {
	c := s.client
	var last uint64
	for {
		c.pulls++
		asked := time.Now()
		var t proto.Task
		pull := &proto.Pull{Head: c.head(), Worker: c.cfg.ID, Nonce: c.nonce, Seq: c.pulls, Last: last}
		err := c.request(ctx, c.cfg.Run.PullSubject(c.cfg.Key), pull, &t)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			if err := c.pause(ctx); err != nil {
				return err
			}
			continue
		case t.Do == proto.Rejoin || !t.Same(c.head()): // another start took this one's place
			return errRejoin
		case t.Do == proto.Stop:
			return errEnded
		}
		last = max(last, t.Task)
		if t.Do == proto.Wait || !s.accept(t) {
			// A coordinator that says so takes its time; one that does not must
			// not have this worker ask without pause.
			if time.Since(asked) < c.cfg.Retry {
				if err := c.pause(ctx); err != nil {
					return err
				}
			}
			continue
		}
		select {
		case s.tasks <- t:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// accept notes a task as in hand; one that is already there is no news. A task
// of a later round ends the computation of an earlier one.
func (s *session) accept(t proto.Task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := inHand{t.Spec.Round, t.Block}
	if s.hand[key] {
		return false
	}
	s.hand[key] = true
	if s.stop != nil && s.at.Round < t.Spec.Round {
		s.stop(errSuperseded)
	}
	return true
}

// newer ends the computation of a round whose weights are out of date.
func (s *session) newer(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil && s.at.Weights.Key < key {
		s.stop(errSuperseded)
	}
}

// work computes task after task. It ends when pulling does, after the task in hand.
func (s *session) work(ctx, pulling context.Context) error {
	for {
		select {
		case t := <-s.tasks:
			err := s.do(ctx, pulling, t)
			switch {
			case err == nil || errors.Is(err, errSuperseded) || errors.Is(err, errGone):
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case pulling.Err() != nil:
				return context.Cause(pulling)
			default:
				return err
			}
		case <-pulling.Done():
			return context.Cause(pulling)
		}
	}
}

// do computes one task and publishes its partial. Only the computing goes on
// when pulling has ended.
func (s *session) do(ctx, pulling context.Context, t proto.Task) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	fetching, stopFetching := context.WithCancelCause(ctx)
	defer stopFetching(nil)
	defer context.AfterFunc(pulling, func() { stopFetching(context.Cause(pulling)) })()
	s.mu.Lock()
	s.at, s.stop = t.Spec, stop
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.hand, inHand{t.Spec.Round, t.Block})
		s.stop = nil
		s.mu.Unlock()
	}()
	rec := &s.client.record
	rec.begin(&t)
	j, err := s.prepare(fetching, t.Spec)
	rec.note(&rec.stats.Weights)
	if err != nil {
		return err
	}
	sums, err := s.crew.compute(ctx, j, t.Block, t.Threads)
	rec.note(&rec.stats.Compute)
	if err != nil {
		return err
	}
	s.publish(t, j.inputs(), sums)
	rec.note(&rec.stats.Encode)
	rec.end(&t)
	s.client.cfg.Worked(rec.now(s.client.cfg))
	return nil
}

// publish hands sums over to a coordinator in this process, or sends them.
func (s *session) publish(t proto.Task, inputs proto.Digest, sums proto.Sums) {
	c := s.client
	subject := c.cfg.Run.PartialSubject(c.cfg.Key)
	if t.Spec.Shares != nil {
		defer s.crew.sums.put(sums)
		s.publishPieces(t, inputs, sums)
		sums.F32 = nil
		s.send(subject, t, inputs, sums)
		return
	}
	if near, ok := c.bus.(bus.Sharing); ok {
		given := false
		near.Hand(subject, func() any {
			if given { // only one can have them: the others ask for the block again
				return nil
			}
			given = true
			return &proto.Partial{Head: c.head(), Worker: c.cfg.ID, Round: t.Spec.Round, Block: t.Block,
				Inputs: inputs, Sums: sums, Return: s.crew.sums.put}
		})
		if given {
			return
		}
	}
	defer s.crew.sums.put(sums)
	s.send(subject, t, inputs, sums)
}

// send sends sums to the coordinator.
func (s *session) send(subject string, t proto.Task, inputs proto.Digest, sums proto.Sums) {
	c := s.client
	m := proto.PartialChunk{Head: c.head(), Worker: c.cfg.ID, Round: t.Spec.Round, Block: t.Block, Inputs: inputs}
	err := proto.SendPartial(m, travelling(t.Spec.Wire, sums), proto.ChunkSize(c.bus.MaxPayload()), func(data []byte) error {
		c.record.sent(len(data))
		return c.bus.Publish(subject, data)
	})
	if err != nil { // the coordinator asks for it again
		c.cfg.Log.Debug("partial not sent", "round", t.Spec.Round, "block", t.Block, "error", err)
	}
}

// publishPieces sends each range of the gradient to its owner.
func (s *session) publishPieces(t proto.Task, inputs proto.Digest, sums proto.Sums) {
	c := s.client
	data, width := proto.Bytes32(sums.F32), uint64(4)
	if t.Spec.Wire.Half() {
		data, width = proto.Bytes16(travelling(t.Spec.Wire, sums).F16), 2
	}
	for i := range t.Spec.Shares.Cuts {
		m := proto.Piece{PartialChunk: proto.PartialChunk{Head: c.head(), Worker: c.cfg.ID, Round: t.Spec.Round, Block: t.Block,
			Inputs: inputs}, Of: proto.Of{Deal: t.Spec.Shares.Deal, Share: uint32(i)}}
		lo, hi := t.Spec.Shares.Range(i)
		subject := c.cfg.Run.PieceSubject(c.cfg.Key, i)
		err := proto.SendPiece(m, data[width*lo:width*hi], proto.ChunkSize(c.bus.MaxPayload()), func(data []byte) error {
			c.record.sent(len(data))
			return c.bus.Publish(subject, data)
		})
		if err != nil { // the coordinator asks for the block again
			c.cfg.Log.Debug("piece not sent", "round", t.Spec.Round, "block", t.Block, "range", i, "error", err)
		}
	}
}
