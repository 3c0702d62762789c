package prune

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Scores rank the neurons of one site: those with the lowest go first.
type Scores struct {
	Site   site.ID   `json:"site"`
	Scores []float64 `json:"scores"`
}

// Magnitudes returns the group norms of all neurons [depgraph]: the Euclidean norm of all parameters that go
// with a neuron, of layers that write it, normalisations and filters that it passes and layers that read it, as a
// multiple of the mean of its site, so that sites can be compared.
func Magnitudes(m *nn.Model) []Scores {
	var out []Scores
	for _, l := range layouts(m.Graph) {
		s := Scores{l.ID, make([]float64, l.Width(m.Graph))}
		var sum float64
		for j := range s.Scores {
			var squares float64
			for r := range l.Neurons(kernel.Range{Lo: j, Hi: j + 1}).Params() {
				squares += linalg.SquareSum(r.Of(m.Params))
			}
			s.Scores[j] = math.Sqrt(squares)
			sum += s.Scores[j]
		}
		if sum > 0 {
			mean := sum / float64(len(s.Scores))
			for j := range s.Scores {
				s.Scores[j] /= mean
			}
		}
		out = append(out, s)
	}
	return out
}

// layouts returns those of the sites of a graph of a model, which is valid.
func layouts(g *nn.Graph) site.Sites {
	sites, err := site.Layouts(g)
	if err != nil {
		panic("prune: sites of a graph that is not valid")
	}
	return sites
}

// leastPart of its neurons each site keeps, one at least, whatever they rank: a layer whose weights are
// small throughout would else be cut through.
const leastPart = 1. / 8

// Lowest returns which neurons go so that keep of the network stays, by FLOPs or Params: the lowest of all sites
// together, of equals the one of the earlier site and place. They are as few as may be; if sites may not
// lose enough, all that may go.
func Lowest(g *nn.Graph, scores []Scores, keep float64, of string) []site.Removal {
	type neuron struct {
		score    float64
		site, at int
	}
	var order []neuron
	for i, s := range scores {
		own := make([]neuron, len(s.Scores))
		for j, v := range s.Scores {
			own[j] = neuron{v, i, j}
		}
		slices.SortStableFunc(own, func(a, b neuron) int { return cmp.Compare(a.score, b.score) })
		stay := max(1, int(math.Ceil(float64(float64(len(own))*leastPart))))
		order = append(order, own[:max(0, len(own)-stay)]...)
	}
	slices.SortStableFunc(order, func(a, b neuron) int { return cmp.Compare(a.score, b.score) })
	sites := layouts(g)
	without := func(n int) float64 {
		small := g.Clone()
		lost := make([]int, len(scores))
		for _, o := range order[:n] {
			lost[o.site]++
		}
		for i, s := range scores {
			l, _ := sites.Find(s.Site)
			l.Gain(small, -lost[i])
		}
		return size(small, of)
	}
	limit := float64(keep * size(g, of))
	fewest := sort.Search(len(order), func(n int) bool { return without(n) <= limit })
	gone := make([][]int, len(scores))
	for _, o := range order[:fewest] {
		gone[o.site] = append(gone[o.site], o.at)
	}
	return removals(scores, gone)
}

// removals returns those of the neurons that go at each site, where any do.
func removals(scores []Scores, gone [][]int) (out []site.Removal) {
	for i, s := range scores {
		if slices.Sort(gone[i]); len(gone[i]) > 0 {
			out = append(out, site.Removal{Site: s.Site, Neurons: gone[i]})
		}
	}
	return out
}

// size returns what of says of a network.
func size(g *nn.Graph, of string) float64 {
	if of == Params {
		return float64(g.NumParams())
	}
	return float64(g.FLOPs())
}
