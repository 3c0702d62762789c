package nn

import (
	"fmt"
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// benchProblem is a network of the presets with random samples.
func benchProblem(b *testing.B, name string, micro int) (*Program, *Packed, *Batch, *Model) {
	b.Helper()
	c, _ := Preset(name)
	g, err := Build(c)
	if err != nil {
		b.Fatal(err)
	}
	p, err := Compile(g, micro, Options{})
	if err != nil {
		b.Fatal(err)
	}
	m := Init(g, 1)
	batch := p.NewBatch()
	batch.N = micro
	s := rng.New(2)
	for i := range batch.X {
		batch.X[i] = float32(s.Normal(uint64(i)))
	}
	if used := micro % tensor.Lanes; used != 0 {
		for i := len(batch.X) / tensor.Blocks(micro) * (tensor.Blocks(micro) - 1); i < len(batch.X); i++ {
			if i%tensor.Lanes >= used {
				batch.X[i] = 0
			}
		}
	}
	for i := range batch.Labels {
		batch.Labels[i] = int32(i % 10)
	}
	return p, p.Pack(nil, m.Params), batch, m
}

// BenchmarkStep is forward, loss and backward of one micro-shard on one core.
func BenchmarkStep(b *testing.B) {
	for _, name := range []string{"mlp", "vgg", "vgg-grown", "resnet18-8", "resnet18-16", "resnet18-64"} {
		for _, micro := range []int{32, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, micro), func(b *testing.B) {
				p, pk, batch, m := benchProblem(b, name, micro)
				w := p.NewWorkspace()
				grad := make([]float32, len(m.Params))
				b.ReportAllocs()
				for b.Loop() {
					w.Forward(pk, m.Buffers, batch, Train)
					w.Loss()
					w.Backward(grad)
				}
				b.ReportMetric(float64(micro*b.N)/b.Elapsed().Seconds(), "samples/s")
				b.ReportMetric(3*float64(p.Graph().FLOPs())*float64(micro*b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				b.ReportMetric(float64(p.WorkspaceBytes())/(1<<20), "MiB")
			})
		}
	}
}

// BenchmarkPack is the packing of one version of the weights.
func BenchmarkPack(b *testing.B) {
	for _, name := range []string{"mlp", "resnet18-16", "resnet18-64"} {
		b.Run(name, func(b *testing.B) {
			p, pk, _, m := benchProblem(b, name, 32)
			for b.Loop() {
				p.Pack(pk, m.Params)
			}
			b.SetBytes(8 * int64(len(m.Params)))
		})
	}
}
