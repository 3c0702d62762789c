package telemetry

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/metrics"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/proto"
)

// A run of 100,000 steps, with 200 evaluations and 60 growth events of 20 sites.
const (
	longSteps   = 100_000
	longEpoch   = 500
	longEvery   = 500
	longEvents  = 60
	longSites   = 20
	longBound   = 20_000_000 // bytes of its directory without checkpoints
	longBrowser = 2 << 20    // bytes that a browser gets of it
)

// longEvent is a journal entry of the size that policy tiny makes.
func longEvent(step uint64, r *rand.Rand) *growth.Record {
	e := &growth.Record{Step: step, Event: step/longEvery - 1, Policy: "tiny", Decision: "grow"}
	row := func(n int) (list []growth.Number) {
		for range n {
			list = append(list, growth.Number(r.Float64()))
		}
		return list
	}
	for i := range longSites {
		id := site.ID("layer" + string(rune('a'+i)) + ".0.conv1")
		e.Sites = append(e.Sites, growth.SiteRecord{Site: id, Spectrum: row(32), Derivatives: row(16), Errors: row(16), Psi2: row(1)[0]})
		e.Trials = append(e.Trials, growth.TrialRecord{Sites: []site.ID{id}, Curve: make([]growth.Point, 12)})
	}
	e.Grown = []growth.GrownRecord{{Site: "layera.0.conv1", Unit: "channels", From: 4, To: 6, Sentence: strings.Repeat("because ", 20)}}
	return e
}

// writeLongRun writes what a coordinator would.
func writeLongRun(t *testing.T, run string) {
	t.Helper()
	dir, err := checkpoint.Create(run, []byte("model:\n  name: cnn\ntrain:\n  epochs: 200\n"))
	if err != nil {
		t.Fatal(err)
	}
	board := &TensorBoard{Trouble: func(text string) { t.Error(text) }}
	e := board.Events(coordinator.Events{})
	e.Started(coordinator.Started{Dir: run})
	m, r := model(t), rand.New(rand.NewPCG(1, 2))
	var lines metrics.Steps
	var failed error
	put := func(l *checkpoint.Log, v any) { failed = errors.Join(failed, l.Append(v)) }
	const hex = "0123456789abcdef"
	for step := uint64(1); step <= longSteps; step++ {
		digest := make([]byte, 32)
		for i := range digest {
			digest[i] = hex[r.IntN(len(hex))]
		}
		pace := coordinator.Pace{Wall: time.Duration(step) * 40123456, SamplesSec: 4000 + float64(r.Float64()*50), Workers: 8}
		rec := trainer.StepRecord{Kind: metrics.KindStep, Step: proto.Step(step), Epoch: float64(step) / 390, Generation: 12, Params: 113962,
			Samples: 128, Loss: r.Float64(), Accuracy: float64(r.IntN(129)) / 128, LR: 0.05 * (1 + math.Cos(float64(step)/longSteps*math.Pi)),
			Digest: string(digest)}
		put(dir.Metrics, lines.Line(&rec, metrics.Measured{Wall: pace.Wall, SamplesSec: pace.SamplesSec, Workers: pace.Workers}))
		e.Step(rec, pace)
		if step%longEpoch == 0 {
			eval := trainer.EvalRecord{Kind: "evaluation", Split: "test", Step: rec.Step, Epoch: rec.Epoch, Params: rec.Params, Loss: r.Float64(), Accuracy: r.Float64()}
			put(dir.Metrics, eval)
			e.Evaluated(eval)
		}
		if step%longEvery == 0 && step <= longEvery*longEvents {
			e.Gradient(coordinator.Gradient{Step: rec.Step, Event: step/longEvery - 1, Graph: m.Graph, Sum: m.Params, Samples: 128})
			entry := longEvent(step, r)
			put(dir.Journal, entry)
			e.Grew(*entry, trainer.GrownRecord{Grown: true})
			e.Network(coordinator.Network{Step: rec.Step, Event: step / longEvery, Model: m})
		}
	}
	board.Close()
	if err := errors.Join(failed, dir.Close()); err != nil {
		t.Fatal(err)
	}
}

// The directory of a long run stays small, and a browser gets a part of it that does
// not grow with the steps.
func TestALongRunIsSmall(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	writeLongRun(t, run)
	total, sizes := int64(0), map[string]int64{}
	err := filepath.WalkDir(run, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
			sizes[d.Name()] += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes: %v", total, sizes)
	if total > longBound {
		t.Errorf("%d steps take %d bytes, at most %d are wanted: %v", longSteps, total, longBound, sizes)
	}
	r, err := view.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	if r.Unread() > 0 || len(r.Evaluations()) != longSteps/longEpoch || len(r.Events()) != longEvents {
		t.Errorf("%d lines unread, %d evaluations, %d events", r.Unread(), len(r.Evaluations()), len(r.Events()))
	}
	points := r.Series().Points
	last := points[len(points)-1]
	if len(points) > view.MaxPoints || len(points) < view.MaxPoints/4 || last.Step != longSteps || last.Params != 113962 || last.Workers != 8 {
		t.Errorf("%d points, the last is %+v", len(points), last)
	}
	if s, err := view.Summarize(run); err != nil || s.Step != longSteps || s.Params != 113962 || s.Epoch == 0 || s.Split != "test" {
		t.Errorf("the list says %+v, %v", s, err)
	}
	u, _ := r.Since(view.Mark{})
	text, err := json.Marshal(u)
	if err != nil || len(text) > longBrowser {
		t.Errorf("a browser gets %d bytes, at most %d are wanted: %v", len(text), longBrowser, err)
	}
	if n := len(tagged(readBoard(t, run), "train/loss")); n > 8*denseSteps {
		t.Errorf("TensorBoard gets %d points", n)
	}
}

// BenchmarkStep is what a step costs the run's goroutine for each that hears of it.
func BenchmarkStep(b *testing.B) {
	for name, listen := range map[string]func() func(coordinator.Events) coordinator.Events{
		"nobody": func() func(coordinator.Events) coordinator.Events { return coordinator.Events.WithDefaults },
		"TensorBoard": func() func(coordinator.Events) coordinator.Events {
			return (&TensorBoard{Trouble: func(text string) { b.Error(text) }}).Events
		},
		"Prometheus": func() func(coordinator.Events) coordinator.Events {
			return NewPrometheus(prometheus.NewRegistry()).Events
		},
	} {
		b.Run(name, func(b *testing.B) {
			e := listen()(coordinator.Events{})
			e.Started(coordinator.Started{Dir: b.TempDir()})
			for i := range b.N {
				e.Step(trainer.StepRecord{Step: proto.Step(i % denseSteps), Loss: 1, Samples: 128}, coordinator.Pace{Wall: time.Duration(i), Timing: coordinator.Timing{Steps: i}})
			}
		})
	}
}
