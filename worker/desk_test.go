package worker

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// desk is a coordinator that follows a script. It is used inside a bubble.
type desk struct {
	t     *testing.T
	hub   *bus.Hub
	bus   bus.Sharing
	graph *nn.Graph
	model *nn.Model

	mu      sync.Mutex
	head    proto.Head
	answers []proto.Message // to hellos; the last one again and again
	tasks   []proto.Task    // for one pull after the other; then there are none
	last    proto.Do        // what is said then
	patient bool            // a task is given once the sums of the one before have come
	given   proto.Round     // that of the last task
	blobs   map[string][]byte
	kinds   map[proto.Round]proto.Kind

	hellos   []proto.Hello
	beats    []proto.Heartbeat
	partials map[proto.Round]*partial
}

// partial is what has come of a round.
type partial struct {
	inputs proto.Digest
	handed bool // as a value, not as bytes
	sums   proto.Sums
	parts  *proto.Assembly
}

func newDesk(t *testing.T) *desk {
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 4, H: 1, W: 1}, Classes: 3, Widths: []int{5}, Norm: "batch"})
	if err != nil {
		t.Fatal(err)
	}
	hub := bus.NewHub(0)
	d := &desk{t: t, hub: hub, bus: hub.Share(), graph: g, model: nn.Init(g, 1), head: theirs, last: proto.Wait, blobs: map[string][]byte{},
		kinds: map[proto.Round]proto.Kind{}, partials: map[proto.Round]*partial{}}
	d.welcome()
	t.Cleanup(func() { d.bus.Close() })
	run := theirs.Run
	listen(d, run.JoinSubject(proto.EveryKey), func(m *proto.Hello) proto.Message {
		d.hellos = append(d.hellos, *m)
		answer := d.answers[0]
		if len(d.answers) > 1 {
			d.answers = d.answers[1:]
		}
		return answer
	})
	listen(d, run.PullSubject(proto.EveryKey), func(*proto.Pull) proto.Message {
		switch p := d.partials[d.given]; {
		case len(d.tasks) == 0:
			return &proto.Task{Head: d.head, Do: d.last}
		case d.patient && d.given > 0 && !p.done():
			return &proto.Task{Head: d.head, Do: proto.Wait}
		}
		task := d.tasks[0]
		d.tasks, d.given = d.tasks[1:], task.Spec.Round
		return &task
	})
	listen(d, run.BlobSubject(proto.EveryKey), func(m *proto.BlobRequest) proto.Message {
		data, there := d.blobs[m.Key]
		return &proto.BlobChunk{Head: d.head, Key: m.Key, Gone: !there, Chunk: proto.ChunkAt(data, m.Offset, 1000)}
	})
	listen(d, run.BeatSubject(proto.EveryKey), func(m *proto.Heartbeat) proto.Message {
		d.beats = append(d.beats, *m)
		return nil
	})
	d.subscribe(run.PartialSubject(proto.EveryKey), d.partial)
	return d
}

func (d *desk) subscribe(subject string, h bus.Handler) {
	if _, err := d.bus.Subscribe(subject, h); err != nil {
		d.t.Fatal(err)
	}
}

// listen answers messages of a kind with what answer makes of them; nil: with nothing.
func listen[M any, P interface {
	*M
	proto.Message
}](d *desk, subject string, answer func(m P) proto.Message) {
	d.subscribe(subject, func(m *bus.Message) {
		in := P(new(M))
		if err := proto.Decode(m.Data, in); err != nil {
			d.t.Error(err)
			return
		}
		d.mu.Lock()
		out := answer(in)
		d.mu.Unlock()
		if out != nil {
			if err := proto.Encode(out, m.Respond); err != nil {
				d.t.Error(err)
			}
		}
	})
}

// partial takes sums, handed over or in bytes.
func (d *desk) partial(m *bus.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := m.Value.(*proto.Partial); ok {
		d.partials[p.Round] = &partial{inputs: p.Inputs, handed: true, sums: p.Sums}
		return
	}
	var c proto.PartialChunk
	if err := proto.Decode(m.Data, &c); err != nil {
		d.t.Error(err)
		return
	}
	p := d.partials[c.Round]
	if p == nil {
		f32 := 0
		if d.kinds[c.Round] == proto.Gradient {
			f32 = len(d.model.Params)
		}
		p = &partial{inputs: c.Inputs, sums: proto.Sums{F32: make([]float32, f32), F64: make([]float64, (int(c.Size)-4*f32)/8)}}
		p.parts = proto.AssembleSums(p.sums)
		d.partials[c.Round] = p
	}
	if _, err := p.parts.Put(c.Chunk); err != nil {
		d.t.Error(err)
	}
}

