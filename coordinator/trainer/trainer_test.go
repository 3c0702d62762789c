package trainer

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/coordinator/trainer/naive"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

func toyGraph(hidden int) *nn.Graph {
	return &nn.Graph{Input: nn.Shape{C: 4, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: hidden, Bias: true},
		{ID: "bn", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"fc1"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "relu", Op: nn.OpReLU, Inputs: []nn.NodeID{"bn"}},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"relu"}, Out: 3, Bias: true},
	}}
}

// fillToy puts samples of a made-up data set into b: class k has mean +1 in feature k.
func fillToy(b *nn.Batch, s proto.Order, lo, n int) {
	b.N = n
	clear(b.X)
	for i := range n {
		id := uint64(lo + i)
		if s.Stream != "sequential" {
			id = uint64(rng.New(rng.Key(s.Stream), s.Seed, s.Index).Perm(toyData.Train)[id])
		}
		label := int32(id % 3)
		b.Labels[i] = label
		noise := rng.New(rng.Key(s.Split), id)
		for c := range 4 {
			v := 0.7 * noise.Normal(uint64(c))
			if int32(c) == label {
				v++
			}
			b.X[(i/tensor.Lanes*4+c)*tensor.Lanes+i%tensor.Lanes] = float32(v)
		}
	}
}

var toyData = Data{Train: 210, Test: 70}

// compute returns the sums of node b of a round's tree, the naive way.
func compute(t *Trainer, r Round, b proto.Block) proto.Sums {
	if !b.IsLeaf() {
		left, right := b.Split()
		x, y := compute(t, r, left), compute(t, r, right)
		if naive.Add(b, &r.RoundSpec, t.Model().Graph, int(t.Grain()), x, y); r.Wire.Half() {
			Rounding(r.Wire).Round(x.F32, x.F32)
		}
		return x
	}
	lo, hi := r.Range(b.Lo)
	leaf := naive.Leaf{Model: t.Weights().Model, Round: r.RoundSpec, Request: r.Request, Lengths: r.Lengths, Shard: uint64(b.Lo)}
	if r.Kind == proto.Local {
		return leaf.Steps(r.Plan, func(batch *nn.Batch, lo, hi uint64) { fillToy(batch, r.Order, int(lo), int(hi-lo)) })
	}
	if r.Wire.Half() {
		m := *leaf.Model
		m.Params = slices.Clone(m.Params)
		Rounding(proto.Wire{Format: r.Wire.Format}).Round(m.Params, m.Params)
		leaf.Model = &m
	}
	s := leaf.Sums(func(batch *nn.Batch) { fillToy(batch, r.Order, int(lo), int(hi-lo)) })
	if r.Wire.Half() {
		Rounding(r.Wire).Round(s.F32, s.F32)
	}
	return s
}

func toySettings() Settings {
	c, o, g := Default(), optim.Default(), growth.DefaultOf(growth.PolicyTiny)
	c.Batch, c.MicroShard, c.Epochs, c.EvalEpochs = 50, 16, 3, 1
	o.Schedule, o.WeightDecay = optim.Cosine, 1e-4
	g.EverySteps, g.MaxNeurons = 3, 1 // so that there is something left to grow
	g.Fix(func(f *growth.Fixed) {
		f.Samples, f.MinNeurons, f.Gate.Significance = growth.Samples{Statistics: 64, Newborn: 48, Amplitude: 48}, 1, 0
	})
	return Settings{Train: c, Optimizer: o, Growth: g, Data: toyData}
}

func newToy(t *testing.T) *Trainer { return newToyOf(t, toySettings()) }

func newToyOf(t *testing.T, s Settings) *Trainer { return newTrainerOf(t, s, toyGraph(2)) }

