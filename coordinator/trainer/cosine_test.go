package trainer

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// The cosine by sums of squares is the mean over pairs of the cosines of the parts [nio], and, for
// two parts, (|u + v|^2 - 2) / 2 of their unit vectors.
func TestCosineOfHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		values := rapid.SliceOfN(rapid.Float64Range(-3, 3), n, n)
		a, b := values.Draw(t, "a"), values.Draw(t, "b")
		a[0], b[n-1] = a[0]+4, b[n-1]-4 // neither is zero
		var p parts
		dot := 0.0
		for i, v := range a {
			p.Left += v * v
			p.Right += b[i] * b[i]
			p.Sum += (v + b[i]) * (v + b[i])
			dot += v * b[i]
		}
		units := 0.0
		for i, v := range a {
			u := v/math.Sqrt(p.Left) + b[i]/math.Sqrt(p.Right)
			units += u * u
		}
		const parts = 2
		for what, want := range map[string]float64{"the dot product": dot / math.Sqrt(p.Left) / math.Sqrt(p.Right),
			"unit vectors": (units - parts) / (parts*parts - parts)} {
			if got := p.cosine(); math.Abs(got-want) > 1e-9 {
				t.Errorf("cosine %v, by %s %v", got, what, want)
			}
		}
	})
}

// Signal and trace are right in the mean over many batches of samples that are drawn around a gradient, for halves of any size.
func TestNoiseScaleWithoutBias(t *testing.T) {
	const dims, batches = 12, 6000
	for _, size := range [][2]int{{4, 4}, {8, 3}} {
		noise, at := rng.New(7), uint64(0)
		var mean Noise
		signal, trace := 0.0, 0.0
		for d := range dims {
			g, s := 0.1*float64(d%4), 0.5+0.1*float64(d%3)
			signal += g * g
			trace += s * s
		}
		for range batches {
			var sums [2][dims]float64
			for half, n := range size {
				for range n {
					for d := range dims {
						at++
						sums[half][d] += 0.1*float64(d%4) + (0.5+0.1*float64(d%3))*noise.Normal(at)
					}
				}
			}
			p := parts{left: float64(size[0]), right: float64(size[1])}
			for d := range dims {
				a, b := sums[0][d], sums[1][d]
				p.Left += a * a
				p.Right += b * b
				p.Sum += (a + b) * (a + b)
			}
			mean.Signal += p.signal() / batches
			mean.Trace += p.trace() / batches
		}
		if math.Abs(mean.Signal-signal) > 0.04*signal || math.Abs(mean.Trace-trace) > 0.04*trace {
			t.Errorf("halves of %d: signal %.4f, want %.4f; trace %.4f, want %.4f", size, mean.Signal, signal, mean.Trace, trace)
		}
		if got, want := mean.scale(), trace/signal; math.Abs(got-want) > 0.06*want {
			t.Errorf("halves of %d: noise scale %.3f, want %.3f", size, got, want)
		}
	}
}

func TestNoiseIsAMeanOfTheLastSteps(t *testing.T) {
	var n Noise
	for i := range noiseSpan {
		n = n.with(float64(i), 2)
	}
	if math.Abs(n.Signal-(noiseSpan-1)/2.) > 1e-9 || math.Abs(n.Trace-2) > 1e-12 {
		t.Errorf("%+v is not the mean of the first steps", n)
	}
	was := n.Signal
	if n = n.with(was+100, 2); math.Abs(n.Signal-was-100./noiseSpan) > 1e-9 {
		t.Errorf("one more moved the mean by %v", n.Signal-was)
	}
	for _, none := range []Noise{{}, {1, -1, 5}, {1, 0, 0}, {1, 1e-9, 1}} {
		if none.scale() != MaxNoiseScale {
			t.Errorf("%+v has the scale %v", none, none.scale())
		}
	}
	if s := (Noise{1, 2, -1}).scale(); s != 0 {
		t.Errorf("less noise than none is %v", s)
	}
}

