package coordinator

import (
	"errors"
	"fmt"
	"sync"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// fromReducer is a message of a reducer for the run's goroutine, one of its kinds.
type fromReducer struct {
	id     proto.WorkerID
	hello  *proto.Hello
	beat   *proto.Heartbeat
	report *proto.Report
}

// lent is what reducers may fetch.
type lent struct {
	mu    sync.Mutex
	blobs []blob
}

func (l *lent) of(key string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.blobs {
		if b.ref.Key == key {
			return b.data
		}
	}
	return nil
}

// listenReducers subscribes to what reducers say.
func (s *server) listenReducers() (subs []bus.Subscription, err error) {
	run := s.store.run
	return s.hear(map[string]bus.Handler{
		run.ReducerJoinSubject(proto.EveryKey): s.through(s.desk, s.onReducerHello),
		run.ReducerBeatSubject(proto.EveryKey): s.through(s.desk, s.onReducerBeat),
		run.ReducerBlobSubject(proto.EveryKey): s.through(s.blobs, s.onReducerBlob),
		run.ReceiptSubject(proto.EveryKey):     s.from(s.onReceipt),
		run.ReportSubject(proto.EveryKey):      s.from(s.onReport),
	})
}

func (s *server) onReducerHello(k proto.Key, m *bus.Message) {
	h := new(proto.Hello)
	switch err := proto.Decode(m.Data, h); {
	case errors.Is(err, proto.ErrVersion):
		reply(m, &proto.Refusal{Head: s.head(), Why: proto.OtherVersion, Text: err.Error() + ": use the same build on both sides"})
	case err == nil && h.Start != "" && !h.Same(s.head()): // it serves another start
	case err == nil && h.Run == s.store.run:
		s.push(input{reducer: &fromReducer{id: k.Worker(h.Worker), hello: h}, message: m})
	}
}

func (s *server) onReducerBeat(k proto.Key, m *bus.Message) {
	h := new(proto.Heartbeat)
	if proto.Decode(m.Data, h) == nil && s.mine(h.Head) {
		s.push(input{reducer: &fromReducer{id: k.Worker(h.Worker), beat: h}})
	}
}

// onReducerBlob hands out the state of ranges.
func (s *server) onReducerBlob(_ proto.Key, m *bus.Message) {
	r := new(proto.BlobRequest)
	if proto.Decode(m.Data, r) != nil || !s.mine(r.Head) {
		return
	}
	answer := &proto.BlobChunk{Head: s.head(), Key: r.Key, Gone: true}
	if data := s.lent.of(r.Key); data != nil {
		answer.Gone, answer.Chunk = false, proto.ChunkAt(data, r.Offset, proto.ChunkSize(s.bus.MaxPayload()))
	}
	reply(m, answer)
}

// onReceipt takes what an owner has of a partial. Only owners of the deal at hand count.
func (s *server) onReceipt(k proto.Key, m *bus.Message) {
	r := new(proto.Receipt)
	if proto.Decode(m.Data, r) != nil {
		s.partials.count(func(d *Dropped) { d.Damaged++ })
		return
	}
	if whole, ok := s.partials.receipt(k.Worker(r.Reducer), r); ok {
		s.push(input{partial: &whole})
	}
}

func (s *server) onReport(k proto.Key, m *bus.Message) {
	r := new(proto.Report)
	if proto.Decode(m.Data, r) != nil {
		s.partials.count(func(d *Dropped) { d.Damaged++ })
		return
	}
	if s.mine(r.Head) {
		s.push(input{reducer: &fromReducer{id: k.Worker(r.Reducer), report: r}})
	}
}

// fromReducer handles a message of a reducer.
func (s *server) fromReducer(now plan.Time, in *fromReducer, m *bus.Message) error {
	switch {
	case in.hello != nil:
		return s.joinReducer(now, in, m)
	case in.report != nil:
		return s.core.reported(now, in.id, in.report)
	case in.beat.Leave && s.core.share.there[in.id] != nil && s.core.share.there[in.id].nonce == in.beat.Nonce:
		return s.core.loseReducer(now, in.id, in.beat.Text)
	}
	return nil
}

// joinReducer admits a reducer or says why not.
func (s *server) joinReducer(now plan.Time, in *fromReducer, m *bus.Message) error {
	h := in.hello
	refuse := func(why proto.Why, text string) error {
		if s.talk.allowed(in.id) {
			s.events.Refused(Member{in.id, h.Host, h.Threads, h.Program}, text)
		}
		reply(m, &proto.Refusal{Head: s.head(), Why: why, Text: text})
		return nil
	}
	old := s.core.share.there[in.id]
	switch most := s.core.share.most; {
	case s.job.Alone:
		return refuse(proto.TooManyWorkers,
			"this run trains in one process, which owns all parameters: reducers serve tinygrow coordinator")
	case s.job.Config.Train.GradCosine:
		return refuse(proto.TooManyWorkers, "train.grad_cosine is on: the coordinator owns all parameters of a run that compares the "+
			"halves of its batches")
	case most == 0:
		return refuse(proto.TooManyWorkers, "cluster.reducers is 0: the coordinator owns all parameters")
	case h.Fingerprint != nn.Fingerprint():
		return refuse(proto.OtherArithmetic, fmt.Sprintf("the reducer's arithmetic gives other bits (fingerprint %.16s) than the "+
			"coordinator's (%.16s): use the same build on both", h.Fingerprint, nn.Fingerprint()))
	case s.core.takenReducer(now, in.id, h.Nonce):
		reply(m, &proto.Refusal{Head: s.head(), Why: proto.NotYet, Text: fmt.Sprintf("a reducer called %s was at work a moment ago; "+
			"this one takes its place if it is silent", in.id)})
		return nil
	case old == nil && len(s.core.share.names) >= 2*most: // some stand by
		return refuse(proto.TooManyWorkers, fmt.Sprintf("%d reducers are here, cluster.reducers %d allows no more",
			len(s.core.share.names), most))
	}
	reply(m, &proto.Welcome{Head: s.head(), Threads: h.Threads, Heartbeat: s.job.Config.Cluster.LostAfter / 4})
	if old == nil || old.nonce != h.Nonce {
		s.events.Reducers(fmt.Sprintf("reducer %s on host %q joined", in.id, h.Host))
	}
	return s.core.admitReducer(now, in.id, h.Nonce)
}

func (s *server) duty(d *proto.Duty) {
	_ = proto.Encode(d, func(data []byte) error { return s.bus.Publish(s.store.run.DutySubject(), data) }) // it is told again
}

func (s *server) lend(b []blob) {
	s.lent.mu.Lock()
	defer s.lent.mu.Unlock()
	s.lent.blobs = b
}

func (s *server) reducerLost(id proto.WorkerID, steps int, why string) {
	text := fmt.Sprintf("reducer %s is gone: %s", id, why)
	if steps > 0 {
		text += fmt.Sprintf("; %d steps are made again", steps)
	}
	s.events.Reducers(text)
}

func (s *server) gathered() error { return s.save() }
