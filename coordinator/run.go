package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/cputime"
)

// Run trains until the end of the job, and returns how it went. Cancelling ctx
// ends it after the step at hand, with a checkpoint and Done false; so does
// nothing else: a run without workers waits for some. An error leaves the last
// checkpoint, from which the job can be resumed. It returns lead.ErrFenced when
// another coordinator took the run up.
func Run(ctx context.Context, j Job, b bus.Bus) (Result, error) {
	started := time.Now()
	cpu := cputime.Used()
	past, err := j.past(ctx)
	if err != nil {
		return Result{}, err
	}
	s, err := openServer(ctx, j, past, b)
	if err != nil {
		return Result{}, err
	}
	store := s.store
	if j.Lead != nil {
		anew := store.fresh || store.extended != nil // checkpoints with the earlier end must not be taken up
		s.core.ledger = lead.NewLedger(past, lead.Self{Head: s.head(), Holder: j.Lead.Holder(), Born: store.born,
			Settings: j.Settings}, anew)
		if past.Checkpoint != nil && !anew {
			s.inLog[0] = past.Checkpoint.Object
		}
	}
	if err = s.serve(ctx); err == nil {
		err = s.saveEnd()
	}
	var r Result
	if err == nil {
		r, err = s.result()
	}
	if err == nil && r.Done {
		s.logEnd(ctx)
	}
	if errors.Is(err, trainer.ErrDiverged) {
		err = errors.Join(err, store.diverged())
	}
	if err = store.dir.CloseWith(err); err != nil {
		return Result{}, fmt.Errorf("run %s: %w", store.run, err)
	}
	j.Events.WithDefaults().Saved(store.dir.Path(), store.train.Step())
	r.WallS, r.CPUS = time.Since(started).Seconds(), (cputime.Used() - cpu).Seconds()
	r.Timing = s.watch.timing()
	r.StepsHere = s.steps
	r.SamplesPerS = float64(s.samples) / max(r.WallS, 1e-9)
	return r, nil
}

// openServer takes the job up, unless another start leads the run.
func openServer(ctx context.Context, j Job, past lead.History, b bus.Bus) (*server, error) {
	if j.Resume {
		if err := origin(j.Dir, past); err != nil {
			return nil, err
		}
	}
	start := proto.NewStart()
	if j.Lead != nil {
		start = j.Lead.Start()
	}
	r := newRivals(j, start, func(n *proto.News) { publish(b, n) })
	if j.Claim > 0 && past.Term == 0 { // no log tells of the run
		if err := r.claim(ctx, b, j.Claim); err != nil {
			return nil, err
		}
	}
	store, err := openStorage(j, past, start)
	if err != nil {
		return nil, err
	}
	r.leads(store.head())
	return newServer(j, store, b, r), nil
}

// server joins the core to a bus, a clock and a directory.
type server struct {
	job    Job
	store  *storage
	bus    bus.Bus
	events Events
	core   *core

	started  time.Time
	cpu      time.Duration   // processor time of the process when it started
	ctx      context.Context // context of Run, looked at between two rounds
	inbox    chan input
	done     chan struct{} // closed when the inbox is no longer read
	partials *partials
	shelf    shelf
	handout  *handout
	sender   *sender
	rivals   *rivals
	appends  chan appending // records for the commit log; at most one is on its way
	logWaits bool
	uploads  chan upload // checkpoints; at most one is on its way
	// uploading says that one is, inLog names the two newest that the log names.
	uploading  bool
	uploadTook time.Duration // the last one
	inLog      []string

	// What comes waits on a desk: of workers about their work, for tensors, for
	// the data set.
	desk, blobs, files *desk
	talk               talk

	pulls   map[proto.WorkerID]pending
	hosts   map[proto.WorkerID]string // hosts that members named
	wrong   []Quarantined
	samples int // trained on by this process
	steps   int // made by it
	window  rate
	eta     eta
	watch   stopwatch
	reached atomic.Bool // the bus carried messages a moment ago
	lent    lent
}

// input is a message for the run's goroutine: one of hello, pull, beat,
// partial and news of log and uploads.
type input struct {
	hello    *proto.Hello
	pull     *proto.Pull
	beat     *proto.Heartbeat
	partial  *arrived
	reducer  *fromReducer
	log      *appended
	uploaded *upload
	message  *bus.Message // request that waits for its answer
}

