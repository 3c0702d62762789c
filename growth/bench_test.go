package growth

import (
	"fmt"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/cputime"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// benchNets are those of which the cost of an event is told; one iteration is
// one micro-shard of 32 samples.
func benchNets(b *testing.B) map[string]*nn.Graph {
	nets := map[string]*nn.Graph{}
	for name, c := range map[string]nn.ModelConfig{
		"mlp 3072-64-64-10": {Name: "mlp", Widths: []int{64, 64}},
		"cnn 16-32-64-64":   {Name: "cnn", Widths: []int{16, 32, 64, 64}},
		"cnn 8-8-8-8":       {Name: "cnn", Widths: []int{8, 8, 8, 8}},
		"resnet18-16":       {Name: "resnet18", Width: 16},
	} {
		c.Input, c.Classes = nn.Shape{C: 3, H: 32, W: 32}, 10
		g, err := nn.Build(c)
		if err != nil {
			b.Fatal(err)
		}
		nets[name] = g
	}
	return nets
}

// plainBatch returns a full micro-shard.
func plainBatch(g *nn.Graph) *nn.Batch {
	b := nn.NewBatch(32, g.Input, 10)
	b.N = 32
	for i := range b.X {
		b.X[i] = float32(i*7919%1013)/506 - 1
	}
	return b
}

func BenchmarkRounds(b *testing.B) {
	for name, g := range benchNets(b) {
		m, batch := nn.Init(g, 1), plainBatch(g)
		req := &measure.Request{}
		for _, s := range site.Chains(g) {
			l, err := site.LayoutOf(g, s.ID)
			if err != nil {
				b.Fatal(err)
			}
			req.Sites = append(req.Sites, measure.SiteRequest{Site: s.ID, Metric: true, Update: make([]float32, l.Outputs*l.Outgoing.Rows())})
		}
		b.Run(name+"/plain", func(b *testing.B) {
			p, err := nn.Compile(g, 32, nn.Options{})
			if err != nil {
				b.Fatal(err)
			}
			w, pk, grad := p.NewWorkspace(), p.Pack(nil, m.Params), make([]float32, g.NumParams())
			for b.Loop() {
				w.Forward(pk, m.Buffers, batch, nn.Train)
				w.Loss()
				w.Backward(grad)
			}
		})
		for _, kind := range []measure.Kind{measure.KindUpdate, measure.KindNeurons} {
			req.Kind = kind
			b.Run(name+"/"+string(kind), func(b *testing.B) {
				job, err := measure.NewJob(g, req, 32)
				if err != nil {
					b.Fatal(err)
				}
				r, dst := job.NewRunner(), make([]float64, job.Len())
				for b.Loop() {
					r.Run(dst, m.Params, m.Buffers, batch)
				}
			})
		}
	}
}

// BenchmarkRiding tells what statistics that ride along cost a micro-shard of 32
// samples, in percent of the plain gradient: N alone, and S beside it. Both are run
// in turn, so that what else the machine does falls on both.
func BenchmarkRiding(b *testing.B) {
	for _, c := range []nn.ModelConfig{{Name: "vgg", Widths: []int{12, 24, 64, 128}}, {Name: "vgg", Widths: []int{4, 4, 4, 4}}, {Name: "resnet18", Width: 4}} {
		c.Input, c.Classes = nn.Shape{C: 3, H: 32, W: 32}, 10
		g, err := nn.Build(c)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%s %d%v", c.Name, c.Width, c.Widths), func(b *testing.B) {
			m, batch, grad := nn.Init(g, 1), plainBatch(g), make([]float32, g.NumParams())
			p, err := nn.Compile(g, 32, nn.Options{})
			if err != nil {
				b.Fatal(err)
			}
			pk, plain := p.Pack(nil, m.Params), p.NewWorkspace()
			r, err := measure.NewRide(g, measure.Riding(g, 1), 32)
			if err != nil {
				b.Fatal(err)
			}
			rider, sums := r.NewRider(), [2][]float64{make([]float64, r.Len(0)), make([]float64, r.Len(4))}
			run := func(w *nn.Workspace) {
				w.Forward(pk, m.Buffers, batch, nn.Train)
				w.Loss()
				w.Backward(grad)
			}
			var spent [3]time.Duration
			for b.Loop() {
				for i := range spent {
					began := cputime.Used()
					for step := range uint64(4) {
						if i == 0 {
							run(plain)
							continue
						}
						run(rider.Workspace)
						rider.Sums(sums[i-1], batch, 8*step+uint64(4*(i-1)))
					}
					spent[i] += cputime.Used() - began
				}
			}
			b.ReportMetric(100*(spent[1].Seconds()/spent[0].Seconds()-1), "%N")
			b.ReportMetric(100*(spent[2].Seconds()/spent[0].Seconds()-1), "%N+S")
			b.ReportMetric(spent[0].Seconds()/float64(4*b.N)*1e3, "ms/plain")
		})
	}
}
