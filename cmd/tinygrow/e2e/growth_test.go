package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/growth"
)

// grown is all that a run says about growth: the hashes of its end and journal,
// and how new neurons fared.
func grown(t *testing.T, j coordinator.Job, workers, threads int) (coordinator.Result, hashes, string) {
	t.Helper()
	r := memory().train(t, j, workers, threads)
	metrics, err := os.ReadFile(filepath.Join(j.Dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var newborn bytes.Buffer
	for line := range bytes.Lines(metrics) {
		if bytes.Contains(line, []byte(`"kind":"newborn"`)) {
			newborn.Write(line)
		}
	}
	return r, of(r), newborn.String()
}

// Sites, spectra, candidates, amplitudes, surgery, depth and what becomes of
// new neurons are the same bits for one worker and for eight, in every kind of
// network and for every way to grow it.
func TestGrowthIsTheSameForEightWorkers(t *testing.T) {
	for name, set := range map[string]func(c *coordinator.Config){
		"empty classic blocks, depth": func(c *coordinator.Config) {
			c.Model.Name, c.Model.Width, c.Model.EmptyBlocks, c.Growth.DepthEvery = "resnet20", 2, true, 2
		},
		"pre-activation, whole update": func(c *coordinator.Config) {
			c.Model.Name, c.Model.Width, c.Model.Widen, c.Growth.Policy, c.Growth.Fixed.Gate = "wrn28", 2, 1, "whole", growth.Gate{}
		},
		"by computation, streams too": func(c *coordinator.Config) {
			c.Model.Name, c.Model.Width, c.Model.Norm, c.Growth = "resnet20", 1, "batch", growth.DefaultOf(growth.PolicyCompute)
			c.Growth.EverySteps, c.Growth.Until, c.Growth.MaxFLOPs, c.Growth.Gate = 3, 0.9, 4_000_000, false
			c.Growth.Fix(func(f *growth.Fixed) { f.Follow = 2 })
		},
		"by hypergradients, streams too": func(c *coordinator.Config) {
			c.Model.Name, c.Model.Width, c.Model.Norm, c.Growth = "resnet20", 1, "batch", growth.DefaultOf(growth.PolicyHypergrad)
			c.Growth.EverySteps, c.Growth.Until, c.Growth.MaxFLOPs, c.Growth.Samples = 3, 0.9, 4_000_000, 64
			c.Growth.Gate = false
			c.Growth.Fix(func(f *growth.Fixed) { f.Follow = 2 })
		},
		"from nothing, random neurons": func(c *coordinator.Config) {
			c.Model.Name, c.Model.Widths = "cnn", []int{2, 0, 2}
		},
		"vgg, tanh": func(c *coordinator.Config) {
			c.Model.Name, c.Model.Widths, c.Model.Activation = "vgg", []int{2, 0}, "tanh"
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(workers, threads int) (coordinator.Result, hashes, string) {
				j := job(t, filepath.Join(t.TempDir(), "run"))
				j.Config.Model.Norm = ""
				j.Config.Growth.Fixed.Follow, j.Config.Growth.EverySteps, j.Config.Growth.Fixed.MaxRefusals = 2, 3, 0
				set(&j.Config)
				return grown(t, j, workers, threads)
			}
			r, want, newborn := run(1, 1)
			events, random, deeper := 0, false, false
			for _, e := range r.GrowthEvents {
				if e.Decision != growth.Refuse {
					events++
				}
				for _, s := range e.Sites {
					random = random || s.Fallback != ""
				}
				deeper = deeper || e.Deepened != nil
				t.Logf("step %d: %s: %s", e.Step, e.Decision, e.Why)
			}
			if events < 2 || newborn == "" {
				t.Errorf("%d events changed the network; new neurons: %q", events, newborn)
			}
			if j := r.GrowthEvents[0]; strings.Contains(name, "random") && !random || strings.Contains(name, "depth") && !deeper {
				t.Errorf("random neurons %v, empty blocks %v: first event %+v", random, deeper, j)
			}
			_, got, other := run(8, 1)
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if other != newborn {
				t.Errorf("new neurons fared\n%s\nwant\n%s", other, newborn)
			}
		})
	}
}
