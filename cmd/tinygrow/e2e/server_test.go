package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
)

// startServer starts a NATS server that a test ends.
func startServer(t *testing.T, o natsserver.Options) *natsserver.Server {
	t.Helper()
	s, err := natsserver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// at is the system of those who reach a server at an address.
func at(t *testing.T, address string, log *slog.Logger) system {
	return system{connect: func() bus.Bus {
		b, err := bus.Open(bus.Options{URL: address, Name: "test", InboxPrefix: proto.WorkerRole.Inbox(proto.Anybody), Bulk: proto.Bulk,
			MinPayload: proto.MinPayload, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}}
}

// led runs a job with a commit log and two workers, and returns how it went and
// what the object store has in the end.
func (s system) led(t *testing.T, j coordinator.Job) (coordinator.Result, []string) {
	t.Helper()
	var members []*member
	for _, id := range []proto.WorkerID{"a", "b"} {
		members = append(members, s.start(worker.Config{ID: id, Threads: 1, Answer: 2 * time.Second}, data, nil))
	}
	b := s.connect()
	defer b.Close()
	j.Lead, _ = standBy(t, b, j.Dir)
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("test timed out"))
	defer cancel()
	r, err := coordinator.Run(ctx, j, b)
	if err != nil {
		t.Fatal(err)
	}
	names, err := j.Lead.Objects().Names(ctx)
	if err = errors.Join(err, j.Lead.Close()); err != nil {
		t.Error(err)
	}
	for _, m := range members {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
	return r, names
}

// restartable is a server that can be started again at the same address.
type restartable struct {
	*natsserver.Server
	t       *testing.T
	o       natsserver.Options
	address string
}

func again(t *testing.T, o natsserver.Options) *restartable {
	s := &restartable{startServer(t, o), t, o, ""}
	s.address = s.URL()
	u, err := url.Parse(s.address)
	if err == nil {
		s.o.Port, err = strconv.Atoi(u.Port())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *restartable) stop() { s.Server.Stop() }

func (s *restartable) restart() {
	s.stop()
	server, err := natsserver.Start(s.o)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.Server = server
}

// A server that is started again, twice in a run, costs time only. The commit
// log lasts, the lease is forgotten and written anew.
func TestTheServerIsStartedAgain(t *testing.T) {
	want := of(reference(t))
	server := again(t, natsserver.Options{StoreDir: t.TempDir()})
	defer server.stop()
	j := job(t, "")
	j.Config.Cluster.LostAfter = time.Second
	j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
		if r.Step == 5 || r.Step == 13 {
			server.restart()
		}
	}
	r, _ := at(t, server.address, nil).led(t, j)
	if got := of(r); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	wholeMetrics(t, j.Dir, r.Steps)
}

// A server whose disk is full turns JetStream off. The run says what to do,
// waits, and goes on when the server was started again.
func TestTheDiskOfTheServerIsFull(t *testing.T) {
	want := of(reference(t))
	server := again(t, natsserver.Options{StoreDir: t.TempDir()})
	defer server.stop()
	var said []string
	var started sync.WaitGroup
	j := job(t, "")
	j.Config.Cluster.LostAfter = 20 * time.Second
	j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
		if r.Step == 6 {
			if err := server.StopJetStream(); err != nil {
				t.Error(err)
			}
		}
	}
	j.Events.Waiting = func(why string) {
		if said = append(said, why); strings.Contains(why, "disk is full") {
			started.Go(server.restart)
		}
	}
	j.Events.Resumed = func(why string) { said = append(said, why) }
	r, _ := at(t, server.address, nil).led(t, j)
	started.Wait()
	if got := of(r); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	wholeMetrics(t, j.Dir, r.Steps)
	if text := strings.Join(said, "\n"); !strings.Contains(text, "free the disk, then start the server again") ||
		!strings.Contains(text, "has the record") {
		t.Errorf("it said:\n%s", text)
	}
}

// wide is a job whose weights take many messages.
func wide(t *testing.T, width int, steps uint64) coordinator.Job {
	j := job(t, "")
	j.Config.Model = nn.ModelConfig{Name: "mlp", Widths: []int{width}, Norm: "none"}
	j.Config.Train.Steps, j.Config.Train.EvalEpochs, j.Config.Growth.Policy = steps, 0, growth.PolicyNone
	return j
}

// Where the server takes small messages only, everything travels in small
// pieces, checkpoints too; where it takes next to none, joining says so.
func TestAServerOfSmallMessages(t *testing.T) {
	want := of(memory().train(t, wide(t, 300, 12), 1, 1))
	server := startServer(t, natsserver.Options{StoreDir: t.TempDir(), MaxPayload: proto.MinPayload})
	defer server.Stop()
	j := wide(t, 300, 12)
	j.Config.Checkpoint.EverySteps = 4
	r, objects := at(t, server.URL(), nil).led(t, j)
	if got := of(r); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(objects) == 0 {
		t.Error("no checkpoint lies in the object store")
	}
}

// When the server's store is full the run says what to do and waits; once there
// is room it goes on, and nothing is lost.
func TestTheStoreIsFull(t *testing.T) {
	want := of(reference(t))
	server := startServer(t, natsserver.Options{StoreDir: t.TempDir(), MaxStore: 4 << 20})
	defer server.Stop()
	s := at(t, server.URL(), nil)
	b := s.connect()
	defer b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ballast, err := b.(bus.ObjectStores).OpenObjects(ctx, bus.ObjectOptions{Name: "ballast"})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	var emptied sync.WaitGroup
	j := job(t, "")
	j.Config.Cluster.LostAfter = 20 * time.Second
	j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
		for size := 1 << 20; r.Step == 6 && size > 0; size /= 8 {
			for i := 0; ; i++ {
				err := ballast.Put(ctx, fmt.Sprintf("%d-%d", size, i), bytes.NewReader(make([]byte, size)))
				if errors.Is(err, bus.ErrFull) {
					break
				} else if err != nil {
					t.Error(err)
					return
				}
			}
		}
	}
	j.Events.Waiting = func(why string) {
		if said = append(said, why); strings.Contains(why, "max_file_store") {
			emptied.Go(func() {
				names, err := ballast.Names(ctx)
				for _, name := range names {
					err = errors.Join(err, ballast.Delete(ctx, name))
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	j.Events.Resumed = func(why string) { said = append(said, why) }
	r, _ := s.led(t, j)
	emptied.Wait()
	if got := of(r); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	wholeMetrics(t, j.Dir, r.Steps)
	if text := strings.Join(said, "\n"); !strings.Contains(text, "takes nothing more") || !strings.Contains(text, "has the record") {
		t.Errorf("it said:\n%s", text)
	}
}

// pipe stands between a server and those who connect to it. Once it is closed
// tight nothing is read from either end, though both stay connected.
type pipe struct {
	to       string
	listener net.Listener
	tight    chan struct{}
	over     chan struct{}
	group    sync.WaitGroup
}

func newPipe(t *testing.T, to string) *pipe {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pipe{to: to, listener: l, tight: make(chan struct{}), over: make(chan struct{})}
	p.group.Go(p.serve)
	return p
}

func (p *pipe) serve() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.to)
		if err != nil {
			near.Close()
			continue
		}
		p.group.Go(func() { p.carry(far, near) })
		p.group.Go(func() { p.carry(near, far) })
	}
}

// carry copies until one end is closed, or the pipe is.
func (p *pipe) carry(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-p.tight:
			<-p.over
			return
		default:
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *pipe) close() {
	p.listener.Close()
	close(p.over)
	p.group.Wait()
}

// lost counts the connections that were lost.
type lost struct {
	slog.Handler
	n *atomic.Int32
}

func (l lost) Enabled(context.Context, slog.Level) bool { return true }
func (l lost) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l lost) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "lost") {
		l.n.Add(1)
	}
	return nil
}

