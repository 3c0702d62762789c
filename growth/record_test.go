package growth

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// FuzzRecord reads a line of the journal: what it says is written again as it
// was read.
func FuzzRecord(f *testing.F) {
	for _, r := range []Record{
		{Event: 1, Step: 100, Policy: PolicyTiny, Decision: Grow, Why: "it pays", Sites: []SiteRecord{{Site: "conv1", Spectrum: []Number{1, 0.5}}},
			Trials: []TrialRecord{{Sites: []site.ID{"conv1"}, Curve: []Point{{1, 2, 3}}}}, Grown: []GrownRecord{{Site: "conv1", From: 4, To: 8}}},
		{Decision: Refuse, Why: "the loss is not finite"},
	} {
		line, err := json.Marshal(&r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"loss":null,"sites":[{"psi2":1e999}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var r, again Record
		if json.Unmarshal(line, &r) != nil {
			return
		}
		one, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(one, &again); err != nil {
			t.Fatalf("%s: %v", one, err)
		}
		_ = again.Computation()
		if two, err := json.Marshal(&again); err != nil || !bytes.Equal(one, two) {
			t.Fatalf("%s became %s, %v", one, two, err)
		}
	})
}

// What an event knew of its sites is told in computation: what was tried at its measured
// gain, what was given by evidence at that, and other sites by the evidence of their next
// neuron.
func TestComputationOfSites(t *testing.T) {
	r := Record{FLOPsBefore: 1000,
		Sites:  []SiteRecord{{Site: "conv1"}, {Site: "conv2", Gain: 0.05, GainError: 0.004, Cost: 0.25}, {Site: "conv3"}, {Site: "conv4"}},
		Trials: []TrialRecord{{Sites: []site.ID{"conv1"}, FLOPs: 120, Gain: 0.0084, Error: 0.002}, {Sites: []site.ID{"conv1", "conv2"}, Gain: 9}},
		Evidence: []EvidenceRecord{{Site: "conv1", Gains: []Number{1}, Errors: []Number{1}, Noise: []Number{1}, Cost: 1},
			{Site: "conv3", Gains: []Number{0.5}, Errors: []Number{0.1}, Noise: []Number{2}, Cost: 30}, {Site: "conv4"}}}
	const want = "conv1 gains 0.0084 ± 0.002 for 12.0 % of a step, conv2 gains 0.05 ± 0.004 for 25.0 % of a step, " +
		"conv3 gains 0.1 ± 0.02 for 1.0 % of a step with its next neuron"
	if got := r.Computation(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	g := mlp(t, 2, 2)
	w, m := newWorld(t, g, 6000, 1), nn.Init(g, 2)
	w.train(t, m, 60, 128, 32, 0.1)
	o := w.run(t, startEvent(testConfig(), m, w.info(1, 32)), m, 32)
	for _, tried := range o.Record.Trials {
		if text := o.Record.Computation(); len(tried.Sites) == 1 && !strings.Contains(text, string(tried.Sites[0])+" gains ") {
			t.Errorf("%s was tried, and %q", tried.Sites[0], text)
		}
	}
	if len(o.Record.Trials) == 0 || (&Record{Sites: r.Sites[:1]}).Computation() != "" {
		t.Error("nothing was tried, or something is told where nothing was measured")
	}
}
