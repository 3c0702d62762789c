package e2e

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker"
)

// footprint is the least that a process held at one of several looks: what is
// on its way at one of them is not at another.
type footprint struct {
	bytes      uint64
	goroutines int
}

func (f *footprint) look() {
	runtime.GC()
	runtime.GC() // the second one frees what pools kept through the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if n := runtime.NumGoroutine(); f.bytes == 0 {
		f.bytes, f.goroutines = m.HeapAlloc, n
	} else {
		f.bytes, f.goroutines = min(f.bytes, m.HeapAlloc), min(f.goroutines, n)
	}
}

// Ten thousand steps, evaluations and growth events that find no room leave
// neither memory nor goroutines behind, with workers that come and go.
func TestMemoryIsFlat(t *testing.T) {
	const looks, apart = 8, 5
	for name, join := range map[string]func() system{"memory": memory, "shared": shared, "nats": func() system { return overNATS(t) }} {
		t.Run(name, func(t *testing.T) {
			steps, early := proto.Step(10_000), proto.Step(1_000)
			if testing.Short() && name != "nats" { // whose server takes long to have all its buffers
				steps, early = 2_000, 500
			}
			s := join()
			j := job(t, "")
			j.Config.Train.Steps, j.Config.Train.Batch, j.Config.Train.EvalEpochs, j.Config.Train.Augment = uint64(steps), 16, 10, false
			j.Config.Growth.Policy, j.Config.Growth.EverySteps, j.Config.Growth.Until = growth.PolicyGradMax, 100, 1
			j.Config.Growth.MaxWidth, j.Config.Growth.Fixed.MaxRefusals = 3, 0
			w := worker.Config{Threads: 1}
			w.ID = "steady"
			steady := s.start(w, data, nil)
			w.ID = "guest-0"
			guest := s.start(w, data, nil)
			var first, last footprint
			var leaving sync.WaitGroup
			j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
				switch {
				case r.Step%apart == 0 && r.Step > early-looks*apart && r.Step <= early:
					first.look()
				case r.Step%apart == 0 && r.Step > steps-looks*apart && r.Step < steps:
					last.look()
				case r.Step%100 == 50 && (r.Step > early || r.Step < early-200) && r.Step < steps-200 && name != "nats":
					// Another one takes its place, under a new name. A NATS server, which is in this process too,
					// keeps the names of those that left.
					old := guest
					w.ID = proto.WorkerID(fmt.Sprintf("guest-%d", r.Step))
					guest = s.start(w, data, nil)
					leaving.Go(func() { old.Stop() })
				}
			}
			r := s.coordinate(t, context.Background(), j)
			leaving.Wait()
			if !r.Done || r.ParamsEnd == r.ParamsStart || len(r.GrowthEvents) < int(steps)/200 {
				t.Errorf("done %v, %d to %d parameters, %d events", r.Done, r.ParamsStart, r.ParamsEnd, len(r.GrowthEvents))
			}
			for _, m := range []*member{steady, guest} {
				if err := m.Stop(); err != nil {
					t.Error(err)
				}
			}
			t.Logf("step %d: %d KiB, %d goroutines; step %d: %d KiB, %d goroutines", early, first.bytes>>10, first.goroutines, steps,
				last.bytes>>10, last.goroutines)
			// A leak of 16 bytes a step would show.
			if grown := int64(last.bytes) - int64(first.bytes); grown > 16*int64(steps-early) {
				t.Errorf("%d bytes more after %d steps", grown, steps-early)
			}
			if last.goroutines > first.goroutines+2 {
				t.Errorf("%d goroutines became %d", first.goroutines, last.goroutines)
			}
		})
	}
}
