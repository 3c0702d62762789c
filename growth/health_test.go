package growth

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/google/go-cmp/cmp"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// stepSums returns the summed gradient and moments over batches.
func stepSums(t *testing.T, m *nn.Model, bs []*nn.Batch) (gradient []float32, moments []float64, samples float64) {
	t.Helper()
	p, err := nn.Compile(m.Graph, len(bs[0].Labels), nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, pk, one := p.NewWorkspace(), p.Pack(nil, m.Params), make([]float32, len(m.Params))
	gradient, moments = make([]float32, len(m.Params)), make([]float64, p.MomentsLen())
	for _, b := range bs {
		w.Forward(pk, m.Buffers, b, nn.Train)
		w.Loss()
		w.Backward(one)
		w.AddMoments(moments)
		for i, v := range one {
			gradient[i] += v
		}
		samples += float64(b.N)
	}
	return gradient, moments, samples
}

// grownWith widens two sites of a network by three neurons each and watches them.
func grownWith(t *testing.T, g *nn.Graph, bs []*nn.Batch, spoil func(in *site.Insertion)) (*nn.Model, *Watch) {
	t.Helper()
	m := growthtest.RandomModel(g, 3)
	r := &Record{Event: 7}
	var ins []site.Insertion
	for _, id := range []site.ID{"conv1", "conv2"} {
		in := randomInsertion(t, m, id, 3, bs)
		if id == "conv2" {
			spoil(&in)
		}
		ins = append(ins, in)
		width := g.Node(nn.NodeID(id)).Out
		r.Grown = append(r.Grown, GrownRecord{Site: id, From: width, To: width + 3})
	}
	return widen(t, m, ins...), NewWatch(r)
}

func TestHealthOfNewNeurons(t *testing.T) {
	g := growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy, growthtest.Conv("conv1", 2, 3, 1, 1, false), growthtest.Norm("n1"), growthtest.Op("r1", nn.OpReLU),
		growthtest.Conv("conv2", 3, 3, 1, 1, true), growthtest.Op("r2", nn.OpReLU), growthtest.Op("avg", nn.OpGlobalAvgPool), growthtest.Linear("out", 4, true))
	bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 64, Last: 50})
	m, w := grownWith(t, g, bs, func(in *site.Insertion) {
		in.Alpha[len(in.Alpha)-1] = -1e4 // the last neuron's bias: it never puts out anything
	})
	const steps = 3
	var naiveIn, naiveOut []float64 // of conv2's new neurons
	for range steps {
		gradient, moments, n := stepSums(t, m, bs)
		w = w.After(m, gradient, moments, n)
		by := gradientsOf(t, m, bs)
		for j := range 3 {
			var in, out float64
			rows := len(by["conv2.weight"]) / len(bs) / 6
			for i := range rows {
				d := (float64(by["conv2.weight"][(3+j)*rows+i]) + float64(by["conv2.weight"][(6+3+j)*rows+i])) / n
				in += d * d
			}
			d := (float64(by["conv2.bias"][3+j]) + float64(by["conv2.bias"][6+3+j])) / n
			in += d * d
			for o := range 4 {
				d := (float64(by["out.weight"][o*6+3+j]) + float64(by["out.weight"][24+o*6+3+j])) / n
				out += d * d
			}
			if len(naiveIn) <= j {
				naiveIn, naiveOut = append(naiveIn, 0), append(naiveOut, 0)
			}
			naiveIn[j], naiveOut[j] = naiveIn[j]+in/steps, naiveOut[j]+out/steps
		}
		text, err := json.Marshal(w) // as a checkpoint keeps it
		if err != nil {
			t.Fatal(err)
		}
		back := new(Watch)
		if err := json.Unmarshal(text, back); err != nil || cmp.Diff(w, back) != "" {
			t.Fatalf("a watch does not survive a checkpoint: %v %s", err, cmp.Diff(w, back))
		}
		for i := range m.Params { // a step of training
			m.Params[i] -= 0.01 * gradient[i] / float32(n)
		}
	}
	r := w.Report(93)
	if r.Event != 7 || r.Step != 93 || r.Steps != steps || len(r.Sites) != 2 {
		t.Fatalf("report %+v", r)
	}
	normed, plain := r.Sites[0], r.Sites[1]
	for j := range 3 {
		growthtest.Close(t, "gradient of incoming weights", float64(plain.Incoming[j]), math.Sqrt(naiveIn[j]), 1e-4)
		growthtest.Close(t, "gradient of outgoing weights", float64(plain.Outgoing[j]), math.Sqrt(naiveOut[j]), 1e-4)
	}
	if !slices.Equal(plain.Dead, []int{5}) || r.Dead != 1 || !strings.Contains(r.Text, "1 of 3 at conv2") {
		t.Errorf("dead %v: %s", plain.Dead, r.Text)
	}
	if len(normed.Dead) != 0 || len(normed.Active) != 3 || len(plain.Active) != 0 || normed.OldIncoming <= 0 || plain.OldOutgoing <= 0 {
		t.Errorf("report %+v", r)
	}
}

// Behind a normalisation the share of activations above zero is estimated from
// moments; it is near the true one.
func TestActivityFromMoments(t *testing.T) {
	g := growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy, growthtest.Conv("conv1", 2, 3, 1, 1, false), growthtest.Norm("n1"), growthtest.Op("r1", nn.OpReLU),
		growthtest.Conv("conv2", 3, 3, 1, 1, true), growthtest.Op("r2", nn.OpReLU), growthtest.Op("avg", nn.OpGlobalAvgPool), growthtest.Linear("out", 4, true))
	bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 320, Last: 320})
	m, w := grownWith(t, g, bs, func(*site.Insertion) {})
	beta := nn.ByName(m.Graph.ParamEntries())["n1.bias"].Of(m.Params)
	gamma := nn.ByName(m.Graph.ParamEntries())["n1.weight"].Of(m.Params)
	for j, shift := range []float32{-1, 0, 2} {
		beta[2+j] = shift * gamma[2+j]
	}
	gradient, moments, n := stepSums(t, m, bs)
	h := w.After(m, gradient, moments, n).Report(1).Sites[0]
	out := outputs(t, m, "r1", bs)
	rows, _ := out.Dims()
	for j := range 3 {
		above := 0.0
		for i := range rows {
			if out.At(i, 2+j) > 0 {
				above += 1 / float64(rows)
			}
		}
		if math.Abs(above-float64(h.Active[j])) > 0.05 {
			t.Errorf("neuron %d: %g active, estimate %g", j, above, float64(h.Active[j]))
		}
	}
	pre := outputs(t, m, "conv1", bs)
	for j := range 3 {
		var square float64
		for i := range rows {
			square += pre.At(i, 2+j) * pre.At(i, 2+j) / float64(rows)
		}
		growthtest.Close(t, "size", float64(h.Size[j]), math.Sqrt(square), 1e-4)
	}
}

func TestNothingToWatch(t *testing.T) {
	if NewWatch(&Record{Deepened: &DepthRecord{}}) != nil {
		t.Error("an empty block has no neurons to follow")
	}
}
