package growth

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/site"
)

func TestConfigValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, p := range Policies() {
		c := Default()
		c.Policy = p
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
	for old, now := range map[string]string{"tiny-fisher": "fisher", "tiny-no-projection": "whole"} {
		c := Default()
		c.Policy = old
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "is called "+now+" now") {
			t.Errorf("%s: %v", old, err)
		}
	}
	c := Default()
	c.Policy, c.EverySteps, c.Until = "tinny", 0, 2
	c.MaxNeurons, c.Samples, c.MaxParams = 0, 0, -1
	c.Widths = map[site.ID]int{"conv1": -2}
	err := c.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, part := range []string{`policy "tinny"`, "every_steps 0", "until 2", "max_neurons 0", "samples 0", "max_params -1", "widths of conv1 -2"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("faults lack %q:\n%v", part, err)
		}
	}
}

func TestSchedule(t *testing.T) {
	c := DefaultOf(PolicyTiny)
	c.EverySteps, c.Until, c.MaxParams = 10, 0.5, 1000
	at := Progress{Step: 20, Part: 0.2, Params: 10}
	for name, change := range map[string]func(c *Config, p *Progress, h *History){
		"never grows":        func(c *Config, _ *Progress, _ *History) { c.Policy = PolicyNone },
		"between events":     func(_ *Config, p *Progress, _ *History) { p.Step = 21 },
		"growth ends at":     func(_ *Config, p *Progress, _ *History) { p.Part = 0.8 },
		"event of this step": func(_ *Config, _ *Progress, h *History) { *h = History{Events: 1, LastStep: 20} },
		"8 events in a row":  func(_ *Config, _ *Progress, h *History) { h.Refusals = 8 },
		"the budget is 1000": func(_ *Config, p *Progress, _ *History) { p.Params = 1000 },
	} {
		c, p, h := c, at, History{}
		change(&c, &p, &h)
		if s := c.Schedule(p, h); s.Due || !strings.Contains(s.Why, name) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	free := c
	if free.Gate = false; !free.Schedule(at, History{Refusals: 99}).Due {
		t.Error("growth without a gate ends because nothing grew")
	}
	if s := c.Schedule(at, History{}); !s.Due || s.Why != "every 10 steps" {
		t.Errorf("%+v", s)
	}
}

func TestNumberInJSON(t *testing.T) {
	b, err := json.Marshal([]Number{1.5, Number(math.NaN()), Number(math.Inf(-1)), 1e-300})
	if err != nil || string(b) != "[1.5,null,null,1e-300]" {
		t.Errorf("%s, %v", b, err)
	}
	var back []Number
	if err := json.Unmarshal(b, &back); err != nil || back[0] != 1.5 || back[1] != 0 {
		t.Errorf("%v, %v", back, err)
	}
}

// Where an update stands for many steps an event comes behind the first that reaches one at which it is
// due, and statistics ride along with as large a part of the steps, or with every update.
func TestScheduleBehindManySteps(t *testing.T) {
	c := DefaultOf(PolicyRandom)
	c.EverySteps = 10
	for made, want := range map[uint64][]uint64{1: {10, 20, 30}, 4: {12, 20, 32}, 16: {16, 32}} {
		var at []uint64
		for step := made; step <= 32; step += made {
			if c.Schedule(Progress{Step: step, Made: made}, History{}).Due {
				at = append(at, step)
			}
		}
		if !slices.Equal(at, want) {
			t.Errorf("with %d steps an update events are due at %v, want %v", made, at, want)
		}
	}
	c.Riding = 0.125
	for steps, every := range map[uint64]uint64{1: 8, 4: 2, 8: 1, 64: 1} {
		for update := range uint64(16) {
			r, ok := c.Ride(update, steps)
			if ok != (update%every == 0) || ok && r != (Ride{every, update / every}) {
				t.Errorf("update %d of %d steps: %+v, %v", update, steps, r, ok)
			}
		}
	}
}