// came returns the sums of a round, if all of them have come.
func (d *desk) came(r proto.Round) (*partial, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.partials[r]
	return p, p.done()
}

// done reports whether all sums of a round have come.
func (p *partial) done() bool { return p != nil && (p.handed || p.parts.Done()) }

// welcome makes answers welcome whoever says hello, after some answers before that.
func (d *desk) welcome(before ...proto.Message) {
	d.answers = append(before, &proto.Welcome{Head: d.head, Threads: 2, Heartbeat: 1e9})
}

// news publishes them.
func (d *desk) news(n proto.News) {
	data, err := proto.Marshal(&n)
	if err == nil {
		err = d.bus.Publish(n.Run.NewsSubject(), data)
	}
	if err != nil {
		d.t.Error(err)
	}
}

// blob hands data out under a key.
func (d *desk) blob(key string, data []byte) proto.BlobRef {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blobs[key] = data
	return proto.BlobRef{Key: key, Size: int64(len(data)), Digest: proto.DigestOf(data)}
}

// weights are those of the model, all of them moved by as much.
func (d *desk) weights(by float32) []float32 {
	values := slices.Concat(d.model.Params, d.model.Buffers)
	for i := range values {
		values[i] += by
	}
	return values
}

// task is a round of one block of the network, the weights of a key, and the
// request of a growth round.
func (d *desk) task(r proto.Round, k proto.Kind, weights proto.BlobRef) proto.Task {
	spec := proto.RoundSpec{Round: r, Kind: k, Step: proto.Step(r), Order: proto.Order{Split: "train", Stream: "epoch"}, Count: 61,
		MicroShard: 8,
		Graph:      d.blob("graph-0", d.graph.JSON()), Weights: weights}
	if k == proto.Growth {
		data, err := proto.MarshalBlob(d.request())
		if err != nil {
			d.t.Fatal(err)
		}
		spec.Order.Stream, spec.Request = "growth", d.blob("request-1", data)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kinds[r] = k
	return proto.Task{Head: d.head, Do: proto.Compute, Task: uint64(r), Spec: spec, Block: proto.Root(spec.MicroShards())}
}

// riding is a task of a gradient round that statistics ride along with.
func (d *desk) riding(r proto.Round, weights proto.BlobRef) proto.Task {
	task := d.task(r, proto.Gradient, weights)
	data, err := proto.MarshalBlob(measure.Riding(d.graph, 1))
	if err != nil {
		d.t.Fatal(err)
	}
	task.Spec.Request = d.blob("riding-0", data)
	return task
}

func (d *desk) request() *measure.Request {
	return &measure.Request{Kind: measure.KindUpdate, Sites: []measure.SiteRequest{{Site: site.All(d.graph)[0].ID}}}
}

// give adds tasks to the script.
func (d *desk) give(tasks ...proto.Task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks = append(d.tasks, tasks...)
}

// sums are those of a task, computed here with the model's weights moved by as much.
func (d *desk) sums(task proto.Task, by float32) proto.Sums {
	values := d.weights(by)
	m := &nn.Model{Graph: d.graph, Params: values[:len(d.model.Params)], Buffers: values[len(d.model.Params):]}
	var req *measure.Request
	if task.Spec.Kind == proto.Growth {
		req = d.request()
	} else if task.Spec.Request.Key != "" {
		req = measure.Riding(d.graph, 1)
	}
	s, err := (Local{Samples: noise{}, Threads: 1, MicroShard: 8}).Rounds().Sums(context.Background(), m, task.Spec, Beside{Request: req})
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// run runs a worker to its end, and waits until the desk has read what it said.
func (d *desk) run(ctx context.Context, b bus.Bus, samples Samples) error {
	defer b.Close()
	err := Run(ctx, Config{Run: theirs.Run, ID: "w", Threads: 2}, b, samples)
	synctest.Wait()
	return err
}
