package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Schema is the version of the records that this program writes and reads.
const Schema = 1

// Record is a run.
type Record struct {
	Schema int        `json:"schema"`
	Name   string     `json:"name"`            // of its directory
	Sweep  string     `json:"sweep,omitempty"` // of whose trials it is one
	State  view.State `json:"state"`
	Model  string     `json:"model"`
	Data   string     `json:"data"`
	Policy string     `json:"policy"` // of growth
	// Graph is the network of the newest checkpoint; empty: there is none yet.
	Graph Graph `json:"graph"`
	// Settings are the keys that decide what a run leads to and do not have their default.
	Settings map[string]string `json:"settings"`
	Steps    uint64            `json:"steps"`
	FLOPs    float64           `json:"flops"`
	CPUS     float64           `json:"cpu_s"` // of the coordinator's process; 0: not known
	// Curve is training, in at most MaxCurve equal parts of what the run may spend, Evaluations what was measured beside it.
	Curve       []Point      `json:"curve"`
	Evaluations []Evaluation `json:"evaluations"`
	Final       *Final       `json:"final,omitempty"` // nil: the run is not at its end, or was not evaluated there
}

// Graph is a network: nodes, each behind those that it reads, and who reads whom.
type Graph struct {
	Nodes  []Node   `json:"nodes"`
	Edges  [][2]int `json:"edges"` // numbers of nodes: the second reads the first
	Params int      `json:"params"`
	FLOPs  int64    `json:"forward_flops"` // of one sample's forward pass
}

// Node is the input, a layer with weights, or a sum.
type Node struct {
	Kind  string `json:"kind"` // input, layer, sum or output
	Op    nn.Op  `json:"op"`
	Width int    `json:"width"`
	Start int    `json:"start"` // width at the start of the run
	Rows  int    `json:"rows"`  // of one sample's output
}

// Point is the course of training over a part of the budget, which ends behind Step.
type Point struct {
	Part     float64 `json:"part"` // of the budget of the run, 0 to 1
	Step     uint64  `json:"step"`
	FLOPs    float64 `json:"flops"`
	Params   int     `json:"params"`
	Loss     float64 `json:"loss"`     // mean over the steps
	Accuracy float64 `json:"accuracy"` // likewise, of the batches
}

// Evaluation is an accuracy on samples that are not trained with.
type Evaluation struct {
	Split    string  `json:"split"`
	Part     float64 `json:"part"`
	Step     uint64  `json:"step"`
	FLOPs    float64 `json:"flops"`
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
}

// Final is the accuracy at the end of a run, on validation samples where it has some.
type Final struct {
	Split    string   `json:"split"`
	Accuracy float64  `json:"accuracy"`
	Metric   string   `json:"metric,omitempty"` // what it is where samples have no classes
	Test     *float64 `json:"test_accuracy,omitempty"`
}

// MaxCurve is how many points a curve has at most.
const MaxCurve = 40

// Of returns the record of the run in dir, as it stands. sweep names that of whose trials it is one.
func Of(dir, sweep string) (Record, error) {
	v, err := view.Open(dir)
	if err != nil {
		return Record{}, err
	}
	info := v.Info()
	r := Record{Schema: Schema, Name: info.Name, Sweep: sweep, State: info.State, Model: info.Model, Data: info.Data, Policy: info.Policy,
		Graph: Graph{Nodes: []Node{}, Edges: [][2]int{}}, Settings: changed(info.Settings), Curve: []Point{}, Evaluations: []Evaluation{}}
	if n := v.Network(); n != nil {
		r.Graph = GraphOf(n)
	}
	length := budgetOf(info)
	r.takeCurve(v.Series().Points, length)
	for _, e := range v.Evaluations() {
		r.Evaluations = append(r.Evaluations, Evaluation{Split: e.Split, Part: short(length.part(e.Step, e.Epoch, e.FLOPs)), Step: e.Step,
			FLOPs: short(e.FLOPs), Loss: short(e.Loss), Accuracy: e.Accuracy})
		r.Steps, r.FLOPs, r.CPUS = max(r.Steps, e.Step), max(r.FLOPs, e.FLOPs), max(r.CPUS, e.CPU)
	}
	if info.State == view.Finished {
		r.Final = finalOf(v.Evaluations(), info.Metric)
	}
	return r, nil
}

