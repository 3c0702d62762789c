package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// named returns the system that participants of a benchmark meet in.
func named(b *testing.B, kind string) system {
	switch kind {
	case "shared":
		return shared()
	case "memory":
		return memory()
	}
	return overNATS(b)
}

// One operation is one step of a network so small that all of it is latency.
func BenchmarkLatency(b *testing.B) {
	for _, kind := range []string{"shared", "memory", "nats"} {
		b.Run(kind, func(b *testing.B) {
			s := named(b, kind)
			j := job(b, "")
			j.Config.Train.EvalEpochs, j.Config.Train.Steps, j.Config.Growth.Policy = 0, uint64(b.N), growth.PolicyNone
			j.Config.Train.Batch = 8
			w := s.start(worker.Config{ID: "w", Threads: 1}, data, nil)
			s.coordinate(b, context.Background(), j)
			w.Stop()
		})
	}
}

// One operation is one step of 128 samples: data, compute, wire, reduction,
// update and broadcast, by one worker of two threads.
func BenchmarkStep(b *testing.B) {
	set, err := dataset.Open(dataset.Config{Name: "shapes", Limit: 2560, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"mlp", "vgg", "resnet18-8", "resnet18-16"} {
		for _, kind := range []string{"shared", "memory", "nats"} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				s := named(b, kind)
				j := job(b, "")
				j.Config = coordinator.Default()
				j.Config.Model, _ = nn.Preset(name)
				j.Config.Train.EvalEpochs = 0
				j.Config.Train.Augment = true
				j.Config.Growth.Policy = growth.PolicyNone
				const warm = 3
				j.Config.Train.Steps = uint64(b.N + warm)
				j.Data = coordinator.Data{Digest: set.Digest(), Train: set.Len("train"), Shape: set.Shape(), Classes: set.Classes()}
				var start, end time.Time
				j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
					if r.Step == warm {
						start = time.Now()
					}
					end = time.Now()
				}
				w := s.start(worker.Config{ID: "w", Threads: 2}, set, nil)
				s.coordinate(b, context.Background(), j)
				w.Stop()
				b.ReportMetric(float64(end.Sub(start).Nanoseconds())/float64(b.N), "ns/step")
				b.ReportMetric(128*float64(b.N)/end.Sub(start).Seconds(), "samples/s")
			})
		}
	}
}
