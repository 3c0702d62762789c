package serve

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tinygrow/tinygrow/deploy/run/scrape"
)

// seconds are the bounds of the histogram of durations.
var seconds = []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}

// metrics counts what a server does.
type metrics struct {
	registry *prometheus.Registry
	answers  *prometheus.CounterVec
	took     prometheus.Histogram
	batches  prometheus.Counter
	pictures prometheus.Counter
	largest  atomic.Int64 // pictures of the largest batch
}

// newMetrics returns metrics that ask busy how many pictures are in work.
func newMetrics(busy func() int) *metrics {
	name := func(short string) string { return "tinygrow_serve_" + short }
	m := &metrics{registry: scrape.Registry(),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("requests_total"),
			Help: "Predictions asked for, by the status of their answers."}, []string{"status"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{Name: name("seconds"),
			Help: "Time from the head of a request to its answer.", Buckets: seconds}),
		batches:  prometheus.NewCounter(prometheus.CounterOpts{Name: name("batches_total"), Help: "Batches evaluated."}),
		pictures: prometheus.NewCounter(prometheus.CounterOpts{Name: name("pictures_total"), Help: "Pictures evaluated."})}
	m.registry.MustRegister(m.answers, m.took, m.batches, m.pictures,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name("largest_batch"), Help: "Pictures of the largest batch so far."},
			func() float64 { return float64(m.largest.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name("busy"), Help: "Pictures in work."},
			func() float64 { return float64(busy()) }))
	return m
}

// answered counts a prediction.
func (m *metrics) answered(status int, d time.Duration) {
	m.answers.WithLabelValues(strconv.Itoa(status)).Inc()
	m.took.Observe(d.Seconds())
}

// ran counts a batch.
func (m *metrics) ran(pictures int) {
	m.batches.Inc()
	m.pictures.Add(float64(pictures))
	for most := m.largest.Load(); int64(pictures) > most && !m.largest.CompareAndSwap(most, int64(pictures)); {
		most = m.largest.Load()
	}
}

// handler answers a scrape.
func (m *metrics) handler() http.Handler { return scrape.Handler(m.registry) }
