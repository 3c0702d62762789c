package view

import (
	"math"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/site"
)

// Event is what a growth event came to, in short; Detail has the rest.
type Event struct {
	Number     int    `json:"number"` // counted from 0 in the run
	Step       uint64 `json:"step"`
	Epoch      uint64 `json:"epoch"`
	Generation uint64 `json:"generation"` // before
	Policy     string `json:"policy"`
	Decision   string `json:"decision"` // grow, refuse, deepen or prune
	Why        string `json:"why"`
	// Computation tells of each site what it gains for which part of a step; empty
	// where nothing was measured.
	Computation string `json:"computation,omitempty"`

	Params [2]int   `json:"params"` // before and after
	FLOPs  [2]int64 `json:"flops"`  // FLOPs of one sample's forward pass, before and after

	// Predicted is by how much the event was to lower the mean loss, to first
	// order at the amplitude taken; Measured by how much it did on other samples,
	// and Error the standard error of that. All are 0 where nothing grew or was measured.
	Predicted growth.Number `json:"predicted"`
	Measured  growth.Number `json:"measured"`
	Error     growth.Number `json:"error"`

	Grown    []Grown     `json:"grown"`
	Deepened *Deepened   `json:"deepened,omitempty"`
	Sites    []SiteShort `json:"sites"`

	// Newborn is a sentence on how the new neurons fared in the steps after the
	// event, Dead how many of them never do anything; empty until that is known.
	Newborn string `json:"newborn,omitempty"`
	Dead    int    `json:"dead,omitempty"`
	// Seconds is how long the event took; 0: not known.
	Seconds float64 `json:"seconds"`
}

// Grown is a layer that gained outputs, or lost some by a pruning.
type Grown struct {
	Site     site.ID `json:"site"`
	Unit     string  `json:"unit"` // channels or neurons
	From     int     `json:"from"`
	To       int     `json:"to"`
	Sentence string  `json:"sentence"`
}

// Deepened is an empty block that was appended.
type Deepened struct {
	Site     site.ID `json:"site"` // inside it
	Sentence string  `json:"sentence"`
}

// SiteShort is what an event found at one site.
type SiteShort struct {
	Site  site.ID `json:"site"`
	Width int     `json:"width"`
	// Gain is the measured decrease of the mean loss, Error its standard error;
	// Tried says that both were measured.
	Tried bool          `json:"tried"`
	Gain  growth.Number `json:"gain"`
	Error growth.Number `json:"error"`
	// Predicted is the decrease that the first order promises at the amplitude at
	// which Gain was measured; at amplitude 1 where nothing was measured.
	Predicted growth.Number `json:"predicted"`
	Params    int           `json:"params"` // parameters that the neurons would cost
	FLOPs     int64         `json:"flops"`  // FLOPs that they would cost in one sample's forward pass; 0 if not tried
	Grew      bool          `json:"grew"`
	Verdict   string        `json:"verdict"`
}

// Detail is all of an event that a card shows.
type Detail struct {
	Event
	Samples growth.Samples `json:"samples"`
	Loss    growth.Number  `json:"loss"` // mean over the samples of the statistics
	Found   []SiteDetail   `json:"found"`
}

// SiteDetail is what an event learned about a site.
type SiteDetail struct {
	SiteShort
	Second     string          `json:"second"` // the layer that gains inputs
	Psi2       growth.Number   `json:"psi2"`   // the expressivity bottleneck
	Share      growth.Number   `json:"share"`  // part of the desired update
	Spectrum   []growth.Number `json:"spectrum"`
	Edge       growth.Number   `json:"edge"` // up to which singular values are as noise makes them
	Kept       int             `json:"kept"` // neurons
	Fallback   string          `json:"fallback,omitempty"`
	Amplitudes []growth.Point  `json:"amplitudes"` // decrease of the loss at each amplitude, as the decision read them
	Amplitude  growth.Number   `json:"amplitude"`  // the best
}

