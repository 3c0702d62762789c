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
	// Pace is Turn as a multiple of that of the oldest group of the site that has one.
	Pace Number `json:"pace"`
}

// FrozenPace is the part of the turn of other neurons of their site below which those of
// a birth group count as frozen.
const FrozenPace = 0.1

// Dead returns the groups that no gradient reaches: those that are shorter than the
// oldest of their site by FrozenPace, and turn as much more slowly all the same. What
// turns a short row is the smaller step, so nothing does. It is that short because Muon,
// or weight decay, takes from every row, and only gradients give to it.
func Dead(groups []BirthGroup) (dead []BirthGroup) {
	for i, b := range groups {
		if unreached(groups, i) {
			dead = append(dead, b)
		}
	}
	return dead
}

// unreached reports whether a group is one of Dead.
func unreached(groups []BirthGroup, i int) bool {
	oldest := i
	for oldest > 0 && groups[oldest-1].Site == groups[i].Site {
		oldest--
	}
	return groups[i].Pace < FrozenPace && groups[i].Norm < FrozenPace*groups[oldest].Norm
}

// Frozen returns the groups that hardly learn though a gradient reaches them: those that
// turn more slowly than the oldest of their site by FrozenPace, and the oldest where
// others are as much faster.
func Frozen(groups []BirthGroup) (frozen []BirthGroup) {
	for i, b := range groups {
		if unreached(groups, i) {
			continue
		}
		slow := b.Pace < FrozenPace
		for _, o := range groups[i+1:] {
			slow = slow || o.Site == b.Site && b.Pace == 1 && o.Pace > 1/FrozenPace
		}
		if slow {
			frozen = append(frozen, b)
		}
	}
	return frozen
}

// BirthGroups compares two models of one run that lie so many steps apart, of which now
// is the later one. journal has the events up to it. Neurons and inputs that before did
// not have are left out of the angles; groups without any that it had, and all where a pruning
// lies between, have a turn and a pace of NaN.
func BirthGroups(before, now *nn.Model, steps uint64, journal []Record) ([]BirthGroup, error) {
	old, err := site.Layouts(before.Graph)
	if err != nil {
		return nil, err
	}
	sites, err := site.Layouts(now.Graph)
	if err != nil {
		return nil, err
	}
	pruned := slices.ContainsFunc(journal, func(r Record) bool { return r.Decision == Prune && r.Generation >= before.Graph.Generation })
	var out []BirthGroup
	for _, l := range sites {
		first := len(out)
		at := slices.IndexFunc(old, func(o site.Layout) bool { return o.ID == l.ID })
		if pruned {
			at = -1 // its neurons are others
		}
		from := 0
		for _, b := range birthsAt(l.ID, l.Width(now.Graph), journal) {
			g := BirthGroup{Site: l.ID, Born: b.step, From: from, To: b.to, Turn: Number(math.NaN())}
			norms, turns := []float64(nil), []float64(nil)
			for j := from; j < b.to; j++ {
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
			from = b.to
		}
		pace(out[first:])
	}
	return out, nil
}

// bornAt is neurons of one site that are of one age, from the end of those before up to to.
type bornAt struct {
	to   int
	step uint64 // of the event that added them; 0 for those that were there
}

// birthsAt returns when the neurons of a site of that width were born, by the events so far.
func birthsAt(id site.ID, width int, journal []Record) []bornAt {
	var list []bornAt
	for _, r := range journal {
		for _, g := range r.Grown {
			if g.Site != id {
				continue
			}
			if len(list) == 0 && g.From > 0 {
				list = append(list, bornAt{g.From, 0})
			}
			if g.To > g.From {
				list = append(list, bornAt{g.To, r.Step})
			}
		}
		for _, p := range r.Pruned {
			if p.Site != id {
				continue
			}
			for i := range list {
				lost, _ := slices.BinarySearch(p.Gone, list[i].to)
				list[i].to -= lost
			}
		}
	}
	if len(list) == 0 {
		list = []bornAt{{width, 0}}
	}
	from := 0
	return slices.DeleteFunc(list, func(b bornAt) bool {
		empty := b.to <= from || b.to > width
		from = max(from, b.to)
		return empty
	})
}

// pace compares the groups of one site, in the order of their birth.
func pace(groups []BirthGroup) {
	oldest := Number(math.NaN())
	for i := range groups {
		if math.IsNaN(float64(oldest)) {
			oldest = groups[i].Turn
		}
		groups[i].Pace = groups[i].Turn / oldest
	}
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
