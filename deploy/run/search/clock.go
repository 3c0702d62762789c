package search

import "slices"

// Clock gives out the jobs of a search: it plays Slots that work side by side, and a
// job lasts its Length. What is given out depends on results alone, not on when they come.
type Clock struct {
	searcher Searcher
	slots    int
	most     float64 // FLOPs
	state    State

	now     int
	spent   float64
	running []running
	done    bool
}

// running is a job in a slot.
type running struct {
	job  Job
	ends int
}

// NewClock begins a search. most, if not 0, is how many FLOPs may have been heard to be spent for
// another job to be given out.
func NewClock(by Searcher, of State, slots int, most float64) *Clock {
	return &Clock{searcher: by, state: of, slots: slots, most: most}
}

// Advance goes on as far as results are there, and returns what it gives out. result
// returns that of a job given out before.
func (c *Clock) Advance(result func(Job) (Result, bool)) []Job {
	from := len(c.state.Begun)
	for !c.done {
		c.fill()
		if len(c.running) == 0 {
			c.done = true
			break
		}
		first := 0
		for i, r := range c.running { // they stand in the order of their numbers
			if r.ends < c.running[first].ends {
				first = i
			}
		}
		r := c.running[first]
		got, ok := result(r.job)
		if !ok {
			break
		}
		c.now = r.ends
		c.running = slices.Delete(c.running, first, first+1)
		c.state.Heard = append(c.state.Heard, Heard{r.job, got})
		c.spent += got.FLOPs
	}
	return c.state.Begun[from:]
}

// fill lets free slots begin what there is to do.
func (c *Clock) fill() {
	for len(c.running) < c.slots && !c.Spent() {
		j, ok := c.searcher.Next(&c.state)
		if !ok {
			return
		}
		if c.state.Begun = append(c.state.Begun, j); j.Trial == c.state.trials {
			c.state.trials++
		}
		c.running = append(c.running, running{j, c.now + c.searcher.Length(j.Rung)})
	}
}

// Spent reports whether the FLOPs are spent.
func (c *Clock) Spent() bool { return c.most > 0 && c.spent >= c.most }

// Done reports whether all jobs were given out and heard.
func (c *Clock) Done() bool { return c.done }

// Heard returns the jobs heard so far, in their order.
func (c *Clock) Heard() []Heard { return c.state.Heard }
