package telemetry

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/ui"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

// Bounds of labels: workers and layers beyond them are summed up, or left out.
const (
	maxWorkers = 128
	maxLayers  = 512
)

// phaseBounds are the upper limits of the buckets of durations, in seconds.
var phaseBounds = prometheus.ExponentialBuckets(0.0001, 4, 10) // 0.1 ms to 26 s

// Prometheus keeps the numbers of a coordinator's run for a Prometheus server to scrape.
type Prometheus struct {
	live *ui.Live

	info                                      *prometheus.GaugeVec
	step, steps, epoch, loss, accuracy, rate  prometheus.Gauge
	norm, cosine, noise                       prometheus.Gauge
	parameters, flops, speed, left, waiting   prometheus.Gauge
	workers, threads                          prometheus.Gauge
	evaluation, evaluated, width              *prometheus.GaugeVec
	made, samples, partials, weights          prometheus.Counter
	alarms, quarantined, saved, gone, refused prometheus.Counter
	events                                    *prometheus.CounterVec
	stepSeconds                               prometheus.Histogram
	phases                                    *prometheus.HistogramVec
	told                                      coordinator.Timing
	worked                                    time.Duration // age of the run when the last step ended
	workerBlocks, workerBytes, workerPace     *prometheus.Desc
	workerSamples, workerLag, workerThreads   *prometheus.Desc
}

// NewPrometheus returns a Prometheus whose numbers are in r.
func NewPrometheus(r prometheus.Registerer) *Prometheus {
	p := &Prometheus{live: ui.NewLive()}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tinygrow", Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	gauges := func(name, help, label string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "tinygrow", Name: name, Help: help}, []string{label})
		r.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tinygrow", Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("tinygrow_worker_"+name, help, []string{"worker"}, nil)
	}
	p.info = gauges("run_info", "1 for the run that this process coordinates.", "run")
	p.step = gauge("step", "Updates made so far in the run.")
	p.steps = gauge("steps", "Updates of the whole run, as far as is known.")
	p.epoch = gauge("epoch", "Times that the training samples were gone through.")
	p.loss = gauge("train_loss", "Mean loss of the last batch.")
	p.accuracy = gauge("train_accuracy", "Accuracy on the last batch, 0 to 1, or R2.")
	p.rate = gauge("learning_rate", "Learning rate of the last update.")
	p.norm = gauge("gradient_norm", "Norm of the mean gradient of the last batch.")
	p.cosine = gauge("gradient_cosine",
		"Cosine of the gradients of the two halves of the last batch; 0: it has none, or train.grad_cosine is off.")
	p.noise = gauge("gradient_noise_scale", "Batch in samples at which gradients are half noise, by the last hundred steps; 0: not known.")
	p.evaluation = gauges("evaluation_loss", "Mean loss at the last evaluation.", "split")
	p.evaluated = gauges("evaluation_accuracy", "Accuracy at the last evaluation, 0 to 1, or R2.", "split")
	p.parameters = gauge("network_parameters", "Parameters of the network.")
	p.flops = gauge("network_flops", "FLOPs of one sample's forward pass.")
	p.width = gauges("layer_width", "Outputs of a layer: its channels or neurons.", "layer")
	p.speed = gauge("samples_per_second", "Training samples a second over the last seconds.")
	p.left = gauge("left_seconds", "Seconds to the end of the run; 0: not known yet.")
	p.waiting = gauge("waiting", "1 while the run stands still for want of workers.")
	p.workers = gauge("workers", "Workers that are there.")
	p.threads = gauge("worker_threads", "Threads of the workers that are there.")
	p.made = counter("steps_total", "Updates made by this process.")
	p.samples = counter("samples_total", "Samples that this process trained on.")
	p.partials = counter("partial_bytes_total", "Bytes of the numbers in partials that were folded.")
	p.weights = counter("weight_bytes_total", "Bytes of the weights that each worker got.")
	p.alarms = counter("alarms_total", "Blocks of which two workers computed different sums, and what followed.")
	p.quarantined = counter("quarantined_workers_total", "Workers that computed wrongly and get no more blocks.")
	p.refused = counter("refused_workers_total", "Workers that were not let in.")
	p.gone = counter("left_workers_total", "Workers that left or were given up.")
	p.saved = counter("checkpoints_total", "Checkpoints written.")
	p.events = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tinygrow", Name: "growth_events_total",
		Help: "Growth events by what they decided."}, []string{"decision"})
	p.stepSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "tinygrow", Name: "step_seconds",
		Help: "Time from one update to the next.", Buckets: phaseBounds})
	p.phases = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "tinygrow", Name: "phase_seconds",
		Help:    "Time of the coordinator in the phases of a step; decode and send are beside the others.",
		Buckets: phaseBounds}, []string{"phase"})
	for _, decision := range []string{"grow", "refuse", "deepen"} {
		p.events.WithLabelValues(decision)
	}
	p.workerBlocks = desc("blocks_total", "Blocks of a worker whose sums were used since it joined.")
	p.workerBytes = desc("bytes_total", "Bytes of the numbers in a worker's partials of gradients since it joined.")
	p.workerPace = desc("blocks_per_second", "Blocks of a worker over the last five seconds.")
	p.workerSamples = desc("samples_per_second", "Training samples of a worker over the last five seconds.")
	p.workerLag = desc("lag_seconds", "How long a worker has had the oldest of the blocks in its hands.")
	p.workerThreads = desc("thread_count", "Threads of a worker.")
	r.MustRegister(p.events, p.stepSeconds, p.phases, byWorker{p})
	return p
}

