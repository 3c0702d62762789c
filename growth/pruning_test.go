package growth

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// severalReaders is a network whose channels are read by several layers and joined again, as a file tells it.
const severalReaders = `
layers:
  conv1: {conv2d: {out: 4, kernel: 3, padding: 1}}
  relu1: relu
  left: {conv2d: {out: 3, kernel: 1}}
  right: {conv2d: {out: 3, kernel: 3, padding: 1}, input: relu1}
  sum: {add: , input: [left, right]}
  tanh: tanh
  deep: {conv2d: {out: 5, kernel: 3, stride: 2, padding: 1}}
  norm: batchnorm
  relu2: relu
  flatten: flatten
  fc: {linear: {out: classes}}
`

// pruningNets are networks of every kind that can be pruned.
func pruningNets(t *testing.T) map[string]*nn.Graph {
	t.Helper()
	nets := streamNets(t)
	for name, c := range map[string]nn.ModelConfig{
		"plain mlp": {Name: "mlp", Widths: []int{5, 4}}, "vgg": {Name: "vgg", Widths: []int{3, 4, 5}}, "cnn": {Name: "cnn"},
		"mobilenetv2": {Name: "mobilenetv2"}, "file": {Name: "dag.yaml", Text: severalReaders},
	} {
		nets[name] = build(t, c)
	}
	for name, g := range nets {
		if len(site.All(g)) == 0 {
			t.Errorf("%s has no site", name)
		}
	}
	return nets
}

