package coordinator

import (
	"context"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/forge"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// unsealed is what forge.Seal makes m of.
func unsealed(t testing.TB, m proto.Message) []byte {
	body, err := forge.Body(m)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// besieged is a coordinator in its first round, of which the workers a and b
// hold blocks.
type besieged struct {
	*server
}

// besiege returns what makes one anew.
func besiege(t testing.TB) func(t testing.TB) *besieged {
	var j Job
	j.Run, j.Config = "r", Default()
	c := simSettings()
	j.Config.Train, j.Config.Optimizer, j.Config.Growth = c.Train, c.Optimizer, c.Growth
	j.Data = Data{Digest: "d", Train: c.Data.Train, Test: c.Data.Test, Set: proto.DataSet{Name: "shapes", Digest: "d"}}
	dir, err := checkpoint.Create(t.TempDir()+"/run", []byte("run: r\n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	b := bus.NewHub(0).Connect()
	t.Cleanup(func() { b.Close() })
	return func(t testing.TB) *besieged {
		train, err := trainer.New(c, nn.Init(simGraph(), 1))
		if err != nil {
			t.Fatal(err)
		}
		store := &storage{dir: dir, run: "r", term: 1, start: "s", train: train, keep: 1, saved: time.Now()}
		s := newServer(j, store, b, newRivals(j, "s", func(*proto.News) {}))
		s.ctx = context.Background()
		if err := s.core.begin(0); err != nil {
			t.Fatal(err)
		}
		for _, w := range []proto.WorkerID{"a", "b"} {
			for _, in := range []input{
				{hello: &proto.Hello{Head: s.head(), Worker: w, Nonce: "n", Threads: 1, Data: "d", Fingerprint: nn.Fingerprint()},
					message: new(bus.Message)},
				{pull: &proto.Pull{Head: s.head(), Worker: w, Nonce: "n", Seq: 1}, message: new(bus.Message)},
			} {
				if err := s.take(in); err != nil {
					t.Fatal(err)
				}
			}
		}
		return &besieged{s}
	}
}

// withstand hands a message to a handler and lets the run take what came of it.
func (s *besieged) withstand(t testing.TB, handler func(proto.Key, *bus.Message), data []byte) {
	members, _ := s.core.plan.Workers()
	for range 2 {
		handler(proto.Anybody, &bus.Message{Data: forge.Seal(data)})
	}
	for len(s.inbox) > 0 {
		if err := s.take(<-s.inbox); err != nil {
			t.Fatalf("it ends the run: %v", err)
		}
	}
	if err := s.core.handle(s.now(), plan.Tick{}, proto.Sums{}); err != nil {
		t.Fatalf("a tick after it ends the run: %v", err)
	}
	now, _ := s.core.plan.Workers()
	if now > members+1 || len(s.pulls) > now || len(s.hosts) > now || len(s.partials.workers) > now || len(s.sender.workers) > now {
		t.Fatalf("%d members became %d; %d pulls, %d hosts, %d senders of partials and %d receivers of weights are kept",
			members, now, len(s.pulls), len(s.hosts), len(s.partials.workers), len(s.sender.workers))
	}
}

// fuzzHandler fuzzes the handler that pick returns.
func fuzzHandler(f *testing.F, pick func(s *server) func(proto.Key, *bus.Message), seeds ...proto.Message) {
	start := besiege(f)
	for _, m := range seeds {
		f.Add(unsealed(f, m))
	}
	f.Add([]byte{})
	f.Add([]byte("\xff\x00 no map"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := start(t)
		s.withstand(t, pick(s.server), data)
	})
}

var here = proto.Head{Run: "r", Term: 1, Start: "s"}

func FuzzOnHello(f *testing.F) {
	hello := func(change func(h *proto.Hello)) proto.Message {
		h := &proto.Hello{Head: proto.Head{Run: "r"}, Worker: "c", Nonce: "n", Host: "h", Threads: 2, Data: "d",
			Fingerprint: nn.Fingerprint(), Program: "p"}
		change(h)
		return h
	}
	fuzzHandler(f, func(s *server) func(proto.Key, *bus.Message) { return s.onHello },
		hello(func(*proto.Hello) {}),
		hello(func(h *proto.Hello) { h.Worker = "a" }),
		hello(func(h *proto.Hello) { h.Worker, h.Nonce = "a", "other" }),
		hello(func(h *proto.Hello) { h.Threads, h.Shared = 1<<16, true }),
		hello(func(h *proto.Hello) { h.Data, h.Host, h.Program = "other", "\x1b[2J\n", "\xff" }))
}

func FuzzOnPull(f *testing.F) {
	fuzzHandler(f, func(s *server) func(proto.Key, *bus.Message) { return s.onPull },
		&proto.Pull{Head: here, Worker: "a", Nonce: "n", Seq: 2, Last: 1},
		&proto.Pull{Head: here, Worker: "a", Nonce: "n", Seq: 1 << 63, Last: 1 << 63},
		&proto.Pull{Head: here, Worker: "a", Nonce: "other", Seq: 2},
		&proto.Pull{Head: here, Worker: "nobody", Seq: 1},
		&proto.Pull{Head: proto.Head{Run: "r", Term: 9, Start: "t"}, Worker: "b", Nonce: "n", Seq: 2})
}

func FuzzOnBeat(f *testing.F) {
	fuzzHandler(f, func(s *server) func(proto.Key, *bus.Message) { return s.onBeat },
		&proto.Heartbeat{Head: here, Worker: "a", Nonce: "n"},
		&proto.Heartbeat{Head: here, Worker: "a", Nonce: "n", Leave: true, Text: "bye\n\x1b"},
		&proto.Heartbeat{Head: here, Worker: "a", Nonce: "n", Key: "weights-000000000000-00000000", Have: 1 << 30},
		&proto.Heartbeat{Head: here, Worker: "nobody", Nonce: "n", Key: "k"})
}

func FuzzOnBlob(f *testing.F) {
	fuzzHandler(f, func(s *server) func(proto.Key, *bus.Message) { return s.onBlob },
		&proto.BlobRequest{Head: here, Worker: "a", Key: "graph-0"},
		&proto.BlobRequest{Head: here, Worker: "a", Key: "graph-0", Offset: proto.MaxBlob},
		&proto.BlobRequest{Head: here, Worker: "a", Key: "none", Offset: 7})
}

func FuzzOnData(f *testing.F) {
	fuzzHandler(f, func(s *server) func(proto.Key, *bus.Message) { return s.onData },
		&proto.DataRequest{Head: proto.Head{Run: "r"}}, &proto.DataRequest{Head: here, Fetch: true})
}

func FuzzOnFile(f *testing.F) {
	fuzzHandler(f, func(s *server) func(proto.Key, *bus.Message) {
		return func(k proto.Key, m *bus.Message) {
			done := make(chan struct{})
			go func() { defer close(done); s.onFile(k, m) }()
			select {
			case p := <-s.handout.pieces:
				s.pieceOf(p.request, make([]byte, 64))
				<-done
			case <-done: // it was no request
			}
		}
	}, &proto.FileRequest{Head: here, Key: "shapes", Offset: 1 << 35}, &proto.FileRequest{Head: here, Key: "k"})
}

func FuzzOnPartial(f *testing.F) {
	s := besiege(f)(f)
	r := s.core.round
	chunk := func(change func(m *proto.PartialChunk)) proto.Message {
		sums := proto.NewSums(r.Lengths)
		m := &proto.PartialChunk{Head: here, Worker: "a", Round: r.Round, Block: proto.Block{Lo: 0, Hi: 4}, Inputs: s.partials.round.inputs,
			Chunk: proto.Chunk{Size: int64(sums.Size()), Data: make([]byte, sums.Size())}}
		change(m)
		return m
	}
	fuzzHandler(f, func(s *server) func(proto.Key, *bus.Message) { return s.onPartial },
		chunk(func(*proto.PartialChunk) {}),
		chunk(func(m *proto.PartialChunk) { m.Worker, m.Block = "b", proto.Block{Lo: 4, Hi: 5} }),
		chunk(func(m *proto.PartialChunk) { m.Data = m.Data[:8]; m.Offset = 16 }),
		chunk(func(m *proto.PartialChunk) { m.Size = 1 << 31 }),
		chunk(func(m *proto.PartialChunk) {
			for i := range m.Data {
				m.Data[i] = 0xff // NaN, everywhere
			}
		}))
}

func FuzzOnNews(f *testing.F) {
	fuzzHandler(f, func(s *server) func(proto.Key, *bus.Message) {
		return func(_ proto.Key, m *bus.Message) {
			s.rivals.onNews(m)
			select {
			case <-s.rivals.lost:
			default:
			}
		}
	}, &proto.News{Head: here, Text: "a coordinator leads the run"}, &proto.News{Head: proto.Head{Run: "r", Term: 1, Start: "t"},
		Claims: true, Holder: "h", Since: 1})
}