func newTrainerOf(t *testing.T, s Settings, g *nn.Graph) *Trainer {
	t.Helper()
	tr, err := New(s, nn.Init(g, 1))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// run goes on until the end or until stop says so.
func run(t *testing.T, tr *Trainer, stop func() bool) (lines []string) {
	if a, err := tr.Begin(); err != nil || a != (Applied{}) {
		t.Fatal(a, err)
	}
	for !stop() {
		r, ok := tr.Next()
		if !ok {
			break
		}
		a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
		if err != nil {
			t.Fatal(err)
		}
		if a == (Applied{}) {
			continue // within a growth event, which a restored trainer runs again
		}
		line, _ := json.Marshal(a)
		lines = append(lines, string(line))
	}
	return lines
}

func never() bool { return false }

func TestSequenceOfRounds(t *testing.T) {
	tr := newToy(t)
	if _, err := tr.Begin(); err != nil {
		t.Fatal(err)
	}
	var kinds strings.Builder
	grown := 0
	for {
		r, ok := tr.Next()
		if !ok {
			break
		}
		kinds.WriteString(strings.ToUpper(string(r.Kind[:1])))
		if r.Kind == proto.Gradient {
			kinds.WriteString("d")
			order := proto.Order{Split: "train", Stream: "epoch", Seed: 1, Index: uint64(tr.Step()) / 4}
			if r.Order != order || r.Offset != uint64(tr.Step())%4*50 || r.Count != 50 {
				t.Fatalf("step %d: %+v", tr.Step(), r)
			}
			if r.MicroShards() != 4 {
				t.Fatalf("%d micro-shards", r.MicroShards())
			}
		}
		a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
		if err != nil {
			t.Fatal(err)
		}
		if a.Grown != nil && a.Grown.Grown {
			grown++
			if int(tr.Generation()) != grown {
				t.Errorf("generation %d after %d growths", tr.Generation(), grown)
			}
		}
	}
	// An event is due every 3 steps, in the first three quarters, after the evaluation.
	if got := strings.ReplaceAll(kinds.String(), "GG", "G"); !regexp.MustCompile(`^GdGdGdG+dEGdGdG+dGdEGdG+dGdGdE$`).MatchString(got) {
		t.Errorf("rounds %s", kinds.String())
	}
	if grown < 2 {
		t.Errorf("grew %d times", grown)
	}
	if a := tr.Progress().Test.Accuracy(); a < 0.5 {
		t.Errorf("learnt nothing: accuracy %v", a)
	}
}

// A trainer restored anywhere goes on as if nothing had happened.
func TestRestoreAnywhere(t *testing.T) { restoreAnywhere(t, toySettings(), toyGraph(2)) }

// So does one whose parameters are updated by kind and by matrix.
func TestRestoreAnywhereWithMuon(t *testing.T) {
	g := toyGraph(2)
	g.Node("fc1").Op, g.Node("fc1").Kernel, g.Node("fc1").Stride = nn.OpConv, 1, 1
	set := toySettings()
	set.Optimizer.Name, set.Optimizer.DecayBiases, set.Optimizer.NormBiasFactor = optim.Muon, false, 4
	whole, _ := restoreAnywhere(t, set, g)
	first := whole.Model().Graph.ParamEntries()[0]
	if whole.Generation() == 0 || first.Shape[0] < 3 {
		t.Fatalf("grew to %v", first.Shape)
	}
	var sum float64
	for _, w := range first.Of(whole.Model().Params) {
		sum += float64(w) * float64(w)
	}
	// The norm of the last update's weights was sqrt(rows), and its direction has taken it off by little.
	if rows := float64(first.Shape[0]); math.Abs(sum/rows-1) > 0.2 {
		t.Errorf("squared norm %v of %v rows", sum, rows)
	}
}

// So does one that grows through a depthwise convolution, whose normalisation is
// extended too.
func TestRestoreAnywhereWithDepthwise(t *testing.T) {
	for _, policy := range []string{"random", "tiny"} {
		g := toyGraph(2)
		relu := slices.IndexFunc(g.Nodes, func(n nn.Node) bool { return n.ID == "relu" })
		g.Nodes = slices.Insert(g.Nodes, relu+1,
			nn.Node{ID: "dw", Op: nn.OpDepthwise, Inputs: []nn.NodeID{"relu"}, Kernel: 3, Stride: 1, Pad: 1},
			nn.Node{ID: "bn2", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"dw"}, Eps: 1e-5, Momentum: 0.1},
			nn.Node{ID: "relu2", Op: nn.OpReLU, Inputs: []nn.NodeID{"bn2"}})
		g.Node("fc2").Inputs = []nn.NodeID{"relu2"}
		set := toySettings()
		set.Growth.Policy = policy
		whole, _ := restoreAnywhere(t, set, g)
		entries := nn.ByName(whole.Model().Graph.ParamEntries())
		if width := whole.Model().Graph.Node("fc1").Out; width < 3 || entries["dw.weight"].Shape[0] != width || entries["bn2.bias"].Shape[0] != width {
			t.Errorf("%s: grew to %d neurons, depthwise weights of shape %v", policy, width, entries["dw.weight"].Shape)
		}
	}
}

