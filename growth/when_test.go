package growth

import (
	"strings"
	"testing"
)

// Events that are due are put off while the loss falls, and while the network
// overfits; what may not take place at all is never said to be put off.
func TestPutOff(t *testing.T) {
	c := Default()
	c.EverySteps, c.MaxEvents = 10, 3
	at := Progress{Step: 20, Part: 0.2, Loss: 0.9, Before: 1, Unseen: 1.5, Split: "test"}
	for _, k := range []struct {
		name         string
		plateau, gap float64
		change       func(p *Progress)
		why          string // empty: it takes place
	}{
		{"no rules", 0, 0, nil, ""},
		{"falls by as much", 0.1, 0, func(p *Progress) { p.Loss, p.Before = 0.75, 1 }, "from 1 to 0.75, that is by 25 %"},
		{"falls by less", 0.11, 0, nil, ""},
		{"rises", 0.001, 0, func(p *Progress) { p.Loss = 1.1 }, ""},
		{"nothing to compare with", 0.5, 0, func(p *Progress) { p.Before = 0 }, "no earlier one"},
		{"overfits", 0, 0.5, nil, "the test loss 1.5 is above the training loss 0.9 by 0.6, more than max_gap 0.5"},
		{"does not overfit", 0, 0.7, nil, ""},
		{"was never tested", 0, 0.5, func(p *Progress) { p.Unseen = 0 }, ""},
		{"stands still and overfits", 0.5, 0.1, nil, "more than max_gap"},
	} {
		c, p := c, at
		c.Plateau, c.MaxGap = k.plateau, k.gap
		if k.change != nil {
			k.change(&p)
		}
		s := c.Schedule(p, History{})
		if s.Due != (k.why == "") || s.PutOff == s.Due || !strings.Contains(s.Why, k.why) {
			t.Errorf("%s: %+v", k.name, s)
		}
		p.Step++
		if s := c.Schedule(p, History{}); s.Due || s.PutOff {
			t.Errorf("%s, between events: %+v", k.name, s)
		}
		if s := c.Schedule(at, History{Events: 3}); s.Due || s.PutOff {
			t.Errorf("%s, after the last event: %+v", k.name, s)
		}
	}
}