// pending is a pull that waits for its answer.
type pending struct {
	seq     uint64
	message *bus.Message
}

func newServer(j Job, store *storage, b bus.Bus, r *rivals) *server {
	s := &server{job: j, store: store, bus: b, rivals: r, events: j.Events.WithDefaults(), started: time.Now(), cpu: cputime.Used(),
		inbox: make(chan input, 256), appends: make(chan appending, 1), uploads: make(chan upload, 1), inLog: []string{"", ""},
		done: make(chan struct{}), handout: newHandout(store.dir.Path()), partials: newPartials(store.head()),
		pulls: map[proto.WorkerID]pending{}, hosts: map[proto.WorkerID]string{}}
	s.core = &core{head: store.head(), plan: plan.New(j.Config.plan()), train: store.train, port: s, gradient: s.events.Gradient}
	k := j.Config.Cluster
	s.core.share = sharing{most: j.Config.reducers(j.Alone), lost: k.LostAfter, window: gatherWindow,
		there: map[proto.WorkerID]*reducer{}, strikes: map[proto.WorkerID]int{}}
	if b != nil { // without one nothing is served, only read
		s.core.share.room = b.MaxPayload() - proto.Surrounding
	}
	s.desk, s.blobs, s.files = newDesk(k.control), newDesk(k.bulk), newDesk(k.bulk)
	s.sender = newSender(b, &s.shelf, s.head(), &s.watch.sending)
	return s
}

func (s *server) head() proto.Head { return s.store.head() }

func (s *server) now() plan.Time { return time.Since(s.started) }

// tick is how often time is looked at.
const tick = 50 * time.Millisecond

