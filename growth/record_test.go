package growth

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/tinygrow/tinygrow/growth/site"
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
		if two, err := json.Marshal(&again); err != nil || !bytes.Equal(one, two) {
			t.Fatalf("%s became %s, %v", one, two, err)
		}
	})
}