// takeCurve gathers points of steps in equal parts of the budget.
func (r *Record) takeCurve(points []view.Point, length budget) {
	count, last := 0.0, -1
	for _, p := range points {
		part := length.part(p.Step, p.Epoch, p.FLOPs)
		cell := max(int(math.Ceil(float64(part*MaxCurve)-rounding))-1, 0)
		if cell != last {
			r.Curve, last, count = append(r.Curve, Point{}), cell, 0
		}
		c := &r.Curve[len(r.Curve)-1]
		c.Loss = (float64(c.Loss*count) + p.Loss) / (count + 1)
		c.Accuracy = (float64(c.Accuracy*count) + p.Accuracy) / (count + 1)
		count++
		c.Part, c.Step, c.FLOPs, c.Params = part, p.Step, p.FLOPs, p.Params
		r.Steps, r.FLOPs, r.CPUS = p.Step, p.FLOPs, p.CPU
	}
	for i := range r.Curve {
		c := &r.Curve[i]
		c.Part, c.FLOPs, c.Loss, c.Accuracy = short(c.Part), short(c.FLOPs), short(c.Loss), short(c.Accuracy)
	}
}

// short returns x with six digits.
func short(x float64) float64 {
	v, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64) // it was written a moment ago
	return v
}

// finalOf returns the last evaluation, that on validation samples before that on test samples.
func finalOf(list []view.Evaluation, metric string) (final *Final) {
	for _, e := range list {
		if e.Split == dataset.Validation {
			final = &Final{Split: e.Split, Accuracy: e.Accuracy, Metric: metric}
		}
	}
	for _, e := range list {
		if e.Split != dataset.Test {
			continue
		}
		if final == nil || final.Split == dataset.Test {
			final = &Final{Split: e.Split, Accuracy: e.Accuracy, Metric: metric}
		}
		final.Test = &e.Accuracy
	}
	return final
}

// GraphOf returns the graph of a network as it is drawn.
func GraphOf(n *view.Network) Graph {
	g := Graph{Nodes: []Node{}, Edges: [][2]int{}, Params: n.Params, FLOPs: n.FLOPs}
	number := map[nn.NodeID]int{}
	for i, d := range n.Nodes {
		number[d.ID] = i
		g.Nodes = append(g.Nodes, Node{Kind: d.Kind, Op: d.Op, Width: d.Shape.C, Start: d.Start, Rows: d.Shape.H})
		for _, from := range d.Inputs {
			g.Edges = append(g.Edges, [2]int{number[from], i})
		}
	}
	return g
}

// budget is what a run may spend: FLOPs, steps or epochs.
type budget struct {
	flops, epochs float64
	steps         uint64
}

func budgetOf(info view.Info) budget {
	b := budget{epochs: info.Epochs, steps: info.Steps}
	for _, s := range info.Settings {
		if s.Key == "train.max_flops" {
			b.flops, _ = strconv.ParseFloat(s.Value, 64)
		}
	}
	return b
}

// part returns how much of the budget is spent, from 0 to 1.
func (b budget) part(step uint64, epoch, flops float64) float64 {
	part := 0.0
	switch {
	case b.steps > 0:
		part = float64(step) / float64(b.steps)
	case b.epochs > 0:
		part = epoch / b.epochs
	}
	if b.flops > 0 {
		part = max(part, flops/b.flops)
	}
	return min(max(part, 0), 1)
}

// defaults are the settings of a run that nobody changed, by key: of those that decide what it leads to.
var defaults = sync.OnceValue(func() map[string]string {
	s := run.Defaults()
	return Settings(&s)
})

// Settings returns the keys of s that decide what a run leads to, with their values.
func Settings(s *run.Settings) map[string]string {
	all := map[string]string{}
	for _, key := range config.Keys(s) {
		if run.Decides(key) && key != "run" && key != "run_dir" {
			all[key] = config.Get(s, key)
		}
	}
	return all
}

// changed returns those of the settings that decide something and have another value than the default.
func changed(list []view.Setting) map[string]string {
	out := map[string]string{}
	for _, s := range list {
		if was, decides := defaults()[s.Key]; decides && was != s.Value {
			out[s.Key] = s.Value
		}
	}
	return out
}

// maxLine bounds a line of a file of records, in bytes.
const maxLine = 1 << 22

// ErrDamaged is returned where a file cannot be one of records.
var ErrDamaged = errors.New("this is no file of run records")

// Read reads a file of records.
func Read(in io.Reader) ([]Record, error) {
	var list []Record
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := file.Line(lines, maxLine)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		var r Record
		if err == nil {
			if err = json.Unmarshal(bytes.TrimSpace(line), &r); err == nil {
				err = r.check()
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrDamaged, n, err)
		}
		list = append(list, r)
	}
}

// check returns what cannot be so in a record.
func (r *Record) check() error {
	if r.Schema != Schema {
		return fmt.Errorf("schema %d: this program reads schema %d", r.Schema, Schema)
	}
	for _, e := range r.Graph.Edges {
		if e[0] < 0 || e[0] >= e[1] || e[1] >= len(r.Graph.Nodes) {
			return fmt.Errorf("an edge from node %d to node %d of %d", e[0], e[1], len(r.Graph.Nodes))
		}
	}
	return nil
}
