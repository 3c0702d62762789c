package serve

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// seconds are the bounds of the histogram of durations.
var seconds = []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}

// metrics counts what a server does.
type metrics struct {
	mu       sync.Mutex
	answers  map[int]uint64 // predictions by status
	within   []uint64       // predictions that took at most seconds[i]
	took     float64        // seconds of all of them
	all      uint64
	batches  uint64
	pictures uint64 // pictures that were in batches
	largest  int
}

func newMetrics() *metrics {
	return &metrics{answers: map[int]uint64{}, within: make([]uint64, len(seconds))}
}

// answered counts a prediction.
func (m *metrics) answered(status int, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers[status]++
	m.all++
	m.took += d.Seconds()
	for i, s := range seconds {
		if d.Seconds() <= s {
			m.within[i]++
		}
	}
}

// ran counts a batch.
func (m *metrics) ran(pictures int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches++
	m.pictures += uint64(pictures)
	m.largest = max(m.largest, pictures)
}

// write writes all in Prometheus' text format; busy is the number of pictures in work.
func (m *metrics) write(w io.Writer, busy int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	head := func(name, kind, help string) { fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, help, kind) }
	head("tinygrow_serve_requests_total", "counter", "Predictions asked for, by the status of their answers.")
	for _, status := range slices.Sorted(maps.Keys(m.answers)) {
		fmt.Fprintf(w, "tinygrow_serve_requests_total{status=\"%d\"} %d\n", status, m.answers[status])
	}
	head("tinygrow_serve_seconds", "histogram", "Time from the head of a request to its answer.")
	for i, s := range seconds {
		fmt.Fprintf(w, "tinygrow_serve_seconds_bucket{le=\"%v\"} %d\n", s, m.within[i])
	}
	fmt.Fprintf(w, "tinygrow_serve_seconds_bucket{le=\"+Inf\"} %d\n", m.all)
	fmt.Fprintf(w, "tinygrow_serve_seconds_sum %v\ntinygrow_serve_seconds_count %d\n", m.took, m.all)
	head("tinygrow_serve_batches_total", "counter", "Batches evaluated.")
	fmt.Fprintf(w, "tinygrow_serve_batches_total %d\n", m.batches)
	head("tinygrow_serve_pictures_total", "counter", "Pictures evaluated.")
	fmt.Fprintf(w, "tinygrow_serve_pictures_total %d\n", m.pictures)
	head("tinygrow_serve_largest_batch", "gauge", "Pictures of the largest batch so far.")
	fmt.Fprintf(w, "tinygrow_serve_largest_batch %d\n", m.largest)
	head("tinygrow_serve_busy", "gauge", "Pictures in work.")
	fmt.Fprintf(w, "tinygrow_serve_busy %d\n", busy)
}
