package growth

import "github.com/tinygrow/tinygrow/growth/site"

// Evidence is what the statistics that ride along with gradient rounds say of one
// site: what new neurons would gain there to first order, and how sure that is. Gains
// are decreases of the mean of |V|^2 over samples, the squared desired update at the
// output of Second ([tiny] prop. 3.2, of V itself and not of what the existing
// weights leave), summed over positions.
type Evidence struct {
	Site site.ID
	// Samples is how many the statistics were taken over; earlier ones count less.
	Samples int
	// Directions are those of the site's spectrum by descending rank. Each is a
	// possible new neuron, and takes what the ones before it leave.
	Directions []Direction
	// Total is the gain of all directions together, those that are not listed
	// included, and TotalError its standard error.
	Total, TotalError float64
	// CostPerNeuron is what training one more neuron costs for one sample, in
	// FLOPs: forward and backward, at First and at all that read it.
	CostPerNeuron float64
}

// Direction is one neuron that a site could gain. Gain, lambda^2 of [tiny], is found
// in one half of the samples and measured in the other, so that its expectation is
// zero where there is nothing to gain; it may be negative. Error is its standard error.
type Direction struct{ Gain, Error float64 }
