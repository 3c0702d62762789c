package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The folder is the one that GroMotion's ingest reads (growingnet/gromotion,
// backend/ingest/sources/folder_source.py):
//
//	run.json                            run_id, name, project, created_at, dataset, config, summary
//	metrics.json, metric_axes.json      [x, y] pairs by metric, and "epoch" or "growth_step" for each
//	dags/network/step_NNNN.json         nodes and edges after NNNN growth events
//	growth_history/network.json         by growth step: 2 for what is new, 1 for what was trained on
//
// Layers are nodes, called LAYER@network; the input is start@network and the last layer
// end@network. A sum is no node: who reads it has an edge from each layer that is added up.

const dag = "network"

// gromoNode and gromoEdge are what a step tells of nodes and edges.
type gromoNode struct {
	Type   string `json:"type"` // convolution or linear
	Size   int    `json:"size"` // channels or neurons
	Shape  []int  `json:"shape,omitempty"`
	Kernel []int  `json:"kernel_size,omitempty"`
}

type gromoEdge struct {
	Type   string `json:"type"`
	Bias   bool   `json:"use_bias"`
	Kernel []int  `json:"kernel_size,omitempty"`
}

type gromoStep struct {
	Edges          [][2]string          `json:"edges"`
	NodeAttributes map[string]gromoNode `json:"node_attributes"`
	EdgeAttributes map[string]gromoEdge `json:"edge_attributes"`
}

// growing is a network between two events.
type growing struct {
	graph  *nn.Graph
	nodes  []view.Node
	size   map[nn.NodeID]int
	each   map[nn.NodeID]int       // channels of a head, of layers that write heads
	writes map[site.ID][]nn.NodeID // layers that gain outputs with a site
	end    nn.NodeID
}

// writeGroMotion writes how the network of a run grew.
func writeGroMotion(s *Source, path string) error {
	if s.Run == nil || s.Run.Network() == nil {
		return errors.New("the history of the run is not at hand: export the run's directory, not a model alone")
	}
	g := newGrowing(s)
	steps, history := []gromoStep{g.step(0)}, map[int]map[string]int{0: g.touched(0, nil)}
	neurons, sizes := [][2]float64{}, [][2]float64{}
	for _, e := range s.Run.Events() {
		if e.Step > s.Step || e.Decision == growth.Refuse {
			continue
		}
		added := 0
		for _, grown := range e.Grown {
			added += grown.To - grown.From
			for _, id := range g.writes[grown.Site] {
				g.size[id] = grown.To * max(g.each[id], 1)
			}
		}
		at := len(steps)
		steps = append(steps, g.step(e.Generation+1))
		history[at] = g.touched(e.Generation+1, &e)
		neurons = append(neurons, [2]float64{float64(at), float64(added)})
		sizes = append(sizes, [2]float64{float64(at), float64(e.Params[1])})
	}
	metrics := map[string][][2]float64{"growth/neurons": neurons, "complexity/parameters": sizes}
	axes := map[string]string{"growth/neurons": "growth_step", "complexity/parameters": "growth_step"}
	course(s, func(key string, x, y float64) {
		metrics[key] = append(metrics[key], [2]float64{x, y})
		axes[key] = "epoch"
	})
	if err := os.MkdirAll(filepath.Join(path, "dags", dag), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(path, "growth_history"), 0o755); err != nil {
		return err
	}
	for i, step := range steps {
		if err := writeJSON(filepath.Join(path, "dags", dag, fmt.Sprintf("step_%04d.json", i)), step); err != nil {
			return err
		}
	}
	return errors.Join(writeJSON(filepath.Join(path, "growth_history", dag+".json"), history),
		writeJSON(filepath.Join(path, "metrics.json"), metrics), writeJSON(filepath.Join(path, "metric_axes.json"), axes),
		writeJSON(filepath.Join(path, "run.json"), gromoRun(s)))
}

// gromoRun is run.json.
func gromoRun(s *Source) any {
	info := s.Run.Info()
	config := map[string]string{}
	for _, set := range info.Settings {
		config[set.Key] = set.Value
	}
	summary := map[string]any{"parameters": len(s.Model.Params), "step": s.Step}
	for _, e := range s.Run.Evaluations() {
		if e.Step <= s.Step {
			summary[e.Split+" accuracy"], summary[e.Split+" loss"] = e.Accuracy, e.Loss
		}
	}
	return map[string]any{"run_id": info.Name, "name": info.Name, "project": "tinygrow", "created_at": nil, "dataset": info.Data,
		"config": config, "summary": summary}
}

