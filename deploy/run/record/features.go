package record

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// depths is into how many places from the input to the output networks of any depth are cut.
const depths = 6

// ratios are settings of which the ratio counts: their logarithm is taken, if they are above 0.
var ratios = []string{"optim.lr", "optim.weight_decay", "optim.min_lr", "train.batch", "train.steps", "train.epochs", "train.max_flops",
	"data.limit"}

// silent are settings that the graph tells of, and those of which no value is more than another.
var silent = []string{"model.widths", "model.sha256", "train.seed", "train.from", "data.seed"}

// Features returns what tells of a network and of settings, by name, for a predictor: the logarithms of widths at places from the
// input to the output, of parameters, FLOPs and layers, who reads whom from place to place, and the settings, those that are not
// numbers as one feature for each value. Settings that are missing have their default.
func Features(g Graph, settings map[string]string) map[string]float64 {
	f := map[string]float64{}
	g.widths(f)
	g.adjacency(f)
	for key, value := range defaults() {
		if v, given := settings[key]; given {
			value = v
		}
		if slices.Contains(silent, key) || value == "" || strings.ContainsAny(value[:1], "[{") {
			continue
		}
		x, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
			f[key+"="+value] = 1 // also true and false
		case x > 0 && slices.Contains(ratios, key):
			f[key] = portable.Log(x)
		default:
			f[key] = x
		}
	}
	return f
}

// widths adds the logarithms of widths and sizes.
func (g Graph) widths(f map[string]float64) {
	var layers []float64
	for _, n := range g.Nodes {
		if n.Kind == "layer" {
			layers = append(layers, log2(float64(n.Width)))
		}
	}
	for d := range depths {
		if len(layers) == 0 {
			break
		}
		at := float64(float64(d*(len(layers)-1)) / (depths - 1))
		below := min(int(at), len(layers)-1)
		above := min(below+1, len(layers)-1)
		part := at - float64(below)
		f[fmt.Sprintf("width %d", d)] = float64((1-part)*layers[below]) + float64(part*layers[above])
	}
	f["params"], f["forward flops"] = log2(float64(g.Params)), log2(float64(g.FLOPs))
	f["layers"] = log2(float64(len(layers)))
}

// adjacency adds how many nodes of each place are read at each other place, for each node, and how far edges reach.
func (g Graph) adjacency(f map[string]float64) {
	n := len(g.Nodes)
	if n < 2 {
		return
	}
	reach := 0
	for _, e := range g.Edges {
		f[fmt.Sprintf("edges %d %d", e[0]*depths/n, e[1]*depths/n)] += 1 / float64(n)
		reach += e[1] - e[0]
	}
	f["edges"] = float64(len(g.Edges)) / float64(n)
	f["reach"] = float64(reach) / float64(max(len(g.Edges), 1))
}

// log2 returns the logarithm of 1 and more, and 0 for less.
func log2(x float64) float64 { return float64(portable.Log(math.Max(x, 1)) / math.Ln2) }
