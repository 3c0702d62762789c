package view

import "slices"

// Mark is how much of a Run a reader knows. The zero value knows nothing.
type Mark struct {
	known       bool
	era         int
	stride      uint64
	points      int
	evaluations int
	events      int
	first       int // number of the first event kept
	network     uint64
}

// Update is what a reader that knows some of a Run has to be told to know all of
// it. Lists go on from an index: what a reader has from there on is replaced.
type Update struct {
	Reset       bool         `json:"reset"` // forget what is known
	Info        Info         `json:"info"`
	Network     *Network     `json:"network,omitempty"` // nil: as before
	Series      Tail         `json:"series"`
	Evaluations []Evaluation `json:"evaluations"`
	FromEval    int          `json:"evaluations_from"`
	Events      []Event      `json:"events"`
	FromEvent   int          `json:"events_from"` // an index into the events kept
	Unread      int          `json:"unread"`      // lines that could not be read
}

// Since returns what follows m, and the mark behind it. It shares no memory with
// the Run that Refresh changes.
func (r *Run) Since(m Mark) (Update, Mark) {
	now := Mark{known: true, era: r.era, stride: r.series.Stride, points: len(r.series.Points), evaluations: len(r.evaluations),
		events: len(r.events), first: r.forgotten}
	if r.network != nil {
		now.network = uint64(r.loaded) + 1
	}
	if m.era != now.era || m.first != now.first {
		m = Mark{}
	}
	u := Update{Reset: !m.known, Info: r.info, Unread: r.bad}
	from := 0
	if m.stride == now.stride {
		from = max(m.points-1, 0)
	}
	u.Series = Tail{Stride: now.stride, From: from, Points: slices.Clone(r.series.Points[min(from, now.points):])}
	u.FromEval = min(m.evaluations, now.evaluations)
	u.Evaluations = append([]Evaluation{}, r.evaluations[u.FromEval:]...)
	u.FromEvent = min(max(m.events-1, 0), now.events) // the last one is told how its neurons fared
	u.Events = append([]Event{}, r.events[u.FromEvent:]...)
	if m.network != now.network {
		u.Network = r.network
	}
	return u, now
}