// Events returns e with callbacks that keep the numbers as well. Those of e are called first.
func (p *Prometheus) Events(e coordinator.Events) coordinator.Events {
	e = p.live.Events(e)
	before := e
	e.Started = func(s coordinator.Started) {
		before.Started(s)
		p.info.Reset()
		p.info.WithLabelValues(string(s.Run)).Set(1)
		p.step.Set(float64(s.Step))
		p.steps.Set(float64(s.Steps))
		p.told, p.worked = coordinator.Timing{}, 0
	}
	e.Step = func(r trainer.StepRecord, pace coordinator.Pace) { before.Step(r, pace); p.stepped(r, pace) }
	e.Evaluated = func(r trainer.EvalRecord) {
		before.Evaluated(r)
		p.evaluation.WithLabelValues(r.Split).Set(r.Loss)
		p.evaluated.WithLabelValues(r.Split).Set(r.Accuracy)
	}
	e.Grew = func(r growth.Record, g trainer.GrownRecord) {
		before.Grew(r, g)
		p.events.WithLabelValues(r.Decision).Inc()
	}
	e.Network = func(n coordinator.Network) { before.Network(n); p.network(n) }
	e.Saved = func(dir string, step proto.Step) { before.Saved(dir, step); p.saved.Inc() }
	e.Waiting = func(why string) { before.Waiting(why); p.waiting.Set(1) }
	e.Resumed = func(why string) { before.Resumed(why); p.waiting.Set(0) }
	e.Alarm = func(text string) { before.Alarm(text); p.alarms.Inc() }
	e.Refused = func(m coordinator.Member, why string) { before.Refused(m, why); p.refused.Inc() }
	e.Left = func(w proto.WorkerID, why string) { before.Left(w, why); p.gone.Inc() }
	e.Decided = func(c plan.Command) {
		before.Decided(c)
		if _, wrong := c.(plan.Quarantine); wrong {
			p.quarantined.Inc()
		}
	}
	return e
}

