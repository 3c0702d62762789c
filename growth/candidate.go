package growth

import (
	"fmt"
	"math"
	"runtime"
	"sort"
	"sync"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// candidate is a site on its way through an event.
type candidate struct {
	layout
	record  *SiteRecord
	request SiteRequest
	cap     int // neurons that the limits allow
	cost    int // parameters of one neuron
	neurons *Neurons
	fisher  *linalg.Whitening // of G, for the policy tiny-fisher
	both    Insertion         // every neuron with its sign, those with the opposite one, random ones
	pairs   int               // of both
	flops   int64             // of one neuron, for one sample
	shrink  float64           // factor on both's incoming weights
	kept    Insertion         // the neurons that are worth trying
	spare   Insertion         // those that are not, with outgoing weights of zero
	trial   *TrialRecord

	with     *search // with the neurons
	alone    *search // the update of the existing weights alone; nil if there is none
	measured Number  // gain at the amplitude taken
	blind    bool    // the bottleneck has no part that is linear in the inputs
	random   bool    // the solver found nothing: both is a pool of random neurons
}

// findSites journals all sites and keeps those that may grow.
func (e *Event) findSites() {
	g := e.model.Graph
	sites := Sites(g)
	e.record.Sites = make([]SiteRecord, len(sites))
	var all []*candidate
	for i, s := range sites {
		l, err := layoutOf(g, s.ID)
		if err != nil {
			panic("growth: a site without a layout")
		}
		c := &candidate{layout: l, record: &e.record.Sites[i]}
		c.request = SiteRequest{Site: s.ID, Full: e.cfg.Kernels == KernelsFull, Metric: e.cfg.solves()}
		var reason string
		c.cap, c.cost, reason = e.limit(c)
		*c.record = SiteRecord{Site: s.ID, Second: string(s.Second), Width: s.width(g), Inputs: l.first.rows(), Outputs: l.outputs, Cap: c.cap, Spectrum: []Number{}, Reason: reason}
		all = append(all, c)
		if reason == "" {
			e.sites = append(e.sites, c)
		}
	}
	if e.cfg.takesTurns() {
		e.takeTurn(all)
	}
}

// takeTurn leaves only the site whose turn it is: the first after the last.
func (e *Event) takeTurn(all []*candidate) {
	if len(e.sites) == 0 {
		return
	}
	first := 0
	for i, c := range all {
		if c.ID == e.info.History.LastSite {
			first = i + 1
		}
	}
	var turn *candidate
	for i := range all {
		if c := all[(first+i)%len(all)]; c.record.Reason == "" {
			turn = c
			break
		}
	}
	for _, c := range e.sites {
		if c != turn {
			c.record.Reason, c.record.Waits = "not its turn", true
		}
	}
	e.sites = []*candidate{turn}
	e.record.Turn = turn.ID
}

// limit returns how many neurons a site may gain, what one costs, and why it
// may gain none.
func (e *Event) limit(c *candidate) (most, cost int, reason string) {
	g := e.model.Graph
	width := c.width(g)
	cost = c.first.rows() + c.outputs*c.second.area()
	c.flops = 2 * (int64(c.first.weights())*int64(c.first.positions()) + int64(c.outputs)*int64(c.second.area())*int64(c.second.positions()))
	if c.norm != nil {
		cost += 2
	}
	most = min(e.cfg.MaxNeurons, max(e.cfg.MinNeurons, portable.Int(math.Ceil(e.cfg.MaxRatio*float64(width)))))
	lower := func(room int, why string) {
		if room < most {
			most, reason = room, why
		}
	}
	if e.cfg.MaxWidth > 0 {
		lower(e.cfg.MaxWidth-width, fmt.Sprintf("width %d: the limit is %d", width, e.cfg.MaxWidth))
	}
	if target, ok := e.cfg.Widths[c.ID]; ok {
		lower(target-width, fmt.Sprintf("width %d: the target is %d", width, target))
	}
	with := func(n int) string {
		return e.tooLarge(e.record.ParamsBefore+n*cost, e.record.FLOPsBefore+int64(n)*c.flops)
	}
	if why := with(most); why != "" {
		lower(sort.Search(most, func(n int) bool { return with(n+1) != "" }), with(1))
	}
	if c.first.rows() == 0 || c.outputs == 0 {
		lower(0, "it connects to nothing")
	}
	if most > 0 {
		return most, cost, ""
	}
	return 0, cost, reason
}

// tooLarge returns why a network of so many parameters and FLOPs a sample is
// beyond the limits, or nothing.
func (e *Event) tooLarge(params int, flops int64) string {
	why, left := e.overBudget(params, flops), e.info.left(flops)
	if why == "" && e.cfg.gated() && left < e.cfg.SamplesPerParam*float64(params) {
		why = fmt.Sprintf("%.3g samples would be left to train each of %d parameters: fewer than %g", left/float64(params), params, e.cfg.SamplesPerParam)
	}
	return why
}

// overBudget is tooLarge for the budgets of parameters and FLOPs alone.
func (e *Event) overBudget(params int, flops int64) string {
	switch c := &e.cfg; {
	case c.MaxParams > 0 && params > c.MaxParams:
		return fmt.Sprintf("%d parameters: the budget is %d", params, c.MaxParams)
	case c.MaxFLOPs > 0 && flops > c.MaxFLOPs:
		return fmt.Sprintf("%d FLOPs a sample: the budget is %d", flops, c.MaxFLOPs)
	}
	return ""
}

// least returns how many neurons a site gains if it grows.
func (e *Event) least(c *candidate) int {
	return min(c.cap, max(e.cfg.MinNeurons, portable.Int(math.Ceil(e.cfg.MinRatio*float64(c.record.Width)))))
}

// drop takes sites with a reason out of the running, and reports whether any is left.
func (e *Event) drop() bool {
	var left []*candidate
	for _, c := range e.sites {
		if c.record.Reason == "" {
			left = append(left, c)
		}
	}
	e.sites = left
	return len(left) > 0
}

// each runs f for all sites in the running, in parallel, each on its own.
func (e *Event) each(f func(i int, c *candidate)) {
	parallel(len(e.sites), func(i int) { f(i, e.sites[i]) })
}

// parallel runs f(0) to f(n-1), as many at a time as there are processors, and
// waits for them.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer func() { <-slots; wg.Done() }()
			f(i)
		}()
	}
	wg.Wait()
}

// unit returns the plural of what the site gains.
func (c *candidate) unit(g *nn.Graph) string {
	if g.Node(c.First).Kernel > 0 {
		return "channels"
	}
	return "neurons"
}