// So does one that grows by computation and by the evidence that rides along.
func TestRestoreAnywhereByComputation(t *testing.T) {
	set, g := toySettings(), toyGraph(2)
	set.Growth = growth.DefaultOf(growth.PolicyCompute)
	set.Growth.EverySteps, set.Growth.Until, set.Growth.Riding, set.Growth.Samples = 9, 0.9, 1, 48
	set.Growth.MaxFLOPs, set.Growth.Gate = 4*g.FLOPs(), false
	whole, told := restoreAnywhere(t, set, g)
	grown, evidence := 0, false
	for _, a := range told {
		if a.Growth != nil && len(a.Growth.Grown) > 0 {
			grown++
			evidence = evidence || a.Growth.Sites[0].GainError > 0
		}
	}
	if part := float64(whole.Model().Graph.FLOPs()) / float64(set.Growth.MaxFLOPs); grown < 1 || !evidence || part < 0.7 || part > 1.1 {
		t.Errorf("grew %d times, evidence %v, to %.2f of the FLOPs that it should have", grown, evidence, part)
	}
}

// So does one whose weights have rates by their birth.
func TestRestoreAnywhereByBirths(t *testing.T) {
	set, g := toySettings(), toyGraph(1)
	set.Growth.Policy, set.Growth.MaxNeurons = growth.PolicyRandom, 8
	plain := newTrainerOf(t, set, g)
	run(t, plain, never)
	set.Optimizer.Births = optim.VarianceTransfer
	whole, told := restoreAnywhere(t, set, g)
	if whole.Digest() == plain.Digest() {
		t.Error("the rates change nothing")
	}
	var ages []growth.Age
	for i, event := 0, 0; i < len(told); i++ {
		if r := told[i].Growth; r != nil {
			if event++; len(r.Grown) > 0 && len(ages) == 0 {
				ages = append(ages, growth.Age{To: r.Grown[0].From})
			}
			for _, grown := range r.Grown {
				ages = append(ages, growth.Age{To: grown.To, Event: event})
			}
		}
	}
	if d := cmp.Diff(growth.Ages{"fc1": ages}, whole.Progress().Ages); d != "" || len(ages) < 3 {
		t.Errorf("ages of what grew: %s", d)
	}
	var first, second *optim.Births
	for i, e := range whole.Model().Graph.ParamEntries() {
		switch births := layoutAged(set.Optimizer, whole.Model().Graph, whole.Progress().Ages)[i].Births; e.Name {
		case "fc1.weight":
			first = births
		case "fc2.weight":
			second = births
		default:
			if births != nil {
				t.Errorf("%s has births", e.Name)
			}
		}
	}
	for i, a := range ages {
		if b := (optim.Birth{To: a.To, Event: a.Event}); first.Outputs[i] != b || second.Inputs[i] != b {
			t.Errorf("births %+v and %+v, want %+v", first, second, ages)
		}
	}
	if len(first.Inputs) != 1 || len(second.Outputs) != 1 {
		t.Errorf("inputs %+v and outputs %+v that did not grow", first.Inputs, second.Outputs)
	}
}

// restoreAnywhere runs to the end, returns all that was told on the way, and
// then runs again, each time restored after another number of rounds.
func restoreAnywhere(t *testing.T, set Settings, g *nn.Graph) (whole *Trainer, told []Applied) {
	t.Helper()
	whole = newTrainerOf(t, set, g)
	want := run(t, whole, never)
	for at := range 30 {
		tr := newTrainerOf(t, set, g)
		n := 0
		got := run(t, tr, func() bool { n++; return n > at })
		js, err := json.Marshal(tr.Progress())
		if err != nil {
			t.Fatal(err)
		}
		var progress Progress
		if err := json.Unmarshal(js, &progress); err != nil {
			t.Fatal(err)
		}
		if progress, err = progress.WithValues(tr.Model().Graph, tr.Progress().Values()); err != nil {
			t.Fatal(err)
		}
		progress = progress.WithBest(tr.Progress().Best())
		tr, err = Restore(set, tr.Model().Clone(), tr.Slots(), tr.Optimizer().Count(), progress)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, run(t, tr, never)...)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("restored after %d rounds: (-want +got)\n%s", at, cmp.Diff(want, got))
		}
		if tr.Digest() != whole.Digest() {
			t.Fatalf("restored after %d rounds: another end", at)
		}
		was, _ := json.Marshal(whole.Progress())
		is, _ := json.Marshal(tr.Progress())
		if string(is) != string(was) {
			t.Fatalf("restored after %d rounds: (-want +got)\n%s", at, cmp.Diff(string(was), string(is)))
		}
	}
	for _, line := range want {
		var a Applied
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		told = append(told, a)
	}
	return whole, told
}