// shorten returns the short form of a journal entry.
func shorten(r *growth.Record) Event {
	e := Event{Number: int(r.Event), Step: r.Step, Epoch: r.Epoch, Generation: r.Generation, Policy: r.Policy,
		Decision: r.Decision, Why: r.Why, Computation: r.Computation(),
		Params: [2]int{r.ParamsBefore, r.ParamsAfter}, FLOPs: [2]int64{r.FLOPsBefore, r.FLOPsAfter}, Grown: []Grown{}, Sites: []SiteShort{}}
	grew, tried := map[site.ID]bool{}, alone(r)
	for _, g := range r.Grown {
		grew[g.Site] = true
		e.Grown = append(e.Grown, Grown{g.Site, g.Unit, g.From, g.To, g.Sentence})
		e.Predicted += g.Predicted
	}
	if len(r.Grown) > 0 {
		e.Measured = r.Grown[0].Measured
		if t := tried[r.Grown[0].Site]; t != nil {
			e.Error = t.Error
		}
		if len(r.Grown) > 1 && r.Joint != nil {
			e.Measured, e.Error = r.Joint.Gain, r.Joint.Error
		}
	}
	if d := r.Deepened; d != nil {
		e.Deepened = &Deepened{d.Site, d.Sentence}
	}
	for i := range r.Sites {
		e.Sites = append(e.Sites, shortSite(&r.Sites[i], tried[r.Sites[i].Site], grew[r.Sites[i].Site]))
	}
	return e
}

// alone returns the trials of single sites.
func alone(r *growth.Record) map[site.ID]*growth.TrialRecord {
	trials := map[site.ID]*growth.TrialRecord{}
	for i := range r.Trials {
		if t := &r.Trials[i]; len(t.Sites) == 1 {
			trials[t.Sites[0]] = t
		}
	}
	return trials
}

func shortSite(s *growth.SiteRecord, t *growth.TrialRecord, grew bool) SiteShort {
	short := SiteShort{Site: s.Site, Width: s.Width, Predicted: s.Predicted, Params: s.Params, Grew: grew, Verdict: s.Reason}
	if s.Refit > 0 {
		short.Predicted = s.Refit
	}
	if t != nil {
		short.Tried, short.Gain, short.Error, short.Params, short.FLOPs = true, t.Gain, t.Error, t.Params, t.FLOPs
		if t.Amplitude > 0 {
			short.Predicted = growth.Number(float64(short.Predicted) * float64(t.Amplitude))
		}
		if t.Reason != "" {
			short.Verdict = t.Reason
		}
	}
	if grew {
		short.Verdict = "grows"
	}
	return short
}

// detail returns all that a card shows of a journal entry.
func detail(r *growth.Record) Detail {
	d := Detail{Event: shorten(r), Samples: r.Samples, Loss: r.Loss, Found: []SiteDetail{}}
	tried := alone(r)
	for i := range r.Sites {
		s := &r.Sites[i]
		f := SiteDetail{SiteShort: d.Sites[i], Second: s.Second, Psi2: s.Psi2, Share: s.Share, Spectrum: s.Spectrum, Edge: edge(s),
			Kept: s.Kept, Fallback: s.Fallback, Amplitudes: []growth.Point{}}
		if t := tried[s.Site]; t != nil {
			f.Amplitude = t.Amplitude
			f.Amplitudes = append(f.Amplitudes, t.Curve...)
		}
		d.Found = append(d.Found, f)
	}
	return d
}

// edge returns the largest singular value that noise of the size found would have
// by the law of Marchenko and Pastur, as growth computes it: Chance is the sum of
// squares of all of them, and the matrix has as many rows as the inputs have
// directions left beside the ridge. 0: there is none.
func edge(s *growth.SiteRecord) growth.Number {
	rows, columns := float64(s.Inputs)/(1+float64(s.Ridge)), float64(s.Outputs)
	if rows <= 0 || columns <= 0 || s.Chance <= 0 {
		return 0
	}
	width := math.Sqrt(rows) + math.Sqrt(columns)
	return growth.Number(math.Sqrt(float64(s.Chance)/(rows*columns)) * width)
}
