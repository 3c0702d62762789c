package growth

import (
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// BirthGroup is the neurons of a site that one event added, or that were there from the
// beginning, and how well they still learn: in front of a normalisation the loss
// does not depend on the norm of a row of incoming weights, which turns the more slowly
// the longer it is.
type BirthGroup struct {
	Site site.ID `json:"site"`
	Born uint64  `json:"born"` // step of the event; 0 for those that were there
	From int     `json:"from"` // the neurons are [From, To)
	To   int     `json:"to"`
	Norm Number  `json:"norm"` // median norm of their incoming weights at the first writer
	Turn Number  `json:"turn"` // median angle that these turned by in 100 steps, in degrees
}

// BirthGroups compares two models of one run that lie so many steps apart, of which now
// is the later one. journal has the events up to it. Neurons and inputs that before did
// not have are left out of the angles; groups without any that it had have a turn of NaN.
func BirthGroups(before, now *nn.Model, steps uint64, journal []Record) ([]BirthGroup, error) {
	old, err := site.Layouts(before.Graph)
	if err != nil {
		return nil, err
	}
	sites, err := site.Layouts(now.Graph)
	if err != nil {
		return nil, err
	}
	var out []BirthGroup
	for _, l := range sites {
		at := slices.IndexFunc(old, func(o site.Layout) bool { return o.ID == l.ID })
		from, born := 0, uint64(0)
		group := func(to int, next uint64) {
			if to <= from {
				return
			}
			g := BirthGroup{Site: l.ID, Born: born, From: from, To: to, Turn: Number(math.NaN())}
			norms, turns := []float64(nil), []float64(nil)
			for j := from; j < to; j++ {
				row := rowOf(&l, now, j)
				norms = append(norms, math.Sqrt(linalg.SquareSum(row)))
				if at >= 0 && j < old[at].Width(before.Graph) && steps > 0 {
					earlier := rowOf(&old[at], before, j)
					turns = append(turns, angle(earlier, row[:min(len(row), len(earlier))])*100/float64(steps))
				}
			}
			g.Norm = Number(median(norms))
			if len(turns) > 0 {
				g.Turn = Number(median(turns))
			}
			out = append(out, g)
			from, born = to, next
		}
		for _, r := range journal {
			for _, g := range r.Grown {
				if g.Site == l.ID && g.From < l.Width(now.Graph) {
					group(g.From, r.Step)
					born = r.Step
				}
			}
		}
		group(l.Width(now.Graph), 0)
	}
	return out, nil
}

// rowOf returns the incoming weights of neuron j at the first writer.
func rowOf(l *site.Layout, m *nn.Model, j int) []float32 {
	return l.Writers[0].RowsOf(kernel.Range{Lo: j, Hi: j + 1}).Of(m.Params)
}

// angle returns that between two rows of one length, in degrees; 0 where one is zero.
func angle(x, y []float32) float64 {
	nx, ny := math.Sqrt(linalg.SquareSum(x)), math.Sqrt(linalg.SquareSum(y))
	if nx == 0 || ny == 0 {
		return 0
	}
	var square float64
	for i := range x {
		d := float64(x[i])/nx - float64(y[i])/ny
		square += float64(d * d)
	}
	c := float64(math.Sqrt(square) / 2) // the sine of half the angle
	series := float64(c * (1 + float64(float64(c*c)/6) + float64(3*float64(float64(c*c)*float64(c*c))/40)))
	return float64(2 * series * (180 / math.Pi))
}

func median(x []float64) float64 {
	slices.Sort(x)
	return float64((x[(len(x)-1)/2] + x[len(x)/2]) / 2)
}
