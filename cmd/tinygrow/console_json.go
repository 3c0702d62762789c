package main

import (
	"log/slog"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

// recorded tells of a run by records with attributes. Progress comes as often as on a
// pipe.
func (c *console) recorded() coordinator.Events {
	info := func(text string, attrs ...slog.Attr) { c.log.tell(slog.LevelInfo, text, attrs...) }
	warn := func(text string, attrs ...slog.Attr) { c.log.tell(slog.LevelWarn, text, attrs...) }
	debug := func(text string, attrs ...slog.Attr) { c.log.tell(slog.LevelDebug, text, attrs...) }
	member := func(m coordinator.Member) []slog.Attr {
		return []slog.Attr{slog.String("worker", string(m.Worker)), slog.String("host", m.Host), slog.Int("threads", m.Threads),
			slog.String("program", m.Program)}
	}
	metric := func(name string) slog.Attr { // what the accuracy is; left out where it is one
		if name == "" {
			return slog.Attr{}
		}
		return slog.String("metric", name)
	}
	return coordinator.Events{
		Started: func(s coordinator.Started) {
			c.told = c.now()
			info("run started", slog.String("run", string(s.Run)), slog.String("dir", s.Dir), slog.Bool("resumed", s.Resumed),
				slog.Uint64("step", uint64(s.Step)), slog.Uint64("steps", s.Steps), slog.Float64("epochs", s.Epochs),
				slog.Int("params", s.Params), slog.String("outlook", s.Outlook), slog.Bool("extended", s.Extended != nil))
		},
		Learned: func(r trainer.InitRecord) {
			c.alone = false
			if r.Done || c.due() {
				info("first weights", slog.String("learn", r.Learn), slog.Int("iteration", r.Iteration),
					slog.Int("iterations", r.Iterations), slog.Float64("loss", r.Loss),
					slog.Float64("grad_norm", r.GradNorm), slog.Bool("done", r.Done))
			}
		},
		Step: func(r trainer.StepRecord, p coordinator.Pace) {
			c.alone = false
			if c.due() {
				info("step", slog.Uint64("step", uint64(r.Step)), slog.Uint64("steps", p.Steps), slog.Float64("epoch", r.Epoch),
					slog.Float64("loss", r.Loss), slog.Float64("accuracy", r.Accuracy), metric(r.Metric), slog.Float64("lr", r.LR),
					slog.Float64("grad_norm", r.GradNorm), slog.Float64("grad_cosine", r.GradCosine),
					slog.Float64("noise_scale", r.NoiseScale), slog.Int("params", r.Params), slog.Int("workers", p.Workers),
					slog.Float64("samples_per_s", p.SamplesSec), slog.Float64("left_s", p.Left.Seconds()))
			}
		},
		Evaluated: func(r trainer.EvalRecord) {
			info("evaluation", slog.String("split", r.Split), slog.Uint64("step", uint64(r.Step)), slog.Float64("epoch", r.Epoch),
				slog.Float64("loss", r.Loss), slog.Float64("accuracy", r.Accuracy), metric(r.Metric), slog.Int("samples", r.Samples))
		},
		Grew: func(r growth.Record, g trainer.GrownRecord) {
			info("growth event", slog.Uint64("event", r.Event), slog.Uint64("step", r.Step), slog.String("decision", r.Decision),
				slog.String("why", strings.Join(sentences(&r), "; ")), slog.Int("params", r.ParamsAfter), slog.Int64("flops", r.FLOPsAfter))
		},
		Followed: func(r growth.HealthRecord) {
			if r.Dead > 0 {
				warn(r.Text, slog.Uint64("step", r.Step), slog.Uint64("event", r.Event), slog.Int("dead", r.Dead))
			}
		},
		Restored: func(r trainer.RestoredRecord) {
			info("best network restored", slog.Uint64("step", uint64(r.Step)), slog.Uint64("best_step", uint64(r.BestStep)),
				slog.String("monitor", r.Monitor), slog.Float64("best", r.Best), slog.Int("params", r.Params))
		},
		Joined: func(m coordinator.Member) { debug("worker joined", member(m)...) },
		Refused: func(m coordinator.Member, why string) {
			warn("worker refused", append(member(m), slog.String("why", why))...)
		},
		Left: func(w proto.WorkerID, why string) {
			info("worker left", slog.String("worker", string(w)), slog.String("why", why))
		},
		Waiting: func(why string) {
			if !c.alone {
				info("waiting", slog.String("why", why))
			}
		},
		Resumed: func(why string) {
			if !c.alone {
				info("going on", slog.String("why", why))
			}
		},
		Trouble:  func(text string) { warn("trouble", slog.String("why", text)) },
		Alarm:    func(text string) { warn("alarm", slog.String("why", text)) },
		Reducers: func(text string) { info("reducers", slog.String("what", text)) },
		Saved: func(dir string, step proto.Step) {
			debug("checkpoint", slog.String("dir", dir), slog.Uint64("step", uint64(step)))
		},
	}
}