// What a step tells of its halves is what their gradients say, computed each by itself, in a run of one
// step at a time and in one of local steps, whatever travels.
func TestAStepTellsOfItsHalves(t *testing.T) {
	single, fp16 := toySettings(), toySettings()
	fp16.Train.Wire = "fp16"
	single.Train.Batch = single.Train.MicroShard
	for name, set := range map[string]Settings{"plain": toySettings(), "fp16": fp16, "local": localToy(), "one micro-shard": single} {
		set.Growth, set.Train.GradCosine = growth.DefaultOf(growth.PolicyNone), true
		tr := newToyOf(t, set)
		for range 5 {
			r, _ := tr.Next()
			if r.Kind == proto.Evaluate {
				break
			}
			root, over := proto.Root(r.MicroShards()), float64(r.Count)
			if r.Kind == proto.Local {
				over = float64(r.Local.Replicas)
			}
			sums := compute(tr, r, root)
			cosine := 0.0
			if !root.IsLeaf() {
				left, right := root.Split()
				a, b := compute(tr, r, left).F32, compute(tr, r, right).F32
				cosine = product(a, b) / math.Sqrt(product(a, a)) / math.Sqrt(product(b, b))
			}
			applied, err := tr.Apply(sums)
			if err != nil {
				t.Fatal(err)
			}
			got, norm := applied.Step.Compared, math.Sqrt(product(sums.F32, sums.F32))/over
			tolerance := 1e-5
			if name == "fp16" {
				tolerance = 1e-3 // sums are rounded
			}
			if math.Abs(got.GradNorm-norm) > 1e-5*norm || math.Abs(got.GradCosine-cosine) > tolerance {
				t.Errorf("%s: %+v, want a norm of %v and a cosine of %v", name, got, norm, cosine)
			}
			if scaled := got.NoiseScale != 0; scaled != (name == "plain" || name == "fp16") {
				t.Errorf("%s: a noise scale of %v", name, got.NoiseScale)
			}
		}
	}
}

func product(a, b []float32) (sum float64) {
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// Whoever adds the halves, the same is told, bit by bit; where nobody asks for them only the norm.
func TestHalvesAddedElsewhere(t *testing.T) {
	set := toySettings()
	set.Growth, set.Grain, set.Train.GradCosine = growth.DefaultOf(growth.PolicyNone), 8, true
	tr := newToyOf(t, set)
	r, _ := tr.Next()
	left, right := proto.Root(r.MicroShards()).Split()
	a, b, want := compute(tr, r, left), compute(tr, r, right), compute(tr, r, proto.Root(r.MicroShards()))
	var squares [2]float64
	squares[0], squares[1] = set.Grain.AddHalves(a.F32, b.F32, Rounding(r.Wire))
	if told := tr.Model().Graph.GradientSums().Halves(want.F64); !slices.Equal(a.F32, want.F32) || !slices.Equal(squares[:], told) {
		t.Errorf("halves of squares %v, want %v, or other sums", squares, told)
	}
	compared, err := tr.Apply(want)
	if err != nil {
		t.Fatal(err)
	}
	set.Train.GradCosine = false
	plain := newToyOf(t, set)
	r, _ = plain.Next()
	sums := compute(plain, r, proto.Root(r.MicroShards()))
	if told := plain.Model().Graph.GradientSums().Halves(sums.F64); told[0] != 0 || told[1] != 0 {
		t.Errorf("halves of squares %v that nobody asked for", told)
	}
	unasked, err := plain.Apply(sums)
	if err != nil {
		t.Fatal(err)
	}
	if got := unasked.Step.Compared; got != (Compared{GradNorm: compared.Step.GradNorm}) || compared.Step.GradCosine == 0 {
		t.Errorf("%+v of a run that compares nothing, %+v of one that does", got, compared.Step.Compared)
	}
}
