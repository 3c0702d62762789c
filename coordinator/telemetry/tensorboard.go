package telemetry

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"path/filepath"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/telemetry/eventfile"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// TensorBoardDir is where event files lie in a run directory.
const TensorBoardDir = "tensorboard"

// Of a long run not everything is written: of steps beyond denseSteps every other
// one, beyond twice as many every fourth, and so on; of histograms likewise by the
// number of growth events.
const (
	denseSteps  = 1024
	denseEvents = 64
)

// written reports whether number n of a row is written that is dense up to a power of two.
func written(n uint64, dense int) bool {
	stride := uint64(1) << max(0, bits.Len64(n)-bits.Len64(uint64(dense)))
	return n%stride == 0
}

// TensorBoard writes event files as a run goes on: scalars of steps and evaluations,
// widths, parameters and FLOPs when the network changes, the reason of each growth
// event, and around each event histograms of the weights and of the norms of the
// gradients of neurons. Values stand at the step after the update.
type TensorBoard struct {
	// Trouble is told once that files can be written no longer, and why.
	Trouble func(string)

	w     *eventfile.Writer
	known bool // the files tell of the network with which the run is taken up
}

// Events returns e with callbacks that write as well. Those of e are called first.
func (t *TensorBoard) Events(e coordinator.Events) coordinator.Events {
	e = e.WithDefaults()
	before := e
	e.Started = func(s coordinator.Started) { before.Started(s); t.started(s) }
	e.Step = func(r trainer.StepRecord, p coordinator.Pace) { before.Step(r, p); t.step(r, p) }
	e.Evaluated = func(r trainer.EvalRecord) { before.Evaluated(r); t.evaluated(r) }
	e.Grew = func(r growth.Record, g trainer.GrownRecord) { before.Grew(r, g); t.grew(r) }
	e.Network = func(n coordinator.Network) { before.Network(n); t.network(n) }
	e.Gradient = func(g coordinator.Gradient) { before.Gradient(g); t.gradient(g) }
	return e
}

// Close ends the files.
func (t *TensorBoard) Close() {
	if t.w != nil {
		t.failed(t.w.Close())
		t.w = nil
	}
}

// failed gives up writing if err is not nil: a run does not depend on it.
func (t *TensorBoard) failed(err error) {
	if err == nil {
		return
	}
	if t.w != nil {
		err = errors.Join(err, t.w.Close())
		t.w = nil
	}
	t.Trouble(fmt.Sprintf("TensorBoard files are written no longer: %v; telemetry.tensorboard=false leaves them out", err))
}

func (t *TensorBoard) started(s coordinator.Started) {
	t.Close()
	var err error
	t.w, err = eventfile.Open(filepath.Join(s.Dir, TensorBoardDir), uint64(s.Step))
	t.known = err == nil && t.w.Continues()
	t.failed(err)
}

// add writes values of a step.
func (t *TensorBoard) add(step uint64, values ...eventfile.Value) {
	if t.w != nil {
		t.failed(t.w.Add(step, values...))
	}
}

// scalar is a value under a tag.
func scalar(tag string, v float64) eventfile.Value { return eventfile.Value{Tag: tag, Scalar: v} }

func (t *TensorBoard) step(r trainer.StepRecord, p coordinator.Pace) {
	if step := uint64(r.Step); written(step, denseSteps) {
		values := []eventfile.Value{scalar("train/loss", r.Loss), scalar("train/accuracy", r.Accuracy), scalar("train/learning_rate", r.LR),
			scalar("speed/samples_per_s", p.SamplesSec), scalar("speed/workers", float64(p.Workers))}
		compared(r.Compared, func(tag string, v float64) { values = append(values, scalar(tag, v)) })
		t.add(step, values...)
	}
}

// compared calls put with what the gradients of the halves of a batch said, under the tags of it.
func compared(c trainer.Compared, put func(tag string, v float64)) {
	for _, one := range [...]struct {
		tag string
		v   float64
	}{{"train/grad_norm", c.GradNorm}, {"train/grad_cosine", c.GradCosine}, {"train/noise_scale", c.NoiseScale}} {
		if one.v != 0 {
			put(one.tag, one.v)
		}
	}
}

func (t *TensorBoard) evaluated(r trainer.EvalRecord) {
	t.add(uint64(r.Step), scalar(r.Split+"/loss", r.Loss), scalar(r.Split+"/accuracy", r.Accuracy))
}

// grew writes what an event came to, and why.
func (t *TensorBoard) grew(r growth.Record) {
	predicted, measured := 0.0, 0.0
	why := []string{}
	for _, g := range r.Grown {
		predicted += float64(g.Predicted)
		why = append(why, g.Sentence)
	}
	if len(r.Grown) > 0 {
		if measured = float64(r.Grown[0].Measured); len(r.Grown) > 1 && r.Joint != nil {
			measured = float64(r.Joint.Gain)
		}
	}
	if r.Deepened != nil {
		why = append(why, r.Deepened.Sentence)
	}
	if len(why) == 0 {
		why = append(why, "nothing grew: "+r.Why)
	}
	t.add(r.Step, eventfile.Value{Tag: "growth/why", Text: strings.Join(why, "\n\n")}, // a paragraph each: it is shown as Markdown
		scalar("growth/predicted_gain", predicted), scalar("growth/measured_gain", measured))
}

// network writes the size of the network, and its weights.
func (t *TensorBoard) network(n coordinator.Network) {
	if t.known {
		t.known = false
		return
	}
	g := n.Model.Graph
	values := []eventfile.Value{scalar("network/parameters", float64(len(n.Model.Params))), scalar("network/flops", float64(g.FLOPs()))}
	widths := g.Widths()
	for _, node := range g.Nodes {
		if width, ok := widths[string(node.ID)]; ok {
			values = append(values, scalar("widths/"+string(node.ID), float64(width)))
		}
	}
	if written(n.Event, denseEvents) {
		for _, e := range g.ParamEntries() {
			if h := eventfile.HistogramOf(e.Of(n.Model.Params)); e.Role == nn.RoleWeight && h != nil {
				values = append(values, eventfile.Value{Tag: "weights/" + string(e.Node), Histogram: h})
			}
		}
	}
	t.add(uint64(n.Step), values...)
}

// gradient writes how the norms of the gradients of a layer's neurons are spread.
func (t *TensorBoard) gradient(g coordinator.Gradient) {
	if !written(g.Event, denseEvents) {
		return
	}
	var values []eventfile.Value
	for _, e := range g.Graph.ParamEntries() {
		if e.Role != nn.RoleWeight || len(e.Shape) < 2 {
			continue
		}
		if h := eventfile.HistogramOf(norms(e.Of(g.Sum), e.Shape[0], float64(g.Samples))); h != nil {
			values = append(values, eventfile.Value{Tag: "gradient_norms/" + string(e.Node), Histogram: h})
		}
	}
	t.add(uint64(g.Step), values...)
}

// norms returns the norm of each of the rows of a gradient that was summed over samples.
func norms(sum []float32, rows int, samples float64) []float64 {
	list := make([]float64, rows)
	for i := range list {
		squares := 0.0
		for _, v := range sum[i*len(sum)/rows : (i+1)*len(sum)/rows] {
			squares += float64(float64(v) * float64(v))
		}
		list[i] = math.Sqrt(squares) / samples
	}
	return list
}