// everyOther removes every second neuron of each site, from one of the first two on by turns, but for the last one.
func everyOther(g *nn.Graph) (out []site.Removal) {
	for i, s := range site.All(g) {
		r := site.Removal{Site: s.ID}
		for j := i % 2; j < s.Width(g) && len(r.Neurons) < s.Width(g)-1; j += 2 {
			r.Neurons = append(r.Neurons, j)
		}
		if len(r.Neurons) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// closedAt returns gates of which those of removals are as good as shut and the others wide open.
func closedAt(g *nn.Graph, gone []site.Removal) *prune.Gates {
	gates := prune.NewGates(g)
	gates.Delta = 1e4
	for i := range gates.Sites {
		for j := range gates.Sites[i].S {
			gates.Sites[i].S[j] = 1
		}
		for _, r := range gone {
			if r.Site != gates.Sites[i].Site {
				continue
			}
			for _, j := range r.Neurons {
				gates.Sites[i].S[j] = -1
			}
		}
	}
	return gates
}

// A removal is the inverse of an insertion, to the bit: of parameters, running statistics and whatever is laid out
// like parameters.
func TestShrinkUndoesWiden(t *testing.T) {
	nets := pruningNets(t)
	for _, name := range []string{"vgg", "plain mlp"} { // error synapses come and go too
		g := nets[name].Clone()
		g.LRA = &nn.LRA{Beta: 1, Seed: 2}
		nets[name+" by recursive LRA"] = g
	}
	for name, g := range nets {
		m := growthtest.RandomModel(g, 3)
		sites, err := site.Layouts(g)
		if err != nil {
			t.Fatal(err)
		}
		var ins []site.Insertion
		var gone []site.Removal
		for i, l := range sites {
			in := l.Empty(1 + i%2)
			for k := range in.Alpha {
				in.Alpha[k] = float32(k + 1)
			}
			for k := range in.Omega {
				in.Omega[k] = -float32(k + 1)
			}
			r := site.Removal{Site: l.ID}
			for j := range in.Count {
				r.Neurons = append(r.Neurons, l.Width(g)+j)
			}
			if l.Width(g) > 0 {
				ins, gone = append(ins, in), append(gone, r)
			}
		}
		wide := widen(t, m, ins...)
		back, err := site.Shrink(wide.Graph, gone)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		small := back.Model(wide)
		if small.Graph.Generation != m.Graph.Generation+2 {
			t.Errorf("%s: generation %d", name, small.Graph.Generation)
		}
		small.Graph.Generation = m.Graph.Generation
		if string(small.Graph.JSON()) != string(m.Graph.JSON()) || !slices.Equal(small.Params, m.Params) || !slices.Equal(small.Buffers, m.Buffers) {
			t.Errorf("%s: another model comes back", name)
		}
	}
}

// Each tensor of what Shrink leaves is the tensor of before without the rows and columns of what went, as told by
// names and shapes alone.
func TestShrinkByTensor(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "vgg", Widths: []int{3, 4, 5}})
	m := growthtest.RandomModel(g, 3)
	out, err := site.Shrink(g, []site.Removal{{Site: "conv1", Neurons: []int{1}}, {Site: "conv2", Neurons: []int{0, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	small := out.Model(m)
	was := nn.ByName(g.ParamEntries())
	rows := map[nn.NodeID][]int{"conv1": {0, 2}, "conv2": {1, 2}, "bn1": {0, 2}, "bn2": {1, 2}}
	columns := map[nn.NodeID][]int{"conv2": {0, 2}, "conv3": {1, 2}}
	for _, e := range out.Graph.ParamEntries() {
		before := was[e.Name]
		keep := func(some []int, all int) []int {
			if some == nil {
				return upTo(all)
			}
			return some
		}
		rest := 1
		var ins []int
		if len(e.Shape) > 1 {
			ins = keep(columns[e.Node], before.Shape[1])
			for _, d := range e.Shape[2:] {
				rest *= d
			}
		} else {
			ins = []int{0}
		}
		all := before.Len() / before.Shape[0] / rest
		var want []float32
		for _, o := range keep(rows[e.Node], before.Shape[0]) {
			for _, i := range ins {
				want = append(want, before.Of(m.Params)[(o*all+i)*rest:][:rest]...)
			}
		}
		if !slices.Equal(e.Of(small.Params), want) {
			t.Errorf("%s is not what stays of it", e.Name)
		}
	}
	for _, bad := range [][]site.Removal{{{Site: "conv9", Neurons: []int{0}}}, {{Site: "conv1", Neurons: []int{0, 1, 2}}},
		{{Site: "conv1", Neurons: []int{1, 1}}}, {{Site: "conv1", Neurons: []int{3}}}, {{Site: "conv1", Neurons: []int{-1}}},
		{{Site: "conv1", Neurons: []int{0}}, {Site: "conv1", Neurons: []int{1}}}} {
		if _, err := site.Shrink(g, bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// Neurons whose gates are shut go without a bit of what the network computes, in training and evaluation, nor of the
// gradient of a weight that stays: a sum in which a term is zero is a chain with a link left out.
func TestShutGatesGoWithoutABit(t *testing.T) {
	for name, g := range pruningNets(t) {
		t.Run(name, func(t *testing.T) {
			m := growthtest.RandomModel(g, 3)
			bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
			gone := everyOther(g)
			gates := closedAt(g, gone)
			gates.Weights(g, m.Params, m.Params)
			if closed := gates.Closed(); !slices.EqualFunc(closed, gone, func(a, b site.Removal) bool {
				return a.Site == b.Site && slices.Equal(a.Neurons, b.Neurons)
			}) {
				t.Fatalf("closed are %v, want %v", closed, gone)
			}
			out, err := site.Shrink(g, gone)
			if err != nil {
				t.Fatal(err)
			}
			small := out.Model(m)
			if len(gone) > 0 && len(small.Params) >= len(m.Params) {
				t.Errorf("%d parameters of %d", len(small.Params), len(m.Params))
			}
			sameFunction(t, name, m, small, bs)
			for i := range bs {
				before, after := gradientsOf(t, m, bs[i:i+1]), gradientsOf(t, small, bs[i:i+1])
				flat := make([]float32, 0, len(m.Params))
				for _, e := range g.ParamEntries() {
					flat = append(flat, before[e.Name]...)
				}
				kept := out.Params(flat)
				for _, e := range small.Graph.ParamEntries() {
					if !slices.Equal(e.Of(kept), after[e.Name]) {
						t.Errorf("the gradient of %s changed", e.Name)
					}
				}
			}
		})
	}
}

// At the start gates change no bit of the weights; gates that are wide open double those of readers, and no others.
func TestGatesAtTheirEnds(t *testing.T) {
	for name, g := range pruningNets(t) {
		m := growthtest.RandomModel(g, 3)
		behind := make([]float32, len(m.Params))
		prune.NewGates(g).Weights(g, behind, m.Params)
		if !slices.Equal(behind, m.Params) {
			t.Errorf("%s: half open gates change weights", name)
		}
		closedAt(g, nil).Weights(g, behind, m.Params)
		read := map[nn.NodeID]bool{}
		for _, s := range site.All(g) {
			for _, r := range s.Readers {
				read[r] = true
			}
		}
		for _, e := range g.ParamEntries() {
			factor := float32(1)
			if read[e.Node] && e.Role == nn.RoleWeight {
				factor = 2
			}
			for i, v := range e.Of(m.Params) {
				if e.Of(behind)[i] != factor*v {
					t.Fatalf("%s: %s: %v became %v", name, e.Name, v, e.Of(behind)[i])
				}
			}
		}
	}
}

// The gradient of the scores is that of the loss with its price, by finite differences of the loss of the network
// with the gates in its weights.
func TestGateGradientByDifferences(t *testing.T) {
	const lambda = 0.03
	nets := pruningNets(t)
	for _, name := range []string{"plain mlp", "vgg", "file", "mlp tanh", "heads", "inverted residual", "dense",
		"wrn28, widen 1, empty false", "resnet18, widen 1, empty false"} {
		g := nets[name]
		if g == nil {
			t.Fatalf("no network %q", name)
		}
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
		gates := prune.NewGates(g)
		gates.Delta = 3
		direction := map[site.ID][]float64{}
		for i, s := range gates.Sites {
			for j := range s.S {
				gates.Sites[i].S[j] = 0.3 * math.Sin(float64(7*i+3*j+1))
				direction[s.Site] = append(direction[s.Site], math.Cos(float64(5*i+2*j)))
			}
		}
		behind := m.Clone()
		gates.Weights(g, behind.Params, m.Params)
		found := gradientsOf(t, behind, bs)
		var grad []float32
		for _, e := range g.ParamEntries() {
			grad = append(grad, found[e.Name]...)
		}
		gradient := gates.Gradient(g, m.Params, grad, 1./96, lambda)
		// loss with its price once scores moved by h along the direction, at one site or at all
		loss := func(h float64, only int) float64 {
			moved := &prune.Gates{Delta: gates.Delta}
			price := 0.0
			for i, s := range gates.Sites {
				next := slices.Clone(s.S)
				for j := range next {
					if only < 0 || only == i {
						next[j] += h * direction[s.Site][j]
					}
					price += 1 / (1 + math.Exp(-next[j]))
				}
				moved.Sites = append(moved.Sites, prune.Scored{Site: s.Site, S: next})
			}
			at := m.Clone()
			moved.Weights(g, at.Params, m.Params)
			return meanLoss(t, at, bs, nn.Train) + lambda*price
		}
		for only := -1; only < len(gates.Sites); only++ {
			want := 0.0
			for i, s := range gradient {
				for j, v := range s.Scores {
					if only < 0 || only == i {
						want += v * direction[s.Site][j]
					}
				}
			}
			const h = 1. / 32768 // ReLUs have kinks
			if got := (loss(h, only) - loss(-h, only)) / (2 * h); math.Abs(got-want) > 2e-2*math.Abs(want)+2e-3 {
				t.Errorf("%s, site %d: finite difference %g, gradient %g", name, only, got, want)
			}
		}
	}
}

// The group norm of a channel is that of all tensors that a channel has a slice of, told by their names.
func TestMagnitudes(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "vgg", Widths: []int{3, 4}})
	m := growthtest.RandomModel(g, 3)
	at := func(name string, i int) float64 { return float64(nn.ByName(g.ParamEntries())[name].Of(m.Params)[i]) }
	shapes := nn.ByName(g.ParamEntries())
	want := make([]float64, 3)
	mean := 0.0
	for c := range want {
		sum := 0.0
		add := func(name string, i int) { v := at(name, i); sum += v * v }
		for i := range shapes["conv1.weight"].Len() / 3 {
			add("conv1.weight", c*shapes["conv1.weight"].Len()/3+i)
		}
		if _, ok := shapes["conv1.bias"]; ok {
			add("conv1.bias", c)
		}
		add("bn1.weight", c)
		add("bn1.bias", c)
		for o := range 4 {
			for k := range 9 {
				add("conv2.weight", (o*3+c)*9+k)
			}
		}
		want[c] = math.Sqrt(sum)
		mean += want[c] / 3
	}
	got := prune.Magnitudes(m)[0]
	for c := range want {
		growthtest.Close(t, fmt.Sprint("channel ", c), got.Scores[c], want[c]/mean, 1e-12)
	}
}

// What goes is the least that leaves the part of the network that is asked for, in the order of the scores, and
// no site loses more than seven eighths.
func TestLowestGoFirst(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "vgg", Widths: []int{8, 8, 16}})
	m := growthtest.RandomModel(g, 3)
	scores := prune.Magnitudes(m)
	for _, of := range prune.Measures {
		size := func(g *nn.Graph) float64 {
			if of == prune.Params {
				return float64(g.NumParams())
			}
			return float64(g.FLOPs())
		}
		for _, keep := range []float64{1, 0.9, 0.5, 0.2, 0.001} {
			gone := prune.Lowest(g, scores, keep, of)
			small := g.Clone()
			most, lost, all := math.Inf(-1), 0, map[site.ID][]int{}
			for _, r := range gone {
				s, _ := site.Find(g, r.Site)
				s.Gain(small, -len(r.Neurons))
				lost += len(r.Neurons)
				all[r.Site] = r.Neurons
				if !slices.IsSorted(r.Neurons) || len(r.Neurons) > s.Width(g)*7/8 {
					t.Errorf("%s, %v: %v of %d go at %s", of, keep, r.Neurons, s.Width(g), r.Site)
				}
			}
			if keep == 0.001 {
				if lost != 7+7+14 {
					t.Errorf("%s: %d go where as many as may go should", of, lost)
				}
				continue
			}
			if size(small) > keep*size(g) {
				t.Errorf("%s, %v: %v of %v stay", of, keep, size(small), size(g))
			}
			for _, s := range scores {
				for _, j := range all[s.Site] {
					most = max(most, s.Scores[j])
				}
			}
			for _, s := range scores {
				for j, v := range s.Scores {
					if v < most && !slices.Contains(all[s.Site], j) && len(all[s.Site]) < len(s.Scores)*7/8 {
						t.Errorf("%s, %v: %s %d of %v stays, %v goes", of, keep, s.Site, j, v, most)
					}
				}
			}
			if lost == 0 {
				continue
			}
			for _, s := range scores { // without the last one to go there is too much
				for _, j := range all[s.Site] {
					if s.Scores[j] == most {
						at, _ := site.Find(g, s.Site)
						at.Gain(small, 1)
						if size(small) <= keep*size(g) {
							t.Errorf("%s, %v: %s %d need not go", of, keep, s.Site, j)
						}
						at.Gain(small, -1)
					}
				}
			}
		}
	}
}

// The journal tells what was looked at and what went; ages and birth groups follow.
func TestPruningIsRecorded(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "vgg", Widths: []int{4, 6}})
	m := growthtest.RandomModel(g, 3)
	c := prune.Default()
	c.Policy, c.Keep = prune.Magnitude, 0.5
	before := slices.Clone(m.Params)
	p, err := NewPruning(c, m, nil, EventInfo{Number: 3, Step: 70})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Record
	if !slices.Equal(before, m.Params) || p.Shrunk == nil || r.Decision != Prune || r.Event != 3 || r.Step != 70 ||
		r.ParamsAfter != p.Graph.NumParams() || 2*r.FLOPsAfter > r.FLOPsBefore {
		t.Errorf("%+v", r)
	}
	if len(r.Pruned) != 2 || len(r.Pruned[0].Scores) != 4 || len(r.Grown) == 0 || !strings.Contains(r.Grown[0].Sentence, "pruned") {
		t.Errorf("%+v", r)
	}
	for _, grown := range r.Grown {
		if got := p.Graph.Node(nn.NodeID(grown.Site)).Out; grown.To != got || grown.From <= grown.To {
			t.Errorf("%s has %d channels: %+v", grown.Site, got, grown)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	if h := (History{Events: 3, Refusals: 7, Ended: "x"}).After(r); h.Events != 4 || h.Refusals != 0 || h.Ended != "" || h.LastStep != 70 {
		t.Errorf("%+v", h)
	}
	c.Keep = 1
	if p, err = NewPruning(c, m, nil, EventInfo{}); err != nil || p.Shrunk != nil || p.Record.Decision != Refuse {
		t.Errorf("%+v, %v", p, err)
	}
	c.Policy, c.Keep = prune.DNAL, 0
	if p, err = NewPruning(c, m, closedAt(g, []site.Removal{{Site: "conv2", Neurons: []int{0, 4}}}), EventInfo{}); err != nil ||
		p.Record.Grown[0].To != 4 || p.Record.Pruned[1].Scores[0] > 1e-9 || p.Record.Pruned[1].Scores[1] != 1 {
		t.Errorf("%+v, %v", p.Record, err)
	}
}

func TestAgesAndBirthsBehindAPruning(t *testing.T) {
	ages := Ages{"a": {{4, 0}, {6, 1}, {9, 2}}, "b": {{2, 0}, {3, 1}}}
	got := ages.Without([]site.Removal{{Site: "a", Neurons: []int{0, 4, 5, 8}}, {Site: "c", Neurons: []int{0}}})
	if want := (Ages{"a": {{3, 0}, {5, 2}}, "b": {{2, 0}, {3, 1}}}); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
	journal := []Record{{Step: 10, Grown: []GrownRecord{{Site: "a", From: 4, To: 6}}}, {Step: 20, Grown: []GrownRecord{{Site: "a", From: 6, To: 9}}},
		{Step: 30, Decision: Prune, Grown: []GrownRecord{{Site: "a", From: 9, To: 5}}, Pruned: []PrunedRecord{{Site: "a", Gone: []int{0, 4, 5, 8}}}},
		{Step: 40, Grown: []GrownRecord{{Site: "a", From: 5, To: 8}}}}
	if got, want := birthsAt("a", 8, journal), []bornAt{{3, 0}, {5, 20}, {8, 40}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Scores that lead to no finite number stay, delta never falls, and gates that are not those of a network are told.
func TestGatesKeepToTheirBounds(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "vgg", Widths: []int{2, 3}})
	gates := prune.NewGates(g)
	if err := gates.Fits(g); err != nil {
		t.Error(err)
	}
	steps := []prune.Scores{{Site: "conv1", Scores: []float64{math.NaN(), 2}}, {Site: "conv2", Scores: []float64{math.Inf(1), 0, -1}}}
	next := gates.Step(steps, 0.5, 100)
	if !slices.Equal(next.Sites[0].S, []float64{0, -1}) || !slices.Equal(next.Sites[1].S, []float64{0, 0, 0.5}) || next.Delta != 100 ||
		gates.Sites[0].S[1] != 0 {
		t.Errorf("%+v", next)
	}
	if next = next.Step(steps, 0.5, 10); next.Delta != 100 {
		t.Errorf("delta fell to %v", next.Delta)
	}
	if growthtest.Close(t, "delta in the middle", prune.DeltaAt(0.5, 1e4), 100, 1e-12); prune.DeltaAt(-1, 1e4) != 1 {
		t.Error("delta begins below 1")
	}
	growthtest.Close(t, "delta at the end", prune.DeltaAt(2, 1e4), 1e4, 1e-12)
	ranked := (&prune.Gates{Delta: 2, Sites: []prune.Scored{{Site: "a", S: []float64{3, -4}}, {Site: "b", S: []float64{0}}, {Site: "c"}}}).Ranks()
	if s := ranked[0].Scores; math.Abs(s[0]/s[1]+0.75) > 1e-15 || math.Abs(s[0]*s[0]+s[1]*s[1]-2) > 1e-14 || ranked[1].Scores[0] != 0 {
		t.Errorf("ranks %v", ranked)
	}
	gates.Sites[1].S = gates.Sites[1].S[:2]
	if gates.Fits(g) == nil || (&prune.Gates{Delta: 1}).Fits(g) == nil || (&prune.Gates{Sites: next.Sites}).Fits(g) == nil {
		t.Error("gates of another network fit")
	}
}
