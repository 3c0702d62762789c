package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/forge"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// FuzzBroadcast takes two chunks of weights, as a coordinator that means harm
// could send them.
func FuzzBroadcast(f *testing.F) {
	f.Add("weights-1", int64(16), int64(0), []byte("01234567"), "weights-1", int64(16), int64(8), []byte("89abcdef"))
	f.Add("weights-2", int64(16), int64(0), []byte("01234567"), "weights-1", int64(8), int64(0), []byte("89abcdef"))
	f.Add("weights-1", int64(7), int64(3), []byte("0123"), "weights-1", int64(16), int64(3), []byte("0123"))
	f.Add("weights-1", int64(2), int64(0), []byte("01"), "weights-1", int64(2), int64(0), []byte("01")) // one value of 16 bits
	b := bus.NewHub(0).Connect()
	defer b.Close()
	f.Fuzz(func(t *testing.T, key1 string, size1, offset1 int64, data1 []byte, key2 string, size2, offset2 int64, data2 []byte) {
		in := newBlobs(&client{cfg: Config{Run: "r", ID: "w"}.withDefaults(), bus: b})
		head := proto.Head{Run: "r", Term: 1, Start: "s"}
		in.reset(head)
		for _, m := range []proto.BlobChunk{
			{Key: key1, Chunk: proto.Chunk{Size: size1 % (1 << 20), Offset: offset1, Data: data1}},
			{Key: key2, Chunk: proto.Chunk{Size: size2 % (1 << 20), Offset: offset2, Data: data2}},
		} {
			m.Head = head
			data, err := proto.Marshal(&m)
			if err != nil {
				return
			}
			in.receive(&bus.Message{Data: data})
		}
		if c := in.current; c != nil && c.whole() && c.got != int64(len(c.data)) {
			t.Errorf("%d bytes of %d make it whole", c.got, len(c.data))
		} else if c != nil && c.whole() && c.got > 0 && c.digest() != proto.DigestOf(c.data) {
			t.Errorf("digest %s of other weights", c.digest())
		}
	})
}

// FuzzGrowthRequest compiles what may be a growth request, for a network of two layers
// and for one with streams, and computes it.
func FuzzGrowthRequest(f *testing.F) {
	var graphs []*nn.Graph
	for _, c := range []nn.ModelConfig{
		{Name: "mlp", Input: nn.Shape{C: 4, H: 1, W: 1}, Classes: 3, Widths: []int{5}, Norm: "batch"},
		{Name: "resnet20", Input: nn.Shape{C: 1, H: 4, W: 4}, Classes: 3, Width: 1},
	} {
		g, err := nn.Build(c)
		if err != nil {
			f.Fatal(err)
		}
		graphs = append(graphs, g)
		for _, r := range growthRequests(f, g) {
			data, err := proto.MarshalBlob(&r)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r measure.Request
		if proto.UnmarshalBlob(data, &r) != nil {
			return
		}
		for _, g := range graphs {
			j, err := measure.NewJob(g, &r, 8)
			if err != nil {
				continue
			}
			if j.Len() < measure.HeaderLen {
				t.Errorf("a job of %d sums", j.Len())
			}
			if j.Len() < 1<<16 {
				m, b := nn.Init(g, 1), nn.NewBatch(8, g.Input, 3)
				b.N = 8
				j.NewRunner().Run(make([]float64, j.Len()), m.Params, m.Buffers, b)
			}
		}
	})
}

// growthRequests are of every kind, for the first and the last site of a graph.
func growthRequests(f *testing.F, g *nn.Graph) []measure.Request {
	out := []measure.Request{{Kind: measure.KindAmplitude, Candidates: []measure.Candidate{{Amplitudes: []float64{1}}}}}
	sites := site.All(g)
	for _, s := range []site.Site{sites[0], sites[len(sites)-1]} {
		l, err := site.LayoutOf(g, s.ID)
		if err != nil {
			f.Fatal(err)
		}
		of := measure.SiteRequest{Site: s.ID, Metric: true}
		if s.Stream {
			pair := s.Pairs(g)[0]
			of.Writer, of.Reader = pair.Writer, pair.Reader
		}
		in := l.Empty(2)
		out = append(out, measure.Request{Kind: measure.KindUpdate, Sites: []measure.SiteRequest{of}},
			measure.Request{Kind: measure.KindNeurons, Sites: []measure.SiteRequest{of}},
			measure.Request{Kind: measure.KindNewborn, Newborn: []site.Insertion{in}},
			measure.Request{Kind: measure.KindGradients, Newborn: []site.Insertion{in}, Weights: true},
			measure.Request{Kind: measure.KindGradients, Newborn: []site.Insertion{in}, Along: make([]float32, g.NumParams()), By: 1},
			measure.Request{Kind: measure.KindAmplitude, Candidates: []measure.Candidate{{Insertions: []site.Insertion{in}, Amplitudes: []float64{0.5, 2}}}})
	}
	return out
}

// oracle answers every request the same.
type oracle struct {
	bus.Bus
	answer []byte
}

func (o *oracle) Request(context.Context, string, []byte) ([]byte, error) { return o.answer, nil }

// unsealed is what forge.Seal makes m of.
func unsealed(f *testing.F, m proto.Message) []byte {
	body, err := forge.Body(m)
	if err != nil {
		f.Fatal(err)
	}
	return body
}

