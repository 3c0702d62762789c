package growth

import (
	"testing"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The first samples say where to measure, the others measure; where there are
// too few of them, all amplitudes are measured on all.
func TestAmplitudesAreScannedOnFewSamples(t *testing.T) {
	w := newWorld(t, mlp(t, 2, 2), 6000, 1)
	m := nn.Init(w.g, 2)
	w.train(t, m, 400, 128, 32, 0.1)
	for _, c := range []struct{ samples, scanned, measured, points int }{{512, 64, 448, 2}, {256, 32, 224, 2}, {224, 0, 224, 10}} {
		cfg := testConfig()
		cfg.Fixed.Samples.Amplitude = c.samples
		e := startEvent(cfg, m, w.info(1, 32))
		o := w.run(t, e, m, 32)
		var counts []int
		for _, r := range o.Record.Rounds {
			if r.Kind == measure.KindAmplitude {
				counts = append(counts, r.Samples)
			}
		}
		if c.scanned > 0 {
			if counts[0] != c.scanned {
				t.Errorf("%d samples: rounds %v, want a scan of %d", c.samples, counts, c.scanned)
			}
			counts = counts[1:]
		}
		for _, n := range counts {
			if n != c.measured {
				t.Errorf("%d samples: measured on %v, want %d", c.samples, counts, c.measured)
			}
		}
		for _, trial := range o.Record.Trials {
			if len(trial.Curve) != c.points {
				t.Fatalf("%d samples: curve %v, want %d points", c.samples, trial.Curve, c.points)
			}
			if c.scanned == 0 {
				continue
			}
			best, in := trial.Scan[0], false
			for _, p := range trial.Scan {
				if p.Gain > best.Gain {
					best = p
				}
			}
			for _, p := range trial.Curve {
				in = in || p.Amplitude == best.Amplitude
			}
			if len(trial.Scan) != 10 || !in {
				t.Errorf("%d samples: %v was measured, the scan was %v", c.samples, trial.Curve, trial.Scan)
			}
		}
	}
}
