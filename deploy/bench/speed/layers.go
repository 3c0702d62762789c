package speed

import (
	"cmp"
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Layer is the work of one kind in a training step, computed by one thread.
type Layer struct {
	Kind      string  `json:"kind"`
	MS        float64 `json:"ms"`   // time in a step; the median over steps
	Part      float64 `json:"part"` // part of the time of all kinds
	GFLOPs    float64 `json:"gflop_per_s,omitempty"`
	PeakShare float64 `json:"peak_share,omitempty"` // part of the rate of fused multiply-adds that one thread reaches
}

// layers measures the kinds of work of a step on one thread for time d.
func (t *trainer) layers(d time.Duration) []Layer {
	type sum struct {
		took  time.Duration
		flops int64
	}
	var now map[string]sum
	add := func(kind string, flops int64, took time.Duration) {
		s := now[kind]
		now[kind] = sum{s.took + took, s.flops + flops}
	}
	lap := func(kind string, do func()) {
		started := time.Now()
		do()
		add(kind, 0, time.Since(started))
	}
	all, flops := map[string][]time.Duration{}, map[string]int64{}
	threads := t.threads
	t.threads = 1
	w := t.spaces[0]
	w.Profile(add)
	for end, n := time.Now().Add(d), 0; n < 3 || time.Now().Before(end); n++ {
		now = map[string]sum{}
		lap("pack", func() { t.pack() })
		for i, b := range t.batches {
			w.Forward(t.packed, nil, b, nn.Train)
			lap("loss", func() { w.Loss() })
			w.Backward(t.grads[i])
			clear(t.moments[i])
			lap("moments", func() { w.AddMoments(t.moments[i]) })
		}
		lap("reduce and update", func() { t.update() })
		if n == 0 {
			continue // warms up
		}
		for kind, s := range now {
			all[kind] = append(all[kind], s.took)
			flops[kind] = s.flops
		}
	}
	w.Profile(nil)
	t.threads = threads
	return table(all, flops)
}

// table returns the medians, longest first.
func table(all map[string][]time.Duration, flops map[string]int64) []Layer {
	var out []Layer
	var total float64
	for kind, times := range all {
		slices.Sort(times)
		s := times[len(times)/2].Seconds()
		total += s
		out = append(out, Layer{Kind: kind, MS: 1e3 * s, GFLOPs: float64(flops[kind]) / max(s, 1e-9) / 1e9})
	}
	for i := range out {
		out[i].Part = out[i].MS / 1e3 / max(total, 1e-9)
	}
	slices.SortFunc(out, func(a, b Layer) int { return cmp.Or(cmp.Compare(b.MS, a.MS), cmp.Compare(a.Kind, b.Kind)) })
	return out
}