var theirs = proto.Head{Run: "r", Term: 1, Start: "s"}

// FuzzHello takes answers to a hello.
func FuzzHello(f *testing.F) {
	f.Add(unsealed(f, &proto.Welcome{Head: theirs, Threads: 2, Heartbeat: 1e9}))
	f.Add(unsealed(f, &proto.Welcome{Head: theirs, Threads: 1 << 16, Heartbeat: 1e6}))
	f.Add(unsealed(f, &proto.Refusal{Head: theirs, Why: proto.OtherData, Text: "other\x1b[2J\ndata"}))
	f.Add(unsealed(f, &proto.Refusal{Head: theirs, Why: proto.NotYet}))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &client{cfg: Config{Run: "r", ID: "w", Threads: 2}.withDefaults(), bus: &oracle{answer: forge.Seal(data)}, samples: nothing{}}
		w, err := c.hello(context.Background(), &proto.Hello{Head: proto.Head{Run: "r"}, Worker: "w", Threads: 2})
		if err != nil {
			if text := shown(err); proto.Printable(text) != text {
				t.Errorf("%q cannot be shown", err)
			}
			return
		}
		if s := newSession(c, newBlobs(c), w); len(s.crew.hands) > 2 || s.beat < minBeat {
			t.Errorf("%d threads, a sign of life every %s", len(s.crew.hands), s.beat)
		}
	})
}

// FuzzTask takes answers to a pull and prepares the round that they name.
func FuzzTask(f *testing.F) {
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 4, H: 1, W: 1}, Classes: 3, Widths: []int{5}})
	if err != nil {
		f.Fatal(err)
	}
	n, err := compile(g, 8)
	if err != nil {
		f.Fatal(err)
	}
	spec := proto.RoundSpec{Round: 1, Kind: proto.Gradient, Order: proto.Order{Split: "train", Stream: "epoch"}, Count: 64, MicroShard: 8,
		Graph:   proto.BlobRef{Key: "graph-0", Size: 10},
		Weights: proto.BlobRef{Key: "weights-1", Size: int64(4 * (g.NumParams() + g.NumBuffers()))}}
	f.Add(unsealed(f, &proto.Task{Head: theirs, Do: proto.Compute, Task: 1, Spec: spec, Block: proto.Block{Lo: 0, Hi: 4}}))
	growth := spec
	growth.Kind, growth.Request = proto.Growth, proto.BlobRef{Key: "request-1", Size: proto.MaxBlob}
	f.Add(unsealed(f, &proto.Task{Head: theirs, Do: proto.Compute, Task: 1 << 63, Spec: growth, Block: proto.Block{Lo: 0, Hi: 8},
		Threads: 1 << 16}))
	large := spec
	large.Count, large.MicroShard, large.Graph.Key = 1<<36, 1<<16, "graph-1"
	f.Add(unsealed(f, &proto.Task{Head: theirs, Do: proto.Compute, Spec: large, Block: proto.Block{Lo: 0, Hi: 1 << 20}}))
	f.Add(unsealed(f, &proto.Task{Head: theirs, Do: proto.Wait, Text: "\x1b"}))
	gone, stop := context.WithCancelCause(context.Background())
	stop(errRejoin)
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &client{cfg: Config{Run: "r", ID: "w", Threads: 1}.withDefaults(), bus: &oracle{answer: forge.Seal(data)},
			samples: nothing{}, of: theirs}
		s := newSession(c, newBlobs(c), proto.Welcome{Threads: 1})
		s.networks = map[string]*network{"graph-0": n}
		var task proto.Task
		if c.request(context.Background(), "x", &proto.Pull{Head: c.head(), Worker: "w"}, &task) != nil || task.Do != proto.Compute {
			return
		}
		if !s.accept(task) || s.accept(task) {
			t.Error("a task is taken twice, or not at all")
		}
		if _, err := s.prepare(gone, task.Spec); err == nil {
			t.Error("a round is prepared of which nothing came")
		}
		if in := s.blobs.current; in != nil && int64(4*len(in.values)) != spec.Weights.Size {
			t.Errorf("%d values are kept for weights of %d bytes", len(in.values), spec.Weights.Size)
		}
	})
}

// FuzzNews takes what a coordinator may say to all.
func FuzzNews(f *testing.F) {
	f.Add(unsealed(f, &proto.News{Head: theirs, Text: "a coordinator leads the run"}))
	f.Add(unsealed(f, &proto.News{Head: theirs, Ended: true}))
	f.Add(unsealed(f, &proto.News{Head: proto.Head{Run: "r", Term: 2, Start: "t"}, Ended: true}))
	f.Add(unsealed(f, &proto.News{Head: proto.Head{Run: "other", Term: 1 << 63}, Claims: true}))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &client{cfg: Config{Run: "r", ID: "w"}.withDefaults(), of: theirs}
		if err := c.onNews(&bus.Message{Data: forge.Seal(data)}); err != nil && !errors.Is(err, errEnded) && !errors.Is(err, errRejoin) &&
			!errors.Is(err, errOver) {
			t.Error(err)
		}
	})
}

// shown is an error as one line.
func shown(err error) string { return strings.ReplaceAll(fmt.Sprint(err), "\n", "; ") }