func (p *Prometheus) stepped(r trainer.StepRecord, pace coordinator.Pace) {
	p.step.Set(float64(r.Step))
	p.steps.Set(float64(pace.Steps))
	p.epoch.Set(r.Epoch)
	p.loss.Set(r.Loss)
	p.accuracy.Set(r.Accuracy)
	p.rate.Set(r.LR)
	p.norm.Set(r.GradNorm)
	p.cosine.Set(r.GradCosine)
	p.noise.Set(r.NoiseScale)
	p.speed.Set(pace.SamplesSec)
	p.left.Set(pace.Left.Seconds())
	p.workers.Set(float64(pace.Workers))
	p.threads.Set(float64(pace.Threads))
	p.waiting.Set(0)
	p.made.Inc()
	p.samples.Add(float64(r.Samples))
	if p.worked > 0 {
		p.stepSeconds.Observe((pace.Wall - p.worked).Seconds())
	}
	p.worked = pace.Wall
	now, was := pace.Timing, p.told
	if p.told = now; now.Steps == was.Steps {
		return // the first step of a process is not measured
	}
	p.partials.Add(float64(now.PartialBytes - was.PartialBytes))
	p.weights.Add(float64(now.WeightBytes - was.WeightBytes))
	each(now.Phases, was.Phases, func(name string, seconds float64) { p.phases.WithLabelValues(name).Observe(seconds) })
}

// each calls take with what each phase took between two times.
func each(now, was coordinator.Phases, take func(name string, seconds float64)) {
	take("wait", max(now.Wait-was.Wait, 0))
	take("serve", max(now.Serve-was.Serve, 0))
	take("reduce", max(now.Reduce-was.Reduce, 0))
	take("update", max(now.Update-was.Update, 0))
	take("encode", max(now.Encode-was.Encode, 0))
	take("decode", max(now.Decode-was.Decode, 0))
	take("send", max(now.Send-was.Send, 0))
}

func (p *Prometheus) network(n coordinator.Network) {
	p.parameters.Set(float64(len(n.Model.Params)))
	p.flops.Set(float64(n.Model.Graph.FLOPs()))
	p.width.Reset()
	widths, told := n.Model.Graph.Widths(), 0
	for _, node := range n.Model.Graph.Nodes {
		if width, ok := widths[string(node.ID)]; ok && told < maxLayers {
			p.width.WithLabelValues(label(string(node.ID))).Set(float64(width))
			told++
		}
	}
}

// byWorker tells of each worker when it is asked, up to a number of them.
type byWorker struct{ p *Prometheus }

func (b byWorker) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{b.p.workerBlocks, b.p.workerBytes, b.p.workerPace, b.p.workerSamples, b.p.workerLag,
		b.p.workerThreads} {
		to <- d
	}
}

func (b byWorker) Collect(to chan<- prometheus.Metric) {
	status, _ := b.p.live.Status()
	tell := func(w *ui.WorkerStatus, name string) {
		put := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
			to <- prometheus.MustNewConstMetric(d, kind, v, name)
		}
		put(b.p.workerBlocks, prometheus.CounterValue, float64(w.Blocks))
		put(b.p.workerBytes, prometheus.CounterValue, float64(w.Bytes))
		put(b.p.workerPace, prometheus.GaugeValue, w.BlocksPerS)
		put(b.p.workerSamples, prometheus.GaugeValue, w.SamplesPerS)
		put(b.p.workerLag, prometheus.GaugeValue, w.Lag)
		put(b.p.workerThreads, prometheus.GaugeValue, float64(w.Threads))
	}
	var rest ui.WorkerStatus
	n := 0
	for i := range status.Workers {
		w := &status.Workers[i]
		if w.State == "left" || w.State == "quarantine" {
			continue
		}
		if n++; n <= maxWorkers {
			tell(w, label(string(w.ID)))
			continue
		}
		rest.Blocks += w.Blocks
		rest.Bytes += w.Bytes
		rest.Threads += w.Threads
		rest.BlocksPerS += w.BlocksPerS
		rest.SamplesPerS += w.SamplesPerS
		rest.Lag = max(rest.Lag, w.Lag)
	}
	if n > maxWorkers {
		tell(&rest, others)
	}
}

// others are the workers beyond the bound together; no worker may have such an id.
const others = "(others)"

// label makes a name that comes from elsewhere one that a label may have.
func label(name string) string { return strings.ToValidUTF8(name, "?") }