// serve runs rounds until the end, an error, or the cancelling of ctx.
func (s *server) serve(ctx context.Context) error {
	t := s.store.train
	s.events.Started(Started{Run: s.store.run, Dir: s.store.dir.Path(), Term: s.store.term, Resumed: s.job.Resume,
		Step: t.Step(), Steps: t.Steps(), Epochs: t.Epochs(), Params: len(t.Model().Params), Generation: t.Generation(),
		Outlook: t.Outlook(), Extended: s.store.extended})
	s.tellNetwork()
	for _, note := range s.store.dir.Notes() {
		s.events.Trouble(note)
	}
	if s.store.uncarded && s.store.card != nil {
		s.events.Trouble("the checkpoint is of an earlier version, which did not record what the model was trained on: the data set at " +
			"hand is taken for it")
	}
	sending, stopSending := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { s.sender.run(sending) })
	group.Go(func() { s.writeLog(sending) })
	group.Go(func() { s.writeObjects(sending) })
	group.Go(func() { s.reach(sending) })
	group.Go(func() { s.serveData(sending) })
	for _, d := range []*desk{s.desk, s.blobs, s.files} {
		group.Go(func() { d.run(s.done) })
	}
	door, err := openDoor(s)
	if err == nil {
		group.Go(func() { door.run(s.done) })
	}
	news, e := s.bus.Subscribe(s.store.run.NewsSubject(), s.rivals.onNews)
	reducers, e2 := s.listenReducers()
	defer func() {
		close(s.done)
		if e == nil {
			news.Close()
		}
		shut(reducers)
		stopSending()
		group.Wait()
		s.dropUpload()
	}()
	if err = errors.Join(err, e, e2); err != nil {
		return err
	}
	s.rivals.say()
	defer s.ends()
	s.ctx, s.core.stop = ctx, s.pauses()
	if err := errors.Join(s.core.begin(s.now()), s.upload()); err != nil {
		return err
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	stopped := ctx.Done()
	var tooLate <-chan time.Time
	for !s.core.finished() {
		var err error
		s.watch.enter(waiting)
		select {
		case in := <-s.inbox:
			s.watch.enter(serving)
			err = s.take(in)
		case <-ticker.C:
			s.watch.enter(serving)
			if s.reached.Swap(false) {
				s.events.Reached()
			}
			s.events.Alive()
			err = errors.Join(s.core.handle(s.now(), plan.Tick{}, proto.Sums{}), s.flush(), s.saveBetween())
		case err = <-s.lost():
		case err = <-s.rivals.lost:
		case <-stopped:
			s.core.stop, stopped = true, nil
			tooLate = time.After(s.job.Config.Cluster.StopGrace)
			if n, _ := s.core.plan.Workers(); n == 0 { // nobody is there to finish the step
				if s.core.whole() {
					return nil
				}
				err = s.core.abandon(s.now())
			}
		case <-tooLate:
			return nil // the step at hand is dropped; it is made again after resuming
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ends says goodbye: for good, or until somebody resumes the run.
func (s *server) ends() {
	task := &proto.Task{Do: proto.Rejoin, Text: "the coordinator stops"}
	_, more := s.store.train.Next()
	if !more {
		task = &proto.Task{Do: proto.Stop, Text: fmt.Sprintf("run %s is complete", s.store.run)}
	}
	for w := range s.pulls {
		s.answer(w, task)
	}
	s.rivals.end(!more, task.Text)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.bus.Flush(ctx) // who does not hear of the end finds nobody to pull from
}

// publish sends news. Who misses it learns it from the answer to a pull, or
// from finding nobody to pull from.
func publish(b bus.Bus, n *proto.News) {
	_ = proto.Encode(n, func(data []byte) error { return b.Publish(n.Run.NewsSubject(), data) })
}

// flush lets readers of the metrics see them once a second, and workers that
// look for a run hear of this one.
func (s *server) flush() error {
	if s.window.due(s.now()) {
		s.sumUp(s.now())
		s.rivals.say()
		return s.store.dir.Metrics.Flush()
	}
	return nil
}

// take handles one message.
func (s *server) take(in input) error {
	now := s.now()
	switch {
	case in.hello != nil:
		return s.join(now, in.hello, in.message)
	case in.pull != nil:
		p := in.pull
		again := func(why string) error {
			reply(in.message, &proto.Task{Head: s.head(), Do: proto.Rejoin, Text: why})
			return nil
		}
		if !p.Same(s.head()) {
			s.partials.count(func(d *Dropped) { d.Foreign++ })
			if s.job.Lead != nil && p.Term > s.store.term {
				return nil // there is another coordinator; the log is about to say so
			}
			return again(fmt.Sprintf("this is another start of the coordinator, in term %d of the run", s.store.term))
		}
		if s.core.plan.Stranger(p.Worker, p.Nonce) {
			return again(fmt.Sprintf("another worker goes by the id %s", p.Worker))
		}
		if old, ok := s.pulls[p.Worker]; ok && p.Seq <= old.seq {
			return nil
		}
		s.pulls[p.Worker] = pending{p.Seq, in.message}
		return s.core.handle(now, plan.Pull{Worker: p.Worker, Seq: p.Seq, Last: p.Last}, proto.Sums{})
	case in.beat != nil && s.core.plan.Stranger(in.beat.Worker, in.beat.Nonce):
		return nil
	case in.beat != nil && in.beat.Leave:
		return s.core.handle(now, plan.Leave{Worker: in.beat.Worker, Why: in.beat.Text}, proto.Sums{})
	case in.beat != nil && in.beat.Key != "":
		s.sender.progress(in.beat.Worker, in.beat.Key, in.beat.Have)
		return s.core.handle(now, plan.Heard{Worker: in.beat.Worker}, proto.Sums{})
	case in.beat != nil:
		return s.core.handle(now, plan.Heard{Worker: in.beat.Worker}, proto.Sums{})
	case in.partial != nil:
		return s.core.partial(now, in.partial)
	case in.reducer != nil:
		return s.fromReducer(now, in.reducer, in.message)
	case in.log != nil:
		return s.logged(now, *in.log)
	case in.uploaded != nil:
		s.uploaded(*in.uploaded)
	}
	return nil
}

// answer replies to the last pull of a worker, if that still waits. One that
// has to join again is forgotten until it does.
func (s *server) answer(w proto.WorkerID, t *proto.Task) {
	p := s.pulls[w]
	if t.Do == proto.Rejoin {
		delete(s.pulls, w)
	} else {
		s.pulls[w] = pending{seq: p.seq}
	}
	if p.message != nil {
		t.Head = s.head()
		if t.Do == proto.Compute {
			s.partials.expect(w, t.Block)
			s.granted(w)
		}
		reply(p.message, t)
	}
}

// reply answers a request; an answer that is lost is asked for again.
func reply(m *bus.Message, answer proto.Message) {
	_ = proto.Encode(answer, m.Respond)
}

func (s *server) open(r roundInfo, o offer, newWeights bool) {
	s.partials.open(r)
	s.shelf.put(o)
	if newWeights {
		s.sender.send(o.weights.ref.Key)
	}
}

func (s *server) memory(n int) []float32 { return s.shelf.memory(n) }

func (s *server) enters(p phase) { s.watch.enter(p) }

func (s *server) release(sums proto.Sums) { s.partials.release(sums) }

func (s *server) decided(c plan.Command) {
	switch c := c.(type) {
	case plan.Fold:
		s.watch.folded++
	case plan.Doubt:
		s.partials.count(func(d *Dropped) { d.Doubted++ })
	case plan.Wrong:
		s.partials.count(func(d *Dropped) { d.Wrong++ })
	case plan.Drop:
		s.answer(c.Worker, &proto.Task{Do: proto.Rejoin, Text: c.Why})
		s.partials.forget(c.Worker)
		s.sender.forget(c.Worker)
		delete(s.hosts, c.Worker)
		if s.talk.allowed(c.Worker) {
			s.events.Left(c.Worker, c.Why)
		}
	case plan.Waiting:
		s.events.Waiting(c.Why + s.job.Invite)
	case plan.Resumed:
		s.events.Resumed(c.Why)
	case plan.Alarm:
		s.events.Alarm(fmt.Sprintf("step %d: workers %s and %s got different sums of block %s of round %d: %s", s.store.train.Step(),
			c.First, c.Second, c.Block, c.Round, c.Why))
	case plan.Quarantine:
		s.wrong = append(s.wrong, Quarantined{c.Worker, s.hosts[c.Worker], s.store.train.Step(), c.Why})
		s.events.Alarm(fmt.Sprintf("step %d: worker %s (host %q) is in quarantine, look at that machine: %s", s.store.train.Step(),
			c.Worker, s.hosts[c.Worker], c.Why))
	case plan.Redo:
		s.events.Alarm(fmt.Sprintf("round %d begins anew: %s", c.Round, c.Why))
	}
	s.events.Decided(c)
}

func (s *server) applied(a trainer.Applied) error {
	defer func() { s.core.stop = s.core.stop || s.ctx.Err() != nil || s.pauses() }()
	pace := s.pace(a)
	s.watch.lap(a.Step, s.core.round, pace.Threads)
	pace.Timing = s.watch.timing()
	if err := s.store.record(a, pace); err != nil {
		return err
	}
	if a.Init != nil {
		s.events.Learned(*a.Init)
	}
	if a.Step != nil {
		s.events.Step(*a.Step, pace)
	}
	if a.Health != nil {
		s.events.Followed(*a.Health)
	}
	if a.Eval != nil {
		s.events.Evaluated(*a.Eval)
	}
	if a.Restored != nil {
		s.events.Restored(*a.Restored)
	}
	if a.Growth != nil {
		s.events.Grew(*a.Growth, *a.Grown)
		if a.Grown.Grown {
			s.tellNetwork()
		}
	}
	return s.saveAfter(a)
}

// pauses reports whether the run is where this start of it ends.
func (s *server) pauses() bool {
	p := s.job.PauseAt
	return p > 0 && p < 1 && s.store.train.PartDone() >= p
}

// tellNetwork tells of the network at hand.
func (s *server) tellNetwork() {
	t := s.store.train
	s.events.Network(Network{Step: t.Step(), Event: t.Events(), Model: t.Model()})
}

// result gathers what is known at the end.
func (s *server) result() (Result, error) {
	t := s.store.train
	c, err := s.store.checkpoint()
	if err != nil {
		return Result{}, err
	}
	records, err := s.store.journal()
	if err != nil {
		return Result{}, err
	}
	at := t.Progress()
	_, more := t.Next()
	r := Result{
		Run: s.store.run, RunDir: s.store.dir.Path(), Done: !more, Paused: more && s.pauses(), Stopped: at.Stopped,
		Steps: t.Step(), FLOPs: at.FLOPs, Generation: t.Generation(),
		ParamsStart: at.StartParams, ParamsEnd: len(c.Model.Params), Widths: c.Model.Graph.Widths(), GrowthEvents: records,
		ModelSHA256: checkpoint.ModelSHA256(c.Model), OptimizerSHA256: checkpoint.OptimizerSHA256(c.Updates, c.Slots),
		JournalSHA256: s.store.dir.Journal.SHA256(),
		Dropped:       s.dropped(), Quarantined: s.wrong, StandIn: s.standIn(),
	}
	r.measured(t)
	return r, nil
}
