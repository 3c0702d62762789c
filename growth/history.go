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
	// Idle counts, by site, the events in a row at which it was refused.
	Idle map[site.ID]int `json:"idle,omitempty"`
}

// After returns the history once the event of r is over.
func (h History) After(r *Record) History {
	h.Events++
	h.LastStep = r.Step
	h.Refusals++
	if len(r.Grown) > 0 || r.Deepened != nil {
		h.Grown++
		h.Refusals = 0
	}
	if r.Deepened != nil {
		h.Blocks++
	}
	h.Idle = idleAfter(h.Idle, r)
	if r.Turn != "" {
		h.LastSite = r.Turn
	}
	return h
}

// idleAfter counts on; sites that had to wait keep their count.
func idleAfter(before map[site.ID]int, r *Record) map[site.ID]int {
	idle := map[site.ID]int{}
	for _, s := range r.Sites {
		switch {
		case s.Waits:
			idle[s.Site] = before[s.Site]
		case s.Reason != "":
			idle[s.Site] = before[s.Site] + 1
		}
		if idle[s.Site] == 0 {
			delete(idle, s.Site)
		}
	}
	return idle
}