// New neurons are followed for as many steps as configured, until the next
// event, or until the end of the run, and told of once.
func TestNewbornsAreFollowed(t *testing.T) {
	for follow, want := range map[int][]uint64{0: nil, 1: {4, 7, 10}, 2: {5, 8, 11}, 100: {6, 9, 12}} {
		set := toySettings()
		set.Growth.Fixed.Follow, set.Growth.Policy = follow, growth.PolicyRandom
		tr, err := New(set, nn.Init(toyGraph(2), 1))
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, line := range run(t, tr, never) {
			var a Applied
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				t.Fatal(err)
			}
			if h := a.Health; h != nil {
				got = append(got, h.Step)
				if h.Steps != min(follow, 3) || len(h.Sites) != 1 || len(h.Sites[0].Incoming) != 1 || len(h.Sites[0].Active) != 1 {
					t.Errorf("follow %d: %+v", follow, h)
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("follow %d: told at steps %v, want %v", follow, got, want)
		}
	}
}

// A network that gains width and depth, restored anywhere, ends in the same bits.
func TestRestoreBetweenDeeperNetworks(t *testing.T) {
	g := toyGraph(2)
	g.Nodes = append(g.Nodes[:len(g.Nodes)-1],
		nn.Node{ID: "b.1.fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"relu"}, Bias: true}, // of width zero
		nn.Node{ID: "b.1.bn", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"b.1.fc1"}, Eps: 1e-5, Momentum: 0.1},
		nn.Node{ID: "b.1.relu", Op: nn.OpReLU, Inputs: []nn.NodeID{"b.1.bn"}},
		nn.Node{ID: "b.1.fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"b.1.relu"}, Out: 2, Bias: true},
		nn.Node{ID: "b.1.add", Op: nn.OpAdd, Inputs: []nn.NodeID{"b.1.fc2", "relu"}},
		nn.Node{ID: "fc", Op: nn.OpLinear, Inputs: []nn.NodeID{"b.1.add"}, Out: 3, Bias: true})
	set := toySettings()
	set.Growth.DepthEvery, set.Growth.Policy = 1, growth.PolicyRandom
	deep := func() *Trainer {
		tr, err := New(set, nn.Init(g, 1))
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	whole := deep()
	want := run(t, whole, never)
	if n := whole.Model().Graph.Node("b.4.fc1"); n == nil || whole.Progress().Growth.Blocks != 3 || whole.Model().Graph.Node("b.2.fc1").Out == 0 {
		t.Fatalf("%d blocks were appended", whole.Progress().Growth.Blocks)
	}
	for at := range 20 {
		tr := deep()
		n := 0
		got := run(t, tr, func() bool { n++; return n > at })
		js, err := json.Marshal(tr.Progress())
		if err != nil {
			t.Fatal(err)
		}
		var progress Progress
		if err := json.Unmarshal(js, &progress); err != nil {
			t.Fatal(err)
		}
		tr, err = Restore(set, tr.Model().Clone(), tr.Slots(), tr.Optimizer().Count(), progress)
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, run(t, tr, never)...); !reflect.DeepEqual(got, want) || tr.Digest() != whole.Digest() {
			t.Fatalf("restored after %d rounds: another end (-want +got)\n%s", at, cmp.Diff(want, got))
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	tr := newToy(t)
	r, _ := tr.Next()
	good := compute(tr, r, proto.Root(r.MicroShards()))
	before := tr.Digest()
	f64 := func(i int, v float64) proto.Sums {
		s := proto.Sums{F32: good.F32, F64: append([]float64(nil), good.F64...)}
		s.F64[i] = v
		return s
	}
	for name, c := range map[string]struct {
		s    proto.Sums
		says string
	}{
		"short gradient": {proto.Sums{F32: good.F32[1:], F64: good.F64}, "values, want"},
		"no metrics":     {proto.Sums{F32: good.F32}, "values, want"},
		"other samples":  {f64(0, 49), "over 49 samples, want 50"},
		"not a number":   {f64(1, math.NaN()), "pixels or targets that are no numbers"},
		"infinite":       {f64(1, math.Inf(1)), "before its first step"},
	} {
		if _, err := tr.Apply(c.s); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tr.Apply(f64(1, math.NaN())); !errors.Is(err, ErrDiverged) {
		t.Errorf("not ErrDiverged: %v", err)
	}
	if tr.Digest() != before {
		t.Error("a refused sum changed the state")
	}
	if _, err := tr.Apply(good); err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		if _, err := tr.Apply(f64(1, v)); !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "lower the learning rate") {
			t.Errorf("a loss of %v after a step: %v", v, err)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	set := toySettings()
	set.Train.MicroShard, set.Train.EvalEpochs, set.Train.Epochs = 64, -1, 0
	set.Optimizer.LR, set.Growth.Policy = 0, "grow"
	_, err := New(set, nn.Init(toyGraph(2), 1))
	for _, part := range []string{"microshard 64 is larger than the batch of 50", "eval_epochs -1", "neither epochs nor steps", "lr 0", `policy "grow"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("faults lack %q: %v", part, err)
		}
	}
	set = toySettings()
	set.Train.Batch = 211
	if _, err := New(set, nn.Init(toyGraph(2), 1)); err == nil || !strings.Contains(err.Error(), "lower --batch") {
		t.Errorf("batch larger than the data set: %v", err)
	}
	if _, err := Restore(toySettings(), nn.Init(toyGraph(2), 1), nil, 0, Progress{}); err == nil {
		t.Error("a checkpoint of another optimizer was taken")
	}
}

// The update and the digest are the same on any number of processors, and the
// digest sees every part of the state.
func TestUpdateBitsDoNotDependOnProcessors(t *testing.T) {
	g := toyGraph(3 * int(reduce.Chunk) / 8)
	grad := make([]float32, g.NumParams())
	for i := range grad {
		grad[i] = float32(i%7) - 3
	}
	var digests []Digest
	for _, procs := range []int{1, 2, 5} {
		before := runtime.GOMAXPROCS(procs)
		m := nn.Init(g, 1)
		o := optim.New(optim.Default(), local.LayoutOf(m.Graph))
		p := update(whole(m, o, nil, reduce.Chunk), grad, reduce.Step{Scale: 0.5, LR: 0.1})
		d, spans := sum(p.State, m, o.Count(), nil, nil), p.Params
		runtime.GOMAXPROCS(before)
		if d != digest(m, o, nil, reduce.Chunk, nil) {
			t.Error("the digest of an update is not that of its result")
		}
		if spans.Digest() != proto.DigestOf(proto.Bytes32(m.Params)) {
			t.Error("spans that were hashed are not those of the parameters")
		}
		digests = append(digests, d)
		for name, v := range map[string]*float32{"a weight": &m.Params[len(m.Params)-1], "a buffer": &m.Buffers[0], "a velocity": &o.Slots()[0].Data[reduce.Chunk]} {
			*v++
			if digest(m, o, nil, reduce.Chunk, nil) == d {
				t.Errorf("the digest does not see %s", name)
			}
			*v--
		}
	}
	if digests[0] != digests[1] || digests[1] != digests[2] {
		t.Error("the digest depends on the number of processors")
	}
}

// 1,841,162 parameters, as the MLP 3072-512-512-10.
func BenchmarkUpdateAndDigest(b *testing.B) {
	g := &nn.Graph{Input: nn.Shape{C: 3072, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: 512, Bias: true},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"fc1"}, Out: 512, Bias: true},
		{ID: "fc3", Op: nn.OpLinear, Inputs: []nn.NodeID{"fc2"}, Out: 10, Bias: true},
	}}
	m := nn.Init(g, 1)
	o := optim.New(optim.Default(), local.LayoutOf(m.Graph))
	grad := make([]float32, len(m.Params))
	b.SetBytes(int64(4 * 3 * len(grad)))
	for b.Loop() {
		update(whole(m, o, nil, reduce.Chunk), grad, reduce.Step{Scale: 1, LR: 0.1})
	}
}
