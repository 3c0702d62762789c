package speed

import (
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func TestEventTellsTheCostOfEveryRound(t *testing.T) {
	data, err := dataset.Open(dataset.Config{Name: "shapes", Seed: 1, Limit: 2200})
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultEvent()
	c.Events, c.Steps, c.Batch = 2, 4, 64
	var got []EventResult
	if err := Event(t.Context(), c, data, func(r EventResult) { got = append(got, r) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("%d events, want 2", len(got))
	}
	for _, r := range got {
		if len(r.Rounds) < 2 || r.Rounds[0].Kind != measure.KindUpdate || r.Rounds[0].Samples != growth.DefaultOf(growth.PolicyTiny).Samples {
			t.Errorf("rounds %+v: want an update round over all statistics samples first", r.Rounds)
		}
		if r.Params == 0 || r.Decision == "" {
			t.Errorf("incomplete: %+v", r)
		}
	}
	if grew := got[0].Decision == growth.Grow; grew != (got[1].Params > got[0].Params) {
		t.Errorf("decision %q, parameters %d then %d", got[0].Decision, got[0].Params, got[1].Params)
	}
}

func TestEventConfigTellsAllFaults(t *testing.T) {
	err := EventConfig{Model: "nil"}.Validate()
	for _, want := range []string{"model", "events", "steps", "threads", "micro-shard", "learning rate"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no fault of %q in %v", want, err)
		}
	}
}

// BenchmarkEvent runs the events of a run at default settings: five of them
// grow the network that `tinygrow train` starts from.
func BenchmarkEvent(b *testing.B) {
	data, err := dataset.Open(dataset.Default())
	if err != nil {
		b.Fatal(err)
	}
	c := DefaultEvent()
	for range b.N {
		var train, event float64
		if err := Event(b.Context(), c, data, func(r EventResult) { train, event = train+r.TrainS, event+r.EventS }); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(100*event/train, "%event/train")
	}
}
