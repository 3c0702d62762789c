package worker

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

const (
	testReplicas = 5
	testSteps    = 4
	testEach     = 19 // samples of a replica and step: three micro-shards, the last one not full
)

// localJob is a round of local steps.
func localJob(t *testing.T, c optim.Config) *job {
	j := testJob(t, proto.Local, 1)
	j.spec.Offset, j.spec.Count, j.spec.Step = 7, testReplicas*testSteps*testEach, 40
	j.spec.Local = proto.LocalSpec{Replicas: testReplicas, Steps: testSteps, Update: 8}
	j.plan = &local.Plan{Optimizer: c, Rates: []float64{0.1, 0.08, 0.05, 0.01}}
	if err := j.plan.Check(j.version.network.graph, testSteps); err != nil {
		t.Fatal(err)
	}
	return j
}

func muon() optim.Config {
	c := optim.Default()
	c.Name, c.WeightDecay, c.ClipNorm = optim.Muon, 1e-3, 0.05
	return c
}

// The sums over replicas are those of single ones, added in the order of the tree, for every
// number of threads, of which some make teams, and however the tree is cut into blocks.
func TestReplicasFollowTheTree(t *testing.T) {
	j := localJob(t, muon())
	ride, err := measure.NewRide(j.version.network.graph, measure.Riding(j.version.network.graph, 1), j.version.network.shard)
	if err != nil {
		t.Fatal(err)
	}
	j.ride = ride
	var want proto.Sums
	for _, threads := range []int{1, 2, 3, 7, 12, 20} {
		c := newCrew(noise{}, threads)
		for _, size := range []uint32{1, 2, 8} {
			f := newTestFold(j, testReplicas)
			for _, b := range proto.Root(testReplicas).Cover(size) {
				s, err := c.compute(context.Background(), j, b, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := f.Put(b, s); err != nil {
					t.Fatal(err)
				}
			}
			got, ok := f.Root()
			if want.F32 == nil {
				want = got
			}
			if !ok || !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64, want.F64) {
				t.Errorf("%d threads in blocks of %d: other bits", threads, size)
			}
		}
	}
	if n := want.F64[0]; n != testReplicas*testSteps*testEach {
		t.Errorf("sums over %v samples", n)
	}
	rode := want.F64[j.version.network.graph.GradientSums().Len():]
	if len(rode) != ride.Len(8) || slices.Max(rode) == 0 {
		t.Error("nothing rode along")
	}
	// What rides along is of the common weights: the sums of a gradient round over these samples.
	sum := make([]float64, len(rode))
	for r := range uint32(testReplicas) {
		first, _ := j.spec.LocalStep(r, 0)
		first.Step = 8 // S rides along
		g, err := newCrew(noise{}, 1).compute(context.Background(), &job{spec: first, version: j.version, ride: ride},
			proto.Root(first.MicroShards()), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range g.F64[len(g.F64)-len(sum):] {
			sum[i] += v
		}
	}
	for i, v := range sum {
		if math.Abs(v-rode[i]) > 1e-9*(1+math.Abs(v)) {
			t.Fatalf("value %d that rode along is %v, want %v", i, rode[i], v)
		}
	}
}

// The steps of a replica are those of a loop that knows nothing of rounds: a gradient of its samples,
// an update by PyTorch's formula in float64, the next gradient with the new weights.
func TestReplicaTakesTheStepsOfAPlainLoop(t *testing.T) {
	c := optim.Default()
	c.Nesterov, c.WeightDecay, c.ClipNorm = true, 0.01, 0
	j := localJob(t, c)
	g := j.version.network.graph
	for r := range uint32(testReplicas) {
		got, err := newCrew(noise{}, 2).compute(context.Background(), j, proto.Block{Lo: r, Hi: r + 1}, 0)
		if err != nil {
			t.Fatal(err)
		}
		params, velocity := slices.Clone(j.version.params), make([]float64, g.NumParams())
		var metrics nn.Metrics
		var mean float64 // running mean of the first channel, from nothing
		for step, lr := range j.plan.Rates {
			grad := make([]float64, len(params))
			var sum, count float64
			for lo := 0; lo < testEach; lo += 8 {
				n := min(8, testEach-lo)
				program, err := nn.Compile(g, 8, nn.Options{})
				if err != nil {
					t.Fatal(err)
				}
				batch, w := program.NewBatch(), program.NewWorkspace()
				at := 7 + step*testReplicas*testEach + int(r)*testEach + lo
				if err := (noise{}).Fill(batch, j.spec.Order, 0, at, n); err != nil {
					t.Fatal(err)
				}
				w.Forward(program.Pack(nil, params), j.version.buffers, batch, nn.Train)
				m := w.Loss()
				metrics.N, metrics.Loss, metrics.Correct = metrics.N+m.N, metrics.Loss+m.Loss, metrics.Correct+m.Correct
				one := make([]float32, len(params))
				w.Backward(one)
				for i, v := range one {
					grad[i] += float64(v)
				}
				moments := make([]float64, program.MomentsLen())
				w.AddMoments(moments)
				norm := g.GradientSums().Norms[0]
				sum, count = sum+norm.Sums(moments)[0], count+*norm.Count(moments)
			}
			mean = 0.9*mean + 0.1*sum/count
			for i := range params {
				d := grad[i]/testEach + 0.01*float64(params[i])
				velocity[i] = 0.9*velocity[i] + d
				params[i] -= float32(lr * (d + 0.9*velocity[i]))
			}
		}
		for i, p := range params {
			if want := j.version.params[i] - p; math.Abs(float64(got.F32[i]-want)) > 2e-6 {
				t.Fatalf("replica %d: weight %d changed by %v, want %v", r, i, got.F32[i], want)
			}
		}
		if m := nn.MetricsOf(got.F64); m.N != metrics.N || m.Correct != metrics.Correct || math.Abs(m.Loss-metrics.Loss) > 1e-4 {
			t.Errorf("replica %d: %+v, want %+v", r, m, metrics)
		}
		buffers := make([]float32, g.NumBuffers())
		nn.UpdateRunningBy(g, buffers, g.GradientSums().Moments(got.F64), testSteps)
		if math.Abs(float64(buffers[0])-mean) > 1e-5 {
			t.Errorf("replica %d: running mean %v, want %v", r, buffers[0], mean)
		}
	}
}

// Stand-ins wait for the steps of their replicas, one after the other, agree on every block, and send
// what can be.
func TestStandInsTakeLocalSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := localJob(t, optim.Default())
		began := time.Now()
		want, err := standing(2).compute(t.Context(), j, proto.Root(testReplicas), 0)
		if d := time.Since(began); err != nil || d != 32*time.Millisecond { // 15 micro-shards on 2 threads, 4 times
			t.Fatalf("%s, %v", d, err)
		}
		f := newTestFold(j, testReplicas)
		for _, b := range proto.Root(testReplicas).Cover(1) {
			later := localJob(t, optim.Default())
			later.plan.Rates = []float64{0, 0, 0, 0}
			s, err := standing(1).compute(t.Context(), later, b, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Put(b, s); err != nil {
				t.Fatal(err)
			}
		}
		got, _ := f.Root()
		if !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64, want.F64) {
			t.Error("other bits in blocks of one")
		}
		g := j.version.network.graph
		norm := g.GradientSums().Norms[0]
		count := *norm.Count(g.GradientSums().Moments(want.F64))
		if all := testReplicas * testEach * g.DecayedSteps(norm.Node, testSteps); want.F64[0] != testReplicas*testSteps*testEach ||
			math.Abs(count-all) > 1e-9*all {
			t.Errorf("%v samples, moments of %v, want %v", want.F64[0], count, all)
		}
	})
}
