package telemetry

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

func TestPrometheusGetsTheNumbersOfARun(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	e := NewPrometheus(r).Events(coordinator.Events{})
	m := model(t)
	e.Started(coordinator.Started{Run: "a", Step: 5, Steps: 100})
	e.Network(coordinator.Network{Model: m})
	e.Joined(coordinator.Member{Worker: "w1", Threads: 4})
	for n := range 3 {
		e.Decided(plan.Assign{Worker: "w1", Task: proto.Task{}.Task})
		e.Decided(plan.Fold{Worker: "w1", Block: proto.Block{Lo: 0, Hi: 4}})
		e.Decided(plan.Complete{})
		timing := coordinator.Timing{Steps: n, PartialBytes: uint64(100 * n), Partials: n}
		timing.Wait = 0.25 * float64(n)
		e.Step(trainer.StepRecord{Step: proto.Step(6 + n), Loss: 0.5, Accuracy: 0.25, LR: 0.125, Samples: 128,
			Compared: trainer.Compared{GradNorm: 2, GradCosine: 0.75, NoiseScale: 4096}},
			coordinator.Pace{Wall: 1e9 * 2, Steps: 100, Workers: 1, Threads: 4, SamplesSec: 64, Timing: timing})
	}
	e.Evaluated(trainer.EvalRecord{Split: "validation", Loss: 0.75, Accuracy: 0.5})
	e.Grew(growth.Record{Decision: "grow"}, trainer.GrownRecord{})
	e.Decided(plan.Quarantine{Worker: "w1", Why: "it computes wrongly"})
	want := fmt.Sprintf(`# HELP tinygrow_evaluation_accuracy Accuracy at the last evaluation, 0 to 1, or R2.
# TYPE tinygrow_evaluation_accuracy gauge
tinygrow_evaluation_accuracy{split="validation"} 0.5
# HELP tinygrow_growth_events_total Growth events by what they decided.
# TYPE tinygrow_growth_events_total counter
tinygrow_growth_events_total{decision="deepen"} 0
tinygrow_growth_events_total{decision="grow"} 1
tinygrow_growth_events_total{decision="refuse"} 0
# HELP tinygrow_network_parameters Parameters of the network.
# TYPE tinygrow_network_parameters gauge
tinygrow_network_parameters %d
# HELP tinygrow_partial_bytes_total Bytes of the numbers in partials that were folded.
# TYPE tinygrow_partial_bytes_total counter
tinygrow_partial_bytes_total 200
# HELP tinygrow_quarantined_workers_total Workers that computed wrongly and get no more blocks.
# TYPE tinygrow_quarantined_workers_total counter
tinygrow_quarantined_workers_total 1
# HELP tinygrow_samples_total Samples that this process trained on.
# TYPE tinygrow_samples_total counter
tinygrow_samples_total 384
# HELP tinygrow_step Updates made so far in the run.
# TYPE tinygrow_step gauge
tinygrow_step 8
# HELP tinygrow_gradient_cosine Cosine of the gradients of the two halves of the last batch; 0: it has none, or train.grad_cosine is off.
# TYPE tinygrow_gradient_cosine gauge
tinygrow_gradient_cosine 0.75
# HELP tinygrow_train_loss Mean loss of the last batch.
# TYPE tinygrow_train_loss gauge
tinygrow_train_loss 0.5
`, len(m.Params))
	if err := testutil.GatherAndCompare(r, bytes.NewBufferString(want), "tinygrow_evaluation_accuracy", "tinygrow_growth_events_total",
		"tinygrow_network_parameters", "tinygrow_partial_bytes_total", "tinygrow_quarantined_workers_total", "tinygrow_samples_total",
		"tinygrow_step", "tinygrow_train_loss", "tinygrow_gradient_cosine"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(r, "tinygrow_worker_blocks_total"); n != 0 || err != nil { // it is in quarantine
		t.Errorf("%d workers, %v", n, err)
	}
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// However many workers there are, and whatever they are called, what is told is bounded
// and can be read.
func TestManyWorkersWithHostileNames(t *testing.T) {
	if proto.WorkerID(others).Validate() == nil {
		t.Errorf("a worker may be called %s", others)
	}
	r := prometheus.NewPedanticRegistry()
	e := NewPrometheus(r).Events(coordinator.Events{})
	for _, id := range []string{"a\"} 1\ntinygrow_train_loss 0", "\\", "\xff\xfe", "", strings.Repeat("x", 1000)} {
		e.Joined(coordinator.Member{Worker: proto.WorkerID(id), Threads: 1})
	}
	if n, err := testutil.GatherAndCount(r, "tinygrow_worker_thread_count"); n != 5 || err != nil {
		t.Errorf("%d workers, %v", n, err)
	}
	for i := range 2000 {
		e.Joined(coordinator.Member{Worker: proto.WorkerID(fmt.Sprintf("w%04d", i)), Threads: 1})
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tinygrow_worker_thread_count" {
			continue
		}
		threads := 0.0
		for _, m := range f.GetMetric() {
			threads += m.GetGauge().GetValue()
		}
		if len(f.GetMetric()) != maxWorkers+1 || threads != 2005 {
			t.Errorf("%d workers with %v threads", len(f.GetMetric()), threads)
		}
	}
}
