package trainer

import (
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
)

func hypergradSettings() Settings {
	set := toySettings()
	set.Growth = growth.DefaultOf(growth.PolicyHypergrad)
	set.Growth.EverySteps, set.Growth.Until, set.Growth.MaxNeurons, set.Growth.MaxFLOPs = 3, 1, 2, 150
	set.Growth.Fix(func(f *growth.Fixed) { f.Samples = growth.Samples{Statistics: 64, Newborn: 48, Amplitude: 48} })
	return set
}

// A run is restored anywhere, in the middle of the rounds of an event too, to the same weights and journal. What the
// rounds compute counts: the passes through the network with its candidates, twice where weights are moved.
func TestRestoreAnywhereInAHypergradientEvent(t *testing.T) {
	_, told := restoreAnywhere(t, hypergradSettings(), toyGraph(2))
	grown := 0
	for _, a := range told {
		if a.Growth == nil {
			continue
		}
		var kinds []string
		for _, r := range a.Growth.Rounds {
			kinds = append(kinds, string(r.Kind))
		}
		if a.Growth.Decision == growth.Grow {
			grown++
			if got := strings.Join(kinds, " "); got != "newborn gradients gradients gradients gradients" {
				t.Errorf("rounds %q", got)
			}
		}
	}
	if grown == 0 {
		t.Error("nothing grew")
	}
}

func TestHypergradientEventsArePaidFor(t *testing.T) {
	tr := newToyOf(t, hypergradSettings())
	if _, err := tr.Begin(); err != nil {
		t.Fatal(err)
	}
	for {
		r, ok := tr.Next()
		if !ok {
			t.Fatal("no event grew")
		}
		was, before := tr.Model().Graph, tr.Progress().FLOPs
		var want float64
		for ; r.Request != nil; r, _ = tr.Next() {
			wide := was.Clone()
			for _, in := range r.Request.Newborn {
				if in.Count == 0 || string(in.Site) != "fc1" {
					t.Fatalf("%d candidates at %s", in.Count, in.Site)
				}
				if r.Request.Kind == measure.KindGradients {
					wide.Node("fc1").Out += in.Count
				}
			}
			passes := 3.
			if len(r.Request.Along) > 0 {
				passes = 6
			}
			want += passes * float64(wide.FLOPs()) * float64(r.Count)
			a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
			if err != nil {
				t.Fatal(err)
			}
			if a.Growth == nil {
				continue
			}
			if got := tr.Progress().FLOPs - before; got != want {
				t.Errorf("the event cost %v FLOPs, want %v", got, want)
			}
			if a.Growth.Decision != growth.Grow {
				t.Errorf("%s", a.Growth.Why)
			}
			return
		}
		if _, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards()))); err != nil {
			t.Fatal(err)
		}
	}
}

// Hypergradients need gradients of the loss.
func TestHypergradientsOfOtherUpdatesAreRefused(t *testing.T) {
	set := hypergradSettings()
	set.Train.Update.Rule = RecLRA
	if err := set.Validate(); err == nil || !strings.Contains(err.Error(), "hypergradients are made of gradients of the loss: leave out") {
		t.Error(err)
	}
}