// A worker that reads nothing any more, while the server has more for it than
// it keeps for anybody, holds nobody up and costs nobody else the connection.
func TestAWorkerThatReadsNothing(t *testing.T) {
	const width, steps = 4000, 100 // 122 MB of weights; the server keeps 64
	want := of(memory().train(t, wide(t, width, steps), 1, 1))
	server := startServer(t, natsserver.Options{})
	defer server.Stop()
	p := newPipe(t, strings.TrimPrefix(server.URL(), "nats://"))
	var cut atomic.Int32
	s := at(t, server.URL(), slog.New(lost{slog.NewTextHandler(io.Discard, nil), &cut}))
	deaf := at(t, "nats://"+p.listener.Addr().String(), nil).start(worker.Config{ID: "deaf", Threads: 1}, data, nil)
	var members []*member
	for _, id := range []proto.WorkerID{"a", "b", "c"} {
		members = append(members, s.start(worker.Config{ID: id, Threads: 1}, data, nil))
	}
	j := wide(t, width, steps)
	j.Config.Cluster.MinWorkers = 3
	shut := sync.OnceFunc(func() { close(p.tight) })
	defer p.close()
	defer shut()
	left := map[proto.WorkerID]string{}
	j.Events.Left = func(w proto.WorkerID, why string) { left[w] = why }
	joined := false
	j.Events.Joined = func(m coordinator.Member) { joined = joined || m.Worker == "deaf" }
	j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
		if r.Step >= 10 && joined {
			shut()
		}
	}
	r := s.coordinate(t, context.Background(), j)
	if got := of(r); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !joined {
		t.Error("the worker that was to read nothing never joined")
	}
	if n := cut.Load(); n != 0 {
		t.Errorf("%d connections of others were lost", n)
	}
	for w := range left {
		if w != "deaf" {
			t.Errorf("%s left: %s", w, left[w])
		}
	}
	for _, m := range members {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
	deaf.Kill()
}
