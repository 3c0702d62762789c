package growth

import (
	"github.com/tinygrow/tinygrow/growth/site"
)

// History is what the schedule remembers of past events.
type History struct {
	Events   int     `json:"events"`
	Grown    int     `json:"grown"`     // events that grew
	Refusals int     `json:"refusals"`  // events in a row that refused to grow
	LastSite site.ID `json:"last_site"` // the last to have its turn if sites take turns
	LastStep uint64  `json:"last_step"`
	Blocks   int     `json:"blocks,omitempty"` // appended
	// Ended is why the last event ended growth, if one did.
	Ended string `json:"ended,omitempty"`
}

// After returns the history once the event of r is over.
func (h History) After(r *Record) History {
	h.Events++
	h.LastStep = r.Step
	if len(r.Pruned) > 0 { // there is room again
		h.Refusals, h.Ended = 0, ""
		return h
	}
	h.Refusals++
	if len(r.Grown) > 0 || r.Deepened != nil {
		h.Grown++
		h.Refusals = 0
	}
	if r.Deepened != nil {
		h.Blocks++
	}
	if r.Ends {
		h.Ended = r.Why
	}
	if r.Turn != "" {
		h.LastSite = r.Turn
	}
	return h
}
