package trainer

import (
	"encoding/json"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// FuzzProgress takes a run up from whatever state.json says of it.
func FuzzProgress(f *testing.F) {
	f.Add([]byte(`{"step":3,"evaluated":true,"considered":false,"growth":{},"epoch":{"samples":40,"loss":3,"correct":9},"start_params":20}`), uint64(3))
	f.Add([]byte(`{"step":18446744073709551615,"newborn":{}}`), uint64(18446744073709551615))
	f.Add([]byte(`{"step":3,"lap":{"batch":50},"extensions":[{"step":2,"epochs":1e308,"steps":18446744073709551615,"max_flops":-1}]}`), uint64(3))
	f.Add([]byte(`{"step":3,"lap":{"batch":50},"extensions":[{"step":2,"steps":9}]}`), uint64(3))
	f.Fuzz(func(t *testing.T, progress []byte, updates uint64) {
		var at Progress
		if json.Unmarshal(progress, &at) != nil {
			return
		}
		m := nn.Init(toyGraph(4), 1)
		tr, err := Restore(toySettings(), m, optim.New(toySettings().Optimizer, local.LayoutOf(m.Graph)).Slots(), updates, at)
		if err != nil {
			return
		}
		if _, err := tr.Begin(); err != nil {
			return
		}
		tr.Trained()
		if r, ok := tr.Next(); ok && (r.MicroShards() == 0 || r.Count == 0) {
			t.Errorf("a round of nothing: %+v", r)
		}
	})
}

// FuzzExtend gives a run whatever end a line of the metrics tells of.
func FuzzExtend(f *testing.F) {
	f.Add([]byte(`{"epochs":40,"steps":60}`), []byte(`{"steps":61,"max_flops":1e12}`))
	f.Add([]byte(`{"epochs":-1}`), []byte(`{"steps":18446744073709551615}`))
	f.Add([]byte(`{"epochs":1e308}`), []byte(`{"epochs":3,"target_accuracy":2}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		tr, err := New(toySettings(), nn.Init(toyGraph(4), 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{first, second} {
			var to End
			if json.Unmarshal(text, &to) != nil {
				continue
			}
			before := tr.Steps()
			if r, err := tr.Extend(to); err != nil || r == nil {
				continue
			}
			if _, err := tr.Begin(); err != nil {
				t.Fatal(err)
			}
			if _, more := tr.Next(); !more || to.MaxFLOPs == 0 && tr.Steps() < before {
				t.Errorf("extended to %+v it ends after %d steps, before after %d", to, tr.Steps(), before)
			}
		}
	})
}
