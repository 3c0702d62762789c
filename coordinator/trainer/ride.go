package trainer

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// collect begins a window of statistics that ride along where the run collects them,
// and forgets it once no event may take place any more.
func (t *Trainer) collect() {
	switch collects := t.set.Growth.Collects(t.progress(), t.at.Growth); {
	case !collects:
		t.at.Riding = nil
	case t.at.Riding == nil:
		t.at.Riding = growth.NewWindow(t.model.Graph)
	}
}

// progress returns where the run stands for the schedule of growth.
func (t *Trainer) progress() growth.Progress {
	return growth.Progress{Step: t.at.Step, Made: t.at.Made, Part: t.PartDone(), Params: len(t.model.Params), FLOPs: t.model.Graph.FLOPs(),
		Graph: t.model.Graph, Budget: t.set.budget()}
}

// ride says what rides along with the round of this step, in one of local steps with
// the first of them, of which all replicas have the same weights.
func (t *Trainer) ride() (r growth.Ride, ok bool) {
	if t.at.Riding == nil || len(t.at.Riding.Sites) == 0 || t.at.Gates != nil {
		return r, false
	}
	if t.set.Sync.local() {
		return t.set.Growth.Ride(t.opt.Count(), uint64(t.set.Sync.Every))
	}
	return t.set.Growth.Ride(t.at.Step, 1)
}

// ridden adds what rode along to the window. It must be called before the step counts.
func (t *Trainer) ridden(f64 []float64, samples float64) {
	if r, ok := t.ride(); ok {
		t.at.Riding.Add(r, f64[t.model.Graph.GradientSums().Len():], samples)
		t.at.FLOPs += float64(t.at.Riding.FLOPs(r) * samples)
	}
}

// Values returns the sums of the statistics that rode along, which a checkpoint holds
// beside the progress; nil where none did.
func (at Progress) Values() []float64 {
	if at.Riding == nil {
		return nil
	}
	return at.Riding.Values()
}

// WithValues returns the progress, read back, with those of its statistics, which are
// of the sites of g.
func (at Progress) WithValues(g *nn.Graph, values []float64) (Progress, error) {
	var err error
	switch {
	case at.Riding != nil:
		at.Riding, err = at.Riding.Restored(g, values)
	case len(values) > 0:
		err = fmt.Errorf("%w: %d values, and no site is told of", growth.ErrOtherWindow, len(values))
	}
	return at, err
}
