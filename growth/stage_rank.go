package growth

import (
	"cmp"
	"slices"

	"github.com/tinygrow/tinygrow/growth/measure"
)

// maxTrials is how many sites have their amplitude searched.
const maxTrials = 6

// rank takes the sites of the best predicted gain per parameter to the trials.
type rank struct{}

func (*rank) Ask(*State) *Round { return nil }

func (*rank) Take(s *State, _ *measure.Sums) {
	perParam := func(c *prospect) float64 { return float64(c.record.Predicted) / float64(max(c.record.Params, 1)) }
	order := slices.Clone(s.sites)
	slices.SortStableFunc(order, func(a, b *prospect) int { return cmp.Compare(perParam(b), perParam(a)) })
	n := min(maxTrials, len(order))
	if i := widestGap(order); i >= n && n > 1 {
		order = slices.Insert(slices.Delete(slices.Clone(order), i, i+1), n-1, order[i])
	}
	for _, c := range order[n:] {
		c.record.Reason, c.record.Waits = "others promise more per parameter", true
	}
	s.trials = order[:n]
}

// widestGap returns the place of the site with a pool that has the largest
// bottleneck per parameter, -1 if there is none: nothing is predicted for it before
// the refit, so that it needs a trial of its own.
func widestGap(order []*prospect) int {
	best := -1
	perParam := func(c *prospect) float64 { return float64(c.record.Psi2) / float64(c.cost) }
	for i, c := range order {
		if c.pool && (best < 0 || perParam(c) > perParam(order[best])) {
			best = i
		}
	}
	return best
}

// largest leaves the sites of the most value per parameter that the limits allow.
type largest struct {
	count func(c *prospect) int     // neurons that the site would gain
	value func(c *prospect) float64 // what the neurons of one prospect are worth together
	other string                    // why the others wait
}

func (*largest) Ask(*State) *Round { return nil }

func (l *largest) Take(s *State, _ *measure.Sums) {
	for _, c := range s.sites {
		c.kept.Count = l.count(c)
	}
	perParam := func(c *prospect) float64 { return l.value(c) / float64(c.kept.Count*c.cost) }
	slices.SortStableFunc(s.sites, func(a, b *prospect) int { return cmp.Compare(perParam(b), perParam(a)) })
	chosen := s.affordable(s.sites)
	for _, c := range s.sites {
		if !slices.Contains(chosen, c) {
			c.record.Reason, c.record.Waits = l.other, true
		}
	}
	s.sites = chosen
}