// course tells losses and accuracies over the epochs, in per cent as GroMotion shows them.
func course(s *Source, tell func(key string, x, y float64)) {
	for _, p := range s.Run.Series().Points {
		if p.Step <= s.Step {
			tell("training/train loss", p.Epoch, p.Loss)
			tell("training/train accuracy", p.Epoch, float64(100*p.Accuracy))
			tell("complexity/nb of parameters", p.Epoch, float64(p.Params))
		}
	}
	for _, e := range s.Run.Evaluations() {
		if e.Step <= s.Step {
			tell("training/"+e.Split+" loss", e.Epoch, e.Loss)
			tell("training/"+e.Split+" accuracy", e.Epoch, float64(100*e.Accuracy))
		}
	}
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// newGrowing returns the network as the run began with it.
func newGrowing(s *Source) *growing {
	g := &growing{graph: s.Model.Graph, size: map[nn.NodeID]int{}, each: map[nn.NodeID]int{}, writes: map[site.ID][]nn.NodeID{}}
	for _, n := range s.Run.Network().Nodes {
		g.nodes = append(g.nodes, n)
		g.size[n.ID], g.each[n.ID] = n.Start, n.Each
		if n.Op.Role() == nn.Mixes {
			g.end = n.ID
		}
	}
	for _, at := range site.All(g.graph) {
		g.writes[at.ID] = at.Writers
		if at.Heads != "" {
			g.writes[at.ID] = append([]nn.NodeID{at.Heads}, at.Writers...)
		}
		for _, id := range at.Writers {
			if at.Heads == "" {
				g.size[id] = g.size[nn.NodeID(at.ID)]
			}
		}
	}
	return g
}

// name is what GroMotion calls a node.
func (g *growing) name(id nn.NodeID) string {
	switch {
	case g.graph.Nodes[0].ID == id:
		return "start@" + dag
	case g.end == id:
		return "end@" + dag
	}
	return string(id) + "@" + dag
}

// step returns the network as it is in a generation.
func (g *growing) step(generation uint64) gromoStep {
	s := gromoStep{NodeAttributes: map[string]gromoNode{}, EdgeAttributes: map[string]gromoEdge{}, Edges: [][2]string{}}
	for _, n := range g.drawn(generation) {
		kind, kernel := "convolution", []int{n.Kernel, n.Kernel}
		if n.Op == nn.OpLinear || n.Kernel == 0 {
			kind, kernel = "linear", nil
		}
		if n.Op == nn.OpInput {
			kind = "convolution"
		}
		s.NodeAttributes[g.name(n.ID)] = gromoNode{Type: kind, Size: g.size[n.ID], Shape: []int{n.Shape.H, n.Shape.W}, Kernel: kernel}
		for _, from := range g.sources(n, generation) {
			edge := [2]string{g.name(from), g.name(n.ID)}
			s.Edges = append(s.Edges, edge)
			s.EdgeAttributes[pair(edge)] = gromoEdge{Type: kind, Bias: g.graph.Node(n.ID).Bias, Kernel: kernel}
		}
	}
	return s
}

// pair writes an edge as Python does.
func pair(e [2]string) string { return fmt.Sprintf("('%s', '%s')", e[0], e[1]) }

// drawn returns the input and the layers of a generation.
func (g *growing) drawn(generation uint64) []view.Node {
	var list []view.Node
	for _, n := range g.nodes {
		if n.Born <= generation && len(n.Inputs) < 2 {
			list = append(list, n)
		}
	}
	return list
}

// sources returns the layers whose outputs a node reads, sums looked through.
func (g *growing) sources(n view.Node, generation uint64) []nn.NodeID {
	var list []nn.NodeID
	seen := map[nn.NodeID]bool{}
	var look func(ids []nn.NodeID)
	look = func(ids []nn.NodeID) {
		for _, id := range ids {
			for _, m := range g.nodes {
				if m.ID != id || seen[id] {
					continue
				}
				seen[id] = true
				if len(m.Inputs) > 1 {
					look(m.Inputs)
				} else if m.Born <= generation {
					list = append(list, id)
				}
			}
		}
	}
	look(n.Inputs)
	return list
}

// touched says of a growth step which nodes and edges are new (2) and which were trained on (1, nodes 0).
func (g *growing) touched(generation uint64, e *view.Event) map[string]int {
	list := map[string]int{}
	for _, n := range g.drawn(generation) {
		fresh := e != nil && n.Born == generation
		list[g.name(n.ID)] = 0
		if fresh {
			list[g.name(n.ID)] = 2
		}
		for _, from := range g.sources(n, generation) {
			list[pair([2]string{g.name(from), g.name(n.ID)})] = 1
			if fresh {
				list[pair([2]string{g.name(from), g.name(n.ID)})] = 2
			}
		}
	}
	return list
}
